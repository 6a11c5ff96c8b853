"""Continuous codes on the scale of their prior, category by category.

Codes are drawn independently of each other, but Q can read values in real series that depend on the category: those of
one kind about .9, those of another between −.2 and .1. A generator that learns from real series and the codes read in
them has then never seen most pairs that are drawn, and gives anything for them. So once Q is trained, what it reads is
shifted and stretched, category by category, until real series have the prior's mean, and at least half and at most the
whole of its standard deviation.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tsinfogan.models.codes import Code

PRIOR_CASES = 3.0
"""Where a category's standard deviation is measured, the one within all categories counts as so many series, by the
geometric mean of both."""
MIN_SHARE = 0.5
"""Codes that spread so much of the prior's standard deviation stay: a generator extrapolates that far, and the wider
its codes are drawn, the more exactly they are read again (docs/development/experiments.md)."""
MAX_GAIN = 20.0
"""Of a code that hardly differs within a category."""


class CodeScale(nn.Module):
    """Shifts and stretches posteriors of continuous codes, by the first category; nothing changes before :meth:`fit`.

    Args:
        codes: of the posteriors, in order; at least one is continuous.
    """

    gain: Tensor
    offset: Tensor

    def __init__(self, codes: tuple[Code, ...]):
        super().__init__()
        self.continuous = [index for index, code in enumerate(codes) if not code.is_categorical]
        self.category = next((index for index, code in enumerate(codes) if code.is_categorical), None)
        self.priors = [codes[index].moments for index in self.continuous]
        n_categories = 1 if self.category is None else codes[self.category].n_categories
        self.register_buffer("gain", torch.ones(n_categories, len(self.continuous)))
        self.register_buffer("offset", torch.zeros(n_categories, len(self.continuous)))

    def forward(self, posteriors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Parameters ``(n, n_parameters)`` of each code's posterior as Q's head gives them, to those on the scale."""
        category = self._category(posteriors)  # (n, K)
        gain, offset = category @ self.gain, category @ self.offset  # (n, n_continuous)
        scaled = list(posteriors)
        for number, index in enumerate(self.continuous):
            mean, *log_scale = posteriors[index].split(1, dim=1)
            by, to = gain[:, number, None], offset[:, number, None]
            scaled[index] = torch.cat([by * mean + to, *(each + by.log() for each in log_scale)], dim=1)
        return tuple(scaled)

    @torch.no_grad()
    def fit(self, posteriors: tuple[Tensor, ...]) -> None:
        """Fits on what Q's head reads in real series, ``(n, n_parameters)`` each, in place.

        Of a category without series nothing changes.
        """
        posteriors = tuple(each.cpu() for each in posteriors)  # not every accelerator knows float64
        values = torch.cat([posteriors[index][:, :1] for index in self.continuous], dim=1).double()  # (n, n_continuous)
        category = self._category(posteriors).double()  # (n, K)
        count = category.sum(0)[:, None]  # (K, 1)
        mean = category.T @ values / count.clamp_min(1)  # (K, n_continuous)
        squares = category.T @ (values - category @ mean).square()
        free = (count - 1).clamp_min(0)
        own, within = squares / free.clamp_min(1), squares.sum(0) / free.sum().clamp_min(1)
        weight = free / (free + PRIOR_CASES)
        deviation = (own.sqrt() ** weight) * within.sqrt() ** (1 - weight)  # (K, n_continuous)
        centre, wanted = values.new_tensor(self.priors).unbind(1)
        gain = deviation.clamp(MIN_SHARE * wanted, wanted) / torch.maximum(deviation, wanted / MAX_GAIN)
        seen = count > 0
        self.gain.copy_(torch.where(seen, gain, 1.0))
        self.offset.copy_(torch.where(seen, centre - gain * mean, 0.0))

    def reset(self) -> None:
        """As before :meth:`fit`."""
        self.gain.fill_(1)
        self.offset.fill_(0)

    def _category(self, posteriors: tuple[Tensor, ...]) -> Tensor:
        """``(n, K)`` the category that is read, a 1 among zeros; one column of ones without categories."""
        if self.category is None:
            return torch.ones_like(posteriors[0][:, :1])
        logits = posteriors[self.category]
        return (logits.argmax(1, keepdim=True) == torch.arange(logits.shape[1], device=logits.device)).float()

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *others: Any) -> None:
        """Files of before there was a scale hold none: nothing changes then."""
        state_dict.setdefault(prefix + "gain", torch.ones(self.gain.shape))
        state_dict.setdefault(prefix + "offset", torch.zeros(self.offset.shape))
        super()._load_from_state_dict(state_dict, prefix, *others)
