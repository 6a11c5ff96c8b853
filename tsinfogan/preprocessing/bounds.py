"""What samples of a channel keep of the data: bounds, steps such as whole tens, how series were standardized."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Bounds = Literal["auto", "observed", "none"]

TOUCHING_SHARE = 0.002
MIN_TOUCHING = 5
"""A channel is bounded if this share of its values, and at least so many, equal its least or greatest value."""

MAX_STEPS, VALUES_PER_STEP = 1000, 10
"""A channel has steps if at most so many span its range, and there are so many values for each of them."""
MAX_DECIMALS, MIN_OF_DECIMALS = 6, 100
"""Most decimals, and fewest values, of a channel whose samples are rounded to its decimals."""
MAX_FIRST_LOOK = 10_000
"""Values among which channels without steps are told cheaply."""
STEP_TOLERANCE = 0.01
"""Deviation of a value from whole steps, in steps, that counts as rounding."""
MIN_SERIES = 5
"""Fewest series of which it is said that all are standardized."""
SCALE_TOLERANCE = 1e-3
"""Distance of means and standard deviations of series, in such deviations, that counts as rounding."""


class Limits(NamedTuple):
    """Least and greatest value of a sample; None where there is no limit."""

    floor: float | None = None
    ceiling: float | None = None


class SeriesScale(NamedTuple):
    """What each series has, where all were standardized one by one: its mean, and its standard deviation.

    Attributes:
        ddof: squares are divided by the number of values less this, 0 or 1.
    """

    mean: float
    deviation: float
    ddof: int = 0

    def imposed(self, series: NDArray[np.float32]) -> NDArray[np.float32]:
        """``(n, t)``, NaN where there is no value, each moved and stretched to this; constant ones are only moved."""
        means, deviations = _moments(series, self.ddof)
        stretch = self.deviation / np.where(deviations > 0, deviations, 1)
        result: NDArray[np.float32] = ((series - means) * stretch + self.mean).astype(np.float32)
        return result


def find_series_scale(series: NDArray[np.float32]) -> SeriesScale | None:
    """Mean and standard deviation that all ``(n, t)`` series have, NaN where there is no value; None if they differ."""
    n_values = np.isfinite(series).sum(axis=1)
    if len(series) < MIN_SERIES or n_values.min() < 3:
        return None
    for ddof in (0, 1):
        means, deviations = _moments(series, ddof)
        mean, deviation = float(means.mean()), float(deviations.mean())
        if max(np.abs(means - mean).max(), np.abs(deviations - deviation).max()) < SCALE_TOLERANCE * deviation:
            return SeriesScale(mean, deviation, ddof)
    return None


def _moments(series: NDArray[np.float32], ddof: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``(n, 1)`` means and standard deviations of the values that are there."""
    means = np.asarray(np.nanmean(series, axis=1, keepdims=True, dtype=np.float64))
    return means, np.nanstd(series, axis=1, keepdims=True, dtype=np.float64, ddof=ddof)


def find_limits(values: NDArray[np.float32], whole: bool, bounds: str) -> Limits:
    """The limits of a channel with these values, NaN where there is none.

    Args:
        values: of any shape.
        whole: whether they are whole numbers. Such a channel, and a constant one, always keeps the observed range.
        bounds: ``observed`` for the observed range; ``none``; or ``auto``: the observed range if the channel is often
            at one end of it, else zero if all values have one sign.
    """
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if bounds == "observed" or whole or low == high:
        return Limits(low, high)
    if bounds == "none":
        return Limits()
    often = max(MIN_TOUCHING, TOUCHING_SHARE * np.isfinite(values).sum())
    if max((values == low).sum(), (values == high).sum()) >= often:
        return Limits(low, high)
    return Limits(0.0 if low >= 0 else None, 0.0 if high <= 0 else None)


def find_decimals(values: NDArray[np.float32]) -> int | None:
    """The number of decimals of a channel, such as 2 for prices; None if its values have more than float32 holds."""
    known = values[np.isfinite(values)].astype(np.float64)
    if known.size < MIN_OF_DECIMALS or not np.ptp(known):
        return None
    finest = np.ceil(-np.log10(10 * np.spacing(np.float32(np.abs(known).max()))))  # decimals that float32 holds
    held = known.astype(np.float32)
    for n_decimals in range(min(MAX_DECIMALS + 1, max(0, int(finest)))):
        if (np.round(known, n_decimals).astype(np.float32) == held).all():
            return n_decimals
    return None


def find_step(values: NDArray[np.float32]) -> float:
    """The step of a channel whose values are all the least one plus whole numbers of steps; 0 if there is none.

    A meter that counts in tens never shows 63.7, so 63.7 alone would tell a sample from real data.
    """
    known = values[np.isfinite(values)].astype(np.float64)
    low, high = known.min(), known.max()
    if low == high or len(np.unique(known[:MAX_FIRST_LOOK])) > MAX_STEPS + 1:
        return 0.0
    gaps = np.diff(np.unique(known))
    step = gaps.min()
    if (high - low) / step > MAX_STEPS + 0.5:
        return 0.0
    while (rest := np.abs(gaps - np.rint(gaps / step) * step)).max() > STEP_TOLERANCE * step:  # Euclid's algorithm
        step = rest[rest > STEP_TOLERANCE * step].min()
        if (high - low) / step > MAX_STEPS + 0.5:
            return 0.0
    n_steps = round((high - low) / step)
    return float((high - low) / n_steps) if known.size >= VALUES_PER_STEP * n_steps else 0.0
