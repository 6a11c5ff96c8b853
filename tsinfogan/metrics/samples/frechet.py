"""Distance of synthetic from real series in the features of a classifier of the real classes."""

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
    summary="Fréchet distance in the features of a classifier trained on real labelled series",
    group="fidelity",
    figures={
        "frechet": FigureSpec("Fréchet distance in a classifier's features", "lower", 4.0, "they have other features")
    },
    compute=_compute,
    needs=frozenset({"classes"}),
)
