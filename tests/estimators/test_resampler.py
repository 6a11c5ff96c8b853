"""The resampler generates what is missing and nothing else, by the rules of imbalanced-learn."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.neighbors import KNeighborsClassifier

from _estimators import new
from _trainers import CategoryAsLevel, waves
from tsinfogan.data.panel import Panel
from tsinfogan.errors import DataError, SettingError, UnknownNameError
from tsinfogan.estimators.resampler import InfoGANResampler, missing

ESTIMATOR = new()
SHORT_OF = np.r_[0:24:2, 1:8:2]  # twelve slow waves and four fast ones
PANEL = waves(24).subset(SHORT_OF)
X = PANEL.values.astype(np.float64)
Y = np.where(PANEL.labels == 0, "slow", "fast")


def twice_as_many_b(y: Any) -> dict[str, int]:
    return {"b": 2 * int((np.asarray(y) == "b").sum())}


SIZES = [
    ["aaaaabbc", "auto"],
    ["aaaaabbc", "not majority"],
    ["aaaaabbc", "minority"],
    ["aaaaabbc", "not minority"],
    ["aaaaabbc", "all"],
    ["aaaaabbc", {"a": 7, "c": 1}],
    pytest.param("aaaaabbc", twice_as_many_b, id="a function"),
    ["aaabbb", "auto"],
    ["aaabbb", "not minority"],
    ["aaaaaaabb", 1.0],
    ["bbbbbbbaa", 0.5],
]


@pytest.mark.parametrize(("letters", "strategy"), SIZES, ids=str)
def test_counts_are_those_of_imbalanced_learn(letters: str, strategy: Any) -> None:
    utils = pytest.importorskip("imblearn.utils", reason="needs imbalanced-learn")
    y = np.array([*letters])
    sizes = dict(sorted(Counter(letters).items()))
    theirs = utils.check_sampling_strategy(strategy, y, "over-sampling")
    assert missing(strategy, sizes, y) == {str(name): int(count) for name, count in theirs.items()}


def test_growth() -> None:
    assert missing(2.5, {"a": 4, "b": 1, "c": 3}) == {"a": 6, "b": 2, "c": 4}
    assert missing({}, {"a": 4, "b": 1}) == {}


@pytest.mark.parametrize(
    ("strategy", "sizes", "error", "sentence"),
    [
        ("automatic", {"a": 2, "b": 1}, UnknownNameError, "did you mean"),
        ({"c": 3}, {"a": 2, "b": 1}, SettingError, "class 'c' in sampling_strategy is not in y, which has 'a', 'b'"),
        ({"a": 1}, {"a": 2, "b": 1}, SettingError, "has 2 series already, so it cannot grow to 1"),
        (0.5, {"a": 4, "b": 2, "c": 1}, SettingError, "needs two classes"),
        (0.25, {"a": 4, "b": 2}, SettingError, "give a larger fraction"),
        (0, {"a": 4, "b": 2}, SettingError, "got 0"),
        (True, {"a": 4, "b": 2}, SettingError, "got True"),
        (None, {"a": 4, "b": 2}, SettingError, "got None"),
        ("auto", {"a": 4}, SettingError, "two or more classes, got 1"),
    ],
)
def test_strategies_that_make_no_sense(strategy: Any, sizes: Any, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        missing(strategy, sizes)


def test_only_what_is_missing_is_generated() -> None:
    resampler = InfoGANResampler(ESTIMATOR, random_state=7)
    more, classes = resampler.fit_resample(X, Y)
    assert more.dtype == X.dtype
    assert np.array_equal(more[:16], X)
    assert classes.tolist() == [*Y.tolist(), *["fast"] * 8]
    assert classes.dtype == Y.dtype
    assert resampler.sampling_strategy_ == {"fast": 8}
    model = resampler.estimator_
    assert model.plan_.training.seed == model.seed_ == 7
    assert np.array_equal(more[16:], model.sample(8, label="fast", random_state=7))
    assert np.array_equal(more, InfoGANResampler(ESTIMATOR, random_state=7).fit_resample(X, Y)[0])


def test_new_series_come_from_the_categories_of_their_class() -> None:
    frozen = pytest.importorskip("sklearn.frozen", reason="needs scikit-learn 1.6").FrozenEstimator
    fitted = clone(ESTIMATOR).set_params(n_categories=4, recipe="infogan").fit(X, Y)
    fitted.model_.generator = CategoryAsLevel(3, 4)
    fitted.model_.names = ("slow", "fast", None, "fast")
    more, _ = InfoGANResampler(frozen(fitted), sampling_strategy={"slow": 14, "fast": 8}).fit_resample(X, Y)
    levels = fitted.model_.preprocessor.transform(Panel.from_arrays(more[16:]))[:, 0, 0]
    np.testing.assert_allclose(levels, [1, 3, 1, 3, 0, 0], atol=1e-6)  # merged categories take turns


def test_nothing_is_trained_where_nothing_is_missing() -> None:
    resampler = InfoGANResampler(ESTIMATOR, sampling_strategy={})
    assert resampler.fit_resample(X, Y)[0] is X
    assert not hasattr(resampler, "estimator_")


def test_a_class_of_one() -> None:
    y = np.where(np.arange(16) == 3, "rare", Y)
    more, classes = InfoGANResampler(ESTIMATOR, sampling_strategy={"rare": 5}).fit_resample(X, y)
    assert Counter(classes.tolist())["rare"] == 5
    assert len(more) == 20


def test_unknown_classes_are_learned_from_and_left_alone() -> None:
    y = np.where(np.arange(16) < 5, None, Y)
    _, classes = InfoGANResampler(ESTIMATOR).fit_resample(X, y)
    known = Counter(classes[classes != None].tolist())  # noqa: E711
    assert classes[:5].tolist() == [None] * 5
    assert known["slow"] == known["fast"]


def test_kinds_stay() -> None:
    series = [*X.astype(np.float32)]
    more, classes = InfoGANResampler(ESTIMATOR).fit_resample(series, Y.tolist())
    assert isinstance(more, list)
    assert isinstance(classes, list)
    assert more[-1].dtype == np.float32
    y = pd.Series(Y, name="speed")
    _, classes = InfoGANResampler(ESTIMATOR).fit_resample(X, y)
    assert classes.name == "speed"
    assert classes.index.tolist() == list(range(24))
    rows = pd.DataFrame({"case": np.repeat(range(16), 32), "time": np.tile(range(32), 16), "x": X.ravel()})
    more, classes = InfoGANResampler(ESTIMATOR).fit_resample(rows, y)
    assert more["case"].nunique() == len(classes) == 24


def test_a_fitted_estimator_can_be_frozen() -> None:
    frozen = pytest.importorskip("sklearn.frozen", reason="needs scikit-learn 1.6").FrozenEstimator
    fitted = clone(ESTIMATOR).fit(X, Y)
    resampler = InfoGANResampler(frozen(fitted), sampling_strategy=2, random_state=5)
    more, _ = resampler.fit_resample(X, Y)
    assert np.array_equal(more[16:], fitted.sample(16, label=["fast"] * 4 + ["slow"] * 12, random_state=5))


def test_parameters_of_the_estimator_can_be_set() -> None:
    resampler = clone(InfoGANResampler(ESTIMATOR)).set_params(estimator__max_steps=2, sampling_strategy="all")
    assert resampler.estimator.max_steps == 2
    assert ESTIMATOR.max_steps == 4
    assert InfoGANResampler().fit(X, Y).sampling_strategy_ == {"fast": 8}


def test_in_a_pipeline_of_imbalanced_learn() -> None:
    pipeline = pytest.importorskip("imblearn.pipeline", reason="needs imbalanced-learn")
    model = pipeline.make_pipeline(InfoGANResampler(ESTIMATOR), KNeighborsClassifier(1))
    table = X[:, 0]
    model.fit(table, Y)
    assert model[-1].n_samples_fit_ == 24  # balanced for training
    assert model.predict(table).tolist() == Y.tolist()  # and left alone for predicting


def test_bad_input() -> None:
    for estimator, series, y, sentence in (
        (ESTIMATOR, X, Y[:15], "one class for each of 16 series, got 15"),
        (ESTIMATOR, X[:, 0, 0], Y, "got 1 axes"),
        (ESTIMATOR, X, ["slow"] * 16, "two or more classes, got 1"),
        (ESTIMATOR, X, [None] * 16, "two or more classes, got 0"),
    ):
        with pytest.raises((DataError, SettingError), match=sentence):
            InfoGANResampler(estimator).fit_resample(series, y)


def test_a_class_without_a_category() -> None:
    one = clone(ESTIMATOR).set_params(recipe="infogan", n_categories=1)
    with pytest.raises(SettingError, match="no category belongs to class 'fast', only to slow"):
        InfoGANResampler(one).fit_resample(X, Y)
