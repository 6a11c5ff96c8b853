"""Tiny panels and trainers that several tests share."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tsinfogan.data.overlap import windows_of
from tsinfogan.data.panel import Panel
from tsinfogan.models.model import Model
from tsinfogan.training.adversarial import AdversarialStage, Phases
from tsinfogan.training.config import Objective
from tsinfogan.training.plan import make_plan
from tsinfogan.training.session import build_model, make_trainer
from tsinfogan.training.trainer import Trainer


def waves(n: int = 24, *, labelled: int | None = None, n_timepoints: int = 32) -> Panel:
    """Slow and fast sines by turns; the first ``labelled`` of them say which."""
    rng = np.random.default_rng(0)
    kind = np.arange(n) % 2
    phase, size = rng.uniform(-0.3, 0.3, (n, 1)), rng.uniform(0.8, 1.2, (n, 1))
    time = np.linspace(0, 1, n_timepoints)
    values = size * np.sin(2 * math.pi * (1 + 3 * kind[:, None]) * time + phase)
    labels = [int(k) if labelled is None or case < labelled else None for case, k in enumerate(kind)]
    return Panel.from_arrays(values[:, None], labels=labels, name="waves")


def walks(n: int = 40, seed: int = 0, *, scale: float = 1.0, labelled: bool = True) -> Panel:
    """Random walks of two channels and of unequal lengths, long enough for ends that keep their pace."""
    rng = np.random.default_rng(seed)
    cases = [scale * np.cumsum(rng.normal(size=(2, int(length))), axis=1) for length in rng.integers(16, 29, n)]
    labels = list("abcd" * n)[:n] if labelled else None
    return Panel.from_cases(cases, channels=("x", "y"), name=f"walks {seed}", labels=labels)


def windows(n: int = 60, length: int = 16, stride: int = 2) -> Panel:
    """Windows of a recording of two channels that rises, which share its rows."""
    recording = np.arange(length + stride * (n - 1)) * [[1], [-2]] + np.random.default_rng(0).normal(size=2)[:, None]
    return Panel(windows_of(recording.astype(np.float32), length, stride), ("x", "y"), name="windows")


def images(n: int = 12) -> Panel:
    rng = np.random.default_rng(0)
    values = rng.uniform(0, 255, (n, 1, 8, 8)).astype(np.float32)
    return Panel(values, ("grey",), labels=np.arange(n) % 3, classes=("a", "b", "c"), name="images", view="image")


def make(
    panel: Panel,
    recipe: str = "infogan",
    *,
    device: str = "cpu",
    backbone: str | None = None,
    cont_follows: tuple[str, ...] = (),
    **settings: Any,
):
    """A tiny trainer; its settings are the plan's."""
    settings = {"batch_size": 8, "max_steps": 40, "pretraining_steps": 0, "flow_steps": 0, **settings}
    plan = make_plan(
        panel, recipe=recipe, backbone=backbone, width=4, noise_dim=3, cont_follows=cont_follows, settings=settings
    )
    return make_trainer(plan, build_model(plan, panel), panel, device)


def phases(**others: Any) -> Phases:
    """Everything in one step, without penalties unless asked for."""
    return Phases(**{"generator": True, "recognition": True, "penalty": 0, **others})


def stage_for(trainer: Trainer, objective: Objective) -> AdversarialStage:
    """Adversarial training of the trainer's networks for another objective."""
    networks, latent = (trainer.generator, trainer.discriminator), trainer.model.settings.latent
    return AdversarialStage(*networks, latent, objective, trainer.settings, trainer.augmenter)


def weights(network: nn.Module) -> list[Tensor]:
    return [p.detach().clone() for p in network.parameters()]


def equal(some: list[Tensor], others: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(some, others, strict=True))


def tensors(batch: Any) -> list[Tensor]:
    return [t for field in batch for t in (field if isinstance(field, tuple) else (field,))]


class CategoryAsLevel(nn.Module):
    """A generator whose series stand at the number of their category."""

    injected_noise_dim = 0

    def __init__(self, noise_dim: int, n_categories: int) -> None:
        super().__init__()
        self.index = slice(noise_dim, noise_dim + n_categories)
        self.weight = nn.Parameter(torch.zeros(()))

    def forward(self, latent: Tensor, injected_noise: Tensor) -> Tensor:
        return latent[:, self.index].argmax(1)[:, None, None].expand(-1, 1, 32) + self.weight


# ---- what is random


def moved_steps(trainer: Trainer, network: nn.Module, n_steps: int) -> list[int]:
    """Numbers, from 1, of the steps that change ``network``."""
    moved = []
    for number in range(1, n_steps + 1):
        before = weights(network)
        trainer.step()
        if not equal(before, weights(network)):
            moved.append(number)
    return moved


def random_model(panel: Panel, **plan: Any) -> Model:
    """Random networks that use every input, for tests that need no trained one."""
    model = build_model(make_plan(panel, noise_dim=3, width=4, **plan), panel)
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.generator.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape))
    return model
