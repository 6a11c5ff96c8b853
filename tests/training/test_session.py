"""From data to a run directory, and without one."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from tsinfogan.data.panel import Panel
from tsinfogan.errors import DivergedError, SettingError
from tsinfogan.models.model import Model
from tsinfogan.sampling.inference import encode
from tsinfogan.sampling.sampler import sample
from tsinfogan.training import session as sessions
from tsinfogan.training.plan import make_plan
from tsinfogan.training.session import Session, build_model, fit, picture

CPU = torch.device("cpu")


def noise(n: int = 10, n_timepoints: int = 16) -> Panel:
    values = np.random.default_rng(0).normal(size=(n, 2, n_timepoints))
    return Panel.from_arrays(values, channels=("up", "down"), name="noise")


SMALL = {"max_steps": 2, "pretraining_steps": 0, "batch_size": 4, "report_every": 1}


def size_of(png: bytes) -> tuple[int, int]:
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert png.endswith(b"IEND\xaeB`\x82")
    return struct.unpack(">II", png[16:24])


def test_fit_gives_a_model_that_samples_and_encodes() -> None:
    panel = noise()
    model = fit(panel, device="cpu", n_categories=(3,), width=4, noise_dim=2, settings=SMALL)
    assert isinstance(model, Model)
    assert sample(model, 4, cat=2).panel.values.shape == (4, 2, 16)
    assert encode(model, panel)["cat"].shape == (10,)
    untrained = build_model(make_plan(panel, n_categories=(3,), width=4, noise_dim=2, settings=SMALL), panel)
    assert not np.array_equal(sample(model, 4).panel.values, sample(untrained, 4).panel.values)


def test_fit_refuses_unknown_arguments() -> None:
    with pytest.raises(SettingError, match="device 'tpu' is not available"):
        fit(noise(), device="tpu")
    with pytest.raises(SettingError, match="precision 'half' is unknown"):
        fit(noise(), device="cpu", precision="half")


@pytest.mark.parametrize(
    ("n_categories", "n_continuous", "n_rows"), [((2,), 1, 2), ((3, 4), 0, 3), ((), 2, 10), ((), 0, 1)]
)
def test_picture_has_a_row_for_each_value_of_the_first_code(
    n_categories: tuple[int, ...], n_continuous: int, n_rows: int
) -> None:
    panel = noise()
    plan = make_plan(panel, n_categories=n_categories, n_continuous=n_continuous, width=4, noise_dim=2)
    model = build_model(plan, panel)
    width, height = size_of(picture(model))
    per_row = 0.62 * 150  # inches a cell, dots an inch
    assert width > 10 * per_row
    assert n_rows * per_row < height < (n_rows + 3) * per_row
    assert picture(model) == picture(model)


def test_a_run_explains_itself(tmp_path: Path) -> None:
    panel = noise()
    plan = make_plan(panel, n_categories=(3,), n_continuous=1, width=4, noise_dim=2, settings=SMALL)
    session = Session.start(tmp_path, plan, panel, {"dataset": "noise"}, CPU, torch.float32)
    card = (session.run.path / "README.md").read_text()
    assert card.startswith(f"# {session.run.name}\n")
    assert f"tsinfogan sample --model {session.run.name}" in card
    assert f"| `cat` | categorical | {math.log(3):.3f} |" in card
    assert "| `cont0` | uniform | 0.693 |" in card
    for fact in ("infogan", "conv1d", "noise", "10 cases", "up, down", "grid of 16"):
        assert fact in card, fact
    assert not (session.run.path / "samples.png").exists()
    assert [report.step for report in session.train()] == [1, 2]
    assert session.finished
    size_of((session.run.path / "samples.png").read_bytes())
    assert [line["step"] for line in session.run.metrics()] == [1, 2]
    numbers = [value for line in session.run.metrics() for value in line.values() if not isinstance(value, list)]
    assert np.isfinite(numbers).all()


def test_checkpoints_are_written_on_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "SECONDS_BETWEEN_CHECKPOINTS", -1.0)
    panel = noise()
    plan = make_plan(panel, n_categories=(3,), width=4, noise_dim=2, settings={**SMALL, "max_steps": 5})
    session = Session.start(tmp_path, plan, panel, {}, CPU, torch.float32)
    for report in session.train():
        resumed = Session.resume(session.run, panel, CPU, torch.float32)
        assert resumed.trainer.steps_done == report.step


def test_divergence_keeps_the_last_good_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "SECONDS_BETWEEN_CHECKPOINTS", -1.0)
    panel = noise()
    plan = make_plan(panel, n_categories=(3,), width=4, noise_dim=2, settings={**SMALL, "max_steps": 9})
    session = Session.start(tmp_path, plan, panel, {}, CPU, torch.float32)

    def train_and_break() -> None:
        for report in session.train():
            if report.step == 3:
                with torch.no_grad():
                    next(session.trainer.generator.parameters()).fill_(math.nan)

    with pytest.raises(DivergedError):
        train_and_break()
    resumed = Session.resume(session.run, panel, CPU, torch.float32)
    assert resumed.trainer.steps_done == 3
    assert all(value.isfinite().all() for value in resumed.trainer.state_dict().values())
    assert np.isfinite(sample(session.run.load_model(), 3).panel.values).all()
