"""Methods of augmentation: new series are of the classes wanted, from labels that are drawn, matched or held out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from _augmentation import TEST, TRAIN, K, handmade
from tsinfogan.data.panel import Panel
from tsinfogan.errors import DataError, SettingError
from tsinfogan.metrics.augmentation import study as study_module
from tsinfogan.metrics.augmentation.categories import class_of_categories, matched
from tsinfogan.metrics.augmentation.methods import METHODS, Inputs
from tsinfogan.metrics.augmentation.methods._series import repeated
from tsinfogan.metrics.augmentation.preparation import held_out, with_classes_of
from tsinfogan.metrics.augmentation.situations import Balanced, Imbalanced, class_sizes
from tsinfogan.models.model import Model
from tsinfogan.preprocessing.preprocessor import Preprocessor


def means(model: Model | None = None, notes: list[str] | None = None, fit: Any = None) -> Inputs:
    taken = [] if notes is None else notes
    unlabelled = study_module.without_labels(TRAIN)
    return Inputs(Preprocessor.fit(TRAIN), unlabelled, model, fit, torch.device("cpu"), taken.append)


# ---- methods


AUGMENTERS = [name for name in METHODS.names() if METHODS.get(name).augment]


@pytest.mark.parametrize("name", AUGMENTERS)
def test_methods_make_what_is_wanted(name: str) -> None:
    method = METHODS.get(name)
    assert method.augment is not None
    labelled, wanted = TRAIN.subset(np.arange(9)), np.array([4, 0, 7])

    def fit(given: Panel, **_: Any) -> Model:
        assert given.fingerprint() == labelled.fingerprint()  # not one unlabelled series
        return handmade()

    model = None if name == "tsinfogan_labelled_only" else handmade()
    synthetic, again = (method.augment(labelled, wanted, means(model, fit=fit), 5) for _ in range(2))
    other = method.augment(labelled, wanted, means(model, fit=fit), 6)
    assert class_sizes(synthetic).tolist() == wanted.tolist()
    assert synthetic.classes == labelled.classes
    assert synthetic.channels == labelled.channels
    assert synthetic.fingerprint() == again.fingerprint()
    assert synthetic.fingerprint() != other.fingerprint()


@pytest.mark.parametrize("name", METHODS.names())
def test_methods_say_what_they_are(name: str) -> None:
    method = METHODS.get(name)
    assert method.summary
    assert not (method.augment and method.read)
    assert method.sees_unlabelled == method.needs_model
    assert method.slow == (name == "tsinfogan_labelled_only")


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31))
def test_interpolated_series_lie_between_two_of_their_class(seed: int) -> None:
    labelled = TRAIN.subset(np.arange(12))
    synthetic = METHODS.get("interpolate").augment(labelled, np.array([3, 3, 3]), means(), seed)  # type: ignore[misc]
    for case, label in zip(synthetic.values.reshape(9, -1), synthetic.labels, strict=True):
        members = labelled.values[labelled.labels == label].reshape(4, -1)
        gaps = [
            np.abs(np.linalg.norm(case - a) + np.linalg.norm(case - b) - np.linalg.norm(a - b))
            for a in members
            for b in members
        ]
        assert min(gaps) < 1e-4


def test_one_series_of_a_class_can_only_be_copied() -> None:
    notes: list[str] = []
    labelled = TRAIN.subset(np.arange(3))
    synthetic = METHODS.get("interpolate").augment(labelled, np.array([2, 1, 1]), means(notes=notes), 0)  # type: ignore[misc]
    np.testing.assert_allclose(synthetic.values, labelled.values[[0, 0, 1, 2]], atol=1e-6)
    assert notes == ["classes of one labelled series are copied: there is nothing to interpolate with"]


def test_a_class_without_a_category_is_copied_and_said_to_be() -> None:
    notes: list[str] = []
    labelled = TRAIN.subset(np.arange(6))
    merging = handmade(order=(0, 1, 1))  # no category of class c
    synthetic = METHODS.get("tsinfogan").augment(labelled, np.array([2, 2, 2]), means(merging, notes), 0)  # type: ignore[misc]
    assert class_sizes(synthetic).tolist() == [2, 2, 2]
    np.testing.assert_array_equal(synthetic.values[synthetic.labels == 2], labelled.values[[2, 5]])
    assert notes == ["no category of the generator is of class c alone: copies of labelled series took its place"]


def test_unlabelled_series_under_the_label_of_q_are_real_ones() -> None:
    synthetic = METHODS.get("q_labels").augment(TRAIN.subset(np.arange(3)), np.array([5, 5, 5]), means(handmade()), 0)  # type: ignore[misc]
    indices = [np.flatnonzero((TRAIN.values == case).all((1, 2))) for case in synthetic.values]
    assert all(len(index) == 1 for index in indices)
    assert len({int(index[0]) for index in indices}) == 15
    assert (TRAIN.labels[np.concatenate(indices)] == synthetic.labels).mean() > 0.9  # type: ignore[index]


def test_repeated() -> None:
    labels = np.array([1, 0, 1, -1])
    assert repeated(labels, np.array([2, 3, 1])).tolist() == [1, 1, 0, 2, 0]


# ---- which category is which class


def test_categories_are_matched_by_posteriors() -> None:
    read = np.array([[0.6, 0.4, 0.0], [0.9, 0.1, 0.0], [0.0, 0.1, 0.9]])
    assert matched(read, np.array([0, 1, 2]), 3).tolist() == [1, 0, 2]  # by counts, 0 and 1 would share a category


def test_a_class_may_have_several_categories_and_a_category_none() -> None:
    read = np.array([[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]])
    assert matched(read, np.array([0, 1]), 2).tolist() == [0, 0, 1, -1]
    merged = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert matched(merged, np.array([0, 1, 2]), 3).tolist() == [-1, 2]  # samples of it would be of two classes


@settings(max_examples=50, deadline=None)
@given(st.permutations(range(5)), st.integers(0, 1000))
def test_the_number_of_a_category_says_nothing(order: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    read, labels = rng.dirichlet(np.ones(5) * 0.2, 15), np.arange(15) % 5
    assert matched(read[:, order], labels, 5).tolist() == matched(read, labels, 5)[order].tolist()


def test_class_of_categories() -> None:
    labelled = TRAIN.subset(np.arange(3))
    assert class_of_categories(handmade(order=(1, 2, 0)), labelled).tolist() == [1, 2, 0]
    assert class_of_categories(handmade(sharpness=0.0), labelled).tolist() == [-1, -1, -1]  # Q that says nothing


# ---- labels


@pytest.mark.parametrize("n", [1, 4])
def test_balanced_draws(n: int) -> None:
    cases, again, other = (Balanced(n).draw(TRAIN, seed) for seed in (3, 3, 4))
    assert class_sizes(TRAIN.subset(cases)).tolist() == [n] * K
    assert cases.tolist() == again.tolist()
    assert cases.tolist() != other.tolist()
    assert Balanced(n).name == f"{n} label{'' if n == 1 else 's'} per class"


def test_imbalanced_draws() -> None:
    rare = set()
    for seed in range(8):
        sizes = class_sizes(TRAIN.subset(Imbalanced(20).draw(TRAIN, seed)))
        assert sorted(sizes.tolist()) == [2, 40, 40]  # half of three classes, rounded down
        rare.add(int(sizes.argmin()))
    assert len(rare) > 1
    assert Imbalanced(50).missing(TRAIN) is None
    assert "class 'a' has 50 labelled training series, of 51 that" in str(Imbalanced(51).missing(TRAIN))
    for wrong in (lambda: Imbalanced(1), lambda: Balanced(0)):
        with pytest.raises(SettingError):
            wrong()


def test_series_held_out() -> None:
    train, test = held_out(TRAIN)
    assert class_sizes(test).tolist() == [16] * K
    assert train.n_cases + test.n_cases == TRAIN.n_cases
    assert held_out(TRAIN)[0].fingerprint() == train.fingerprint()
    both = np.concatenate([train.values, test.values])
    assert np.unique(both, axis=0).shape == TRAIN.values.shape
    with pytest.raises(DataError, match="3 labelled series or more"):
        held_out(TRAIN.subset(np.arange(6)))


def test_classes_are_matched_by_name() -> None:
    test = Panel.from_arrays(TEST.values[:2], labels=["c", "b"])
    assert with_classes_of(TRAIN, test).labels.tolist() == [2, 1]  # type: ignore[union-attr]
    with pytest.raises(DataError, match="got 'd'"):
        with_classes_of(TRAIN, Panel.from_arrays(TEST.values[:2], labels=["d", "b"]))
