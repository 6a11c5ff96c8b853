"""Models of earlier versions draw noise wider than their training did: that is kept, and used in all sampling."""

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
from tsinfogan.training.plan import Plan, make_plan
from tsinfogan.training.run import Run
from tsinfogan.training.session import build_model
from tsinfogan.training.upgrade import REMOVED

N, T = 1000, 12


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


def test_samples_are_drawn_with_it_and_training_series_are_not_needed_again() -> None:
    narrow, wide = model(), model()
    wide.noise_scale = 1.1
    scaled = [one.preprocessor.transform(sample(one, 50, seed=1).panel) for one in (narrow, wide)]
    np.testing.assert_allclose(scaled[1], 1.1 * scaled[0], rtol=1e-4, atol=1e-5)
    batches = [next(iter(SyntheticBatches(one, batch_size=20, raw=False)))[0] for one in (narrow, wide)]
    torch.testing.assert_close(batches[1], 1.1 * batches[0])


def test_a_run_keeps_it(tmp_path: Path) -> None:
    panel = waves(80, n_timepoints=16)
    settings = {"max_steps": 2, "pretraining_steps": 0, "flow_steps": 0}
    plan = make_plan(panel, noise_dim=2, width=4, settings=settings)
    older = build_model(plan, panel)
    older.noise_scale = 1.3
    run = Run.create(tmp_path, plan, older, {})
    run.save_model(older)
    assert run.load_model().noise_scale == pytest.approx(1.3)
    np.testing.assert_array_equal(sample(run.load_model(), 9).panel.values, sample(older, 9).panel.values)


@pytest.mark.parametrize("name", REMOVED)
def test_a_plan_that_asked_for_its_calibration_is_read(name: str) -> None:
    plan = make_plan(waves(80))
    older = plan.to_dict()
    older["training"][name] = True
    assert Plan.from_dict(older) == plan
