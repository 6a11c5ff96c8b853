"""The values of one channel as numbers near a unit normal's and back: along a line, or a curve where tails are heavy.

Every scaling is a straight line, then perhaps a curve: rising, and inverted exactly. Beyond what it was fitted on, a
curve goes on straight, so that a sample a little beyond the data is never far beyond it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

Scaling = Literal["auto", "standard", "robust", "quantile"]
Numbers = NDArray[np.float64]

KNEE = 2.0
"""Robust spreads from the median up to which a robust scaling is a straight line."""
N_QUANTILES = 100
HEAVY_SHARE = 0.4
"""Tails are heavy where the 1 % of values farthest from the mean hold more than this share of the variance. Of a
normal distribution they hold .08, of a Laplace .16, of an exponential .23, of a log-normal .48, of a Cauchy all."""


class Curve(Protocol):
    """A rising function of the values that a straight line has scaled, and its inverse."""

    def forward(self, values: Numbers) -> Numbers:
        """What the networks see; of any shape."""
        ...

    def inverse(self, scaled: Numbers) -> Numbers:
        """The values that :meth:`forward` came from."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; :func:`curve_from_dict` is its inverse."""
        ...


@dataclass(frozen=True)
class RobustCurve:
    """Straight in the middle, logarithmic beyond ``KNEE``.

    Attributes:
        low: least value that it was fitted on.
        high: greatest.
        centre: mean of the bent values, which is taken off.
        spread: their standard deviation, which they are divided by.
    """

    low: float
    high: float
    centre: float = 0.0
    spread: float = 1.0

    @classmethod
    def fit(cls, values: Numbers) -> RobustCurve:
        """The curve that brings ``values``, in robust spreads from their median, to mean 0 and spread 1."""
        bent = _bent(values)
        return cls(float(values.min()), float(values.max()), float(bent.mean()), float(bent.std()))

    def forward(self, values: Numbers) -> Numbers:
        """See :class:`Curve`."""
        inside = np.clip(values, self.low, self.high)
        bent = _bent(inside) + (values - inside) / _steepness(inside)
        return (bent - self.centre) / self.spread

    def inverse(self, scaled: Numbers) -> Numbers:
        """See :class:`Curve`."""
        bent = scaled * self.spread + self.centre
        inside = np.clip(bent, *_bent(np.array([self.low, self.high])))
        excess = np.maximum(np.abs(inside) - KNEE, 0)
        values = np.clip(inside, -KNEE, KNEE) + np.sign(inside) * np.expm1(excess)
        result: Numbers = values + (bent - inside) * _steepness(values)
        return result

    def to_dict(self) -> dict[str, Any]:
        """See :class:`Curve`."""
        return {"scaling": "robust", **asdict(self)}


@dataclass(frozen=True)
class QuantileCurve:
    """Straight pieces between values of the data, its quantiles, which become the normal distribution's.

    Attributes:
        values: the quantiles, rising.
        scores: what each becomes, rising.
    """

    values: tuple[float, ...]
    scores: tuple[float, ...]

    @classmethod
    def fit(cls, values: Numbers) -> QuantileCurve:
        """The curve that brings ``values``, not all equal, to nearly normal ones of mean 0 and spread 1."""
        rarest = 0.5 / values.size
        scores = np.linspace(ndtri(rarest), -ndtri(rarest), N_QUANTILES)  # even in scores: the tails count
        share = (ndtr(scores) - rarest) / (1 - 2 * rarest)
        share[0], share[-1] = 0, 1  # the least and the greatest value, free of rounding
        quantiles, index = np.unique(np.quantile(values, share, method="inverted_cdf"), return_inverse=True)
        scores = np.bincount(index, scores) / np.bincount(index)  # a value that is frequent takes the middle
        raw = np.interp(values, quantiles, scores)
        scores = (scores - raw.mean()) / raw.std()
        return cls(tuple(quantiles.tolist()), tuple(scores.tolist()))

    def forward(self, values: Numbers) -> Numbers:
        """See :class:`Curve`."""
        return _continued(values, np.array(self.values), np.array(self.scores))

    def inverse(self, scaled: Numbers) -> Numbers:
        """See :class:`Curve`."""
        return _continued(scaled, np.array(self.scores), np.array(self.values))

    def to_dict(self) -> dict[str, Any]:
        """See :class:`Curve`."""
        return {"scaling": "quantile", **asdict(self)}


class Scaler(NamedTuple):
    """How one channel is scaled: ``curve((values − offset) / scale)``, without a curve where that is None."""

    offset: float
    scale: float
    curve: Curve | None = None


def fit_scaler(values: NDArray[np.float32], scaling: str) -> Scaler:
    """The scaler of one channel.

    Args:
        values: all its values, of any shape; NaN where there is none.
        scaling: ``standard`` for mean 0 and spread 1 by a straight line; ``robust``; ``quantile``; or ``auto`` for
            robust where tails are heavy, else standard. A channel that never changes is only shifted to zero.
    """
    if np.nanmin(values) == np.nanmax(values):
        return Scaler(float(np.nanmin(values)), 1.0)
    known = values[np.isfinite(values)].astype(np.float64)  # (n,)
    if scaling == "standard" or (scaling == "auto" and not has_heavy_tails(known)):
        spread = float(np.nanstd(values, dtype=np.float64))
        if not 1e-15 < spread < 1e15:  # NumPy squared in float32, which ends soon beyond
            spread = float(known.std())
        return Scaler(float(np.nanmean(values, dtype=np.float64)), spread)
    offset, scale = float(np.median(known)), robust_spread(known)
    fit = QuantileCurve.fit if scaling == "quantile" else RobustCurve.fit
    return Scaler(offset, scale, fit((known - offset) / scale))


def has_heavy_tails(values: Numbers) -> bool:
    """Whether the 1 % of values farthest from the mean hold more than HEAVY_SHARE of the variance.

    Below a hundred values nothing is known of the tails: never.
    """
    n_far = values.size // 100
    squares = (values - values.mean()) ** 2
    if not n_far or not squares.any():
        return False
    far = np.partition(squares, values.size - n_far)[values.size - n_far :]
    return bool(far.sum() > HEAVY_SHARE * squares.sum())


def robust_spread(values: Numbers) -> float:
    """The standard deviation of a normal distribution whose middle 90 % spans what that of ``values`` spans.

    Where those are all equal, the middle 98 % takes its place, and at last the standard deviation.
    """
    for share in (0.05, 0.01):
        low, high = np.quantile(values, [share, 1 - share])
        if high > low:
            return float((high - low) / (-2 * ndtri(share)))
    return float(values.std())


def curve_from_dict(settings: Mapping[str, Any]) -> Curve:
    """Rebuilds what a curve's ``to_dict`` gave."""
    kinds = {"robust": RobustCurve, "quantile": QuantileCurve}
    fields = {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items() if k != "scaling"}
    curve: Curve = kinds[settings["scaling"]](**fields)
    return curve


def _bent(values: Numbers) -> Numbers:
    excess = np.maximum(np.abs(values) - KNEE, 0)
    result: Numbers = np.clip(values, -KNEE, KNEE) + np.sign(values) * np.log1p(excess)
    return result


def _steepness(values: Numbers) -> Numbers:
    """How much a value grows where what :func:`_bent` makes of it grows by one."""
    result: Numbers = 1 + np.maximum(np.abs(values) - KNEE, 0)
    return result


def _continued(points: Numbers, start: Numbers, end: Numbers) -> Numbers:
    """Linear interpolation from ``start`` to ``end``, both rising, whose first and last piece go on beyond them."""
    inside = np.clip(points, start[0], start[-1])
    below = np.minimum(points - inside, 0) * (end[1] - end[0]) / (start[1] - start[0])
    above = np.maximum(points - inside, 0) * (end[-1] - end[-2]) / (start[-1] - start[-2])
    result: Numbers = np.interp(inside, start, end) + below + above
    return result
