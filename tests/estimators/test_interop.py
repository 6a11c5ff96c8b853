"""Together with the real aeon: its collections go in and come out, its classifiers follow in a pipeline.

Run by ``make interop``, since aeon asks for older versions of numpy and pandas than all else here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

from tsinfogan.estimators.infogan import InfoGAN
from tsinfogan.estimators.resampler import InfoGANResampler

REASON = "needs aeon: make interop"
datasets = pytest.importorskip("aeon.datasets", reason=REASON)
neighbours = pytest.importorskip("aeon.classification.distance_based", reason=REASON)
unequal = pytest.importorskip("aeon.transformations.collection.unequal_length", reason=REASON)
validation = pytest.importorskip("aeon.utils.validation.collection", reason=REASON)
pipeline = pytest.importorskip("imblearn.pipeline", reason="needs imbalanced-learn: make interop")

ESTIMATOR = InfoGAN(
    max_steps=4,
    noise_dim=3,
    settings={"width": 4, "batch_size": 8, "pretraining_steps": 0},
    random_state=0,
    device="cpu",
)


@pytest.fixture(scope="module")
def unit_test() -> tuple[Any, Any]:
    """A data set that comes with aeon: ten series of each of two classes."""
    series, y = datasets.load_unit_test(split="train")
    return series, y


def test_collections_stay_what_they_are(unit_test: tuple[Any, Any]) -> None:
    series, y = unit_test
    for given in (series, [*series], [case[:, : 20 + k % 5] for k, case in enumerate(series)], series[:, 0]):
        more, classes = InfoGANResampler(ESTIMATOR, sampling_strategy=1.5).fit_resample(given, y)
        assert validation.get_type(more) == validation.get_type(given)
        assert len(more) == len(classes) == 30
        assert more[0].dtype == series.dtype
        assert set(classes) == set(y)


def test_classifier_in_a_pipeline(unit_test: tuple[Any, Any]) -> None:
    series, y = unit_test
    short_of = np.r_[0:10, 10:13]
    nearest = neighbours.KNeighborsTimeSeriesClassifier(distance="euclidean", n_neighbors=1)
    model = pipeline.make_pipeline(InfoGANResampler(ESTIMATOR), nearest)
    model.fit(series[short_of], y[short_of])
    assert len(model[-1].y_) == 20
    assert model.predict(series[short_of]).tolist() == y[short_of].tolist()


def test_series_of_unequal_length_in_a_pipeline(unit_test: tuple[Any, Any]) -> None:
    series, y = unit_test
    cases = [case[:, : 20 + k % 5] for k, case in enumerate(series)][:14]
    nearest = neighbours.KNeighborsTimeSeriesClassifier(distance="euclidean", n_neighbors=1)
    model = pipeline.make_pipeline(InfoGANResampler(ESTIMATOR), unequal.Padder(), nearest)
    model.fit(cases, y[:14])
    assert len(model[-1].y_) == 20
    assert model.predict(cases).tolist() == y[:14].tolist()


def test_features_for_its_classifiers(unit_test: tuple[Any, Any]) -> None:
    series, y = unit_test
    features = clone(ESTIMATOR).fit(series, y).transform(series)
    model = neighbours.KNeighborsTimeSeriesClassifier(distance="euclidean", n_neighbors=1).fit(features[:, None], y)
    assert model.predict(features[:, None]).tolist() == y.tolist()
