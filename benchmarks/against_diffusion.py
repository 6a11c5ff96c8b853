"""Seconds a series that sampling takes, ours beside a diffusion model's, in turns on one thread.

python benchmarks/against_diffusion.py [-n 2000] [--steps 500]

Ours is `sample` of a fresh CharacterTrajectories model, series in their units. The other is what any sampler with as
many steps must at least do: a transformer of the least size that Diffusion-TS is published with (two encoder and two
decoder layers of 64 units with four heads, Yuan & Qiao, ICLR 2024), asked once a step about series of the same length
and channels, without the trend and Fourier layers that it has besides. Medians of three turns.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor, nn

from _shared import print_header
from tsinfogan.datasets import get_dataset, load_dataset
from tsinfogan.models.flow import FlowGenerator
from tsinfogan.sampling.sampler import sample
from tsinfogan.training.plan import make_plan
from tsinfogan.training.session import build_model

SIZE, LAYERS, HEADS = 64, 2, 4
BATCH_SIZE = 32
TURNS = 3


class Denoiser(nn.Module):
    """From noisy series ``(n, t, c)`` to clean ones."""

    def __init__(self, n_channels: int, n_timepoints: int):
        super().__init__()
        self.read = nn.Linear(n_channels, SIZE)
        self.index = nn.Parameter(torch.randn(n_timepoints, SIZE))
        self.layers = nn.Transformer(
            *(SIZE, HEADS, LAYERS, LAYERS), dim_feedforward=4 * SIZE, dropout=0.0, activation="gelu", batch_first=True
        )
        self.out = nn.Linear(SIZE, n_channels)

    def forward(self, noisy: Tensor) -> Tensor:
        """One evaluation."""
        seen = self.read(noisy) + self.index
        return self.out(self.layers(seen, seen))  # type: ignore[no-any-return]


@torch.inference_mode()
def diffuse(denoiser: Denoiser, n_timepoints: int, n_channels: int, steps: int) -> Tensor:
    """A batch of series, by as many steps of an ordinary differential equation."""
    series = torch.randn(BATCH_SIZE, n_timepoints, n_channels)
    for step in range(steps, 0, -1):
        series = series + (denoiser(series) - series) / step
    return series


def seconds(run: Callable[[], object]) -> float:
    """Of one call."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main() -> None:
    """Prints both and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=500)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print_header()
    panel = load_dataset("char_traj")
    model = build_model(make_plan(panel, **get_dataset("char_traj").suggestions), panel)
    assert isinstance(model.generator, FlowGenerator)
    model.generator.trained.fill_(True)  # an untrained one takes as long
    n_channels, n_timepoints = panel.values.shape[1:]
    denoiser = Denoiser(n_channels, n_timepoints).eval()
    sample(model, 256)
    ours, theirs = [], []
    for _ in range(TURNS):
        ours.append(seconds(lambda: sample(model, options.n)) / options.n)
        theirs.append(seconds(lambda: diffuse(denoiser, n_timepoints, n_channels, options.steps)) / BATCH_SIZE)
    print(f"ours: {1e3 * median(ours):.3f} ms a series; {options.steps} steps: {1e3 * median(theirs):.0f} ms a series")
    print(f"ratio: {median(theirs) / median(ours):.0f}")


if __name__ == "__main__":
    main()
