"""Context-FID: distance of synthetic from real series in the features of an encoder of whole series."""

from __future__ import annotations

from functools import lru_cache

from tsinfogan.data.panel import FloatArray, Panel
from tsinfogan.metrics.samples import FigureSpec, SampleMeasure
from tsinfogan.metrics.samples._frechet import frechet_distance
from tsinfogan.metrics.samples._ts2vec import FittedEncoder, fit
from tsinfogan.metrics.samples._unit import unit_series
from tsinfogan.metrics.samples.context import RealData, SampleContext

QUICK_STEPS = 60


def context_fid(encoder: FittedEncoder, synthetic: FloatArray, reference: FloatArray) -> float:
    """Fréchet distance of the encodings of two sets of series; 0 for the same set.

    As in the evaluation of Diffusion-TS (Yuan & Qiao, ICLR 2024, section 4.2), after Jeha et al. (ICLR 2022): TS2Vec
    learns from the real series on [0, 1] and gives 320 numbers for a whole one. Their figure is the mean of five runs.

    Args:
        encoder: what :func:`tsinfogan.metrics.samples._ts2vec.fit` gave for the real series.
        synthetic: ``(n, t, c)``, NaN beyond a case's length.
        reference: ``(m, t, c)`` likewise.
    """
    return frechet_distance(encoder.encode(synthetic), encoder.encode(reference))


@lru_cache(maxsize=1)
def _encoder(real: RealData) -> FittedEncoder:
    """Trained on the unseen real series; once for all repeats, since it takes much longer than the rest."""
    series = _series(real, real.reference)
    return fit(series, seed=real.seed, steps=QUICK_STEPS if real.quick else None, device=real.device)


@lru_cache(maxsize=2)
def _encoded(real: RealData, panel: Panel) -> FloatArray:
    return _encoder(real).encode(_series(real, panel))


def _series(real: RealData, panel: Panel) -> FloatArray:
    series = unit_series(real, panel)
    return (series.thinned() if real.quick else series).values


def _compute(context: SampleContext, seed: int) -> dict[str, float]:
    synthetic, reference = (_encoded(context.real, panel) for panel in (context.synthetic, context.reference))
    return {"context_fid": frechet_distance(synthetic, reference)}


SAMPLE_MEASURE = SampleMeasure(
    summary="Context-FID: Fréchet distance in the features of TS2Vec, an encoder trained on the real series",
    group="fidelity",
    figures={
        "context_fid": FigureSpec("Fréchet distance in TS2Vec's features", "lower", 0.1, "series have other features")
    },
    compute=_compute,
    quick_repeats=2,
    needs=frozenset({"series"}),
    repeats=3,
)
