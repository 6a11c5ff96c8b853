"""Whether a classifier trained on real series finds synthetic ones to be of the class of their label (TRTS)."""

from __future__ import annotations

from tsinfogan.metrics.samples import FigureSpec, SampleMeasure
from tsinfogan.metrics.samples.context import SampleContext


def _compute(context: SampleContext, seed: int) -> dict[str, float]:
    known = context.synthetic_labels >= 0
    predicted = context.real.classifier.predict(context.synthetic_values[known])
    return {"trts": float((predicted == context.synthetic_labels[known]).mean())}


SAMPLE_MEASURE = SampleMeasure(
    summary="a classifier trained on real series, tested on synthetic ones",
    group="utility",
    figures={"trts": FigureSpec("accuracy of a classifier on them", "higher", 0.02, "labels do not fit", "synthetic")},
    compute=_compute,
    needs=frozenset({"labels", "classes"}),
    stand_in="reference",  # the classifier was trained on the seen series
)
