"""How far the noise of a trained generator is drawn: so far that samples differ as much as real series do.

A discriminator that is held back sees what is odd in a sample sooner than what is missing among many, and samples
crowd: on CharacterTrajectories the fifth-nearest other sample lies a tenth nearer than it does among real series. Noise
a little wider than in training undoes that (the opposite of truncation: Brock et al. 2019, arXiv:1809.11096, section
3.1), and how much wider, the training series tell. Q reads the wider samples a little less well. It is done after a
game on blends (:mod:`tsinfogan.training.mixing`): elsewhere it has not been measured to help.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tsinfogan.models.model import Model
from tsinfogan.seeding import Stream, generator_at

NEIGHBOUR = 5
MAX_CASES = 1500
MAX_SCALE = 1.5
"""Wider noise is too far from what the generator was trained on; CharacterTrajectories asks for 1.2 to 1.4."""
HALVINGS = 5


@torch.no_grad()
def fitted_noise_scale(model: Model, data: Tensor, seed: int) -> float:
    """The scale of the noise, from 1 to ``MAX_SCALE``, at which samples lie as far apart as real series.

    Args:
        model: a trained one.
        data: real series ``(n, c, t)`` as its networks see them; of many, some evenly spread are looked at.
        seed: of the samples.
    """
    n = min(len(data), MAX_CASES)
    wanted = typical_distance(data[torch.linspace(0, len(data) - 1, n, device=data.device).long()])
    rng = generator_at(model.device, seed, Stream.NOISE_CALIBRATION)
    latent = model.sampling_latent
    noise, codes = latent.sample(n, rng)
    injected_noise = torch.randn(n, model.injected_noise_dim, generator=rng, device=model.device)

    def crowded(scale: float) -> bool:
        return bool(
            typical_distance(model.generator(latent.encode(scale * noise, codes), injected_noise).float()) < wanted
        )

    low, high = 1.0, MAX_SCALE
    if not crowded(low):
        return low
    if crowded(high):
        return high
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if crowded(middle) else (low, middle)
    return (low + high) / 2


def typical_distance(values: Tensor) -> Tensor:
    """Median distance of series ``(n, c, t)`` to their fifth-nearest other one, of fewer to the farthest."""
    flat = values.flatten(1)
    nearest = torch.cdist(flat, flat).sort(dim=1).values  # (n, n); the first is the series itself
    return nearest[:, min(NEIGHBOUR, len(flat) - 1)].median()
