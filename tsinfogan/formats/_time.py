"""From the times of rows to places on a regular grid, or to the points where an even grid has to be interpolated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsinfogan.data.dates import calendar_positions, fixed_frequency, origin_text, step_and_unit
from tsinfogan.data.panel import FloatArray, IntArray
from tsinfogan.errors import DataError
from tsinfogan.formats._cells import Times

TOLERANCE = 0.1
"""Greatest distance of a row from its place on the grid, in time steps, that counts as the jitter of a clock."""
SILENT = 1e-3
"""Greatest such distance that is taken as rounding and not mentioned."""
REACH = 1.5
"""A point of an even grid farther than this from every row, in time steps, counts as a missing value."""
MAX_POINTS_A_ROW = 4
"""An even grid of more points than this for each row would mostly be invented, whatever ``REACH`` says."""


@dataclass(frozen=True)
class Grid:
    """Where rows, sorted by case and time, lie in time.

    Attributes:
        position: ``(n_rows,)`` time since the case's first row in steps; whole numbers where ``is_even``.
        lengths: ``(n_cases,)`` points of the grid of each case.
        is_even: whether every row is a point of the grid.
        step: time between two points.
        unit: of ``step`` where times are dates; else empty.
        origin: earliest date, ISO 8601; else empty.
        frequency: of dates; else empty.
        notes: what was changed, a sentence each.
    """

    position: NDArray[np.float64]
    lengths: IntArray
    is_even: bool
    step: float = 1.0
    unit: str = ""
    origin: str = ""
    frequency: str = ""
    notes: tuple[str, ...] = ()


def counted(lengths: IntArray, stated: float | None = None) -> Grid:
    """The grid of rows without times, at the step that the file states, or 1."""
    return Grid(indices(lengths).astype(np.float64), lengths, True, stated or 1.0)


def laid_out(
    times: Times, case: IntArray, lengths: IntArray, source: str, where: Callable[[int], str], stated: float | None
) -> Grid:
    """The grid that times follow, or the even one of their median step.

    Args:
        times: sorted by case and time.
        case: ``(n_rows,)`` sorted.
        lengths: ``(n_cases,)`` rows of each case.
        source: what the data is called in messages.
        where: gives a sorted row in words.
        stated: step that the file states, or None.

    Raises:
        DataError: two rows of a case have the same time, or so few of the points of an even grid are there that most
            would be invented.
    """
    index, raw = indices(lengths), times.values
    inner = np.flatnonzero(index)
    start = np.cumsum(lengths) - lengths
    origin = origin_text(int(raw.min()), bool(times.zone)) if times.are_dates else ""
    notes = _notes_on_beginnings(times, start, source)
    if not len(inner):
        return Grid(index.astype(np.float64), lengths, True, stated or 1.0, origin=origin, notes=notes)
    if len(same := inner[raw[inner] == raw[inner - 1]]):
        raise DataError(f"{source} has two rows for {where(int(same[0]))}; keep one of them")
    calendar = None
    if times.are_dates:
        calendar = calendar_positions(raw, raw[start][case], inner)  # type: ignore[arg-type]
    time: NDArray[np.float64] = (raw - (raw.min() if times.are_dates else 0)).astype(np.float64)
    step, position = _stepped(time, case, lengths, index, inner)
    if calendar is not None:
        position, frequency = calendar
    if not np.isfinite(step) or not step > 0:
        raise DataError(f"{source}: expected times that can be told apart, got steps of {step}; rescale them")
    n_points = _n_points(position, time, inner, lengths, step, source, where)
    nearest = np.rint(position)
    off = np.abs(position - nearest)
    is_even = bool((off <= TOLERANCE).all() and (nearest[inner] > nearest[inner - 1]).all())
    unit = ""
    if times.are_dates:
        frequency = fixed_frequency(max(1, round(step))) if calendar is None else frequency
        step, unit = step_and_unit(step)
        said = frequency
    else:
        step = _as_written(step, time, start, lengths, stated)
        said = f"{step:.6g}"
    if not is_even:
        notes += (
            f"{source}: times are uneven, so the series are resampled linearly to the median step {said}, "
            f"{n_points.sum()} points in place of {len(index)} rows",
        )
        return Grid(position, n_points, False, step, unit, origin, frequency if times.are_dates else "", notes)
    if (absent := int(n_points.sum()) - len(index)) > 0:
        notes += (f"{source}: {absent} rows are absent at a regular step of {said}, and count as missing values",)
    if (worst := float(off.max())) > SILENT:
        notes += (f"{source}: times are off a regular step of {said} by up to {worst:.1%} of it, and set to it",)
    return Grid(nearest, n_points, True, step, unit, origin, frequency if times.are_dates else "", notes)


def interpolated(channel: FloatArray, grid: Grid, lengths: IntArray, *, whole: bool) -> FloatArray:
    """``(n_points of all cases,)`` values at the points of an even grid, NaN where no row is near.

    Args:
        channel: ``(n_rows,)`` sorted, NaN where missing.
        grid: what :func:`laid_out` gave.
        lengths: ``(n_cases,)`` rows of each case.
        whole: whether the values are rounded to whole numbers.
    """
    pieces = []
    begin = np.cumsum(lengths) - lengths
    for first, n_rows, n_points in zip(begin, lengths, grid.lengths, strict=True):
        position, row = grid.position[first : first + n_rows], channel[first : first + n_rows]
        point = np.arange(n_points)
        values = np.interp(point, position, row.astype(np.float64))
        after = np.searchsorted(position, point).clip(0, n_rows - 1)
        distance = np.minimum(np.abs(position[after] - point), np.abs(position[(after - 1).clip(0)] - point))
        values[distance > REACH] = np.nan
        pieces.append(np.rint(values) if whole else values)
    joined: FloatArray = np.concatenate(pieces).astype(np.float32)
    return joined


def indices(lengths: IntArray) -> IntArray:
    """``(n_rows,)`` 0, 1, … within each case of so many rows."""
    return np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)


def _stepped(
    time: NDArray[np.float64], case: IntArray, lengths: IntArray, index: IntArray, inner: IntArray
) -> tuple[float, NDArray[np.float64]]:
    """The step and each row's time since its case's begin in steps.

    The mean gap where rows lie on its grid but for rounding, else the median where they lie near that, else the mean
    where they do; a day that an hour is taken from leaves the others whole days. The median too where times are uneven.
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


def _n_points(
    position: NDArray[np.float64],
    time: NDArray[np.float64],
    inner: IntArray,
    lengths: IntArray,
    step: float,
    source: str,
    where: Callable[[int], str],
) -> IntArray:
    """``(n_cases,)`` points of an even grid, where they are not far more than there are rows."""
    last = position[np.cumsum(lengths) - 1]
    if not (last < MAX_POINTS_A_ROW * lengths).all():  # the last place may be infinite
        with np.errstate(all="ignore"):
            gaps = time[inner] - time[inner - 1]
        row = int(inner[np.argmax(gaps)])
        raise DataError(
            f"{source}: expected times at a step of about {step:.6g}, as in most places, got a gap of "
            f"{gaps.max() / step:.6g} steps before {where(row)}; start a new case at a gap, or resample the series"
        )
    return np.rint(last).astype(np.int64) + 1


def _as_written(
    step: float, time: NDArray[np.float64], start: IntArray, lengths: IntArray, stated: float | None
) -> float:
    """The step as the file has it, where it states it or times start at 0; else rounded to nine digits."""
    candidates = [] if stated is None else [stated]
    from_zero = start[(lengths > 1) & (time[start] == 0)]
    candidates += time[from_zero[:1] + 1].tolist()
    exact = [candidate for candidate in candidates if abs(candidate - step) <= 1e-9 * step]
    return float(exact[0] if exact else f"{step:.9g}")


def _notes_on_beginnings(times: Times, start: IntArray, source: str) -> tuple[str, ...]:
    begin: NDArray[Any] = times.values[start]
    notes = []
    if times.zone and times.zone != "UTC":
        notes.append(f"{source}: dates of zone {times.zone} are converted to UTC")
    if times.are_dates:
        if np.ptp(begin):
            first, last = (origin_text(int(date), bool(times.zone)) for date in (begin.min(), begin.max()))
            notes.append(f"{source}: cases begin between {first} and {last}, and all are dated from {first} on")
    elif begin.any():
        values = sorted({float(begin.min()), float(begin.max())})
        notes.append(
            f"{source}: time is counted from the first row of each case, which stands at "
            f"{' to '.join(f'{value:.9g}' for value in values)}"
        )
    return tuple(notes)
