"""Series of any length on any other number of points, by cubic splines."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline, make_interp_spline

from tsinfogan.preprocessing.pace import EVEN, Pace

NUMBERS_AT_ONCE = 4_000_000
"""Numbers that are resampled at once; the spline of so many takes some hundred megabytes."""


def resampled(values: NDArray[np.float32], n_to: int, pace: Pace = EVEN) -> NDArray[np.float32]:
    """Series ``(n, c, n_from)`` on the ``n_to`` points of a grid, by a not-a-knot cubic spline."""
    return np.concatenate([on_grid(spline_of(part), values.shape[-1], n_to, pace) for part in _parts(values)])


def resampled_each(
    values: NDArray[np.float32], lengths: NDArray[np.int64], greatest: int, pace: Pace = EVEN
) -> NDArray[np.float32]:
    """Series ``(n, c, n_from)`` on a grid, as ``lengths`` ``(n,)`` rows each: ``(n, c, greatest)``, NaN beyond."""
    series = np.full((*values.shape[:2], greatest), np.nan, np.float32)
    start = 0
    for part in _parts(values):
        spline, wanted = spline_of(part), lengths[start : start + len(part)]
        for length in np.unique(wanted):
            rows = np.flatnonzero(wanted == length)
            some = BSpline.construct_fast(spline.t, spline.c[:, rows], spline.k)
            series[start + rows, :, :length] = off_grid(some, values.shape[2], int(length), pace)
        start += len(part)
    return series


def _parts(values: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    n_rows = max(1, NUMBERS_AT_ONCE // values[0].size)
    return [values[start : start + n_rows] for start in range(0, len(values), n_rows)]


def spline_of(values: NDArray[np.float32]) -> BSpline:
    """The spline through series ``(n, c, t)``, of at most third degree, with coefficients ``(t, n, c)``."""
    n_points = values.shape[-1]
    return make_interp_spline(np.linspace(0, 1, n_points), np.moveaxis(values, -1, 0), k=min(3, n_points - 1))


def on_grid(spline: BSpline, length: int, n_points: int, pace: Pace) -> NDArray[np.float32]:
    """Series ``(n, c, n_points)`` on a grid, of the spline through their ``length`` rows."""
    return _evaluated(spline, pace.rows(np.arange(n_points), n_points, length) / max(1, length - 1))


def off_grid(spline: BSpline, n_points: int, length: int, pace: Pace) -> NDArray[np.float32]:
    """The inverse: rows ``(n, c, length)``, of the spline through the ``n_points`` of a grid."""
    return _evaluated(spline, pace.points(np.arange(length), n_points, length) / max(1, n_points - 1))


def _evaluated(spline: BSpline, shares: NDArray[np.float64]) -> NDArray[np.float32]:
    """``(n, c, m)`` at ``(m,)`` shares of the span of the spline."""
    return np.moveaxis(spline(shares), 0, -1).astype(np.float32)
