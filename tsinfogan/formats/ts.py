"""The UEA and UCR archives' ``.ts``: one case a line, channels parted by colons, the class last."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from tsinfogan.data.columns import USUAL, ColumnNames, Windows
from tsinfogan.data.panel import Panel
from tsinfogan.data.uea import parse_ts
from tsinfogan.formats import Format, Writer
from tsinfogan.formats._series import stem
from tsinfogan.formats._uea import UeaWriter, names_of, panel_of, parsed, texts, token_of, word


def open_writer(stream: BinaryIO) -> Writer:
    """Keeps all pieces until it is closed."""
    return UeaWriter(stream, ".ts", _text)


def _text(panel: Panel, tokens: tuple[str, ...], remark: str) -> str:
    labelled = panel.labels is not None and len(tokens) > 0
    header = [
        f"#{remark}",
        f"@problemName {word(panel.name)}",
        "@timeStamps false",
        "@missing false",
        f"@univariate {str(panel.n_channels == 1).lower()}",
        f"@dimensions {panel.n_channels}",
        f"@equalLength {str(panel.lengths is None).lower()}",
        *([f"@seriesLength {panel.grid[0]}"] if panel.lengths is None else []),
        f"@classLabel {' '.join(['true', *tokens]) if labelled else 'false'}",
        "@data",
    ]
    rows = []
    for case in range(panel.n_cases):
        fields = [",".join(channel) for channel in texts(panel, case)]
        rows.append(":".join([*fields, token_of(panel, tokens, case)] if labelled else fields))
    return "\n".join([*header, *rows, ""])


def column_names(path: Path) -> tuple[str, ...]:
    """``case, time``, the channels and the case columns, as the other formats name them.

    Raises:
        DataError: as for :func:`read`.
    """
    return names_of(parsed(path, parse_ts), path)


def read(path: Path, columns: ColumnNames = USUAL, windows: Windows | None = None) -> Panel:
    """The panel in a file, whoever wrote it. Values missing at the end of all channels are beyond the case's end.

    Raises:
        DataError: the file cannot be read or understood; the message says where and what to do.
    """
    return panel_of(parsed(path, parse_ts), path, stem(path), columns, windows)


FORMAT = Format(
    suffix=".ts",
    summary="The UEA and UCR archives' text, one case a line; held in memory.",
    open_writer=open_writer,
    read=read,
    column_names=column_names,
    binary=False,
    is_table=False,
)
