"""Whether made series are copies of training series."""

from __future__ import annotations

import numpy as np

from tsinfogan.data.panel import FloatArray, Panel
from tsinfogan.metrics.samples import Comparison, Figure
from tsinfogan.metrics.samples.context import Sets

NEAR_SHARE_OF_MEDIAN = 0.1


def near_share(synthetic: FloatArray, held_out: FloatArray) -> float:
    """Share of made series within a tenth of the median distance of held-out ones to the nearest seen one.

    Args:
        synthetic: ``(n,)`` distance of each to the nearest seen series.
        held_out: ``(m,)`` likewise.
    """
    return float((synthetic < NEAR_SHARE_OF_MEDIAN * np.median(held_out)).mean())


def exact_share(synthetic: Panel, seen: Panel) -> float:
    """Share of made series that are series of ``seen``, number for number."""
    there = {seen.case(index).tobytes() for index in range(seen.n_cases)}
    return sum(synthetic.case(index).tobytes() in there for index in range(synthetic.n_cases)) / synthetic.n_cases


def _compute(sets: Sets, seed: int) -> dict[str, float]:
    return {
        "near_duplicates": near_share(sets.synthetic_distances, sets.held_out_distances),
        "exact_duplicates": exact_share(sets.synthetic, sets.real.training_series or sets.real.seen),
    }


COMPARISON = Comparison(
    summary="share of made series that are copies of series that the generator has seen, nearly or exactly",
    group="privacy",
    figures={
        "near_duplicates": Figure(
            "share of near-copies of training series", "lower", 0.005, "training series are copied"
        ),
        "exact_duplicates": Figure(
            "share of exact copies of training series", "lower", 0.0, "training series are copied"
        ),
    },
    compute=_compute,
    stand_in="reference",
)
