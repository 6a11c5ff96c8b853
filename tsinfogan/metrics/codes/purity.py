"""Whether the samples of a category are all of one class, and which classes are generated."""

from __future__ import annotations

import numpy as np

from tsinfogan.data.matching import contingency
from tsinfogan.data.panel import IntArray
from tsinfogan.metrics.codes import CodeMeasure
from tsinfogan.metrics.codes.context import CodeContext

PURE = 0.9  # categories of lower purity are marked red in a report
SAMPLES_PER_CATEGORY = 100


def purity(categories: IntArray, classes: IntArray, n_categories: int, n_classes: int) -> dict[str, float]:
    """Figures of samples with ``(n,)`` categories and ``(n,)`` classes by a classifier; see docs/measures.md."""
    table = contingency(categories, classes, n_categories, n_classes)
    table = table[table.sum(1) > 0]
    shares = table.max(1) / table.sum(1)
    pure = shares >= PURE
    return {
        "purity": float(shares.mean()),
        "purity_least": float(shares.min()),
        "pure_categories": float(pure.sum()),
        "classes_covered": float(len(np.unique(table.argmax(1)[pure]))),
    }


def _compute(context: CodeContext) -> dict[str, float]:
    synthetic = context.samples(SAMPLES_PER_CATEGORY)
    classifier = context.classifier
    classes = classifier.predict(context.grid_values(synthetic.panel))
    return purity(synthetic.columns[context.category_column], classes, context.categories, classifier.n_classes)


CODE_MEASURE = CodeMeasure(
    summary="share of a category's samples that are of one class, and how many classes have a pure category",
    better="higher",
    needs=frozenset({"categories", "labels"}),
    compute=_compute,
)
