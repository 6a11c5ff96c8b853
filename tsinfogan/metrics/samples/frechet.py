"""How far made series lie from real ones in the eyes of a classifier that knows the real classes."""

from __future__ import annotations

from tsinfogan.metrics.samples import Comparison, Figure
from tsinfogan.metrics.samples._frechet import frechet_distance
from tsinfogan.metrics.samples.context import Sets


def _compute(sets: Sets, seed: int) -> dict[str, float]:
    features = [sets.real.classifier.features(values) for values in (sets.synthetic_values, sets.reference_values)]
    return {"frechet": frechet_distance(*features)}


COMPARISON = Comparison(
    summary="Fréchet distance in the features of a classifier taught by real labelled series",
    group="fidelity",
    figures={
        "frechet": Figure(
            "Fréchet distance in a classifier's features", "lower", 4.0, "a classifier sees other series in them"
        )
    },
    compute=_compute,
    needs=frozenset({"classes"}),
)
