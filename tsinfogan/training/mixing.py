"""Within-class mixing: realness is judged of random mixtures of two series of one category.

By the end of a training on some thousand series the discriminator has overfitted: it scores held-out real series like
generated ones, and further steps do not help the generator. There are as many mixtures as pairs of series, so it cannot
overfit them. Real and generated series are mixed alike. A mixture keeps the mean of its category and the covariance,
low-variance principal components included, which no shift, scaling or noise would.

To judge both sides under one random transformation that can be inverted in distribution leaves the optimum where it is
(Karras et al. 2020, arXiv:2006.06676, section 3.1); that the transformation rotates two cases into each other is new.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

MIN_SHARE = 0.5
"""Series are mixed if the category is known of more than this share of the real ones."""
MAX_CASES = 10_000
"""Series of a category that its mean is taken of."""


class ClassMixing(NamedTuple):
    """What series of a category are mixed about.

    Attributes:
        means: ``(K, c, *grid)`` of the real series of each category; of all series for a category without any.
        share: of the real series whose category is known and that are mixed; the same share of generated ones is.
    """

    means: Tensor
    share: float

    @classmethod
    def among(cls, values: Tensor, category: Tensor, n_categories: int) -> ClassMixing | None:
        """For real cases ``(n, c, *grid)`` of categories ``(n,)``, −1 if unknown; None if too many are unknown."""
        share = float((category >= 0).float().mean())
        if share <= MIN_SHARE:
            return None
        means = [_mean(values, (category == k).nonzero()[:, 0]) for k in range(n_categories)]
        return cls(torch.stack(means), share)


def _mean(values: Tensor, cases: Tensor) -> Tensor:
    """Mean of ``(n, c, *grid)`` values over ``cases``, over all if it names none; of very many, over some."""
    cases = cases if len(cases) else torch.arange(len(values), device=cases.device)
    return values[cases[:: -(-len(cases) // MAX_CASES)]].mean(0)


def mix(values: Tensor, category: Tensor, mixing: ClassMixing, draw: Tensor, share: float = 1.0) -> Tensor:
    """Cases ``(n, c, *grid)``, each mixed with another of its category.

    Cases x and y of category k give μ_k + cos φ (x − μ_k) + sin φ (y − μ_k) with φ ~ U(0, π/4), which has the mean and
    the covariance of the category.

    Args:
        values: the cases.
        category: ``(n,)``; a case of −1, or alone in its category, stays as it is.
        mixing: gives μ.
        draw: ``(n, PARTNER_DRAWS)`` numbers ~ U(0, 1).
        share: of the cases that are mixed at all.
    """
    # The partner of a case is the next one of its category on a circle of random keys.
    key, angle, lot = draw.unbind(1)
    others = (category[:, None] == category) & ~torch.eye(len(values), dtype=torch.bool, device=values.device)
    ahead = torch.where(others, (key - key[:, None]).remainder(1), math.inf)  # (n, n)
    nearest, partner = ahead.min(1)
    is_mixed = (category >= 0) & (lot < share) & nearest.isfinite()
    angle = torch.where(is_mixed, angle * math.pi / 4, 0).view(-1, *(1,) * (values.ndim - 1))
    centre = mixing.means[category.clamp_min(0)]
    return centre + angle.cos() * (values - centre) + angle.sin() * (values[partner] - centre)
