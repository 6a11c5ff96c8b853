"""The forecast of a training: for which there is one, what it adds up to, and that it leaves no trace."""

from __future__ import annotations

import pytest
import torch

from _trainers import make, waves
from tsinfogan.training import forecast as module
from tsinfogan.training.forecast import Forecast, forecast
from tsinfogan.training.plan import make_plan
from tsinfogan.training.session import build_model, make_trainer

pytestmark = pytest.mark.usefixtures("brief_splits")

STAGES = {"pretraining_steps": 6, "max_steps": 40, "flow_steps": 10, "opening": "restarts"}


def test_none_of_small_batches() -> None:
    assert forecast(make(waves())) is None


@pytest.mark.parametrize("n_timepoints", [313, 626])
def test_long_series_have_one_although_their_batches_are_smaller(n_timepoints: int) -> None:
    panel = waves(n_timepoints=n_timepoints)
    plan = make_plan(panel, n_categories=(2,), width=2, settings=STAGES)
    assert plan.training.batch_size < 128
    assert forecast(make_trainer(plan, build_model(plan, panel), panel)) is not None


def test_it_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MIN_NUMBERS_PER_BATCH", 1)
    asked, other = make(waves(), **STAGES), make(waves(), **STAGES)
    expected = forecast(asked)
    assert expected is not None
    assert expected.seconds > 0
    for _ in range(40):
        assert asked.step() == other.step()
    for name, value in other.state_dict().items():
        assert torch.equal(asked.state_dict()[name], value), name


def test_what_is_done_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MIN_NUMBERS_PER_BATCH", 1)
    ticks = iter(range(1000))
    monkeypatch.setattr(module.time, "perf_counter", lambda: next(ticks))  # one second between any two readings
    trainer = make(waves(), penalty_every=2, **STAGES)
    n_tried = 2
    assert forecast(trainer).seconds == pytest.approx(40 / n_tried)  # type: ignore[union-attr]
    while trainer.steps_done < 33:
        trainer.step()
    assert forecast(trainer).seconds == pytest.approx(7 / n_tried)  # type: ignore[union-attr]


def test_a_stage_of_few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MIN_NUMBERS_PER_BATCH", 1)
    few = {"pretraining_steps": 1, "max_steps": 3, "flow_steps": 1, "opening": "convolutions"}
    assert forecast(make(waves(), penalty_every=4, **few)) is not None


def test_in_words() -> None:
    assert str(Forecast(7500.0, 1340.0)) == "about 2 h 5 min and 1.3 GB of memory, by a trial of each stage"
    assert str(Forecast(7500.0, None)) == "about 2 h 5 min, by a trial of each stage"
