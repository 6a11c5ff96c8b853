"""How often a classifier is right about cases that it was not trained on: what discriminators share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tsinfogan.data.panel import FloatArray, IntArray

Fit = Callable[[int, FloatArray, IntArray], Callable[[FloatArray], IntArray]]
"""From the number of the fold, cases and their kinds, 0 or 1, to a function that gives the kinds of other cases."""


def held_out_share(kinds: tuple[FloatArray, FloatArray], n_folds: int, fit: Fit) -> float:
    """Share of right answers on cases of two kinds, equally many in random order; each fold is fitted on the rest."""
    fold_of, n_right = np.arange(len(kinds[0])) % n_folds, 0
    for fold in range(n_folds):
        held = fold_of == fold
        predict = fit(fold, np.concatenate([values[~held] for values in kinds]), np.repeat([0, 1], (~held).sum()))
        n_right += sum(int((predict(values[held]) == kind).sum()) for kind, values in enumerate(kinds))
    return n_right / (2 * len(fold_of))
