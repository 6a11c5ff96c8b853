"""How much a continuous code changes a series, relative to the spread of real series of one class."""

from __future__ import annotations

import math

import numpy as np

from tsinfogan.data.panel import FloatArray, IntArray
from tsinfogan.metrics.codes import CodeMeasure
from tsinfogan.metrics.codes.context import CodeContext


def mean_distance(first: FloatArray, last: FloatArray) -> float:
    """Mean over n pairs ``(n, c, *grid)`` of the root of the mean squared difference."""
    return float(_distances(first, last).mean())


def within_class_spread(values: FloatArray, classes: IntArray, seed: int = 0) -> float:
    """Mean RMS distance of a case from a random other one of its class, divided by √2 so that it compares to a
    standard deviation. Classes of one case are left out; where all are, the whole set is one class.

    ``values`` are ``(n, c, *grid)``, ``classes`` ``(n,)``; the seed chooses the partners.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(classes))
    order = order[np.argsort(classes[order], kind="stable")]
    _, first, counts = np.unique(classes[order], return_index=True, return_counts=True)
    partner = np.arange(1, len(order) + 1)
    partner[first + counts - 1] = first  # in a ring within each class
    several = partner != np.arange(len(order))
    if not several.any():
        return 0.0 if len(values) < 2 else within_class_spread(values, np.zeros_like(classes), seed)
    return float(_distances(values[order[several]], values[order[partner[several]]]).mean() / math.sqrt(2))


def _distances(a: FloatArray, b: FloatArray) -> FloatArray:
    distances: FloatArray = np.sqrt(((a - b) ** 2).reshape(len(a), -1).mean(1))
    return distances


def _compute(context: CodeContext) -> dict[str, float]:
    values, classes = context.real_values, np.zeros(context.real.n_cases, np.int64)
    if (known := context.real.case_labels >= 0).any():
        values, classes = values[known], context.real.case_labels[known]
    elif context.categories and not context.model.settings.why_unreadable:
        classes = context.read_categories
    spread = within_class_spread(values, classes, context.seed) or 1.0  # 1 for equal cases
    figures = {}
    for column, index in context.continuous.items():
        swept = context.sweep_values(index)  # (n_sweeps, steps, c, *grid)
        figures[f"effect_{column}"] = mean_distance(swept[:, 0], swept[:, -1]) / spread
    return figures


CODE_MEASURE = CodeMeasure(
    summary="change of a sample over a continuous code's sweep, in units of the real spread within a class",
    better="higher",
    needs=frozenset({"continuous", "series"}),
    compute=_compute,
)
