"""Separated attribute predictability (Kumar, Sattigeri and Balakrishnan 2018, arXiv:1711.00848)."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LinearRegression
from sklearn.svm import LinearSVC

from tsinfogan.data.panel import IntArray
from tsinfogan.metrics.codes import CodeMeasure
from tsinfogan.metrics.codes._representation import Array, Codes, are_classes, binned, columns_of, over_factors, split


def sap(codes: Codes, factors: Array, seed: int = 0) -> dict[str, float]:
    """How much better the best code alone predicts a factor linearly than the next best; mean over factors.

    A factor that is a class is predicted by a linear support vector machine (C = 0.01, balanced classes) and scored by
    held-out accuracy; a real one by least squares, scored by R² (for a continuous code the squared correlation). Two
    thirds of the cases train (at most 10,000), half as many test.

    Returns:
        ``sap``, and ``sap_binned`` with every real factor cut in bins and treated as a class, as disentanglement_lib's
        study did: one number separates ten classes poorly by a linear rule, so the best code then gets about .1.
    """
    real = ~are_classes(factors)
    columns = [columns_of(code) for code in codes]
    by_class = [[_accuracy(column, value, seed) for column in columns] for value in binned(factors).T]
    train, _ = split(len(factors))
    by_size = [
        [_explained(column[train], factor[train].astype(np.float64)) for column in columns] if is_real else scores
        for factor, is_real, scores in zip(factors.T, real, by_class, strict=True)
    ]
    return {"sap": _gap(by_size), "sap_binned": _gap(by_class)}


def _gap(scores: list[list[float]]) -> float:
    best = np.sort(scores, axis=1)  # (n_factors, n_codes)
    return float(np.mean(best[:, -1] - best[:, -2]))


def _accuracy(columns: Array, value: IntArray, seed: int) -> float:
    train, test = split(len(value))
    machine = LinearSVC(C=0.01, class_weight="balanced", dual=False, random_state=seed)
    machine.fit(columns[train], value[train])
    return float(np.mean(machine.predict(columns[test]) == value[test]))


def _explained(columns: Array, factor: Array) -> float:
    """R² of ``factor`` (n,) by least squares on ``columns`` (n, k)."""
    return float(LinearRegression().fit(columns, factor).score(columns, factor))


CODE_MEASURE = CodeMeasure(
    summary="how much better the best code alone predicts each known factor linearly than the next best (SAP)",
    better="higher",
    needs=frozenset({"recognition", "factors"}),
    compute=over_factors(sap),
)
