"""File formats for panels, one a file. A new file here is a new choice for ``--format`` and a readable suffix."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from numpy.typing import NDArray

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
        binary: whether a terminal should be spared it.
    """

    suffix: str
    summary: str
    open_writer: Callable[[BinaryIO], Writer]
    read: Callable[[Path], Panel] | None = None
    binary: bool = True


FORMATS: Registry[Format] = Registry("format", __name__, "FORMAT")
