"""From long tables to panels: what the columns mean, and one sentence for whatever is wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

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
from tsinfogan.data.panel import FloatArray, IntArray, Panel, encode_labels
from tsinfogan.data.windows import check_size
from tsinfogan.errors import DataError
from tsinfogan.formats import opened
from tsinfogan.formats._cells import Numbers, Times, in_python, plain, read_channel, read_times
from tsinfogan.formats._series import panel_from_series, stem
from tsinfogan.formats._time import Grid, counted, interpolated, laid_out

__all__ = ["LABEL", "describe_columns", "index_columns", "opened", "panel_from_table"]


def panel_from_table(
    table: pa.Table,
    source: Path | str,
    time_step: float | None = None,
    time_unit: str = "",
    *,
    columns: ColumnNames = USUAL,
    windows: Windows | None = None,
) -> Panel:
    """The panel in a long table; rows may come in any order, cases keep the order of their first appearance.

    Args:
        table: columns as :func:`describe_columns` understands them.
        source: file that it comes from, or what the data is called: for messages and the panel's name.
        time_step: where the file states it; otherwise it is measured.
        time_unit: where the file states it; dates have their own.
        columns: what the columns are called.
        windows: cut the series so; without a column of cases all rows are one series.

    Raises:
        DataError: the table cannot be understood.
    """
    return _Reader(table, source, columns, windows).panel(time_step, time_unit)


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
            raise DataError(
                f"{self.file} has no channel beside {listed(names)}; add a column of numbers for each channel"
            )
        if not table.num_rows:
            raise DataError(f"{self.file} has a header and no rows; expected one row for each timepoint of a case")
        self.known_index = [name for name in self.index if name in names]

    def panel(self, time_step: float | None, time_unit: str) -> Panel:
        case_ids, case = self.cases()
        if len(self.index) == 3:
            axes = [self.axis(name) for name in self.index[1:]]
            channels = [self.channel(name) for name in self.columns.channels]
            order, position, shape = self.pixels(case, axes[0].values, axes[1].values)
            lengths = np.bincount(case)
            grid = Grid(position.astype(np.float64), lengths, True)
        else:
            times = self.axis(self.index[1]) if self.index[1] in self.known_index else None
            channels = [self.channel(name) for name in self.columns.channels]
            order = np.argsort(case, kind="stable") if times is None else np.lexsort((times.values, case))
            lengths = np.bincount(case)
            grid = self.grid(times, case, order, lengths, time_step)
            shape = (int(grid.lengths.max()),)
        case = case[order]
        values = self.values(channels, case, order, lengths, grid)
        labels, classes = self.labels(order, case)
        return panel_from_series(
            values.reshape(*values.shape[:2], *shape),
            self.columns.channels,
            source=self.file,
            columns=self.asked,
            windows=self.windows,
            lengths=grid.lengths.astype(np.int64) if len(shape) == 1 and np.ptp(grid.lengths) else None,
            labels=labels,
            kinds=[channel.kind for channel in channels],
            cases=case_ids,
            notes=grid.notes + self.notes_on(channels),
            classes=classes,
            name=self.name,
            time_step=grid.step,
            time_unit=grid.unit or time_unit,
            time_origin=grid.origin if grid.frequency else "",
            time_frequency=grid.frequency,
            view="image" if len(shape) == 2 else "lines",
        )

    def grid(
        self, times: Times | None, case: IntArray, order: IntArray, lengths: IntArray, stated: float | None
    ) -> Grid:
        if times is None:
            return counted(lengths, stated)
        ordered = Times(times.values[order], times.zone)
        return laid_out(ordered, case[order], lengths, self.file, lambda row: self.where(order[row]), stated)

    def values(
        self, channels: list[Numbers], case: IntArray, order: IntArray, lengths: IntArray, grid: Grid
    ) -> FloatArray:
        """``(n, c, t)`` with NaN where a value is missing and beyond a case's length."""
        shape = (len(lengths), len(channels), int(grid.lengths.max()))
        check_size(shape, self.file, "shorten the longest case, or cut windows")
        values: FloatArray = np.full(shape, np.nan, np.float32)
        if grid.is_even:
            position = grid.position.astype(np.int64)
        else:
            case = np.repeat(np.arange(len(lengths)), grid.lengths)
            position = np.arange(len(case)) - np.repeat(np.cumsum(grid.lengths) - grid.lengths, grid.lengths)
        for index, channel in enumerate(channels):
            column = channel.values[order]
            if not grid.is_even:
                column = interpolated(column, grid, lengths, whole=channel.kind != "real")
            values[case, index, position] = column
        return values

    def notes_on(self, channels: list[Numbers]) -> tuple[str, ...]:
        return tuple(
            f"{self.file}: {channel.n_rounded} whole numbers in column {name!r} have more digits than float32 holds "
            "and are rounded"
            for name, channel in zip(self.columns.channels, channels, strict=True)
            if channel.n_rounded
        )

    def where(self, row: int) -> str:
        """Such as ``case 3, time 0.01``, as the file has it."""
        if not self.known_index:
            return f"row {int(row) + 1} of the data"
        return ", ".join(f"{name} {in_python(self.table[name].slice(int(row), 1))[0]}" for name in self.known_index)

    def factors(self, name: str) -> tuple[list[Any], IntArray]:
        """Distinct values in order of appearance, and the position of each row's; −1 where it is missing."""
        column = plain(self.table[name])
        try:
            coded = column.dictionary_encode()
        except pa.ArrowException:
            raise DataError(f"{self.file}: column {name!r} holds {column.type}, expected numbers or text") from None
        values = in_python(coded.dictionary)
        missing = np.array([value in (None, "") or value != value for value in values], bool)
        position = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        position[np.append(missing, True)[position]] = -1
        return values, position

    def cases(self) -> tuple[list[Any], IntArray]:
        if self.index[0] not in self.known_index:
            return [], np.zeros(self.table.num_rows, np.int64)
        ids, case = self.factors(self.index[0])
        if (case < 0).any():
            raise DataError(f"{self.file} has no case id in row {int(np.argmin(case)) + 1} of the data; fill it in")
        return ids, case

    def channel(self, name: str) -> Numbers:
        return read_channel(self.table[name], self.file, name, self.where)

    def axis(self, name: str) -> Times:
        return read_times(self.table[name], self.file, name, self.where)

    def pixels(self, case: IntArray, row: Any, column: Any) -> tuple[IntArray, IntArray, tuple[int, ...]]:
        """Order by case and place, place of each pixel so ordered, and ``(height, width)``."""
        height, width = int(row.max()) + 1, int(column.max()) + 1
        whole = (row == np.floor(row)) & (column == np.floor(column)) & (row >= 0) & (column >= 0)
        n_cases = int(case.max()) + 1
        if whole.all() and height * width * n_cases == len(case):
            position = (row * width + column).astype(np.int64)
            order = np.lexsort((position, case))
            position = position[order]
            if np.array_equal(position, np.tile(np.arange(height * width), n_cases)):
                return order, position, (height, width)
        raise DataError(
            f"{self.file}: expected one row for each of {height} × {width} pixels in each of {n_cases} cases, counted "
            f"from 0, got {len(case)} rows; complete the images"
        )

    def labels(self, order: IntArray, case: IntArray) -> tuple[IntArray | None, tuple[str, ...]]:
        """Label index of each case and class names, from rows sorted by ``case``."""
        if not self.columns.has_label:
            return None, ()
        column = self.asked.label or LABEL
        names, label = self.factors(column)
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
