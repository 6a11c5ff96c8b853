"""Directions of real series: what is damped, evened and penalised along them, and that a run with them comes back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from tsinfogan.data.panel import Panel
from tsinfogan.errors import SettingError
from tsinfogan.models.discriminator import BACKBONES
from tsinfogan.models.pca import DAMPED_BELOW, SEEN_BELOW, SLOPE_SHARE, Directions, fit_directions, have_levels
from tsinfogan.training.losses import gradient_penalty
from tsinfogan.training.plan import Plan, make_plan

SERIES = [name for name in BACKBONES.names() if 1 in BACKBONES.get(name).n_axes]
T = 8


def real(n: int = 4000, seed: int = 0) -> Tensor:
    """``(n, 3, 8)``: two channels about 5 whose components spread 2 and .05 in turn, and a constant third."""
    rng = torch.Generator().manual_seed(seed)
    axes = torch.linalg.qr(torch.randn(2 * T, 2 * T, generator=rng))[0]
    spread = torch.tensor([2.0, 0.05]).repeat(T)
    values = 5 + (torch.randn(n, 2 * T, generator=rng) * spread) @ axes.T
    return torch.cat([values.view(n, 2, T), torch.randn(n, 1, 1, generator=rng).expand(-1, -1, T)], dim=1)


def fitted(values: Tensor) -> Directions:
    directions = Directions(2, T)
    directions.fit(values)
    return directions


def spreads(values: Tensor) -> Tensor:
    """Standard deviations along principal axes, the greatest first."""
    flat = values[:, :2].flatten(1)
    return torch.linalg.svdvals(flat - flat.mean(0)) / len(flat) ** 0.5


def test_every_direction_is_seen_as_large_as_the_others() -> None:
    values = real()
    seen = fitted(values).even(values)
    expected = torch.tensor([2 / (2 + SEEN_BELOW)] * T + [0.05 / (0.05 + SEEN_BELOW)] * T)
    torch.testing.assert_close(spreads(seen), expected, rtol=0.1, atol=0)
    assert seen[:, :2].mean((0, 1, 2)).abs() < 0.02
    assert torch.equal(seen[:, 2], values[:, 2])


def test_errors_shrink_with_the_spread() -> None:
    drawn = torch.randn(4000, 3, T, generator=torch.Generator().manual_seed(1))
    made = fitted(real()).damp(drawn)
    expected = torch.tensor([2 / (2 + DAMPED_BELOW)] * T + [0.05 / (0.05 + DAMPED_BELOW)] * T)
    torch.testing.assert_close(spreads(made), expected, rtol=0.1, atol=0)
    assert made[:, :2].mean() == pytest.approx(5, abs=0.1)
    assert torch.equal(made[:, 2], drawn[:, 2])


def test_a_slope_counts_as_far_as_real_series_go() -> None:
    directions = fitted(real())
    along = directions.basis.T.view(2 * T, 2, T)  # one unit gradient a direction
    gradients = torch.cat([along, torch.zeros(2 * T, 1, T)], dim=1)
    sizes = directions.slope(gradients).flatten(1).norm(dim=1)
    torch.testing.assert_close(sizes, SLOPE_SHARE * (directions.spread + DAMPED_BELOW), rtol=1e-3, atol=0)
    values = real(5).requires_grad_(True)
    penalty = gradient_penalty((values * gradients[0]).sum((1, 2)), values, directions.slope)
    assert float(penalty) == pytest.approx(0.5 * float(sizes[0]) ** 2, rel=1e-3)


def test_few_cases_do_not_pass_for_all_there_can_be() -> None:
    """Ten cases span nine of sixteen directions; in the others real series vary all the same."""
    values = torch.randn(10, 2, T, generator=torch.Generator().manual_seed(2))
    directions = fitted(values)
    assert 0.5 < float(directions.rest) < 1.5
    assert directions.spread.min() > 0.2
    assert spreads(directions.damp(torch.randn(500, 2, T)))[-1] > 0.5


def test_of_a_large_grid_only_the_first_directions_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tsinfogan.models.pca.MOST_NUMBERS", 2 * T * T)
    values = real()
    directions = fitted(values)
    assert directions.basis.shape == (2 * T, T)
    assert float(directions.rest) == pytest.approx(0.05, rel=0.05)
    torch.testing.assert_close(spreads(directions.even(values))[:T], torch.ones(T), rtol=0.1, atol=0)


def panel() -> Panel:
    return Panel.from_arrays(real(60)[:, :2].numpy(), name="along")


@pytest.mark.parametrize("backbone", SERIES)
def test_both_players_have_them_fitted_and_q_reads_without(backbone: str) -> None:
    series = panel()
    plan = make_plan(series, backbone=backbone, n_categories=(2,), width=4, noise_dim=3)
    model = plan.build(series)
    found = [
        module for module in (*model.generator.modules(), *model.critic.modules()) if isinstance(module, Directions)
    ]
    assert len(found) == 2
    assert all(directions.basis.abs().sum() > 1 for directions in found)
    again = Plan.from_dict(plan.to_dict()).build(series)
    assert all(map(torch.equal, model.critic.state_dict().values(), again.critic.state_dict().values()))
    values = torch.from_numpy(model.preprocessor.transform(series))
    before = model.critic(values)
    with torch.no_grad():
        for weights in model.critic.detail_trunk.parameters():
            weights.add_(0.1)
    after = model.critic(values)
    assert torch.equal(before.posteriors[0], after.posteriors[0])
    assert not torch.allclose(before.realness, after.realness)


def test_images_and_few_series_have_none() -> None:
    images = Panel.from_arrays(np.random.default_rng(0).uniform(size=(8, 1, 8, 8)), view="image")
    assert not make_plan(images).model.critic.directions
    with pytest.raises(SettingError, match="holds images"):
        make_plan(images, settings={"directions": True})
    few = panel().subset(slice(10))
    assert not make_plan(few).model.critic.directions
    with pytest.raises(SettingError, match="has 10 cases, fewer than the 16 numbers of one"):
        make_plan(few, settings={"directions": True})
    assert not make_plan(panel(), settings={"directions": False}).model.critic.directions
    plain = make_plan(panel(), settings={"directions": False}).build(panel())
    fit_directions(plain.generator, torch.zeros(2, 2, T))  # nothing to fit
    assert not any(isinstance(module, Directions) for module in plain.critic.modules())


# ---- windows of a recording


def windows(n: int = 300, seed: int = 0) -> Tensor:
    """``(n, 3, 24)`` of a wandering recording: the second channel is the first and a little, the third is the first."""
    rng = np.random.default_rng(seed)
    level, steps = rng.normal(size=(n, 1)), rng.normal(0, 0.01, (n, 24)).cumsum(1)
    first = level + steps
    second = 0.5 * first + rng.normal(0, 0.02, (n, 24))
    return torch.from_numpy(np.stack([first, second, first], axis=1).astype(np.float32))


def recording() -> Panel:
    return Panel.from_arrays(40 + 9 * windows().numpy())


def test_windows_of_a_recording_have_levels_in_any_units() -> None:
    assert have_levels(windows())
    assert have_levels(windows() * torch.tensor([1e4, 1e-3, 1])[:, None] + 1e3)


def test_whole_series_have_none() -> None:
    rng = np.random.default_rng(0)
    series = torch.from_numpy(np.sin(rng.uniform(0, 6, (200, 3, 1)) + np.linspace(0, 6, 24)).astype(np.float32))
    assert not have_levels(series)
    still = torch.cat([series, torch.full((200, 1, 24), 3.0)], dim=1)
    assert not have_levels(still)  # a channel that never changes does not count
    assert not have_levels(still[:, 3:])


@pytest.mark.parametrize("backbone", SERIES)
def test_levels_are_drawn_straight_from_the_latent(backbone: str) -> None:
    plan = make_plan(recording(), backbone=backbone, n_categories=(2,), width=4, noise_dim=3)
    assert plan.model.levels
    assert Plan.from_dict(plan.to_dict()) == plan
    model = plan.build(recording())
    directions, levels = model.generator.directions, model.generator.levels
    with torch.no_grad():
        for weights in model.generator.inner.parameters():
            weights.zero_()
        latent = torch.randn(50, model.settings.latent.size, generator=torch.Generator().manual_seed(3))
        made = model.generator(latent, torch.randn(50, model.texture_dim))  # (50, 3, 24)
        moved = ((made - directions.mean.view(3, 24)).flatten(1) @ directions.basis) / directions.spread
        torch.testing.assert_close(moved[:, :8], levels(latent)[:, :8], rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(made[:, 2], made[:, 0], rtol=0, atol=1e-3)  # what no case breaks, no sample breaks


def test_unequal_lengths_and_series_without_directions_have_no_levels() -> None:
    lengths = np.full(300, 24)
    lengths[0] = 20
    values = recording().values.copy()
    values[0, :, 20:] = np.nan
    assert not make_plan(replace(recording(), values=values, lengths=lengths)).model.levels
    assert not make_plan(recording(), settings={"directions": False}).model.levels
    assert not make_plan(recording().subset(slice(20))).model.levels
