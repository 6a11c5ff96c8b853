"""The functions behind the measures of codes, against closed forms; and the classifier on real letters."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest

from tsinfogan.data.panel import FloatArray
from tsinfogan.datasets import load_dataset
from tsinfogan.metrics.classifier import ClassifierSettings, fit_classifier
from tsinfogan.metrics.codes.accuracy import accuracy
from tsinfogan.metrics.codes.agreement import agreement, confidence
from tsinfogan.metrics.codes.bound import bound
from tsinfogan.metrics.codes.disagreement import disagreement
from tsinfogan.metrics.codes.effects import mean_distance, within_class_spread
from tsinfogan.metrics.codes.flips import flip_share
from tsinfogan.metrics.codes.overlap import effect_cosine
from tsinfogan.metrics.codes.purity import purity
from tsinfogan.metrics.codes.readback import r_squared
from tsinfogan.metrics.codes.usage import evenness, least_usage
from tsinfogan.models.codes import CategoricalCode, Code
from tsinfogan.preprocessing.augmenter import Augmenter
from tsinfogan.preprocessing.preprocessor import Preprocessor


def test_accuracy() -> None:
    classes = np.arange(12) % 4
    assert accuracy((classes + 1) % 4, classes, 4, 4) == 1  # names do not matter
    assert accuracy(np.zeros_like(classes), classes, 4, 4) == 0.25
    assert accuracy(classes // 2, classes, 2, 4) == 0.5  # two classes merged
    assert accuracy(np.arange(12) % 8, np.arange(12) % 4, 8, 4) == 1  # each class split in two


def test_purity() -> None:
    categories = np.repeat([0, 1], 10)
    good = purity(categories, np.repeat([2, 0], 10), 2, 3)
    assert good == {"purity": 1, "purity_least": 1, "pure_categories": 2, "classes_covered": 2}
    assert purity(categories, np.zeros(20, int), 2, 3)["classes_covered"] == 1
    mixed = purity(categories, np.r_[np.zeros(10, int), np.arange(10) % 2], 2, 3)
    assert mixed == {"purity": 0.75, "purity_least": 0.5, "pure_categories": 1, "classes_covered": 1}


def test_flip_share() -> None:
    assert flip_share(np.tile([[3], [5]], 9)) == 0
    assert flip_share(np.array([[1, 1, 1], [1, 2, 1], [0, 0, 2], [4, 4, 4]])) == 0.5


def test_r_squared() -> None:
    codes = np.linspace(-1, 1, 50, dtype=np.float32)
    assert r_squared(codes, codes) == 1
    assert r_squared(np.full_like(codes, codes.mean()), codes) == pytest.approx(0, abs=1e-6)
    assert r_squared(-codes, codes) < -2


def test_bound() -> None:
    values = np.arange(40) % 4
    code: Code = CategoricalCode(4)
    assert bound(code, 50 * np.eye(4, dtype=np.float32)[values], values) == pytest.approx(math.log(4))
    assert bound(code, np.zeros((40, 4), np.float32), values) == pytest.approx(0, abs=1e-6)
    assert bound(code, 50 * np.eye(4, dtype=np.float32)[(values + 1) % 4], values) < 0


def gaussians(n_classes: int, gap: float) -> tuple[FloatArray, np.ndarray]:
    classes = np.arange(600) % n_classes
    noise = np.random.default_rng(0).normal(size=(600, 3, 40))
    return (noise + gap * classes[:, None, None]).astype(np.float32), classes


def test_within_class_spread_is_a_standard_deviation_and_sees_no_gap_between_classes() -> None:
    for n_classes, gap in ((1, 0.0), (4, 0.0), (4, 10.0)):
        assert within_class_spread(*gaussians(n_classes, gap)) == pytest.approx(1, abs=0.02)
    values, classes = gaussians(4, 10.0)
    assert within_class_spread(values, np.zeros_like(classes)) > 3
    assert within_class_spread(3 * values, classes) == pytest.approx(3, abs=0.06)


def test_within_class_spread_of_few() -> None:
    values, _ = gaussians(1, 0.0)
    alone = within_class_spread(values[:50], np.r_[np.zeros(49, int), 1])  # a class of one case is left out
    assert alone == pytest.approx(1, abs=0.05)
    assert within_class_spread(values[:50], np.arange(50)) == pytest.approx(1, abs=0.05)
    assert within_class_spread(values[:1], np.zeros(1, int)) == 0


def test_mean_distance() -> None:
    values, _ = gaussians(1, 0.0)
    assert mean_distance(values, values) == 0
    assert mean_distance(values, values + 2) == pytest.approx(2)


def test_effect_cosine() -> None:
    values, _ = gaussians(1, 0.0)
    assert effect_cosine(values, -3 * values) == pytest.approx(1)
    assert effect_cosine(values, 0 * values) == 0
    other = np.random.default_rng(1).normal(size=values.shape)
    assert effect_cosine(values, other.astype(np.float32)) < 0.12
    flipped = np.where(np.arange(600)[:, None, None] % 2, -values, values)  # the sign may differ from case to case
    assert effect_cosine(values, flipped) == pytest.approx(1)


SURE = 20 * np.eye(4, dtype=np.float32)[np.arange(40) % 4]  # (n, K)
UNSURE = np.zeros_like(SURE)
PRIOR = np.full(4, 0.25, np.float32)


def test_agreement_and_confidence() -> None:
    assert agreement(np.stack([SURE, SURE, SURE])) == 1
    assert agreement(np.stack([SURE, SURE, np.roll(SURE, 1, axis=1)])) == 0.5
    assert confidence(np.stack([SURE, UNSURE])) == pytest.approx(1, abs=1e-6)
    assert confidence(np.stack([UNSURE, SURE])) == 0.25


def test_disagreement() -> None:
    collapsed = np.tile(SURE[:1], (40, 1))
    best = disagreement(np.stack([SURE, SURE, SURE]), PRIOR)
    assert best == pytest.approx(0, abs=1e-5)
    assert disagreement(np.stack([UNSURE, UNSURE]), PRIOR) == pytest.approx(math.log(4))
    assert disagreement(np.stack([collapsed, collapsed]), PRIOR) == pytest.approx(3 * math.log(4), abs=1e-4)
    assert disagreement(np.stack([SURE, np.roll(SURE, 1, axis=1)]), PRIOR) > 10


def test_usage() -> None:
    assert least_usage(np.arange(40) % 4, PRIOR) == 1
    assert least_usage(np.arange(40) % 3, PRIOR) == 0
    assert least_usage(np.arange(40) % 3, np.array([0.25, 0.25, 0.5, 0.0], np.float32)) == pytest.approx(0.65)
    assert evenness(SURE, PRIOR) == pytest.approx(1)
    assert evenness(np.tile(SURE[:1], (40, 1)), PRIOR) == pytest.approx(0.25, abs=1e-4)


@pytest.mark.skipif("TSINFOGAN_DATA" not in os.environ, reason="needs CharacterTrajectories in TSINFOGAN_DATA")
def test_classifier_reads_real_letters() -> None:
    train, test = load_dataset("char_traj", "train"), load_dataset("char_traj", "test")
    preprocessor = Preprocessor.fit(train)
    assert train.labels is not None
    augmenter = Augmenter.build(train.augmentations, preprocessor)
    taught_briefly = fit_classifier(
        preprocessor.transform(train), train.labels, 20, augmenter, ClassifierSettings(steps=200)
    )
    assert (taught_briefly.predict(preprocessor.transform(test)) == test.labels).mean() > 0.97
