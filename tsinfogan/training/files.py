"""Files are replaced whole or not at all, and what the file system refuses is said in a sentence."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from tsinfogan.errors import RunError

GO_ON = "the last checkpoint is kept, so make room and go on with `resume`"


def write_whole(path: Path, content: bytes, advice: str = GO_ON) -> None:
    """Replaces a file atomically; if that fails, its old content is untouched and a RunError ends in ``advice``."""
    partial = path.with_name(f".{path.name}.partial")
    with writing(path, advice):
        try:
            with partial.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


@contextlib.contextmanager
def writing(path: Path, advice: str = GO_ON, doing: str = "write") -> Iterator[None]:
    """Turns an OSError into the RunError "cannot <doing> <path>: <its reason>; <advice>"."""
    try:
        yield
    except OSError as error:
        raise RunError(f"cannot {doing} {path}: {reason(error)}; {advice}") from None


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
