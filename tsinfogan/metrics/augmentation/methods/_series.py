"""What the methods share: which labelled series are taken how often, augmentations, and samples of their classes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from tsinfogan.data.augmentations import Augmentations
from tsinfogan.data.panel import FloatArray, IntArray, Panel
from tsinfogan.metrics.augmentation.categories import class_of_categories
from tsinfogan.metrics.augmentation.methods import Inputs
from tsinfogan.models.model import Model
from tsinfogan.preprocessing.augmenter import Augmenter
from tsinfogan.sampling.request import CodeRequest
from tsinfogan.sampling.sampler import stream
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
    if (chosen := repeated(labelled.case_labels, np.where(lacking, n_new, 0))).size:
        parts.append(labelled.subset(chosen))
    return Panel.concatenated(parts)


def samples(labelled: Panel, n_new: IntArray, inputs: Inputs, seed: int) -> Panel:
    """The same from the generator that was trained without labels: these labels alone say which category is what."""
    assert inputs.model is not None
    return samples_of_classes(inputs.model, class_of_categories(inputs.model, labelled), labelled, n_new, inputs, seed)
