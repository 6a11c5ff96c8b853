"""One channel from raw units to what the networks see, and back.

Scaling is to mean 0 and standard deviation 1: linear, or with a curve where tails are heavy. A curve is increasing and
has an exact inverse. Outside the range of the data it is linear, so that a network value slightly outside that range
gives a sample slightly outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from tsinfogan.data.panel import ChannelKind, FloatArray
from tsinfogan.preprocessing.bounds import Limits, SeriesScale, find_decimals, find_limits, find_step

Scaling = Literal["auto", "standard", "robust", "quantile"]
Numbers = NDArray[np.float64]
UNLIMITED = Limits()

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


@dataclass(frozen=True)
class RobustCurve:
    """Linear in the middle, logarithmic beyond ``KNEE``, then standardized.

    Attributes:
        low, high: least and greatest value that it was fitted on.
        centre, spread: mean and standard deviation of the compressed values.
    """

    low: float
    high: float
    centre: float = 0.0
    spread: float = 1.0
    scaling: ClassVar[str] = "robust"

    @classmethod
    def fit(cls, values: Numbers) -> RobustCurve:
        """The curve to mean 0 and standard deviation 1 for ``values`` in robust standard deviations from the median."""
        compressed = log_compressed(values)
        return cls(float(values.min()), float(values.max()), float(compressed.mean()), float(compressed.std()))

    def forward(self, values: Numbers) -> Numbers:
        inside = np.clip(values, self.low, self.high)
        compressed = log_compressed(inside) + (values - inside) / _inverse_slope(inside)
        return (compressed - self.centre) / self.spread

    def inverse(self, scaled: Numbers) -> Numbers:
        compressed = scaled * self.spread + self.centre
        inside = np.clip(compressed, *log_compressed(np.array([self.low, self.high])))
        excess = np.maximum(np.abs(inside) - KNEE, 0)
        values = np.clip(inside, -KNEE, KNEE) + np.sign(inside) * np.expm1(excess)
        result: Numbers = values + (compressed - inside) * _inverse_slope(values)
        return result


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
        return _piecewise_linear(values, np.array(self.values), np.array(self.scores))

    def inverse(self, scaled: Numbers) -> Numbers:
        return _piecewise_linear(scaled, np.array(self.scores), np.array(self.values))


@dataclass(frozen=True)
class ChannelTransform:
    """How one channel is scaled, and which values its samples may take.

    Attributes:
        offset: subtracted first.
        scale: divided by next.
        curve: applied last, or None for linear scaling.
        low: least value of the training data, from which steps are counted.
        limits: least and greatest value of a sample.
        step: values of a sample are whole numbers of steps from ``low``; 0 for any value.
        kind: as in :class:`Panel`; samples of integers and booleans are rounded.
        each_series: mean and standard deviation of every sample, or None for any.
    """

    offset: float = 0.0
    scale: float = 1.0
    curve: Curve | None = None
    low: float = 0.0
    limits: Limits = UNLIMITED
    step: float = 0.0
    kind: ChannelKind = "real"
    each_series: SeriesScale | None = None

    @classmethod
    def fit(cls, values: FloatArray, kind: ChannelKind, scaling: str, bounds: str, image: bool) -> ChannelTransform:
        """The transform for all values of a channel, of any shape, NaN where there is none; images become [−1, 1]."""
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
        scaled = cls((low + high) / 2, (high - low) / 2 or 1.0) if image else fit_scaling(values, scaling)
        limits = find_limits(values, kind != "real", "observed" if image else bounds)
        step = 0.0 if image or kind == "boolean" else find_step(values)
        if not image and kind == "real" and (decimals := find_decimals(values)) is not None:
            low, step = round(low, decimals), round(step, decimals) or 10.0**-decimals
        return replace(scaled, low=low, limits=limits, step=step, kind=kind)

    @property
    def scaling(self) -> str:
        """``standard``, ``robust`` or ``quantile``."""
        return "standard" if self.curve is None else self.curve.scaling

    def forward(self, values: FloatArray) -> FloatArray:
        """Raw values of any shape as the networks see them; NaN stays NaN."""
        if self.curve is None:
            linear: FloatArray = (values - np.float32(self.offset)) / np.float32(self.scale)
            return linear
        return self.curve.forward((values.astype(np.float64) - self.offset) / self.scale).astype(np.float32)

    def inverse(self, scaled: FloatArray) -> FloatArray:
        """The raw values of network values, within the limits, on steps, rounded; NaN stays NaN.

        They may be of any shape; series ``(n, t)`` where each has one mean and deviation.
        """
        if self.curve is None:
            raw: FloatArray = scaled * np.float32(self.scale)
            raw += np.float32(self.offset)
        else:
            raw = (self.curve.inverse(scaled.astype(np.float64)) * self.scale + self.offset).astype(np.float32)
        if self.each_series is not None:
            raw = self.each_series.imposed(raw)
        if any(end is not None for end in self.limits):
            np.clip(raw, *self.limits, out=raw)
        if self.step:
            raw[...] = self.low + np.rint((raw.astype(np.float64) - self.low) / self.step) * self.step
        if self.kind != "real":
            np.rint(raw, out=raw)
        return raw

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; :meth:`from_dict` is its inverse."""
        fields = asdict(self)
        return {**fields, "curve": self.curve and {"scaling": self.curve.scaling, **fields["curve"]}}

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> ChannelTransform:
        """Rebuilds what :meth:`to_dict` gave."""
        curve = settings["curve"]
        if curve is not None:
            fields = {k: tuple(v) if isinstance(v, list) else v for k, v in curve.items() if k != "scaling"}
            curve = {"robust": RobustCurve, "quantile": QuantileCurve}[curve["scaling"]](**fields)
        each_series = settings.get("each_series") and SeriesScale(*settings["each_series"])
        return cls(**{**settings, "curve": curve, "limits": Limits(*settings["limits"]), "each_series": each_series})


def fit_scaling(values: FloatArray, scaling: str) -> ChannelTransform:
    """How a channel with these values, NaN where there is none, is scaled, whatever samples may be.

    Scaling ``standard`` is linear, to mean 0 and standard deviation 1; ``auto`` is ``robust`` if tails are heavy, else
    ``standard``. A constant channel is only shifted to zero.
    """
    if np.nanmin(values) == np.nanmax(values):
        return ChannelTransform(float(np.nanmin(values)), 1.0)
    known = values[np.isfinite(values)].astype(np.float64)  # (n,)
    if scaling == "standard" or (scaling == "auto" and not has_heavy_tails(known)):
        spread = float(np.nanstd(values, dtype=np.float64))
        if not 1e-15 < spread < 1e15:  # NumPy squares in float32, which over- or underflows
            spread = float(known.std())
        return ChannelTransform(float(np.nanmean(values, dtype=np.float64)), spread)
    offset, scale = float(np.median(known)), robust_spread(known)
    fit = QuantileCurve.fit if scaling == "quantile" else RobustCurve.fit
    return ChannelTransform(offset, scale, fit((known - offset) / scale))


def has_heavy_tails(values: Numbers) -> bool:
    """See ``HEAVY_SHARE``; fewer than a hundred values have none."""
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


def log_compressed(values: Numbers) -> Numbers:
    """Linear up to ``KNEE`` on both sides of 0, logarithmic beyond; values of any shape."""
    excess = np.maximum(np.abs(values) - KNEE, 0)
    result: Numbers = np.clip(values, -KNEE, KNEE) + np.sign(values) * np.log1p(excess)
    return result


def _inverse_slope(values: Numbers) -> Numbers:
    """1 over the derivative of :func:`log_compressed`."""
    return 1 + np.maximum(np.abs(values) - KNEE, 0)


def _piecewise_linear(points: Numbers, start: Numbers, end: Numbers) -> Numbers:
    """Interpolation from ``start`` to ``end``, both increasing, extrapolated by the first and the last piece."""
    inside = np.clip(points, start[0], start[-1])
    below = np.minimum(points - inside, 0) * (end[1] - end[0]) / (start[1] - start[0])
    above = np.maximum(points - inside, 0) * (end[-1] - end[-2]) / (start[-1] - start[-2])
    result: Numbers = np.interp(inside, start, end) + below + above
    return result
