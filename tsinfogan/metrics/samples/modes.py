"""Whether every kind of real series is generated, and as often."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tsinfogan.data.labels import several_classes
from tsinfogan.data.panel import IntArray
from tsinfogan.metrics.samples import FigureSpec, SampleMeasure
from tsinfogan.metrics.samples.context import SampleContext

REACHED_SHARE = 0.1
CASES_PER_CLUSTER = 20
MAX_CLUSTERS = 20


def modes(synthetic: IntArray, reference: IntArray) -> dict[str, float]:
    """Of the kinds ``(n,)`` of synthetic and ``(m,)`` of real series; kinds without a real series do not count.

    Returns:
        ``modes_reached``: share of the kinds that are generated at least a tenth as often as they are real.
        ``modes_evenness``: Σ min(share of synthetic, share of real series) over kinds; 1 is as in real series.
    """
    n_kinds = int(max(synthetic.max(), reference.max())) + 1
    one, other = (np.bincount(kinds, minlength=n_kinds) / len(kinds) for kinds in (synthetic, reference))
    there = other > 0
    return {
        "modes_reached": float((one >= REACHED_SHARE * other)[there].mean()),
        "modes_evenness": float(np.minimum(one, other).sum()),
    }


def _kinds(context: SampleContext) -> list[NDArray[np.int64]]:
    """Of synthetic and real series: the class that a classifier predicts, or without classes their cluster."""
    if several_classes(context.real.seen):
        return [
            context.real.classifier.predict(values) for values in (context.synthetic_values, context.reference_values)
        ]
    from sklearn.cluster import KMeans

    components = context.real.components
    n = components.holding()
    if not n:  # the real series are equal, so of one kind
        return [np.zeros(panel.n_cases, np.int64) for panel in (context.synthetic, context.reference)]
    seen, synthetic, reference = (
        components.project(points, n)
        for points in (context.real.seen_points, context.synthetic_points, context.reference_points)
    )
    k = int(np.clip(len(np.unique(seen, axis=0)) // CASES_PER_CLUSTER, 2, MAX_CLUSTERS))
    clusters = KMeans(k, n_init=3, random_state=context.real.seed).fit(seen)
    return [clusters.predict(points).astype(np.int64) for points in (synthetic, reference)]


SAMPLE_MEASURE = SampleMeasure(
    summary="share of the kinds of real series that are generated, and how evenly; classes, or clusters without labels",
    group="diversity",
    figures={
        "modes_reached": FigureSpec("share of kinds that are generated", "higher", 0.0, "some kinds are missing"),
        "modes_evenness": FigureSpec("overlap of the shares of kinds", "higher", 0.05, "kinds are too rare or common"),
    },
    compute=lambda context, seed: modes(*_kinds(context)),
)
