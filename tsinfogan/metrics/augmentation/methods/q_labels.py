"""Real unlabelled series in place of samples, under the label that Q gives them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tsinfogan.data.panel import IntArray, Panel
from tsinfogan.metrics.augmentation.categories import classes_read
from tsinfogan.metrics.augmentation.methods import Inputs, Method
from tsinfogan.metrics.augmentation.methods._series import repeated
from tsinfogan.seeding import Stream, derived_seed


def augment(labelled: Panel, n_new: IntArray, inputs: Inputs, seed: int) -> Panel:
    """Unlabelled series whose category is of the class; where there are none, copies of its labelled ones."""
    assert inputs.model is not None
    given = classes_read(inputs.model, labelled, inputs.unlabelled)
    order = np.random.default_rng(derived_seed(seed, Stream.LABEL_ORDER)).permutation(len(given))
    chosen = order[repeated(given[order], n_new)]
    lacking = ~np.isin(np.arange(len(n_new)), given)
    copies = repeated(labelled.case_labels, np.where(lacking, n_new, 0))
    known = replace(inputs.unlabelled, labels=given, classes=labelled.classes)
    return Panel.concatenated([known, labelled]).subset(np.concatenate([chosen, copies + len(given)]))


METHOD = Method(
    summary="real unlabelled series in place of samples, labelled by Q",
    augment=augment,
    sees_unlabelled=True,
    needs_model=True,
    reference=True,
)
