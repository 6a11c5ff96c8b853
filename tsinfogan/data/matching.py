"""Which category is which class: the best matching of what was found with what is known."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from tsinfogan.data.panel import IntArray

UNMATCHED = -1


def contingency(rows: IntArray, columns: IntArray, n_rows: int, n_columns: int) -> IntArray:
    """``(n_rows, n_columns)`` cases in each pair of ``(n,)`` groups."""
    table = np.zeros((n_rows, n_columns), np.int64)
    np.add.at(table, (rows, columns), 1)
    return table


def match(categories: IntArray, classes: IntArray, n_categories: int, n_classes: int) -> IntArray:
    """``(n_categories,)`` class of each category: one-to-one with the most cases matched (Kuhn 1955).

    Where there are more categories than classes, each one left over goes to the class of most of its cases; a category
    without cases is ``UNMATCHED``.

    Args:
        categories: ``(n,)`` category of each case.
        classes: ``(n,)`` its known class.
        n_categories: how many categories there are.
        n_classes: how many classes there are.
    """
    table = contingency(categories, classes, n_categories, n_classes)
    matched = np.where(table.sum(1) > 0, table.argmax(1), UNMATCHED)
    chosen, partner = linear_sum_assignment(-table)
    occupied = table.sum(1)[chosen] > 0
    matched[chosen[occupied]] = partner[occupied]
    return matched
