"""From long tables to panels: what the columns mean, and one sentence for whatever is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tsinfogan.errors import DataError
from tsinfogan.panel import IntArray, Panel, encode_labels

LABEL = "label"
CODE = re.compile(r"cat\d*|cont\d+")
TIME_TOLERANCE = 0.1
"""Greatest distance of a timepoint from the regular grid, in time steps: sensor clocks jitter, gaps are 1 or more."""

Numbers = NDArray[np.floating[Any]]


class Columns(NamedTuple):
    """What the columns of a long table are taken as."""

    channels: tuple[str, ...]
    codes: tuple[str, ...]
    has_label: bool


def index_columns(names: Sequence[str]) -> tuple[str, ...]:
    """``case, time`` for series; ``case, row, column`` for images, which have no time."""
    is_image = "time" not in names and {"row", "column"} <= set(names)
    return ("case", "row", "column") if is_image else ("case", "time")


def describe_columns(names: Sequence[str]) -> Columns:
    """Which of the columns are channels and which are codes, and whether one is the label."""
    codes = tuple(name for name in names if CODE.fullmatch(name))
    others = {*index_columns(names), *codes, LABEL}
    return Columns(tuple(name for name in names if name not in others), codes, LABEL in names)


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file, open for reading.

    Raises:
        DataError: it is missing, a directory, not readable, or empty.
    """
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        raise DataError(f"there is no file {str(path)!r}; check the name and the directory") from None
    except IsADirectoryError:
        raise DataError(f"{str(path)!r} is a directory, expected a file; name one of the files in it") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{str(path)!r} cannot be read: {reason}; check the name and its permissions") from None
    with stream:
        if not stream.peek(1):
            raise DataError(f"{path.name} is empty; expected at least a header and two cases")
        yield stream


def panel_from_table(table: pa.Table, path: Path, time_step: float | None = None, time_unit: str = "") -> Panel:
    """The panel in a long table; rows may come in any order, cases keep the order of their first appearance.

    Args:
        table: columns as :func:`describe_columns` understands them.
        path: where it comes from, for messages and the panel's name.
        time_step: where the file states it; otherwise it is measured.
        time_unit: where the file states it.

    Raises:
        DataError: the table cannot be understood.
    """
    return _Reader(table, path).panel(time_step, time_unit)


class _Reader:
    def __init__(self, table: pa.Table, path: Path) -> None:
        names = table.column_names
        self.table, self.file, self.name = table, path.name, path.stem or path.name
        self.index = index_columns(names)
        self.columns = describe_columns(names)
        listed = ", ".join(map(repr, names))
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise DataError(f"{self.file} has several columns called {repeated[0]!r}; keep one of them")
        for name in self.index:
            if name not in names:
                raise DataError(
                    f"{self.file} has no column {name!r}, only {listed}; expected case, time, one column a channel"
                )
        if not self.columns.channels:
            raise DataError(f"{self.file} has no channel beside {listed}; add a column of numbers for each channel")
        if not table.num_rows:
            raise DataError(f"{self.file} has a header and no rows; expected one row for each timepoint of a case")

    def panel(self, time_step: float | None, time_unit: str) -> Panel:
        case_ids, case = self.cases()
        axes = [self.numbers(name, np.float64) for name in self.index[1:]]
        channels = [self.numbers(name, np.float32) for name in self.columns.channels]
        grid: tuple[int, ...]
        if len(axes) == 2:
            order, place, grid = self.pixels(case, axes[0], axes[1])
            lengths, step = np.full(len(case_ids), grid[0] * grid[1]), 1.0
        else:
            order = np.lexsort((axes[0], case))
            lengths = np.bincount(case)
            place = np.arange(len(case)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
            step = self.time_step(order, case[order], axes[0][order], place, lengths, time_step)
            grid = (int(lengths.max()),)
        case = case[order]
        values = np.full((len(case_ids), len(channels), int(np.prod(grid))), np.nan, np.float32)  # (n, c, t)
        for position, channel in enumerate(channels):
            values[case, position, place] = channel[order]
        labels, classes = self.labels(order, case)
        return Panel(
            values.reshape(*values.shape[:2], *grid),
            self.columns.channels,
            lengths=lengths.astype(np.int64) if len(grid) == 1 and np.ptp(lengths) else None,
            labels=labels,
            classes=classes,
            name=self.name,
            time_step=step,
            time_unit=time_unit,
            view="image" if len(grid) == 2 else "lines",
        )

    def where(self, row: int) -> str:
        """Such as ``case 3, time 0.01``, as the file has it."""
        return ", ".join(f"{name} {self.table[name][int(row)].as_py()}" for name in self.index)

    def factors(self, name: str) -> tuple[list[Any], IntArray]:
        """Distinct values in order of appearance, and the position of each row's; −1 where it is missing."""
        column = _plain(self.table[name])
        try:
            coded = column.dictionary_encode()
        except pa.ArrowException:
            raise DataError(f"{self.file}: column {name!r} holds {column.type}, expected numbers or text") from None
        values = coded.dictionary.to_pylist()
        missing = np.array([value in (None, "") or value != value for value in values], bool)
        position = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        position[np.append(missing, True)[position]] = -1
        return values, position

    def cases(self) -> tuple[list[Any], IntArray]:
        ids, case = self.factors("case")
        if (case < 0).any():
            raise DataError(f"{self.file} has no case id in row {int(np.argmin(case)) + 1} of the data; fill it in")
        return ids, case

    def numbers(self, name: str, dtype: type[np.floating[Any]]) -> Numbers:
        """``(n_rows,)`` finite numbers of a column."""
        column = _plain(self.table[name])
        is_text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
        try:
            cast = column.cast(pa.from_numpy_dtype(dtype), safe=False)
            numbers: Numbers = cast.to_numpy(zero_copy_only=False)
        except pa.ArrowException:
            if not is_text:
                raise DataError(
                    f"{self.file}: column {name!r} holds {column.type}, expected numbers; "
                    f"{'convert it to seconds' if name == 'time' else 'convert or drop it'}"
                ) from None
            numbers = self.numbers_by_hand(name, column.to_pylist(), dtype)
        finite = np.isfinite(numbers)
        if not finite.all():
            row = int(np.argmin(finite))
            raise DataError(
                f"{self.file}: expected a finite number, got {_shown(column[row].as_py())} in {self.where(row)}, "
                f"column {name!r}; fill in missing values, or leave out the rows after the end of a case"
            )
        return numbers

    def numbers_by_hand(self, name: str, texts: list[str | None], dtype: type[np.floating[Any]]) -> Numbers:
        """Slow and forgiving, of spaces and plus signs; names the first text that is no number."""
        numbers = [_number(text) for text in texts]
        if None in numbers:
            row = numbers.index(None)
            raise DataError(
                f"{self.file}: expected a number, got {_shown(texts[row])} in {self.where(row)}, column {name!r}; "
                f"correct it or drop the column"
            )
        with np.errstate(over="ignore"):
            return np.array(numbers, np.float64).astype(dtype)

    def time_step(
        self, order: IntArray, case: IntArray, time: Numbers, place: IntArray, lengths: IntArray, stated: float | None
    ) -> float:
        """Time between two points, from rows sorted by case and time; exactly as written where time starts at 0."""
        inner = np.flatnonzero(place[1:]) + 1
        if not len(inner):
            return stated or 1.0
        with np.errstate(all="ignore"):
            if len(same := inner[time[inner] == time[inner - 1]]):
                raise DataError(f"{self.file} has two rows for {self.where(order[same[0]])}; keep one of them")
            start = np.cumsum(lengths) - lengths
            several = lengths > 1
            begin, end = time[start], time[start + lengths - 1]
            step = float(np.median((end - begin)[several] / (lengths[several] - 1)))
            drift = np.abs((time - begin[case]) - place * step)
            regular = (drift <= TIME_TOLERANCE * step).all() and np.isfinite(step)
        if not regular:
            with np.errstate(all="ignore"):
                gaps = time[inner] - time[inner - 1]
                typical = np.median(gaps)
                row = int(inner[np.argmax(np.abs(gaps - typical))])
            raise DataError(
                f"{self.file}: expected a regular time step, {typical:.6g} in most places, got {time[row - 1]:.9g} and "
                f"then {time[row]:.9g} in case {self.table['case'][int(order[row])].as_py()}; resample the series, or "
                f"start a new case at a gap"
            )
        from_zero = start[several & (begin == 0)]
        candidates = [] if stated is None else [stated]
        candidates += time[from_zero[:1] + 1].tolist()
        exact = [candidate for candidate in candidates if abs(candidate - step) <= 1e-9 * step]
        return float(exact[0] if exact else f"{step:.9g}")

    def pixels(self, case: IntArray, row: Numbers, column: Numbers) -> tuple[IntArray, IntArray, tuple[int, int]]:
        """Order by case and place, place of each pixel so ordered, and ``(height, width)``."""
        height, width = int(row.max()) + 1, int(column.max()) + 1
        whole = (row == np.floor(row)) & (column == np.floor(column)) & (row >= 0) & (column >= 0)
        n_cases = int(case.max()) + 1
        if whole.all() and height * width * n_cases == len(case):
            place = (row * width + column).astype(np.int64)
            order = np.lexsort((place, case))
            place = place[order]
            if np.array_equal(place, np.tile(np.arange(height * width), n_cases)):
                return order, place, (height, width)
        raise DataError(
            f"{self.file}: expected one row for each of {height} × {width} pixels in each of {n_cases} cases, counted "
            f"from 0, got {len(case)} rows; complete the images"
        )

    def labels(self, order: IntArray, case: IntArray) -> tuple[IntArray | None, tuple[str, ...]]:
        """Label index of each case and class names, from rows sorted by ``case``."""
        if not self.columns.has_label:
            return None, ()
        names, label = self.factors(LABEL)
        if (label < 0).all():
            raise DataError(f"{self.file} has a column 'label' that is empty in every row; fill it in or drop it")
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


def _number(text: str | None) -> float | None:
    if not text or not text.strip():
        return np.nan
    try:
        return None if "_" in text else float(text)  # Python alone takes 1_000 for a number
    except ValueError:
        return None


def _plain(column: pa.ChunkedArray) -> pa.Array:
    """One chunk, without dictionaries."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    chunk = column.combine_chunks()
    return pa.concat_arrays(chunk.chunks) if isinstance(chunk, pa.ChunkedArray) else chunk


def _shown(value: object) -> str:
    if value is None or value == "":
        return "an empty cell"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
