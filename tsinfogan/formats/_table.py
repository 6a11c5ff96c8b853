"""From tables in memory to panels. Whatever is wrong with a table is said in one sentence."""

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
    listed,
)
from tsinfogan.data.date_forms import is_date
from tsinfogan.data.mapped import room_for
from tsinfogan.data.panel import UNLABELLED, ChannelKind, IntArray, Panel, encode_labels
from tsinfogan.data.windows import Series, check_size, ends, panel_from_series
from tsinfogan.errors import DataError
from tsinfogan.formats import stem
from tsinfogan.formats._cells import (
    Column,
    Numbers,
    Times,
    factors,
    in_python,
    joined_time,
    plain,
    read_channel,
    read_times,
)
from tsinfogan.formats._time import Grid, indices, interpolated, laid_out


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
    reader = TableReader(table, source, columns, windows)
    return panel_from_series(reader.series(time_step, time_unit, padded, notes), reader.file, columns, windows)


Order = IntArray | slice
"""What sorts rows by case and time: their indices, or all of them if they are sorted already."""


def _order(case: IntArray, times: NDArray[Any] | None = None) -> Order:
    if times is None:
        return slice(None) if (case[1:] >= case[:-1]).all() else np.argsort(case, kind="stable")
    is_next = (case[1:] > case[:-1]) | ((case[1:] == case[:-1]) & (times[1:] >= times[:-1]))
    return slice(None) if is_next.all() else np.lexsort((times, case))


def note_on_constants(names: list[str], source: str) -> tuple[str, ...]:
    """That these columns are hardly series, if there are any."""
    if not names:
        return ()
    return (
        f"{source}: column {', '.join(map(repr, names))} never changes within a case; if it is no series, leave it out "
        "(`columns.ignore`), or name it as the label (`columns.label`)",
    )


def time_of(grid: Grid, unit: str = "") -> dict[str, Any]:
    """The attributes of a panel that tell its time; ``unit`` is that of numbers."""
    return {
        "time_step": grid.step,
        "time_unit": grid.unit or unit,
        "time_origin": grid.origin if grid.frequency else "",
        "time_frequency": grid.frequency,
    }


class TableReader:
    """Reads the series in a long table; arguments as of :func:`panel_from_table`."""

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

    def series(self, time_step: float | None, time_unit: str, padded: bool, notes: tuple[str, ...]) -> Series:
        """What the table holds."""
        # Where each row belongs: its case, and its place on the grid of timepoints or pixels.
        case_ids, case = self.cases()
        is_image = len(self.index) == 3
        order, grid, shape = self.pixels(case) if is_image else self.timeline(case, time_step)
        values, kinds, said = self.channels(case, order, grid)  # (n, c, t) or (n, c, pixels)
        labels, classes = self.labels(order, case[order], None if is_image else grid)

        if is_image:
            values, lengths = values.reshape(*values.shape[:2], *shape), None
        else:
            lengths = ends(values) if padded else grid.lengths.astype(np.int64)
            values = values[:, :, : int(lengths.max())]
        return Series(
            values,
            self.columns.channels,
            lengths=lengths,
            labels=labels,
            kinds=kinds,
            cases=case_ids,
            notes=notes + grid.notes + said,
            others={
                "classes": classes,
                "name": self.name,
                "view": "image" if is_image else "lines",
                **time_of(grid, time_unit),
            },
        )

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
        return self.factors(name, required="case id")

    def factors(self, name: str, required: str | None = None) -> tuple[list[Any], IntArray]:
        """The distinct values of a column and the index of each row's, as of :func:`factors`."""
        return factors(self.table[name], name, self.file, required)

    def times(self) -> Times:
        """The time of each row."""
        return read_times(self.column(self.index[1]), self.asked.dates)

    def timeline(self, case: IntArray, stated: float | None) -> tuple[Order, Grid, tuple[int, ...]]:
        """Order of the rows by case and time, and the grid that they lie on."""
        lengths = np.bincount(case)
        if self.index[1] not in self.known_index:
            order = _order(case)
            grid = Grid(indices(lengths).astype(np.float64), lengths, is_even=True, step=stated or 1.0)
        else:
            times = self.times()
            order = _order(case, times.values)
            ordered = times._replace(values=times.values[order])
            grid = laid_out(
                ordered,
                case[order],
                lengths,
                self.file,
                lambda row: self.where(np.arange(len(case))[order][row]),
                stated,
            )
        return order, grid, (int(grid.lengths.max()),)

    def pixels(self, case: IntArray) -> tuple[Order, Grid, tuple[int, ...]]:
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

    def channels(
        self, case: IntArray, order: Order, grid: Grid
    ) -> tuple[NDArray[Any], list[ChannelKind], tuple[str, ...]]:
        """Values ``(n, c, t)``, NaN where one is missing and beyond a case's length; kinds of the channels; and notes.

        ``case`` ``(n_rows,)`` is that of each row, and ``order`` sorts rows by case and time.
        """
        channels = [read_channel(self.column(name), self.asked.missing) for name in self.columns.channels]
        values = self.unfilled(grid, np.float64)
        said = self.notes_on_constants(channels, case)
        case = case[order]
        n_rows = np.bincount(case)  # (n,)
        position = grid.position.astype(np.int64)
        if not grid.is_even:  # the rows are interpolated, so that there is one for each point
            case, position = np.repeat(np.arange(len(n_rows)), grid.lengths), indices(grid.lengths)
        for index, channel in enumerate(channels):
            column = channel.values[order]
            if not grid.is_even:
                column = interpolated(column, grid, n_rows, whole=channel.kind != "real")
            values[case, index, position] = column
        return values, [channel.kind for channel in channels], said

    def unfilled(self, grid: Grid, dtype: type) -> NDArray[Any]:
        """``(n, c, t)`` NaN, if there is memory for it."""
        n_channels = len(self.columns.channels)
        shape = (len(grid.lengths), n_channels, int(grid.lengths.max()))
        check_size(shape, self.file, "shorten the longest case, or cut windows", n_channels * int(grid.lengths.sum()))
        values = room_for(shape, dtype)
        values.fill(np.nan)
        return values

    def notes_on_constants(self, channels: list[Numbers], case: IntArray) -> tuple[str, ...]:
        """On columns that hold one value in each case, but not the same in all: these are hardly series."""
        first = np.unique(case, return_index=True)[1]
        constant = [
            name
            for name, channel in zip(self.columns.channels, channels, strict=True)
            if np.ptp(begins := channel.values[first]) > 0 and (channel.values == begins[case]).all()
        ]
        return note_on_constants(constant if len(case) > len(first) else [], self.file)

    def labels(self, order: Order, case: IntArray, grid: Grid | None) -> tuple[IntArray | None, tuple[str, ...]]:
        """Class index of each case, and the class names, from rows in ``order``, whose ``case`` is sorted.

        If windows are cut and rows of a case have several labels, there is an index for each point: ``(n, t)``.
        """
        if not self.columns.has_label:
            return None, ()
        column = LABEL if self.asked.label is None else self.asked.label
        names, label = self.factors(column)
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
            where = self.where(np.arange(len(case))[order][row + 1])
            raise DataError(
                f"{self.file}: expected one label a case, got {names[label[row]]!r} and then {names[label[row + 1]]!r} "
                f"in {where}; give all rows of a case the same label, or cut windows (`windows`), which have a label "
                "each"
            )
        first = np.flatnonzero(np.append(True, np.diff(case) > 0))
        return encode_labels([names[index] for index in label[first]])
