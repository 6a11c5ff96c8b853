"""What backbones for series have in common."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from tsinfogan.models.backbone import DataShape

CHANNELS_PER_INJECTION = 4
FIRST_STRENGTH = 0.3


def n_injected(shape: DataShape) -> int:
    """Independent noise inputs of a generator: with many channels, their noise is not one and the same."""
    return max(1, (shape.n_channels - shape.n_constant) // CHANNELS_PER_INJECTION)


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
