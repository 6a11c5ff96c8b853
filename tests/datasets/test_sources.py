"""How the files of datasets are found and fetched, against a server on this machine."""

from __future__ import annotations

import errno
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tsinfogan.datasets.sources import Mirror, cache_folder, data_folder, files_by_name, obtain
from tsinfogan.errors import DataError, DownloadError, SettingError

GOOD = b"good content\n" * 1000
CHECKSUM = "sha256:" + hashlib.sha256(GOOD).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Serves ``/good``, ``/altered`` and ``/broken``, which breaks off half-way."""

    def do_GET(self) -> None:
        body = {"/good": GOOD, "/altered": GOOD[::-1], "/broken": GOOD}.get(self.path)
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write((body or b"")[: len(GOOD) // 2 if self.path == "/broken" else None])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of a server on this machine; the cache is an empty folder."""
    monkeypatch.delenv("TSINFOGAN_DATA", raising=False)
    monkeypatch.setenv("TSINFOGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


def read_good(path: Path) -> bytes:
    content = path.read_bytes()
    if content != GOOD:
        raise DataError(f"expected good content in {path}")
    return content


def fetch_from(*urls: str, checksum: str | None = CHECKSUM) -> bytes:
    return obtain([Mirror(url, "file.bin", checksum) for url in urls], read_good)


def cached() -> list[str]:
    return sorted(path.name for path in cache_folder().iterdir())


@pytest.mark.parametrize("checksum", [CHECKSUM, None])
def test_good_file_is_fetched_once(server: str, checksum: str | None) -> None:
    assert fetch_from(f"{server}/good", checksum=checksum) == GOOD
    assert cached() == ["file.bin"]
    assert fetch_from(f"{server}/missing", checksum=checksum) == GOOD


def test_mirrors_are_tried_in_turn(server: str) -> None:
    assert fetch_from(f"{server}/missing", f"{server}/altered", f"{server}/broken", f"{server}/good") == GOOD
    assert cached() == ["file.bin"]


@pytest.mark.parametrize(
    ("path", "checksum", "complaint"),
    [
        ("/altered", CHECKSUM, f"expected sha256 {CHECKSUM[7:]}, got [0-9a-f]{{64}}"),
        ("/altered", None, "not what it should be: expected good content in file.bin"),
        ("/broken", CHECKSUM, "broke off|expected sha256"),
        ("/broken", None, "broke off|not what it should be"),
        ("/missing", CHECKSUM, "answered 404"),
    ],
)
def test_bad_download_is_one_sentence_and_leaves_nothing(
    server: str, path: str, checksum: str | None, complaint: str
) -> None:
    with pytest.raises(DownloadError, match=complaint) as caught:
        fetch_from(server + path, checksum=checksum)
    message = str(caught.value)
    assert all(part in message for part in ("file.bin", "TSINFOGAN_DATA", str(cache_folder()), "pen_strokes"))
    assert "\n" not in message
    assert cached() == []


def test_no_server(server: str) -> None:
    with HTTPServer(("127.0.0.1", 0), Handler) as closed:
        port = closed.server_port
    with pytest.raises(DownloadError, match=r"no connection.*pen_strokes"):
        fetch_from(f"http://127.0.0.1:{port}/good")


@pytest.mark.parametrize("checksum", [CHECKSUM, None])
def test_half_finished_file_in_the_cache_is_replaced(server: str, checksum: str | None) -> None:
    cache_folder().mkdir()
    leftover = cache_folder() / "file.bin"
    leftover.write_bytes(GOOD[:100])
    with pytest.raises(DownloadError):
        fetch_from(f"{server}/missing", checksum=checksum)
    assert fetch_from(f"{server}/good", checksum=checksum) == GOOD
    assert leftover.read_bytes() == GOOD


def test_own_folder_comes_first_and_is_left_alone(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own" / "deep" / "file.bin"
    own.parent.mkdir(parents=True)
    own.write_bytes(GOOD)
    monkeypatch.setenv("TSINFOGAN_DATA", str(tmp_path / "own"))
    assert fetch_from(f"{server}/missing") == GOOD
    own.write_bytes(b"bad")
    with pytest.raises(DataError, match="expected good content"):
        fetch_from(f"{server}/good")
    assert own.read_bytes() == b"bad"


def test_partial_downloads_are_not_found(tmp_path: Path) -> None:
    (tmp_path / ".partial-x").mkdir()
    (tmp_path / ".partial-x" / "file.bin").write_bytes(GOOD)
    assert files_by_name(tmp_path) == {}


def test_data_folder_must_be_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSINFOGAN_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(SettingError, match="nowhere"):
        data_folder()


def test_cache_that_cannot_be_written(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a_file").touch()
    monkeypatch.setenv("TSINFOGAN_CACHE", str(tmp_path / "a_file" / "cache"))
    with pytest.raises(DownloadError, match=r"cache folder .*a_file.*TSINFOGAN_CACHE"):
        fetch_from(f"{server}/good")


def test_full_disk(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", no_room)
    with pytest.raises(DownloadError, match="No space left on device; make room"):
        fetch_from(f"{server}/good")
    assert cached() == []
