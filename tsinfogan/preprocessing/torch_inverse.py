"""From what networks see to raw units without leaving the device: :meth:`Preprocessor.inverse` for training loops."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from tsinfogan.preprocessing.preprocessor import Preprocessor
from tsinfogan.preprocessing.scaling import QuantileCurve

MAX_TABULATED = 12.0
"""Absolute network values up to which a curve is tabulated; it is linear beyond."""
POINTS = 4801


class Units:
    """The inverse transform to raw units on ``device``. Series stay on the common grid; their length is a channel.

    Curves are tabulated: piecewise linear ones exactly, others to about four digits.
    """

    def __init__(self, preprocessor: Preprocessor, device: torch.device) -> None:
        self.channels, self.lengths = preprocessor.channels, preprocessor.lengths
        self.log_length = preprocessor.log_length

        def per_channel(values: list[float]) -> Tensor:
            return tensor(values).view(1, -1, *(1,) * len(preprocessor.grid))

        def tensor(values: object) -> Tensor:
            return torch.tensor(values, dtype=torch.float32, device=device)

        self.offset = per_channel([channel.offset for channel in self.channels])
        self.scale = per_channel([channel.scale for channel in self.channels])
        lows, highs = zip(*(channel.limits for channel in self.channels), strict=True)
        self.floor = per_channel([-math.inf if low is None else low for low in lows])
        self.ceiling = per_channel([math.inf if high is None else high for high in highs])
        self.curves: dict[int, tuple[Tensor, Tensor]] = {}
        for index, channel in enumerate(self.channels):
            if (curve := channel.curve) is not None:
                knots = curve.scores if isinstance(curve, QuantileCurve) else ()
                points = np.append(np.linspace(-MAX_TABULATED, MAX_TABULATED, POINTS), knots)
                scaled = np.unique(points.astype(np.float32))
                self.curves[index] = tensor(scaled), tensor(curve.inverse(scaled.astype(np.float64)))

    def __call__(self, values: Tensor) -> Tensor:
        """Network values ``(n, n_channels + n_constant, *grid)`` in raw units, the last channel timepoints."""
        n_channels = len(self.channels)
        raw = values[:, :n_channels]
        if self.curves:
            raw = raw.clone()
            for index, (scaled, linear) in self.curves.items():
                raw[:, index] = _interpolated(raw[:, index].contiguous(), scaled, linear)
        raw = torch.minimum(torch.maximum(raw * self.scale + self.offset, self.floor), self.ceiling)
        for index, channel in enumerate(self.channels):
            if channel.step:
                raw[:, index] = channel.low + ((raw[:, index] - channel.low) / channel.step).round() * channel.step
            if channel.kind != "real":
                raw[:, index] = raw[:, index].round()
        if self.lengths is None:
            return raw
        mean, std = self.log_length
        log_length = values[:, n_channels:].mean(dim=2, keepdim=True) * std + mean  # (n, 1, 1)
        length = log_length.clamp(*(math.log(length) for length in self.lengths)).exp().round()
        return torch.cat([raw, length.expand(-1, -1, values.shape[2])], dim=1)


def _interpolated(values: Tensor, points: Tensor, table: Tensor) -> Tensor:
    """Linear interpolation in a table over increasing points, extrapolated by its first and its last piece."""
    after = torch.searchsorted(points, values).clamp(1, len(points) - 1)
    start, begin = points[after - 1], table[after - 1]
    return begin + (values - start) * (table[after] - begin) / (points[after] - start)
