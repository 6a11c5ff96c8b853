"""The Fréchet distance of two sets of vectors, each taken as one normal distribution."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def frechet_distance(one: ArrayLike, other: ArrayLike) -> float:
    """Squared, as it is always quoted: ‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½) (Dowson & Landau 1982).

    Of two or more vectors ``(n, f)`` on each side.
    """
    vectors = [np.asarray(side, np.float64) for side in (one, other)]
    means = [side.mean(0) for side in vectors]
    covariances = [np.atleast_2d(np.cov(side, rowvar=False)) for side in vectors]
    values, axes = np.linalg.eigh(covariances[0])
    root = (axes * np.sqrt(values.clip(0))) @ axes.T  # (Σ₁ Σ₂)^½ has the trace of (Σ₁^½ Σ₂ Σ₁^½)^½, which is symmetric
    mixed = np.linalg.eigvalsh(root @ covariances[1] @ root).clip(0)
    distance = np.square(means[0] - means[1]).sum() + sum(map(np.trace, covariances)) - 2 * np.sqrt(mixed).sum()
    return float(max(distance, 0))  # never below but by rounding
