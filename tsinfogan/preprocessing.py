"""From raw units to what the networks see, and exactly back: each channel scaled, unequal lengths on a common grid.

Series of unequal length are resampled by a cubic spline to the shortest grid that keeps the error under one percent,
and the duration travels as one more, constant channel. So no padding exists that could be learned as signal, and the
duration is learned together with the codes.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline, make_interp_spline
from scipy.sparse import csr_array

from tsinfogan.panel import FloatArray, IntArray, Panel

GREATEST_RESAMPLING_ERROR = 0.01
GRID_MULTIPLE = 8
CASES_TO_CHOOSE_GRID = 200


@dataclass(frozen=True)
class Preprocessor:
    """A fitted, invertible mapping between panels and network arrays.

    Attributes:
        offset: subtracted from each channel.
        scale: each channel is divided by it afterwards.
        grid: spatial size that the networks see.
        low: least value seen in each channel.
        high: greatest value seen in each channel.
        bounded: whether the scaled channels span exactly [−1, 1] and never leave it.
        lengths: least and greatest length, where lengths differ; else None.
        log_length: mean and standard deviation of the log length, where lengths differ.
    """

    offset: tuple[float, ...]
    scale: tuple[float, ...]
    grid: tuple[int, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    bounded: bool = False
    lengths: tuple[int, int] | None = None
    log_length: tuple[float, float] = (0.0, 1.0)

    @classmethod
    def fit(cls, panel: Panel) -> Preprocessor:
        """Measures scale and lengths on ``panel``. Images are scaled to [−1, 1], series to zero mean, unit spread."""
        axes = (0, *range(2, panel.values.ndim))
        low, high = np.nanmin(panel.values, axis=axes), np.nanmax(panel.values, axis=axes)
        bounded = panel.view == "image"
        if bounded:
            offset, scale = (low + high) / 2, (high - low) / 2
        else:
            offset = np.nanmean(panel.values, axis=axes, dtype=np.float64)
            scale = np.nanstd(panel.values, axis=axes, dtype=np.float64)
        scale = np.where(scale > 0, scale, 1.0)
        fitted: dict[str, Any] = {
            "offset": _floats(offset),
            "scale": _floats(scale),
            "low": _floats(low),
            "high": _floats(high),
            "bounded": bounded,
        }
        if panel.lengths is None:
            return cls(grid=panel.grid, **fitted)
        log_length = np.log(panel.lengths)
        return cls(
            grid=(choose_grid(panel, scale),),
            lengths=(int(panel.lengths.min()), int(panel.lengths.max())),
            log_length=(float(log_length.mean()), float(log_length.std())),
            **fitted,
        )

    @property
    def n_channels(self) -> int:
        """Channels of the raw data."""
        return len(self.offset)

    @property
    def n_constant(self) -> int:
        """Trailing network channels that are constant over the grid: the duration, where lengths differ."""
        return 0 if self.lengths is None else 1

    def transform(self, panel: Panel) -> FloatArray:
        """Network arrays ``(n_cases, n_channels + n_constant, *grid)`` of a panel with the fitted channels."""
        column = (1, -1, *(1,) * len(panel.grid))
        offset, scale = (np.array(x, np.float32).reshape(column) for x in (self.offset, self.scale))
        if self.lengths is None:
            values: FloatArray = (panel.values - offset) / scale
            return values
        lengths = panel.case_lengths
        on_grid = np.empty((panel.n_cases, self.n_channels + 1, *self.grid), np.float32)  # (n, c + 1, t)
        for length in np.unique(lengths):
            rows = np.flatnonzero(lengths == length)
            scaled = (panel.values[rows, :, :length] - offset) / scale
            on_grid[rows, :-1] = resampled(scaled, self.grid[0])
        mean, spread = self.log_length
        on_grid[:, -1] = ((np.log(lengths) - mean) / (spread or 1.0))[:, None]
        return on_grid

    def inverse(self, values: FloatArray) -> tuple[FloatArray, IntArray | None]:
        """Raw values, NaN beyond each case's length, and the lengths (None where all are equal).

        Args:
            values: ``(n_cases, n_channels + n_constant, *grid)``.

        Returns:
            ``(n_cases, n_channels, n_timepoints)`` where n_timepoints is the greatest *fitted* length, so that
            arrays inverted in pieces fit together; or ``(n_cases, n_channels, *grid)``.
        """
        column = (1, -1, *(1,) * len(self.grid))
        offset, scale = (np.array(x, np.float32).reshape(column) for x in (self.offset, self.scale))
        if self.lengths is None:
            raw: FloatArray = values * scale + offset
            if self.bounded:
                low, high = (np.array(x, np.float32).reshape(column) for x in (self.low, self.high))
                raw = np.clip(raw, low, high)
            return raw, None
        mean, spread = self.log_length
        log_length = values[:, -1].mean(axis=1, dtype=np.float64) * spread + mean
        lengths = np.exp(np.clip(log_length, *np.log(self.lengths))).round().astype(np.int64)
        raw = np.full((len(values), self.n_channels, self.lengths[1]), np.nan, np.float32)
        coefficients = spline_coefficients(values[:, :-1] * scale + offset)  # (t, n, c)
        for length in np.unique(lengths):
            rows = np.flatnonzero(lengths == length)
            raw[rows, :, :length] = evaluated(coefficients[:, rows], int(length))
        return raw, lengths

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; :meth:`from_dict` is its inverse."""
        return asdict(self)

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> Preprocessor:
        """Rebuilds what :meth:`to_dict` gave."""
        fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
        return cls(**fields)


def resampled(values: FloatArray, n_to: int) -> FloatArray:
    """Series ``(n, c, n_from)`` on ``n_to`` points over the same span, by a not-a-knot cubic spline."""
    return evaluated(spline_coefficients(values), n_to)


def spline_coefficients(values: FloatArray) -> NDArray[np.float64]:
    """B-spline coefficients ``(t, n, c)`` of the spline through series ``(n, c, t)``, of at most third degree."""
    n_points = values.shape[-1]
    spline = make_interp_spline(np.linspace(0, 1, n_points), values, k=_degree(n_points), axis=-1)
    coefficients: NDArray[np.float64] = spline.c
    return coefficients


def evaluated(coefficients: NDArray[np.float64], n_to: int) -> FloatArray:
    """Series ``(n, c, n_to)`` from what :func:`spline_coefficients` gave."""
    n_from, *cases = coefficients.shape
    on_points = _evaluation(n_from, n_to) @ coefficients.reshape(n_from, -1)  # (n_to, n * c)
    return np.moveaxis(on_points.reshape(n_to, *cases), 0, -1).astype(np.float32)


@lru_cache(maxsize=1024)
def _evaluation(n_from: int, n_to: int) -> csr_array:
    """The sparse operator ``(n_to, n_from)`` from coefficients to points, worth keeping: lengths recur."""
    if n_from == 1:
        return csr_array(np.ones((n_to, 1)))
    degree = _degree(n_from)
    knots = make_interp_spline(np.linspace(0, 1, n_from), np.zeros(n_from), k=degree).t
    return csr_array(BSpline.design_matrix(np.linspace(0, 1, n_to), knots, degree))


def _degree(n_points: int) -> int:
    return min(3, n_points - 1)


def choose_grid(panel: Panel, scale: FloatArray) -> int:
    """The shortest grid on which series survive resampling there and back with a relative error under one percent."""
    rows = np.linspace(0, panel.n_cases - 1, min(panel.n_cases, CASES_TO_CHOOSE_GRID)).astype(int)
    cases = [panel.case(int(row)) / scale.astype(np.float32)[:, None] for row in rows]
    cases = [case - case.mean(axis=1, keepdims=True) for case in cases]
    energy = sum(float((case**2).sum()) for case in cases)

    def survives(size: int) -> bool:
        there_and_back = (resampled(resampled(case[None], size), case.shape[1])[0] for case in cases)
        error = sum(float(((back - case) ** 2).sum()) for back, case in zip(there_and_back, cases, strict=True))
        return error <= GREATEST_RESAMPLING_ERROR**2 * energy

    longest = -(-int(panel.case_lengths.max()) // GRID_MULTIPLE) * GRID_MULTIPLE
    sizes = range(GRID_MULTIPLE, longest, GRID_MULTIPLE)  # the error falls as they grow, so halving finds the first
    place = bisect_left(sizes, True, key=survives)
    return sizes[place] if place < len(sizes) else longest


def _floats(array: Any) -> tuple[float, ...]:
    return tuple(float(x) for x in array)
