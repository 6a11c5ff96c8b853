"""Disentanglement, completeness, informativeness (Eastwood and Williams, ICLR 2018)."""

from __future__ import annotations

import numpy as np
from scipy.stats import entropy
from sklearn.ensemble import GradientBoostingClassifier

from tsinfogan.metrics.codes import CodeMeasure
from tsinfogan.metrics.codes._representation import Array, Codes, binned, over_factors, split, stacked

TINY = 1e-11
"""Keeps the entropy of a code or factor without any importance defined: it is that of even importance."""


def dci(codes: Codes, factors: Array, seed: int = 0) -> dict[str, float]:
    """Predicts each factor from all codes with boosted trees, and looks at which codes they use.

    Two thirds of the cases train (at most 10,000), half as many test. The importances of a category's columns are added
    up. The trees break ties between equal splits at random.

    Returns:
        ``dci_disentanglement``: whether each code serves one factor; ``dci_completeness``: whether each factor is
        served by one code; ``dci_informativeness``: share of held-out cases whose factor is predicted rightly, mean
        over factors. Each in 0…1.
    """
    columns, first = stacked(codes)
    train, test = split(len(factors))
    importances, accuracies = [], []
    for value in binned(factors).T:
        trees = GradientBoostingClassifier(random_state=seed).fit(columns[train], value[train])
        importances.append(np.add.reduceat(trees.feature_importances_, first))
        accuracies.append(np.mean(trees.predict(columns[test]) == value[test]))
    importance = np.stack(importances, axis=1)
    return {
        "dci_disentanglement": disentanglement(importance),
        "dci_completeness": disentanglement(importance.T),
        "dci_informativeness": float(np.mean(accuracies)),
    }


def disentanglement(importance: Array) -> float:
    """1 − entropy of each row's importances, to the base of their number; mean weighted by the rows' importance.

    Of importances ``(n_codes, n_factors)``, none negative; transposed they give completeness.
    """
    if importance.shape[1] == 1:
        return 1.0
    concentration = 1 - entropy(importance + TINY, base=importance.shape[1], axis=1)  # (n_codes,)
    return float(np.average(concentration, weights=importance.sum(1) + TINY))


CODE_MEASURE = CodeMeasure(
    summary="whether each code serves one known factor, each factor one code, and how well codes predict factors (DCI)",
    better="higher",
    needs=frozenset({"recognition", "factors"}),
    compute=over_factors(dci),
)
