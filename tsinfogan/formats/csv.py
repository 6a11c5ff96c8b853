"""Long CSV: one row for each timepoint, ``case,time,<channels…>,<codes…>[,label]``, in raw units.

Numbers are written with the fewest digits that read back as the same float32 (for time, float64).
"""

from __future__ import annotations

from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsinfogan.data.panel import Panel
from tsinfogan.formats import CaseColumns, Format
from tsinfogan.formats._read_csv import names_in_csv, read_csv
from tsinfogan.formats.blocks import LongColumn, long_blocks, quoted


class CsvWriter:
    """Writes in constant memory, block by block.

    Rows are joined from whole columns of text. Values that repeat, such as times and labels, become text once.
    Cases are numbered from ``first_case``.
    """

    def __init__(self, stream: BinaryIO, first_case: int = 0) -> None:
        self._stream, self._n_cases = stream, first_case
        self._has_header = False

    def write(self, panel: Panel, columns: CaseColumns) -> None:
        """Appends the cases of ``panel``, numbered on from those already written."""
        for block in long_blocks(panel, columns, self._n_cases):
            if not self._has_header:
                self._stream.write((",".join(quoted(column.name) for column in block) + "\n").encode())
                self._has_header = True
            self._stream.write(_rows(block))
        self._n_cases += panel.n_cases

    def close(self) -> None:
        """Flushes the stream."""
        self._stream.flush()


def _rows(block: list[LongColumn]) -> memoryview:
    texts = [column.at_rows(_text(column.values)) for column in block]
    texts[-1] = _joined(texts[-1], "\n", separator="")
    rows = _joined(*texts, separator=",")
    _, offsets, characters = rows.buffers()
    end = memoryview(offsets).cast("q")[len(rows)]
    return memoryview(characters)[:end]


def _text(values: pa.Array) -> pa.Array:
    if pa.types.is_timestamp(values.type):
        values = _dates(values)
    text = values.cast(pa.large_string())
    if not pa.types.is_string(values.type):
        return text
    in_quotes = _joined('"', pc.replace_substring(text, '"', '""'), '"', separator="")
    return pc.if_else(pc.match_substring_regex(text, '[",\r\n]'), in_quotes, text)


def _dates(values: pa.Array) -> pa.Array:
    """Dates without the time of day if it is midnight in all of them."""
    days = values.cast(pa.date32())
    return days if values.type.tz is None and days.cast(values.type).equals(values) else values


def _joined(*parts: pa.Array | str, separator: str) -> pa.Array:
    """The texts of each row joined; missing ones are empty."""
    typed = [_scalar(part) if isinstance(part, str) else part for part in (*parts, separator)]
    return pc.binary_join_element_wise(*typed, null_handling="replace")


def _scalar(text: str) -> pa.Scalar:
    """``pa.scalar`` would import pandas, which delays the first row."""
    content = text.encode()
    offsets = pa.py_buffer(np.array([0, len(content)], np.int64))
    return pa.LargeStringArray.from_buffers(1, offsets, pa.py_buffer(content))[0]


FORMAT = Format(
    suffix=".csv",
    summary="Long, tidy text: case, time, one column a channel, then codes and label.",
    open_writer=CsvWriter,
    read=read_csv,
    column_names=names_in_csv,
    binary=False,
    numbers_cases=True,
)
