"""Whether values are distributed as real ones, channel by channel, whatever the time."""

from __future__ import annotations

import numpy as np
from scipy.stats import wasserstein_distance

from tsinfogan.data.panel import FloatArray
from tsinfogan.metrics.samples import FigureSpec, SampleMeasure


def marginal_distance(synthetic: FloatArray, reference: FloatArray) -> float:
    """Mean over channels of the 1-Wasserstein distance of all values, in standard deviations of the reference.

    Of ``(n, c, …)`` and ``(m, c, …)``; NaN does not count.
    """
    distances = []
    for channel in range(synthetic.shape[1]):
        one, other = (values[:, channel].astype(np.float64) for values in (synthetic, reference))
        one, other = one[np.isfinite(one)], other[np.isfinite(other)]
        distances.append(wasserstein_distance(one, other) / (other.std() or 1.0))
    return float(np.mean(distances))


SAMPLE_MEASURE = SampleMeasure(
    summary="distance of the distributions of values, channel by channel, in standard deviations",
    group="fidelity",
    figures={
        "marginal_w1": FigureSpec("Wasserstein distance of standardized values", "lower", 0.03, "another distribution")
    },
    compute=lambda context, seed: {
        "marginal_w1": marginal_distance(context.synthetic.values, context.reference.values)
    },
)
