"""What values the samples of a channel may take: none beyond the bounds, nor between the steps, of its data."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Bounds = Literal["auto", "observed", "none"]

TOUCHING_SHARE = 0.002
MIN_TOUCHING = 5
"""A channel is bounded where this share of its values, and no fewer than so many, are exactly its least or greatest."""

MAX_STEPS = 1000
VALUES_PER_STEP = 10
"""A channel goes in steps where its range has no more of them, and it so many values for each."""
LOOKED_AT = 10_000
STEP_TOLERANCE = 0.01
"""Of a step, by which a value may be off it."""


class Limits(NamedTuple):
    """Least and greatest value of a sample; None where there is no limit."""

    floor: float | None = None
    ceiling: float | None = None


def find_limits(values: NDArray[np.float32], whole: bool, bounds: str) -> Limits:
    """The limits of one channel.

    Args:
        values: all its values, of any shape; NaN where there is none.
        whole: whether they are whole numbers. Such a channel, and one that never changes, always keeps to the range
            seen.
        bounds: ``observed`` for the range seen; ``none``; or ``auto``: the range seen where a channel touches an end
            of it often; else zero where it never passes zero.
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


def find_step(values: NDArray[np.float32]) -> float:
    """The step of a channel all of whose values are whole numbers of it from the least one, 0 for one without.

    A meter that counts in tens never shows 63.7: a sample that does is told by that alone.

    Args:
        values: all its values, of any shape; NaN where there is none.
    """
    known = values[np.isfinite(values)].astype(np.float64)
    low, high = known.min(), known.max()
    if low == high or len(np.unique(known[:LOOKED_AT])) > MAX_STEPS + 1:
        return 0.0
    gaps = np.diff(np.unique(known))
    step = gaps.min()
    if (high - low) / step > MAX_STEPS + 0.5:
        return 0.0
    while (rest := _rest(gaps, step)).max() > STEP_TOLERANCE * step:  # Euclid's greatest common measure
        step = rest[rest > STEP_TOLERANCE * step].min()
        if (high - low) / step > MAX_STEPS + 0.5:
            return 0.0
    n_steps = round((high - low) / step)
    return float((high - low) / n_steps) if known.size >= VALUES_PER_STEP * n_steps else 0.0


def _rest(gaps: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    """How far each gap is from a whole number of steps."""
    rest: NDArray[np.float64] = np.abs(gaps - np.rint(gaps / step) * step)
    return rest
