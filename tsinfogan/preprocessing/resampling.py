"""Series of any length on any other number of points, by cubic splines."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline, make_interp_spline
from scipy.sparse import csr_array

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
