"""Long, tidy CSV: one row a timepoint, ``case,time,<channels…>,<codes…>[,label]``, in raw units.

Numbers are written with the fewest digits that read back to the same float32 (or float64, for time).
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from tsinfogan.errors import DataError
from tsinfogan.formats import CaseColumns, Format
from tsinfogan.formats._blocks import LongColumn, long_blocks
from tsinfogan.formats._table import opened, panel_from_table
from tsinfogan.panel import Panel

# A label or a channel name may hold a line break.
PARSING = arrow_csv.ParseOptions(newlines_in_values=True)


class CsvWriter:
    """Writes in constant memory, block by block.

    Rows are put together from whole columns of text: what repeats (times, codes, labels) is turned into text once.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._n_cases = 0

    def write(self, panel: Panel, columns: CaseColumns) -> None:
        """Appends the cases of ``panel``, numbered on from those already written."""
        for place, block in enumerate(long_blocks(panel, columns, self._n_cases)):
            if self._n_cases == 0 and place == 0:
                header = io.StringIO()
                csv.writer(header, lineterminator="\n").writerow([column.name for column in block])
                self._stream.write(header.getvalue().encode())
            self._stream.write(_rows(block))
        self._n_cases += panel.n_cases

    def close(self) -> None:
        """Hands the last rows to the system."""
        self._stream.flush()


def _rows(block: list[LongColumn]) -> memoryview:
    texts = [
        _text(column.values) if column.rows is None else _text(column.values).take(column.rows) for column in block
    ]
    texts[-1] = _joined(texts[-1], "\n", separator="")
    rows = _joined(*texts, separator=",")
    _, offsets, characters = rows.buffers()
    end = memoryview(offsets).cast("q")[len(rows)]
    return memoryview(characters)[:end]


def _text(values: pa.Array) -> pa.Array:
    text = values.cast(pa.large_string())
    if not pa.types.is_string(values.type):
        return text
    quoted = _joined('"', pc.replace_substring(text, '"', '""'), '"', separator="")
    return pc.if_else(pc.match_substring_regex(text, '[",\r\n]'), quoted, text)


def _joined(*parts: pa.Array | str, separator: str) -> pa.Array:
    """Text of each row; what is missing counts as empty."""
    typed = [_scalar(part) if isinstance(part, str) else part for part in (*parts, separator)]
    return pc.binary_join_element_wise(*typed, null_handling="replace")


def _scalar(text: str) -> pa.Scalar:
    """``pa.scalar`` would import pandas and keep the first row waiting."""
    content = text.encode()
    offsets = pa.py_buffer(np.array([0, len(content)], np.int64))
    return pa.LargeStringArray.from_buffers(1, offsets, pa.py_buffer(content))[0]


def column_names(path: Path) -> tuple[str, ...]:
    """The header.

    Raises:
        DataError: as for :func:`read`.
    """
    with opened(path) as stream:
        return _header(path, stream)


def read(path: Path) -> Panel:
    """The panel in a file, whoever wrote it; rows may come in any order.

    Raises:
        DataError: the file cannot be read or understood; the message says where and what to do.
    """
    with opened(path) as stream:
        content = pa.py_buffer(stream.read())
    names = _header(path, pa.BufferReader(content), content)
    # Numbers are read as text first, so that what is no number can be shown and float32 is rounded to only once.
    as_text = arrow_csv.ConvertOptions(column_types={name: pa.string() for name in names})
    try:
        table = arrow_csv.read_csv(pa.BufferReader(content), parse_options=PARSING, convert_options=as_text)
    except pa.ArrowException as error:
        raise _unreadable(path, error, content) from None
    return panel_from_table(table, path)


def _header(path: Path, source: object, content: pa.Buffer | None = None) -> tuple[str, ...]:
    try:
        return tuple(arrow_csv.open_csv(source, parse_options=PARSING).schema.names)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise _unreadable(path, error, content) from None


def _unreadable(path: Path, error: Exception, content: pa.Buffer | None = None) -> DataError:
    reason = str(error).splitlines()[0][:200]
    if "utf8" in reason.lower() or "\0" in reason or isinstance(error, UnicodeDecodeError):
        return DataError(f"{path.name} is not UTF-8 text; save it as CSV in UTF-8")
    if content is not None:
        try:  # only a single thread knows the number of the row
            arrow_csv.read_csv(pa.BufferReader(content), arrow_csv.ReadOptions(use_threads=False), PARSING)
        except pa.ArrowException as numbered:
            reason = str(numbered).splitlines()[0][:200]
    return DataError(f"{path.name} is not a readable CSV file: {reason}; give every row as many cells as the header")


FORMAT = Format(
    suffix=".csv",
    summary="Long, tidy text: case, time, one column a channel, then codes and label.",
    open_writer=CsvWriter,
    read=read,
    column_names=column_names,
    binary=False,
)
