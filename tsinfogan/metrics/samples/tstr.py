"""Whether synthetic series train a classifier as well as real ones do."""

from __future__ import annotations

from dataclasses import replace

from tsinfogan.metrics.classifier import fit_to_panel
from tsinfogan.metrics.samples import FigureSpec, SampleMeasure
from tsinfogan.metrics.samples.context import SampleContext


def _compute(context: SampleContext, seed: int) -> dict[str, float]:
    real, held_out = context.real, context.reference_labels >= 0
    labelled = replace(
        context.synthetic,
        labels=context.synthetic_labels,
        classes=real.seen.classes,
        augmentations=real.seen.augmentations,
    )
    classifier = fit_to_panel(labelled, real.preprocessor, real.classifier_settings(seed))
    predicted = classifier.predict(context.reference_values[held_out])
    return {"tstr": float((predicted == context.reference_labels[held_out]).mean())}


SAMPLE_MEASURE = SampleMeasure(
    summary="a classifier trained on synthetic series alone, tested on real ones",
    group="utility",
    figures={
        "tstr": FigureSpec("accuracy of a classifier trained on them", "higher", 0.02, "train worse", "reference")
    },
    compute=_compute,
    quick_repeats=2,
    halves=0,
    needs=frozenset({"labels"}),
)
