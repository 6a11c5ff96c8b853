"""Whether a strong network distinguishes synthetic series from real ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tsinfogan.data.augmentations import Augmentations
from tsinfogan.data.panel import FloatArray, IntArray
from tsinfogan.metrics.classifier import ClassifierSettings, fit_classifier
from tsinfogan.metrics.samples import FigureSpec, SampleMeasure
from tsinfogan.metrics.samples._folds import held_out_share
from tsinfogan.metrics.samples.context import SampleContext
from tsinfogan.preprocessing.augmenter import Augmenter
from tsinfogan.seeding import derived_seed

FOLDS, STEPS = 3, 600
QUICK_FOLDS, QUICK_STEPS = 2, 250
RATE = 4e-3
"""Four times that of other classifiers: it detects weak noise in a third of the steps (docs/measures.md)."""


def held_out_accuracy(
    synthetic: FloatArray,
    reference: FloatArray,
    unaugmented: Augmenter,
    *,
    folds: int = FOLDS,
    steps: int = STEPS,
    seed: int = 0,
    device: str = "cpu",
) -> float:
    """Accuracy on held-out series ``(n, c, *grid)``, half of them synthetic and half real.

    Of the greater set as many as there are in the smaller one are drawn. Each fold is classified by a network that was
    trained on the others.
    """
    rng = np.random.default_rng(seed)
    n = min(len(synthetic), len(reference))
    one, other = (values[rng.permutation(len(values))[:n]] for values in (synthetic, reference))

    def fit(fold: int, values: FloatArray, kinds: IntArray) -> Callable[[FloatArray], IntArray]:
        settings = ClassifierSettings(derived_seed(seed, fold), steps, RATE, device)
        return fit_classifier(values, kinds, 2, unaugmented, settings).predict

    return held_out_share((one, other), folds, fit)


def _compute(context: SampleContext, seed: int) -> dict[str, float]:
    accuracy = held_out_accuracy(
        context.synthetic_values,
        context.reference_values,
        Augmenter.build(Augmentations(), context.real.preprocessor),
        folds=QUICK_FOLDS if context.real.quick else FOLDS,
        steps=QUICK_STEPS if context.real.quick else STEPS,
        seed=seed,
        device=context.real.device,
    )
    return {"discriminator": abs(accuracy - 0.5)}


SAMPLE_MEASURE = SampleMeasure(
    summary="how well a convolutional network on values and differences distinguishes synthetic from real series",
    group="fidelity",
    figures={
        "discriminator": FigureSpec(
            "|0.5 − accuracy| of a discriminator", "lower", 0.05, "a network sees a difference", "both"
        )
    },
    compute=_compute,
    quick_repeats=2,
    min_cases=20,
    halves=0,
)
