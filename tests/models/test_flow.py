"""The generator by flow matching: its noise, its loss and its integration against closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from tsinfogan.models.backbone import DataShape
from tsinfogan.models.flow import FlowGenerator, paces
from tsinfogan.models.pca import WHITENING_FLOOR, fit_principal_components

T, NOISE_DIM = 12, 2
SHAPE = DataShape(3, (T,), n_constant=1)


class Given(nn.Module):
    """The generator of adversarial training, for a test: given series, or zeros."""

    injected_noise_dim = 5

    def __init__(self, series: Tensor | None = None) -> None:
        super().__init__()
        self.series = series

    def forward(self, latent: Tensor, injected_noise: Tensor) -> Tensor:
        assert injected_noise.shape[1] == self.injected_noise_dim
        return torch.zeros(len(latent), 3, T) if self.series is None else self.series


def real(n: int = 4000, seed: int = 1) -> Tensor:
    """``(n, 3, T)``: two correlated smooth channels about 5, with components of very different size; a constant."""
    rng = torch.Generator().manual_seed(0)
    axes = torch.linalg.qr(torch.randn(2 * T, 2 * T, generator=rng))[0]
    spread = torch.logspace(0.5, -1.5, 2 * T)
    rng.manual_seed(seed)
    values = 5 + (torch.randn(n, 2 * T, generator=rng) * spread) @ axes.T
    return torch.cat([values.view(n, 2, T), torch.randn(n, 1, 1, generator=rng).expand(-1, -1, T)], dim=1)


def generator(trained: bool = True) -> FlowGenerator:
    torch.manual_seed(0)
    network = FlowGenerator(Given(), SHAPE, NOISE_DIM, NOISE_DIM + 3, width=8)
    fit_principal_components(network, real())
    network.trained.fill_(trained)
    return network.eval()


def inputs(network: FlowGenerator, n: int, seed: int = 1) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(n, NOISE_DIM + 3, generator=rng), torch.randn(n, network.injected_noise_dim, generator=rng)


def scale_of(network: FlowGenerator) -> Tensor:
    """Standard deviation of noise along each component."""
    spread = network.principal_components.spread
    return spread / (spread + WHITENING_FLOOR)


def spreads(values: Tensor) -> Tensor:
    """Standard deviations along the components of the varying channels, the greatest first."""
    flat = values[:, :2].flatten(1)
    return torch.linalg.svdvals(flat - flat.mean(0)) / len(flat) ** 0.5


def test_noise_varies_along_each_component_as_whitened_series_do() -> None:
    network = generator()
    noise = network.source(inputs(network, 4000)[1])
    expected = spreads(network.principal_components.whiten(real()))
    torch.testing.assert_close(spreads(noise), expected, rtol=0.1, atol=0.02)
    assert torch.equal(noise[:, 2], noise[:, 2, :1].expand(-1, T))  # one number for a constant channel


def test_unwhitening_undoes_whitening() -> None:
    components, values = generator().principal_components, real(50)
    torch.testing.assert_close(components.unwhiten(components.whiten(values)), values, rtol=1e-3, atol=1e-3)


def test_normal_series_need_no_network() -> None:
    network = generator()  # an untrained velocity network adds nothing
    with torch.no_grad():
        series = network(*inputs(network, 4000))
    found, expected = spreads(series), spreads(real())
    floor = expected > WHITENING_FLOOR  # below, noise is a part of what is there
    torch.testing.assert_close(found[floor], expected[floor], rtol=0.08, atol=0.002)
    assert series[:, :2].mean() == pytest.approx(5, abs=0.1)
    assert torch.equal(series[:, 2], series[:, 2, :1].expand(-1, T))


def test_the_loss_is_the_squared_error_of_the_velocity() -> None:
    network = generator()
    values, (latent, noise) = real(64), inputs(network, 64)

    class Right(nn.Module):
        """Knows where each series goes."""

        def forward(self, seen: Tensor, time: Tensor, codes: Tensor) -> Tensor:
            target, start = network.principal_components.whiten(values), network.source(noise)
            share = time[:, None, None]
            normal = (2 * share - 1) / (share**2 + (1 - share) ** 2) * (share * target + (1 - share) * start)
            return target - start - normal

    time = torch.rand(64, generator=torch.Generator().manual_seed(2))
    many = torch.arange(4000) / 4000  # of normal series what is left is 1 / (t² + (1 − t)²)
    with torch.no_grad():
        untrained = network.match(real(), *inputs(network, 4000), many)[0]
    variance = float(scale_of(network).square().mean()) + 1 / network.n_own  # of the constant channel, one number
    assert float(untrained) == pytest.approx(math.pi / 2 * variance, rel=0.05)
    network.velocity_network = Right()
    loss, led_to = network.match(values, latent, noise, time)
    assert float(loss) == pytest.approx(0, abs=1e-8)
    torch.testing.assert_close(led_to, values, rtol=1e-3, atol=1e-3)


def test_until_it_is_trained_series_are_those_of_the_inner_generator() -> None:
    untrained = generator(trained=False)
    latent, noise = inputs(untrained, 4)
    assert untrained(latent, noise).abs().max() == 0
    untrained.trained.fill_(True)
    assert untrained(latent, noise)[:, :2].abs().min() > 0


def test_a_series_depends_on_its_own_codes_and_noise_alone() -> None:
    network = generator()
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.2)
    latent, noise = inputs(network, 6)
    with torch.no_grad():
        alone, together = network(latent[2:3], noise[2:3]), network(latent, noise)
        other_z = network(torch.cat([latent[:, :NOISE_DIM] + 1, latent[:, NOISE_DIM:]], dim=1), noise)
        other_codes = network(torch.cat([latent[:, :NOISE_DIM], latent[:, NOISE_DIM:] + 1], dim=1), noise)
    torch.testing.assert_close(alone[0], together[2], rtol=1e-4, atol=1e-4)
    assert torch.equal(other_z, together)  # what varies beside the codes is the injected noise
    assert not torch.allclose(other_codes, together, atol=1e-3)


def test_a_slope_that_grows_evenly_is_integrated_exactly() -> None:
    every = paces()
    times, lengths, shares = every.unbind(1)
    torch.testing.assert_close(lengths.sum(), torch.tensor(1.0))
    assert (lengths.diff() < 0).all(), "late steps are finer"
    slopes = 3 + 4 * times
    value = lengths[0] * (slopes[0] + 2 * lengths[0])  # the first step, which knows one slope, done exactly
    for number in range(1, len(every)):
        value += lengths[number] * ((1 + shares[number]) * slopes[number] - shares[number] * slopes[number - 1])
    torch.testing.assert_close(value, torch.tensor(3.0 + 2.0))


def test_the_network_is_wider_for_windows_of_many_channels() -> None:
    for n_channels, n_overlapping, expected in ((3, 0, 8), (28, 0, 8), (3, 4, 16), (28, 4, 64)):
        shape = DataShape(n_channels, (T,))
        network = FlowGenerator(Given(), shape, NOISE_DIM, NOISE_DIM + 3, width=8, n_overlapping=n_overlapping)
        assert network.velocity_network.into.out_channels == expected


def test_windows_of_a_recording_that_rises_lie_where_they_begin() -> None:
    """After few steps the level of samples is that of the moment that was drawn for them."""
    torch.manual_seed(0)
    n, rng = 400, torch.Generator().manual_seed(0)
    onset = torch.arange(n) / n
    series = 8 * onset[:, None, None] - 4 + 0.3 * torch.randn(n, 1, T, generator=rng)
    network = FlowGenerator(Given(), DataShape(1, (T,)), 1, 1, width=8, n_overlapping=4)
    fit_principal_components(network, series)
    assert network.onsets is not None
    network.onsets.fit(torch.zeros(n, 1), torch.zeros(1, dtype=torch.bool), n)
    adam = torch.optim.Adam(network.velocity_network.parameters(), 0.01)
    for _ in range(120):
        row = torch.randint(n, (64,), generator=rng)
        noise = torch.randn(64, network.injected_noise_dim, generator=rng)
        loss, _ = network.match(series[row], torch.zeros(64, 1), noise, torch.rand(64, generator=rng), onset[row])
        adam.zero_grad()
        loss.backward()
        adam.step()
    noise = torch.randn(n, network.injected_noise_dim, generator=rng)
    with torch.no_grad():
        level = network.carried(torch.zeros(n, 1), noise).mean((1, 2))
    drawn = network.onsets.draw(torch.zeros(n, 1), noise[:, network.n_own :])
    assert torch.corrcoef(torch.stack([level, drawn]))[0, 1] > 0.9
    torch.testing.assert_close(level.std(), series.mean((1, 2)).std(), rtol=0.2, atol=0)
