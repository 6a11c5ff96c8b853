"""Whether synthetic series are as far from training series as other real ones are."""

from __future__ import annotations

import numpy as np

from tsinfogan.data.panel import FloatArray
from tsinfogan.metrics.samples import FigureSpec, SampleMeasure
from tsinfogan.sampling.memorization import NEAR_PERCENT

MIN_DISTANCE = 1e-6


def distance_ratio(synthetic: FloatArray, held_out: FloatArray) -> float:
    """Median distance ``(n,)`` of synthetic series to the nearest seen one, over that ``(m,)`` of held-out ones."""
    return float(np.median(synthetic) / max(float(np.median(held_out)), MIN_DISTANCE))


def share_nearer(synthetic: FloatArray, held_out: FloatArray) -> float:
    """Share of synthetic series that are nearer than the nearest percent of held-out ones."""
    return float((synthetic < np.percentile(held_out, NEAR_PERCENT)).mean())


SAMPLE_MEASURE = SampleMeasure(
    summary="distance to the nearest series that the generator has seen, against that of real series it has not",
    group="privacy",
    figures={
        "nearest": FigureSpec(
            "median distance to training series over that of held-out ones",
            "one",
            0.1,
            "nearer or farther than held-out ones",
        ),
        "nearer_share": FigureSpec(
            "nearer than 99 % of held-out ones", "lower", 0.02, "many are near copies", "synthetic"
        ),
    },
    compute=lambda context, seed: {
        "nearest": distance_ratio(context.synthetic_distances, context.held_out_distances),
        "nearer_share": share_nearer(context.synthetic_distances, context.held_out_distances),
    },
    stand_in="reference",
)
