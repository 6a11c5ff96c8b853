"""Context-FID: Fréchet distance of synthetic from real series in the features of an encoder of whole series.

As in the evaluation of Diffusion-TS (Yuan & Qiao, ICLR 2024, section 4.2), after Jeha et al. (ICLR 2022): TS2Vec
learns from the real series on [0, 1] and gives 320 numbers for a whole one. Their figure is the mean of five runs.
"""

from __future__ import annotations

from tsinfogan.data.panel import FloatArray, Panel
from tsinfogan.metrics.samples import FigureSpec, SampleMeasure
from tsinfogan.metrics.samples._frechet import frechet_distance
from tsinfogan.metrics.samples._ts2vec import Encoder, fit
from tsinfogan.metrics.samples._unit import unit_series
from tsinfogan.metrics.samples.context import RealData, SampleContext

QUICK_STEPS = 60


def _encoder(real: RealData) -> Encoder:
    """Trained on the unseen real series, which takes much longer than the rest."""
    series = _series(real, real.reference)
    return fit(series, seed=real.seed, steps=QUICK_STEPS if real.quick else None, device=real.device)


def _encoded_reference(real: RealData) -> FloatArray:
    return real.once(_encoder).encode(_series(real, real.reference))


def _series(real: RealData, panel: Panel) -> FloatArray:
    series = unit_series(real, panel)
    return (series.thinned() if real.quick else series).values


def _compute(context: SampleContext, seed: int) -> dict[str, float]:
    synthetic = context.real.once(_encoder).encode(_series(context.real, context.synthetic))
    return {"context_fid": frechet_distance(synthetic, context.real.once(_encoded_reference))}


SAMPLE_MEASURE = SampleMeasure(
    summary="Context-FID: Fréchet distance in the features of TS2Vec, an encoder trained on the real series",
    group="fidelity",
    figures={
        "context_fid": FigureSpec("Fréchet distance in TS2Vec's features", "lower", 0.1, "series have other features")
    },
    compute=_compute,
    needs=frozenset({"series"}),
    halves=10,
)
