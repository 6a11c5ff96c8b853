"""How often samples are of each category: as often as the training series are.

A game needs a prior for its codes, and without labels there is none but an even one. Once categories are found, real
series tell how common each is: what is drawn by an even prior after all could be told from the data by its mix alone.
Learning the prior (Ojha et al. 2020, Elastic-InfoGAN, arXiv:1910.01112) does the same within the game; here the
generator and, by default, the discriminator are told the category, so the game's own mix does not matter.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tsinfogan.models.codes import CategoricalCode
from tsinfogan.models.model import Model

CASES_PER_PASS = 256


@torch.no_grad()
def class_proportions(model: Model, data: Tensor) -> tuple[float, ...]:
    """Share of real cases ``(n, c, *grid)`` that Q takes for each category of the first categorical code.

    Empty where that code has a prior of its own, which then is somebody's wish.
    """
    codes = model.settings.latent.codes
    index, code = next((index, code) for index, code in enumerate(codes) if isinstance(code, CategoricalCode))
    if code.probabilities is not None:
        return ()
    discriminator = model.discriminator
    read = [
        discriminator.posteriors(discriminator.q, discriminator.recognition_features(part))[index].argmax(1)
        for part in data.split(CASES_PER_PASS)
    ]
    counts = torch.cat(read).bincount(minlength=code.n_categories).tolist()
    return tuple(count / len(data) for count in counts)
