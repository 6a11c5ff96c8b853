"""What backbones for series have in common: noise injection, and a trunk of convolutions."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tsinfogan.models.backbone import DataShape
from tsinfogan.models.layers import convolution, halvings

CHANNELS_PER_INJECTION = 4
FIRST_STRENGTH = 0.3


def n_injected(shape: DataShape) -> int:
    """Independent noise inputs of a generator: with many channels, their noise is not one and the same."""
    return max(1, shape.n_varying // CHANNELS_PER_INJECTION)


def first_strengths(n_injected: int, n_features: int) -> Tensor:
    """Initial strengths ``(n_injected, n_features)`` of noise injection; 0 for a single noise input.

    Among many channels some may be pure noise. If no noise were injected at first, the latent would learn to imitate
    it: such a channel would be predictable in samples, but not in real series.
    """
    if n_injected == 1:
        return torch.zeros(1, n_features)
    return FIRST_STRENGTH * torch.randn(n_injected, n_features)


def with_differences(values: Tensor, n_varying: int) -> Tensor:
    """Appends first and second differences over time of the first ``n_varying`` channels of ``(n, c, t)``.

    Differences of a smooth series on t points are of the order of 1/t; they are scaled to a comparable size.
    """
    varying = values[:, :n_varying]
    n_timepoints = values.shape[-1]
    first = F.pad(varying.diff(dim=-1), (0, 1)) * (n_timepoints / 12)
    second = F.pad(varying.diff(n=2, dim=-1), (1, 1)) * (n_timepoints / 18) ** 2 if n_timepoints > 2 else first
    return torch.cat([values, first, second], dim=1)


def modulated(normalized: Tensor, gain_and_bias: Tensor) -> Tensor:
    """Features ``(n, c, …)`` scaled and shifted by ``(n, 2 * c, …)``, which come from the latent (FiLM)."""
    gain, bias = gain_and_bias.chunk(2, dim=1)
    return F.leaky_relu(normalized * (1 + gain) + bias, 0.2, inplace=True)


class Trunk(nn.Module):
    """Strided convolutions over the values and their first and second differences, which show roughness."""

    def __init__(self, shape: DataShape, width: int):
        super().__init__()
        self.n_varying = shape.n_varying
        sizes = halvings(shape.grid[0])
        widths = [min(4, 2**level) * width for level in range(len(sizes))]
        n_in = shape.n_channels + 2 * self.n_varying
        self.convs = nn.ModuleList(
            convolution(a, b, stride=1 if level == 0 else 2) for level, (a, b) in enumerate(pairwise([n_in, *widths]))
        )
        self.feature_dim = 8 * width
        self.out = nn.Linear(widths[-1] * sizes[0], self.feature_dim)

    def forward(self, values: Tensor) -> Tensor:
        """``(n, n_channels, t)`` to ``(n, feature_dim)``."""
        x = with_differences(values, self.n_varying)[:, :, None]
        x = x.contiguous(memory_format=torch.channels_last)
        for conv in self.convs:
            x = F.leaky_relu(conv(x), 0.2, inplace=True)  # a copy of each layer's output takes 4 % of a step
        return F.leaky_relu(self.out(x.flatten(1)), 0.2, inplace=True)
