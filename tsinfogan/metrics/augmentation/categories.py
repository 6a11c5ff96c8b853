"""Which class each category is, according to a few labelled series."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from tsinfogan.data.matching import UNMATCHED
from tsinfogan.data.panel import IntArray, Panel
from tsinfogan.models.model import Model
from tsinfogan.preprocessing.augmenter import Augmenter
from tsinfogan.sampling.inference import augmented_views, encode, read_views
from tsinfogan.seeding import Stream, generator_at

VIEWS = 8
SHARE = 0.5


def class_of_categories(model: Model, labelled: Panel) -> IntArray:
    """``(K,)`` class of each category of the first categorical code, or ``UNMATCHED``, according to labelled series."""
    return matched(probabilities(model, labelled), np.asarray(labelled.labels), len(labelled.classes))


def classes_read(model: Model, labelled: Panel, panel: Panel) -> IntArray:
    """``(n,)`` class of the category that Q reads in each case of ``panel``, or ``UNMATCHED``."""
    categories = encode(model, panel)[str(model.settings.category_column)]
    classes: IntArray = class_of_categories(model, labelled)[categories]
    return classes


def probabilities(model: Model, panel: Panel) -> NDArray[np.float64]:
    """``(n, K)`` Q's posterior of the first categorical code, mean over a series as it is and augmentations of it."""
    cases = torch.from_numpy(model.preprocessor.transform(panel))
    augmenter = Augmenter.build(model.card.augmentations, model.preprocessor)
    views = augmented_views(cases, augmenter, VIEWS, generator_at("cpu", 0, Stream.MATCHING_VIEWS))
    first = model.settings.latent.first_category
    assert first is not None
    logits = read_views(model.discriminator, views)[first[0]]  # (VIEWS, n, K)
    return logits.double().softmax(2).mean(0).numpy()


def matched(read: NDArray[np.float64], labels: IntArray, n_classes: int) -> IntArray:
    """``(K,)`` class of each category, or ``UNMATCHED``, from posteriors ``(n, K)`` of series with ``(n,)`` labels.

    As many categories as classes are matched one to one (Kuhn 1955); otherwise each goes to the class whose series are
    read as it most, so that a class may have several. A match counts only where the class is read as that category
    more often than by chance, and makes up more than half of what is read as it: samples of any other category would
    carry the wrong label.
    """
    n_categories = read.shape[1]
    table = np.zeros((n_classes, n_categories))  # mean posterior of each class, so that large classes weigh no more
    for index in np.unique(labels):
        table[index] = read[labels == index].mean(0)
    classes = table.argmax(0)
    if n_categories == n_classes:
        rows, columns = linear_sum_assignment(-table)
        classes[columns] = rows
    mass = table[classes, np.arange(n_categories)]
    counts = (mass > 1 / n_categories) & (mass > SHARE * table.sum(0))
    return np.where(counts, classes, UNMATCHED).astype(np.int64)
