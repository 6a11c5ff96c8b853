"""What backbones for series have in common."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from tsinfogan.models.backbone import DataShape

CHANNELS_PER_INJECTION = 4
FIRST_STRENGTH = 0.3


def n_injected(shape: DataShape) -> int:
    """Independent textures that a generator draws its detail from: many channels do not wobble as one."""
    return max(1, (shape.n_channels - shape.n_constant) // CHANNELS_PER_INJECTION)


def first_strengths(n_injected: int, n_features: int) -> Tensor:
    """``(n_injected, n_features)`` with which textures are added in an untrained generator: one alone not at all.

    Among many channels some may be noise and nothing else. Where textures are silent at first, the latent learns to
    imitate it, and what foretells such a channel in samples foretells nothing in real series.
    """
    if n_injected == 1:
        return torch.zeros(1, n_features)
    return FIRST_STRENGTH * torch.randn(n_injected, n_features)


def with_differences(values: Tensor, n_varying: int) -> Tensor:
    """Appends first and second differences over time of the first ``n_varying`` channels of ``(n, c, t)``.

    A smooth unit series on t points has differences of the order of 1/t; they are scaled up to a comparable spread.
    """
    varying = values[:, :n_varying]
    n_timepoints = values.shape[-1]
    first = F.pad(varying.diff(dim=-1), (0, 1)) * (n_timepoints / 12)
    second = F.pad(varying.diff(n=2, dim=-1), (1, 1)) * (n_timepoints / 18) ** 2 if n_timepoints > 2 else first
    return torch.cat([values, first, second], dim=1)
