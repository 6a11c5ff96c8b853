"""Where data goes: stdout, or a file that is there whole or not at all."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tsinfogan.errors import RunError, SettingError


@contextmanager
def opened_output(path: Path | None, *, binary: bool) -> Iterator[BinaryIO]:
    """A stream to write to: stdout without a ``path``. A file is written under another name and renamed when complete.

    Raises:
        SettingError: ``binary`` data would end up on a terminal.
        RunError: the file cannot be written.
    """
    if path is None:
        if binary and sys.stdout.isatty():
            raise SettingError("this format is not for reading on a terminal; give -o FILE, or send it to a file")
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = path.resolve()  # behind a link, the file itself is replaced
    in_place = path.exists() and not path.is_file()  # a device or a named pipe; the system refuses directories
    partial = path if in_place else path.with_name(f".{path.name}.partial")
    try:
        opened = partial.open("wb")  # a folder that is called so fails here, and stays as it is
        try:
            with opened as stream:
                yield stream
            if not in_place:
                partial.replace(path)
        finally:
            if not in_place:
                _remove(partial)
    except BrokenPipeError:
        raise
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise RunError(f"cannot write {path}: {reason}; make room there, or name another file with -o") from None


def _remove(partial: Path) -> None:
    """Removes what is left of an output under another name: a file, or the folder that took its place."""
    if partial.is_dir():
        for part in partial.iterdir():
            part.unlink()
        partial.rmdir()
    partial.unlink(missing_ok=True)


def turned_into_folder(stream: BinaryIO, path: Path) -> Path | None:
    """A folder that takes the place of what ``opened_output`` opened for ``path``; None where that is no new file.

    Raises:
        SettingError: there is a file called so.
    """
    partial = Path(stream.name)
    if partial == path.resolve():  # a device or a named pipe
        return None
    if path.exists():
        raise SettingError(f"so many rows are written as a folder, and {path} is a file; delete it, or name another")
    stream.close()
    partial.unlink()
    partial.mkdir()
    return partial
