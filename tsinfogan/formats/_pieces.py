"""Large tables, read in pieces: first what says where each row belongs, then every channel into its place.

So a table takes little more memory than its numbers do in float32. The usual table is read so. Of any other,
:func:`series_in_pieces` and :func:`wide_in_pieces` return None, and it is read as a whole, which may cost much memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tsinfogan.data.columns import CASE, CHANNEL, LABEL, ColumnNames, Windows, check_columns, index_columns, is_number
from tsinfogan.data.mapped import room_for
from tsinfogan.data.panel import ChannelKind, IntArray, centred, encode_labels
from tsinfogan.data.windows import Series, ends
from tsinfogan.errors import DataError
from tsinfogan.formats import stem
from tsinfogan.formats._cells import (
    Column,
    Times,
    factors,
    in_python,
    plain,
    read_channel,
    read_times,
    without_words,
    written_whole,
)
from tsinfogan.formats._table import Order, TableReader, note_on_constants, time_of
from tsinfogan.formats._time import Grid, laid_out
from tsinfogan.formats._wide import labels_of_cases, rows_by_case, sorted_points
from tsinfogan.formats.blocks import number_array

MIN_BYTES = 1 << 25
"""Smaller files are read as a whole."""
N_FIRST = 1000
"""Values of a channel that tell whether float32 holds its digits."""


class Source(NamedTuple):
    """A large file of a table."""

    names: list[str]
    blocks: Callable[[Sequence[str], bool], Iterator[pa.RecordBatch]]  # of some columns, of text files as text or not
    is_text: bool = False
    metadata: Mapping[bytes, bytes] | None = None


class UnusualError(Exception):
    """The table has to be read as a whole."""


def series_in_pieces(
    source: Source,
    path: Path,
    columns: ColumnNames,
    windows: Windows | None,
    time: tuple[float | None, str] = (None, ""),
    notes: tuple[str, ...] = (),
) -> Series | None:
    """The series of a long table, as :meth:`TableReader.series` gives them; None of an unusual table."""
    with suppress(UnusualError, DataError, ValueError, pa.ArrowException):
        return _PiecesReader(source, path, columns, windows).series(*time, False, notes)
    return None


class _PiecesReader(TableReader):
    def __init__(self, source: Source, path: Path, columns: ColumnNames, windows: Windows | None) -> None:
        names, index = source.names, index_columns(source.names, columns)
        check_columns(names, columns, path.name)
        label = LABEL if columns.label is None else columns.label
        if len(index) == 3 or (columns.time and columns.time not in names):
            raise UnusualError
        self._source, self._times = source, list[Times]()
        # Of each column that is numbered in order of appearance, the values, and the number of each row's value.
        self._codes: dict[str, tuple[dict[Any, int], list[NDArray[np.int32]]]] = {
            name: ({}, []) for name in (index[0], label) if name in names
        }
        n_rows, timed = 0, [index[1]] if index[1] in names else []
        for block in source.blocks([*self._codes, *timed] or names[:1], True):
            n_rows += block.num_rows
            for name, (known, parts) in self._codes.items():
                values, found = factors(pa.chunked_array([block[name]]), name, path.name)
                numbers = [known.setdefault(value, len(known)) for value in values]
                parts.append(np.array([*numbers, -1], np.int32)[found])
            for name in timed:
                self._times.append(read_times(Column(plain(block[name]), name, path.name, str), columns.dates))
        super().__init__(pa.table([pa.nulls(n_rows)] * len(names), names), path, columns, windows)

    def factors(self, name: str, required: str | None = None) -> tuple[list[Any], IntArray]:
        values, parts = self._codes.pop(name)
        index: Any = np.concatenate(parts)
        if required is not None and index.min() < 0:
            raise UnusualError
        return list(values), index

    def times(self) -> Times:
        (how, *others) = {part[1:] for part in self._times}
        if others or len({part.are_dates for part in self._times}) > 1 or how[0] not in ("", "UTC"):
            raise UnusualError
        values = np.concatenate([part.values for part in self._times])
        self._times.clear()
        return Times(values, *how)

    def channels(
        self, case: IntArray, order: Order, grid: Grid
    ) -> tuple[NDArray[Any], list[ChannelKind], tuple[str, ...]]:
        if not grid.is_even:
            raise UnusualError
        position = grid.position.astype(np.int32, copy=False)
        if not isinstance(order, slice):  # that of the rows as they are in the file
            position = position[np.argsort(order)]
        values, start = self.unfilled(grid, np.float32), 0  # (n, c, t)
        channels = [_Channel(name, self.file, self.asked.missing) for name in self.columns.channels]
        for block in self._source.blocks(self.columns.channels, False):
            rows = slice(start, start + block.num_rows)
            for index, channel in enumerate(channels):
                values[case[rows], index, position[rows]] = channel.add(block[channel.name])
            start = rows.stop
        kinds = [channel.kind(self._source, [channel.name]) for channel in channels]
        return values, kinds, _notes(channels, values, len(case) > len(values))


class _Channel:
    """What is known of a channel, piece by piece."""

    def __init__(self, name: str, source: str, missing: tuple[str, ...]) -> None:
        self.name, self.source, self.missing = name, source, missing
        self.low, self.high, self.n_missing = np.inf, -np.inf, 0
        self.is_whole, self.is_held = True, True
        self._absent = np.array([text for text in missing if is_number(text)], np.float32)
        self._first: list[float] = []
        self._type: pa.DataType = pa.null()

    def add(self, cells: pa.Array) -> NDArray[np.float32]:
        """The numbers in some cells."""
        self._type = kind = cells.type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
            raise UnusualError
        numbers = read_channel(Column(cells, self.name, self.source, str), self.missing).values
        held: NDArray[np.float32] = numbers.astype(np.float32)
        known = ~np.isnan(numbers)
        self.n_missing += int((~known).sum())
        self.is_whole = self.is_whole and bool((np.rint(numbers) == numbers)[known].all())
        if self._absent.size:
            held[np.isin(held, self._absent)] = np.nan
            known = ~np.isnan(held)
        if known.any():
            some = numbers[known]
            self.low, self.high = min(self.low, float(some.min())), max(self.high, float(some.max()))
            self._first += some[: N_FIRST - len(self._first)].tolist()
            self.is_held = self.is_held and bool((some == held[known]).all())
        return held

    def kind(self, source: Source, columns: Sequence[str]) -> ChannelKind:
        """The kind of the channel in these columns; whole numbers of a text file are read again, as they are written.

        Digits that float32 does not hold are told, or kept, by reading the table as a whole.
        """
        is_integer, is_whole = pa.types.is_integer(self._type), self.is_whole and not pa.types.is_boolean(self._type)
        if self.low > self.high or centred(np.array([[[*self._first, self.low, self.high]]]))[1]:
            raise UnusualError
        if source.is_text and is_whole:
            if not columns:
                raise UnusualError
            cells = (cells for block in source.blocks(columns, True) for cells in block.columns)
            texts = (without_words(each, self.missing)[0] for each in cells)
            is_integer = written_whole(texts, self.n_missing > 0)
        elif is_whole and self.n_missing:
            is_integer = True
        if is_integer and not self.is_held:
            raise UnusualError
        return "boolean" if pa.types.is_boolean(self._type) else "integer" if is_integer else "real"


def _notes(channels: Sequence[_Channel], values: NDArray[np.float32], several: bool) -> tuple[str, ...]:
    """On channels that never change within a case; ``several`` says whether a case has more than one row."""
    constant = []
    for index, channel in enumerate(channels if several else ()):
        low, high = (end.reduce(values[:, index], axis=1) for end in (np.fmin, np.fmax))  # (n,)
        if not channel.n_missing and (low == high).all() and np.ptp(low) > 0:
            constant.append(channel.name)
    return note_on_constants(constant, channels[0].source)


# ---- wide tables


def wide_in_pieces(source: Source, path: Path, columns: ColumnNames, notes: tuple[str, ...] = ()) -> Series | None:
    """The series of a wide table, as if it were melted first; None of an unusual one."""
    with suppress(UnusualError, DataError, ValueError, pa.ArrowException):
        return _wide(source, path, columns, notes)
    return None


def _wide(source: Source, path: Path, columns: ColumnNames, notes: tuple[str, ...]) -> Series:
    # Where each column belongs, and each row.
    names, label = source.names, LABEL if columns.label is None else columns.label
    check_columns(names, columns, path.name)
    time_of_point = sorted_points(names, path.name, columns)
    points, header = list(time_of_point), pa.array(time_of_point.values())
    times, lengths = read_times(Column(header, "the header", path.name, str)), np.array([len(points)])
    grid = laid_out(times, np.zeros(len(points), int), lengths, path.name, str, None)
    if columns.channels or not grid.is_even or grid.lengths[0] != len(points):
        raise UnusualError
    known = [name for name in (columns.case or CASE, CHANNEL, label) if name in names]
    index = pa.Table.from_batches([*source.blocks(known or points[:1], True)])
    case_ids, channel_names, row_of = rows_by_case(index, path.name, columns)
    case, channel = np.empty((2, row_of.size), np.int64)
    case[row_of], channel[row_of] = np.indices(row_of.shape)

    # The numbers.
    values = room_for((*row_of.shape, len(points)))  # (n, c, t), each of which has a row
    channels = [_Channel(name, path.name, columns.missing) for name in channel_names]
    start = 0
    for block in source.blocks(points, False):
        cells, rows = pa.concat_arrays(block.columns), slice(start, start + block.num_rows)  # point by point
        for each in np.unique(channel[rows]):
            those = np.flatnonzero(channel[rows] == each)
            chosen = np.arange(len(points))[:, None] * block.num_rows + those  # (t, rows)
            held = channels[each].add(cells.take(number_array(chosen.ravel())))
            values[case[rows][those], each] = held.reshape(chosen.shape).T
        start = rows.stop
    written = points if len(channels) == 1 else ()
    kinds, lengths = [each.kind(source, written) for each in channels], ends(values)

    labels, classes = None, tuple[str, ...]()
    if label in names:
        labels, classes = encode_labels(in_python(labels_of_cases(index[label], path.name, case_ids, row_of)))
        if not classes:
            raise UnusualError
    return Series(
        values[:, :, : int(lengths.max())],
        channel_names,
        lengths=lengths,
        labels=labels,
        kinds=kinds,
        cases=in_python(case_ids),
        notes=notes + grid.notes + _notes(channels, values, len(points) > 1),
        others={"classes": classes, "name": stem(path), "view": "lines", **time_of(grid)},
    )
