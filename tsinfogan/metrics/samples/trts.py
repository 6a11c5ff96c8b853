"""Whether made series are of the class that their label says, in the eyes of a classifier that knows real ones."""

from __future__ import annotations

from tsinfogan.metrics.samples import FigureSpec, SampleMeasure
from tsinfogan.metrics.samples.context import SampleContext


def _compute(context: SampleContext, seed: int) -> dict[str, float]:
    known = context.synthetic_labels >= 0
    told = context.real.classifier.predict(context.synthetic_values[known])
    return {"trts": float((told == context.synthetic_labels[known]).mean())}


SAMPLE_MEASURE = SampleMeasure(
    summary="a classifier taught by real series, tested on made ones",
    group="utility",
    figures={
        "trts": FigureSpec("accuracy of a classifier on made series", "higher", 0.02, "many do not show their class")
    },
    compute=_compute,
    needs=frozenset({"labels", "classes"}),
    stand_in="reference",  # the classifier knows the series that the generator has seen by heart
)
