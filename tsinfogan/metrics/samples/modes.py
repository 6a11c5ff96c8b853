"""Whether every kind of real series is made, and as often."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tsinfogan.data.panel import IntArray
from tsinfogan.metrics.samples import FigureSpec, SampleMeasure
from tsinfogan.metrics.samples.context import SampleContext

REACHED_SHARE = 0.1
CASES_PER_CLUSTER = 20
MAX_CLUSTERS = 20
VARIANCE_SHARE, MAX_COMPONENTS = 0.99, 50


class Modes(NamedTuple):
    """How made series fall into kinds.

    Attributes:
        reached: share of the kinds that are made at least a tenth as often as they are real.
        evenness: what the shares of the kinds have in common, Σ min(made, real): 1 is as in real series.
    """

    reached: float
    evenness: float


def modes(synthetic: IntArray, reference: IntArray) -> Modes:
    """Of the kinds ``(n,)`` and ``(m,)`` of made and real series; those that no real series is of count for nothing."""
    n_kinds = int(max(synthetic.max(), reference.max())) + 1
    one, other = (np.bincount(kinds, minlength=n_kinds) / len(kinds) for kinds in (synthetic, reference))
    there = other > 0
    return Modes(float((one >= REACHED_SHARE * other)[there].mean()), float(np.minimum(one, other).sum()))


def _kinds(context: SampleContext) -> list[NDArray[np.int64]]:
    """Of made and real series: the class that a classifier sees, or without classes the cluster they fall in."""
    if context.real.n_known_classes > 1:
        return [
            context.real.classifier.predict(values) for values in (context.synthetic_values, context.reference_values)
        ]
    from sklearn.cluster import KMeans

    components = context.real.components
    n = components.holding(VARIANCE_SHARE, MAX_COMPONENTS)
    if not n:  # the real series are equal, so of one kind
        return [np.zeros(panel.n_cases, np.int64) for panel in (context.synthetic, context.reference)]
    seen, synthetic, reference = (
        components.project(points, n)
        for points in (context.real.seen_points, context.synthetic_points, context.reference_points)
    )
    k = int(np.clip(len(np.unique(seen, axis=0)) // CASES_PER_CLUSTER, 2, MAX_CLUSTERS))
    clusters = KMeans(k, n_init=3, random_state=context.real.seed).fit(seen)
    return [clusters.predict(points).astype(np.int64) for points in (synthetic, reference)]


def _compute(context: SampleContext, seed: int) -> dict[str, float]:
    found = modes(*_kinds(context))
    return {"modes_reached": found.reached, "modes_evenness": found.evenness}


SAMPLE_MEASURE = SampleMeasure(
    summary="share of the kinds of real series that are made, and how evenly; classes, or clusters where unlabelled",
    group="diversity",
    figures={
        "modes_reached": FigureSpec("share of kinds that are made", "higher", 0.0, "some kinds are never made"),
        "modes_evenness": FigureSpec(
            "overlap of how common kinds are", "higher", 0.05, "some kinds are too rare, others too common"
        ),
    },
    compute=_compute,
)
