"""Samples of the categories that the labelled series of each class lie in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tsinfogan.data.panel import IntArray, Panel
from tsinfogan.metrics.augmentation.categories import class_of_categories
from tsinfogan.metrics.augmentation.methods import Inputs
from tsinfogan.metrics.augmentation.methods._series import repeated
from tsinfogan.models.model import Model
from tsinfogan.sampling.request import CodeRequest
from tsinfogan.sampling.sampler import stream


def samples_of_classes(
    model: Model, of_category: IntArray, labelled: Panel, n_new: IntArray, inputs: Inputs, seed: int
) -> Panel:
    """``n_new`` ``(n_classes,)`` series of each class from its categories in turn; ``(K,)`` ``of_category``.

    A class without a category gets copies of its labelled series.
    """
    lacking = ~np.isin(np.arange(len(n_new)), of_category)
    if (lacking & (n_new > 0)).any():
        names = ", ".join(np.array(labelled.classes)[lacking])
        inputs.note(f"no category of the generator is of class {names} alone: copies of labelled series took its place")
    turns = repeated(of_category, n_new)  # (n,) a category each
    parts = []
    if turns.size:
        request = CodeRequest((None,) * len(model.settings.latent.codes), tuple(turns.tolist()))
        synthetic = Panel.concatenated([part.panel for part in stream(model, len(turns), request, seed)])
        parts.append(
            replace(labelled, cases=None, values=synthetic.values, lengths=synthetic.lengths, labels=of_category[turns])
        )
    if (copies := repeated(labelled.case_labels, np.where(lacking, n_new, 0))).size:
        parts.append(labelled.subset(copies))
    return Panel.concatenated(parts)


def samples(labelled: Panel, n_new: IntArray, inputs: Inputs, seed: int) -> Panel:
    """The same from the generator that was trained without labels: these labels alone say which category is what."""
    assert inputs.model is not None
    return samples_of_classes(inputs.model, class_of_categories(inputs.model, labelled), labelled, n_new, inputs, seed)
