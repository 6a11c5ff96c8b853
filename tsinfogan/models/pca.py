"""The directions that real series vary in, and how far: both players of the game measure by them.

Neighbouring timepoints of a smooth series are nearly one number, and the end of a filtered one is a fixed multiple of
what comes before: in most directions of the grid real series hardly vary at all. A network errs by about as much in
each, so its samples are given away by the directions in which real series do not stir. Three remedies, for directions
in which real series have the spread s:

- what a generator draws is damped by s / (s + τ), and its errors with it;
- the discriminator's eye for detail sees series divided by s + ε, so that a faint direction is as large as the others;
- R1 penalises how steep the discriminator is. Along plain axes no discriminator may be steep enough to see a deviation
  of .05 where the whole spread is .05; here its slope counts in proportion to s + τ, as if every direction had the same
  spread.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SHRINKAGE = 0.1
"""τ, in the units of the scaled channels, whose spread is 1."""
WHITENING_FLOOR = 0.01
"""ε."""
SLOPE_SHARE = 0.7
"""Of the slope along these directions, so that the weight that suits R1 along plain axes suits here too."""
MAX_NUMBERS = 2**20
"""Of a basis. Where there would be more, the directions of least spread are not told apart."""
MAX_CASES = 2000
LOW_RANK_COMPONENTS, LOW_RANK_LAYERS = 64, 3
SMALL_SPREAD = 0.1
"""Cases have levels where some direction within them spreads less than so much of what channels spread altogether."""


class PrincipalComponents(nn.Module):
    """Principal components of real series, all varying channels and timepoints together; fitted before use.

    Args:
        n_channels: channels that vary; others, after them, pass untouched.
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
        self.register_buffer("basis", torch.zeros(size, n_kept))
        self.register_buffer("spread", torch.zeros(n_kept))
        self.register_buffer("rest", torch.ones(()))

    @torch.no_grad()
    def fit(self, data: Tensor) -> None:
        """Takes the directions from real series ``(n, c, t)``, in place; of many cases, from some evenly spread.

        Every other case gives the directions, the others their spreads: along its own components a small sample spreads
        too far, and beside them not at all.
        """
        some = torch.linspace(0, len(data) - 1, min(len(data), MAX_CASES), device=data.device).long()
        cases = data[some, : self.n_channels].flatten(1).double()  # (n, c * t)
        mean = cases.mean(0)
        cases = cases - mean
        size, most = self.basis.shape
        basis = _components(cases[::2])[:, :most]  # (c * t, k)
        others = cases[1::2] if len(cases) > 1 else cases
        turned = others @ basis
        n_left = size - basis.shape[1]
        left = ((others - turned @ basis.T).square().sum(1).mean() / max(1, n_left)).sqrt()
        self.mean.copy_(mean)
        self.basis.zero_()[:, : basis.shape[1]] = basis.to(self.basis.dtype)
        self.spread.copy_(left.expand_as(self.spread))
        self.spread[: basis.shape[1]] = turned.square().mean(0).sqrt().to(self.spread.dtype)
        self.rest.copy_(left)

    def shrink(self, drawn: Tensor) -> Tensor:
        """``(n, c, t)`` that a network drew, about 0, to series about the mean, each direction times s / (s + τ)."""
        spread, rest = self.spread, self.rest
        shrunk = self._scaled(drawn, spread / (spread + SHRINKAGE), rest / (rest + SHRINKAGE))
        return shrunk + self._mean_of(drawn)

    @property
    def n_first(self) -> int:
        """Directions of greatest spread that can be drawn by themselves."""
        return min(LOW_RANK_COMPONENTS, len(self.spread))

    def along_first(self, indices: Tensor, n_channels: int) -> Tensor:
        """``(n, n_first)`` places, in spreads, along the first directions as series ``(n, n_channels, t)`` about 0."""
        with torch.autocast(indices.device.type, enabled=False):
            first = slice(self.n_first)
            series = (indices.float() * self.spread[first]) @ self.basis[:, first].T  # (n, c * t)
        varying = series.view(len(indices), self.n_channels, -1)
        return F.pad(varying, (0, 0, 0, n_channels - self.n_channels))

    def whiten(self, values: Tensor) -> Tensor:
        """Series ``(n, c, t)`` about 0, each direction over s + ε."""
        return self._scaled(
            values - self._mean_of(values), 1 / (self.spread + WHITENING_FLOOR), 1 / (self.rest + WHITENING_FLOOR)
        )

    def slope(self, gradient: Tensor) -> Tensor:
        """Gradient ``(n, c, t)`` by series to what R1 penalises, each direction times SLOPE_SHARE (s + τ)."""
        steep = self._scaled(gradient, self.spread + SHRINKAGE, self.rest + SHRINKAGE)
        return SLOPE_SHARE * steep

    def _mean_of(self, values: Tensor) -> Tensor:
        """``(c, t)`` to be added to values of that shape: 0 for channels that pass untouched."""
        others = values.shape[1] - self.n_channels
        return F.pad(self.mean.view(self.n_channels, -1), (0, 0, 0, others))

    def _scaled(self, values: Tensor, factors: Tensor, rest: Tensor) -> Tensor:
        with torch.autocast(values.device.type, enabled=False):
            varying = values[:, : self.n_channels].float()
            flat = varying.flatten(1)
            scaled = rest * flat + ((flat @ self.basis) * (factors - rest)) @ self.basis.T
            return torch.cat([scaled.view_as(varying), values[:, self.n_channels :].float()], dim=1)


class ShrinkageGenerator(nn.Module):
    """A generator whose output is damped along the directions of real series.

    Args:
        inner: the generator.
        principal_components: of real series.
        latent_dim: of its input, where the first directions are drawn straight from that, by a small network of their
            own: the levels of windows lie on a narrow path, and convolutions err too much there. 0 for none.
        width: of that network, a quarter.
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
            self.low_rank_head = nn.Sequential(*layers, nn.Linear(4 * width, principal_components.n_first))

    def forward(self, latent: Tensor, injected_noise: Tensor) -> Tensor:
        """``(n, latent_dim)``, ``(n, injected_noise_dim)`` to ``(n, n_channels, t)``."""
        series = self.principal_components.shrink(self.inner(latent, injected_noise))
        if self.low_rank_head is not None:
            series = series + self.principal_components.along_first(self.low_rank_head(latent), series.shape[1])
        return series


def fit_principal_components(network: nn.Module, values: Tensor) -> None:
    """Fits every :class:`Directions` in a network on values ``(n, c, t)`` as it sees them, in place."""
    for module in network.modules():
        if isinstance(module, PrincipalComponents):
            module.fit(values)


def _components(cases: Tensor) -> Tensor:
    """Orthonormal columns ``(d, k)``, k at most n, by falling spread, for cases ``(n, d)`` about their mean."""
    n_cases, size = cases.shape
    if n_cases >= size:
        axes: Tensor = torch.linalg.eigh(cases.T @ cases)[1]
        return axes.flip(1)
    values, vectors = torch.linalg.eigh(cases @ cases.T)  # (n,), (n, n): the smaller problem with the same spreads
    kept = values > values[-1] * torch.finfo(values.dtype).eps * n_cases
    found: Tensor = cases.T @ (vectors[:, kept] / values[kept].sqrt())
    return found.flip(1)


def are_windows(values: Tensor) -> bool:
    """Whether cases ``(n, c, t)`` are windows of a recording: alike within, far apart from each other.

    Channels may be in any units. Those that never change do not count.
    """
    varying = values[:MAX_CASES].double().transpose(0, 1)  # (c, n, t)
    varying = varying[varying.flatten(1).amax(1) > varying.flatten(1).amin(1)]
    if not len(varying):
        return False
    shape = (varying - varying.mean(2, keepdim=True)).flatten(1) / varying.flatten(1).std(1, keepdim=True)
    least = torch.linalg.eigvalsh(shape @ shape.T / shape.shape[1])[0].clamp_min(0).sqrt()
    return bool(least < SMALL_SPREAD)
