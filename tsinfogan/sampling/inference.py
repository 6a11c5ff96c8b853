"""What Q reads in several augmented views of the same real cases: all that judging categories without labels needs."""

from __future__ import annotations

import torch
from torch import Tensor

from tsinfogan.models.discriminator import Discriminator
from tsinfogan.preprocessing.augmenter import Augmenter
from tsinfogan.seeding import Stream, generator_at

CASES_PER_PASS = 256


def evenly_spaced(n_cases: int, greatest: int) -> Tensor:
    """``(n,)`` places of at most ``greatest`` cases, spread over all of them."""
    return torch.linspace(0, n_cases - 1, min(n_cases, greatest)).long()


def augmented_views(cases: Tensor, augmenter: Augmenter, n_views: int, seed: int = 0) -> Tensor:
    """``(n_views, n, c, *grid)``: the cases ``(n, c, *grid)`` as they are, then augmentations of them."""
    rng = generator_at(cases.device, seed, Stream.VIEWS)
    augmented = [augmenter.apply(cases, augmenter.draw(len(cases), rng)) for _ in range(n_views - 1)]
    return torch.stack([cases, *augmented])


@torch.no_grad()
def read_views(discriminator: Discriminator, views: Tensor) -> list[Tensor]:
    """Parameters ``(n_views, n, n_parameters)`` of Q for each code, of views ``(n_views, n, c, *grid)``."""
    parts = [
        discriminator.posteriors(discriminator.q, discriminator.recognition_features(part))
        for part in views.flatten(0, 1).split(CASES_PER_PASS)
    ]
    return [torch.cat(codes).unflatten(0, views.shape[:2]) for codes in zip(*parts, strict=True)]
