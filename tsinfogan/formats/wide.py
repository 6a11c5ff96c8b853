"""Wide CSV: one row for each case and channel, one column for each timepoint."""

from __future__ import annotations

from functools import partial
from typing import Any, BinaryIO

import pyarrow as pa
from numpy.typing import NDArray

from tsinfogan.data.columns import CASE, CHANNEL
from tsinfogan.data.panel import Panel
from tsinfogan.formats import Format
from tsinfogan.formats._read_csv import names_in_csv, read_csv
from tsinfogan.formats.blocks import (
    BufferingWriter,
    case_array,
    channel_array,
    quoted,
    raw_case,
    time_axis,
    written_kinds,
)

SUFFIX = ".wide.csv"


def _open(stream: BinaryIO, first_case: int = 0) -> BufferingWriter:
    return BufferingWriter(stream, partial(_content, first_case), SUFFIX)


def _content(first_case: int, panel: Panel, columns: dict[str, NDArray[Any]]) -> bytes:
    texts = [list(map(quoted, _texts(case_array(values)))) for values in columns.values()]
    lines = [[CASE, CHANNEL, *columns, *_texts(time_axis(panel))]]
    kinds = written_kinds(panel)
    for case in range(panel.n_cases):
        of_case = [column[case] for column in texts]
        beyond = [""] * (panel.grid[0] - int(panel.case_lengths[case]))
        for channel, values in enumerate(raw_case(panel, case)):
            cells = _texts(channel_array(values, kinds[channel]))
            lines.append([str(first_case + case), quoted(panel.channels[channel]), *of_case, *cells, *beyond])
    return "".join(",".join(line) + "\n" for line in lines).encode()


def _texts(values: pa.Array) -> list[str]:
    return ["" if text is None else text for text in values.cast(pa.string()).to_pylist()]


FORMAT = Format(
    suffix=SUFFIX,
    summary="Text with one row a case and channel and one column a timepoint; held in memory.",
    open_writer=_open,
    read=read_csv,
    column_names=names_in_csv,
    binary=False,
    numbers_cases=True,
)
