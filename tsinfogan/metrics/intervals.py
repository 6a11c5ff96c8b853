"""A mean over repeats, and how far chance may have moved it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean over draws, and half of its 95 % interval."""

    mean: float
    half_width: float

    @property
    def excludes_zero(self) -> bool:
        """Whether the draws can tell the sign."""
        return abs(self.mean) > self.half_width

    @property
    def points(self) -> str:
        """In hundredths: ``21.3 ± 2.0``."""
        return f"{100 * self.mean:.1f} ± {100 * self.half_width:.1f}"


def estimate(values: ArrayLike) -> Estimate:
    """Mean of ``(n,)`` draws and half of Student's 95 % interval; of one draw it has no end."""
    draws = np.asarray(values, dtype=np.float64)
    n = len(draws)
    if n < 2:
        return Estimate(float(draws.mean()), math.inf)
    quantile = float(t.ppf((1 + CONFIDENCE) / 2, n - 1))
    return Estimate(float(draws.mean()), quantile * float(draws.std(ddof=1)) / math.sqrt(n))
