"""Text of a table in whatever dialect it came: delimiter, decimal comma and header rows are found, and said."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv
from pyarrow import json as arrow_json

from tsinfogan.data.columns import LABEL, TIME, USUAL, ColumnNames, is_number
from tsinfogan.data.date_forms import is_date
from tsinfogan.errors import DataError
from tsinfogan.formats import JSON_LINES, opened, without_compression
from tsinfogan.formats._cells import MISSING

DELIMITERS = (",", ";", "\t", "|")
BLANKS = " "
"""Stands for columns that any number of blanks separate."""
SAMPLE_BYTES, SAMPLE_ROWS = 1 << 18, 60
MIN_WIDE = 10
"""Fewest numbers in each row of a file without names that is taken as a series a row."""
MAX_BLOCK = 1 << 30
LARGE = 1 << 31
"""Bytes of text from which on a column may be too long for 32-bit offsets."""
COMMA_NUMBER = r"^(\s*[+-]?\d*),(\d+(?:[eE][+-]?\d+)?\s*)$"
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")
UNNAMED = re.compile(r"(Unnamed: \d+.*)?")
TRUTH = ("true", "false")
Rows = list[list[str]]


class Text(NamedTuple):
    """A table of text, and what was taken for granted in reading it, one sentence each."""

    table: pa.Table
    notes: tuple[str, ...]


class _Dialect(NamedTuple):
    delimiter: str
    decimal: str
    names: list[str]  # stripped; empty for a column without a name
    start: int  # bytes before the first row of data
    n_before: int  # rows before it
    notes: tuple[str, ...]


def read_text(path: Path, columns: ColumnNames = USUAL) -> Text:
    """All cells of a file as text; of JSON lines, as they are typed there. What ``columns`` says is not guessed."""
    with opened(path) as stream:
        content = stream.read()
    if without_compression(path.name.lower()).endswith(JSON_LINES):
        return Text(_json_lines(path, content), ())
    dialect = _sniffed(path, content, columns)
    if dialect.delimiter == BLANKS:
        content = b"\n".join(b"\t".join(line.split()) for line in content[dialect.start :].splitlines())
        dialect = dialect._replace(delimiter="\t", start=0)
    table = _parsed(path, content, dialect)
    if dialect.decimal == ",":
        arrays = [pc.replace_substring_regex(column, COMMA_NUMBER, r"\1.\2") for column in table.columns]
        table = pa.table(arrays, names=table.column_names)
    text = _named(path.name, table, dialect)
    if dialect.n_before == 0 and LABEL in text.table.column_names:  # classes such as 1.0000000e+00
        classes = [
            str(int(float(label))) if is_number(label, finite=True) and float(label).is_integer() else label
            for label in text.table[LABEL].to_pylist()
        ]
        return text._replace(table=text.table.set_column(0, LABEL, pa.array(classes, pa.string())))
    return text


def _json_lines(path: Path, content: bytes) -> pa.Table:
    options = arrow_json.ReadOptions(use_threads=False, block_size=min(max(len(content), 1 << 20), MAX_BLOCK))
    try:
        return arrow_json.read_json(pa.BufferReader(content), options)
    except pa.ArrowException as error:
        reason = str(error).splitlines()[0][:200]
        raise DataError(f"{path.name} is not readable as JSON lines: {reason}; write one object a line") from None


# ---- what is taken for granted


def _sniffed(path: Path, content: bytes, columns: ColumnNames) -> _Dialect:
    head = content[:SAMPLE_BYTES]
    if len(content) > SAMPLE_BYTES:
        head = head[: head.rfind(b"\n") + 1] or head
    try:
        lines = list(io.StringIO(head.decode("utf-8"), newline=""))
    except UnicodeDecodeError:
        raise DataError(f"{path.name} is not UTF-8 text; save it as CSV in UTF-8") from None
    mark = lines[0].startswith("\ufeff")
    lines[0] = lines[0].removeprefix("\ufeff")
    n_comments = 0
    while n_comments < len(lines) and (lines[n_comments].startswith("#") or not lines[n_comments].strip()):
        n_comments += 1
    first = lines[n_comments - 1].lstrip("# ") if n_comments and lines[n_comments - 1].startswith("#") else ""
    delimiter, rows, ends = _split(lines[n_comments:], columns.delimiter)
    notes = []
    if rows and first and all(map(is_number, rows[0])):  # numpy writes the names in a comment
        named = next(iter(_split([first], delimiter)[1]), [])
        if len(named) == len(rows[0]):
            rows, ends = [named, *rows], [0, *ends]
    elif n_comments and first:
        notes.append(f"{path.name}: {n_comments} lines of comment before the names are left out")
    if not rows:
        raise DataError(f"{path.name} is empty; expected at least a header and two cases")
    text = "".join(lines[n_comments : n_comments + ends[0]])
    quoted = {name for name in rows[0] if '"{}"'.format(name.replace('"', '""')) in text}
    rows[0] = [name if name in quoted else name.strip() for name in rows[0]]
    decimal = columns.decimal or _decimal(rows[1:], delimiter, path.name)
    if delimiter != "," or decimal != ".":
        said = {"\t": "tabs", BLANKS: "blanks"}.get(delimiter, repr(delimiter))
        notes.append(
            f"{path.name}: columns are separated by {said}" + (" and decimals by ','" if decimal == "," else "")
        )
    names, n_header, more = _header(rows, path.name, columns, decimal)
    used = n_comments + (ends[n_header - 1] if n_header else 0)
    start = len("".join(lines[:used]).encode()) + 3 * mark
    return _Dialect(delimiter, decimal, names, start, n_header, (*notes, *more))


def _split(lines: list[str], delimiter: str | None) -> tuple[str, Rows, list[int]]:
    """The delimiter by which most rows have equally many cells, most of them numbers; the rows, and where each ends."""
    best: tuple[tuple[float, float], str, Rows, list[int]] = ((-1.0, 0.0), ",", [], [])
    for candidate in DELIMITERS if delimiter is None else (delimiter,):
        rows, ends = _rows(lines, candidate)
        widths = [len(row) for row in rows[1:]] or [len(row) for row in rows]
        usual = max(set(widths), key=widths.count, default=0)
        cells = [cell for row in rows[1:] for cell in row]
        known = sum(is_number(cell) or bool(re.match(COMMA_NUMBER, cell)) for cell in cells) / max(1, len(cells))
        even = widths.count(usual) / len(widths) if usual > 1 else 0.0
        if (even, known) > best[0]:
            best = (even, known), candidate, rows, ends
    if best[0][0] == 0 and delimiter is None:
        rows, ends = _rows(lines, BLANKS)
        numeric = (is_number(cell) or cell.lower() in MISSING for row in rows[1:] for cell in row)
        if rows and len(rows[0]) > 1 and all(len(row) == len(rows[0]) for row in rows) and all(numeric):
            return BLANKS, rows, ends
    return best[1:]


def _rows(lines: list[str], delimiter: str) -> tuple[Rows, list[int]]:
    """The first rows that are not blank, and how many lines there are up to the end of each."""
    rows: Rows = []
    ends: list[int] = []
    if delimiter == BLANKS:
        for number, line in enumerate(lines[:SAMPLE_ROWS], 1):
            if line.strip():
                rows.append(line.split())
                ends.append(number)
        return rows, ends
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        for row in reader:
            if row:
                rows.append(row)
                ends.append(reader.line_num)
            if len(rows) == SAMPLE_ROWS:
                break
    except csv.Error:  # a cell of more than 128 kB; what is wrong with it, if anything, Arrow says
        pass
    return rows, ends


def _decimal(rows: Rows, delimiter: str, source: str) -> str:
    if delimiter == ",":
        return "."
    cells = [cell.strip() for row in rows for cell in row]
    commas = [cell for cell in cells if re.match(COMMA_NUMBER, cell)]
    if not commas or any("." in cell and is_number(cell) for cell in cells):
        return "."
    if delimiter != ";" and all(map(THOUSANDS.fullmatch, commas)):
        raise DataError(
            f"{source}: {commas[0]} may be a thousand or a decimal; say which by `columns.decimal=,` or "
            "`columns.decimal=.`"
        )
    return ","


def _header(rows: Rows, source: str, columns: ColumnNames, decimal: str) -> tuple[list[str], int, tuple[str, ...]]:
    """The names, how many rows they take, and notes."""
    names = list(rows[0])
    n_blank = next((n for n, name in enumerate(reversed(names)) if name), 0)  # separators at the end of lines
    if all(map(is_number, names[: len(names) - n_blank])):
        found, n_header, notes = _without_names([row[: len(names) - n_blank] for row in rows], source, columns)
        return [*found, *[""] * n_blank], n_header, notes
    width = max(set(widths := [len(row) for row in rows[1:]]), key=widths.count, default=len(names))
    if width == len(names) + 1:  # a separator at the end of each row, or R's names of rows
        ends_blank = all(not row[-1].strip() for row in rows[1:] if len(row) == width)
        names = [*names, ""] if ends_blank else ["", *names]
    if width == len(names) - 1 and not names[-1]:
        names.pop()
    n_more = _rows_of_header(rows, width, decimal) if width == len(names) else 0
    if not n_more:
        return names, 1, ()
    block = [names, *([cell.strip() for cell in row] for row in rows[1 : 1 + n_more])]
    if not any(block[-1][1:]):  # pandas writes the name of the index in a row of its own
        names[0] = block.pop()[0]
    if len(set(names[1:])) < len(names) - 1:  # several tickers
        names[1:] = [" ".join(dict.fromkeys(filter(None, cells))) for cells in zip(*block, strict=True)][1:]
    left_out = "; ".join(", ".join(dict.fromkeys(filter(None, row)))[:60] for row in rows[1 : 1 + n_more])
    return names, 1 + n_more, (f"{source}: the names of columns take {1 + n_more} rows; left out of them: {left_out}",)


def _rows_of_header(rows: Rows, width: int, decimal: str) -> int:
    """How many rows after the first hold words where those after them hold numbers: units, or levels of names."""

    def is_value(cell: str) -> bool:
        return is_number(cell) or is_date(cell) or (decimal == "," and bool(re.match(COMMA_NUMBER, cell)))

    def is_word(cell: str) -> bool:
        text = cell.strip().lower()
        return text not in (*MISSING, *TRUTH, "-") and not is_value(cell)

    body = [row for row in rows[4:] if len(row) == width] or [row for row in rows[2:] if len(row) == width]
    numeric = [j for j in range(width) if body and sum(is_value(row[j]) for row in body) > len(body) / 2]
    inner = [j for j in numeric if j > 0]
    count = 0
    while inner and count + 1 < len(rows) - 1 and count < 3:
        row = rows[count + 1]
        if len(row) != width or not all(is_word(row[j]) for j in inner) or (0 in numeric and is_value(row[0])):
            break
        count += 1
    if count and len(row := rows[count + 1]) == width and is_word(row[0]) and not any(cell.strip() for cell in row[1:]):
        count += 1
    return count


def _without_names(rows: Rows, source: str, columns: ColumnNames) -> tuple[list[str], int, tuple[str, ...]]:
    """Names for a file whose first line holds only numbers: times of a wide table, or a class and a series in each."""
    first = np.nan_to_num(list(map(float, rows[0])))
    gaps = np.diff(first)
    if len(first) > 2 and gaps[0] > 0 and np.allclose(gaps, gaps[0], rtol=1e-6) and len(rows) > 1:
        second = np.nan_to_num([float(cell) for cell in rows[1] if is_number(cell)])
        if len(second) != len(first) or not np.allclose(np.diff(second), np.diff(second)[0]):
            return rows[0], 1, ()
    names = list(map(str, range(len(first))))
    known = [[float(cell) for cell in row if is_number(cell)] for row in rows]
    heads = [row[0] for row in known if row]
    whole = [all(value.is_integer() for value in row[1:] if np.isfinite(value)) for row in known]
    is_class = all(map(float.is_integer, heads)) and len(set(heads)) <= max(2, len(heads) - 1) and not all(whole)
    if columns.layout == "wide" or (columns.layout is None and is_class and len(first) >= MIN_WIDE):
        if columns.label is None and is_class and LABEL not in columns.ignore:
            return (
                [LABEL, *names[1:]],
                0,
                (f"{source}: there is no line of names: each row is taken as a series, its first number as the class",),
            )
        return names, 0, (f"{source}: there is no line of names: each row is taken as a series",)
    raise DataError(
        f"{source}: expected the names of the columns in the first line, got numbers, {', '.join(rows[0][:5])}; put a "
        "line of names before them, or if each row is a series, read it as a wide table (`columns.layout=wide`)"
    )


# ---- the table


def _parsed(path: Path, content: bytes, dialect: _Dialect) -> pa.Table:
    names = list(map(str, range(len(dialect.names))))
    kind = pa.large_string() if len(content) >= LARGE else pa.string()
    rest = pa.py_buffer(content).slice(dialect.start)
    if not rest.size:
        return pa.table([pa.array([], kind) for _ in names], names=names)
    reading = arrow_csv.ReadOptions(  # a thread of Arrow that is still at work aborts the process at its end
        use_threads=False, column_names=names, block_size=min(max(rest.size + 1, 1 << 20), MAX_BLOCK)
    )
    parsing = arrow_csv.ParseOptions(delimiter=dialect.delimiter, newlines_in_values=True)
    converting = arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, kind))
    try:
        return arrow_csv.read_csv(pa.BufferReader(rest), reading, parsing, converting)
    except pa.ArrowException as error:
        reason = str(error).splitlines()[0][:200]
        if "utf8" in reason.lower() or "\0" in reason:
            raise DataError(f"{path.name} is not UTF-8 text; save it as CSV in UTF-8") from None
        reason = re.sub(r"Row #(\d+)", lambda row: f"Row #{int(row[1]) + dialect.n_before}", reason)
        raise DataError(
            f"{path.name} is not a readable CSV file: {reason}; give every row as many cells as the header"
        ) from None


def _named(source: str, table: pa.Table, dialect: _Dialect) -> Text:
    """The table under its names. Columns without a name are left out, but dates in the first are the time."""
    kept: dict[int, str] = {}
    notes = list(dialect.notes)
    n_left_out = 0
    for position, name in enumerate(dialect.names):
        if not UNNAMED.fullmatch(name):
            kept[position] = name
        elif position == 0 and table.num_rows and is_date(table[0][0].as_py()) and TIME not in dialect.names:
            kept[position] = TIME
            notes.append(f"{source}: the first column has no name and holds dates, so it is taken as the time")
        else:
            n_left_out += 1
    if n_left_out and kept:
        notes.append(f"{source}: {n_left_out} columns without a name are left out")
    if not kept:
        kept = dict(enumerate(dialect.names))
    return Text(pa.table([table.column(position) for position in kept], names=list(kept.values())), tuple(notes))
