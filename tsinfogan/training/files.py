"""Files are replaced whole or not at all, never through a link, and what the file system refuses is said in a sentence.

What lies in a run directory may come from anybody: only ordinary files of a size that makes sense are read.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO
from weakref import WeakValueDictionary

from tsinfogan.errors import RunError

fcntl: Any
try:
    import fcntl
except ImportError:  # Windows, where directories are not locked
    fcntl = None

AGAIN = "make room, and do it again"
MAX_SIZE = 2**26
"""Most bytes of a file that is read, other than of tensors."""
MAX_DEPTH = 30
"""Of JSON."""
LOCK_TRIES, LOCK_PAUSE_S = 5, 0.05
"""Whoever only asks whether a directory is locked holds it for a moment."""


def write_whole(path: Path, content: bytes, advice: str = AGAIN) -> None:
    """Replaces a file atomically; if that fails, its old content is untouched and a RunError ends in ``advice``."""
    with writing(path, advice), replacing(path, sync=True) as file:
        file.write(content)


@contextlib.contextmanager
def replacing(path: Path, *, sync: bool = False) -> Iterator[BinaryIO]:
    """A new file that takes the place of ``path`` at the end, unless something is raised. It may become a folder.

    Its name is new and random, so that two writers never share one, and nobody can prepare a link of that name.
    """
    partial = path.with_name(f".{path.name[:50]}.{secrets.token_hex(8)}.partial")
    file = partial.open("xb")
    try:
        with file:
            _hold(file.fileno())  # whoever clears up knows that it is being written
            yield file
            if sync:
                file.flush()
                os.fsync(file.fileno())
        partial.replace(path)
    finally:
        if partial.is_dir():
            shutil.rmtree(partial)
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def writing(path: Path, advice: str = AGAIN, doing: str = "write") -> Iterator[None]:
    """Turns an OSError into the RunError "cannot <doing> <path>: <its reason>; <advice>"."""
    try:
        yield
    except OSError as error:
        raise RunError(f"cannot {doing} {path}: {reason(error)}; {advice}") from None


def append_line(path: Path, line: str) -> None:
    """Appends to a file that is no link; an OSError says why it cannot."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(path, flags, 0o666), "a", encoding="utf-8") as file:
        file.write(line + "\n")


def check_ordinary(path: Path) -> int:
    """The size of an ordinary file; anything else, such as a named pipe, which might never end, is an OSError."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "not an ordinary file")
    return found.st_size


def read_ordinary(path: Path) -> bytes:
    """The content of an ordinary file of a size that makes sense; an OSError says why it cannot be read."""
    if check_ordinary(path) > MAX_SIZE:
        raise OSError(errno.EFBIG, "too large to be of a run")
    return path.read_bytes()


def read_text(path: Path, errors: str = "strict") -> str:
    """The same as text in UTF-8; a ValueError if it is none."""
    return read_ordinary(path).decode(errors=errors)


def read_json(text: str) -> Any:
    """What JSON says; any text that is none, or too deep, is a ValueError."""
    try:
        content = json.loads(text)
    except RecursionError:
        raise ValueError("its parts are nested too deep") from None
    _check_depth(content, MAX_DEPTH)
    return content


def _check_depth(value: Any, left: int) -> None:
    if left == 0:
        raise ValueError("its parts are nested too deep")
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            _check_depth(part, left - 1)


def reason(error: OSError) -> str:
    """Why the file system refused, such as "no space left on device"."""
    return (error.strerror or str(error)).lower()


def new_directory(root: Path, name: str) -> Path:
    """Makes a directory in ``root`` called ``name``, or ``name-2`` and so on where others were first."""
    attempt = 1
    while True:
        path = root / (name if attempt == 1 else f"{name}-{attempt}")
        with contextlib.suppress(FileExistsError):
            path.mkdir()
            return path
        attempt += 1


class Lock:
    """The right of this process to change a run directory, as long as the object lives. See :func:`lock`."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __del__(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)


_held: WeakValueDictionary[tuple[int, int], Lock] = WeakValueDictionary()
"""The locks of this process, which has each once, by device and number of the directory."""


def lock(directory: Path) -> Lock:
    """The lock of a run directory; the system frees it at the end of the process.

    Unfinished files of processes that were killed are removed.

    Raises:
        RunError: another process has it.
    """
    with writing(directory, "check the directory", doing="lock"):
        found = directory.stat()
    key = found.st_dev, found.st_ino
    for _ in range(LOCK_TRIES):
        taken = _held.get(key) or _taken(directory)
        if taken is not None:
            _held[key] = taken
            _clear_up(directory)
            return taken
        time.sleep(LOCK_PAUSE_S)
    raise RunError(f"run {directory.name} is being trained by another process; wait for its end, or stop it first")


def is_locked(directory: Path) -> bool:
    """Whether a process trains in this directory now."""
    return _taken(directory) is None


def _clear_up(directory: Path) -> None:
    """Removes unfinished files that nobody writes any more."""
    for path in directory.glob(f".*.{'?' * 16}.partial"):
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
            try:
                if fcntl is not None and _hold(descriptor):
                    path.unlink()
            finally:
                os.close(descriptor)


def _taken(directory: Path) -> Lock | None:
    """The lock, which is none where the system has no such locks; None where another process has it."""
    if fcntl is None:
        return Lock(-1)
    try:
        descriptor = os.open(directory, os.O_RDONLY)
    except OSError:
        return Lock(-1)
    taken = Lock(descriptor)
    return taken if _hold(descriptor) else None


def _hold(descriptor: int) -> bool:
    """Whether an open file is now held by this process alone, or cannot be, since the system has no such locks."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES)
    return True
