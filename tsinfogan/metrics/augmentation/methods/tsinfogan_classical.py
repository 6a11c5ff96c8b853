"""Samples and labelled series in equal numbers, all under the data's own augmentations."""

from __future__ import annotations

from tsinfogan.data.panel import IntArray, Panel
from tsinfogan.metrics.augmentation.methods import Inputs, Method
from tsinfogan.metrics.augmentation.methods._series import augmented, copies, samples


def augment(labelled: Panel, n_new: IntArray, inputs: Inputs, seed: int) -> Panel:
    """Half of the series wanted are samples, half are the labelled series, and none is left unaugmented."""
    n_copies = n_new // 2
    both = [samples(labelled, n_new - n_copies, inputs, seed), copies(labelled, n_copies)]
    return augmented(Panel.concatenated(both), labelled.augmentations, inputs, seed)


METHOD = Method(
    summary="samples and labelled series in equal numbers, all under the data's own augmentations",
    augment=augment,
    sees_unlabelled=True,
    needs_model=True,
    synthetic=True,
)
