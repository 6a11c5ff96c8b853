"""Whether made series are of the class that their label says, in the eyes of a classifier that knows real ones."""

from __future__ import annotations

from tsinfogan.metrics.samples import Comparison, Figure
from tsinfogan.metrics.samples.context import Sets


def _compute(sets: Sets, seed: int) -> dict[str, float]:
    known = sets.synthetic_labels >= 0
    told = sets.real.classifier.predict(sets.synthetic_values[known])
    return {"trts": float((told == sets.synthetic_labels[known]).mean())}


COMPARISON = Comparison(
    summary="a classifier taught by real series, tested on made ones",
    group="utility",
    figures={"trts": Figure("accuracy of a classifier on made series", "higher", 0.02, "many do not show their class")},
    compute=_compute,
    needs=frozenset({"labels", "classes"}),
    stand_in="reference",  # the classifier knows the series that the generator has seen by heart
)
