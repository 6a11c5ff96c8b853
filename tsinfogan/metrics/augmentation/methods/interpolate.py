"""Points between a series and one of its nearest neighbours in its class (SMOTE, Chawla et al. 2002)."""

from __future__ import annotations

import numpy as np

from tsinfogan.data.panel import IntArray, Panel
from tsinfogan.metrics.augmentation.methods import Inputs, Method
from tsinfogan.metrics.augmentation.methods._series import panel_of, repeated
from tsinfogan.seeding import Stream, derived_seed

N_NEIGHBOURS = 5


def augment(labelled: Panel, n_new: IntArray, inputs: Inputs, seed: int) -> Panel:
    """``x + u (neighbour − x)`` with u ~ U(0, 1), on the common grid. A class of one series is copied: it has none."""
    labels = labelled.case_labels
    values = inputs.preprocessor.transform(labelled)  # (n, c, *grid)
    rng = np.random.default_rng(derived_seed(seed, Stream.INTERPOLATION))
    if (np.bincount(labels) == 1).any():
        inputs.note("classes of one labelled series are copied: there is nothing to interpolate with")
    flat = values.reshape(len(values), -1).astype(np.float64)
    chosen = repeated(labels, n_new)
    partner = chosen.copy()
    for index in np.unique(labels):
        members = np.flatnonzero(labels == index)
        if len(members) == 1:
            continue
        distances = np.square(flat[members, None] - flat[None, members]).sum(2)  # (m, m)
        np.fill_diagonal(distances, np.inf)
        nearest = members[distances.argsort(axis=1)[:, : min(N_NEIGHBOURS, len(members) - 1)]]  # (m, k)
        rows = np.flatnonzero(labels[chosen] == index)
        position = np.searchsorted(members, chosen[rows])
        partner[rows] = nearest[position, rng.integers(nearest.shape[1], size=len(rows))]
    share = rng.uniform(size=(len(chosen), *(1,) * (values.ndim - 1))).astype(np.float32)
    between = values[chosen] + share * (values[partner] - values[chosen])
    return panel_of(between, labels[chosen], labelled, inputs)


METHOD = Method(
    summary="points between labelled series and their neighbours of the same class (SMOTE)", augment=augment
)
