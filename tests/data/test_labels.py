"""A few labels kept, the others hidden."""

from __future__ import annotations

import numpy as np
import pytest

from _trainers import waves
from tsinfogan.data.labels import draw_labelled, keep_labels, partly_labelled
from tsinfogan.data.panel import UNLABELLED, Panel
from tsinfogan.errors import DataError, SettingError


def test_so_many_labels_of_each_class_are_kept() -> None:
    panel = waves(30)
    cases = draw_labelled(panel, 3, seed=0)
    hidden = keep_labels(panel, cases)
    assert panel.labels is not None
    assert hidden.labels is not None
    assert np.bincount(hidden.labels[hidden.labels >= 0]).tolist() == [3, 3]
    np.testing.assert_array_equal(np.flatnonzero(hidden.labels >= 0), cases)
    np.testing.assert_array_equal(hidden.labels[cases], panel.labels[cases])
    assert hidden.classes == panel.classes
    assert hidden.fingerprint() == panel.fingerprint()
    assert (panel.labels >= 0).all()


def test_which_ones_follows_from_the_seed() -> None:
    panel = waves(30)
    first = draw_labelled(panel, 3, seed=0)
    np.testing.assert_array_equal(draw_labelled(panel, 3, seed=0), first)
    assert any(not np.array_equal(draw_labelled(panel, 3, seed=seed), first) for seed in (1, 2))
    np.testing.assert_array_equal(draw_labelled(panel, 15, seed=1), np.arange(30))


def test_only_labelled_cases_are_drawn() -> None:
    panel = waves(30, labelled=8)
    assert draw_labelled(panel, 4, seed=0).tolist() == list(range(8))
    with pytest.raises(DataError, match="5 labelled cases of each class, but class '0' has 4;"):
        draw_labelled(panel, 5, seed=0)


def test_what_cannot_be_drawn_or_kept() -> None:
    bare = Panel.from_arrays(np.zeros((4, 1, 5)), name="bare")
    for panel in (bare, keep_labels(waves(), [])):
        with pytest.raises(DataError, match="has no labels"):
            draw_labelled(panel, 1, seed=0)
    with pytest.raises(SettingError, match="at least 1 label per class, got 0"):
        draw_labelled(waves(), 0, seed=0)
    with pytest.raises(DataError, match="no labels to keep"):
        keep_labels(bare, [0])
    for index in (24, -1):
        with pytest.raises(DataError, match="24 cases"):
            keep_labels(waves(24), [0, index])


def test_partly_labelled() -> None:
    assert partly_labelled(waves(24, labelled=2))
    assert not partly_labelled(waves(24))
    assert not partly_labelled(waves(24, labelled=1))  # one class: nothing to tell apart
    assert not partly_labelled(keep_labels(waves(24), []))
    assert not partly_labelled(Panel.from_arrays(np.zeros((4, 1, 5))))
    hidden = keep_labels(waves(24), [0, 1])
    assert hidden.labels is not None
    assert set(hidden.labels[2:]) == {UNLABELLED}
