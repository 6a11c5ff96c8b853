"""A stand-in for a model hub: as much of its protocol as uploading and downloading a few small files takes."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

WRITER, READER = "hf_writer", "hf_reader"
"""Tokens: of somebody who may upload, and of somebody who may not."""


@dataclass
class Repository:
    private: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)  # files by name, by commit; the last one is main

    def commit(self, files: dict[str, bytes]) -> str:
        sha = hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()
        self.commits[sha] = files
        return sha

    @property
    def files(self) -> dict[str, bytes]:
        return list(self.commits.values())[-1]


@dataclass
class Hub:
    address: str
    repositories: dict[str, Repository] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)  # such as "GET /ada/letters/resolve/…/config.json"
    status: int = 200  # of every answer, if it is an error


def use_hub(monkeypatch: pytest.MonkeyPatch, address: str, cache: Path) -> None:
    """Has huggingface_hub, in this process, ask the hub at ``address`` as somebody who may upload."""
    constants = pytest.importorskip("huggingface_hub.constants", reason="needs the extra hub")
    monkeypatch.setenv("HF_TOKEN", WRITER)
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))


@contextmanager
def running_hub() -> Iterator[Hub]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.hub = hub = Hub(f"http://127.0.0.1:{server.server_address[1]}")  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def hub(self) -> Hub:
        return self.server.hub  # type: ignore[attr-defined,no-any-return]

    @property
    def token(self) -> str:
        return self.headers.get("Authorization", "").removeprefix("Bearer ")

    def log_message(self, *arguments: object) -> None:
        pass

    def answer(self, content: Any, status: int = 200, **headers: str) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)

    def refuse(self, status: int, code: str = "") -> None:
        self.answer({"error": f"refused, {status}"}, status, **({"X_Error_Code": code} if code else {}))

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.hub.requests.append(f"{self.command} {path}")
        if self.hub.status != 200:
            return self.refuse(self.hub.status)
        asked = re.match(r"(?:/api/models)?/([^/]+/[^/]+)(?:/(revision|tree|resolve)/([^/]+))?(?:/(.+))?$", path)
        assert asked, path
        name, what, revision, file = asked.groups()
        repository = self.hub.repositories.get(name)
        if repository is None or (repository.private and self.token != WRITER):
            return self.refuse(404, "RepoNotFound")
        sha = list(repository.commits)[-1] if revision in (None, "main") else revision
        if sha not in repository.commits:
            return self.refuse(404, "RevisionNotFound")
        files = repository.commits[sha]
        if what == "tree":
            rows = [
                {"type": "file", "path": path, "size": len(data), "oid": _oid(data)} for path, data in files.items()
            ]
            return self.answer(rows)
        if what != "resolve":
            listed = [{"rfilename": path} for path in files]
            about = {"id": name, "sha": sha, "private": repository.private, "siblings": listed, "tags": []}
            return self.answer(about)
        if file not in files:
            return self.refuse(404, "EntryNotFound")
        return self.answer(files[file], ETag=f'"{_oid(files[file])}"', X_Repo_Commit=sha)

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self) -> None:
        sized = "Content-Length" in self.headers
        sent = self.rfile.read(int(self.headers["Content-Length"])) if sized else self.chunks()
        self.hub.requests.append(f"POST {self.path}")
        if self.hub.status != 200 or self.token != WRITER:
            return self.refuse(self.hub.status if self.hub.status != 200 else {READER: 403}.get(self.token, 401))
        if self.path == "/api/validate-yaml":
            return self.answer({"errors": [], "warnings": []})
        if self.path == "/api/repos/create":
            asked = json.loads(sent)
            name = f"{asked['organization']}/{asked['name']}"
            exists = name in self.hub.repositories
            is_private = asked.get("visibility") == "private" or asked.get("private", False)
            self.hub.repositories.setdefault(name, Repository(is_private, {"0" * 40: {}}))
            return self.answer({"url": f"{self.hub.address}/{name}"}, 409 if exists else 200)
        name, what = re.fullmatch(r"/api/models/([^/]+/[^/]+)/(\w+)/main", self.path).groups()  # type: ignore[union-attr]
        if what == "preupload":
            paths = [file["path"] for file in json.loads(sent)["files"]]
            rows = [{"path": path, "uploadMode": "regular", "shouldIgnore": False} for path in paths]
            return self.answer({"files": rows})
        rows = [json.loads(line)["value"] for line in sent.splitlines() if json.loads(line)["key"] == "file"]
        new = {row["path"]: base64.b64decode(row["content"]) for row in rows}
        sha = self.hub.repositories[name].commit({**self.hub.repositories[name].files, **new})
        return self.answer({"commitUrl": f"{self.hub.address}/{name}/commit/{sha}", "commitOid": sha})

    def chunks(self) -> bytes:
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)


def _oid(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
