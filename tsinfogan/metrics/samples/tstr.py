"""Whether made series teach a classifier what real ones would."""

from __future__ import annotations

from tsinfogan.metrics.classifier import STEPS, fit_classifier
from tsinfogan.metrics.samples import FigureSpec, SampleMeasure
from tsinfogan.metrics.samples.context import QUICK_STEPS, SampleContext
from tsinfogan.preprocessing.augmenter import Augmenter


def _compute(context: SampleContext, seed: int) -> dict[str, float]:
    synthetic, held_out = context.synthetic_labels >= 0, context.reference_labels >= 0
    classifier = fit_classifier(
        context.synthetic_values[synthetic],
        context.synthetic_labels[synthetic],
        len(context.real.seen.classes),
        Augmenter.build(context.real.seen.augmentations, context.preprocessor),
        seed=seed,
        device=context.real.device,
        steps=QUICK_STEPS if context.quick else STEPS,
    )
    told = classifier.predict(context.reference_values[held_out])
    return {"tstr": float((told == context.reference_labels[held_out]).mean())}


SAMPLE_MEASURE = SampleMeasure(
    summary="a classifier taught by made series alone, tested on real ones",
    group="utility",
    figures={
        "tstr": FigureSpec(
            "accuracy of a classifier taught by made series", "higher", 0.02, "they teach less than real ones"
        )
    },
    compute=_compute,
    quick_repeats=2,
    needs=frozenset({"labels"}),
)
