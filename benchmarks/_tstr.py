"""Train on synthetic, test on real (TSTR; Esteban et al. 2017, arXiv:1706.02633), and what limits it by class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tsinfogan.data.augmentations import Augmentations
from tsinfogan.data.panel import FloatArray, IntArray, Panel
from tsinfogan.errors import DataError, SettingError
from tsinfogan.metrics.classifier import STEPS, Classifier, ClassifierSettings, fit_classifier
from tsinfogan.models.model import Model
from tsinfogan.preprocessing.augmenter import Augmenter
from tsinfogan.preprocessing.preprocessor import Preprocessor
from tsinfogan.sampling.sampler import sample


class ClassFigures(NamedTuple):
    """How one class fares.

    Attributes:
        synthetic: share of its test series that the classifier trained on samples recognizes.
        real: the same of the classifier trained on real series.
        spread: standard deviation of its samples on the common grid, as a multiple of that of its real series.
        offset: distance of the mean of its samples from the mean of its real series, in standard deviations of these.
    """

    synthetic: float
    real: float
    spread: float
    offset: float


@dataclass(frozen=True)
class SyntheticTest:
    """Test accuracy of a classifier trained on samples alone, beside one trained on real series.

    Attributes:
        synthetic: of the classifier trained on samples.
        real: of the classifier trained on real series.
        classes: figures of each class by name; NaN where they are of samples and no category is named after the class.
        n_per_class: samples of each class.
        missing: classes without a category.
    """

    synthetic: float
    real: float
    classes: Mapping[str, ClassFigures]
    n_per_class: int
    missing: tuple[str, ...]


def tstr(
    model: Model,
    train: Panel,
    test: Panel,
    *,
    n_per_class: int | None = None,
    augment: bool = False,
    seed: int = 0,
    device: str = "cpu",
    steps: int = STEPS,
) -> SyntheticTest:
    """Trains a classifier on samples with the names of their categories, and tests it on real series.

    Args:
        model: a generator whose categories have names.
        train: real training series with labels: for comparison, for the scale, and to say how many samples.
        test: held-out real series with labels.
        n_per_class: samples of each class; by default as many as a class of ``train`` has on average.
        augment: whether both classifiers are trained with the data's own augmentations, in every other case.
        seed: the same seed gives the same figures.
        device: where to compute.
        steps: optimization steps of both classifiers.

    Raises:
        SettingError: no category has the name of a class.
        DataError: no labels.
    """
    if train.labels is None or test.labels is None or not (train.labels >= 0).any() or not (test.labels >= 0).any():
        raise DataError(f"{train.name}: expected labelled series to train and test on, got none; add a label column")
    real, held_out = train.subset(train.labels >= 0), test.subset(test.labels >= 0)
    assert real.labels is not None
    named = [name for name in train.classes if name in model.category_names]
    if not named:
        raise SettingError(
            "expected a model whose categories are named after classes, got none that is; name them with `tsinfogan "
            "name`, or train on data with labels"
        )
    n = n_per_class or round(real.n_cases / len(train.classes))
    synthetic = sample(model, n * len(named), label=named * n, seed=seed).panel
    preprocessor = Preprocessor.fit(train, evenly=True)
    values, known = preprocessor.transform(synthetic), np.tile([train.classes.index(name) for name in named], n)
    real_values = preprocessor.transform(real)
    augmenter = Augmenter.build(train.augmentations if augment else Augmentations(), preprocessor)

    def trained(values: FloatArray, labels: IntArray) -> Classifier:
        settings = ClassifierSettings(seed, steps, device=device)
        return fit_classifier(values, labels, len(train.classes), augmenter, settings)

    test_values, truth = preprocessor.transform(held_out), np.array(test.classes)[held_out.labels]
    correct = [
        np.array(train.classes)[trained(*given).predict(test_values)] == truth
        for given in ((values, known), (real_values, real.labels))
    ]
    figures = {}
    for index, name in enumerate(train.classes):
        by_samples, by_real = (
            float(right[truth == name].mean()) if (truth == name).any() else np.nan for right in correct
        )
        likeness = _likeness(values[known == index], real_values[real.labels == index])
        figures[name] = ClassFigures(by_samples, by_real, *likeness)
    missing = tuple(name for name in train.classes if name not in named)
    return SyntheticTest(float(correct[0].mean()), float(correct[1].mean()), figures, n, missing)


def _likeness(synthetic: FloatArray, real: FloatArray) -> tuple[float, float]:
    """Spread of samples against that of real series, and distance of their means, root mean square over the grid."""
    if not len(synthetic) or not len(real):
        return np.nan, np.nan
    spread = np.sqrt(real.var(axis=0).mean()) or np.nan
    offset = np.sqrt(np.square(synthetic.mean(axis=0) - real.mean(axis=0)).mean())
    return float(np.sqrt(synthetic.var(axis=0).mean()) / spread), float(offset / spread)
