"""File formats for panels, one a file. A new file here is a new choice for ``--format`` and a readable suffix."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from numpy.typing import NDArray

from tsinfogan.errors import DataError
from tsinfogan.panel import Panel
from tsinfogan.registry import Registry

CaseColumns = Mapping[str, NDArray[Any]]
"""Values that belong to a whole case, such as codes and label: one ``(n_cases,)`` array a column."""


class Writer(Protocol):
    """Takes panels piece by piece, so that any number of cases is written in constant memory."""

    def write(self, panel: Panel, columns: CaseColumns) -> None:
        """Appends the cases of ``panel``; ``columns`` has the same names in every call."""

    def close(self) -> None:
        """Finishes the file. The stream stays open; it is its opener's."""


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
    """

    suffix: str
    summary: str
    open_writer: Callable[[BinaryIO], Writer]
    read: Callable[[Path], Panel] | None = None
    column_names: Callable[[Path], tuple[str, ...]] | None = None
    binary: bool = True


FORMATS: Registry[Format] = Registry("format", __name__, "FORMAT")


def readable_format(path: Path) -> Format:
    """The format that reads a file, by its suffix.

    Raises:
        DataError: no format reads such files; the message lists the suffixes that are read.
    """
    readable = {entry.suffix: entry for entry in map(FORMATS.get, FORMATS.names()) if entry.read is not None}
    if path.suffix.lower() not in readable:
        raise DataError(
            f"{path.name}: expected a file called {', '.join('*' + suffix for suffix in readable)}; convert it"
        )
    return readable[path.suffix.lower()]


def read_panel(path: Path) -> Panel:
    """The panel in a file of any readable format.

    Raises:
        DataError: the file cannot be read or understood; the message says where and what to do.
    """
    read = readable_format(path).read
    assert read is not None
    return read(path)
