"""Whether a linear classifier of random convolutions distinguishes synthetic series from real ones at full length.

The other discriminators see the common grid, people get series of their own lengths: too smooth a series looks real on
the grid, and not beside a real one. Nothing is learned but a ridge, so it also works on few series.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from sklearn.linear_model import RidgeClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tsinfogan.data.panel import FloatArray, IntArray
from tsinfogan.metrics.samples import FigureSpec, SampleMeasure
from tsinfogan.metrics.samples._folds import held_out_share
from tsinfogan.metrics.samples.context import SampleContext
from tsinfogan.preprocessing.convolutions import convolution_features

FOLDS = 2
MAX_CASES = 1000
"""Of each kind, so that it takes seconds."""
MAX_POINTS = 512
"""Longer series are measured on so many points."""
PENALTIES = np.logspace(-1, 5, 13)


def full_length_features(values: FloatArray, n_channels: int, seed: int) -> FloatArray:
    """``(n, f)``: random convolutions of ``(n, c, t)``, quartiles of each channel, and what constant ones follow."""
    varying, constant = np.split(values, [n_channels], axis=1)
    quartiles = np.quantile(varying, (0.25, 0.5, 0.75), axis=2)  # (3, n, c)
    convolved = convolution_features(torch.from_numpy(np.ascontiguousarray(varying)), seed).numpy()
    return np.concatenate([convolved, *quartiles, constant[..., 0]], axis=1)


def held_out_accuracy(synthetic: FloatArray, reference: FloatArray) -> float:
    """Accuracy of a ridge classifier on held-out cases, of ``(n, f)`` synthetic ones and as many real ones."""

    def fit(_: int, features: FloatArray, kinds: IntArray) -> Callable[[FloatArray], IntArray]:
        classifier = make_pipeline(StandardScaler(), RidgeClassifierCV(PENALTIES)).fit(features, kinds)
        return classifier.predict  # type: ignore[no-any-return]

    return held_out_share((synthetic, reference), FOLDS, fit)


def _compute(context: SampleContext, seed: int) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    n = min(MAX_CASES, context.synthetic.n_cases, context.reference.n_cases)
    grid = (min(MAX_POINTS, int(context.reference.case_lengths.max())),)
    preprocessor = replace(context.real.preprocessor, grid=grid)  # with durations as a constant channel
    chosen = [panel.subset(rng.permutation(panel.n_cases)[:n]) for panel in (context.synthetic, context.reference)]
    # Thresholds are fitted to both kinds at once, so that they have the same features.
    values = np.concatenate(list(map(preprocessor.transform, chosen)))
    features = full_length_features(values, context.reference.n_channels, seed)
    return {"convolutions": abs(held_out_accuracy(features[:n], features[n:]) - 0.5)}


SAMPLE_MEASURE = SampleMeasure(
    summary="how well a linear classifier of random convolutions at full length distinguishes synthetic from real",
    group="fidelity",
    figures={
        "convolutions": FigureSpec(
            "|0.5 − accuracy| of random convolutions and ridge", "lower", 0.05, "seen at full length", "both"
        )
    },
    compute=_compute,
    needs=frozenset({"series"}),
    quick_repeats=2,
    min_cases=20,
    halves=0,
)
