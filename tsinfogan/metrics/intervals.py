"""A mean over repeats with its 95 % interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean over repeats and half of its 95 % interval; infinite where there was one computation only."""

    mean: float
    half_width: float

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of zero."""
        return abs(self.mean) > self.half_width

    @property
    def points(self) -> str:
        """In hundredths: ``21.3 ± 2.0``."""
        return f"{100 * self.mean:.1f} ± {100 * self.half_width:.1f}"


def number(estimate: Estimate | None) -> str:
    """Such as ``0.123 ± 0.010``; without the interval if there is none, and a dash if there is no finite mean."""
    if estimate is None or not math.isfinite(estimate.mean):
        return "–"
    mean, width = estimate.mean, estimate.half_width
    digits = 0 if abs(mean) >= 1000 or (mean.is_integer() and abs(mean) > 1) else 1 if abs(mean) >= 10 else 3
    text = f"{mean:.{digits}f}" + (f" ± {width:.{digits}f}" if math.isfinite(width) else "")
    return text.replace("-", "−")


def estimate(values: ArrayLike) -> Estimate:
    """Mean of ``(n,)`` values and half of Student's 95 % interval."""
    draws = np.asarray(values, dtype=np.float64)
    n = len(draws)
    if n < 2:
        return Estimate(float(draws.mean()), math.inf)
    quantile = float(t.ppf((1 + CONFIDENCE) / 2, n - 1))
    return Estimate(float(draws.mean()), quantile * float(draws.std(ddof=1)) / math.sqrt(n))


def json_numbers(**estimates: Estimate | None) -> dict[str, float | None]:
    """``name`` and ``name_half_width`` of each estimate; None for what is missing or not finite."""
    numbers: dict[str, float] = {}
    for name, one in estimates.items():
        mean, half_width = (math.nan, math.nan) if one is None else (one.mean, one.half_width)
        numbers |= {name: mean, f"{name}_half_width": half_width}
    return {name: number if math.isfinite(number) else None for name, number in numbers.items()}
