"""From panels to long, tidy tables: one row a timepoint (or pixel), in blocks that keep memory constant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tsinfogan.data.columns import CASE, LABEL, TIME, describe_columns, index_columns
from tsinfogan.data.dates import is_zoned, timestamps
from tsinfogan.data.panel import UNLABELLED, ChannelKind, FloatArray, Panel
from tsinfogan.errors import DataError
from tsinfogan.formats import CaseColumns

CELLS_PER_BLOCK = 1 << 20
EPOCH = "1970-01-01"
MAX_INTEGER = 2.0**63


@dataclass(frozen=True)
class LongColumn:
    """One column of a long table, with what repeats kept once: formatting or copying it is then cheap.

    Attributes:
        name: of the column.
        values: distinct or row values.
        rows: ``(n_rows,)`` position in ``values`` of each row, or None where ``values`` has one value a row.
    """

    name: str
    values: pa.Array
    rows: pa.Array | None = None


def long_blocks(panel: Panel, columns: CaseColumns, first_case: int) -> Iterator[list[LongColumn]]:
    """The columns ``case, time, <channels>, <case columns>`` of whole cases, some at a time.

    Images have ``row, column`` in place of ``time``. A panel's own labels become the column ``label`` unless
    ``columns`` has one. Time is dates where the panel has a frequency; a channel's values are integers or truth values
    where its kind says so and all of them are.

    Raises:
        DataError: a name would be read back as something else.
    """
    columns = with_label(panel, columns)
    is_image = panel.values.ndim == 4
    index = (CASE, "row", "column") if is_image else (CASE, TIME)
    _check_names(index, panel.channels, tuple(columns))
    n_points = int(np.prod(panel.grid))
    position = np.arange(n_points)
    axes = [number_array(axis) for axis in divmod(position, panel.grid[1])] if is_image else [time_axis(panel)]
    kinds = written_kinds(panel)
    cases_per_block = max(1, CELLS_PER_BLOCK // (n_points * (len(index) + panel.n_channels + len(columns))))
    for start in range(0, panel.n_cases, cases_per_block):
        block = slice(start, start + cases_per_block)
        values = panel.values[block].reshape(-1, panel.n_channels, n_points)  # (n, c, p)
        lengths = np.full(len(values), n_points) if panel.lengths is None else panel.lengths[block]
        inside = position < lengths[:, None]  # (n, p)
        case, point = (number_array(rows) for rows in np.nonzero(inside))
        numbers = number_array(first_case + start + np.arange(len(values)))
        yield [
            LongColumn(CASE, numbers, case),
            *(LongColumn(name, axis, point) for name, axis in zip(index[1:], axes, strict=True)),
            *(LongColumn(name, channel_array(values[:, i][inside], kinds[i])) for i, name in enumerate(panel.channels)),
            *(LongColumn(name, case_array(column[block]), case) for name, column in columns.items()),
        ]


def long_table(block: list[LongColumn]) -> pa.Table:
    """A block as an Arrow table."""
    arrays = [column.values if column.rows is None else column.values.take(column.rows) for column in block]
    return pa.table(arrays, names=[column.name for column in block])


def with_label(panel: Panel, columns: CaseColumns) -> CaseColumns:
    """``columns`` with the panel's own labels as the last one, where it has some and ``columns`` has none."""
    if panel.labels is None or LABEL in columns:
        return columns
    names = np.array([*panel.classes, None], dtype=object)  # UNLABELLED, −1, picks None
    return {**columns, LABEL: names[np.where(panel.labels == UNLABELLED, len(panel.classes), panel.labels)]}


def time_axis(panel: Panel) -> pa.Array:
    """``(n_timepoints,)`` times of series: dates where the panel has a frequency, else multiples of its step."""
    if not panel.time_frequency:
        return number_array(np.arange(panel.grid[0]) * panel.time_step)
    dates = timestamps(panel.time_origin or EPOCH, panel.time_frequency, panel.grid[0])
    unit = np.datetime_data(dates.dtype)[0]
    kind = pa.timestamp(unit, "UTC" if is_zoned(panel.time_origin) else None)
    return pa.Array.from_buffers(kind, len(dates), [None, pa.py_buffer(np.ascontiguousarray(dates).view(np.int64))])


def written_kinds(panel: Panel) -> tuple[ChannelKind, ...]:
    """The kind of each channel, ``real`` where its values are not of the kind that they are said to be."""
    real: ChannelKind = "real"
    kinds: list[ChannelKind] = []
    for position, kind in enumerate(panel.kinds):
        values = panel.values[:, position]
        if kind == "boolean":
            holds = ((values == 0) | (values == 1) | np.isnan(values)).all()
        else:
            whole = (np.rint(values) == values) & (np.abs(values) < MAX_INTEGER)
            holds = kind == "real" or (whole | np.isnan(values)).all()
        kinds.append(kind if holds else real)
    return tuple(kinds) or (real,) * panel.n_channels


def channel_array(values: FloatArray, kind: ChannelKind) -> pa.Array:
    """One channel's values as their kind, as :func:`written_kinds` gives it."""
    if kind == "boolean":
        bits = np.packbits(values == 1, bitorder="little")
        return pa.Array.from_buffers(pa.bool_(), len(values), [None, pa.py_buffer(bits)])
    return number_array(values.astype(np.int64) if kind == "integer" else values)


def number_array(values: NDArray[Any]) -> pa.Array:
    """The same numbers. ``pa.array`` would import pandas, which no one waiting for the first row should have to."""
    buffer = pa.py_buffer(np.ascontiguousarray(values))
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [None, buffer])


def case_array(values: NDArray[Any]) -> pa.Array:
    """Numbers as they are, all else as text; None and the empty text are null."""
    values = np.asarray(values)
    if values.dtype.kind in "iuf":
        return number_array(values)
    if values.dtype.kind == "b":
        return pa.array(values)
    return pa.array([None if value is None or value == "" else str(value) for value in values], pa.string())


def _check_names(index: tuple[str, ...], channels: tuple[str, ...], columns: tuple[str, ...]) -> None:
    names = (*index, *channels, *columns)
    understood = describe_columns(names)
    for channel in channels:
        if channel not in understood.channels or index_columns(names) != index or names.count(channel) > 1:
            raise DataError(
                f"a channel cannot be called {channel!r} in a file, where that name means something else; rename it"
            )
    if strange := [name for name in columns if name in understood.channels]:
        raise DataError(f"case columns are called cat…, cont… or {LABEL}, got {strange[0]!r}")
