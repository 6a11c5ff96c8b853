"""How a trained model is used: how far noise is drawn, how often each category is, and how sure Q is of one.

**Noise calibration.** Samples can lie closer together than real series do: on CharacterTrajectories the fifth-nearest
other sample is a tenth nearer than among real series. Drawing the noise somewhat wider than in training corrects that
(the opposite of truncation: Brock et al. 2019, arXiv:1809.11096, section 3.1); the training series determine how much
wider. Q reads the wider samples a little less well. It is done only where realness was judged of random mixtures, and
samples do not come from flow matching, since it has not been measured to help elsewhere.

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

import torch
import torch.nn.functional as F
from scipy.optimize import minimize_scalar
from torch import Tensor

from tsinfogan.models.model import Model
from tsinfogan.sampling.inference import evenly_spaced, posteriors
from tsinfogan.seeding import Stream, generator_at
from tsinfogan.training.spectral import Clustering, aligned

NEIGHBOUR = 5
MAX_CASES = 1500
MAX_SCALE = 1.5
"""Wider noise is too far from what the generator was trained on; CharacterTrajectories needs 1.2 to 1.4."""
HALVINGS = 5
MAX_TEMPERATURE = 100.0


@torch.no_grad()
def fitted_noise_scale(model: Model, data: Tensor, seed: int) -> float:
    """The scale of noise, 1 to ``MAX_SCALE``, at which samples lie as far apart as real series ``(n, c, t)``."""
    chosen = evenly_spaced(len(data), MAX_CASES, data.device)
    n, wanted = len(chosen), typical_distance(data[chosen])
    rng = generator_at(model.device, seed, Stream.NOISE_CALIBRATION)
    latent = model.sampling_latent
    noise, codes = latent.sample(n, rng)
    injected_noise = torch.randn(n, model.injected_noise_dim, generator=rng, device=model.device)

    def too_close(scale: float) -> bool:
        samples = model.generator(latent.encode(scale * noise, codes), injected_noise).float()  # (n, c, t)
        return bool(typical_distance(samples) < wanted)

    low, high = 1.0, MAX_SCALE
    if not too_close(low):
        return low
    if too_close(high):
        return high
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if too_close(middle) else (low, middle)
    return (low + high) / 2


def typical_distance(values: Tensor) -> Tensor:
    """Median distance of series ``(n, c, t)`` to their fifth-nearest other one; of fewer than six, to the farthest."""
    flat = values.flatten(1)
    nearest = torch.cdist(flat, flat).sort(dim=1).values  # (n, n); the first is the series itself
    return nearest[:, min(NEIGHBOUR, len(flat) - 1)].median()


@torch.no_grad()
def class_proportions(model: Model, data: Tensor) -> tuple[float, ...]:
    """Share of real cases ``(n, c, *grid)`` that Q puts in each category of the first categorical code.

    Empty without such a code, or if the user set its prior.
    """
    first = model.settings.latent.first_category
    if first is None or first[1].probabilities is not None:
        return ()
    index, code = first
    categories = code.estimate(posteriors(model.discriminator, data)[index])
    counts = categories.bincount(minlength=code.n_categories).tolist()
    return tuple(count / len(data) for count in counts)


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
