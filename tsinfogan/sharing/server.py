"""The server of the page: on this machine alone, for whoever has the address with its token; it reads no files."""

from __future__ import annotations

import errno
import json
import secrets
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tsinfogan.errors import SettingError, TsInfoGANError
from tsinfogan.sharing.page import Exploration, render
from tsinfogan.sharing.real import RealCases

ADDRESS = "127.0.0.1"
HOSTS = (ADDRESS, "localhost")
"""What a browser that means this machine calls it; another name would be that of a stranger's site."""
MAX_BODY = 2**16

Rename = Callable[[int, str | None], tuple[str | None, ...]]


class PageServer(ThreadingHTTPServer):
    """Serves one page and what it asks for: ``serve_forever`` until it is interrupted, then ``server_close``.

    ``find_real`` gives real series, in a thread of its own; a :class:`TsInfoGANError` says why there are none.
    ``rename`` saves the name of a category, and returns those of all. A SettingError if the ``port`` cannot be had.
    """

    daemon_threads = True

    def __init__(
        self, explored: Exploration, find_real: Callable[[], RealCases], rename: Rename, port: int = 0
    ) -> None:
        explored.facts()  # a model that is damaged is said at once
        self.explored, self.rename = explored, rename
        self.token, self.lock = secrets.token_urlsafe(24), Lock()
        self._finder = ThreadPoolExecutor(1)
        try:
            super().__init__((ADDRESS, port), _Handler)
        except OSError as error:
            why = "is taken by another program" if error.errno == errno.EADDRINUSE else "cannot be used here"
            raise SettingError(f"port {port} {why}; choose another `port`, or leave it out for a free one") from None
        self.real: Future[RealCases] = self._finder.submit(find_real)

    @property
    def address(self) -> str:
        """To be opened in a browser."""
        return f"http://{ADDRESS}:{self.server_port}/?token={self.token}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away in the middle of an answer is no error."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def server_close(self) -> None:
        """Frees the port, and does not wait for real series."""
        super().server_close()
        self._finder.shutdown(wait=False, cancel_futures=True)


class _Answer(Exception):  # noqa: N818 (no error: a refusal on its way to the browser)
    """What is answered in place of what was asked for."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    """One request at a time; the connection stays open for the next."""

    server: PageServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 600

    def do_GET(self) -> None:
        self._answer({"/": self._page, "/real": self._real, "/real/case": self._real_case})

    def do_POST(self) -> None:
        self._answer({"/series": self._series, "/name": self._name})

    def log_message(self, *_: Any) -> None:
        """A terminal has other uses."""

    def _answer(self, known: dict[str, Callable[[], tuple[str, bytes]]]) -> None:
        try:
            path = self._checked_path()
            self.body = self._read_body()
            if path not in known:
                raise _Answer(404, "there is no such page")
            kind, content = known[path]()
            self._send(200, kind, content)
        except _Answer as refusal:
            self.close_connection = True  # a body may be left unread
            self._send(refusal.status, *_json({"error": str(refusal)}))
        except TsInfoGANError as error:
            self._send(400, *_json({"error": str(error)}))

    def _checked_path(self) -> str:
        """The path that is asked for, by somebody who may."""
        host = (self.headers.get("Host") or "").rpartition(":")[0] or self.headers.get("Host")
        if host not in HOSTS:
            raise _Answer(403, f"expected an address that begins with http://{ADDRESS}")
        address = urlsplit(self.path)
        self.query = {name: values[-1] for name, values in parse_qs(address.query).items()}
        if not secrets.compare_digest(self.query.get("token", "").encode(), self.server.token.encode()):
            raise _Answer(403, "expected the address with the token that `tsinfogan explore` printed")
        return address.path

    def _read_body(self) -> dict[str, Any]:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > MAX_BODY:
            raise _Answer(413, "expected a short request")
        try:
            content = json.loads(self.rfile.read(int(length)) or b"{}")
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            raise _Answer(400, "expected an object in JSON")
        return content

    def _send(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in (
            ("Cache-Control", "no-store"),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Frame-Options", "DENY"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    # ---- what can be asked for

    def _page(self) -> tuple[str, bytes]:
        with self.server.lock:
            return "text/html; charset=utf-8", render(self.server.explored, is_served=True).encode()

    def _series(self) -> tuple[str, bytes]:
        rows, codes = self.body.get("rows"), self.body.get("codes")
        if not isinstance(rows, list) or not isinstance(codes, list):
            raise _Answer(400, "expected rows and codes")
        with self.server.lock:
            return "application/octet-stream", self.server.explored.series(rows, codes)

    def _real(self) -> tuple[str, bytes]:
        try:
            return _json(self.server.real.result().facts())
        except TsInfoGANError as error:
            return _json({"codes": [], "titles": [], "note": str(error)})

    def _real_case(self) -> tuple[str, bytes]:
        index, real = self.query.get("index", ""), self.server.real.result()
        if not index.isdecimal() or int(index) >= real.panel.n_cases:
            raise _Answer(404, "there is no such real series")
        return "application/octet-stream", real.case(int(index))

    def _name(self) -> tuple[str, bytes]:
        category, name = self.body.get("category"), self.body.get("name")
        if not self.server.explored.can_rename:
            raise _Answer(403, "the names of this model are not yours to change")
        if type(category) is not int or not isinstance(name, str | None):
            raise _Answer(400, "expected a category and its name")
        with self.server.lock:
            self.server.explored.model.names = self.server.rename(category, name or None)
        return _json({"names": self.server.explored.model.names})


def _json(content: dict[str, Any]) -> tuple[str, bytes]:
    return "application/json", json.dumps(content, allow_nan=False).encode()
