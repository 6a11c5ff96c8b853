"""Principal components of real series: shrinkage, whitening and penalty along them, and that a run restores them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from tsinfogan.data.panel import Panel
from tsinfogan.errors import SettingError
from tsinfogan.models.backbone import BACKBONES
from tsinfogan.models.pca import (
    SHRINKAGE,
    SLOPE_SHARE,
    WHITENING_FLOOR,
    PrincipalComponents,
    are_windows,
    fit_principal_components,
)
from tsinfogan.training.losses import gradient_penalty
from tsinfogan.training.plan import Plan, make_plan
from tsinfogan.training.session import build_model

SERIES = [name for name in BACKBONES.names() if 1 in BACKBONES.get(name).n_axes]
T = 8


def real(n: int = 4000, seed: int = 0) -> Tensor:
    """``(n, 3, 8)``: two channels about 5 whose components spread 2 and .05 in turn, and a constant third."""
    rng = torch.Generator().manual_seed(seed)
    axes = torch.linalg.qr(torch.randn(2 * T, 2 * T, generator=rng))[0]
    spread = torch.tensor([2.0, 0.05]).repeat(T)
    values = 5 + (torch.randn(n, 2 * T, generator=rng) * spread) @ axes.T
    return torch.cat([values.view(n, 2, T), torch.randn(n, 1, 1, generator=rng).expand(-1, -1, T)], dim=1)


def fitted(values: Tensor) -> PrincipalComponents:
    principal_components = PrincipalComponents(2, T)
    principal_components.fit(values)
    return principal_components


def spreads(values: Tensor) -> Tensor:
    """Standard deviations along principal axes, the greatest first."""
    flat = values[:, :2].flatten(1)
    return torch.linalg.svdvals(flat - flat.mean(0)) / len(flat) ** 0.5


def test_whitening_puts_every_component_on_one_scale() -> None:
    values = real()
    seen = fitted(values).whiten(values)
    expected = torch.tensor([2 / (2 + WHITENING_FLOOR)] * T + [0.05 / (0.05 + WHITENING_FLOOR)] * T)
    torch.testing.assert_close(spreads(seen), expected, rtol=0.1, atol=0)
    assert seen[:, :2].mean((0, 1, 2)).abs() < 0.02
    assert torch.equal(seen[:, 2], values[:, 2])


def test_errors_shrink_with_the_spread() -> None:
    drawn = torch.randn(4000, 3, T, generator=torch.Generator().manual_seed(1))
    synthetic = fitted(real()).shrink(drawn)
    expected = torch.tensor([2 / (2 + SHRINKAGE)] * T + [0.05 / (0.05 + SHRINKAGE)] * T)
    torch.testing.assert_close(spreads(synthetic), expected, rtol=0.1, atol=0)
    assert synthetic[:, :2].mean() == pytest.approx(5, abs=0.1)
    assert torch.equal(synthetic[:, 2], drawn[:, 2])


def test_a_relation_that_all_series_keep_is_kept_whatever_the_network_errs() -> None:
    values = real()
    values[:, 1] = values[:, 0]  # two sensors that say the same
    components = fitted(values)
    errors = torch.randn(200, 3, T, generator=torch.Generator().manual_seed(1))
    apart = {}
    for name in ("unwhiten", "settle"):
        given = getattr(components, name)(components.whiten(values[:200]) + errors)
        apart[name] = float((given[:, 0] - given[:, 1]).std())
    assert apart["unwhiten"] > WHITENING_FLOOR
    assert apart["settle"] < 1e-4
    # What varies by much more than δ stays.
    seen = components.whiten(values)
    torch.testing.assert_close(components.settle(seen), components.unwhiten(seen), rtol=2e-3, atol=2e-3)


def test_the_penalty_is_in_proportion_to_the_standard_deviation() -> None:
    principal_components = fitted(real())
    along = principal_components.basis.T.view(2 * T, 2, T)  # one unit gradient a component
    gradients = torch.cat([along, torch.zeros(2 * T, 1, T)], dim=1)
    sizes = principal_components.slope(gradients).flatten(1).norm(dim=1)
    torch.testing.assert_close(sizes, SLOPE_SHARE * (principal_components.spread + SHRINKAGE), rtol=1e-3, atol=0)
    values = real(5).requires_grad_(True)
    penalty = gradient_penalty((values * gradients[0]).sum((1, 2)), values, principal_components.slope)
    assert float(penalty) == pytest.approx(0.5 * float(sizes[0]) ** 2, rel=1e-3)


def test_few_cases_do_not_hide_the_other_components() -> None:
    """Ten cases span nine of sixteen components; along the others real series vary as well."""
    values = torch.randn(10, 2, T, generator=torch.Generator().manual_seed(2))
    principal_components = fitted(values)
    assert 0.5 < float(principal_components.rest) < 1.5
    assert principal_components.spread.min() > 0.2
    assert spreads(principal_components.shrink(torch.randn(500, 2, T)))[-1] > 0.5


def test_of_a_large_grid_only_the_first_components_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tsinfogan.models.pca.MAX_NUMBERS", 2 * T * T)
    values = real()
    principal_components = fitted(values)
    assert principal_components.basis.shape == (2 * T, T)
    assert float(principal_components.rest) == pytest.approx(0.05, rel=0.05)
    torch.testing.assert_close(spreads(principal_components.whiten(values))[:T], torch.ones(T), rtol=0.1, atol=0)


def panel() -> Panel:
    return Panel.from_arrays(real(60)[:, :2].numpy(), name="along")


@pytest.mark.parametrize("backbone", SERIES)
def test_both_networks_have_them_fitted_and_q_reads_without(backbone: str) -> None:
    series = panel()
    plan = make_plan(series, backbone=backbone, n_categories=(2,), width=4, noise_dim=3)
    model = build_model(plan, series)
    found = [
        module
        for module in (*model.generator.modules(), *model.discriminator.modules())
        if isinstance(module, PrincipalComponents)
    ]
    assert len(found) == 3  # shrinkage, flow matching, the discriminator
    assert all(principal_components.basis.abs().sum() > 1 for principal_components in found)
    again = build_model(Plan.from_dict(plan.to_dict()), series)
    assert all(map(torch.equal, model.discriminator.state_dict().values(), again.discriminator.state_dict().values()))
    values = torch.from_numpy(model.preprocessor.transform(series))
    before = model.discriminator(values)
    with torch.no_grad():
        for weights in model.discriminator.detail_trunk.parameters():
            weights.add_(0.1)
    after = model.discriminator(values)
    assert torch.equal(before.posteriors[0], after.posteriors[0])
    assert not torch.allclose(before.realness, after.realness)


def test_images_and_few_series_have_none() -> None:
    images = Panel.from_arrays(np.random.default_rng(0).uniform(size=(8, 1, 8, 8)), view="image")
    assert not make_plan(images).model.discriminator.principal_components
    with pytest.raises(SettingError, match="holds images"):
        make_plan(images, settings={"principal_components": True})
    few = panel().subset(slice(10))
    assert not make_plan(few).model.discriminator.principal_components
    with pytest.raises(SettingError, match="has 10 cases, fewer than the 16 numbers of one"):
        make_plan(few, settings={"principal_components": True})
    assert not make_plan(panel(), settings={"principal_components": False}).model.discriminator.principal_components
    plain = build_model(make_plan(panel(), settings={"principal_components": False}), panel())
    fit_principal_components(plain.generator, torch.zeros(2, 2, T))  # nothing to fit
    assert not any(isinstance(module, PrincipalComponents) for module in plain.discriminator.modules())


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


def test_windows_of_a_recording_are_windows_in_any_units() -> None:
    assert are_windows(windows())
    assert are_windows(windows() * torch.tensor([1e4, 1e-3, 1])[:, None] + 1e3)


def test_whole_series_have_none() -> None:
    rng = np.random.default_rng(0)
    series = torch.from_numpy(np.sin(rng.uniform(0, 6, (200, 3, 1)) + np.linspace(0, 6, 24)).astype(np.float32))
    assert not are_windows(series)
    still = torch.cat([series, torch.full((200, 1, 24), 3.0)], dim=1)
    assert not are_windows(still)  # a channel that never changes does not count
    assert not are_windows(still[:, 3:])


@pytest.mark.parametrize("backbone", SERIES)
def test_the_low_rank_head_maps_the_latent_to_the_first_components(backbone: str) -> None:
    settings = {"flow_steps": 0}
    plan = make_plan(recording(), backbone=backbone, n_categories=(2,), width=4, noise_dim=3, settings=settings)
    assert plan.model.low_rank_head
    assert Plan.from_dict(plan.to_dict()) == plan
    model = build_model(plan, recording())
    principal_components, low_rank_head = model.generator.principal_components, model.generator.low_rank_head
    with torch.no_grad():
        for weights in model.generator.inner.parameters():
            weights.zero_()
        latent = torch.randn(50, model.settings.latent.size, generator=torch.Generator().manual_seed(3))
        synthetic = model.generator(latent, torch.randn(50, model.injected_noise_dim))  # (50, 3, 24)
        moved = (
            (synthetic - principal_components.mean.view(3, 24)).flatten(1) @ principal_components.basis
        ) / principal_components.spread
        torch.testing.assert_close(moved[:, :8], low_rank_head(latent)[:, :8], rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(
        synthetic[:, 2], synthetic[:, 0], rtol=0, atol=1e-3
    )  # what holds for every case holds for every sample


def test_unequal_lengths_and_series_without_components_have_no_low_rank_head() -> None:
    lengths = np.full(300, 24)
    lengths[0] = 20
    values = recording().values.copy()
    values[0, :, 20:] = np.nan
    unequal, few = replace(recording(), values=values, lengths=lengths), recording().subset(slice(20))
    assert not make_plan(unequal, n_categories=(2,)).model.low_rank_head
    assert not make_plan(recording(), n_categories=(2,), settings={"principal_components": False}).model.low_rank_head
    assert not make_plan(few, n_categories=(2,)).model.low_rank_head
