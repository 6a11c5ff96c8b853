"""Principal components of real series, along which others are measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsinfogan.data.panel import FloatArray

MIN_SPREAD = 1e-6
"""Relative to the greatest: components with less are rounding errors."""


@dataclass(frozen=True, eq=False)
class Components:
    """Principal components of points, the greatest first: orthonormal axes, and the standard deviation along each."""

    mean: NDArray[np.float64]  # (d,)
    axes: NDArray[np.float64]  # (p, d)
    spread: NDArray[np.float64]  # (p,)

    @classmethod
    def of(cls, points: FloatArray) -> Components:
        """Those of ``(n, d)`` points that vary at all."""
        mean = points.mean(axis=0, dtype=np.float64)
        _, scale, axes = np.linalg.svd(points - mean, full_matrices=False)
        kept = scale > MIN_SPREAD * max(scale[0], MIN_SPREAD)
        return cls(mean, axes[kept], scale[kept] / np.sqrt(max(len(points) - 1, 1)))

    def holding(self, share: float = 0.99, most: int = 50) -> int:
        """How many of the first hold this share of the variance, at most ``most``."""
        held = np.cumsum(self.spread**2)
        return min(int(np.searchsorted(held, share * held[-1])) + 1, most, len(held)) if len(held) else 0

    def project(self, points: NDArray[Any], n: int) -> NDArray[np.float64]:
        """``(m, n)`` coordinates of ``(m, d)`` points along the first n."""
        projected: NDArray[np.float64] = (points - self.mean) @ self.axes[:n].T
        return projected
