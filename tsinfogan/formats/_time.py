"""From the times of rows to positions on a regular grid, onto which uneven series are interpolated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsinfogan.data.dates import DAY_NS, calendar_positions, fixed_frequency, origin_text, step_and_unit
from tsinfogan.data.panel import IntArray
from tsinfogan.errors import DataError
from tsinfogan.formats._cells import Times

TOLERANCE = 0.1
"""Largest distance of a row from its grid point, in time steps, that is taken as jitter of a clock."""
SILENT = 1e-3
"""Largest such distance that is taken as rounding, and not mentioned."""
REACH = 1.5
"""A grid point farther than this from every row, in time steps, is a missing value."""
MAX_RATE = 1.5
"""Largest ratio of the median steps of two cases that are recorded at one rate."""
MIN_ROWS_OF_RATE = 4
"""Fewest rows by which the rate of a case is known."""
MAX_ALIAS = 6
"""Longest alias of a frequency that is shown to people, such as ``720min``."""
ROWS_AT_ONCE = 1 << 20
MAX_POINTS_A_ROW = 4
"""Largest number of grid points for each row: with more, most values would be invented."""


@dataclass(frozen=True)
class Grid:
    """The regular grid of rows that are sorted by case and time."""

    position: NDArray[Any]  # (n_rows,) time since the first row of the case in steps; whole if ``is_even``
    lengths: IntArray  # (n_cases,) grid points of each case
    is_even: bool  # whether every row lies on a grid point
    step: float = 1.0  # time between two grid points
    unit: str = ""  # of ``step`` if times are dates
    origin: str = ""  # earliest date in ISO 8601, if times are dates
    frequency: str = ""  # of dates
    notes: tuple[str, ...] = ()  # what was changed, one sentence each


def laid_out(
    times: Times, case: IntArray, lengths: IntArray, source: str, where: Callable[[int], str], stated: float | None
) -> Grid:
    """The regular grid that the times follow; for uneven times, one with their median step.

    The rows are sorted by case and time: ``case`` ``(n_rows,)`` is the case of each, ``lengths`` ``(n_cases,)`` counts
    the rows of each case, and ``where`` describes a row. ``stated`` is the step that the file states, if it does.
    """
    raw, start = times.values, np.cumsum(lengths) - lengths
    origin = origin_text(int(raw.min()), bool(times.zone)) if times.are_dates else ""
    notes = _notes_on_beginnings(times, start, source)
    if (regular := _regular(times, case, lengths, start)) is not None:
        step, places = regular
        if times.are_dates:
            frequency = fixed_frequency(max(1, round(step)))
            return Grid(places, lengths, True, *step_and_unit(step), origin, frequency, notes)
        step = _as_written(step, raw, start, lengths, stated)  # type: ignore[arg-type]
        return Grid(places, lengths, True, step, times.unit, notes=notes)
    index = indices(lengths)
    inner = np.flatnonzero(index)
    if not len(inner):
        return Grid(index.astype(np.float64), lengths, True, stated or 1.0, origin=origin, notes=notes)
    if len(same := inner[raw[inner] == raw[inner - 1]]):
        raise DataError(f"{source} has two rows for {where(int(same[0]))}; {_advice_on_two_rows(times, len(lengths))}")
    calendar = calendar_positions(raw, raw[start][case], inner) if times.are_dates else None  # type: ignore[arg-type]
    time: NDArray[np.float64] = (raw - (raw.min() if times.are_dates else 0)).astype(np.float64)
    _refuse_other_rates(time, lengths, start, times.are_dates, source, where)
    step, position = _stepped(time, case, lengths, index, inner)  # the step of a calendar varies: this is its mean
    if calendar is not None:
        position = calendar[0]
    if not np.isfinite(step) or not step > 0:
        raise DataError(f"{source}: expected times that can be told apart, got steps of {step}; rescale them")
    last = position[start + lengths - 1]
    if not (last < MAX_POINTS_A_ROW * lengths).all():  # the last position may be infinite
        raise _too_large_gap(time, inner, step, times.are_dates, source, where)
    n_points = np.rint(last).astype(np.int64) + 1  # (n_cases,)
    nearest = np.rint(position)
    off = np.abs(position - nearest)
    is_even = bool((off <= TOLERANCE).all() and (nearest[inner] > nearest[inner - 1]).all())
    unit = times.unit
    if times.are_dates:
        frequency = fixed_frequency(max(1, round(step))) if calendar is None else calendar[1]
        said = frequency if len(frequency) <= MAX_ALIAS else _step_text(step, True)
        step, unit = step_and_unit(step)
    else:
        step, frequency = _as_written(step, time, start, lengths, stated), ""
        said = f"{step:.6g}"
    if not is_even:
        notes += (
            f"{source}: times are uneven, so the series are resampled linearly to the median step {said}, "
            f"{n_points.sum()} points in place of {len(index)} rows",
        )
        return Grid(position, n_points, False, step, unit, origin, frequency, notes)
    if (absent := int(n_points.sum()) - len(index)) > 0:
        notes += (f"{source}: {absent} rows are absent at a regular step of {said}, and count as missing values",)
    if (worst := float(off.max())) > SILENT:
        notes += (f"{source}: times are off a regular step of {said} by up to {worst:.1%} of it, and set to it",)
    return Grid(nearest, n_points, True, step, unit, origin, frequency, notes)


def interpolated(channel: NDArray[np.float64], grid: Grid, lengths: IntArray, *, whole: bool) -> NDArray[np.float64]:
    """``(n_points,)`` values at the grid points of all cases, NaN where no row is near; rounded if ``whole``.

    ``channel`` holds the ``(n_rows,)`` values of the sorted rows, and ``lengths`` the ``(n_cases,)`` rows of each case.
    """
    pieces = []
    begin = np.cumsum(lengths) - lengths
    for first, n_rows, n_points in zip(begin, lengths, grid.lengths, strict=True):
        position, row = grid.position[first : first + n_rows], channel[first : first + n_rows]
        point = np.arange(n_points)
        values = np.interp(point, position, row)
        after = np.searchsorted(position, point).clip(0, n_rows - 1)
        distance = np.minimum(np.abs(position[after] - point), np.abs(position[(after - 1).clip(0)] - point))
        values[distance > REACH] = np.nan
        pieces.append(np.rint(values) if whole else values)
    return np.concatenate(pieces)


def indices(lengths: IntArray) -> IntArray:
    """``(n_rows,)`` 0, 1, … within each case of so many rows."""
    return np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)


def _stepped(
    time: NDArray[np.float64], case: IntArray, lengths: IntArray, index: IntArray, inner: IntArray
) -> tuple[float, NDArray[np.float64]]:
    """The step, and the time of each row since the first row of its case in steps.

    The step is the mean gap if all rows lie on its grid up to rounding. Otherwise it is the median gap if they lie on
    its grid up to jitter (it stays a day when clocks change), otherwise the mean gap if they lie on that one up to
    jitter. For uneven times it is the median gap.
    """
    start = np.cumsum(lengths) - lengths
    several = lengths > 1
    begin, end = time[start], time[start + lengths - 1]
    with np.errstate(all="ignore"):
        passed = time - begin[case]
        mean = float(np.median((end - begin)[several] / (lengths[several] - 1)))
        median = float(np.median(time[inner] - time[inner - 1]))
        for step, tolerance in ((mean, SILENT), (median, TOLERANCE), (mean, TOLERANCE)):
            if (np.abs(passed - index * step) <= tolerance * step).all():
                return step, passed / step
        return median, passed / median


def _regular(
    times: Times, case: IntArray, lengths: IntArray, start: IntArray
) -> tuple[float, NDArray[np.int32]] | None:
    """The step and the position of each row, if all rows lie on one step up to rounding: the usual case.

    Rows are looked at in pieces, as there may be very many. Dates a day or more apart may follow a calendar, and are
    left to the general way.
    """
    raw, several = times.values, lengths > 1
    if not several.any():
        return None
    origin = raw.min() if times.are_dates else 0
    begin, end = ((raw[rows] - origin).astype(np.float64) for rows in (start, start + lengths - 1))
    with np.errstate(all="ignore"):
        step = float(np.median((end - begin)[several] / (lengths[several] - 1)))
        if not 0 < step < (DAY_NS if times.are_dates else np.inf):
            return None
        position = np.empty(len(case), np.int32)
        for first in range(0, len(case), ROWS_AT_ONCE):
            rows = slice(first, first + ROWS_AT_ONCE)
            of = case[rows]
            position[rows] = index = np.arange(first, first + len(of)) - start[of]
            passed = (raw[rows] - origin).astype(np.float64) - begin[of]
            if not (np.abs(passed - index * step) <= SILENT * step).all():
                return None
    return step, position


def _step_text(step: float, are_dates: bool) -> str:
    """A step for people: of dates, with its unit."""
    if not are_dates:
        return f"{step:.6g}"
    value, unit = step_and_unit(step)
    return f"{value:.6g} {unit}"


def _refuse_other_rates(
    time: NDArray[np.float64],
    lengths: IntArray,
    start: IntArray,
    are_dates: bool,
    source: str,
    where: Callable[[int], str],
) -> None:
    """Raises a DataError if cases are recorded at different rates: one grid would change some of them."""
    steps: dict[int, float] = {}  # of the cases that are regular in themselves
    with np.errstate(all="ignore"):
        every = np.delete(np.diff(time), start[1:] - 1)
        if (np.abs(every - np.median(every)) <= TOLERANCE * np.median(every)).all():
            return
        for case in np.flatnonzero(lengths >= MIN_ROWS_OF_RATE).tolist():
            gaps = np.diff(time[start[case] : start[case] + lengths[case]])
            in_steps = gaps / np.median(gaps)
            if (np.abs(in_steps - np.rint(in_steps)) <= TOLERANCE).all():
                steps[case] = float(np.median(gaps))
    if steps and max(steps.values()) > MAX_RATE * min(steps.values()):
        ends = (function(steps, key=steps.__getitem__) for function in (min, max))
        each = [f"{_step_text(steps[case], are_dates)} at {where(int(start[case]))}" for case in ends]
        raise DataError(
            f"{source}: cases are recorded at different rates, such as a step of {' and of '.join(each)}; resample "
            "them to one rate, put them into two files, or number the rows of each case in the column of the time"
        )


def _too_large_gap(
    time: NDArray[np.float64],
    inner: IntArray,
    step: float,
    are_dates: bool,
    source: str,
    where: Callable[[int], str],
) -> DataError:
    with np.errstate(all="ignore"):
        gaps = time[inner] - time[inner - 1]
    row = int(inner[np.argmax(gaps)])
    return DataError(
        f"{source}: expected times at a step of about {_step_text(step, are_dates)}, as in most places, got a gap of "
        f"{gaps.max() / step:.6g} steps before {where(row)}; start a new case at a gap, or resample the series"
    )


def _advice_on_two_rows(times: Times, n_cases: int) -> str:
    advice = "keep one of them"
    if n_cases == 1:
        advice += ", or name the column that tells the cases apart (`columns.case`)"
    if times.are_dates and not times.zone:
        advice += "; if clocks went back an hour here, write dates with their offset, such as 2024-10-27T02:00+01:00"
    return advice


def _as_written(
    step: float, time: NDArray[np.float64], start: IntArray, lengths: IntArray, stated: float | None
) -> float:
    """The step without rounding errors: as the file states it or as times from 0 show it, else rounded to 9 digits."""
    from_zero = start[(lengths > 1) & (time[start] == 0)]
    candidates = [*([] if stated is None else [stated]), *time[from_zero[:1] + 1].tolist()]
    exact = [candidate for candidate in candidates if abs(candidate - step) <= 1e-9 * step]
    return float(exact[0] if exact else f"{step:.9g}")


def _notes_on_beginnings(times: Times, start: IntArray, source: str) -> tuple[str, ...]:
    begin: NDArray[Any] = times.values[start]
    notes = [f"{source}: {times.how}"] if times.how else []
    if times.zone and times.zone != "UTC":
        notes.append(f"{source}: dates of zone {times.zone} are converted to UTC")
    if times.are_dates:
        if np.ptp(begin):
            first, last = (origin_text(int(date), bool(times.zone)) for date in (begin.min(), begin.max()))
            notes.append(f"{source}: cases begin between {first} and {last}, and all are dated from {first} on")
    elif begin.any():
        span = " to ".join(f"{value:.9g}" for value in sorted({float(begin.min()), float(begin.max())}))
        notes.append(f"{source}: time is counted from the first row of each case, which stands at {span}")
    return tuple(notes)
