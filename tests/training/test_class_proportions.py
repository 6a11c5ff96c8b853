"""Samples of each category as often as training series are: the shares found, kept, and used in all sampling."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from _trainers import waves
from tsinfogan.estimators.batches import SyntheticBatches
from tsinfogan.metrics.codes.context import CodeContext
from tsinfogan.models.codes import CategoricalCode
from tsinfogan.models.model import Model
from tsinfogan.sampling.inference import CASES_PER_PASS
from tsinfogan.sampling.request import CodeRequest
from tsinfogan.sampling.sampler import sample, stream
from tsinfogan.training.calibration import class_proportions
from tsinfogan.training.plan import make_plan
from tsinfogan.training.run import Run
from tsinfogan.training.session import build_model, make_trainer

SHARES = (0.7, 0.0, 0.3)


class FirstValue(nn.Module):
    """A discriminator whose Q takes the first value for the category."""

    q = nn.Identity()
    sizes = (3, 2)
    settings = SimpleNamespace(label_input="none")

    def __init__(self) -> None:
        super().__init__()
        self.anywhere = nn.Parameter(torch.zeros(()))  # says which device it is on

    def recognition_features(self, values: Tensor, label: Tensor | None = None) -> Tensor:
        return values[:, 0, 0]

    def posteriors(self, head: nn.Module, features: Tensor) -> tuple[Tensor, ...]:
        return nn.functional.one_hot(features.long(), 3).float(), features[:, None].repeat(1, 2)


def model(n_categories: int = 3) -> Model:
    panel = waves(20, n_timepoints=16)
    return build_model(make_plan(panel, n_categories=(n_categories,), n_continuous=1, noise_dim=2, width=4), panel)


@pytest.mark.parametrize("max_cases", [50_000, 320])
def test_shares_are_those_that_q_takes_for_each_category(max_cases: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tsinfogan.training.calibration.MAX_CASES", max_cases)  # of so many each fourth is read
    reading = model()
    reading.discriminator = FirstValue()  # type: ignore[assignment]
    category = torch.tensor([0, 2, 2, 0, 0]).repeat(CASES_PER_PASS)  # more than one pass
    assert class_proportions(reading, category[:, None, None].float()) == (0.6, 0.0, 0.4)


def test_a_prior_that_was_asked_for_stands() -> None:
    asked = model()
    codes = (CategoricalCode(3, (0.5, 0.25, 0.25)), *asked.settings.latent.codes[1:])
    asked.settings = replace(asked.settings, latent=replace(asked.settings.latent, codes=codes))
    assert class_proportions(asked, torch.zeros(4, 1, 16)) == ()
    assert asked.sampling_latent == asked.settings.latent


def test_samples_are_drawn_by_them_and_all_else_is_as_it_was() -> None:
    even, uneven = model(), model()
    uneven.class_proportions = SHARES
    drawn = [sample(one, 2000, seed=3) for one in (even, uneven)]
    counts = [np.bincount(each.columns["cat"], minlength=3) / 2000 for each in drawn]
    np.testing.assert_allclose(counts[0], 1 / 3, atol=0.05)
    np.testing.assert_allclose(counts[1], SHARES, atol=0.05)
    assert counts[1][1] == 0
    asked = [sample(one, 30, cat=1, cont=0.5, seed=3).panel.values for one in (even, uneven)]
    np.testing.assert_array_equal(*asked)
    swept = [next(stream(one, 5, CodeRequest.of(one, cat=[range(3)]))).columns["cat"] for one in (even, uneven)]
    np.testing.assert_array_equal(*swept)
    batches = SyntheticBatches(uneven, batch_size=2000, raw=False)
    np.testing.assert_allclose(np.bincount(next(iter(batches))[1], minlength=3) / 2000, SHARES, atol=0.05)


def test_codes_are_measured_by_their_priors() -> None:
    """The bound is that of the prior, whatever mix samples have."""
    uneven = model()
    uneven.class_proportions = SHARES
    drawn, _ = CodeContext(uneven).read_back
    np.testing.assert_allclose(np.bincount(drawn["cat"], minlength=3) / len(drawn["cat"]), 1 / 3, atol=0.05)


@pytest.mark.parametrize("recipe", ["infogan", "gan"])
def test_a_run_that_finds_categories_keeps_their_shares(tmp_path: Path, recipe: str) -> None:
    panel = waves(80, n_timepoints=16)
    settings = {"max_steps": 14, "batch_size": 8} | ({"pretraining_steps": 8} if recipe == "infogan" else {})
    plan = make_plan(panel, recipe=recipe, n_categories=(3,), noise_dim=2, width=4, settings=settings)
    trained = build_model(plan, panel)
    for _ in make_trainer(plan, trained, panel).run(lambda: False):
        pass
    assert bool(trained.class_proportions) == (recipe == "infogan")
    if trained.class_proportions:
        assert sum(trained.class_proportions) == pytest.approx(1)
    run = Run.create(tmp_path, plan, trained, {})
    run.save_model(trained)
    assert run.load_model().class_proportions == trained.class_proportions
