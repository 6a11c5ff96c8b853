"""Whether synthetic series are copies of training series."""

from __future__ import annotations

import numpy as np

from tsinfogan.data.panel import FloatArray, Panel
from tsinfogan.metrics.samples import FigureSpec, SampleMeasure
from tsinfogan.sampling.memorization import NEAR_SHARE_OF_MEDIAN


def near_share(synthetic: FloatArray, held_out: FloatArray) -> float:
    """Share of synthetic series within a tenth of the median distance of held-out ones to the nearest seen one."""
    return float((synthetic < NEAR_SHARE_OF_MEDIAN * np.median(held_out)).mean())


def exact_share(synthetic: Panel, seen: Panel) -> float:
    """Share of synthetic series that are series of ``seen``, number for number."""
    there = {seen.case(index).tobytes() for index in range(seen.n_cases)}
    return sum(synthetic.case(index).tobytes() in there for index in range(synthetic.n_cases)) / synthetic.n_cases


SAMPLE_MEASURE = SampleMeasure(
    summary="share of synthetic series that are copies of series that the generator has seen, nearly or exactly",
    group="privacy",
    figures={
        "near_duplicates": FigureSpec("share of near-copies", "lower", 0.005, "training series copied", "synthetic"),
        "exact_duplicates": FigureSpec("share of exact copies", "lower", 0.0, "training series copied"),
    },
    compute=lambda context, seed: {
        "near_duplicates": near_share(context.synthetic_distances, context.held_out_distances),
        "exact_duplicates": exact_share(context.synthetic, context.real.training_series or context.real.seen),
    },
    stand_in="reference",
)
