"""Scaling of one channel to mean 0 and standard deviation 1: linear, or with a curve where tails are heavy.

A curve is increasing and has an exact inverse. Outside the range of the data it is linear, so that a network value
slightly outside that range gives a sample slightly outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

Scaling = Literal["auto", "standard", "robust", "quantile"]
Numbers = NDArray[np.float64]

KNEE = 2.0
"""Distance from the median, in robust standard deviations, up to which a robust scaling is linear."""
N_QUANTILES = 100
HEAVY_SHARE = 0.4
"""Tails are heavy if the 1 % of values farthest from the mean have more than this share of the variance. For a
normal distribution it is .08, Laplace .16, exponential .23, log-normal .48, Cauchy 1."""


class Curve(Protocol):
    """An increasing function of linearly scaled values, and its inverse."""

    scaling: ClassVar[str]

    def forward(self, values: Numbers) -> Numbers:
        """What the networks see; of any shape."""

    def inverse(self, scaled: Numbers) -> Numbers:
        """The values that :meth:`forward` was given."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; :func:`curve_from_dict` is its inverse."""


@dataclass(frozen=True)
class RobustCurve:
    """Linear in the middle, logarithmic beyond ``KNEE``, then standardized.

    Attributes:
        low: least value that it was fitted on.
        high: greatest.
        centre: mean of the compressed values.
        spread: their standard deviation.
    """

    low: float
    high: float
    centre: float = 0.0
    spread: float = 1.0
    scaling: ClassVar[str] = "robust"

    @classmethod
    def fit(cls, values: Numbers) -> RobustCurve:
        """The curve to mean 0 and standard deviation 1 for ``values`` in robust standard deviations from the median."""
        compressed = _compressed(values)
        return cls(float(values.min()), float(values.max()), float(compressed.mean()), float(compressed.std()))

    def forward(self, values: Numbers) -> Numbers:
        """See :class:`Curve`."""
        inside = np.clip(values, self.low, self.high)
        compressed = _compressed(inside) + (values - inside) / _inverse_slope(inside)
        return (compressed - self.centre) / self.spread

    def inverse(self, scaled: Numbers) -> Numbers:
        """See :class:`Curve`."""
        compressed = scaled * self.spread + self.centre
        inside = np.clip(compressed, *_compressed(np.array([self.low, self.high])))
        excess = np.maximum(np.abs(inside) - KNEE, 0)
        values = np.clip(inside, -KNEE, KNEE) + np.sign(inside) * np.expm1(excess)
        result: Numbers = values + (compressed - inside) * _inverse_slope(values)
        return result

    def to_dict(self) -> dict[str, Any]:
        """See :class:`Curve`."""
        return {"scaling": self.scaling, **asdict(self)}


@dataclass(frozen=True)
class QuantileCurve:
    """Piecewise linear between quantiles of the data, which become those of a normal distribution.

    Attributes:
        values: the quantiles, increasing.
        scores: what each becomes, increasing.
    """

    values: tuple[float, ...]
    scores: tuple[float, ...]
    scaling: ClassVar[str] = "quantile"

    @classmethod
    def fit(cls, values: Numbers) -> QuantileCurve:
        """The curve from ``values``, not all equal, to nearly normal ones of mean 0 and standard deviation 1."""
        rarest = 0.5 / values.size
        scores = np.linspace(ndtri(rarest), -ndtri(rarest), N_QUANTILES)  # evenly spaced scores resolve the tails
        share = (ndtr(scores) - rarest) / (1 - 2 * rarest)
        share[0], share[-1] = 0, 1  # exactly the least and the greatest value
        quantiles, index = np.unique(np.quantile(values, share, method="inverted_cdf"), return_inverse=True)
        scores = np.bincount(index, scores) / np.bincount(index)  # a frequent value gets its mean score
        raw = np.interp(values, quantiles, scores)
        scores = (scores - raw.mean()) / raw.std()
        return cls(tuple(quantiles.tolist()), tuple(scores.tolist()))

    def forward(self, values: Numbers) -> Numbers:
        """See :class:`Curve`."""
        return _piecewise_linear(values, np.array(self.values), np.array(self.scores))

    def inverse(self, scaled: Numbers) -> Numbers:
        """See :class:`Curve`."""
        return _piecewise_linear(scaled, np.array(self.scores), np.array(self.values))

    def to_dict(self) -> dict[str, Any]:
        """See :class:`Curve`."""
        return {"scaling": self.scaling, **asdict(self)}


class Scaler(NamedTuple):
    """How one channel is scaled: ``curve((values − offset) / scale)``, or linearly if ``curve`` is None."""

    offset: float
    scale: float
    curve: Curve | None = None


def fit_scaler(values: NDArray[np.float32], scaling: str) -> Scaler:
    """The scaler of one channel.

    Args:
        values: all its values, of any shape; NaN where there is none.
        scaling: ``standard`` for linear scaling to mean 0 and standard deviation 1; ``robust``; ``quantile``; or
            ``auto`` for robust if tails are heavy, else standard. A constant channel is only shifted to zero.
    """
    if np.nanmin(values) == np.nanmax(values):
        return Scaler(float(np.nanmin(values)), 1.0)
    known = values[np.isfinite(values)].astype(np.float64)  # (n,)
    if scaling == "standard" or (scaling == "auto" and not has_heavy_tails(known)):
        spread = float(np.nanstd(values, dtype=np.float64))
        if not 1e-15 < spread < 1e15:  # NumPy squares in float32, which over- or underflows
            spread = float(known.std())
        return Scaler(float(np.nanmean(values, dtype=np.float64)), spread)
    offset, scale = float(np.median(known)), robust_spread(known)
    fit = QuantileCurve.fit if scaling == "quantile" else RobustCurve.fit
    return Scaler(offset, scale, fit((known - offset) / scale))


def has_heavy_tails(values: Numbers) -> bool:
    """Whether the 1 % of values farthest from the mean have more than HEAVY_SHARE of the variance.

    False for fewer than a hundred values.
    """
    n_far = values.size // 100
    squares = (values - values.mean()) ** 2
    if not n_far or not squares.any():
        return False
    far = np.partition(squares, values.size - n_far)[values.size - n_far :]
    return bool(far.sum() > HEAVY_SHARE * squares.sum())


def robust_spread(values: Numbers) -> float:
    """Standard deviation of a normal distribution whose 5 % and 95 % quantiles are as far apart as those of ``values``.

    If these are equal, the 1 % and 99 % quantiles take their place, and last the standard deviation itself.
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


def _compressed(values: Numbers) -> Numbers:
    excess = np.maximum(np.abs(values) - KNEE, 0)
    result: Numbers = np.clip(values, -KNEE, KNEE) + np.sign(values) * np.log1p(excess)
    return result


def _inverse_slope(values: Numbers) -> Numbers:
    """1 over the derivative of :func:`_compressed`."""
    result: Numbers = 1 + np.maximum(np.abs(values) - KNEE, 0)
    return result


def _piecewise_linear(points: Numbers, start: Numbers, end: Numbers) -> Numbers:
    """Interpolation from ``start`` to ``end``, both increasing, extrapolated by the first and the last piece."""
    inside = np.clip(points, start[0], start[-1])
    below = np.minimum(points - inside, 0) * (end[1] - end[0]) / (start[1] - start[0])
    above = np.maximum(points - inside, 0) * (end[-1] - end[-2]) / (start[-1] - start[-2])
    result: Numbers = np.interp(inside, start, end) + below + above
    return result
