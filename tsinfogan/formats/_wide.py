"""Wide tables: ``case,channel,<codes>,label`` and then one column a timepoint, one row a case and channel."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tsinfogan.data.columns import CASE, CODE, LABEL, TIME, USUAL, ColumnNames, Windows, check_columns, listed
from tsinfogan.data.panel import ChannelKind, FloatArray, IntArray, Panel, encode_labels
from tsinfogan.data.windows import check_size
from tsinfogan.errors import DataError
from tsinfogan.formats import CaseColumns
from tsinfogan.formats._cells import DATE, Times, in_python, plain, read_channel, read_times
from tsinfogan.formats._series import panel_from_series, stem
from tsinfogan.formats._time import interpolated, laid_out
from tsinfogan.formats.blocks import case_array, channel_array, time_axis, with_label, written_kinds

CHANNEL = "channel"
VALUE = "value"
"""Name of the one channel of a file that has no column for it."""
AXIS = "the header"


def is_wide(names: Sequence[str], columns: ColumnNames = USUAL) -> bool:
    """Whether a header is a wide table's: no time, and beside case, channel, codes and label only timepoints."""
    if columns.time is not None or TIME in names:
        return False
    points = _points(names, columns)
    return 0 < len(points) < len(names) and len(points) + len(_others(names, columns)) == len(names)


def wide_names(source: Path, table: pa.Table) -> tuple[str, ...]:
    """``case, time``, the channels and the case columns of a wide table, as a long one has them."""
    names = table.column_names
    channels = _rows(table, source.name, CHANNEL)[0] if CHANNEL in names else [VALUE]
    others = [name for name in _others(names, ColumnNames()) if name not in (CASE, CHANNEL)]
    return (CASE, TIME, *map(str, channels), *others)


def panel_from_wide(table: pa.Table, source: Path, columns: ColumnNames, windows: Windows | None) -> Panel:
    """The panel in a wide table; rows may come in any order. Empty cells after a case's last value are beyond its end.

    Raises:
        DataError: the table cannot be understood.
    """
    file, names = source.name, table.column_names
    check_columns(names, ColumnNames(columns.case, None, columns.label), file)
    if not is_wide(names, columns):
        raise DataError(
            f"{file} has the columns {listed(names)}; expected case, channel, label and one column a timepoint, called "
            "by its time"
        )
    if not table.num_rows:
        raise DataError(f"{file} has a header and no rows; expected one row for each case and channel")
    case_name = columns.case or CASE
    n_rows = table.num_rows
    every = (list(range(n_rows)), np.arange(n_rows))
    case_ids, case = _rows(table, file, case_name) if case_name in names else every
    channels, channel = _rows(table, file, CHANNEL) if CHANNEL in names else ([VALUE], np.zeros(n_rows, np.int64))
    _check_complete(file, case_ids, case, channels, channel)

    points = _points(names, columns)
    axis = read_times(pa.array([name.strip() for name in points]), file, AXIS, lambda row: f"column {points[row]!r}")
    order = np.argsort(axis.values, kind="stable")

    values: FloatArray = np.full((len(case_ids), len(channels), len(points)), np.nan, np.float32)
    kinds: list[ChannelKind] = []
    for number, name in enumerate(channels):
        rows = np.flatnonzero(channel == number)

        def where(cell: int, rows: IntArray = rows) -> str:
            index, row = divmod(cell, len(rows))
            return f"case {case_ids[case[rows[row]]]}, timepoint {points[order[index]]}"

        cells = pa.concat_arrays([plain(table[points[index]]).take(pa.array(rows)) for index in order])
        numbers = read_channel(cells, file, str(name), where)
        values[case[rows], number] = numbers.values.reshape(len(points), len(rows)).T
        kinds.append(numbers.kind)
    present: NDArray[np.bool_] = np.any(np.isfinite(values), axis=1)  # (n, t)
    lengths = np.where(present.any(1), len(points) - present[:, ::-1].argmax(1), len(points))
    ordered = Times(axis.values[order], axis.zone)
    grid = laid_out(
        ordered,
        np.zeros(len(points), np.int64),
        np.array([len(points)]),
        file,
        lambda row: f"column {points[order[row]]!r}",
        None,
    )
    if grid.lengths[0] != len(points) or not grid.is_even:
        check_size((*values.shape[:2], int(grid.lengths[0])), file, "shorten the longest case")
        spread = np.full((*values.shape[:2], int(grid.lengths[0])), np.nan, np.float32)
        for index in np.ndindex(values.shape[:2]):
            if grid.is_even:
                spread[index][grid.position.astype(np.int64)] = values[index]
            else:
                whole = kinds[index[1]] != "real"
                spread[index] = interpolated(values[index], grid, np.array([len(points)]), whole=whole)
        lengths = np.rint(grid.position[lengths - 1]).astype(np.int64) + 1
        spread[np.broadcast_to(np.arange(spread.shape[2]) >= lengths[:, None, None], spread.shape)] = np.nan
        values = spread
    values = values[:, :, : int(lengths.max())]
    labels, classes = _labels(table, file, columns.label or LABEL, case_ids, case)
    return panel_from_series(
        values,
        [str(name) for name in channels],
        source=file,
        columns=columns,
        windows=windows,
        lengths=lengths.astype(np.int64) if np.ptp(lengths) else None,
        labels=labels,
        kinds=kinds,
        cases=case_ids,
        notes=grid.notes,
        classes=classes,
        name=stem(source),
        time_step=grid.step,
        time_unit=grid.unit,
        time_origin=grid.origin if grid.frequency else "",
        time_frequency=grid.frequency,
    )


class WideWriter:
    """Keeps all pieces and writes them at close, because the header needs the longest case."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._panels: list[Panel] = []
        self._columns: list[CaseColumns] = []

    def write(self, panel: Panel, columns: CaseColumns) -> None:
        """Keeps the cases of ``panel`` for :meth:`close`.

        Raises:
            DataError: they are images, or a case column would be read back as something else.
        """
        if panel.values.ndim == 4:
            raise DataError("a wide table holds series, got images; write them as csv, parquet or npz")
        if strange := [name for name in columns if name != LABEL and not CODE.fullmatch(name)]:
            raise DataError(f"case columns are called cat…, cont… or {LABEL}, got {strange[0]!r}")
        self._panels.append(panel)
        self._columns.append(with_label(panel, columns))

    def close(self) -> None:
        """Writes the file; one of which nothing was written stays empty."""
        if self._panels:
            panel = Panel.concatenated(self._panels)
            lines = []
            pieces = {name: [np.asarray(part[name]) for part in self._columns] for name in self._columns[0]}
            columns = {
                name: list(map(_quoted, _texts(case_array(np.concatenate(parts))))) for name, parts in pieces.items()
            }
            lines.append([CASE, CHANNEL, *columns, *_texts(time_axis(panel))])
            kinds = written_kinds(panel)
            for case in range(panel.n_cases):
                of_case = [column[case] for column in columns.values()]
                rest = [""] * (panel.grid[0] - int(panel.case_lengths[case]))
                for channel, values in enumerate(panel.case(case)):
                    cells = _texts(channel_array(np.ascontiguousarray(values), kinds[channel]))
                    lines.append([str(case), _quoted(panel.channels[channel]), *of_case, *cells, *rest])
            self._stream.write("".join(",".join(line) + "\n" for line in lines).encode())
        self._stream.flush()


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if re.search('[",\r\n]', text) else text


def _texts(values: pa.Array) -> list[str]:
    return ["" if text is None else text for text in values.cast(pa.string()).to_pylist()]


def _points(names: Sequence[str], columns: ColumnNames) -> list[str]:
    others = set(_others(names, columns))
    return [name for name in names if name not in others and _is_time(name)]


def _others(names: Sequence[str], columns: ColumnNames) -> list[str]:
    known = {columns.case or CASE, columns.label or LABEL, CHANNEL}
    return [name for name in names if name in known or CODE.fullmatch(name)]


def _is_time(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text))) and "_" not in text
    except ValueError:
        return bool(DATE.match(text.strip()))


def _rows(table: pa.Table, file: str, name: str) -> tuple[list[Any], IntArray]:
    """Distinct values of a column in order of appearance, and the position of each row's."""
    coded = plain(table[name]).dictionary_encode()
    position = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    values = in_python(coded.dictionary)
    absent = (position < 0) | np.array([value in (None, "") for value in (*values, None)])[position]
    if absent.any():
        raise DataError(f"{file} has no {name} in row {int(np.argmax(absent)) + 1} of the data; fill it in")
    return values, position


def _check_complete(file: str, case_ids: list[Any], case: IntArray, channels: list[Any], channel: IntArray) -> None:
    counts = np.zeros((len(case_ids), len(channels)), np.int64)
    np.add.at(counts, (case, channel), 1)
    if (counts != 1).any():
        first, which = map(int, np.argwhere(counts != 1)[0])
        raise DataError(
            f"{file}: expected one row for each case and channel, got {counts[first, which]} for case "
            f"{case_ids[first]}, channel {channels[which]!r}; complete the file"
        )


def _labels(
    table: pa.Table, file: str, name: str, case_ids: list[Any], case: IntArray
) -> tuple[IntArray | None, tuple[str, ...]]:
    if name not in table.column_names:
        return None, ()
    texts = plain(table[name]).to_pylist()
    if not any(texts):
        raise DataError(f"{file} has a column {name!r} that is empty in every row; fill it in or drop it")
    of_case: dict[int, str] = {}
    for row, text in zip(case.tolist(), texts, strict=True):
        if of_case.setdefault(row, text) != text:
            raise DataError(
                f"{file}: expected one label a case, got {of_case[row]!r} and then {text!r} in case {case_ids[row]}; "
                "give all rows of a case the same label"
            )
    return encode_labels([of_case[row] for row in range(len(case_ids))])
