"""Levels and shapes: the map and its inverse, when it is used, and that a run with it is kept and comes back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from tsinfogan.levels import LEAST_SEEN, Levels, fit_levels, leveled, need_levels
from tsinfogan.model import ModelSettings
from tsinfogan.networks import BACKBONES, DataShape
from tsinfogan.panel import Panel
from tsinfogan.plan import Plan, make_plan
from tsinfogan.synthesis import sample

SERIES = [name for name in BACKBONES.names() if 1 in BACKBONES.get(name).n_axes]


def windows(n: int = 300, seed: int = 0) -> Tensor:
    """``(n, 3, 24)`` of a wandering recording: the second channel is the first and a little, the third is the first."""
    rng = np.random.default_rng(seed)
    level, steps = rng.normal(size=(n, 1)), rng.normal(0, 0.01, (n, 24)).cumsum(1)
    first = level + steps
    second = 0.5 * first + rng.normal(0, 0.02, (n, 24))
    return torch.from_numpy(np.stack([first, second, first], axis=1).astype(np.float32))


def recording() -> Panel:
    return Panel.from_arrays(40 + 9 * windows().numpy())


def fitted(values: Tensor) -> Levels:
    levels = Levels(values.shape[1])
    levels.fit(values)
    return levels


def test_joining_undoes_splitting() -> None:
    values = windows()
    levels = fitted(values)
    parts = levels.split(values)
    assert parts.shape == (300, 6, 24)
    torch.testing.assert_close(levels.join(parts), values, rtol=0, atol=1e-5)


def test_parts_are_uncorrelated_and_of_unit_spread() -> None:
    values = windows()
    parts = fitted(values).split(values)
    shapes, levels = parts[:, :3].transpose(0, 1).flatten(1), parts[:, 3:, 0].T  # (3, n * t), (3, n)
    for side, there in ((shapes, [0, 1, 1]), (levels, [0, None, 1])):
        covariance = side @ side.T / side.shape[1]
        torch.testing.assert_close(covariance - covariance.diag().diag(), torch.zeros(3, 3), rtol=0, atol=1e-2)
        for found, expected in zip(covariance.diag().tolist(), there, strict=True):
            assert expected is None or found == pytest.approx(expected, abs=0.02)
    assert (parts[:, 3:].std(2) < 1e-6).all()
    assert parts[:, :3].mean(2).abs().max() < 1e-3


def test_a_direction_below_what_a_distortion_adds_is_seen_smaller() -> None:
    values = windows()
    values[:, 1] = 0.5 * values[:, 0] + 0.001 * torch.randn(300, 24, generator=torch.Generator().manual_seed(0))
    shapes = fitted(values).split(values)[:, :3]
    assert 0.001 / LEAST_SEEN * 0.5 < float(shapes[:, 1].std()) < 0.001 / LEAST_SEEN * 1.5


def test_whatever_is_joined_keeps_what_no_case_breaks() -> None:
    """The third channel is the first in every case, so it is in every sample; a shape's own mean says nothing."""
    levels = fitted(windows())
    parts = torch.randn(50, 6, 24, generator=torch.Generator().manual_seed(1))
    parts[:, 3:] = parts[:, 3:, :1]
    values = levels.join(parts)
    torch.testing.assert_close(values[:, 2], values[:, 0], rtol=0, atol=1e-5)
    moved = parts + torch.tensor([5.0, -3, 2, 0, 0, 0])[:, None]
    torch.testing.assert_close(levels.join(moved), values, rtol=0, atol=1e-4)


def test_gradients_by_parts_are_those_of_the_joined_values() -> None:
    levels = fitted(windows())
    parts = levels.split(windows(5, 1)).requires_grad_(True)
    weight = torch.randn(3, 24, generator=torch.Generator().manual_seed(2))
    values = levels.join(parts)
    (values.tanh() * weight).sum().backward()
    by_values = (1 - values.tanh() ** 2) * weight
    assert parts.grad is not None
    expected = torch.cat([parts.grad[:, :3], parts.grad[:, 3:].mean(2, keepdim=True).expand(-1, -1, 24)], dim=1)
    torch.testing.assert_close(levels.gradient(by_values), expected, rtol=1e-4, atol=1e-6)


def test_further_constant_channels_pass() -> None:
    values = torch.cat([windows(), torch.full((300, 1, 24), 7.0)], dim=1)
    levels = Levels(3)
    levels.fit(values)
    assert (levels.split(values)[:, 6] == 7).all()
    torch.testing.assert_close(levels.join(levels.split(values)), values, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", SERIES)
def test_every_backbone_for_series_can_be_leveled(name: str) -> None:
    backbone, shape = leveled(BACKBONES.get(name)), DataShape(3, (24,))
    generator, trunk = backbone.generator(shape, 5, 8), backbone.trunk(shape, 8)
    values = windows(20)
    for network in (generator, trunk):
        fit_levels(network, values)
    texture_dim = int(generator.texture_dim)  # type: ignore[arg-type]
    made = generator(torch.randn(4, 5), torch.randn(4, texture_dim))
    assert made.shape == (4, 3, 24)
    torch.testing.assert_close(made[:, 2], made[:, 0], rtol=0, atol=1e-4)
    assert trunk(values).shape == (20, trunk.feature_dim)


# ---- when


def test_windows_of_a_recording_need_levels_in_any_units() -> None:
    assert need_levels(windows())
    assert need_levels(windows() * torch.tensor([1e4, 1e-3, 1])[:, None] + 1e3)


def test_whole_series_do_not() -> None:
    rng = np.random.default_rng(0)
    series = torch.from_numpy(np.sin(rng.uniform(0, 6, (200, 3, 1)) + np.linspace(0, 6, 24)).astype(np.float32))
    assert not need_levels(series)
    still = torch.cat([series, torch.full((200, 1, 24), 3.0)], dim=1)
    assert not need_levels(still)  # a channel that never changes does not count
    assert not need_levels(still[:, 3:])


def test_a_plan_decides_and_older_settings_have_none() -> None:
    plan = make_plan(recording())
    assert plan.model.levels
    assert Plan.from_dict(plan.to_dict()) == plan
    older = {name: value for name, value in plan.model.to_dict().items() if name != "levels"}
    assert not ModelSettings.from_dict(older).levels
    lengths = np.full(300, 24)
    lengths[0] = 20
    values = recording().values.copy()
    values[0, :, 20:] = np.nan
    assert not make_plan(replace(recording(), values=values, lengths=lengths)).model.levels


def test_samples_keep_what_no_case_breaks_from_the_first_step_on() -> None:
    panel = recording()
    plan = make_plan(panel, n_categories=(2,), width=4, settings={"max_steps": 2, "batch_size": 16})
    model = plan.build(panel)
    for _ in plan.trainer(model, panel).run():
        pass
    made = sample(model, 30).panel.values
    np.testing.assert_allclose(made[:, 2], made[:, 0], rtol=1e-5)
