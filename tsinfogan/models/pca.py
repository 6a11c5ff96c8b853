"""Principal components of the real series, which generator and discriminator both use.

Neighbouring timepoints of a smooth series are nearly equal, so along most principal components real series hardly
vary. A generator errs by about as much along each component, so generated series differ most along those with almost
no real variance. Three remedies, for a component with standard deviation s:

- shrinkage: the generator's output is multiplied by s / (s + τ), and its errors with it;
- whitening: a second trunk of the discriminator sees series divided by s + ε, all components on one scale;
- penalty: R1 is measured on the gradient times s + τ, as if every component had the same standard deviation. A gradient
  with respect to the values themselves would have to be too steep to detect an error of .05 where s is .05.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SHRINKAGE = 0.1
"""τ, in the units of the scaled channels, whose standard deviation is 1."""
WHITENING_FLOOR = 0.01
"""ε."""
DAMPING = 0.001
"""δ. A network errs by about as much along each component, so where real series vary less than that, samples would show
its errors: a sensor at rest would tremble (docs/development/experiments.md)."""
SLOPE_SHARE = 0.7
"""Factor on the gradient, so that one R1 weight suits with and without principal components."""
MAX_NUMBERS = 2**20
"""Of a basis. Where there would be more, the components of least variance are treated as one."""
MAX_CASES = 2000
LOW_RANK_COMPONENTS, LOW_RANK_LAYERS = 64, 3
MAX_WINDOW_STD = 0.1
"""Cases are windows if some combination of channels varies less than this within a case, relative to all cases."""


class PrincipalComponents(nn.Module):
    """Principal components of real series, all varying channels and timepoints together; fitted before use.

    Args:
        n_channels: varying channels; those after them are passed through.
        n_timepoints: of the grid.
    """

    mean: Tensor
    basis: Tensor
    spread: Tensor
    rest: Tensor

    def __init__(self, n_channels: int, n_timepoints: int):
        super().__init__()
        self.n_channels = n_channels
        size = n_channels * n_timepoints
        n_kept = min(size, max(1, MAX_NUMBERS // size))
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("basis", torch.zeros(size, n_kept))  # orthonormal columns
        self.register_buffer("spread", torch.zeros(n_kept))  # standard deviation along each
        self.register_buffer("rest", torch.ones(()))  # and along all others

    @torch.no_grad()
    def fit(self, data: Tensor) -> None:
        """Fits mean, basis and standard deviations on real series ``(n, c, t)``, in place.

        Of more than ``MAX_CASES``, evenly spaced ones are used. Every other case gives the basis and the remaining ones
        the standard deviations: along its own components a small sample varies too much, and along others not at all.
        """
        chosen = torch.linspace(0, len(data) - 1, min(len(data), MAX_CASES), device=data.device).long()
        cases = data[chosen, : self.n_channels].flatten(1).double()  # (n, c * t)
        mean = cases.mean(0)
        cases = cases - mean
        size, n_kept = self.basis.shape
        basis = _components(cases[::2])[:, :n_kept]  # (c * t, k)
        others = cases[1::2] if len(cases) > 1 else cases
        coordinates = others @ basis  # (n / 2, k)
        n_left = size - basis.shape[1]
        rest = ((others - coordinates @ basis.T).square().sum(1).mean() / max(1, n_left)).sqrt()
        self.mean.copy_(mean)
        self.basis.zero_()[:, : basis.shape[1]] = basis.to(self.basis.dtype)
        self.spread.copy_(rest.expand_as(self.spread))
        self.spread[: basis.shape[1]] = coordinates.square().mean(0).sqrt().to(self.spread.dtype)
        self.rest.copy_(rest)

    def shrink(self, output: Tensor) -> Tensor:
        """A network's output ``(n, c, t)`` about 0 to series about the mean: each component times s / (s + τ)."""
        spread, rest = self.spread, self.rest
        shrunk = self._scaled(output, spread / (spread + SHRINKAGE), rest / (rest + SHRINKAGE))
        return shrunk + self._mean_of(output)

    def whiten(self, values: Tensor) -> Tensor:
        """Series ``(n, c, t)`` less the mean: each component times 1 / (s + ε)."""
        centred = values - self._mean_of(values)
        return self._scaled(centred, 1 / (self.spread + WHITENING_FLOOR), 1 / (self.rest + WHITENING_FLOOR))

    def color(self, values: Tensor) -> Tensor:
        """The inverse of :meth:`whiten` about 0: each component of ``(n, c, t)`` times s + ε."""
        return self._scaled(values, self.spread + WHITENING_FLOOR, self.rest + WHITENING_FLOOR)

    def unwhiten(self, values: Tensor) -> Tensor:
        """The inverse of :meth:`whiten`."""
        return self.color(values) + self._mean_of(values)

    def settle(self, values: Tensor) -> Tensor:
        """As :meth:`unwhiten`, but components along which real series hardly vary times s² / (s² + δ²) besides."""
        spread, rest = self.spread, self.rest
        kept, kept_rest = (s**2 / (s**2 + DAMPING**2) * (s + WHITENING_FLOOR) for s in (spread, rest))
        return self._scaled(values, kept, kept_rest) + self._mean_of(values)

    def white_noise(self, noise: Tensor) -> Tensor:
        """Noise ``(n, c, t)`` of standard deviation 1 to noise as wide as whitened series: times s / (s + ε)."""
        spread, rest = self.spread, self.rest
        return self._scaled(noise, spread / (spread + WHITENING_FLOOR), rest / (rest + WHITENING_FLOOR))

    def slope(self, gradient: Tensor) -> Tensor:
        """Gradient ``(n, c, t)`` as R1 penalises it: each component times SLOPE_SHARE · (s + τ)."""
        return SLOPE_SHARE * self._scaled(gradient, self.spread + SHRINKAGE, self.rest + SHRINKAGE)

    @property
    def n_low_rank(self) -> int:
        """Components of greatest variance that a low-rank head outputs."""
        return min(LOW_RANK_COMPONENTS, len(self.spread))

    def low_rank_series(self, coordinates: Tensor, n_channels: int) -> Tensor:
        """Series ``(n, n_channels, t)`` about 0 from coordinates ``(n, n_low_rank)`` in standard deviations."""
        with torch.autocast(coordinates.device.type, enabled=False):
            first = slice(self.n_low_rank)
            series = (coordinates.float() * self.spread[first]) @ self.basis[:, first].T  # (n, c * t)
        varying = series.view(coordinates.shape[0], self.n_channels, -1)
        return F.pad(varying, (0, 0, 0, n_channels - self.n_channels))

    def _mean_of(self, values: Tensor) -> Tensor:
        """Mean ``(c, t)`` for values of that shape: 0 for channels that are passed through."""
        others = values.shape[1] - self.n_channels
        return F.pad(self.mean.view(self.n_channels, -1), (0, 0, 0, others))

    def _scaled(self, values: Tensor, factors: Tensor, rest: Tensor) -> Tensor:
        """Each component of ``(n, c, t)`` times its factor, what no component of the basis explains times ``rest``."""
        with torch.autocast(values.device.type, enabled=False):
            varying = values[:, : self.n_channels].float()
            flat = varying.flatten(1)  # (n, c * t)
            scaled = rest * flat + ((flat @ self.basis) * (factors - rest)) @ self.basis.T
            return torch.cat([scaled.view_as(varying), values[:, self.n_channels :].float()], dim=1)


class ShrinkageGenerator(nn.Module):
    """A generator whose output is shrunk along the principal components of real series.

    Args:
        inner: the generator.
        principal_components: of real series.
        latent_dim: of the generator, to add a low-rank head: a small network from the latent to the first components.
            Windows of a recording differ most in their level, which convolutions reproduce too inexactly. 0 for none.
        width: a quarter of the head's width.
    """

    def __init__(
        self, inner: nn.Module, principal_components: PrincipalComponents, latent_dim: int = 0, width: int = 0
    ):
        super().__init__()
        self.inner, self.principal_components = inner, principal_components
        self.injected_noise_dim = int(inner.injected_noise_dim)  # type: ignore[arg-type]
        self.low_rank_head: nn.Sequential | None = None
        if latent_dim:
            layers: list[nn.Module] = []
            for n_in in (latent_dim, *[4 * width] * (LOW_RANK_LAYERS - 1)):
                layers += [nn.Linear(n_in, 4 * width), nn.LeakyReLU(0.2)]
            self.low_rank_head = nn.Sequential(*layers, nn.Linear(4 * width, principal_components.n_low_rank))

    def forward(self, latent: Tensor, injected_noise: Tensor) -> Tensor:
        """``(n, latent_dim)``, ``(n, injected_noise_dim)`` to ``(n, n_channels, t)``."""
        series = self.principal_components.shrink(self.inner(latent, injected_noise))
        if self.low_rank_head is not None:
            coordinates = self.low_rank_head(latent)
            series = series + self.principal_components.low_rank_series(coordinates, series.shape[1])
        return series


def fit_principal_components(network: nn.Module, values: Tensor) -> None:
    """Fits every :class:`PrincipalComponents` in a network on real values ``(n, c, t)`` as it sees them, in place."""
    for module in network.modules():
        if isinstance(module, PrincipalComponents):
            module.fit(values)


def _components(cases: Tensor) -> Tensor:
    """Orthonormal columns ``(d, k)``, k at most n, by decreasing variance, for centred cases ``(n, d)``."""
    n_cases, size = cases.shape
    if n_cases >= size:
        axes: Tensor = torch.linalg.eigh(cases.T @ cases)[1]
        return axes.flip(1)
    values, vectors = torch.linalg.eigh(cases @ cases.T)  # (n,), (n, n): the smaller problem, with equal eigenvalues
    kept = values > values[-1] * torch.finfo(values.dtype).eps * n_cases
    basis: Tensor = cases.T @ (vectors[:, kept] / values[kept].sqrt())
    return basis.flip(1)


def are_windows(values: Tensor) -> bool:
    """Whether cases ``(n, c, t)`` are windows of a recording: little variation within a case, much between cases.

    Channels may be in any units; constant ones are ignored.
    """
    varying = values[:MAX_CASES].double().transpose(0, 1)  # (c, n, t)
    varying = varying[varying.flatten(1).amax(1) > varying.flatten(1).amin(1)]
    if not len(varying):
        return False
    within = (varying - varying.mean(2, keepdim=True)).flatten(1) / varying.flatten(1).std(1, keepdim=True)
    least = torch.linalg.eigvalsh(within @ within.T / within.shape[1])[0].clamp_min(0).sqrt()
    return bool(least < MAX_WINDOW_STD)
