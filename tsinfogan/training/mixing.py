"""Blends of two series of one category, so that a discriminator of few series cannot learn them by heart.

When a game on some thousand series ends, the discriminator gives away nothing but which of them it has seen: held-out
real series look as false to it as generated ones, and no further step makes these better. So it judges blends, real and
generated ones blended alike, of which there are as many as pairs. A blend keeps the mean of its category and how far
that spreads in every direction, faint ones too, which no shift, scaling or noise would leave as they are.

Judging both sides under one random change that can be undone in distribution leaves the game's solution where it is
(Karras et al. 2020, arXiv:2006.06676, section 3.1); that the change is a rotation of two cases into each other is ours.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

DRAWS_PER_CASE = 3
MIN_SHARE = 0.5
"""Real series are blended where the category is known of more than this share of them."""


class ClassMixing(NamedTuple):
    """About what series are blended.

    Attributes:
        means: ``(K, c, *grid)`` of the real series of each category; of all, where it has none.
        share: of the real series whose category is known, and so are blended; as many of the generated ones are.
    """

    means: Tensor
    share: float

    @classmethod
    def among(cls, values: Tensor, category: Tensor, n_categories: int) -> ClassMixing | None:
        """For real cases ``(n, c, *grid)`` of categories ``(n,)``, −1 if unknown; None where those are too many."""
        share = float((category >= 0).float().mean())
        if share <= MIN_SHARE:
            return None
        means = [
            values[category == k].mean(0) if (category == k).any() else values.mean(0) for k in range(n_categories)
        ]
        return cls(torch.stack(means), share)


def mix(values: Tensor, category: Tensor, mixing: ClassMixing, draw: Tensor, share: float = 1.0) -> Tensor:
    """Cases ``(n, c, *grid)``, each turned by a random angle into another of its category, about that one's mean.

    For cases x and y of category k it is μ_k + cos φ (x − μ_k) + sin φ (y − μ_k), φ ~ U(0, π/4): of the mean and the
    covariance that they have.

    Args:
        values: the cases.
        category: ``(n,)``; −1 leaves a case as it is, as does being alone.
        mixing: gives μ.
        draw: ``(n, DRAWS_PER_CASE)`` numbers ~ U(0, 1).
        share: of the cases that are blended at all.
    """
    key, angle, lot = draw.unbind(1)
    others = (category[:, None] == category) & ~torch.eye(len(values), dtype=torch.bool, device=values.device)
    ahead = torch.where(others, (key - key[:, None]).remainder(1), math.inf)  # (n, n): the next on a circle of keys
    nearest, partner = ahead.min(1)
    turned = (category >= 0) & (lot < share) & nearest.isfinite()
    angle = torch.where(turned, angle * math.pi / 4, 0).view(-1, *(1,) * (values.ndim - 1))
    centre = mixing.means[category.clamp_min(0)]
    return centre + angle.cos() * (values - centre) + angle.sin() * (values[partner] - centre)
