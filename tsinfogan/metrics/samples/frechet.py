"""How far made series lie from real ones in the eyes of a classifier that knows the real classes."""

from __future__ import annotations

from tsinfogan.metrics.samples import FigureSpec, SampleMeasure
from tsinfogan.metrics.samples._frechet import frechet_distance
from tsinfogan.metrics.samples.context import SampleContext


def _compute(context: SampleContext, seed: int) -> dict[str, float]:
    features = [
        context.real.classifier.features(values) for values in (context.synthetic_values, context.reference_values)
    ]
    return {"frechet": frechet_distance(*features)}


SAMPLE_MEASURE = SampleMeasure(
    summary="Fréchet distance in the features of a classifier taught by real labelled series",
    group="fidelity",
    figures={
        "frechet": FigureSpec(
            "Fréchet distance in a classifier's features", "lower", 4.0, "a classifier sees other series in them"
        )
    },
    compute=_compute,
    needs=frozenset({"classes"}),
)
