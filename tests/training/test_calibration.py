"""Noise as wide as real series ask for: what is measured; that the scale is found, kept, and used in all sampling."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from _trainers import waves
from tsinfogan.data.panel import Panel
from tsinfogan.estimators.batches import SyntheticBatches
from tsinfogan.models.model import Model
from tsinfogan.sampling.sampler import sample
from tsinfogan.training.calibration import HALVINGS, MAX_SCALE, fitted_noise_scale, typical_distance
from tsinfogan.training.plan import make_plan
from tsinfogan.training.run import Run
from tsinfogan.training.session import build_model, make_trainer

N, T = 1000, 12
TOLERANCE = (MAX_SCALE - 1) / 2**HALVINGS


def series(spread: float, n: int = N, seed: int = 0) -> Tensor:
    return spread * torch.randn(n, 1, T, generator=torch.Generator().manual_seed(seed))


class Echo(torch.nn.Module):
    """Gives its noise back as a series."""

    injected_noise_dim = 0

    def __init__(self) -> None:
        super().__init__()
        self.index = torch.nn.Parameter(torch.zeros(()))

    def forward(self, latent: Tensor, injected_noise: Tensor) -> Tensor:
        return latent[:, :T, None].transpose(1, 2) + 0 * self.index


def model(noise_dim: int = T) -> Model:
    panel = Panel.from_arrays(series(1.0).numpy())
    synthetic = build_model(make_plan(panel, n_categories=(2,), n_continuous=0, noise_dim=noise_dim, width=4), panel)
    synthetic.generator = Echo()
    return synthetic


def test_the_fifth_nearest_other_series_counts() -> None:
    indices = torch.tensor([0.0, 1, 2, 3, 4, 5, 6])[:, None, None]  # farthest of five: 5, 4, 3, 3, 3, 4, 5
    assert float(typical_distance(indices)) == 4
    assert float(typical_distance(indices[:3])) == 2  # of three cases the farthest other one


@pytest.mark.parametrize("spread", [1.05, 1.13, 1.25])
def test_crowded_samples_are_spread_as_far_as_real_series(spread: float) -> None:
    """The same draws but for the seed: what is off is the chance of two samples of a thousand."""
    assert fitted_noise_scale(model(), series(spread), seed=0) == pytest.approx(spread, abs=TOLERANCE + 0.03)


def test_it_neither_narrows_nor_goes_far() -> None:
    assert fitted_noise_scale(model(), series(0.5), seed=0) == 1
    assert fitted_noise_scale(model(), series(3.0), seed=0) == MAX_SCALE
    assert fitted_noise_scale(model(), series(1.1), seed=3) == fitted_noise_scale(model(), series(1.1), seed=3)


def test_samples_are_drawn_with_it_and_training_series_are_not_needed_again() -> None:
    narrow, wide = model(), model()
    wide.noise_scale = 1.1
    scaled = [one.preprocessor.transform(sample(one, 50, seed=1).panel) for one in (narrow, wide)]
    np.testing.assert_allclose(scaled[1], 1.1 * scaled[0], rtol=1e-4, atol=1e-5)
    batches = [next(iter(SyntheticBatches(one, batch_size=20, raw=False)))[0] for one in (narrow, wide)]
    torch.testing.assert_close(batches[1], 1.1 * batches[0])


@pytest.mark.parametrize(("widened", "mixing"), [(True, True), (False, True), (False, False)])
def test_a_run_with_mixing_keeps_its_noise_scale(tmp_path: Path, widened: bool, mixing: bool) -> None:
    settings = {
        "calibrate_noise": widened,
        "flow_steps": 0,
        "within_class_mixing": mixing,
        "max_steps": 14,
        "pretraining_steps": 8,
        "batch_size": 8,
    }
    plan = make_plan(waves(80, n_timepoints=16), noise_dim=2, width=4, settings=settings)
    trained = build_model(plan, waves(80, n_timepoints=16))
    assert trained.noise_scale == 1
    for _ in make_trainer(plan, trained, waves(80, n_timepoints=16)).run(lambda: False):
        pass
    assert (trained.noise_scale > 1) == (widened and mixing)  # hardly any noise reaches a sample after some steps
    run = Run.create(tmp_path, plan, trained, {})
    run.save_model(trained)
    assert run.load_model().noise_scale == pytest.approx(trained.noise_scale)
    np.testing.assert_array_equal(sample(run.load_model(), 9).panel.values, sample(trained, 9).panel.values)
