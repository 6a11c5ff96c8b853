"""Wide tables, with one column for each timepoint, are melted into the long table of the same content."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tsinfogan.data.columns import (
    CASE,
    CHANNEL,
    CODE,
    LABEL,
    TIME,
    USUAL,
    ColumnNames,
    check_columns,
    is_number,
    listed,
)
from tsinfogan.data.date_forms import is_date
from tsinfogan.data.panel import IntArray
from tsinfogan.errors import DataError
from tsinfogan.formats._cells import Column, factors, plain, read_times
from tsinfogan.formats.blocks import number_array

COUNTED = re.compile(r"(?:t|time|time_?step|step)[_ ]?(\d+)", re.IGNORECASE)
VALUE = "value"
"""Name of the one channel of a wide table that has no column ``channel``."""


def is_wide(names: Sequence[str], columns: ColumnNames = USUAL) -> bool:
    """Whether a header is a wide table's: it has no time, but timepoints beside case, channel, codes and label."""
    if columns.layout is not None:
        return columns.layout == "wide"
    if columns.time is not None or TIME in names:
        return False
    points = _points(names, columns)
    return len(points) > 0 and len(points) + len(_others(names, columns)) == len(names)


def names_when_melted(table: pa.Table, source: str) -> tuple[str, ...]:
    """The names of the columns that the long table of a wide one has."""
    names, channels = table.column_names, [VALUE]
    if CHANNEL in names:
        channels, _ = factors(table[CHANNEL], CHANNEL, source, required=CHANNEL)
    others = [name for name in _others(names, USUAL) if name not in (CASE, CHANNEL)]
    return (CASE, TIME, *map(str, channels), *others)


def melted(table: pa.Table, source: str, columns: ColumnNames) -> tuple[pa.Table, ColumnNames]:
    """The long table of a wide one, with a row for each case and timepoint, and the names of its columns."""
    names = table.column_names
    check_columns(names, replace(columns, channels=()), source)
    if not table.num_rows:
        raise DataError(f"{source} has a header and no rows; expected one row for each case and channel")
    case_ids, channels, row_of = rows_by_case(table, source, columns)
    check_columns(channels, ColumnNames(channels=columns.channels), source)

    time_of = sorted_points(names, source, columns)
    points = list(time_of)

    # Channels may have any names, so the other columns take names that no channel has.
    label = LABEL if columns.label is None else columns.label
    case_name = _unlike(channels, columns.case or CASE)
    time_name = _unlike([*channels, case_name], TIME)
    label_name = _unlike([*channels, case_name, time_name], label) if label in names else None
    called = replace(
        columns,
        case=case_name,
        time=time_name,
        label=label_name,
        channels=columns.channels or tuple(channels),
        ignore=(),
    )
    n_cases, n_points = len(case_ids), len(points)
    case = number_array(np.tile(np.arange(n_cases), n_points))
    point = number_array(np.repeat(np.arange(n_points), n_cases))
    long = {case_name: case_ids.take(case), time_name: pa.array(time_of.values()).take(point)}
    for name in called.channels:
        rows = number_array(row_of[:, channels.index(name)])
        long[name] = pa.concat_arrays([plain(table[each]).take(rows) for each in points])
    if label_name is not None:
        long[label_name] = labels_of_cases(table[label], source, case_ids, row_of).take(case)
    return pa.table(list(long.values()), names=list(long)), called


def sorted_points(names: Sequence[str], source: str, columns: ColumnNames) -> dict[str, str]:
    """The columns of timepoints in order of time, and the time of each as text."""
    time_of = _points(names, columns)
    points = list(time_of)
    if not points:
        raise DataError(f"{source} has no columns of values, only {listed(names)}; expected one for each timepoint")
    header = pa.array([time_of[name] for name in points])
    times = read_times(Column(header, "the header", source, lambda index: f"column {points[index]!r}")).values
    order = np.argsort(times, kind="stable")
    if len(same := np.flatnonzero(np.diff(times[order]) == 0)):
        raise DataError(f"{source} has two columns for time {points[order[same[0] + 1]]}; keep one of them")
    return {points[index]: time_of[points[index]] for index in order}


def rows_by_case(table: pa.Table, source: str, columns: ColumnNames) -> tuple[pa.Array, list[str], IntArray]:
    """Case ids ``(n,)``, the channels, and the row ``(n, c)`` of each case and channel."""
    n_rows, case_name = table.num_rows, columns.case or CASE
    case_ids, case = number_array(np.arange(n_rows)), np.arange(n_rows)
    if case_name in table.column_names:
        ids, case = factors(table[case_name], case_name, source, required=case_name)
        case_ids = pa.array(ids)
    channels, channel = [VALUE], np.zeros(n_rows, np.int64)
    if CHANNEL in table.column_names:
        channels, channel = factors(table[CHANNEL], CHANNEL, source, required=CHANNEL)
    counts = np.zeros((len(case_ids), len(channels)), np.int64)
    np.add.at(counts, (case, channel), 1)
    if (counts != 1).any():
        first, which = map(int, np.argwhere(counts != 1)[0])
        raise DataError(
            f"{source}: expected one row for each case and channel, got {counts[first, which]} for case "
            f"{case_ids[first]}, channel {channels[which]!r}; complete the file"
        )
    row_of = np.empty(counts.shape, np.int64)
    row_of[case, channel] = np.arange(n_rows)
    return case_ids, channels, row_of


def labels_of_cases(column: pa.ChunkedArray, source: str, case_ids: pa.Array, row_of: IntArray) -> pa.Array:
    """``(n,)`` label of each case; all rows of a case must have the same."""
    texts: NDArray[np.object_] = np.array(plain(column).to_pylist(), object)[row_of]  # (n, c)
    if (other := texts != texts[:, :1]).any():
        case, which = np.argwhere(other)[0]
        raise DataError(
            f"{source}: expected one label a case, got {texts[case, 0]!r} and then {texts[case, which]!r} in case "
            f"{case_ids[int(case)]}; give all rows of a case the same label"
        )
    return pa.array(texts[:, 0])


def _unlike(taken: Sequence[str], name: str) -> str:
    while name in taken:
        name += "_"
    return name


def _points(names: Sequence[str], columns: ColumnNames) -> dict[str, str]:
    """The columns of timepoints, and the time of each: its name, or what is counted in it, such as 7 in ``t7``.

    In a table that is said to be wide, columns that are called otherwise are counted from 0.
    """
    others = {*_others(names, columns), *columns.ignore}
    found = {name: name.strip() for name in names if name not in others}
    if all(is_number(name, finite=True) or is_date(name) for name in found.values()):
        return found
    counted = {name: match[1] for name in found if (match := COUNTED.fullmatch(name.strip()))}
    if len(counted) == len(found) and len(set(counted.values())) == len(counted):
        return counted
    if columns.layout == "wide":
        return {name: str(position) for position, name in enumerate(found)}
    return {name: text for name, text in found.items() if is_number(text, finite=True) or is_date(text)}


def _others(names: Sequence[str], columns: ColumnNames) -> list[str]:
    known = {columns.case or CASE, LABEL if columns.label is None else columns.label, CHANNEL}
    return [name for name in names if name in known or CODE.fullmatch(name) or name in columns.ignore]
