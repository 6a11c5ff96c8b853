"""How a trained model is used: how often each category is drawn, and how sure Q is of one.

**Class proportions.** Without labels, training draws categories uniformly. With a uniform prior, class proportions
alone would tell synthetic from real data, so samples are drawn with the proportions that Q finds in the real data.
Learning the prior during training (Ojha et al. 2020, Elastic-InfoGAN, arXiv:1910.01112) does the same; here the
generator and, by default, the discriminator are given the category, so the prior in training does not matter.

**Confidence.** A network that learned categories is nearly sure of every one, right or wrong. Where the categories come
from spectral clustering, its logits are divided by a temperature (Guo et al. 2017, arXiv:1706.04599) at which its
confidence best predicts whether the clustering of a part of the series agrees.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from scipy.optimize import minimize_scalar
from torch import Tensor

from tsinfogan.models.model import Model
from tsinfogan.sampling.inference import posteriors
from tsinfogan.training.spectral import Clustering, aligned

MAX_TEMPERATURE = 100.0
MAX_CASES = 50_000
"""Real series that categories are counted in at most, evenly spaced; a share of a tenth is then known to .002."""


@torch.no_grad()
def class_proportions(
    model: Model, data: Tensor, tell: Callable[[float], None] = lambda share: None
) -> tuple[float, ...]:
    """Share of real cases ``(n, c, *grid)`` that Q puts in each category of the first categorical code.

    Empty without such a code, or if the user set its prior. ``tell`` is called with the share that is done.
    """
    first = model.settings.latent.first_category
    if first is None or first[1].probabilities is not None:
        return ()
    index, code = first
    some = data[:: -(-len(data) // MAX_CASES)]  # a view, also of windows
    categories = code.estimate(posteriors(model.discriminator, some, tell)[index])
    counts = categories.bincount(minlength=code.n_categories).tolist()
    return tuple(count / len(some) for count in counts)


@torch.no_grad()
def fitted_temperature(model: Model, cases: Tensor, clustering: Clustering) -> float:
    """The temperature at which Q's confidence in real cases ``(n, c, *grid)`` fits the votes of a clustering of them.

    At least 1: Q is never made surer than it is.
    """
    first = model.settings.latent.first_category
    assert first is not None
    index, code = first
    logits = posteriors(model.discriminator, cases)[index].cpu().double()  # (n, K)
    read = logits.argmax(1).numpy()
    in_part = clustering.votes >= 0  # (parts, n)
    votes = [
        aligned(vote[known], read[known], code.n_categories)
        for vote, known in zip(clustering.votes, in_part, strict=True)
    ]
    seen = torch.cat([logits[torch.from_numpy(known)] for known in in_part])
    target = torch.cat([torch.from_numpy(vote) for vote in votes])

    def misfit(log_temperature: float) -> float:
        return float(F.cross_entropy(seen / math.exp(log_temperature), target))

    return math.exp(minimize_scalar(misfit, bounds=(0, math.log(MAX_TEMPERATURE)), method="bounded").x)
