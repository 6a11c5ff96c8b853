"""The InfoGAN paper's convolutional networks for MNIST (Chen et al. 2016, appendix C.1), for images of any size.

The paper's width is 64. Half of it is the default: a step then takes a third of the time on a processor.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tsinfogan.models.backbone import Backbone, DataShape, conform

KERNEL = 4


def halved(grid: tuple[int, ...]) -> tuple[int, ...]:
    """Half of each size, rounded up: what a stride of two leaves of it."""
    return tuple(-(-size // 2) for size in grid)


class Generator(nn.Module):
    """Two full layers, then two transposed convolutions that double the grid, cut to size where it is odd."""

    injected_noise_dim = 0

    def __init__(self, shape: DataShape, latent_dim: int, width: int):
        super().__init__()
        self.middle = halved(shape.grid)
        self.coarse = halved(self.middle)
        self.shape = shape
        n_full, n_coarse = 16 * width, 2 * width * int(torch.Size(self.coarse).numel())
        self.full = nn.Sequential(
            nn.Linear(latent_dim, n_full, bias=False),
            nn.BatchNorm1d(n_full),
            nn.ReLU(),
            nn.Linear(n_full, n_coarse, bias=False),
            nn.BatchNorm1d(n_coarse),
            nn.ReLU(),
        )
        self.up = nn.ConvTranspose2d(2 * width, width, KERNEL, 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.out = nn.ConvTranspose2d(width, shape.n_channels, KERNEL, 2, 1)

    def forward(self, latent: Tensor, injected_noise: Tensor) -> Tensor:
        """``(n, latent_dim)`` and an empty ``(n, 0)`` to ``(n, n_channels, height, width)``."""
        x = self.full(latent).view(latent.shape[0], *self.coarse, -1).permute(0, 3, 1, 2)  # channels last in memory
        height, width = self.shape.grid
        x = F.relu(self.norm(self.up(x)[:, :, : self.middle[0], : self.middle[1]]))
        return conform(self.out(x)[:, :, :height, :width].float(), self.shape)


class Trunk(nn.Module):
    """Two strided convolutions and a full layer.

    The paper's batch normalization is left out here: the output for an image would depend on the rest of the batch, in
    which real and generated ones are together, and a gradient penalty is defined for single images (Gulrajani et al.
    2017, arXiv:1704.00028).
    """

    def __init__(self, shape: DataShape, width: int):
        super().__init__()
        self.feature_dim = 16 * width
        self.pads = []
        grid = shape.grid
        for _ in range(2):
            self.pads.append((1, 1 + grid[1] % 2, 1, 1 + grid[0] % 2))
            grid = halved(grid)
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, KERNEL, 2) for a, b in ((shape.n_channels, width), (width, 2 * width))
        )
        self.out = nn.Linear(2 * width * int(torch.Size(grid).numel()), self.feature_dim)

    def forward(self, values: Tensor) -> Tensor:
        """``(n, n_channels, height, width)`` to ``(n, feature_dim)``."""
        x = values.contiguous(memory_format=torch.channels_last)
        for conv, pad in zip(self.convs, self.pads, strict=True):
            x = F.leaky_relu(conv(F.pad(x, pad)), 0.1)
        return F.leaky_relu(self.out(x.permute(0, 2, 3, 1).flatten(1)), 0.1)


BACKBONE = Backbone(
    "the InfoGAN paper's convolutions for images; the default for images",
    Generator,
    Trunk,
    32,
    (2,),
    {"max_steps": 4500, "pretraining_steps": 2000, "pretraining_heads": 4},
)
