"""Whether synthetic series lie where real ones do, and cover all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from tsinfogan.metrics.samples import FigureSpec, SampleMeasure
from tsinfogan.metrics.samples.context import SampleContext

NEIGHBOURS = 5


def overlap(synthetic: NDArray[Any], reference: NDArray[Any], k: int = NEIGHBOURS) -> dict[str, float]:
    """Improved precision and recall (Kynkäänniemi et al. 2019, arXiv:1904.06991, equation 1), density and coverage
    (Naeem et al. 2020, arXiv:2002.09797, equations 3 and 4).

    Both sides are ``(n, d)`` with n > k: with unequal numbers of cases balls are not of one size.

    Returns:
        Of the balls around synthetic and around real cases, each with the distance to the k-th neighbour of its own
        kind as radius: ``precision``, share of synthetic cases in the ball of a real one; ``recall``, share of real
        cases in the ball of a synthetic one; ``density``, mean number of real balls that hold a synthetic case, over
        k; ``coverage``, share of real balls with a synthetic case; ``coverage_back``, of synthetic ones with a real.
    """
    apart = cdist(reference, synthetic)  # (real, synthetic)
    # the nearest case of its own kind is the case itself
    real_radius, synthetic_radius = (
        np.partition(cdist(side, side), k, axis=1)[:, k] for side in (reference, synthetic)
    )
    in_real, in_synthetic = apart <= real_radius[:, None], apart <= synthetic_radius
    return {
        "precision": float(in_real.any(axis=0).mean()),
        "recall": float(in_synthetic.any(axis=1).mean()),
        "density": float(in_real.sum(axis=0).mean() / k),
        "coverage": float(in_real.any(axis=1).mean()),
        "coverage_back": float(in_synthetic.any(axis=0).mean()),
    }


def _compute(context: SampleContext, seed: int) -> dict[str, float]:
    components = context.real.components
    n_components = max(components.holding(), 1)
    rng = np.random.default_rng(seed)
    n = min(context.synthetic.n_cases, context.reference.n_cases)
    synthetic, reference = (
        components.project(points[rng.permutation(len(points))[:n]], n_components)
        for points in (context.synthetic_points, context.reference_points)
    )
    return overlap(synthetic, reference)


SAMPLE_MEASURE = SampleMeasure(
    summary="how far synthetic and real series lie within each other's neighbourhoods",
    group="diversity",
    figures={
        "precision": FigureSpec("share of synthetic among real series", "higher", 0.05, "many far off", "synthetic"),
        "recall": FigureSpec("share of real among synthetic series", "higher", 0.05, "some missing", "reference"),
        "density": FigureSpec("real neighbourhoods around a synthetic series", "one", 0.15, "denser or sparser"),
        "coverage": FigureSpec("real neighbourhoods with synthetic ones", "higher", 0.1, "some missing", "reference"),
        "coverage_back": FigureSpec(
            "synthetic neighbourhoods with real ones", "higher", 0.1, "many far off", "synthetic"
        ),
    },
    compute=_compute,
)
