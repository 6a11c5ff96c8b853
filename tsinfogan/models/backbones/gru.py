"""A recurrent generator over cells of several timepoints, so that no series takes more than sixteen steps.

The trunk is convolutional. A bidirectional recurrent one over the same cells, with or without convolutions before it,
took twice the time and gave worse samples (docs/development/experiments.md, Windows of 24).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from tsinfogan.models.backbone import Backbone, DataShape, conform
from tsinfogan.models.backbones._series import Trunk, first_strengths, modulated, n_injected
from tsinfogan.models.layers import KERNEL

MAX_N_CELLS = 16
INJECTED_PER_CELL = 4


def cells(n_timepoints: int) -> tuple[int, int]:
    """Number of cells and timepoints a cell: the shortest cells of which ``MAX_N_CELLS`` cover the series."""
    size = -(-n_timepoints // MAX_N_CELLS)
    return -(-n_timepoints // size), size


class Generator(nn.Module):
    """A bidirectional GRU over a plan of the series; each state gives features for two cells.

    Features of neighbouring states overlap and are cross-faded, so that no border shows. With many channels, noise is
    also injected at every timepoint, because white noise does not pass through the states.
    """

    def __init__(self, shape: DataShape, latent_dim: int, width: int):
        super().__init__()
        self.n_timepoints = shape.grid[0]
        self.n_cells, self.cell_size = cells(self.n_timepoints)
        self.n_states = self.n_cells + 1
        self.injected_per_cell = n_injected(shape) * INJECTED_PER_CELL
        self.n_fine = n_injected(shape) if n_injected(shape) > 1 else 0
        self.injected_sizes = [self.n_states * self.injected_per_cell, self.n_fine * self.n_timepoints]
        self.injected_noise_dim = sum(self.injected_sizes)
        self.shape = shape
        self.width = width
        size = 4 * width
        self.embed = nn.Sequential(nn.Linear(latent_dim, size), nn.LeakyReLU(0.2))
        self.start = nn.Linear(size, 2 * size)
        self.plan = nn.Linear(size, self.n_states * width)
        self.gru = nn.GRU(width + self.injected_per_cell, size, batch_first=True, bidirectional=True)
        self.emit = nn.Linear(2 * size, 2 * self.cell_size * width)
        self.smooth = nn.Conv1d(width, width, KERNEL, padding=KERNEL // 2)
        if self.n_fine:
            self.fine_strength = nn.Parameter(first_strengths(self.n_fine, width).T)
        self.norm = nn.GroupNorm(1, width, affine=False)
        self.modulation = nn.Linear(size, 4 * width)
        self.out = nn.Conv1d(width, shape.n_channels, KERNEL, padding=KERNEL // 2)
        indices = (torch.arange(2 * self.cell_size) + 0.5) / (2 * self.cell_size)
        self.register_buffer("window", torch.sin(math.pi * indices)[:, None] ** 2, persistent=False)

    def forward(self, latent: Tensor, injected_noise: Tensor) -> Tensor:
        """``(n, latent_dim)``, ``(n, injected_noise_dim)`` to ``(n, n_channels, t)``."""
        n = latent.shape[0]
        style = self.embed(latent)
        plan = self.plan(style).view(n, self.n_states, self.width)
        injected_noise, fine = injected_noise.split(self.injected_sizes, dim=1)
        seen = torch.cat([plan, injected_noise.view(n, self.n_states, self.injected_per_cell).to(plan.dtype)], dim=2)
        start = torch.tanh(self.start(style)).view(n, 2, -1).transpose(0, 1).contiguous()
        states, _ = self.gru(seen, start)  # (n, n_states, 2 * size)
        pieces = self.emit(states).view(n, self.n_states, 2 * self.cell_size, self.width) * self.window
        rising, falling = pieces[:, 1:, : self.cell_size], pieces[:, :-1, self.cell_size :]
        x = (rising + falling).flatten(1, 2)[:, : self.n_timepoints].transpose(1, 2)  # (n, width, t)
        first, second = self.modulation(style)[:, :, None].chunk(2, dim=1)
        x = self.smooth(modulated(self.norm(x), first))
        if self.n_fine:
            x = x + self.fine_strength @ fine.view(n, self.n_fine, self.n_timepoints)
        x = modulated(self.norm(x), second)
        return conform(self.out(x).float(), self.shape)


BACKBONE = Backbone(
    "a recurrent generator over cells of time, judged by convolutions; for series", Generator, Trunk, 32, (1,)
)
