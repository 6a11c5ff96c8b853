"""Matching of categories, which a model found, to known classes."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from tsinfogan.data.panel import IntArray

UNMATCHED = -1


def contingency(rows: IntArray, columns: IntArray, n_rows: int, n_columns: int) -> IntArray:
    """``(n_rows, n_columns)`` number of cases in each pair of groups, from the ``(n,)`` group indices of the cases."""
    table = np.zeros((n_rows, n_columns), np.int64)
    np.add.at(table, (rows, columns), 1)
    return table


def match(categories: IntArray, classes: IntArray, n_categories: int, n_classes: int) -> IntArray:
    """``(n_categories,)`` class of each category: one-to-one with the most cases matched (Kuhn 1955).

    If there are more categories than classes, each one left over is matched to the class of most of its cases. A
    category without cases is ``UNMATCHED``.

    Args:
        categories: ``(n,)`` category of each case.
        classes: ``(n,)`` known class of each case.
        n_categories: number of categories.
        n_classes: number of classes.
    """
    table = contingency(categories, classes, n_categories, n_classes)
    matched = np.where(table.sum(1) > 0, table.argmax(1), UNMATCHED)
    chosen, partner = linear_sum_assignment(-table)
    occupied = table.sum(1)[chosen] > 0
    matched[chosen[occupied]] = partner[occupied]
    return matched
