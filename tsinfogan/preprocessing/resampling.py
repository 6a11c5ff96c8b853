"""Series of any length on any other number of points, by cubic splines, and how many points are enough."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline, make_interp_spline
from scipy.sparse import csr_array

MAX_RESAMPLING_ERROR = 0.01
GRID_MULTIPLE = 8
CASES_TO_CHOOSE_GRID = 200
MIN_CASES_TO_CHOOSE_GRID = 20
NUMBERS_TO_CHOOSE_GRID = 2_000_000
"""Most numbers that a grid is chosen from; evenly spaced cases, then channels, are left out beyond that."""
NUMBERS_AT_ONCE = 4_000_000
"""Numbers that are resampled at once; the spline of so many takes some hundred megabytes."""


def resampled(values: NDArray[np.float32], n_to: int) -> NDArray[np.float32]:
    """Series ``(n, c, n_from)`` on ``n_to`` points over the same span, by a not-a-knot cubic spline."""
    return np.concatenate([evaluated(spline_coefficients(part), n_to) for part in _parts(values)])


def resampled_each(values: NDArray[np.float32], lengths: NDArray[np.int64], greatest: int) -> NDArray[np.float32]:
    """Series ``(n, c, n_from)`` on ``lengths`` ``(n,)`` points each: ``(n, c, greatest)``, NaN beyond the length."""
    series = np.full((*values.shape[:2], greatest), np.nan, np.float32)
    start = 0
    for part in _parts(values):
        coefficients = spline_coefficients(part)  # (n_from, n, c)
        wanted = lengths[start : start + len(part)]
        for length in np.unique(wanted):
            rows = np.flatnonzero(wanted == length)
            series[start + rows, :, :length] = evaluated(coefficients[:, rows], int(length))
        start += len(part)
    return series


def _parts(values: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    n_rows = max(1, NUMBERS_AT_ONCE // values[0].size)
    return [values[start : start + n_rows] for start in range(0, len(values), n_rows)]


def spline_coefficients(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """B-spline coefficients ``(t, n, c)`` of the spline through series ``(n, c, t)``, of at most third degree."""
    n_points = values.shape[-1]
    spline = make_interp_spline(np.linspace(0, 1, n_points), values, k=_degree(n_points), axis=-1)
    return spline.c


def evaluated(coefficients: NDArray[np.float64], n_to: int) -> NDArray[np.float32]:
    """Series ``(n, c, n_to)`` from what :func:`spline_coefficients` gave."""
    n_from, *cases = coefficients.shape
    on_points = _evaluation(n_from, n_to) @ coefficients.reshape(n_from, -1)  # (n_to, n * c)
    return np.moveaxis(on_points.reshape(n_to, *cases), 0, -1).astype(np.float32)


@lru_cache(maxsize=512)
def _evaluation(n_from: int, n_to: int) -> csr_array:
    """The sparse operator ``(n_to, n_from)`` from coefficients to points; cached, because lengths recur."""
    if n_from == 1:
        return csr_array(np.ones((n_to, 1)))
    degree = _degree(n_from)
    knots = make_interp_spline(np.linspace(0, 1, n_from), np.zeros(n_from), k=degree).t
    return csr_array(BSpline.design_matrix(np.linspace(0, 1, n_to), knots, degree))


def _degree(n_points: int) -> int:
    return min(3, n_points - 1)


def rows_to_choose_grid(n_cases: int, numbers_per_case: float) -> NDArray[np.int64]:
    """Indices of the evenly spaced cases, of ``n_cases`` with so many numbers each, that :func:`choose_grid` gets."""
    affordable = max(MIN_CASES_TO_CHOOSE_GRID, int(NUMBERS_TO_CHOOSE_GRID / numbers_per_case))
    n_chosen = min(n_cases, CASES_TO_CHOOSE_GRID, affordable)
    return np.linspace(0, n_cases - 1, n_chosen).astype(np.int64)


def choose_grid(cases: Sequence[NDArray[np.float32]], longest: int) -> int:
    """The shortest grid on which series survive resampling there and back with a relative error under one percent.

    Cases are ``(n_channels, length)`` each, all channels on one scale; the longest series may not be among them.
    """
    n_channels, n_numbers = cases[0].shape[0], sum(case.size for case in cases)
    n_chosen = min(n_channels, max(1, n_channels * NUMBERS_TO_CHOOSE_GRID // n_numbers))
    channels = np.linspace(0, n_channels - 1, n_chosen).astype(int)
    centred = [case[channels] - case[channels].mean(axis=1, keepdims=True) for case in cases]
    energy = sum(float((case**2).sum()) for case in centred)
    splines = [spline_coefficients(case[None]) for case in centred]  # (length, 1, c) each

    def survives(size: int) -> bool:
        error = 0.0
        for case, spline in zip(centred, splines, strict=True):
            back = resampled(evaluated(spline, size), case.shape[1])[0]
            error += float(((back - case) ** 2).sum())
        return error <= MAX_RESAMPLING_ERROR**2 * energy

    greatest = -(-longest // GRID_MULTIPLE) * GRID_MULTIPLE
    sizes = range(GRID_MULTIPLE, greatest, GRID_MULTIPLE)  # the error falls as they grow, so bisection finds the first
    index = bisect_left(sizes, True, key=survives)
    return sizes[index] if index < len(sizes) else greatest
