"""Text of a table in whatever dialect it came: delimiter, decimal comma and header rows are found, and said."""

from __future__ import annotations

import csv
import io
import re
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv
from pyarrow import json as arrow_json

from tsinfogan.data.columns import CASE, LABEL, TIME, USUAL, ColumnNames, is_number
from tsinfogan.data.date_forms import is_date
from tsinfogan.errors import DataError
from tsinfogan.formats import JSON_LINES, opened, stem, text_files, without_compression
from tsinfogan.formats._cells import MISSING

DELIMITERS = (",", ";", "\t", "|")
SAMPLE_BYTES, SAMPLE_ROWS = 1 << 18, 60
MAX_HEADER = 4
"""Most rows that names take."""
MIN_WIDE = 10
"""Fewest numbers in each row of a file without names that is taken as a series a row."""
MAX_BLOCK = 1 << 30
LARGE = 1 << 31
"""Bytes of text from which on a column may be too long for 32-bit offsets."""
COMMA_NUMBER = r"^(\s*[+-]?\d*),(\d+(?:[eE][+-]?\d+)?\s*)$"
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")
UNNAMED = re.compile(r"(Unnamed: \d+.*)?")
WORDS_OF_DATA = {*MISSING, "true", "false", "-"} - {""}
Rows = list[list[str]]
Text = tuple[pa.Table, tuple[str, ...]]
"""A table of text, and what was taken for granted in reading it, one sentence each."""


class Dialect(NamedTuple):
    """How a file of text is written; see :func:`sniffed`."""

    delimiter: str  # a blank stands for any number of them
    decimal: str
    names: list[str]  # stripped; empty for a column that is left out
    n_lines: int  # before the first row of data
    has_classes: bool  # whether the first column holds classes as numbers
    notes: tuple[str, ...]


def read_text(path: Path, columns: ColumnNames = USUAL) -> Text:
    """All cells of a file as text, of JSON lines as they are typed there. What ``columns`` says is not guessed.

    In a folder, each file of text is a case, called by the file's name.
    """
    if path.is_dir() and (files := text_files(path)):
        return _recordings(path, files, columns)
    with opened(path) as stream:
        content = stream.read()
    if without_compression(path.name.lower()).endswith(JSON_LINES):
        return _json_lines(path, content), ()
    dialect = sniffed(path, content, columns)
    table = _parsed(path, content, dialect)
    if dialect.decimal == ",":
        table = pa.table(list(map(with_points, table.columns)), names=table.column_names)
    return table, dialect.notes


def with_points(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """The column, decimal commas in text replaced by points."""
    is_text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    return pc.replace_substring_regex(column, COMMA_NUMBER, r"\1.\2") if is_text else column


def _recordings(folder: Path, files: list[Path], columns: ColumnNames) -> Text:
    case, tables = columns.case or CASE, []
    notes: dict[str, None] = {}
    for file in files:
        table, said = read_text(file, columns)
        notes |= dict.fromkeys(note.replace(file.name, folder.name) for note in said)
        tables.append(table.add_column(0, case, pa.array([stem(file)] * table.num_rows, pa.string())))
        names, expected = table.column_names, tables[0].column_names[1:]
        if names != expected or case in names:
            raise DataError(
                f"{folder.name}: each file is one case; expected the same columns in each, and none called {case!r}, "
                f"got {', '.join(names)[:200]} in {file.name}, {', '.join(expected)[:200]} in the first; put it "
                "elsewhere, or name a column that none of them has (`columns.case`)"
            )
    try:
        return pa.concat_tables(tables, promote_options="permissive"), tuple(notes)
    except pa.ArrowException as error:
        raise DataError(f"{folder.name}: a column has another type in each file ({error}); make them alike") from None


def _json_lines(path: Path, content: bytes) -> pa.Table:
    options = arrow_json.ReadOptions(use_threads=False, block_size=min(max(len(content), 1 << 20), MAX_BLOCK))
    try:
        content.decode()  # Arrow takes any bytes for text
        return arrow_json.read_json(pa.BufferReader(content), options)
    except UnicodeDecodeError:
        raise DataError(f"{path.name} is not UTF-8 text; save it as JSON lines in UTF-8") from None
    except pa.ArrowException as error:
        reason = str(error).splitlines()[0][:200]
        raise DataError(f"{path.name} is not readable as JSON lines: {reason}; write one object a line") from None


# ---- what is taken for granted


def sniffed(path: Path, content: bytes, columns: ColumnNames) -> Dialect:
    """The dialect of a file, of which ``content`` is at least the beginning. What ``columns`` says is not guessed."""
    head = content[:SAMPLE_BYTES]
    if len(content) > SAMPLE_BYTES:
        head = head[: head.rfind(b"\n") + 1] or content
    try:
        lines = list(io.StringIO(head.decode("utf-8-sig"), newline=""))
    except UnicodeDecodeError:
        raise DataError(f"{path.name} is not UTF-8 text; save it as CSV in UTF-8") from None
    before = list(takewhile(lambda line: line.startswith("#") or not line.strip(), lines))
    lines = lines[len(before) :]
    delimiter = columns.delimiter or _delimiter(lines)
    rows, ends = _rows(lines, delimiter)
    if not rows:
        raise DataError(f"{path.name} is empty; expected at least a header and two cases")
    notes = []
    if any(line.strip() for line in before):
        notes.append(f"{path.name}: {len(before)} lines of comment before the names are left out")
    text = "".join(lines[: ends[0]])
    names_once = set(rows[0]) if '"' in text else set()
    quoted = {name for name in names_once if '"{}"'.format(name.replace('"', '""')) in text}
    rows[0] = [name if name in quoted else name.strip() for name in rows[0]]
    decimal = columns.decimal or _decimal(rows[1:], delimiter, path.name)
    if delimiter != "," or decimal != ".":
        said = {"\t": "tabs", " ": "blanks"}.get(delimiter, repr(delimiter))
        decimals = " and decimals by ','" if decimal == "," else ""
        notes.append(f"{path.name}: columns are separated by {said}{decimals}")
    if decimal == ",":
        rows = [[re.sub(COMMA_NUMBER, r"\1.\2", cell) for cell in row] for row in rows]
    names, n_header, more = _header(rows, path.name, columns)
    notes += more
    if UNNAMED.fullmatch(names[0]) and TIME not in names and n_header < len(rows) and is_date(rows[n_header][0]):
        names[0] = TIME
        notes.append(f"{path.name}: the first column has no name and holds dates, so it is taken as the time")
    named = ["" if UNNAMED.fullmatch(name) else name for name in names]
    if (n_left_out := named.count("")) and any(named):
        notes.append(f"{path.name}: {n_left_out} columns without a name are left out")
    n_lines = len(before) + (ends[n_header - 1] if n_header else 0)
    has_classes = n_header == 0 and names[0] == LABEL
    return Dialect(delimiter, decimal, named if any(named) else names, n_lines, has_classes, tuple(notes))


def _delimiter(lines: list[str]) -> str:
    """That by which most rows have equally many cells, most of them numbers; blanks if no other parts the rows."""

    def score(candidate: str) -> tuple[float, float]:
        rows, _ = _rows(lines, candidate)
        rows = rows[1:] or rows
        widths = [len(row) for row in rows]
        usual = max(set(widths), key=widths.count, default=0)
        cells = [cell for row in rows for cell in row]
        known = sum(is_number(cell) or bool(re.match(COMMA_NUMBER, cell)) for cell in cells)
        return widths.count(usual) / len(widths) if usual > 1 else 0.0, known / max(1, len(cells))

    best = max(DELIMITERS, key=score)
    return " " if not score(best)[0] and score(" ")[0] == 1 else best


def _rows(lines: list[str], delimiter: str) -> tuple[Rows, list[int]]:
    """The first rows that are not blank, and how many lines there are up to the end of each."""
    rows: Rows = []
    ends: list[int] = []
    reader = csv.reader(map(" ".join, map(str.split, lines)) if delimiter == " " else lines, delimiter=delimiter)
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
    cells = [cell.strip() for row in rows for cell in row]
    commas = [cell for cell in cells if re.match(COMMA_NUMBER, cell)]
    if delimiter == "," or not commas or any("." in cell and is_number(cell) for cell in cells):
        return "."
    if delimiter != ";" and all(map(THOUSANDS.fullmatch, commas)):
        raise DataError(
            f"{source}: {commas[0]} may be a thousand or a decimal; say which by `columns.decimal=,` or "
            "`columns.decimal=.`"
        )
    return ","


def _header(rows: Rows, source: str, columns: ColumnNames) -> tuple[list[str], int, tuple[str, ...]]:
    """The names, how many rows they take, and notes."""
    names = list(rows[0])
    n_blank = len(list(takewhile(lambda name: not name, reversed(names))))  # separators at the end of lines
    if all(map(is_number, names[: len(names) - n_blank])):
        found, n_header, notes = _without_names([row[: len(names) - n_blank] for row in rows], source, columns)
        return [*found, *[""] * n_blank], n_header, notes
    width = max(set(widths := [len(row) for row in rows[1:]]), key=widths.count, default=len(names))
    if width == len(names) + 1:  # a separator at the end of each row, or R's names of rows
        ends_blank = all(not row[-1].strip() for row in rows[1:] if len(row) == width)
        names = [*names, ""] if ends_blank else ["", *names]
    if width == len(names) - 1 and not names[-1]:
        names.pop()
    more = _more_of_header(rows) if width == len(names) else []
    if not more:
        return names, 1, ()
    block = [names, *([cell.strip() for cell in row] for row in more)]
    if not any(block[-1][1:]):  # pandas writes the name of the index in a row of its own
        names[0] = block.pop()[0]
    if len(set(names[1:])) < len(names) - 1:  # several tickers
        names[1:] = [" ".join(dict.fromkeys(filter(None, cells))) for cells in zip(*block, strict=True)][1:]
    left_out = "; ".join(", ".join(dict.fromkeys(filter(None, row)))[:60] for row in more)
    n_rows = 1 + len(more)
    return names, n_rows, (f"{source}: the names of columns take {n_rows} rows; left out of them: {left_out}",)


def _more_of_header(rows: Rows) -> Rows:
    """The rows after the first that hold words where those below hold values: units, or levels of names."""

    def is_value(cell: str) -> bool:
        text = cell.strip()
        return is_number(text) or text.lower() in WORDS_OF_DATA or bool(re.match(COMMA_NUMBER, text)) or is_date(text)

    width = len(rows[1]) if len(rows) > 1 else 0
    body = [row for row in rows[MAX_HEADER:] or rows[2:] if len(row) == width]
    numeric = [j for j in range(1, width) if 2 * sum(is_value(row[j]) for row in body) > len(body)]
    more: Rows = []
    for row in rows[1:MAX_HEADER]:
        words = [row[j] for j in numeric if row[j].strip()] if len(row) == width else []
        if not numeric or any(map(is_value, row)) or not (words or (more and row[0].strip())):
            break
        more.append(row)
    return more


def _without_names(rows: Rows, source: str, columns: ColumnNames) -> tuple[list[str], int, tuple[str, ...]]:
    """Names for a file whose first line holds only numbers: times of a wide table, or a class and a series in each."""

    def is_axis(row: list[float]) -> bool:
        gaps = np.diff(np.nan_to_num(row))
        return len(gaps) > 1 and gaps[0] > 0 and np.allclose(gaps, gaps[0], rtol=1e-6)

    known = [[float(cell) for cell in row if is_number(cell)] for row in rows]
    if len(rows) > 1 and is_axis(known[0]) and not is_axis(known[1]):
        return rows[0], 1, ()
    names = list(map(str, range(len(rows[0]))))
    heads = [row[0] for row in known if row]
    is_whole = all(value.is_integer() for row in known for value in row[1:] if np.isfinite(value))
    is_class = all(map(float.is_integer, heads)) and len(set(heads)) <= max(2, len(heads) - 1) and not is_whole
    if columns.layout == "wide" or (columns.layout is None and is_class and len(names) >= MIN_WIDE):
        said = f"{source}: there is no line of names: each row is taken as a series"
        if columns.label is None and is_class and LABEL not in columns.ignore:
            return [LABEL, *names[1:]], 0, (f"{said}, its first number as the class",)
        return names, 0, (said,)
    raise DataError(
        f"{source}: expected the names of the columns in the first line, got numbers, {', '.join(rows[0][:5])}; put a "
        "line of names before them, or if each row is a series, read it as a wide table (`columns.layout=wide`)"
    )


# ---- the table


def csv_options(dialect: Dialect, block_size: int) -> tuple[arrow_csv.ReadOptions, arrow_csv.ParseOptions]:
    """How Arrow reads such a file, whose columns are then called ``0``, ``1`` and so on."""
    reading = arrow_csv.ReadOptions(  # a thread of Arrow that is still at work aborts the process at its end
        use_threads=False,
        column_names=list(map(str, range(len(dialect.names)))),
        skip_rows=dialect.n_lines,
        block_size=block_size,
    )
    return reading, arrow_csv.ParseOptions(delimiter=dialect.delimiter, newlines_in_values=True)


def _parsed(path: Path, content: bytes, dialect: Dialect) -> pa.Table:
    if dialect.delimiter == " ":
        content = b"\n".join(b" ".join(line.split()) for line in content.splitlines())
    text = pa.large_string() if len(content) >= LARGE else pa.string()
    numbers = list(map(str, range(len(dialect.names))))
    types = dict.fromkeys(numbers, text) | ({"0": pa.float64()} if dialect.has_classes else {})
    kept = {number: name for number, name in zip(numbers, dialect.names, strict=True) if name}
    reading, parsing = csv_options(dialect, min(max(len(content) + 1, 1 << 20), MAX_BLOCK))
    converting = arrow_csv.ConvertOptions(
        column_types=types, include_columns=list(kept) or numbers, decimal_point=dialect.decimal
    )
    try:
        table = arrow_csv.read_csv(pa.BufferReader(content), reading, parsing, converting)
    except pa.ArrowException as error:
        reason = str(error).splitlines()[0][:200]
        if "utf8" in reason.lower() or "\0" in reason:
            raise DataError(f"{path.name} is not UTF-8 text; save it as CSV in UTF-8") from None
        raise DataError(
            f"{path.name} is not a readable CSV file: {reason}; give every row as many cells as the header"
        ) from None
    return table.rename_columns(list(kept.values()) or dialect.names)
