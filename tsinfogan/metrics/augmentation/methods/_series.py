"""What the methods share: which labelled series are taken how often, augmentations, and the way back to a panel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from tsinfogan.data.augmentations import Augmentations
from tsinfogan.data.panel import FloatArray, IntArray, Panel
from tsinfogan.metrics.augmentation.methods import Inputs
from tsinfogan.preprocessing.augmenter import Augmenter
from tsinfogan.seeding import Stream, generator_at


def repeated(labels: IntArray, n_new: IntArray) -> IntArray:
    """``n_new`` ``(n_classes,)`` indices into ``(n,)`` labels, those of a class in turn; none of an empty class."""
    members = [np.flatnonzero(labels == index) for index in range(len(n_new))]
    taken = [np.resize(one, n if len(one) else 0) for one, n in zip(members, n_new.tolist(), strict=True)]
    return np.concatenate(taken).astype(np.int64)


def copies(labelled: Panel, n_new: IntArray) -> Panel:
    """``n_new`` ``(n_classes,)`` copies of each class's labelled series."""
    return labelled.subset(repeated(labelled.case_labels, n_new))


def panel_of(values: FloatArray, labels: IntArray, labelled: Panel, inputs: Inputs) -> Panel:
    """Network arrays ``(n, c, *grid)`` as a panel in raw units, with the classes of ``labelled``."""
    raw, lengths = inputs.preprocessor.inverse(values)
    return replace(labelled, cases=None, values=raw, lengths=lengths, labels=labels, factors=None, factor_names=())


def augmented(panel: Panel, strengths: Augmentations, inputs: Inputs, seed: int) -> Panel:
    """Each series of ``panel`` augmented at random, its label kept."""
    values = torch.from_numpy(inputs.preprocessor.transform(panel))
    augmenter = Augmenter.build(strengths, inputs.preprocessor)
    rng = generator_at("cpu", seed, Stream.AUGMENTATION)
    changed = augmenter.apply(values, augmenter.draw(len(values), rng)).numpy()
    return panel_of(changed, panel.case_labels, panel, inputs)
