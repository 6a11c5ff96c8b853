"""When in a recording a window begins, its onset: what a generator of windows is given beside the codes.

Windows of a recording are pieces of one path, and differ most in where on it they lie. A network that has to find the
path from windows alone takes many times as many steps as one that is told where each window begins. It is told so only
roughly, within a few lengths of a window, so that it cannot memorize single windows. The onset of a sample is
drawn as those of the windows with nearly its codes are spread over the recording, and blurred as in training.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

N_PARTS = 256
"""Of the recording, of each of which the codes are kept. A power of 2."""
BLUR_LENGTHS = 3.0
"""Standard deviation of the blur, in lengths of a window."""
CODE_DISTANCE = 0.2
"""Continuous codes so far apart, a tenth of what they span, are near."""
CODE_SPAN = 2.0
"""How far apart two values of a uniform code can be."""
MIN_WEIGHT = 1e-9
"""Of a part of the recording, by which is divided."""
FREQUENCIES = 24
N_NOISE = 2
"""Random numbers that an onset takes: which of those that go with the codes, and the blur."""


class Onsets(nn.Module):
    """How the onsets of windows, as shares of the recording, go with their codes; fitted before use.

    Args:
        n_codes: numbers that encode the codes.
        n_overlapping: windows that begin within the length of one.
    """

    n_features = 2 * FREQUENCIES
    codes: Tensor
    scale: Tensor
    blur: Tensor

    def __init__(self, n_codes: int, n_overlapping: float):
        super().__init__()
        self.n_overlapping = n_overlapping
        self.register_buffer("codes", torch.zeros(N_PARTS, n_codes))
        self.register_buffer("scale", torch.ones(n_codes))
        self.register_buffer("blur", torch.ones(()))

    @torch.no_grad()
    def fit(self, codes: Tensor, are_categories: Tensor, n_windows: int) -> None:
        """Takes codes of windows, in place.

        Args:
            codes: ``(n, n_codes)`` of evenly spaced windows.
            are_categories: ``(n_codes,)`` which of the numbers encode categories.
            n_windows: in all.
        """
        middle = ((torch.arange(N_PARTS, device=codes.device) + 0.5) / N_PARTS * len(codes)).long()
        self.codes.copy_(codes[middle])
        # Two categories are further apart than any values of all continuous codes; one-hot, they differ in two numbers.
        n_continuous = int((~are_categories).sum())
        between_categories = CODE_SPAN * math.sqrt(n_continuous + 1)
        self.scale.copy_(torch.where(are_categories, between_categories / math.sqrt(2), 1.0) / CODE_DISTANCE)
        self.blur.fill_(BLUR_LENGTHS * self.n_overlapping / n_windows)

    def draw(self, codes: Tensor, noise: Tensor) -> Tensor:
        """``(n,)`` onsets for ``(n, n_codes)`` and ``(n, N_NOISE)`` noise of standard deviation 1.

        A part of the recording counts by how near its codes are, and the nearest always does. Of the operations there
        are here, a page in a browser has all (:mod:`tsinfogan.sharing.browser`).
        """
        wanted, known = codes * self.scale, self.codes * self.scale
        distance = known.square().sum(1) / 2 - wanted @ known.T  # (n, N_PARTS), less what all have in common
        least = distance
        while (half := least.shape[1] // 2) > 0:
            least = torch.minimum(least[:, :half], least[:, half:])
        weight = (least - distance).exp() + MIN_WEIGHT
        # The sum up to each part, by sums of 1, 2, 4, … of them.
        up_to, step = weight, 1
        while step < N_PARTS:
            up_to = up_to + F.pad(up_to[:, :-step], (step, 0))
            step *= 2
        sought = _normal_probability(noise[:, :1]) * up_to[:, -1:]
        passed = (1 + (sought - up_to) / weight).clamp(0, 1)  # (n, N_PARTS): the share of each part that lies before
        return self.blurred(passed.mean(1), noise[:, 1])

    def blurred(self, onsets: Tensor, noise: Tensor) -> Tensor:
        """``(n,)`` onsets, blurred by ``(n,)`` noise of standard deviation 1."""
        return onsets + self.blur * noise

    def features(self, onsets: Tensor) -> Tensor:
        """``(n,)`` onsets as a network sees them: ``(n, n_features)`` waves, none of which is finer than the blur."""
        finest = torch.log10(1 / (2 * math.pi * self.blur)).clamp_min(math.log10(2))
        exponents = torch.arange(FREQUENCIES, device=onsets.device) / (FREQUENCIES - 1)
        phase = 2 * math.pi * onsets[:, None] * 10 ** (finest * exponents)  # (n, FREQUENCIES)
        return torch.cat([phase.sin(), phase.cos()], dim=1)


def _normal_probability(noise: Tensor) -> Tensor:
    """The share of normal noise below ``noise``, to .00014.

    Bowling et al. 2009 (doi:10.3926/jiem.2009.v2n1.p114-127), equation 10.
    """
    return torch.sigmoid(1.5976 * noise + 0.07056 * noise * noise * noise)
