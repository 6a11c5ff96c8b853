"""A generator that refines a short coarse series by convolutions, and a trunk that reads by them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tsinfogan.models.backbone import Backbone, DataShape, conform
from tsinfogan.models.backbones._series import Trunk, first_strengths, modulated, n_injected
from tsinfogan.models.layers import convolution, halvings


class Block(nn.Module):
    """Linear upsampling, convolution, noise injection, then features scaled and shifted by the latent (FiLM)."""

    def __init__(self, n_in: int, n_out: int, size: int, latent_dim: int, n_injected: int):
        super().__init__()
        self.size, self.n_injected = size, n_injected
        self.conv = convolution(n_in, n_out)
        self.noise_strength = nn.Parameter(first_strengths(n_injected, n_out).flatten())
        self.norm = nn.GroupNorm(1, n_out, affine=False)
        self.modulation = nn.Linear(latent_dim, 2 * n_out)

    def forward(self, x: Tensor, latent: Tensor, injected_noise: Tensor) -> Tensor:
        """``(n, n_in, 1, t)``, ``(n, latent_dim)``, ``(n, n_injected * size)`` to ``(n, n_out, 1, size)``."""
        if x.shape[-1] != self.size:
            # On a GPU the norm gives channels first, for which this kernel is slow: 1.7 ms of a step of 2.
            x = x.contiguous(memory_format=torch.channels_last)
            x = F.interpolate(x, size=(1, self.size), mode="bilinear", align_corners=False)
        x = self.conv(x)
        strengths = self.noise_strength.view(self.n_injected, -1, 1, 1)  # (k, n_out, 1, 1)
        for strength, noise in zip(strengths, injected_noise.chunk(self.n_injected, dim=1), strict=True):
            x = x + strength * noise[:, None, None, :]
        return modulated(self.norm(x), self.modulation(latent)[:, :, None, None])


class Generator(nn.Module):
    """Latent to a short coarse series, refined block by block."""

    def __init__(self, shape: DataShape, latent_dim: int, width: int):
        super().__init__()
        self.sizes = halvings(shape.grid[0])
        self.injected_sizes = [n_injected(shape) * size for size in self.sizes]
        self.injected_noise_dim = sum(self.injected_sizes)
        self.shape = shape
        widths = [min(4, 2 ** (len(self.sizes) - 1 - level)) * width for level in range(len(self.sizes))]
        self.embed = nn.Sequential(nn.Linear(latent_dim, 4 * width), nn.LeakyReLU(0.2))
        self.start = nn.Linear(4 * width, widths[0] * self.sizes[0])
        self.blocks = nn.ModuleList(
            Block(n_in, n_out, size, 4 * width, n_injected(shape))
            for n_in, n_out, size in zip([widths[0], *widths[:-1]], widths, self.sizes, strict=True)
        )
        self.out = convolution(widths[-1], shape.n_channels)

    def forward(self, latent: Tensor, injected_noise: Tensor) -> Tensor:
        """``(n, latent_dim)``, ``(n, injected_noise_dim)`` to ``(n, n_channels, t)``."""
        style = self.embed(latent)
        x = self.start(style).view(latent.shape[0], -1, 1, self.sizes[0])
        x = x.contiguous(memory_format=torch.channels_last)
        for block, noise in zip(self.blocks, injected_noise.split(self.injected_sizes, dim=1), strict=True):
            x = block(x, style, noise)
        return conform(self.out(x)[:, :, 0].float(), self.shape)


BACKBONE = Backbone("1-D convolutions with smooth upsampling; the default for series", Generator, Trunk, 32, (1,))
