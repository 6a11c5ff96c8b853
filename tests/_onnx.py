"""Models with random weights, and what they are sampled from, for the tests of graphs."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from tsinfogan.data.overlap import windows_of
from tsinfogan.data.panel import Panel
from tsinfogan.models.codes import LatentSpec
from tsinfogan.models.flow import FlowGenerator
from tsinfogan.models.model import Model
from tsinfogan.sampling.request import CodeRequest
from tsinfogan.sampling.sampler import Passes
from tsinfogan.training.plan import make_plan
from tsinfogan.training.session import build_model


def walking(n: int = 40, kinds: tuple[str, ...] = ()) -> Panel:
    """Random walks of two channels and of unequal lengths, in two classes."""
    rng = np.random.default_rng(0)
    cases = [np.cumsum(rng.normal(size=(2, int(length))), axis=1) for length in rng.integers(9, 21, n)]
    if kinds:
        cases = [np.round(case * [[1], [20]]) if kinds[1] == "integer" else case for case in cases]
    return Panel.from_cases(cases, channels=("x", "y"), kinds=kinds, labels=list("ab") * (n // 2), name="walks")


def flat(n_timepoints: int = 12) -> Panel:
    """Random walks of one length."""
    values = np.random.default_rng(0).normal(size=(40, 2, n_timepoints)).cumsum(2)
    return Panel.from_arrays(values, channels=("x", "y"), name="flat")


def standardized() -> Panel:
    """Random walks of unequal lengths whose first channel was standardized series by series."""
    cases = [walking().case(index) for index in range(40)]
    cases = [np.stack([(x - x.mean()) / x.std(), y]) for x, y in cases]
    return Panel.from_cases(cases, channels=("x", "y"), name="standardized")


def recorded() -> Panel:
    """Windows of a random walk, which share its rows."""
    walk = np.random.default_rng(0).normal(size=(1, 120)).cumsum(1)
    return Panel(windows_of(walk.astype(np.float32), 12, 2), ("x",), name="windows")


def pictures(n: int = 12) -> Panel:
    values = np.random.default_rng(0).uniform(0, 255, (n, 1, 9, 7)).astype(np.float32)
    return Panel(values, ("grey",), name="pictures", view="image")


def built(panel: Panel, *, flow: bool = False, n_categories: tuple[int, ...] | None = (3,), **settings: Any) -> Model:
    """A model of random weights that use every input."""
    settings = {"n_continuous": 2, "noise_dim": 3, "width": 4, **settings}
    plan = make_plan(panel, n_categories=n_categories, **settings)
    model = build_model(plan, panel)
    rng = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for network in (model.generator, model.discriminator):
            for parameter in network.parameters():
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=rng))
    if (scale := model.discriminator.code_scale) is not None:
        scale.gain.add_(torch.rand(scale.gain.shape, generator=rng))
        scale.offset.add_(torch.randn(scale.offset.shape, generator=rng))
    if isinstance(model.generator, FlowGenerator):
        model.generator.trained.fill_(flow)
        if (onsets := model.generator.onsets) is not None:
            codes = torch.randn(50, onsets.codes.shape[1], generator=rng)
            onsets.fit(codes, torch.arange(codes.shape[1]) < 3, 50)
    assert flow <= isinstance(model.generator, FlowGenerator)
    return model


def draws(model: Model, n: int, seed: int = 0) -> dict[str, Tensor]:
    """Noise and codes of the first ``n`` series of :func:`tsinfogan.sample`, by the names of a graph's inputs."""
    latent: LatentSpec = model.settings.latent
    noise, injected_noise, codes = Passes(model, n, CodeRequest.of(model), seed)._draw(seed, np.arange(n))
    return dict(zip(("noise", "injected_noise", *latent.columns), (noise, injected_noise, *codes), strict=True))
