"""Where output goes: messages to stderr, tables to a terminal or a pipe, data to stdout or into whole files."""

from __future__ import annotations

import io
import math
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from tsinfogan.cli._errors import in_options
from tsinfogan.errors import RunError, SettingError, UnknownNameError

FOLDER_ADVICE = "make room there, or choose another folder with --out"


def printable(text: str) -> str:
    """``text`` whose control characters are spelled out, as a name from a file could hold what a terminal obeys."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)


def say(text: str) -> None:
    """Prints a line on stderr at once. That nobody can read it any more ends nothing."""
    try:
        print(printable(in_options(text)), file=sys.stderr, flush=True)
    except OSError:
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115


def show(text: str) -> None:
    """Prints a line on stdout."""
    print(printable(text))


def hint(command: str) -> None:
    """Names the likeliest next command on stderr, to a person only."""
    if sys.stderr.isatty():
        say(f"next: {command}")


def say_notes(notes: Iterable[str]) -> None:
    """Prints each note on a line of its own on stderr."""
    for note in notes:
        say(f"note: {note}")


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], file: TextIO | None = None) -> None:
    """Prints ``rows`` under ``header`` on ``file``, by default stdout: ruled on a terminal, plain aligned in a pipe."""
    file = file or sys.stdout
    rows = [tuple(map(printable, row)) for row in rows]
    if file.isatty():
        from rich.console import Console
        from rich.table import Table

        table = Table()
        for index, name in enumerate(header):
            table.add_column(name, overflow="fold", no_wrap=index == 0)  # the first is there to be copied
        for row in rows:
            table.add_row(*row)
        Console(file=file, markup=False, highlight=False).print(table)
        return
    lines = [header, *rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(header))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip(), file=file)


def print_fields(fields: Sequence[tuple[str, str]]) -> None:
    """Prints one named value a line on stdout."""
    width = max(len(name) for name, _ in fields)
    for name, value in fields:
        show(f"{name.ljust(width)}  {value}")


def format_name_for(name: str | None, path: Path | None, among: Sequence[str] | None = None) -> str:
    """The format called ``name``, else the one of the suffix of ``path``, else csv; ``among`` some formats or all."""
    from tsinfogan.formats import FORMATS, format_of

    if name is None and (path is None or not path.suffix):
        return "csv"
    names = among or FORMATS.names()
    if name is not None:
        if name not in names:
            raise UnknownNameError("format", name, names)
        return name
    assert path is not None
    fitting = format_of(path.name)  # imports all formats: only where a suffix decides
    if fitting not in (known := {name: FORMATS.get(name) for name in names}).values():
        raise UnknownNameError("file suffix", path.suffix, [entry.suffix for entry in known.values()])
    return next(name for name, entry in known.items() if entry is fitting)


@contextmanager
def opened_output(path: Path | None, *, binary: bool) -> Iterator[BinaryIO]:
    """A stream to write to: stdout without a ``path``. A file is written under another name and renamed when complete.

    A SettingError if ``binary`` data would end up on a terminal, a RunError if the file cannot be written.
    """
    if path is None:
        is_terminal = sys.stdout.isatty()
        if binary and is_terminal:
            raise SettingError("this format is not for reading on a terminal; give -o FILE, or send it to a file")
        yield cast(BinaryIO, _Terminal()) if is_terminal else sys.stdout.buffer
        sys.stdout.flush()
        return
    path = path.resolve()  # behind a link, the file itself is replaced
    in_place = path.exists() and not path.is_file()  # a device or a named pipe; the system refuses directories
    from tsinfogan.training.files import reason, replacing

    try:
        with path.open("wb") if in_place else replacing(path) as stream:
            yield stream
    except BrokenPipeError:
        raise
    except OSError as error:
        advice = "make room there, or name another file with -o"
        raise RunError(f"cannot write {path}: {reason(error)}; {advice}") from None


class _Terminal(io.RawIOBase):
    """A terminal as a stream of bytes, which shows control characters in place of obeying them."""

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        sys.stdout.write(printable(bytes(content).decode(errors="replace")))
        return len(content)


def turned_into_folder(stream: BinaryIO, path: Path) -> Path | None:
    """A folder that takes the place of what ``opened_output`` opened for ``path``; None where that is no new file."""
    partial = Path(stream.name)
    if partial == path.resolve():  # a device or a named pipe
        return None
    if path.exists():
        raise SettingError(f"so many rows are written as a folder, and {path} is a file; delete it, or name another")
    stream.close()
    partial.unlink()
    partial.mkdir()
    return partial


def for_spreadsheet(names: Iterable[str | None], safe: bool) -> dict[str | None, str]:
    """The names that a spreadsheet would run as formulas, each with an apostrophe before it.

    Unless ``safe``, a line on stderr says that there are some, and none is given.
    """
    from tsinfogan.cli._parsing import to_number

    starts = tuple("=+-@\t\r")
    run = {name for name in names if name and name.startswith(starts) and not math.isfinite(to_number(name))}
    if run and not safe:
        say(
            f"note: {min(run)!r} begins as a formula of a spreadsheet does, and is written as it is; with "
            "--spreadsheet-safe an apostrophe stands before such names"
        )
    return {name: f"'{name}" for name in run} if safe else {}


def make_folder(folder: Path) -> None:
    """Raises a RunError where ``folder`` is missing and cannot be made, before anything long begins."""
    from tsinfogan.training.files import writing

    with writing(folder, FOLDER_ADVICE):
        folder.mkdir(parents=True, exist_ok=True)


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes each file whole or not at all; a RunError where there is no room."""
    from tsinfogan.training.files import write_whole

    for file, content in files.items():
        write_whole(folder / file, content, FOLDER_ADVICE)
