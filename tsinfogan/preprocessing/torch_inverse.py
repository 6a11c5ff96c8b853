"""From what networks see to raw units without leaving the device: :meth:`Preprocessor.inverse` for training loops."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from tsinfogan.preprocessing.bounds import Limits
from tsinfogan.preprocessing.preprocessor import Preprocessor
from tsinfogan.preprocessing.scaling import QuantileCurve

FARTHEST = 12.0
"""Scaled values up to which a curve is tabulated; beyond, it goes on straight."""
POINTS = 4801


class Units:
    """The way back to raw units, on ``device``. Series stay on the common grid; their length becomes a channel.

    Curves are tabulated: those of straight pieces exactly, others to about four digits.
    """

    def __init__(self, preprocessor: Preprocessor, device: torch.device) -> None:
        column = (1, preprocessor.n_channels, *(1,) * len(preprocessor.grid))

        def tensor(values: object) -> Tensor:
            return torch.tensor(values, dtype=torch.float32, device=device)

        self.n_channels = preprocessor.n_channels
        self.offset = tensor(preprocessor.offset).view(column)
        self.scale = tensor(preprocessor.scale).view(column)
        ends = preprocessor.limits or (Limits(),) * self.n_channels
        if not preprocessor.limits and preprocessor.bounded:
            ends = tuple(map(Limits, preprocessor.low, preprocessor.high))
        self.floor = tensor([-math.inf if low is None else low for low, _ in ends]).view(column)
        self.ceiling = tensor([math.inf if high is None else high for _, high in ends]).view(column)
        self.whole = [channel for channel, kind in enumerate(preprocessor.kinds) if kind != "real"]
        self.steps = {
            channel: (preprocessor.low[channel], step) for channel, step in enumerate(preprocessor.steps) if step
        }
        self.curves: dict[int, tuple[Tensor, Tensor]] = {}
        for channel, curve in enumerate(preprocessor.curves):
            if curve is not None:
                knots = curve.scores if isinstance(curve, QuantileCurve) else ()
                indices = np.unique(np.append(np.linspace(-FARTHEST, FARTHEST, POINTS), knots).astype(np.float32))
                self.curves[channel] = tensor(indices), tensor(curve.inverse(indices.astype(np.float64)))
        self.lengths, self.log_length = preprocessor.lengths, preprocessor.log_length

    def __call__(self, values: Tensor) -> Tensor:
        """Network values ``(n, n_channels + n_constant, *grid)`` in raw units, the last channel timepoints."""
        raw = values[:, : self.n_channels]
        if self.curves:
            raw = raw.clone()
            for channel, (indices, table) in self.curves.items():
                raw[:, channel] = _interpolated(raw[:, channel].contiguous(), indices, table)
        raw = torch.minimum(torch.maximum(raw * self.scale + self.offset, self.floor), self.ceiling)
        for channel, (low, step) in self.steps.items():
            raw[:, channel] = low + ((raw[:, channel] - low) / step).round() * step
        for channel in self.whole:
            raw[:, channel] = raw[:, channel].round()
        if self.lengths is None:
            return raw
        mean, spread = self.log_length
        log_length = values[:, self.n_channels :].mean(dim=2, keepdim=True) * spread + mean  # (n, 1, 1)
        length = log_length.clamp(*(math.log(length) for length in self.lengths)).exp().round()
        return torch.cat([raw, length.expand(-1, -1, values.shape[2])], dim=1)


def _interpolated(values: Tensor, indices: Tensor, table: Tensor) -> Tensor:
    """Linear interpolation in a table over rising places, whose first and last piece go on beyond it."""
    after = torch.searchsorted(indices, values).clamp(1, len(indices) - 1)
    start, begin = indices[after - 1], table[after - 1]
    return begin + (values - start) * (table[after] - begin) / (indices[after] - start)
