"""Codes that no real series has, and which series stand for them in flow matching.

Flow matching learns from real series and the codes that were read in them. Of few series, most codes that are drawn
from the priors lie far from those of any series of the category, and what a network gives there may be of another
category. So it also learns codes that are drawn, each with one of the series of that category whose codes are nearest
to them (docs/development/experiments.md).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from tsinfogan.models.codes import Code

NEAREST_SHARE, MAX_NEAREST = 0.25, 5
"""Share of the series of a category that stand for codes that are drawn, and at most how many. So about a quarter of
what is learned are drawn codes, and next to nothing of a category of hundreds, whose own codes leave no gaps."""
MAX_COMPARED = 2000
"""Series that each one is compared with, evenly spaced ones of more: a step must not take longer for more series."""
TIE = 1e-5
"""Distances that differ by a smaller share are equal: a series is not nearer than itself."""


class KnownCodes:
    """Codes of the real series that are learned from, which drawn codes are compared with.

    Args:
        codes: in order; at least one is continuous.
        values: of each code, ``(n,)``.
    """

    def __init__(self, codes: tuple[Code, ...], values: Sequence[Tensor]):
        self.codes = codes
        self.apart = -(-len(values[0]) // MAX_COMPARED)
        compared = [value[:: self.apart] for value in values]
        self.categories = self._categories(compared)  # (n, n_categorical)
        self.continuous = self._continuous(compared)  # (n, n_continuous)

    def are_nearest(self, values: Sequence[Tensor], drawn: Sequence[Tensor]) -> Tensor:
        """Whether some series are among those of their categories that are nearest to drawn codes, ``(m,)``.

        Args:
            values: of each code, ``(m,)``, of the series.
            drawn: of each code, ``(m,)``, one for each series; categories in it do not matter.
        """
        drawn_at = self._continuous(drawn)  # (m, n_continuous)
        alike = (self._categories(values)[:, None] == self.categories).all(2)  # (m, n)
        distances = torch.cdist(drawn_at, self.continuous, compute_mode="donot_use_mm_for_euclid_dist")  # (m, n)
        own = (drawn_at - self._continuous(values)).norm(dim=1)  # (m,)
        n_nearer = (alike & (distances < own[:, None] * (1 - TIE))).sum(1)
        n_nearest = (NEAREST_SHARE * self.apart * alike.sum(1)).ceil().clamp(max=MAX_NEAREST)
        near: Tensor = self.apart * n_nearer < n_nearest  # each one compared with stands for as many as are apart
        return near

    def filled(self, values: Sequence[Tensor], drawn: Sequence[Tensor]) -> list[Tensor]:
        """``values``, with the continuous codes that were drawn where :meth:`are_nearest`; arguments as there."""
        near = self.are_nearest(values, drawn)
        return [
            own if code.is_categorical else torch.where(near, other, own)
            for code, own, other in zip(self.codes, values, drawn, strict=True)
        ]

    def _categories(self, values: Sequence[Tensor]) -> Tensor:
        chosen = [value for code, value in zip(self.codes, values, strict=True) if code.is_categorical]
        return torch.stack(chosen, dim=1) if chosen else values[0].new_zeros(len(values[0]), 0)

    def _continuous(self, values: Sequence[Tensor]) -> Tensor:
        """In standard deviations of their priors."""
        pairs = zip(self.codes, values, strict=True)
        return torch.stack([value / code.moments[1] for code, value in pairs if not code.is_categorical], dim=1)
