"""Where the points of the common grid lie in a series of its own length: at both ends they keep one pace.

Evenly spaced points lie farther apart the longer a series is. But what happens at its ends often takes the same time in
all: how a sensor is switched on, the tail of a filter, how a hand is put down. On evenly spaced points that would look
different for every length, and networks would have to learn how. So near the ends the points are as far apart as in a
series of the usual length, and what a series has more or less of is in the middle. In between the distance changes
gradually.

The positions, in points and in rows, are numbers, arrays of NumPy or tensors: ``xp`` is the library that they are of.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Positions = Any
"""A number, an array or a tensor."""

KNEE = 0.15
"""Share of the middle, on either side, in which the distance changes."""
MAX_END_SHARE, MIN_END = 0.3, 4
"""Of the shortest series, and in rows: an end has no more, and fewer are none."""
MIN_DISTANCE = 0.15
"""Of points in the middle of the shortest series, over that at its ends."""


class Pace(NamedTuple):
    """Which rows the points of a grid are.

    Attributes:
        shortest: rows of the shortest series.
        usual: rows of the series in which points are evenly spaced.
        end: rows at either end between which points are always as far apart; 0: they are evenly spaced in every series.
    """

    shortest: float = 1.0
    usual: float = 1.0
    end: float = 0.0

    @classmethod
    def of(cls, lengths: NDArray[np.int64]) -> Pace:
        """The pace for series of these lengths ``(n,)``: even if the shortest are too short beside the usual ones."""
        shortest, usual = float(lengths.min()), float(np.median(lengths))
        # In the middle points are nearer by (usual − shortest) / (1 − KNEE) over the rows that both ends leave.
        rows_left = (usual - shortest) / ((1 - KNEE) * (1 - MIN_DISTANCE))
        end = min(MAX_END_SHARE * shortest, (usual - 1 - rows_left) / 2)
        return cls(shortest, usual, end) if end >= MIN_END and lengths.max() > shortest else EVEN

    def rows(self, points: Positions, n_points: int, length: Positions, xp: Any = np) -> Positions:
        """The rows, of ``length`` of them, at which ``points`` of a grid of ``n_points`` lie; all broadcast."""
        last = max(1, n_points - 1)
        if not self.end:
            return points * ((length - 1) / last)
        scale, ends, rate, knee, bend, slope = self._terms(last, length, xp)
        inward = xp.minimum(points, last - points)
        within = xp.clip(inward - self.end / rate, 0, None)  # points beyond the end
        bent = xp.clip(within, 0, knee)
        rows = rate * inward + bend * bent * bent + slope * (within - bent)
        return xp.where(points <= last / 2, rows, ends - rows) * scale

    def points(self, rows: Positions, n_points: int, length: Positions, xp: Any = np) -> Positions:
        """The inverse of :meth:`rows`: where on the grid rows lie."""
        last = max(1, n_points - 1)
        if not self.end:
            return rows * (last / xp.clip(length - 1, 1, None))
        scale, ends, rate, knee, bend, slope = self._terms(last, length, xp)
        rows = rows / scale
        inward = xp.minimum(rows, ends - rows)
        within = xp.clip(inward - self.end, 0, None)  # rows beyond the end
        bent = xp.minimum(within, rate * knee + bend * knee * knee)
        points = (inward - within) / rate + 2 * bent / (rate + xp.sqrt(rate * rate + 4 * bend * bent))
        points = points + (within - bent) / (rate + slope)
        return xp.where(rows <= ends / 2, points, last - points)

    def _terms(self, last: int, length: Positions, xp: Any) -> tuple[Any, ...]:
        """What both ways need, for the points from 0 to ``last``.

        From an end inward, rows are ``rate`` times points. What is left of the length is added beyond the end: by
        ``bend`` times the square of the points from there on up to ``knee`` points, then by ``slope`` times the points.
        Series shorter than the shortest are as that one, scaled.
        """
        rate = (self.usual - 1) / last
        middle = last - 2 * self.end / rate  # points
        knee = KNEE * middle
        known = xp.clip(length, self.shortest, None) - 1  # rows to the last one
        slope = (known - (self.usual - 1)) / ((1 - KNEE) * middle)
        return xp.clip(length - 1, 0, None) / known, known, rate, knee, slope / (2 * knee), slope


EVEN = Pace()
"""Evenly spaced points, whatever the length."""
