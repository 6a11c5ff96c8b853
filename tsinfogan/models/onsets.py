"""When in a recording a window begins, its onset: what a generator of windows is given beside the codes.

Windows of a recording are pieces of one path, and differ most in where on it they lie. A network that has to find the
path from windows alone takes many times as many steps as one that is told where each window begins. It is told so only
roughly, within a few lengths of a window, so that it cannot memorize single windows. The onset of a sample is
drawn as those of the windows with nearly its codes are spread over the recording, and blurred as in training.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

N_WINDOWS = 1024
"""Of which onset and codes are kept, evenly spaced over the recording."""
BLUR_LENGTHS = 3.0
"""Standard deviation of the blur, in lengths of a window."""
CODE_DISTANCE = 0.2
"""Codes so far apart, a tenth of what a continuous one spans, are near; those of two categories never are."""
FREQUENCIES = 24
N_NOISE = 2
"""Random numbers that an onset takes: which window, and how far from it."""


class Onsets(nn.Module):
    """How the onsets of windows, as shares of the recording, go with their codes; fitted before use.

    Args:
        n_codes: numbers that encode the codes.
        n_overlapping: windows that begin within the length of one.
    """

    n_features = 2 * FREQUENCIES
    onsets: Tensor
    codes: Tensor
    blur: Tensor

    def __init__(self, n_codes: int, n_overlapping: float):
        super().__init__()
        self.n_overlapping = n_overlapping
        self.register_buffer("onsets", torch.zeros(N_WINDOWS))
        self.register_buffer("codes", torch.zeros(N_WINDOWS, n_codes))
        self.register_buffer("blur", torch.ones(()))

    @torch.no_grad()
    def fit(self, onsets: Tensor, codes: Tensor, n_windows: int) -> None:
        """Takes windows with ``(n,)`` onsets and ``(n, n_codes)``, some of ``n_windows`` in all, in place."""
        chosen = torch.linspace(0, len(onsets) - 1, N_WINDOWS, device=onsets.device).round().long()
        self.onsets.copy_(onsets[chosen])
        self.codes.copy_(codes[chosen])
        self.blur.fill_(BLUR_LENGTHS * self.n_overlapping / n_windows)

    def draw(self, codes: Tensor, noise: Tensor) -> Tensor:
        """``(n,)`` onsets for ``(n, n_codes)`` and ``(n, N_NOISE)`` noise of standard deviation 1.

        A window counts by how near its codes are. What the nearest counts is 1, so that some window always counts.
        """
        distance = (codes[:, None] - self.codes).square().sum(2) / (2 * CODE_DISTANCE**2)  # (n, N_WINDOWS)
        counted = (distance.amin(1, keepdim=True) - distance).exp().double().cumsum(1)
        share = (1 + torch.erf(noise[:, :1] / math.sqrt(2))) / 2  # (n, 1), uniform in [0, 1]
        index = (counted < share * counted[:, -1:]).sum(1).clamp_max(N_WINDOWS - 1)
        return self.blurred(self.onsets[index], noise[:, 1])

    def blurred(self, onsets: Tensor, noise: Tensor) -> Tensor:
        """``(n,)`` onsets, blurred by ``(n,)`` noise of standard deviation 1."""
        return onsets + self.blur * noise

    def features(self, onsets: Tensor) -> Tensor:
        """``(n,)`` onsets as a network sees them: ``(n, n_features)`` waves, none of which is finer than the blur."""
        finest = torch.log10(1 / (2 * math.pi * self.blur)).clamp_min(math.log10(2))
        exponents = torch.arange(FREQUENCIES, device=onsets.device) / (FREQUENCIES - 1)
        phase = 2 * math.pi * onsets[:, None] * 10 ** (finest * exponents)  # (n, FREQUENCIES)
        return torch.cat([phase.sin(), phase.cos()], dim=1)
