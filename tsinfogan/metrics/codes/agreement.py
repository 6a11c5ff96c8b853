"""Whether Q reads the same category when a real series is augmented. Needs no label, so models can be chosen by it."""

from __future__ import annotations

import numpy as np
from scipy.special import softmax

from tsinfogan.data.panel import FloatArray
from tsinfogan.metrics.codes import CodeMeasure


def agreement(views: FloatArray) -> float:
    """Share of augmented cases in the category of the case as it is: logits ``(n_views, n, K)``, unaugmented first."""
    categories = views.argmax(2)
    return float((categories[1:] == categories[0]).mean())


def confidence(views: FloatArray) -> float:
    """Mean probability of the chosen category of the cases as they are."""
    return float(np.mean(softmax(views[0], axis=1).max(1)))


CODE_MEASURE = CodeMeasure(
    summary="share of real series that keep their category under the data's augmentations, and Q's confidence",
    better="higher",
    needs=frozenset({"categories", "recognition", "series"}),
    compute=lambda context: {"agreement": agreement(context.views), "confidence": confidence(context.views)},
)
