"""Whether every frequency of real series is present, and as strong."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tsinfogan.data.panel import FloatArray
from tsinfogan.metrics.samples import FigureSpec, SampleMeasure
from tsinfogan.metrics.samples.context import SampleContext

ENERGY_SHARE = 0.999
MIN_RATIO = 1e-3
"""A missing harmonic counts as a thousandth, so that its logarithm is finite."""


def mean_amplitudes(values: FloatArray) -> NDArray[np.float64]:
    """``(c, t // 2)`` amplitude of the harmonics 1, 2, … of series ``(n, c, t)``, mean over series."""
    amplitudes: NDArray[np.float64] = np.abs(np.fft.rfft(values.astype(np.float64), axis=2))[..., 1:].mean(axis=0)
    return amplitudes


def amplitude_ratios(synthetic: FloatArray, reference: FloatArray) -> NDArray[np.float64]:
    """``(k,)`` amplitude of synthetic series over that of the reference, for each harmonic of each channel in the band.

    The band of a channel are the first harmonics that hold 99.9 % of the energy about the mean. Of channels that are
    constant in the reference there are none. Both sides are ``(n, c, t)``.
    """
    energy = np.square(np.abs(np.fft.rfft(reference.astype(np.float64), axis=2))[..., 1:]).mean(axis=0)  # (c, f)
    total = energy.sum(axis=1, keepdims=True)
    before = np.cumsum(energy, axis=1) - energy
    in_band = (before < ENERGY_SHARE * total) & (total > 0) & (energy > 0)
    ratios: NDArray[np.float64] = mean_amplitudes(synthetic)[in_band] / mean_amplitudes(reference)[in_band]
    return ratios


def _compute(context: SampleContext, seed: int) -> dict[str, float]:
    n_channels = context.synthetic.n_channels  # the duration, a channel more, is constant
    ratios = amplitude_ratios(context.synthetic_values[:, :n_channels], context.reference_values[:, :n_channels])
    ratios = np.maximum(ratios, MIN_RATIO) if ratios.size else np.ones(1)
    return {
        "spectrum": float(np.abs(np.log(ratios)).mean()),
        "spectrum_least": float(ratios.min()),
        "spectrum_greatest": float(ratios.max()),
    }


SAMPLE_MEASURE = SampleMeasure(
    summary="amplitude of every harmonic of synthetic series over that of real ones, up to the bandwidth of these",
    group="fidelity",
    figures={
        "spectrum": FigureSpec("mean |ln ratio| of the amplitudes of harmonics", "lower", 0.05, "frequencies are off"),
        "spectrum_least": FigureSpec("least ratio of amplitudes", "one", 0.16, "some are weaker or stronger"),
        "spectrum_greatest": FigureSpec("greatest ratio of amplitudes", "one", 0.14, "some are weaker or stronger"),
    },
    compute=_compute,
    needs=frozenset({"series"}),
)
