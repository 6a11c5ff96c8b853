"""Sines: the simulated data of TimeGAN, five sine waves of random frequency and phase."""

from __future__ import annotations

import numpy as np

from tsinfogan.data.panel import Panel
from tsinfogan.datasets import Dataset, Split

N_CASES = 10_000
N_CHANNELS = 5
N_TIMEPOINTS = 24


def load(split: Split) -> Panel:
    """(sin(f t + φ) + 1) / 2 at t = 0 … 23, with f and φ ~ U(0, 0.1) for each case and channel, f in radians a step.

    Section 5.2 and the published code of TimeGAN, whose data has 10,000 cases; the test split is another 10,000.
    """
    generator = np.random.default_rng(np.random.SeedSequence([24, ("train", "test").index(split)]))
    frequency, phase = generator.uniform(0, 0.1, (2, N_CASES, N_CHANNELS, 1))
    values = (np.sin(frequency * np.arange(N_TIMEPOINTS) + phase) + 1) / 2  # (n, channel, t)
    return Panel.from_arrays(values, channels=[f"sine{index}" for index in range(N_CHANNELS)], name="sines")


DATASET = Dataset(
    summary="five sine waves of random frequency and phase, 24 timepoints, computed when loaded, as in TimeGAN",
    source="computed by the formula of https://github.com/jsyoon0823/TimeGAN",
    licence="none needed: random numbers",
    citation="Yoon, Jarrett, van der Schaar: Time-series Generative Adversarial Networks. NeurIPS 32 (2019)",
    load=load,
    n_categories=4,
    noise_dim=32,
)
