"""CSV files: large ones are read in pieces; others, and all in which something is unusual, are tables of text first.

Numbers of such a table are parsed later, so that messages can quote the text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
from pyarrow import csv as arrow_csv

from tsinfogan.data.columns import CHANNEL, USUAL, ColumnNames, Windows, is_number
from tsinfogan.data.panel import Panel
from tsinfogan.data.windows import Series, panel_from_series
from tsinfogan.errors import DataError
from tsinfogan.formats import JSON_LINES, without_compression
from tsinfogan.formats._cells import MISSING
from tsinfogan.formats._pieces import MIN_BYTES, Source, UnusualError, series_in_pieces, wide_in_pieces
from tsinfogan.formats._table import panel_from_table
from tsinfogan.formats._text import SAMPLE_BYTES, csv_options, read_text, sniffed, with_points
from tsinfogan.formats._wide import is_wide, melted, names_when_melted

BLOCK, LARGE_BLOCK = 1 << 20, 1 << 24
"""Bytes of text that are read at once, the latter where lines are long. Arrow needs some 40 times as many."""


def read_csv(path: Path, columns: ColumnNames = USUAL, windows: Windows | None = None) -> Panel:
    """The panel in a long or wide file; rows may come in any order."""
    if (series := _in_pieces(path, columns, windows)) is not None:
        return panel_from_series(series, path.name, columns, windows)
    table, notes = read_text(path, columns)
    if _is_long(table.column_names, columns, windows):
        return panel_from_table(table, path, columns=columns, windows=windows, notes=notes)
    long, called = melted(table, path.name, columns)
    return panel_from_table(long, path, columns=called, windows=windows, padded=True, notes=notes)


def names_in_csv(path: Path) -> tuple[str, ...]:
    """The names in the header; for a wide file, those of its long table."""
    with suppress(DataError, UnusualError):
        if _is_large(path) and CHANNEL not in (names := _opened(path, USUAL)[0].names):
            return names_when_melted(pa.table([[]] * len(names), names), path.name) if is_wide(names) else tuple(names)
    table = read_text(path)[0]
    return names_when_melted(table, path.name) if is_wide(table.column_names) else tuple(table.column_names)


def _is_long(names: Sequence[str], columns: ColumnNames, windows: Windows | None) -> bool:
    is_recording = windows is not None and all(map(is_number, names))  # channels that pandas numbered
    return is_recording or not is_wide(names, columns)


# ---- large files, whose numbers are parsed at once


def _is_large(path: Path) -> bool:
    is_plain = path.is_file() and without_compression(path.name) == path.name
    return is_plain and not path.name.lower().endswith(JSON_LINES) and path.stat().st_size >= MIN_BYTES


def _in_pieces(path: Path, columns: ColumnNames, windows: Windows | None) -> Series | None:
    with suppress(DataError, OSError, UnusualError):
        if _is_large(path):
            source, notes = _opened(path, columns)
            if _is_long(source.names, columns, windows):
                return series_in_pieces(source, path, columns, windows, notes=notes)
            return wide_in_pieces(source, path, columns, notes)
    return None


def _opened(path: Path, columns: ColumnNames) -> tuple[Source, tuple[str, ...]]:
    """The file, and what is taken for granted in reading it."""
    with path.open("rb") as stream:
        head = stream.read(SAMPLE_BYTES + 1)
    dialect = sniffed(path, head, columns)
    if dialect.delimiter == " ":
        raise UnusualError
    column = {name: str(number) for number, name in enumerate(dialect.names) if name}
    block_size = BLOCK if head.count(b"\n") > SAMPLE_BYTES * 8 // BLOCK else LARGE_BLOCK
    absent = {form for text in (*MISSING, *columns.missing) for form in (text, text.upper(), text.capitalize())}

    def reader(numbers: list[str], types: dict[str, pa.DataType]) -> arrow_csv.CSVStreamingReader:
        converting = arrow_csv.ConvertOptions(
            column_types=types,
            include_columns=numbers,
            null_values=list(absent),
            true_values=["true", "True", "TRUE"],
            false_values=["false", "False", "FALSE"],
            decimal_point=dialect.decimal,
        )
        return arrow_csv.open_csv(str(path), *csv_options(dialect, block_size), converting)

    def blocks(names: Sequence[str], as_text: bool) -> Iterator[pa.RecordBatch]:
        numbers = [column[name] for name in names]
        types = dict.fromkeys(numbers, pa.string()) | ({"0": pa.float64()} if dialect.has_classes else {})
        if not as_text:  # booleans are what is so in the first block
            found = {field.name: field.type for field in reader(numbers, {}).schema}
            types = {name: kind if pa.types.is_boolean(kind) else pa.float64() for name, kind in found.items()}
        for batch in reader(numbers, types):
            arrays = [with_points(each) if dialect.decimal == "," else each for each in batch.columns]
            yield pa.record_batch(arrays, list(names))

    return Source([name for name in dialect.names if name], blocks, is_text=True), dialect.notes
