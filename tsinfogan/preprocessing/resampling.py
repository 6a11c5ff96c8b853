"""Series of any length on any other number of points, by cubic splines."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline, make_interp_spline

NUMBERS_AT_ONCE = 4_000_000
"""Numbers that are resampled at once; the spline of so many takes some hundred megabytes."""


def resampled(values: NDArray[np.float32], n_to: int) -> NDArray[np.float32]:
    """Series ``(n, c, n_from)`` on ``n_to`` points over the same span, by a not-a-knot cubic spline."""
    return np.concatenate([evaluated(spline_of(part), n_to) for part in _parts(values)])


def resampled_each(values: NDArray[np.float32], lengths: NDArray[np.int64], greatest: int) -> NDArray[np.float32]:
    """Series ``(n, c, n_from)`` on ``lengths`` ``(n,)`` points each: ``(n, c, greatest)``, NaN beyond the length."""
    series = np.full((*values.shape[:2], greatest), np.nan, np.float32)
    start = 0
    for part in _parts(values):
        spline, wanted = spline_of(part), lengths[start : start + len(part)]
        for length in np.unique(wanted):
            rows = np.flatnonzero(wanted == length)
            some = BSpline.construct_fast(spline.t, spline.c[:, rows], spline.k)
            series[start + rows, :, :length] = evaluated(some, int(length))
        start += len(part)
    return series


def _parts(values: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    n_rows = max(1, NUMBERS_AT_ONCE // values[0].size)
    return [values[start : start + n_rows] for start in range(0, len(values), n_rows)]


def spline_of(values: NDArray[np.float32]) -> BSpline:
    """The spline through series ``(n, c, t)``, of at most third degree, with coefficients ``(t, n, c)``."""
    n_points = values.shape[-1]
    return make_interp_spline(np.linspace(0, 1, n_points), np.moveaxis(values, -1, 0), k=min(3, n_points - 1))


def evaluated(spline: BSpline, n_to: int) -> NDArray[np.float32]:
    """Series ``(n, c, n_to)`` of what :func:`spline_of` gave."""
    return np.moveaxis(spline(np.linspace(0, 1, n_to)), 0, -1).astype(np.float32)
