"""Whether synthetic series vary as real ones do: within a class, and along each principal component."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tsinfogan.data.panel import FloatArray, IntArray
from tsinfogan.metrics.samples import FigureSpec, SampleMeasure
from tsinfogan.metrics.samples._components import Components
from tsinfogan.metrics.samples.context import SampleContext

COMPONENTS = 20
MIN_PER_CLASS = 5


def class_spreads(
    synthetic: FloatArray, synthetic_classes: IntArray, real: FloatArray, classes: IntArray
) -> dict[int, float]:
    """By class the spread of synthetic over real series ``(n, d)``: root mean square distance from their mean.

    Classes ``(n,)`` are -1 where unknown. Those of fewer than ``MIN_PER_CLASS`` series on a side, or whose real series
    are all equal, are left out.
    """
    ratios = {}
    for index in np.unique(classes[classes >= 0]):
        sides = synthetic[synthetic_classes == index], real[classes == index]
        if min(map(len, sides)) < MIN_PER_CLASS:
            continue
        one, other = (float(np.sqrt(side.var(axis=0, dtype=np.float64, ddof=1).mean())) for side in sides)
        if other > 0:
            ratios[int(index)] = one / other
    return ratios


def component_spreads(synthetic: FloatArray, components: Components, n: int = COMPONENTS) -> NDArray[np.float64]:
    """``(n,)`` or fewer: standard deviation of ``(m, d)`` points along each component over that of real ones."""
    n = min(n, len(components.spread))
    spreads: NDArray[np.float64] = components.project(synthetic, n).std(axis=0, ddof=1) / components.spread[:n]
    return spreads


def _compute(context: SampleContext, seed: int) -> dict[str, float]:
    within = class_spreads(
        context.synthetic_points, context.synthetic_labels, context.reference_points, context.reference_labels
    )
    if not within:
        one_class = [np.zeros(panel.n_cases, np.int64) for panel in (context.synthetic, context.reference)]
        within = class_spreads(context.synthetic_points, one_class[0], context.reference_points, one_class[1])
    along = component_spreads(context.synthetic_points, context.real.components)
    along = along if along.size else np.ones(1)  # equal real series
    ratios = list(within.values()) or [1.0]
    return {
        "spread_within": float(np.median(ratios)),
        "spread_within_least": min(ratios),
        "spread_along_least": float(along.min()),
        "spread_along_greatest": float(along.max()),
    }


SAMPLE_MEASURE = SampleMeasure(
    summary="spread of synthetic over real series, within a class and along the first 20 principal components",
    group="diversity",
    figures={
        "spread_within": FigureSpec("spread within a class, median of classes", "one", 0.1, "another spread"),
        "spread_within_least": FigureSpec("spread within a class, least of classes", "one", 0.2, "another spread"),
        "spread_along_least": FigureSpec("spread along a component, least of 20", "one", 0.16, "another spread"),
        "spread_along_greatest": FigureSpec("spread along a component, greatest of 20", "one", 0.14, "another spread"),
    },
    compute=_compute,
)
