"""A trunk of one-dimensional convolutions, written as two-dimensional ones of height 1 in channels-last layout.

No other form was faster on any processor measured (docs/benchmarks.md).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tsinfogan.models.backbone import DataShape
from tsinfogan.models.backbones._series import with_differences

MIN_GRID = 5
KERNEL = 5


def halvings(size: int, smallest: int = MIN_GRID) -> list[int]:
    """Grid sizes from coarse to fine, each half of the next rounded up: ``halvings(40) == [5, 10, 20, 40]``."""
    sizes = [size]
    while sizes[0] > smallest:
        sizes.insert(0, -(-sizes[0] // 2))
    return sizes


def convolution(n_in: int, n_out: int, stride: int = 1) -> nn.Conv2d:
    """A convolution over time on ``(n, c, 1, t)``."""
    return nn.Conv2d(n_in, n_out, (1, KERNEL), (1, stride), (0, KERNEL // 2))


class Trunk(nn.Module):
    """Strided convolutions over the values and their first and second differences, which show roughness."""

    def __init__(self, shape: DataShape, width: int):
        super().__init__()
        self.n_varying = shape.n_channels - shape.n_constant
        sizes = halvings(shape.grid[0])
        widths = [min(4, 2**level) * width for level in range(len(sizes))]
        n_in = shape.n_channels + 2 * self.n_varying
        self.convs = nn.ModuleList(
            convolution(a, b, stride=1 if level == 0 else 2)
            for level, (a, b) in enumerate(zip([n_in, *widths[:-1]], widths, strict=True))
        )
        self.feature_dim = 8 * width
        self.out = nn.Linear(widths[-1] * sizes[0], self.feature_dim)

    def forward(self, values: Tensor) -> Tensor:
        """``(n, n_channels, t)`` to ``(n, feature_dim)``."""
        x = with_differences(values, self.n_varying)[:, :, None]
        x = x.contiguous(memory_format=torch.channels_last)
        for conv in self.convs:
            x = F.leaky_relu(conv(x), 0.2)
        return F.leaky_relu(self.out(x.flatten(1)), 0.2)
