"""What writers share: the long table of a panel in blocks that keep memory constant, and a writer that keeps all cases.

A long table has one row for each timepoint or pixel.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tsinfogan.data.columns import CASE, CODE, LABEL, TIME, describe_columns, index_columns
from tsinfogan.data.dates import is_zoned, timestamps
from tsinfogan.data.panel import ChannelKind, FloatArray, Panel
from tsinfogan.errors import DataError
from tsinfogan.formats import CaseColumns

CELLS_PER_BLOCK = 1 << 20
EPOCH = "1970-01-01"
MAX_INTEGER = 2.0**63


@dataclass(frozen=True)
class LongColumn:
    """One column of a long table. Values that repeat are kept once, so that they are formatted once."""

    name: str
    values: pa.Array  # distinct values, or the value of each row
    rows: pa.Array | None = None  # (n_rows,) index into ``values`` for each row; None if each row has its value there

    def at_rows(self, values: pa.Array) -> pa.Array:
        """The value of each row, out of ``values`` or of the same in another type."""
        return values if self.rows is None else values.take(self.rows)


def long_blocks(panel: Panel, columns: CaseColumns, first_case: int) -> Iterator[list[LongColumn]]:
    """The columns ``case, time, <channels>, <case columns>``, of some cases at a time.

    Images have ``row, column`` instead of ``time``. The labels of the panel become the column ``label`` unless
    ``columns`` has one. Time is dates if the panel has a frequency. Values are integers or truth values if the kind of
    the channel says so and all of them are. A name that would be read back as something else is refused.
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
        part = panel.subset(block)
        values = [part.raw(channel).reshape(-1, n_points) for channel in range(panel.n_channels)]  # (n, p) each
        lengths = np.full(part.n_cases, n_points) if panel.lengths is None else panel.lengths[block]
        inside = position < lengths[:, None]  # (n, p)
        case, point = (number_array(rows) for rows in np.nonzero(inside))
        numbers = number_array(first_case + start + np.arange(part.n_cases))
        yield [
            LongColumn(CASE, numbers, case),
            *(LongColumn(name, axis, point) for name, axis in zip(index[1:], axes, strict=True)),
            *(LongColumn(name, channel_array(values[i][inside], kinds[i])) for i, name in enumerate(panel.channels)),
            *(LongColumn(name, case_array(column[block]), case) for name, column in columns.items()),
        ]


def long_table(block: list[LongColumn]) -> pa.Table:
    """A block as an Arrow table."""
    return pa.table([column.at_rows(column.values) for column in block], names=[column.name for column in block])


def with_label(panel: Panel, columns: CaseColumns) -> CaseColumns:
    """``columns``, to which the labels of the panel are added as the last one unless there are labels in it."""
    if panel.labels is None or LABEL in columns:
        return columns
    names = np.array([*panel.classes, None], dtype=object)  # UNLABELLED, −1, picks None
    return {**columns, LABEL: names[panel.labels]}


def quoted(text: str) -> str:
    """The text as a cell of a CSV file; in quotes, blanks at its ends belong to it."""
    return '"' + text.replace('"', '""') + '"' if re.search(r'[",\r\n]|^\s|\s$', text) else text


def time_axis(panel: Panel) -> pa.Array:
    """``(n_timepoints,)`` times: dates if the panel has a frequency, else multiples of its step."""
    if not panel.time_frequency:
        return number_array(np.arange(panel.grid[0]) * panel.time_step)
    dates = timestamps(panel.time_origin or EPOCH, panel.time_frequency, panel.grid[0])
    unit = np.datetime_data(dates.dtype)[0]
    kind = pa.timestamp(unit, "UTC" if is_zoned(panel.time_origin) else None)
    return pa.Array.from_buffers(kind, len(dates), [None, pa.py_buffer(np.ascontiguousarray(dates).view(np.int64))])


def written_kinds(panel: Panel) -> tuple[ChannelKind, ...]:
    """The kind of each channel; ``real`` if its values are not of the kind that the panel says."""
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


def raw_case(panel: Panel, index: int) -> list[FloatArray | NDArray[np.float64]]:
    """``(length,)`` values of each channel of one series in raw units."""
    part, length = panel.subset(slice(index, index + 1)), panel.case_lengths[index]
    return [part.raw(channel)[0, :length] for channel in range(panel.n_channels)]


def channel_array(values: FloatArray | NDArray[np.float64], kind: ChannelKind) -> pa.Array:
    """The values of one channel as integers, truth values or real numbers."""
    if kind == "boolean":
        bits = np.packbits(values == 1, bitorder="little")
        return pa.Array.from_buffers(pa.bool_(), len(values), [None, pa.py_buffer(bits)])
    return number_array(values.astype(np.int64) if kind == "integer" else values)


def number_array(values: NDArray[Any]) -> pa.Array:
    """Numbers as an Arrow array. ``pa.array`` would import pandas, which delays the first row."""
    buffer = pa.py_buffer(np.ascontiguousarray(values))
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [None, buffer])


def case_array(values: NDArray[Any]) -> pa.Array:
    """Numbers as they are, everything else as text; None and the empty text become null."""
    values = np.asarray(values)
    if values.dtype.kind in "iuf":
        return number_array(values)
    if values.dtype.kind == "b":
        return pa.array(values)
    return pa.array([None if value is None or value == "" else str(value) for value in values], pa.string())


class BufferingWriter:
    """Keeps all cases in memory and writes them when it is closed.

    ``encode`` gives the content of a file from a panel and its case columns, the labels among them. ``series_only`` is
    the suffix of a text format, which holds neither images nor case columns other than codes and the label.
    """

    def __init__(
        self, stream: BinaryIO, encode: Callable[[Panel, dict[str, Any]], bytes], series_only: str | None = None
    ) -> None:
        self._stream, self._encode, self._series_only = stream, encode, series_only
        self._panels: list[Panel] = []
        self._columns: list[CaseColumns] = []

    def write(self, panel: Panel, columns: CaseColumns) -> None:
        """Keeps the cases of ``panel`` for :meth:`close`."""
        if self._series_only is not None:
            if panel.values.ndim == 4:
                raise DataError(
                    f"a {self._series_only} file holds series, got images; write them as csv, parquet or npz"
                )
            _refuse_columns([name for name in columns if name != LABEL and not CODE.fullmatch(name)])
        self._panels.append(panel)
        self._columns.append(with_label(panel, columns))

    def close(self) -> None:
        """Writes the file. It stays empty if no case was written."""
        if self._panels:
            names = self._columns[0]
            columns = {name: np.concatenate([np.asarray(part[name]) for part in self._columns]) for name in names}
            self._stream.write(self._encode(Panel.concatenated(self._panels), columns))
        self._stream.flush()


def _check_names(index: tuple[str, ...], channels: tuple[str, ...], columns: tuple[str, ...]) -> None:
    names = (*index, *channels, *columns)
    understood = describe_columns(names)
    for channel in channels:
        if channel not in understood.channels or index_columns(names) != index or names.count(channel) > 1:
            raise DataError(
                f"a channel cannot be called {channel!r} in a file, where that name means something else; rename it"
            )
    _refuse_columns([name for name in columns if name in understood.channels])


def _refuse_columns(strange: Sequence[str]) -> None:
    if strange:
        raise DataError(f"case columns are called cat…, cont… or {LABEL}, got {strange[0]!r}; rename it")
