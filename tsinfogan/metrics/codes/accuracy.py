"""How well Q's category of real series is their class (Hungarian matching; Hubert & Arabie 1985 for ARI)."""

from __future__ import annotations

from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from tsinfogan.data.matching import match
from tsinfogan.data.panel import IntArray
from tsinfogan.metrics.codes import CodeMeasure
from tsinfogan.metrics.codes.context import CodeContext


def accuracy(categories: IntArray, classes: IntArray, n_categories: int, n_classes: int) -> float:
    """Share of ``(n,)`` cases whose category is matched with their class, left-over ones with their majority's."""
    return float((match(categories, classes, n_categories, n_classes)[categories] == classes).mean())


def _compute(context: CodeContext) -> dict[str, float]:
    real = context.real
    known = real.case_labels >= 0
    categories, classes = context.read_categories[known], real.case_labels[known]
    return {
        "accuracy": accuracy(categories, classes, context.categories, len(real.classes)),
        "nmi": float(normalized_mutual_info_score(classes, categories)),
        "ari": float(adjusted_rand_score(classes, categories)),
    }


CODE_MEASURE = CodeMeasure(
    summary="Q's category of real series against their class, categories matched with classes",
    better="higher",
    needs=frozenset({"categories", "recognition", "labels"}),
    compute=_compute,
)
