"""Fully connected networks, as in tutorial GANs: a baseline that does not use the order of timepoints or pixels."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from tsinfogan.models.backbone import Backbone, DataShape, conform


class Generator(nn.Module):
    """Four layers that double in width, then all values at once."""

    injected_noise_dim = 0

    def __init__(self, shape: DataShape, latent_dim: int, width: int):
        super().__init__()
        self.size = (shape.n_channels, *shape.grid)
        self.shape = shape
        widths = [width, 2 * width, 4 * width, 8 * width]
        layers: list[nn.Module] = [nn.Linear(latent_dim, width), nn.LeakyReLU(0.2)]
        for n_in, n_out in pairwise(widths):
            layers += [nn.Linear(n_in, n_out), nn.BatchNorm1d(n_out), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], int(torch.Size(self.size).numel())))

    def forward(self, latent: Tensor, injected_noise: Tensor) -> Tensor:
        """``(n, latent_dim)`` and an empty ``(n, 0)`` to ``(n, n_channels, *grid)``."""
        return conform(self.layers(latent).float().view(latent.shape[0], *self.size), self.shape)


class Trunk(nn.Module):
    """Three layers of equal width, without the tutorials' dropout: the trunk must be deterministic."""

    def __init__(self, shape: DataShape, width: int):
        super().__init__()
        self.feature_dim = 4 * width
        n_values = shape.n_channels * int(torch.Size(shape.grid).numel())
        layers: list[nn.Module] = []
        for n_in in (n_values, self.feature_dim, self.feature_dim):
            layers += [nn.Linear(n_in, self.feature_dim), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers)

    def forward(self, values: Tensor) -> Tensor:
        """``(n, n_channels, *grid)`` to ``(n, feature_dim)``."""
        features: Tensor = self.layers(values.flatten(1))
        return features


BACKBONE = Backbone(
    "fully connected, for series and images; a baseline", Generator, Trunk, 128, (1, 2), min_batch_size=2
)
