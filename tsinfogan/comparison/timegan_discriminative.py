"""TimeGAN's discriminative score: whether a small recurrent network tells made series from real ones."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tsinfogan.comparison import Comparison, Figure
from tsinfogan.comparison._sets import Sets
from tsinfogan.comparison._timegan import Cases, batch_of, build, train
from tsinfogan.comparison._unit import Series, unit_series

STEPS, QUICK_STEPS = 2000, 200
TRAIN_SHARE = 0.8


def discriminative_score(
    made: Series, reference: Series, *, seed: int = 0, steps: int = STEPS, device: str = "cpu"
) -> float:
    """|0.5 − accuracy| on a fifth of each set, of a network that learned from the rest: 0 is best, 0.5 worst.

    The protocol of Yoon et al. (NeurIPS 2019, section 5) and of their published code: one layer of D // 2 gated
    recurrent units, the last state through a linear layer, 2000 steps of Adam (1e-3) on 128 real and 128 made cases.
    Their figure is the mean of ten such runs.

    Args:
        made: series ``(n, t, c)`` on [0, 1].
        reference: ``(m, t, c)`` likewise.
        seed: of weights, split and batches.
        steps: fewer for a quick look.
        device: where to compute.
    """
    rng = np.random.default_rng(seed)
    n_real, n_channels = len(reference.values), reference.values.shape[2]
    cases = Cases(reference + made, device)
    real, generated = rng.permutation(n_real), n_real + rng.permutation(len(made.values))
    cuts = [int(TRAIN_SHARE * len(side)) for side in (real, generated)]
    network = build(n_channels, n_channels, seed, device)

    def loss() -> Tensor:
        sides = [side[:cut][batch_of(cut, rng)] for side, cut in zip((real, generated), cuts, strict=True)]
        logits = network.last(cases[np.concatenate(sides)]).split([len(side) for side in sides])
        return F.softplus(-logits[0]).mean() + F.softplus(logits[1]).mean()

    train(network, loss, steps)
    with torch.no_grad():
        says_real = torch.cat([network.last(part).cpu() > 0 for part in cases.passes()]).numpy()
    judged = np.concatenate([says_real[real[cuts[0] :]], ~says_real[generated[cuts[1] :]]])
    return float(abs(0.5 - judged.mean()))


def _compute(sets: Sets, seed: int) -> dict[str, float]:
    made, reference = (unit_series(sets.real, panel).thinned() for panel in (sets.made, sets.reference))
    steps = QUICK_STEPS if sets.quick else STEPS
    return {
        "timegan_discriminative": discriminative_score(made, reference, seed=seed, steps=steps, device=sets.real.device)
    }


COMPARISON = Comparison(
    summary="TimeGAN's discriminative score: |0.5 - accuracy| of a recurrent network of half as many units as channels",
    group="fidelity",
    figures={
        "timegan_discriminative": Figure(
            "TimeGAN's discriminator, |0.5 - accuracy|", "lower", 0.05, "a small recurrent network tells them apart"
        )
    },
    compute=_compute,
    needs=frozenset({"series"}),
    repeats=3,
)
