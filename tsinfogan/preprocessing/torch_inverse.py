"""From what networks see to raw units as operations of torch: :meth:`Preprocessor.inverse` on a device, or in a graph.

Training loops take :class:`Units`, which leaves series on the common grid. A graph that stands for all that sampling
does, such as one for ONNX, takes :class:`RawSeries`, which gives each series its own length.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from scipy.interpolate import make_interp_spline
from torch import Tensor

from tsinfogan.preprocessing.bounds import SeriesScale
from tsinfogan.preprocessing.preprocessor import Preprocessor
from tsinfogan.preprocessing.scaling import KNEE, Curve, QuantileCurve, RobustCurve, log_compressed


class Units:
    """The inverse transform to raw units on ``device``. Series stay on the common grid; their length is a channel."""

    def __init__(self, preprocessor: Preprocessor, device: torch.device) -> None:
        self.channels, self.lengths = preprocessor.channels, preprocessor.lengths
        self.log_length = preprocessor.log_length
        self.wide = torch.float32 if device.type == "mps" else torch.float64  # which that has not

        def per_channel(values: list[float]) -> Tensor:
            tensor = torch.tensor(values, dtype=torch.float32, device=device)
            return tensor.view(1, -1, *(1,) * len(preprocessor.grid))

        self.offset = per_channel([channel.offset for channel in self.channels])
        self.scale = per_channel([channel.scale for channel in self.channels])
        lows, highs = zip(*(channel.limits for channel in self.channels), strict=True)
        self.floor = per_channel([-math.inf if low is None else low for low in lows])
        self.ceiling = per_channel([math.inf if high is None else high for high in highs])
        self.each_series = None
        if any(channel.each_series for channel in self.channels):
            scales = [channel.each_series or SeriesScale(0.0, 1.0) for channel in self.channels]
            is_kept = per_channel([float(channel.each_series is not None) for channel in self.channels]) > 0
            self.each_series = (is_kept, *map(per_channel, map(list, zip(*scales, strict=True))))
        self.curves = [_inverse_of(channel.curve, device) for channel in self.channels]

    def __call__(self, values: Tensor) -> Tensor:
        """Network values ``(n, n_channels + n_constant, *grid)`` in raw units, the last channel timepoints."""
        raw = self.raw(values[:, : len(self.channels)])
        if values.shape[1] == raw.shape[1]:
            return raw
        length = self.length(values)[:, None, None]  # (n, 1, 1)
        return torch.cat([raw, length.float().expand(-1, -1, values.shape[2])], dim=1)

    def raw(self, scaled: Tensor, beyond: Tensor | None = None) -> Tensor:
        """Scaled channels ``(n, n_channels, …)`` in raw units; NaN stays NaN.

        ``beyond``, ``(n, 1, t)``, says which points are beyond the end of a series.
        """
        curved = [
            scaled[:, index] if inverse is None else inverse(scaled[:, index])
            for index, inverse in enumerate(self.curves)
        ]
        raw = torch.stack(curved, dim=1) * self.scale + self.offset
        raw = raw if self.each_series is None else self._with_scale(raw, beyond)
        raw = torch.minimum(torch.maximum(raw, self.floor), self.ceiling)
        return torch.stack([self._stepped(raw[:, index], index) for index in range(len(self.channels))], dim=1)

    def length(self, values: Tensor) -> Tensor:
        """``(n,)`` timepoints of each series, a float, by the last channel of ``(n, n_channels + n_constant, t)``."""
        assert self.lengths is not None
        if values.shape[1] == len(self.channels):
            return values.new_full((values.shape[0],), self.lengths[1], dtype=self.wide)
        mean, std = self.log_length
        log_length = values[:, len(self.channels)].to(self.wide).mean(dim=1) * std + mean
        return log_length.clamp(math.log(self.lengths[0]), math.log(self.lengths[1])).exp().round()

    def _with_scale(self, raw: Tensor, beyond: Tensor | None) -> Tensor:
        """``(n, n_channels, t)``, channels whose series all have one mean and deviation moved and stretched to it."""
        assert self.each_series is not None
        is_kept, mean, deviation, ddof = self.each_series
        inside = torch.ones_like(raw[:, :1]) if beyond is None else 1 - beyond.to(raw)
        n_values = inside.sum(2, keepdim=True)  # (n, 1, 1)
        centred = (raw - (raw * inside).sum(2, keepdim=True) / n_values) * inside
        found = ((centred * centred).sum(2, keepdim=True) / (n_values - ddof).clamp_min(1)).sqrt()  # (n, n_channels, 1)
        imposed = centred * (deviation / found.clamp_min(torch.finfo(raw.dtype).tiny)) + mean
        return torch.where(is_kept, imposed, raw)

    def _stepped(self, raw: Tensor, index: int) -> Tensor:
        """One channel ``(n, …)`` on its steps, or rounded."""
        channel = self.channels[index]
        if channel.step:
            raw = (channel.low + ((raw.to(self.wide) - channel.low) / channel.step).round() * channel.step).float()
        return raw if channel.kind == "real" else raw.round()


class RawSeries:
    """The inverse transform to raw units and lengths, as :meth:`Preprocessor.inverse`, on ``device``.

    A series of its own length is evaluated between two points of the grid by the cubic of the not-a-knot spline there.
    That cubic is given by values and slopes at both points (Hermite's form), and slopes are a linear map of the values.
    """

    def __init__(self, preprocessor: Preprocessor, device: torch.device) -> None:
        self.units = Units(preprocessor, device)
        self.lengths, self.n_points, self.pace = preprocessor.lengths, preprocessor.grid[0], preprocessor.pace
        if self.lengths is not None:
            self.rows = torch.arange(self.lengths[1], dtype=self.units.wide, device=device)  # (T,)
            self.slopes = torch.from_numpy(_slopes(self.n_points).astype(np.float32)).to(device)  # (t, t)

    def __call__(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Network values to raw ones, NaN beyond each case's length, and lengths.

        Args:
            values: ``(n, n_channels + n_constant, *grid)``.

        Returns:
            ``(n, n_channels, greatest length)`` or ``(n, n_channels, *grid)`` float32, and ``(n,)`` int64.
        """
        n_channels = len(self.units.channels)
        if self.lengths is None:
            whole = values.new_full((values.shape[0],), values.shape[-1], dtype=torch.int64)
            return self.units.raw(values), whole
        lengths = self.units.length(values)  # (n,)
        series = self._resampled(values[:, :n_channels], lengths)
        beyond = self.rows >= lengths[:, None]  # (n, T)
        raw = self.units.raw(series, beyond[:, None])
        return raw.masked_fill(beyond[:, None], math.nan), lengths.long()

    def _resampled(self, values: Tensor, lengths: Tensor) -> Tensor:
        """``(n, c, t)`` at ``(n,)`` rows each: ``(n, c, T)``, beyond the length the last value."""
        last = self.n_points - 1
        if not last:
            return values.expand(-1, -1, len(self.rows))
        position = self.pace.points(self.rows, self.n_points, lengths[:, None], torch).clamp(0, last)  # (n, T)
        return spline_at(position, values, values @ self.slopes.T, position.floor().clamp_max(last - 1).long())


def spline_at(position: Tensor, values: Tensor, slopes: Tensor, before: Tensor) -> Tensor:
    """A cubic spline between its points, in Hermite's form.

    Args:
        position: ``(n, m)``, in distances between two points.
        values: ``(n, c, t)`` at the points.
        slopes: likewise.
        before: ``(n, m)`` int64, which point each position comes after.

    Returns:
        ``(n, c, m)``.
    """
    share = (position - before).float()[:, None]  # (n, 1, m) of the way to the next point
    index = before[:, None].expand(-1, values.shape[1], -1)  # (n, c, m)
    after = (index + 1).clamp_max(values.shape[2] - 1)
    start, leave = values.gather(2, index), slopes.gather(2, index)
    rise, arrive = values.gather(2, after) - start, slopes.gather(2, after)
    bend = leave + arrive - 2 * rise
    return start + share * (leave + share * (rise - leave - bend + share * bend))


def _slopes(n_points: int) -> np.ndarray:
    """``(t, t)`` from values on ``t`` points, a distance of 1 apart, to the slopes of the spline through them there."""
    points = np.arange(n_points, dtype=float)
    degree = min(3, n_points - 1)
    spline = make_interp_spline(points, np.eye(n_points), k=degree)
    return spline.derivative()(points) if degree else np.zeros((1, 1))


def _inverse_of(curve: Curve | None, device: torch.device) -> Callable[[Tensor], Tensor] | None:
    """The inverse of a curve for tensors of any shape, which keeps NaN; None for a linear channel."""
    if curve is None:
        return None
    return _QuantileInverse(curve, device) if isinstance(curve, QuantileCurve) else _RobustInverse(curve)  # type: ignore[arg-type]


class _RobustInverse:
    """:meth:`RobustCurve.inverse` of a tensor."""

    def __init__(self, curve: RobustCurve) -> None:
        self.curve = curve
        self.low, self.high = log_compressed(np.array([curve.low, curve.high])).tolist()

    def __call__(self, scaled: Tensor) -> Tensor:
        linear = scaled * self.curve.spread + self.curve.centre
        inside = linear.clamp(self.low, self.high)
        excess = (inside.abs() - KNEE).clamp_min(0)
        values = inside.clamp(-KNEE, KNEE) + inside.sign() * excess.expm1()
        return values + (linear - inside) * (1 + (values.abs() - KNEE).clamp_min(0))


class _QuantileInverse:
    """:meth:`QuantileCurve.inverse` of a tensor: the first and the last piece are extended."""

    def __init__(self, curve: QuantileCurve, device: torch.device) -> None:
        start, end = (np.array(each) for each in (curve.scores, curve.values))
        pieces = (start[:-1], end[:-1], np.diff(end) / np.diff(start))
        self.start, self.value, self.slope = (torch.tensor(each, dtype=torch.float32, device=device) for each in pieces)

    def __call__(self, scaled: Tensor) -> Tensor:
        piece = (scaled[..., None] >= self.start[1:]).sum(-1)  # a sum, which every runtime of graphs has
        return self.value[piece] + (scaled - self.start[piece]) * self.slope[piece]
