"""Whether values predict later ones as in real series."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tsinfogan.data.panel import FloatArray, IntArray
from tsinfogan.metrics.samples import FigureSpec, SampleMeasure
from tsinfogan.metrics.samples.context import SampleContext

MAX_LAG = 100
LAGS_PER_LENGTH = 0.5


def mean_autocorrelation(values: FloatArray, lengths: IntArray, n_lags: int) -> NDArray[np.float64]:
    """``(c, n_lags)`` autocorrelation at the lags 1, 2, …: each series about its own mean over its own length.

    The sum of products at a lag over the sum of squares (Box & Jenkins), mean over series; those that are constant, or
    no longer than the lag, are left out, and a lag that nobody has is 0. ``values`` are ``(n, c, t)``.
    """
    inside = np.arange(values.shape[2]) < lengths[:, None]  # (n, t)
    series = np.where(inside[:, None], values, 0).astype(np.float64)
    means = series.sum(axis=2, keepdims=True) / lengths[:, None, None]
    series = np.where(inside[:, None], series - means, 0)
    n_points = 2 * values.shape[2]  # so that no end meets the beginning
    products = np.fft.irfft(np.abs(np.fft.rfft(series, n_points)) ** 2, n_points)[..., : values.shape[2]]
    energy = products[..., :1]
    varies = energy > 1e-9 * lengths[:, None, None] * np.maximum(np.square(means), 1e-9)
    shares = np.divide(products, energy, out=np.zeros_like(products), where=varies)[..., 1 : n_lags + 1]
    counts = varies & (np.arange(1, shares.shape[2] + 1) < lengths[:, None, None])  # (n, c, lags)
    found = np.zeros((values.shape[1], n_lags))
    found[:, : shares.shape[2]] = np.where(counts, shares, 0).sum(axis=0) / np.maximum(counts.sum(axis=0), 1)
    return found


def _compute(context: SampleContext, seed: int) -> dict[str, float]:
    typical = float(np.median(context.real.reference.case_lengths))
    n_lags = min(max(int(LAGS_PER_LENGTH * typical), 1), MAX_LAG)
    synthetic, real = (
        mean_autocorrelation(panel.values, panel.case_lengths, n_lags)
        for panel in (context.synthetic, context.reference)
    )
    return {"autocorrelation": float(np.abs(synthetic - real).mean())}


SAMPLE_MEASURE = SampleMeasure(
    summary="difference of the autocorrelation, each series over its own length",
    group="fidelity",
    figures={
        "autocorrelation": FigureSpec("mean difference of the autocorrelation", "lower", 0.01, "another dependence")
    },
    compute=_compute,
    needs=frozenset({"series"}),
)
