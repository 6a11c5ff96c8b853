"""What the methods share: which labelled series are taken how often, distortions, and the way back to a panel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from tsinfogan.data.augmentations import Distortions
from tsinfogan.data.panel import FloatArray, IntArray, Panel
from tsinfogan.metrics.augmentation.methods import Means
from tsinfogan.preprocessing.augmenter import Distorter
from tsinfogan.seeding import generator_at

DISTORTION_STREAM = 21


def repeated(labels: IntArray, n_new: IntArray) -> IntArray:
    """``(sum of n_new,)`` places of cases, those of a class in turn, class after class.

    Args:
        labels: ``(n,)`` class of each case.
        n_new: ``(n_classes,)`` how many places of each class; a class without cases gets none.
    """
    members = [np.flatnonzero(labels == index) for index in range(len(n_new))]
    taken = [np.resize(one, n if len(one) else 0) for one, n in zip(members, n_new.tolist(), strict=True)]
    return np.concatenate(taken).astype(np.int64)


def panel_of(values: FloatArray, labels: IntArray, labelled: Panel, means: Means) -> Panel:
    """Network arrays ``(n, c, *grid)`` as a panel in raw units, with the classes of ``labelled``."""
    raw, lengths = means.preprocessor.inverse(values)
    return replace(labelled, values=raw, lengths=lengths, labels=labels, factors=None, factor_names=())


def distorted(panel: Panel, strengths: Distortions, means: Means, seed: int) -> Panel:
    """Each series of ``panel`` distorted at random, its label kept."""
    assert panel.labels is not None
    values = torch.from_numpy(means.preprocessor.transform(panel))
    distorter = Distorter.build(strengths, means.preprocessor)
    rng = generator_at("cpu", seed, DISTORTION_STREAM)
    changed = distorter.apply(values, distorter.draw(len(values), rng)).numpy()
    return panel_of(changed, panel.labels, panel, means)
