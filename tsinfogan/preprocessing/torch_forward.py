"""From raw units to what networks see as operations of torch: :meth:`Preprocessor.transform` in a graph, on the CPU.

A series of its own length is put on the common grid by the not-a-knot cubic spline through it. The slopes of that
spline solve a tridiagonal system, and elimination from the left does not depend on the length: so two matrices, with
the last slope between them, give the slopes of series of every length.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from tsinfogan.errors import SettingError
from tsinfogan.preprocessing.preprocessor import Preprocessor
from tsinfogan.preprocessing.scaling import KNEE, ChannelTransform, QuantileCurve, RobustCurve
from tsinfogan.preprocessing.torch_inverse import spline_at

MAX_TIMEPOINTS = 2800
"""Of series that are resampled: two matrices of so many rows and columns take 63 MB."""
SLOPES_OF_SHORT = ((), ((0,),), ((-1, 1), (-1, 1)), ((-1.5, 2, -0.5), (-0.5, 0, 0.5), (0.5, -2, 1.5)))
"""From values to slopes of the line through two points and of the parabola through three, by number of points."""


class NetworkValues:
    """The transform of a preprocessor.

    Args:
        preprocessor: fitted.

    Raises:
        SettingError: series that are resampled are longer than ``MAX_TIMEPOINTS``.
    """

    def __init__(self, preprocessor: Preprocessor) -> None:
        self.channels = [_forward_of(channel) for channel in preprocessor.channels]
        self.lengths, self.log_length = preprocessor.lengths, preprocessor.log_length
        self.n_points, self.n_constant, self.pace = preprocessor.grid[0], preprocessor.n_constant, preprocessor.pace
        if self.lengths is None:
            return
        longest = self.lengths[1]
        if longest > MAX_TIMEPOINTS:
            raise SettingError(
                f"expected series of at most {MAX_TIMEPOINTS} timepoints to resample in a graph, got up to {longest}; "
                "cut them into windows of one length before you train"
            )
        self.times = torch.arange(longest)
        self.forward, self.backward, self.factors = map(torch.from_numpy, _elimination(longest))  # (T, T) twice, (T,)
        size = min(3, longest)
        self.short = torch.zeros(4, size, size)
        for n_points, slopes in enumerate(SLOPES_OF_SHORT[: size + 1]):
            self.short[n_points, :n_points, :n_points] = torch.tensor(slopes)

    def __call__(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Raw values to those that networks see.

        Args:
            values: ``(n, n_channels, T)`` float32, T the greatest fitted length, of which what lies beyond the length
                of a series has no effect; or ``(n, n_channels, *grid)``.
            lengths: ``(n,)`` int64; only where the preprocessor has lengths.

        Returns:
            ``(n, n_channels + n_constant, *grid)`` float32.
        """
        if lengths is not None:
            values = values.masked_fill((self.times >= lengths[:, None])[:, None], 0)
        scaled = torch.stack([scale(values[:, index]) for index, scale in enumerate(self.channels)], dim=1)
        if lengths is None:
            return scaled
        mean, std = self.log_length
        series = self._resampled(scaled, lengths)
        if not self.n_constant:
            return series
        duration = ((lengths.double().log() - mean) / (std or 1.0)).float()  # (n,)
        return torch.cat([series, duration[:, None, None].expand(-1, 1, self.n_points)], dim=1)

    def _resampled(self, values: Tensor, lengths: Tensor) -> Tensor:
        """``(n, c, T)``, of which each series is ``(n,)`` long, on the grid: ``(n, c, t)``."""
        ends = (lengths - 1)[:, None]  # (n, 1)
        points = torch.arange(self.n_points, dtype=torch.float64)  # (t,)
        position = self.pace.rows(points, self.n_points, (ends + 1).double(), torch)  # (n, t)
        before = torch.minimum(position.long(), (ends - 1).clamp_min(0))
        return spline_at(position, values, self._slopes(values, ends), before)

    def _slopes(self, values: Tensor, ends: Tensor) -> Tensor:
        """Slopes ``(n, c, T)`` of the splines through ``(n, c, T)`` up to the timepoints ``(n, 1)``."""
        eliminated = self._product(values, self.forward)  # (n, c, T)
        # The condition at the right end and the row above it give the last slope.
        last = [self._at(values, ends - steps) for steps in range(3)]  # (n, c, 1) each
        before, factor = self._at(eliminated, ends - 1), self.factors[(ends - 1).clamp_min(0)][:, None]
        slope = (2.5 * last[0] - 2 * last[1] - 0.5 * last[2] - 2 * before) / (1 - 2 * factor)
        times, ends = self.times, ends[:, None]  # (T,), (n, 1, 1)
        known = torch.where(times < ends, eliminated, torch.where(times == ends, slope, 0))
        # Three points or fewer, for which that system has no or many solutions, have slopes of their own.
        size = self.short.shape[1]
        few = values[:, :, :size] @ self.short[(ends[:, 0, 0] + 1).clamp_max(3)].transpose(1, 2)  # (n, c, size)
        few = F.pad(few, (0, values.shape[2] - size))
        return torch.where(ends < 3, few, self._product(known, self.backward))

    @staticmethod
    def _product(series: Tensor, matrix: Tensor) -> Tensor:
        """``(n, c, T)`` times ``(T, T)``; of two axes, as older exporters fail at more."""
        return (series.flatten(0, 1) @ matrix.T).view_as(series)

    @staticmethod
    def _at(series: Tensor, times: Tensor) -> Tensor:
        """``(n, c, 1)`` of ``(n, c, T)`` at ``(n, 1)`` timepoints, or at the first if there are none before it."""
        return series.gather(2, times.clamp_min(0)[:, None].expand(-1, series.shape[1], -1))


def _elimination(n_points: int) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Forward and backward elimination of the system for a spline's slopes ``m`` through values ``y``.

    The knots are 1 apart, so the equations are, at the left end and then at each inner point,

        m[0] + 2 m[1] = 2 y[1] − 2.5 y[0] + .5 y[2]
        m[i − 1] + 4 m[i] + m[i + 1] = 3 (y[i + 1] − y[i − 1])

    Returns:
        ``(T, T)`` from values to the right sides of ``m[i] + factor[i] m[i + 1] = …``; ``(T, T)`` from these, the last
        being the last slope, to slopes; and ``(T,)`` the factors.
    """
    forward, factors = np.zeros((n_points, n_points)), np.zeros(n_points)
    factors[0] = 2
    forward[0, :3] = (-2.5, 2, 0.5)[:n_points]
    for row in range(1, n_points - 1):
        factors[row] = 1 / (4 - factors[row - 1])
        forward[row, [row - 1, row + 1]] = -3, 3
        forward[row] = factors[row] * (forward[row] - forward[row - 1])
    backward = np.eye(n_points)
    for row in reversed(range(n_points - 1)):
        backward[row] -= factors[row] * backward[row + 1]
    return forward.astype(np.float32), backward.astype(np.float32), factors.astype(np.float32)


def _forward_of(channel: ChannelTransform) -> Callable[[Tensor], Tensor]:
    """:meth:`ChannelTransform.forward` of a tensor ``(n, …)``."""
    offset, scale, curve = channel.offset, channel.scale, channel.curve
    if curve is None:
        small_offset, small_scale = (torch.tensor(each, dtype=torch.float32) for each in (offset, scale))
        return lambda values: (values - small_offset) / small_scale
    bent = _QuantileForward(curve) if isinstance(curve, QuantileCurve) else _RobustForward(curve)  # type: ignore[arg-type]
    return lambda values: bent((values.double() - offset) / scale).float()


class _RobustForward:
    """:meth:`RobustCurve.forward` of a float64 tensor."""

    def __init__(self, curve: RobustCurve) -> None:
        self.curve = curve

    def __call__(self, values: Tensor) -> Tensor:
        inside = values.clamp(self.curve.low, self.curve.high)
        excess = (inside.abs() - KNEE).clamp_min(0)
        compressed = inside.clamp(-KNEE, KNEE) + inside.sign() * excess.log1p()
        return (compressed + (values - inside) / (1 + excess) - self.curve.centre) / self.curve.spread


class _QuantileForward:
    """:meth:`QuantileCurve.forward` of a float64 tensor: the first and the last piece are extended."""

    def __init__(self, curve: QuantileCurve) -> None:
        start, end = np.array(curve.values), np.array(curve.scores)
        pieces = (start[:-1], end[:-1], np.diff(end) / np.diff(start))
        self.start, self.score, self.slope = map(torch.from_numpy, pieces)

    def __call__(self, values: Tensor) -> Tensor:
        piece = (values[..., None] >= self.start[1:]).sum(-1)
        return self.score[piece] + (values - self.start[piece]) * self.slope[piece]
