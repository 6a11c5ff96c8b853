"""What an ``InfoGAN`` cannot be trained on or asked for, in one sentence each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from _estimators import new
from _trainers import waves
from tsinfogan.errors import DataError, SettingError, UnknownNameError
from tsinfogan.estimators.infogan import InfoGAN

PANEL = waves(24)
X = PANEL.values.astype(np.float64)
Y = np.where(PANEL.labels == 0, "slow", "fast")
two = np.concatenate([X, X], axis=1)


@pytest.fixture(scope="module")
def fitted() -> InfoGAN:
    return new().fit(X, Y)


@pytest.mark.parametrize(
    ("parameters", "series", "y", "error", "sentence"),
    [
        ({}, X, Y[:23], DataError, "one class for each of 24 series, got 23"),
        ({}, X, np.zeros((24, 2)), DataError, r"got an array of \(24, 2\)"),
        ({}, X, np.linspace(0, 1, 24), DataError, "continuous values such as 0.04"),
        ({}, X, [1, "a"] * 12, DataError, "both text and numbers"),
        ({}, X, np.repeat(np.array(["2020-01-01", "2020-01-02"], "datetime64[D]"), 12), DataError, "got a date"),
        ({}, X[:1], None, DataError, "one case only"),
        ({"random_state": -1}, X, None, SettingError, "got -1"),
        ({"random_state": "seed"}, X, None, SettingError, "got 'seed'"),
        ({"settings": {"noise_dim": 3}}, X, None, SettingError, "give noise_dim=… instead"),
        ({"settings": {"seed": 3}}, X, None, SettingError, "give random_state=… instead"),
        ({"settings": {"max_stepz": 3}}, X, None, UnknownNameError, "did you mean 'max_steps'"),
        ({"recipe": "ganz"}, X, None, UnknownNameError, "unknown recipe 'ganz'"),
        ({"recipe": "cgan"}, X, None, SettingError, "needs labels"),
        ({"device": "tpu"}, X, None, SettingError, "device 'tpu' is not available"),
    ],
)
def test_bad_training(parameters: Any, series: Any, y: Any, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        new(**parameters).fit(series, y)


def test_bad_use(fitted: InfoGAN) -> None:
    for call, sentence in (
        (lambda: fitted.sample(2, label="medium"), "unknown label 'medium'"),
        (lambda: fitted.sample(2, label=["slow"]), "a `label` for each of 2 series"),
        (lambda: fitted.sample(2, label="slow", cat=1), "both choose the category"),
        (lambda: fitted.sample(0), "at least 1 series"),
        (lambda: fitted.augment(X, n=1, factor=2), "give one of them"),
        (lambda: fitted.augment(X, factor=0.5), "expected a `factor` of 1 or more"),
        (lambda: fitted.augment(X, Y, n=-1), "`n` of 0 or more, got -1"),
        (lambda: fitted.augment(X, [None] * 24), "y holds no known class"),
        (lambda: fitted.augment(X, ["medium"] * 24), "no category belongs to class 'medium', only to fast, slow"),
        (lambda: new().fit(X).sample(2, label="slow"), "unknown label"),
        (lambda: fitted.transform(two), "expected the channels ch0"),
        (lambda: fitted.transform(X[:, :, :5]), "expected cases of size 32"),
        (lambda: new(n_categories=0).fit(X).predict(X), "no categories to predict"),
        (lambda: fitted.transform(np.zeros((3, 40, 1)) + np.sin(np.arange(40))[:, None]), r"\(n, time, channel\)"),
    ):
        with pytest.raises((DataError, SettingError), match=sentence):
            call()


def test_swapped_axes_are_seen_once_the_channels_are_known() -> None:
    estimator = new().fit(two)
    noise = np.random.default_rng(0).normal(size=(5, 32, 2))
    with pytest.raises(DataError, match=r"looks like \(n, time, channel\); turn it"):
        estimator.transform(noise)


def test_a_class_without_a_category() -> None:
    estimator = new(n_categories=3, max_steps=1).fit(X, Y)
    estimator.model_.names = ("slow", "slow", None)
    with pytest.raises(SettingError, match="no category belongs to class 'fast', only to slow: fit with y and recipe="):
        estimator.augment(X, Y)
