"""From tables, of CSV files or in memory, to panels. Whatever is wrong with a table is said in one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

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
from tsinfogan.data.date_forms import is_date
from tsinfogan.data.panel import UNLABELLED, IntArray, Panel, encode_labels
from tsinfogan.data.windows import Series, check_size, ends, panel_from_series
from tsinfogan.errors import DataError
from tsinfogan.formats import stem
from tsinfogan.formats._cells import Column, Numbers, factors, in_python, joined_time, plain, read_channel, read_times
from tsinfogan.formats._text import read_text
from tsinfogan.formats._time import Grid, indices, interpolated, laid_out
from tsinfogan.formats._wide import is_wide, melted, names_when_melted

# ---- CSV files: tables of text, whose numbers are parsed later, so that messages can quote the text


def read_csv(path: Path, columns: ColumnNames = USUAL, windows: Windows | None = None) -> Panel:
    """The panel in a long or wide file; rows may come in any order."""
    table, notes = read_text(path, columns)
    names = table.column_names
    is_recording = windows is not None and all(map(is_number, names))  # channels that pandas numbered
    if is_recording or not is_wide(names, columns):
        return panel_from_table(table, path, columns=columns, windows=windows, notes=notes)
    long, called = melted(table, path.name, columns)
    return panel_from_table(long, path, columns=called, windows=windows, padded=True, notes=notes)


def names_in_csv(path: Path) -> tuple[str, ...]:
    """The names in the header; for a wide file, those of its long table."""
    table = read_text(path)[0]
    return names_when_melted(table, path.name) if is_wide(table.column_names) else tuple(table.column_names)


# ---- long tables


def panel_from_table(
    table: pa.Table,
    source: Path | str,
    time_step: float | None = None,
    time_unit: str = "",
    *,
    columns: ColumnNames = USUAL,
    windows: Windows | None = None,
    padded: bool = False,
    notes: tuple[str, ...] = (),
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
        notes: what was taken for granted so far.
    """
    return _Reader(table, source, columns, windows).panel(time_step, time_unit, padded, notes)


class _Reader:
    def __init__(self, table: pa.Table, source: Path | str, columns: ColumnNames, windows: Windows | None) -> None:
        self.file, self.name = source if isinstance(source, str) else source.name, stem(source)
        check_columns(table.column_names, columns, self.file)
        if columns.time is not None and columns.time not in table.column_names:
            table = joined_time(table, columns.time)
        names = table.column_names
        self.table, self.asked, self.windows = table, columns, windows
        self.index = index_columns(names, columns)
        self.columns = describe_columns(names, columns)
        if nested := [name for name in self.columns.channels if pa.types.is_nested(table.schema.field(name).type)]:
            raise DataError(
                f"{self.file}: column {nested[0]!r} holds lists, expected one value in each cell; write one row a "
                "timepoint, such as by explode of pandas, and number them in a column called time"
            )
        case, time = columns.case or CASE, columns.time or TIME
        if case not in names and windows is None:
            raise DataError(
                f"{self.file} has no column {case!r}, only {listed(names)}; expected case, time, one column a channel: "
                "name the column that tells the cases apart (`columns.case`), or cut one long recording into windows "
                f"(`windows`{self.if_dated(names)}){self.if_wide(names)}"
            )
        if time not in names and len(self.index) == 2 and windows is None:
            raise DataError(
                f"{self.file} has no column {time!r}, only {listed(names)}; expected case, time, one column a channel: "
                f"name the column of the time (`columns.time`){self.if_wide(names)}"
            )
        if not self.columns.channels:
            others = self.columns.codes or self.columns.has_label
            advice = ", or name one of these as a channel (`columns.channels`)" if others else ""
            raise DataError(
                f"{self.file} has no channel beside {listed(names)}; add a column of numbers for each{advice}"
            )
        if not table.num_rows:
            raise DataError(f"{self.file} has a header and no rows; expected one row for each timepoint of a case")
        self.known_index = [name for name in self.index if name in names]

    def if_dated(self, names: list[str]) -> str:
        first = {name: self.table[name].slice(0, 1).to_pylist() for name in names if name not in self.index}
        dated = [name for name, cells in first.items() if cells and isinstance(cells[0], str) and is_date(cells[0])]
        return f" and `columns.time={dated[0]}`" if dated else ""

    def if_wide(self, names: list[str]) -> str:
        """What to do if each row is a series, as far as there are enough columns for one, and all are text."""
        is_text = all(column.type in (pa.string(), pa.large_string()) for column in self.table.columns)
        if len(names) <= 8 or not is_text:
            return ""
        return f", or if each row is a series, `columns.layout=wide` (with `columns.case={names[0]}` if that names it)"

    def panel(self, time_step: float | None, time_unit: str, padded: bool, notes: tuple[str, ...]) -> Panel:
        # Where each row belongs: its case, and its place on the grid of timepoints or pixels.
        case_ids, case = self.cases()
        is_image = len(self.index) == 3
        order, grid, shape = self.pixels(case) if is_image else self.timeline(case, time_step)
        channels = [read_channel(self.column(name), self.asked.missing) for name in self.columns.channels]
        values = self.values(channels, case[order], order, grid)  # (n, c, t) or (n, c, pixels)
        labels, classes = self.labels(order, case[order], None if is_image else grid)

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
            notes=notes + grid.notes + self.notes_on_constants(channels, case),
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
            times = read_times(self.column(self.index[1]), self.asked.dates)
            order = np.lexsort((times.values, case))
            ordered = times._replace(values=times.values[order])
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

    def values(self, channels: list[Numbers], case: IntArray, order: IntArray, grid: Grid) -> NDArray[np.float64]:
        """``(n, c, t)``, NaN where a value is missing and beyond a case's length; ``case`` is sorted."""
        shape = (len(grid.lengths), len(channels), int(grid.lengths.max()))
        check_size(
            shape, self.file, "shorten the longest case, or cut windows", len(channels) * int(grid.lengths.sum())
        )
        values = np.full(shape, np.nan)
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

    def notes_on_constants(self, channels: list[Numbers], case: IntArray) -> tuple[str, ...]:
        """On columns that hold one value in each case, but not the same in all: these are hardly series."""
        first = np.unique(case, return_index=True)[1]
        constant = [
            repr(name)
            for name, channel in zip(self.columns.channels, channels, strict=True)
            if np.ptp(begins := channel.values[first]) > 0 and (channel.values == begins[case]).all()
        ]
        constant = constant if len(case) > len(first) else []
        if not constant:
            return ()
        return (
            f"{self.file}: column {', '.join(constant)} never changes within a case; if it is no series, leave it out "
            "(`columns.ignore`), or name it as the label (`columns.label`)",
        )

    def labels(self, order: IntArray, case: IntArray, grid: Grid | None) -> tuple[IntArray | None, tuple[str, ...]]:
        """Class index of each case, and the class names, from rows in ``order``, whose ``case`` is sorted.

        If windows are cut and rows of a case have several labels, there is an index for each point: ``(n, t)``.
        """
        if not self.columns.has_label:
            return None, ()
        column = LABEL if self.asked.label is None else self.asked.label
        names, label = factors(self.table[column], column, self.file)
        if (label < 0).all():
            raise DataError(f"{self.file} has a column {column!r} that is empty in every row; fill it in or drop it")
        label = label[order]
        changes = np.flatnonzero((case[1:] == case[:-1]) & (label[1:] != label[:-1]))
        names = [*names, None]
        if len(changes) and self.windows is not None and grid is not None:
            codes, classes = encode_labels(names)
            points = np.full((len(grid.lengths), int(grid.lengths.max())), UNLABELLED, np.int64)
            points[case, np.rint(grid.position).astype(np.int64).clip(0, points.shape[1] - 1)] = codes[label]
            return points, classes
        if len(changes):
            row = int(changes[0])
            raise DataError(
                f"{self.file}: expected one label a case, got {names[label[row]]!r} and then {names[label[row + 1]]!r} "
                f"in {self.where(order[row + 1])}; give all rows of a case the same label, or cut windows (`windows`), "
                "which have a label each"
            )
        first = np.flatnonzero(np.append(True, np.diff(case) > 0))
        return encode_labels([names[index] for index in label[first]])
