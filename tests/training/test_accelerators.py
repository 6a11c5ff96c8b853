"""GPUs compute what the CPU does. Each check runs on the CPU too, so that on a GPU nothing but the device is new."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from _trainers import equal, images, make, random_model, walks, waves, weights
from tsinfogan.data.panel import Panel
from tsinfogan.sampling.inference import encode
from tsinfogan.sampling.sampler import sample
from tsinfogan.training.plan import make_plan
from tsinfogan.training.run import Run
from tsinfogan.training.session import Session, build_model
from tsinfogan.training.trainer import Trainer

CPU = torch.device("cpu")
AVAILABLE = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}


@pytest.fixture(params=AVAILABLE)
def device(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if not AVAILABLE[name]:
        pytest.skip(f"needs a device of {name}")
    return name


def in_turns(trainer: Trainer) -> Trainer:
    """The trainer without graphs, whose operations are launched one after another."""
    trainer._run_step = lambda kind, compute, batch: compute(batch)  # type: ignore[assignment, method-assign]
    return trainer


STAGES: dict[str, dict[str, Any]] = {
    "infogan": {"penalty_every": 4},
    "gan": {},
    "acgan": {},
    "all": {"recipe": "infogan", "pretraining_steps": 6, "pretraining_restarts": 2, "flow_steps": 4, "max_steps": 14},
}


@pytest.mark.parametrize("name", STAGES)
def test_a_captured_step_is_an_eager_step(name: str, device: str) -> None:
    settings = {"recipe": name, "generator_every": 2, "opening": "restarts", **STAGES[name]}
    captured, eager = (make(waves(), device=device, **settings) for _ in range(2))
    in_turns(eager)
    for _ in range(min(14, captured.settings.max_steps)):
        stats = {name: value.clone() for name, value in captured.step().items()}
        for name, value in eager.step().items():
            torch.testing.assert_close(stats[name], value, rtol=1e-3, atol=1e-4)
    state = captured.state_dict()
    for name, value in eager.state_dict().items():
        torch.testing.assert_close(state[name], value, rtol=1e-2, atol=1e-3, msg=name)


def test_an_earlier_training_that_is_freed_does_not_end_a_capture(device: str) -> None:
    earlier = make(waves(), device=device)
    earlier.step()
    earlier.itself = earlier  # only the garbage collector frees it
    del earlier
    threshold = gc.get_threshold()
    later = make(waves(), device=device)
    gc.set_threshold(1)
    try:
        later.step()
    finally:
        gc.set_threshold(*threshold)
    assert later.steps_done == 1


def test_trained_there_it_loads_samples_and_resumes_on_the_cpu(device: str, tmp_path: Path) -> None:
    panel = waves()
    settings = {"max_steps": 8, "pretraining_steps": 2, "flow_steps": 3, "batch_size": 8}
    plan = make_plan(panel, width=4, noise_dim=3, settings=settings)
    session = Session.start(tmp_path, plan, panel, {}, torch.device(device), torch.float32)
    for _ in session.train():
        pass
    run = Run.open(session.run.path)
    here, there = (sample(run.load_model(where), 300, seed=1).panel.values for where in (CPU, device))
    np.testing.assert_allclose(here, there, atol=1e-4)
    codes = [encode(run.load_model(where), panel) for where in (CPU, device)]
    for here, there in zip(*(read.values() for read in codes), strict=True):
        np.testing.assert_allclose(here, there, atol=1e-4)
    resumed = Session.resume(run, panel, CPU, torch.float32)
    assert resumed.trainer.steps_done == 8
    assert not equal(weights(resumed.trainer.generator), weights(build_model(plan, panel).generator))


@pytest.mark.parametrize("panel", [walks(12), images()], ids=["series", "images"])
def test_the_same_samples_on_every_device(panel: Panel, device: str) -> None:
    model = random_model(panel, n_categories=(3,))
    here = sample(model, 300, seed=1)
    there = sample(model.to(torch.device(device)), 300, seed=1)
    for name, column in here.columns.items():
        np.testing.assert_array_equal(column, there.columns[name])
    alike = here.panel.case_lengths == there.panel.case_lengths  # a rounded duration may tip over
    assert alike.mean() > 0.99
    np.testing.assert_allclose(here.panel.values[alike], there.panel.values[alike], atol=1e-3)
