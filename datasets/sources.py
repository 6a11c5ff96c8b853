"""The files of datasets: from the user's folder, else from the cache, else from the network.

``TSINFOGAN_DATA`` names the user's folder, in which files are found by name; ``TSINFOGAN_CACHE`` names another cache
folder. A download is moved into the cache only when its checksum is right and it was read, so every file is complete.
"""

from __future__ import annotations

import gzip
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import count, takewhile
from pathlib import Path, PurePosixPath
from typing import TypeVar
from urllib.parse import urlsplit

from tsinfogan.data.uea import UeaFile, decode, join_channels, parse_arff, parse_ts
from tsinfogan.errors import DataError, DownloadError, SettingError, TsInfoGANError

Content = TypeVar("Content")

TIMEOUT_S = 30
PARTIAL_PREFIX = ".partial-"


@dataclass(frozen=True)
class Mirror:
    """One address of a file."""

    url: str
    file_name: str  # in the cache
    checksum: str | None = None  # ``"md5:…"`` or ``"sha256:…"``; if none is published, only reading checks the file


def data_folder() -> Path | None:
    """The folder that ``TSINFOGAN_DATA`` names, which must exist; None if it is not set."""
    text = os.environ.get("TSINFOGAN_DATA")
    if not text:
        return None
    folder = Path(text).expanduser()
    if not folder.is_dir():
        raise SettingError(f"TSINFOGAN_DATA must name a folder with data files, got {text!r}; correct or unset it")
    return folder


def cache_folder() -> Path:
    """The folder that ``TSINFOGAN_CACHE`` names, else the system's folder for caches; it may not exist yet."""
    if text := os.environ.get("TSINFOGAN_CACHE"):
        return Path(text).expanduser()
    import pooch

    return Path(pooch.os_cache("tsinfogan"))


def files_by_name(folder: Path) -> dict[str, Path]:
    """All files under ``folder`` but those in hidden folders, by name; the first one of several with the same name."""
    found: dict[str, Path] = {}
    for directory, subdirectories, names in os.walk(folder):
        subdirectories[:] = sorted(name for name in subdirectories if not name.startswith("."))
        for name in names:
            found.setdefault(name, Path(directory) / name)
    return found


def read_file(path: Path) -> bytes:
    """The content of a file, decompressed if its name ends in ``.gz``."""
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot read {path}: {error}; replace it by a complete copy") from error


Files = Mapping[str, Callable[[], bytes]]
"""Functions that read a file, by name of the file without ``.gz``."""


def file_readers(files: Mapping[str, Path]) -> Files:
    """A function for each of these files that reads it."""
    return {name.removesuffix(".gz"): partial(read_file, path) for name, path in files.items()}


@contextmanager
def zip_readers(path: Path) -> Iterator[Files]:
    """A function for each file in a zip that reads it within the ``with`` block, by name without folders."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
            for member in members:
                inner = PurePosixPath(member.replace("\\", "/"))
                if inner.is_absolute() or ".." in inner.parts or ":" in member:
                    raise DataError(f"{path}: {member!r} leads out of its folder; replace the zip by the original")
            files = [member for member in members if not member.endswith("/")]
            yield {PurePosixPath(member).name: partial(archive.read, member) for member in files}
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as error:
        raise DataError(f"cannot read {path}: {error}; replace it by a complete copy") from error


def read_zip(path: Path, read: Callable[[Files], Content | None], wanted: str) -> Content:
    """What ``read`` finds in a zip; a DataError, that ``wanted`` was expected, if that is None."""
    with zip_readers(path) as files:
        content = read(files)
    if content is None:
        raise DataError(f"expected {wanted} in {path}, got {', '.join(sorted(files)[:5])}")
    return content


def read_uea(files: Files, name: str, split: str, where: str) -> UeaFile | None:
    """A dataset in the first of the UEA archive's forms: one ``.ts``, an ``.arff`` for each channel, or one ``.arff``.

    The names of the files begin with that of the dataset; messages call their folder or zip ``where``. None if there is
    no such file.
    """

    def parse(file: str, parser: Callable[[str, str], UeaFile]) -> UeaFile:
        return parser(decode(files[file]()), f"{file} in {where}")

    end = split.upper()
    channels = (f"{name}Dimension{channel}_{end}.arff" for channel in count(1))
    if (file := f"{name}_{end}.ts") in files:
        return parse(file, parse_ts)
    if present := list(takewhile(files.__contains__, channels)):
        return join_channels([parse(file, parse_arff) for file in present], where)
    if (file := f"{name}_{end}.arff") in files:
        return parse(file, parse_arff)
    return None


def obtain(mirrors: Sequence[Mirror], read: Callable[[Path], Content]) -> Content:
    """The content of a file: of the user's copy, else of the one in the cache, else of a download.

    Mirrors all have the same ``file_name``, the best one first. ``read`` raises a ``TsInfoGANError`` if the file is not
    what it should be.

    Raises:
        DataError: the user's copy is not what it should be; it is not changed.
        DownloadError: there is no copy, and the file cannot be downloaded.
    """
    name = mirrors[0].file_name
    if (folder := data_folder()) is not None and (own := files_by_name(folder).get(name)):
        return read(own)
    cached = cache_folder() / name
    with suppress(TsInfoGANError, OSError):  # a missing or damaged copy is replaced
        if any(_mismatch(cached, checksum) is None for checksum in {mirror.checksum for mirror in mirrors}):
            return read(cached)
    return download(mirrors, read)


def download(mirrors: Sequence[Mirror], read: Callable[[Path], Content]) -> Content:
    """The content of the file from the first mirror that sends a good one, which is kept in the cache."""
    problems = []
    for mirror in mirrors:
        try:
            return _download_one(mirror, read)
        except _MirrorError as error:  # noqa: PERF203
            problems.append(f"{urlsplit(mirror.url).netloc}: {error}")
    names = " or ".join(dict.fromkeys(mirror.file_name for mirror in mirrors))
    raise DownloadError(
        f"could not fetch {names} ({'; '.join(problems)}); check the network, or put the file into the folder that "
        f"TSINFOGAN_DATA names or into {cache_folder()}, or use pen_strokes, which is built in and needs no network"
    )


class _MirrorError(Exception):
    """A mirror failed; the next one is tried."""


def _download_one(mirror: Mirror, read: Callable[[Path], Content]) -> Content:
    cache = cache_folder()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=PARTIAL_PREFIX, dir=cache) as folder:
            part = Path(folder) / mirror.file_name
            _transfer(mirror.url, part)
            if mismatch := _mismatch(part, mirror.checksum):
                raise _MirrorError(mismatch)
            try:
                content = read(part)
            except TsInfoGANError as error:
                reason = str(error).replace(str(part), mirror.file_name)
                raise _MirrorError(f"it sent a file that is not what it should be: {reason}") from error
            part.replace(cache / mirror.file_name)
    except OSError as error:
        raise DownloadError(
            f"could not keep {mirror.file_name} in the cache folder {cache}: {error.strerror or error}; "
            "make room there, or set TSINFOGAN_CACHE to a folder that can be written"
        ) from error
    return content


def _transfer(url: str, path: Path) -> None:
    import pooch
    from requests import RequestException

    try:
        pooch.HTTPDownloader(timeout=TIMEOUT_S)(url, str(path), None)
    except RequestException as error:  # itself an OSError, but not one of the disk
        status = error.response.status_code if error.response is not None else None
        reason = _FAILURES.get(type(error).__name__, str(error))
        raise _MirrorError(f"answered {status}" if status else reason) from error


_FAILURES = {
    "ConnectionError": "no connection",
    "ConnectTimeout": f"no answer within {TIMEOUT_S} s",
    "ReadTimeout": f"no answer within {TIMEOUT_S} s",
    "ChunkedEncodingError": "the connection broke off",
    "ProxyError": "the proxy refused",
    "SSLError": "no secure connection",
}


def _mismatch(path: Path, checksum: str | None) -> str | None:
    """What is wrong with the checksum of a file; None if it is right."""
    if checksum is None:
        return None
    import pooch

    algorithm, _, expected = checksum.partition(":")
    got = pooch.file_hash(str(path), alg=algorithm)
    return None if got == expected else f"expected {algorithm} {expected}, got {got}"
