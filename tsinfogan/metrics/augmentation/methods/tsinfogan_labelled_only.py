"""Samples of a generator that never sees an unlabelled series: trained anew on the labelled series of each draw."""

from __future__ import annotations

import numpy as np

from tsinfogan.data.panel import IntArray, Panel
from tsinfogan.metrics.augmentation.methods import Inputs, Method
from tsinfogan.metrics.augmentation.methods._series import samples_of_classes

STEPS, BATCH_SIZE = 800, 64


def augment(labelled: Panel, n_new: IntArray, inputs: Inputs, seed: int) -> Panel:
    """Category k of a semi-supervised generator is class k. Training is short: a longer one memorizes these series."""
    settings = {"max_steps": STEPS, "batch_size": BATCH_SIZE, "seed": seed % 2**31}
    model = inputs.fit(labelled, device=str(inputs.device), recipe="semi_supervised", settings=settings)
    return samples_of_classes(model, np.arange(len(n_new)), labelled, n_new, inputs, seed)


METHOD = Method(
    summary="samples of a generator trained on the labelled series alone, anew for each draw",
    augment=augment,
    synthetic=True,
    slow=True,
)
