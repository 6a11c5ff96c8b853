"""Keeping a few labels and hiding the others, for semi-supervised training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from tsinfogan.data.panel import UNLABELLED, IntArray, Panel
from tsinfogan.errors import DataError, SettingError
from tsinfogan.seeding import Stream, derived_seed


def draw_labelled(panel: Panel, n_per_class: int, seed: int) -> IntArray:
    """Indices of ``n_per_class`` labelled cases of each class, drawn at random.

    Returns:
        ``(n_classes * n_per_class,)`` indices in ascending order.

    Raises:
        SettingError: ``n_per_class`` is below 1.
        DataError: there are no labels, or a class has too few.
    """
    if n_per_class < 1:
        raise SettingError(f"expected at least 1 label per class, got {n_per_class}")
    if panel.labels is None or not (panel.labels >= 0).any():
        raise DataError(f"{panel.name} has no labels of which {n_per_class} per class can be kept; add a label column")
    rng = np.random.default_rng(derived_seed(seed, Stream.LABELS))
    chosen = []
    for index, name in enumerate(panel.classes):
        members = np.flatnonzero(panel.labels == index)
        if len(members) < n_per_class:
            raise DataError(
                f"{panel.name}: expected {n_per_class} labelled cases of each class, but class {name!r} has "
                f"{len(members)}; ask for fewer labels per class, or label more cases"
            )
        chosen.append(rng.choice(members, n_per_class, replace=False))
    return np.sort(np.concatenate(chosen))


def keep_labels(panel: Panel, cases: ArrayLike) -> Panel:
    """The panel with the labels of the cases at these ``(n_kept,)`` indices only; its classes stay the same.

    Raises:
        DataError: the panel has no labels, or no case of such an index.
    """
    kept = np.asarray(cases, np.int64)
    if panel.labels is None:
        raise DataError(f"{panel.name} has no labels to keep; restore the label column")
    if kept.size and not 0 <= kept.min() <= kept.max() < panel.n_cases:
        raise DataError(f"{panel.name} has {panel.n_cases} cases, so none at {kept.max()} whose label is kept")
    labels = np.full(panel.n_cases, UNLABELLED)
    labels[kept] = panel.labels[kept]
    return replace(panel, labels=labels)


def partly_labelled(panel: Panel) -> bool:
    """Whether two or more classes have labelled cases, and other cases have no label."""
    return several_classes(panel) and bool((np.asarray(panel.labels) < 0).any())


def several_classes(panel: Panel) -> bool:
    """Whether two or more classes have labelled cases."""
    return panel.labels is not None and len(np.unique(panel.labels[panel.labels >= 0])) > 1


def labels_among(panel: Panel, classes: Sequence[str]) -> IntArray:
    """``(n_cases,)`` index among ``classes`` of each case's class; ``UNLABELLED`` if it is unknown or none of these."""
    position = {name: index for index, name in enumerate(classes)}
    # unknown labels are -1, which picks the last entry
    return np.array([*(position.get(name, UNLABELLED) for name in panel.classes), UNLABELLED])[panel.case_labels]
