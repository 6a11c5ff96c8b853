"""What a study works with: training and held-out series, and generators that know the former without labels."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np

from tsinfogan.data.labels import labels_among
from tsinfogan.data.panel import Panel
from tsinfogan.errors import DataError, RunError
from tsinfogan.seeding import Stream, derived_seed
from tsinfogan.training.run import Run, Tell, list_runs

ONE_IN = 3


def held_out(panel: Panel) -> tuple[Panel, Panel]:
    """Series to train with, and one in three labelled series of each class to test on.

    Always the same ones, so that a generator trained with the first part can be used again. A DataError if no class has
    three labelled series.
    """
    rng = np.random.default_rng(derived_seed(0, Stream.HOLD_OUT))
    members = [rng.permutation(np.flatnonzero(panel.case_labels == index)) for index in range(len(panel.classes))]
    chosen = np.concatenate([np.zeros(0, np.int64), *(one[: len(one) // ONE_IN] for one in members)])
    if not chosen.size:
        raise DataError(
            f"{panel.name}: expected classes of {ONE_IN} labelled series or more, to set one in {ONE_IN} aside for "
            "testing, got none; label more series, or give held-out ones as `test`"
        )
    is_test = np.isin(np.arange(panel.n_cases), chosen)
    return panel.subset(~is_test), panel.subset(is_test)


def with_classes_of(train: Panel, test: Panel) -> Panel:
    """``test`` with its labels counted in the classes of ``train``; a DataError if it has another one."""
    if test.labels is None or train.labels is None or test.classes == train.classes:
        return test
    present = {test.classes[index] for index in np.unique(test.labels[test.labels >= 0])}
    if strange := sorted(present - {*train.classes}):
        raise DataError(
            f"{test.name}: expected classes of {train.name}, which are {', '.join(train.classes)}, got {strange[0]!r}; "
            "leave those series out, or add some to the training series"
        )
    return replace(test, labels=labels_among(test, train.classes), classes=train.classes)


def generators_of(root: Path, train: Panel, tell: Tell = warnings.warn) -> list[Run]:
    """Runs under ``root``, oldest first, that were trained to the end on ``train``, without labels, with categories.

    ``tell`` is as in :func:`list_runs`.
    """
    fingerprint = train.fingerprint()
    return [run for run in list_runs(root, tell) if knows(run, fingerprint) and _is_finished_and_unsupervised(run)]


def knows(run: Run, fingerprint: str) -> bool:
    """Whether ``run`` was trained on the series of that fingerprint, and so not on those that are tested on."""
    return run.data.get("fingerprint") == fingerprint


def _is_finished_and_unsupervised(run: Run) -> bool:
    if run.plan.model.labelled or run.plan.model.n_categories < 2:
        return False
    try:
        return run.steps_done == run.plan.training.max_steps
    except RunError:  # a damaged checkpoint
        return False
