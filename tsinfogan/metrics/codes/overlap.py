"""Whether two continuous codes have the same effect."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from tsinfogan.data.panel import FloatArray
from tsinfogan.metrics.codes import CodeMeasure
from tsinfogan.metrics.codes.context import CodeContext


def effect_cosine(first: FloatArray, second: FloatArray) -> float:
    """Mean over n cases of the absolute cosine between two codes' changes ``(n, c, *grid)`` of that case."""
    a, b = first.reshape(len(first), -1), second.reshape(len(second), -1)
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float((np.abs((a * b).sum(1)) / np.maximum(norms, 1e-12)).mean())


def _compute(context: CodeContext) -> dict[str, float]:
    swept = [context.sweep_values(index) for index in context.continuous.values()]  # (n_sweeps, steps, c, *grid) each
    changes = [values[:, -1] - values[:, 0] for values in swept]
    cosines = [effect_cosine(a, b) for a, b in combinations(changes, 2)]
    return {"overlap": max(cosines)} if cosines else {}


CODE_MEASURE = CodeMeasure(
    summary="greatest cosine between the changes that two continuous codes make of a sample",
    better="lower",
    needs=frozenset({"continuous"}),
    compute=_compute,
)
