"""Whether channels correlate as in real series."""

from __future__ import annotations

import numpy as np

from tsinfogan.data.panel import FloatArray
from tsinfogan.metrics.samples import FigureSpec, SampleMeasure

OTHERS_DIVISOR = 10
"""The protocol's authors divide by it; no reason is given."""


def correlational_score(synthetic: FloatArray, reference: FloatArray) -> float:
    """A tenth of the sum over pairs of channels of how much their correlation at the same timepoint differs.

    As in the evaluation of Diffusion-TS (Yuan & Qiao, ICLR 2024, section 4.2), after Liao et al. (2020,
    arXiv:2006.05421): correlations over all timepoints of all cases ``(n, c, t)``, each pair once; NaN does not count.
    """
    return float(np.abs(np.tril(correlations(synthetic) - correlations(reference))).sum() / OTHERS_DIVISOR)


def correlations(values: FloatArray) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """``(c, c)`` over all timepoints of all cases ``(n, c, t)``; 0 with a channel that never changes."""
    flat = np.moveaxis(values, 1, 0).reshape(values.shape[1], -1).astype(np.float64)  # (c, n * t)
    known = flat[:, np.isfinite(flat).all(0)]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num(np.corrcoef(known))


SAMPLE_MEASURE = SampleMeasure(
    summary="difference of the correlations between channels at the same timepoint, summed over pairs, a tenth of it",
    group="fidelity",
    figures={"correlational": FigureSpec("difference of channels' correlations", "lower", 0.02, "other correlations")},
    compute=lambda context, seed: {
        "correlational": correlational_score(context.synthetic.values, context.reference.values)
    },
    needs=frozenset({"series", "channels"}),
)
