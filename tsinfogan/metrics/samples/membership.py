"""Whether synthetic series reveal which real ones the generator was trained on."""

from __future__ import annotations

import numpy as np
from scipy.stats import mannwhitneyu

from tsinfogan.data.panel import FloatArray
from tsinfogan.metrics.samples import FigureSpec, SampleMeasure
from tsinfogan.metrics.samples.context import SampleContext
from tsinfogan.sampling.memorization import nearest


def attack_auc(members: FloatArray, others: FloatArray) -> float:
    """Area under the ROC curve of an attack by distance to the nearest synthetic series; .5 is guessing.

    It is the black-box attack of Chen et al. 2020, arXiv:1909.03935: real series close to a synthetic one are taken
    for training series. The area is the share of pairs in which the member is nearer (Mann & Whitney), ties by half;
    ``members`` ``(n,)`` and ``others`` ``(m,)`` are distances of seen and of unseen series.
    """
    distances = members.astype(np.float64), others.astype(np.float64)  # which is what pairs are then counted in
    farther = mannwhitneyu(*distances, method="asymptotic").statistic
    return float(1 - farther / (len(members) * len(others)))


def _compute(context: SampleContext, seed: int) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    n = min(len(context.real.training_points), context.reference.n_cases)
    members, others = (
        nearest(points[rng.permutation(len(points))[:n]], context.synthetic_points, 1)[0][:, 0]
        for points in (context.real.training_points, context.reference_points)
    )
    return {"membership_auc": attack_auc(members, others)}


SAMPLE_MEASURE = SampleMeasure(
    summary="whether synthetic series reveal to an attacker which real ones the generator was trained on",
    group="privacy",
    figures={
        "membership_auc": FigureSpec("AUC of a membership attack; .5 is guessing", "lower", 0.03, "they reveal members")
    },
    compute=_compute,
    stand_in="reference",
)
