"""File formats for panels, one a file. A new file here is a new format and a readable suffix."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from numpy.typing import NDArray

from tsinfogan.data.columns import USUAL, ColumnNames, Windows
from tsinfogan.data.panel import Panel
from tsinfogan.errors import DataError, SettingError, UnknownNameError
from tsinfogan.registry import Registry

CaseColumns = Mapping[str, NDArray[Any]]
"""Values that belong to a whole case, such as codes and label: one ``(n_cases,)`` array a column."""


class Writer(Protocol):
    """Takes panels piece by piece, so that any number of cases is written in constant memory."""

    def write(self, panel: Panel, columns: CaseColumns) -> None:
        """Appends the cases of ``panel``; ``columns`` has the same names in every call."""

    def close(self) -> None:
        """Finishes the file. The stream stays open; it is its opener's."""


class Reader(Protocol):
    """Gives the panel in a file."""

    def __call__(self, path: Path, columns: ColumnNames = ..., windows: Windows | None = ...) -> Panel:
        """The panel in ``path``, of the ``columns`` so called, its series cut into ``windows`` where there are some."""


@dataclass(frozen=True)
class Format:
    """One file format.

    Attributes:
        suffix: of its files, with the dot.
        summary: one sentence for the command line's help.
        open_writer: starts a file on a binary stream.
        read: gives the panel in a file, or None where the format is only written.
        column_names: gives the names of what is in a file, for ``describe_columns``; None as for ``read``.
        binary: whether a terminal should be spared it.
        is_table: whether a file's columns for case, time and label have names that can be set.
        other_suffixes: of files that are read too.
        max_rows: of one file, where there is such a bound.
        open_folder: starts a folder of files for more rows than that.
    """

    suffix: str
    summary: str
    open_writer: Callable[[BinaryIO], Writer]
    read: Reader | None = None
    column_names: Callable[[Path], tuple[str, ...]] | None = None
    binary: bool = True
    is_table: bool = True
    other_suffixes: tuple[str, ...] = ()
    max_rows: int | None = None
    open_folder: Callable[[Path], Writer] | None = None


FORMATS: Registry[Format] = Registry("format", __name__, "FORMAT", (Format,), shared=("blocks", "frame"))


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file, open for reading.

    Raises:
        DataError: it is missing, a directory, not readable, or empty.
    """
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        raise DataError(f"there is no file {str(path)!r}; check the name and the directory") from None
    except IsADirectoryError:
        raise DataError(f"{str(path)!r} is a directory, expected a file; name one of the files in it") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{str(path)!r} cannot be read: {reason}; check the name and its permissions") from None
    with stream:
        if not stream.peek(1):
            raise DataError(f"{path.name} is empty; expected at least a header and two cases")
        yield stream


def format_of(name: str) -> Format | None:
    """The format whose suffix ends the name of a file; of several, the longest suffix. None where there is none."""
    entries = [FORMATS.get(known) for known in FORMATS.names()]
    fitting = [entry for entry in entries if name.lower().endswith((entry.suffix, *entry.other_suffixes))]
    return max(fitting, key=lambda entry: len(entry.suffix), default=None)


def readable_format(path: Path) -> Format:
    """The format that reads a file, by its suffix; a folder of Parquet files is one.

    Raises:
        DataError: no format reads such files; the message lists the suffixes that are read.
    """
    entry = format_of(path.name)
    if entry is not None and entry.read is not None:
        return entry
    if entry is None and path.is_dir() and any(any(path.glob(files)) for files in ("*.parquet", "*=*")):
        return FORMATS.get("parquet")
    readable = [entry for entry in map(FORMATS.get, FORMATS.names()) if entry.read is not None]
    suffixes = [suffix for entry in readable for suffix in (entry.suffix, *entry.other_suffixes)]
    raise DataError(
        f"{path.name}: expected a file called {', '.join('*' + suffix for suffix in suffixes)}, or a folder of Parquet "
        "files; convert it"
    )


def read_panel(
    path: Path | str,
    columns: ColumnNames = USUAL,
    windows: Windows | None = None,
    format: str | Format | None = None,
) -> Panel:
    """The panel in a file of any readable format.

    Args:
        path: the file.
        columns: what the columns of a table are called, and which channels to read.
        windows: cut every series into windows; one long recording needs no column of cases then.
        format: name of a format, or one of your own; by default the suffix of the file tells it.

    Raises:
        DataError: the file cannot be read or understood; the message says where and what to do.
        SettingError: names of columns for a format that has none.
    """
    path = Path(path)
    entry = readable_format(path) if format is None else FORMATS.get(format)
    if entry.read is None:
        raise SettingError(f"a {entry.suffix} file can only be written; convert {path.name} to another format")
    named = [name for name in columns.named if name != "channels"]
    if named and not entry.is_table:
        raise SettingError(
            f"{path.name}: a {entry.suffix} file has no {named[0]} column that could be called "
            f"{getattr(columns, named[0])!r}; leave out `columns.{named[0]}`"
        )
    return entry.read(path, columns, windows)


def write_panel(
    panel: Panel, path: Path | str, columns: CaseColumns | None = None, format: str | Format | None = None
) -> None:
    """Writes a panel to a file, whose suffix tells the format; a very large one as Parquet to a folder of files.

    Args:
        panel: series or images.
        path: the file.
        columns: values of whole cases, ``(n_cases,)`` by name of the column.
        format: name of a format, or one of your own; by default the suffix of the file tells it.

    Raises:
        DataError: the format cannot hold the panel.
        UnknownNameError: no format has such a suffix.
    """
    path = Path(path)
    entry = format_of(path.name) if format is None else FORMATS.get(format)
    if entry is None:
        suffixes = [FORMATS.get(name).suffix for name in FORMATS.names()]
        raise UnknownNameError("file suffix", path.suffix, suffixes)
    rows = panel.n_cases * math.prod(panel.grid)
    if entry.open_folder is not None and entry.max_rows is not None and rows > entry.max_rows:
        folder_writer = entry.open_folder(path)
        folder_writer.write(panel, columns or {})
        folder_writer.close()
        return
    with path.open("wb") as stream:
        writer = entry.open_writer(stream)
        writer.write(panel, columns or {})
        writer.close()
