"""Whether synthetic series are as long as real ones."""

from __future__ import annotations

import numpy as np
from scipy.stats import wasserstein_distance

from tsinfogan.data.panel import IntArray
from tsinfogan.metrics.samples import FigureSpec, SampleMeasure


def duration_distance(synthetic: IntArray, reference: IntArray) -> float:
    """1-Wasserstein distance of the logarithms of lengths ``(n,)`` and ``(m,)``, in standard deviations of these."""
    one, other = np.log(synthetic), np.log(reference)
    return float(wasserstein_distance(one, other) / (other.std() or 1.0))


SAMPLE_MEASURE = SampleMeasure(
    summary="distance of the distributions of log length, in standard deviations",
    group="fidelity",
    figures={
        "durations": FigureSpec("Wasserstein distance of log lengths, standardized", "lower", 0.1, "longer or shorter")
    },
    compute=lambda context, seed: {
        "durations": duration_distance(context.synthetic.case_lengths, context.reference.case_lengths)
    },
    needs=frozenset({"lengths"}),
)
