"""Wide CSV: one row a case and channel, one column a timepoint. Any ``.csv`` file with such a header is read as one."""

from __future__ import annotations

from pathlib import Path

from tsinfogan.data.columns import USUAL, ColumnNames, Windows
from tsinfogan.data.panel import Panel
from tsinfogan.formats import Format
from tsinfogan.formats._text import read_text
from tsinfogan.formats._wide import WideWriter, panel_from_wide, wide_names


def column_names(path: Path) -> tuple[str, ...]:
    """``case, time``, the channels and the case columns, as the other formats name them.

    Raises:
        DataError: as for :func:`read`.
    """
    return wide_names(path, read_text(path))


def read(path: Path, columns: ColumnNames = USUAL, windows: Windows | None = None) -> Panel:
    """The panel in a file, whoever wrote it.

    Raises:
        DataError: the file cannot be read or understood; the message says where and what to do.
    """
    return panel_from_wide(read_text(path), path, columns, windows)


FORMAT = Format(
    suffix=".wide.csv",
    summary="Text with one row a case and channel and one column a timepoint; held in memory.",
    open_writer=WideWriter,
    read=read,
    column_names=column_names,
    binary=False,
)
