"""From tables, of CSV files or in memory, to panels. Whatever is wrong with a table is said in one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv

from tsinfogan.data.columns import (
    CASE,
    LABEL,
    TIME,
    USUAL,
    ColumnNames,
    Windows,
    check_columns,
    describe_columns,
    index_columns,
    is_number,
    listed,
)
from tsinfogan.data.panel import FloatArray, IntArray, Panel, encode_labels
from tsinfogan.data.windows import Series, check_size, ends, panel_from_series
from tsinfogan.errors import DataError
from tsinfogan.formats import opened
from tsinfogan.formats._cells import Column, Numbers, Times, factors, in_python, plain, read_channel, read_times
from tsinfogan.formats._time import Grid, indices, interpolated, laid_out
from tsinfogan.formats._wide import is_wide, melted, names_when_melted

# A label or a channel name may hold a line break.
PARSING = arrow_csv.ParseOptions(newlines_in_values=True)


# ---- CSV files: tables of text, whose numbers are parsed later, so that messages can quote the text


def read_csv(path: Path, columns: ColumnNames = USUAL, windows: Windows | None = None) -> Panel:
    """The panel in a long or wide file; rows may come in any order."""
    table = _read_text(path)
    has_time = columns.time is not None or TIME in table.column_names
    if has_time or not is_wide(table.column_names, columns):
        return panel_from_table(table, path, columns=columns, windows=windows)
    long, names = melted(table, path.name, columns)
    return panel_from_table(long, path, columns=names, windows=windows, padded=True)


def names_in_csv(path: Path) -> tuple[str, ...]:
    """The names in the header; for a wide file, those of its long table."""
    with opened(path) as stream:
        names = _header(path, stream)
    return names_when_melted(_read_text(path), path.name) if is_wide(names) else names


def _read_text(path: Path) -> pa.Table:
    """All cells of a file, as text."""
    with opened(path) as stream:
        content = pa.py_buffer(stream.read())
    names = _header(path, pa.BufferReader(content), content)
    as_text = arrow_csv.ConvertOptions(column_types={name: pa.string() for name in names})
    try:
        return arrow_csv.read_csv(pa.BufferReader(content), parse_options=PARSING, convert_options=as_text)
    except pa.ArrowException as error:
        raise _unreadable(path, error, content) from None


def _header(path: Path, source: object, content: pa.Buffer | None = None) -> tuple[str, ...]:
    try:
        names = tuple(arrow_csv.open_csv(source, parse_options=PARSING).schema.names)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise _unreadable(path, error, content) from None
    if all(map(is_number, names)):
        raise DataError(
            f"{path.name}: expected the names of the columns in the first line, got numbers, {', '.join(names[:5])}; "
            "put a line of names before them"
        )
    return names


def _unreadable(path: Path, error: Exception, content: pa.Buffer | None = None) -> DataError:
    reason = str(error).splitlines()[0][:200]
    if "utf8" in reason.lower() or "\0" in reason or isinstance(error, UnicodeDecodeError):
        return DataError(f"{path.name} is not UTF-8 text; save it as CSV in UTF-8")
    if content is not None:
        try:  # a single thread knows the number of the row
            arrow_csv.read_csv(pa.BufferReader(content), arrow_csv.ReadOptions(use_threads=False), PARSING)
        except pa.ArrowException as numbered:
            reason = str(numbered).splitlines()[0][:200]
    return DataError(f"{path.name} is not a readable CSV file: {reason}; give every row as many cells as the header")


# ---- long tables


def stem(source: Path | str) -> str:
    """Name of the panel of a file: the file's name without its suffix."""
    return source if isinstance(source, str) else source.stem.removesuffix(".wide") or source.name


def panel_from_table(
    table: pa.Table,
    source: Path | str,
    time_step: float | None = None,
    time_unit: str = "",
    *,
    columns: ColumnNames = USUAL,
    windows: Windows | None = None,
    padded: bool = False,
) -> Panel:
    """The panel in a long table. Rows may come in any order; cases stay in the order in which they first appear.

    Args:
        table: with columns as :func:`describe_columns` understands them.
        source: file of the table, or name of the data; used in messages and as the name of the panel.
        time_step: if the file states it; otherwise it is measured.
        time_unit: if the file states it; dates have their own.
        columns: names of the columns.
        windows: cut every series into windows; without a column of cases, all rows are one series.
        padded: whether a case ends with the last value of any channel, as in a melted wide table.
    """
    return _Reader(table, source, columns, windows).panel(time_step, time_unit, padded)


class _Reader:
    def __init__(self, table: pa.Table, source: Path | str, columns: ColumnNames, windows: Windows | None) -> None:
        names = table.column_names
        self.table, self.asked, self.windows = table, columns, windows
        self.file, self.name = source if isinstance(source, str) else source.name, stem(source)
        check_columns(names, columns, self.file)
        self.index = index_columns(names, columns)
        self.columns = describe_columns(names, columns)
        case, time = columns.case or CASE, columns.time or TIME
        if case not in names and windows is None:
            raise DataError(
                f"{self.file} has no column {case!r}, only {listed(names)}; expected case, time, one column a channel: "
                "name the column that tells the cases apart (`columns.case`), or cut one long recording into windows "
                "(`windows`)"
            )
        if time not in names and len(self.index) == 2 and windows is None:
            raise DataError(
                f"{self.file} has no column {time!r}, only {listed(names)}; expected case, time, one column a channel: "
                "name the column of the time (`columns.time`)"
            )
        if not self.columns.channels:
            raise DataError(f"{self.file} has no channel beside {listed(names)}; add a column of numbers for each")
        if not table.num_rows:
            raise DataError(f"{self.file} has a header and no rows; expected one row for each timepoint of a case")
        self.known_index = [name for name in self.index if name in names]

    def panel(self, time_step: float | None, time_unit: str, padded: bool) -> Panel:
        # Where each row belongs: its case, and its place on the grid of timepoints or pixels.
        case_ids, case = self.cases()
        is_image = len(self.index) == 3
        order, grid, shape = self.pixels(case) if is_image else self.timeline(case, time_step)
        channels = [read_channel(self.column(name)) for name in self.columns.channels]
        values = self.values(channels, case[order], order, grid)  # (n, c, t) or (n, c, pixels)
        labels, classes = self.labels(order, case[order])

        if is_image:
            values, lengths = values.reshape(*values.shape[:2], *shape), None
        else:
            lengths = ends(values) if padded else grid.lengths.astype(np.int64)
            values = values[:, :, : int(lengths.max())]
        series = Series(
            values,
            self.columns.channels,
            lengths=lengths,
            labels=labels,
            kinds=[channel.kind for channel in channels],
            cases=case_ids,
            notes=grid.notes + self.notes_on(channels),
            others={
                "classes": classes,
                "name": self.name,
                "time_step": grid.step,
                "time_unit": grid.unit or time_unit,
                "time_origin": grid.origin if grid.frequency else "",
                "time_frequency": grid.frequency,
                "view": "image" if is_image else "lines",
            },
        )
        return panel_from_series(series, self.file, self.asked, self.windows)

    def column(self, name: str) -> Column:
        return Column(plain(self.table[name]), name, self.file, self.where)

    def where(self, row: int) -> str:
        """A row in words, such as ``case 3, time 0.01``, with the values as the file has them."""
        if not self.known_index:
            return f"row {int(row) + 1} of the data"
        return ", ".join(f"{name} {in_python(self.table[name].slice(int(row), 1))[0]}" for name in self.known_index)

    def cases(self) -> tuple[list[Any], IntArray]:
        name = self.index[0]
        if name not in self.known_index:
            return [], np.zeros(self.table.num_rows, np.int64)
        return factors(self.table[name], name, self.file, required="case id")

    def timeline(self, case: IntArray, stated: float | None) -> tuple[IntArray, Grid, tuple[int, ...]]:
        """Order of the rows by case and time, and the grid that they lie on."""
        lengths = np.bincount(case)
        if self.index[1] not in self.known_index:
            order = np.argsort(case, kind="stable")
            grid = Grid(indices(lengths).astype(np.float64), lengths, is_even=True, step=stated or 1.0)
        else:
            times = read_times(self.column(self.index[1]))
            order = np.lexsort((times.values, case))
            ordered = Times(times.values[order], times.zone)
            grid = laid_out(ordered, case[order], lengths, self.file, lambda row: self.where(order[row]), stated)
        return order, grid, (int(grid.lengths.max()),)

    def pixels(self, case: IntArray) -> tuple[IntArray, Grid, tuple[int, ...]]:
        """Order of the rows by case and pixel, the pixel of each row, and ``(height, width)``."""
        row, column = (read_times(self.column(name)).values for name in self.index[1:])
        height, width = int(row.max()) + 1, int(column.max()) + 1
        whole = (row == np.floor(row)) & (column == np.floor(column)) & (row >= 0) & (column >= 0)
        n_cases = int(case.max()) + 1
        if whole.all() and height * width * n_cases == len(case):
            order = np.lexsort((column, row, case))
            position = (row * width + column)[order]
            if np.array_equal(position, np.tile(np.arange(height * width), n_cases)):
                return order, Grid(position.astype(np.float64), np.bincount(case), is_even=True), (height, width)
        raise DataError(
            f"{self.file}: expected one row for each of {height} × {width} pixels in each of {n_cases} cases, counted "
            f"from 0, got {len(case)} rows; complete the images"
        )

    def values(self, channels: list[Numbers], case: IntArray, order: IntArray, grid: Grid) -> FloatArray:
        """``(n, c, t)``, NaN where a value is missing and beyond a case's length; ``case`` is sorted."""
        shape = (len(grid.lengths), len(channels), int(grid.lengths.max()))
        check_size(shape, self.file, "shorten the longest case, or cut windows")
        values: FloatArray = np.full(shape, np.nan, np.float32)
        n_rows = np.bincount(case)  # (n,)
        position = grid.position.astype(np.int64)
        if not grid.is_even:  # the rows are interpolated, so that there is one for each point
            case, position = np.repeat(np.arange(len(n_rows)), grid.lengths), indices(grid.lengths)
        for index, channel in enumerate(channels):
            column = channel.values[order]
            if not grid.is_even:
                column = interpolated(column, grid, n_rows, whole=channel.kind != "real")
            values[case, index, position] = column
        return values

    def notes_on(self, channels: list[Numbers]) -> tuple[str, ...]:
        return tuple(
            f"{self.file}: {channel.n_rounded} whole numbers in column {name!r} have more digits than float32 holds "
            "and are rounded"
            for name, channel in zip(self.columns.channels, channels, strict=True)
            if channel.n_rounded
        )

    def labels(self, order: IntArray, case: IntArray) -> tuple[IntArray | None, tuple[str, ...]]:
        """Class index of each case, and the class names, from rows in ``order``, whose ``case`` is sorted."""
        if not self.columns.has_label:
            return None, ()
        column = self.asked.label or LABEL
        names, label = factors(self.table[column], column, self.file)
        if (label < 0).all():
            raise DataError(f"{self.file} has a column {column!r} that is empty in every row; fill it in or drop it")
        label = label[order]
        changes = np.flatnonzero((case[1:] == case[:-1]) & (label[1:] != label[:-1]))
        names = [*names, None]
        if len(changes):
            row = int(changes[0])
            raise DataError(
                f"{self.file}: expected one label a case, got {names[label[row]]!r} and then {names[label[row + 1]]!r} "
                f"in {self.where(order[row + 1])}; give all rows of a case the same label"
            )
        first = np.flatnonzero(np.append(True, np.diff(case) > 0))
        return encode_labels([names[index] for index in label[first]])
