"""How far the samples of a channel may reach: not beyond the bounds that its data was seen to have."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Bounds = Literal["auto", "observed", "none"]

TOUCHING_SHARE = 0.002
LEAST_TOUCHING = 5
"""A channel is bounded where this share of its values, and no fewer than so many, are exactly its least or greatest."""


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
    often = max(LEAST_TOUCHING, TOUCHING_SHARE * np.isfinite(values).sum())
    if max((values == low).sum(), (values == high).sum()) >= often:
        return Limits(low, high)
    return Limits(0.0 if low >= 0 else None, 0.0 if high <= 0 else None)
