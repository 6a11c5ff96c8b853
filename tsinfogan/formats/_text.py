"""CSV files as tables of text: numbers are read later, so that what is none can be shown and rounding comes once."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from pyarrow import csv as arrow_csv

from tsinfogan.errors import DataError
from tsinfogan.formats._table import opened

# A label or a channel name may hold a line break.
PARSING = arrow_csv.ParseOptions(newlines_in_values=True)


def read_text(path: Path) -> pa.Table:
    """All cells of a file, as text.

    Raises:
        DataError: the file cannot be read, has no header, or has rows of different lengths.
    """
    with opened(path) as stream:
        content = pa.py_buffer(stream.read())
    names = _header(path, pa.BufferReader(content), content)
    as_text = arrow_csv.ConvertOptions(column_types={name: pa.string() for name in names})
    try:
        return arrow_csv.read_csv(pa.BufferReader(content), parse_options=PARSING, convert_options=as_text)
    except pa.ArrowException as error:
        raise _unreadable(path, error, content) from None


def header(path: Path) -> tuple[str, ...]:
    """The names in the first line.

    Raises:
        DataError: as for :func:`read_text`.
    """
    with opened(path) as stream:
        return _header(path, stream)


def _header(path: Path, source: object, content: pa.Buffer | None = None) -> tuple[str, ...]:
    try:
        names = tuple(arrow_csv.open_csv(source, parse_options=PARSING).schema.names)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise _unreadable(path, error, content) from None
    if all(map(_is_number, names)):
        raise DataError(
            f"{path.name}: expected the names of the columns in the first line, got numbers, {', '.join(names[:5])}; "
            "put a line of names before them"
        )
    return names


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


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
