"""Whether synthetic and real series are of one distribution, by a kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics.pairwise import euclidean_distances

from tsinfogan.metrics.samples import FigureSpec, SampleMeasure

WIDTHS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Of the kernels, as multiples of the median squared distance."""


def squared_mmd(synthetic: NDArray[Any], reference: NDArray[Any]) -> float:
    """Unbiased squared maximum mean discrepancy (Gretton et al. 2012, JMLR 13, lemma 6); below 0 by chance.

    The kernel is the mean of exp(−d² / (w·m)) over ``WIDTHS`` w, m being the median squared distance of two cases of
    the reference: what is judged does not set its own scale. Of ``(n, d)`` and ``(m, d)``, n and m at least 2.
    """
    synthetic, reference = synthetic.astype(np.float64), reference.astype(np.float64)
    within = euclidean_distances(reference, squared=True)
    median = float(np.median(within[np.triu_indices(len(reference), 1)])) or 1.0
    n, m = len(synthetic), len(reference)
    of_synthetic = (_kernel(euclidean_distances(synthetic, squared=True), median).sum() - n) / (n * (n - 1))
    of_reference = (_kernel(within, median).sum() - m) / (m * (m - 1))
    across = _kernel(euclidean_distances(synthetic, reference, squared=True), median).mean()
    return float(of_synthetic + of_reference - 2 * across)


def _kernel(squares: NDArray[np.float64], median: float) -> NDArray[np.float64]:
    kernel: NDArray[np.float64] = np.mean([np.exp(-squares / (width * median)) for width in WIDTHS], axis=0)
    return kernel


SAMPLE_MEASURE = SampleMeasure(
    summary="squared maximum mean discrepancy of whole series on the common grid",
    group="fidelity",
    figures={"mmd": FigureSpec("squared maximum mean discrepancy", "lower", 0.002, "drawn from another distribution")},
    compute=lambda context, seed: {"mmd": squared_mmd(context.synthetic_points, context.reference_points)},
)
