"""Where the files of a dataset are: the user's folder, then the cache, then the network.

``TSINFOGAN_DATA`` names a folder of the user's own, searched through by file name; ``TSINFOGAN_CACHE`` moves the cache.
A file enters the cache by renaming, after its checksum fitted and it was read; so a half-finished one is never used.
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
    """One place to fetch a file from.

    Attributes:
        url: its address.
        file_name: what it is called in the cache.
        checksum: ``"md5:…"`` or ``"sha256:…"``, or None where its makers publish none: then reading it is the check.
    """

    url: str
    file_name: str
    checksum: str | None = None


def data_folder() -> Path | None:
    """The folder that ``TSINFOGAN_DATA`` names, or None.

    Raises:
        SettingError: it names something that is not a folder.
    """
    text = os.environ.get("TSINFOGAN_DATA")
    if not text:
        return None
    folder = Path(text).expanduser()
    if not folder.is_dir():
        raise SettingError(f"TSINFOGAN_DATA must name a folder with data files, got {text!r}; mend or unset it")
    return folder


def cache_folder() -> Path:
    """The folder that ``TSINFOGAN_CACHE`` names, or the operating system's place for caches; it need not exist yet."""
    if text := os.environ.get("TSINFOGAN_CACHE"):
        return Path(text).expanduser()
    import pooch

    return Path(pooch.os_cache("tsinfogan"))


def files_by_name(folder: Path) -> dict[str, Path]:
    """Every file under ``folder``, hidden folders left out, by its name; the first found of several with one name."""
    found: dict[str, Path] = {}
    for directory, subdirectories, names in os.walk(folder):
        subdirectories[:] = sorted(name for name in subdirectories if not name.startswith("."))
        for name in names:
            found.setdefault(name, Path(directory) / name)
    return found


def read_file(path: Path) -> bytes:
    """Content of a file, unpacked where its name ends in ``.gz``.

    Raises:
        DataError: it cannot be read or unpacked.
    """
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot read {path}: {error}; replace it by a complete copy") from error


Files = Mapping[str, Callable[[], bytes]]
"""What reads a file, by the file's name without ``.gz``: such files are unpacked in reading."""


def file_readers(files: Mapping[str, Path]) -> Files:
    """What reads each of these files, by its name."""
    return {name.removesuffix(".gz"): partial(read_file, path) for name, path in files.items()}


@contextmanager
def zip_readers(path: Path) -> Iterator[Files]:
    """What reads each file in a zip, by its name without folders; only within the ``with`` block.

    Raises:
        DataError: the zip cannot be read, or a name leads out of its folder.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
            for member in members:
                parts = PurePosixPath(member.replace("\\", "/"))
                if parts.is_absolute() or ".." in parts.parts or ":" in member:
                    raise DataError(
                        f"{path} holds {member!r}, which leads out of its folder; replace it by the original"
                    )
            yield {
                PurePosixPath(member).name: partial(archive.read, member)
                for member in members
                if not member.endswith("/")
            }
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as error:
        raise DataError(f"cannot read {path}: {error}; replace it by a complete copy") from error


def read_uea(files: Files, name: str, split: str, where: str) -> UeaFile | None:
    """A dataset in one of the UEA archive's forms: one ``.ts``, an ``.arff`` for each channel, or one ``.arff``.

    Args:
        files: those to look among; the first form that is there is taken.
        name: of the dataset, with which the files' names begin.
        split: ``train`` or ``test``.
        where: what holds the files, for messages.

    Returns:
        None where there is no such file.

    Raises:
        DataError: a file is not what it should be.
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
    """What ``read`` makes of the first good copy: the user's own, the cached one, or a fresh download.

    Args:
        mirrors: places of the same file, all with the same ``file_name``, the best first.
        read: reads the file; raises a ``TsInfoGANError`` where it is not what it should be.

    Raises:
        DataError: the user's own copy is not what it should be; it is left alone.
        DownloadError: no copy is here and none can be had.
    """
    name = mirrors[0].file_name
    folder = data_folder()
    if folder is not None and (own := files_by_name(folder).get(name)):
        return read(own)
    cached = cache_folder() / name
    with suppress(TsInfoGANError, OSError):  # a missing or damaged copy is replaced
        if any(_mismatch(cached, checksum) is None for checksum in {mirror.checksum for mirror in mirrors}):
            return read(cached)
    return download(mirrors, read)


def download(mirrors: Sequence[Mirror], read: Callable[[Path], Content]) -> Content:
    """What ``read`` makes of the file from the first mirror that sends a good one; the file is kept in the cache.

    Raises:
        DownloadError: none did, or the cache folder cannot be written.
    """
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
    """One mirror does not help; the next one may."""


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
    except RequestException as error:  # itself an OSError, so told apart from a full disk here
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
    """What is wrong with the file's checksum, or None."""
    if checksum is None:
        return None
    import pooch

    algorithm, _, expected = checksum.partition(":")
    got = pooch.file_hash(str(path), alg=algorithm)
    return None if got == expected else f"expected {algorithm} {expected}, got {got}"
