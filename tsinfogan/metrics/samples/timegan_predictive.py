"""TimeGAN's predictive score: how well a network trained on synthetic series predicts real ones a step ahead."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from tsinfogan.metrics.samples import FigureSpec, SampleMeasure
from tsinfogan.metrics.samples._timegan import Cases, RecurrentNetworks, batches_of, mean_score, train
from tsinfogan.metrics.samples._unit import Series
from tsinfogan.preprocessing.scaling import Numbers

STEPS, QUICK_STEPS = 5000, 250


def predictive_scores(
    synthetic: Series, reference: Series, *, networks: int, steps: int, seed: int = 0, device: str = "cpu"
) -> Numbers:
    """Mean absolute error on all real series of networks trained on synthetic ones.

    The protocol of Yoon et al. (NeurIPS 2019, section 5) and of their published code: one layer of D // 2 gated
    recurrent units reads all channels but the last up to t, and a linear layer with a sigmoid predicts the last one at
    t + 1; 5000 steps of Adam (1e-3) on 128 cases. Their figure is the mean of ten networks.

    Of series ``(n, t, c)`` on [0, 1], of two channels and two timepoints or more; ``(networks,)`` scores, each of a
    network with weights and batches of its own.
    """
    rng = np.random.default_rng(seed)
    n_channels = reference.values.shape[2]
    predictors = RecurrentNetworks(networks, n_channels - 1, n_channels, seed).to(device)
    (learned, wanted), (judged, truth) = (_questions(series, device) for series in (synthetic, reference))

    def loss() -> Tensor:
        rows = batches_of(len(learned), networks, rng)
        return _errors(torch.sigmoid(predictors.every(learned[rows])), wanted[rows]).mean(1).sum()

    train(predictors, loss, steps)
    with torch.no_grad():
        predicted = [torch.sigmoid(predictors.every(part)) for part in judged.passes()]  # (k, m, t - 1) each
        return _errors(torch.cat(predicted, dim=1), truth).double().mean(1).cpu().numpy()


def _questions(series: Series, device: str) -> tuple[Cases, Tensor]:
    """What the network reads, and what it should say ``(n, t - 1)``, NaN where there is nothing to say."""
    asked = np.maximum(series.lengths - 1, 1)
    wanted = torch.from_numpy(np.ascontiguousarray(series.values[:, 1:, -1])).to(device)
    return Cases(Series(series.values[:, :-1, :-1], asked), device), wanted


def _errors(predicted: Tensor, wanted: Tensor) -> Tensor:
    """Mean absolute error ``(k, n)`` of each case over its timepoints."""
    known = wanted.isfinite()
    wrong = (predicted - wanted.nan_to_num()).abs() * known
    return wrong.sum(-1) / known.sum(-1).clamp_min(1)


SAMPLE_MEASURE = SampleMeasure(
    summary="TimeGAN's predictive score: mean absolute error of real series a step ahead, trained on synthetic ones",
    group="utility",
    figures={
        "timegan_predictive": FigureSpec(
            "TimeGAN's predictor, error a step ahead", "lower", 0.005, "trains poor predictors"
        )
    },
    compute=lambda context, seed: {
        "timegan_predictive": mean_score(predictive_scores, context, seed, STEPS, QUICK_STEPS)
    },
    needs=frozenset({"series", "channels"}),
    repeats=2,
    halves=0,
)
