"""TimeGAN's discriminative score: whether a small recurrent network distinguishes synthetic from real series."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tsinfogan.metrics.samples import FigureSpec, SampleMeasure
from tsinfogan.metrics.samples._timegan import Cases, RecurrentNetworks, batches_of, mean_score, train
from tsinfogan.metrics.samples._unit import Series
from tsinfogan.preprocessing.scaling import Numbers

STEPS, QUICK_STEPS = 2000, 200
TRAIN_SHARE = 0.8


def discriminative_scores(
    synthetic: Series, reference: Series, *, networks: int, steps: int, seed: int = 0, device: str = "cpu"
) -> Numbers:
    """|0.5 − accuracy| on a fifth of each set, of networks trained on the rest: 0 is best, 0.5 worst.

    The protocol of Yoon et al. (NeurIPS 2019, section 5) and of their published code: one layer of D // 2 gated
    recurrent units, the last state through a linear layer, 2000 steps of Adam (1e-3) on 128 cases of each.
    Their figure is the mean of ten networks.

    Of series ``(n, t, c)`` on [0, 1]; ``(networks,)`` scores, each of a network with its own weights, split, batches.
    """
    rng = np.random.default_rng(seed)
    n_real, n_synthetic, n_channels = len(reference.values), len(synthetic.values), reference.values.shape[2]
    cases = Cases(reference + synthetic, device)
    sides = [
        first + rng.permuted(np.tile(np.arange(n), (networks, 1)), axis=1)
        for first, n in ((0, n_real), (n_real, n_synthetic))
    ]
    cuts = [int(TRAIN_SHARE * side.shape[1]) for side in sides]
    judges = RecurrentNetworks(networks, n_channels, n_channels, seed).to(device)

    def loss() -> Tensor:
        rows = [
            np.take_along_axis(side, batches_of(cut, networks, rng), 1) for side, cut in zip(sides, cuts, strict=True)
        ]
        logits = judges.last(cases[np.concatenate(rows, axis=1)])  # (k, m)
        real, generated = logits.split([side.shape[1] for side in rows], dim=1)
        return (F.softplus(-real).mean(1) + F.softplus(generated).mean(1)).sum()

    train(judges, loss, steps)
    with torch.no_grad():
        says_real = torch.cat([judges.last(part).cpu() > 0 for part in cases.passes()], dim=1).numpy()  # (k, n + m)
    judged = [np.take_along_axis(says_real, side[:, cut:], 1) for side, cut in zip(sides, cuts, strict=True)]
    scores: Numbers = np.abs(0.5 - np.concatenate([judged[0], ~judged[1]], axis=1).mean(1))
    return scores


SAMPLE_MEASURE = SampleMeasure(
    summary="TimeGAN's discriminative score: |0.5 - accuracy| of a recurrent network of half as many units as channels",
    group="fidelity",
    figures={
        "timegan_discriminative": FigureSpec(
            "TimeGAN's discriminator, |0.5 - accuracy|", "lower", 0.05, "a network distinguishes them", "both"
        )
    },
    compute=lambda context, seed: {
        "timegan_discriminative": mean_score(discriminative_scores, context, seed, STEPS, QUICK_STEPS)
    },
    needs=frozenset({"series"}),
    repeats=2,
    halves=0,
)
