"""Networks that see each case's level apart from its shape, both in uncorrelated parts of unit spread.

Windows of a recording differ in level far more than within themselves, and its channels may hardly differ from each
other: what makes a window look real is then a hundredth of what networks see. Here they see it as large as the rest.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from tsinfogan.networks import Backbone, DataShape

SMALL_SPREAD = 0.1
"""Levels help where some direction within cases spreads less than so much of what channels spread altogether."""
NO_SPREAD = 1e-4
"""A direction below that is none: single precision cannot tell it from rounding."""
LEAST_SEEN = 0.005
"""A direction is not seen larger than if it spread so much: a distortion would drown it."""
LEVEL_LAYERS = 3
LOOKED_AT = 2000
"""Cases by which it is decided."""


class Levels(nn.Module):
    """The linear map from values to levels and shapes, and back, as fitted on real cases.

    Args:
        n_varying: channels that vary over time.
    """

    centre: Tensor
    level_out: Tensor
    level_in: Tensor
    shape_out: Tensor
    shape_in: Tensor

    def __init__(self, n_varying: int):
        super().__init__()
        self.n_varying = n_varying
        self.register_buffer("centre", torch.zeros(n_varying, 1))
        for name in ("level_out", "level_in", "shape_out", "shape_in"):
            self.register_buffer(name, torch.eye(n_varying))

    @torch.no_grad()
    def fit(self, values: Tensor) -> None:
        """Takes the principal axes of levels and of shapes from values ``(n, c, t)``, in place."""
        varying = values[:, : self.n_varying].double()
        level = varying.mean(2)  # (n, c)
        self.centre.copy_(level.mean(0)[:, None])
        shape = (varying - level[:, :, None]).transpose(0, 1).flatten(1).T  # (n * t, c)
        for name, sample in (("level", level - level.mean(0)), ("shape", shape)):
            spreads, axes = principal_axes(sample)
            axes, unit = axes * (spreads > NO_SPREAD), spreads.clamp_min(LEAST_SEEN)
            getattr(self, f"{name}_out").copy_(axes * unit)
            getattr(self, f"{name}_in").copy_((axes / unit).T)

    def split(self, values: Tensor) -> Tensor:
        """Values ``(n, c + k, t)`` as ``(n, 2 c + k, t)``: shapes, levels, constant over time, and the k others."""
        with torch.autocast(values.device.type, enabled=False):
            varying, rest = values[:, : self.n_varying].float(), values[:, self.n_varying :].float()
            level = varying.mean(2, keepdim=True)
            shapes, levels = self.shape_in @ (varying - level), self.level_in @ (level - self.centre)
            return torch.cat([shapes, levels.expand_as(shapes), rest], dim=1)

    def join(self, parts: Tensor) -> Tensor:
        """What :meth:`split` gives back to values; a shape's own mean is taken off."""
        with torch.autocast(parts.device.type, enabled=False):
            shapes, levels, rest = parts.float().tensor_split([self.n_varying, 2 * self.n_varying], dim=1)
            varying = self.shape_out @ (shapes - shapes.mean(2, keepdim=True)) + self.level_out @ levels + self.centre
            return torch.cat([varying, rest], dim=1)

    def gradient(self, gradient: Tensor) -> Tensor:
        """By parts ``(n, 2 c + k, t)``, of a gradient by values ``(n, c + k, t)``; a level's is spread over time.

        A penalty on the gradient by values would forbid looking along directions that hardly spread: there it is large.
        """
        varying, rest = gradient[:, : self.n_varying], gradient[:, self.n_varying :]
        level = varying.mean(2, keepdim=True)
        shapes, levels = self.shape_out.T @ (varying - level), self.level_out.T @ level
        return torch.cat([shapes, levels.expand_as(shapes), rest], dim=1)


class LeveledGenerator(nn.Module):
    """A generator of shapes, one of levels, and what they make together.

    Levels come straight from the latent: convolutions err too much where a level must lie on a narrow path.
    """

    def __init__(self, inner: nn.Module, levels: Levels, latent_dim: int, width: int):
        super().__init__()
        self.inner, self.levels = inner, levels
        self.texture_dim = int(inner.texture_dim)  # type: ignore[arg-type]
        layers: list[nn.Module] = []
        for n_in in (latent_dim, *[4 * width] * (LEVEL_LAYERS - 1)):
            layers += [nn.Linear(n_in, 4 * width), nn.LeakyReLU(0.2)]
        self.level = nn.Sequential(*layers, nn.Linear(4 * width, levels.n_varying))

    def forward(self, latent: Tensor, texture: Tensor) -> Tensor:
        """``(n, latent_dim)``, ``(n, texture_dim)`` to ``(n, n_channels, t)``."""
        shapes = self.inner(latent, texture).float()
        n_varying = self.levels.n_varying
        level = self.level(latent).float()[:, :, None].expand(-1, -1, shapes.shape[2])
        return self.levels.join(torch.cat([shapes[:, :n_varying], level, shapes[:, n_varying:]], dim=1))


class LeveledTrunk(nn.Module):
    """A trunk that reads shapes and levels."""

    def __init__(self, inner: nn.Module, levels: Levels):
        super().__init__()
        self.inner, self.levels = inner, levels
        self.feature_dim = int(inner.feature_dim)  # type: ignore[arg-type]

    def forward(self, values: Tensor) -> Tensor:
        """``(n, n_channels, t)`` to ``(n, feature_dim)``."""
        features: Tensor = self.inner(self.levels.split(values))
        return features


def leveled(backbone: Backbone) -> Backbone:
    """The same networks for series, between :class:`Levels`; these must be fitted before use (:func:`fit_levels`)."""

    def generator(shape: DataShape, latent_dim: int, width: int) -> nn.Module:
        levels = Levels(shape.n_channels - shape.n_constant)
        return LeveledGenerator(backbone.generator(shape, latent_dim, width), levels, latent_dim, width)

    def trunk(shape: DataShape, width: int) -> nn.Module:
        n_varying = shape.n_channels - shape.n_constant
        inner = DataShape(shape.n_channels + n_varying, shape.grid, shape.n_constant + n_varying)
        return LeveledTrunk(backbone.trunk(inner, width), Levels(n_varying))

    return replace(backbone, generator=generator, trunk=trunk)


def fit_levels(network: nn.Module, values: Tensor) -> None:
    """Fits every :class:`Levels` in a network on values ``(n, c, t)`` as it sees them, in place."""
    for module in network.modules():
        if isinstance(module, Levels):
            module.fit(values)


def need_levels(values: Tensor) -> bool:
    """Whether, within cases ``(n, c, t)``, some direction spreads so little that networks would miss it.

    Channels may be in any units. Those that never change do not count.
    """
    varying = values[:LOOKED_AT].double().transpose(0, 1)  # (c, n, t)
    varying = varying[varying.flatten(1).amax(1) > varying.flatten(1).amin(1)]
    if not len(varying):
        return False
    shape = (varying - varying.mean(2, keepdim=True)).flatten(1) / varying.flatten(1).std(1, keepdim=True)
    spreads, _ = principal_axes(shape.T)
    return bool(spreads[0] < SMALL_SPREAD)


def principal_axes(sample: Tensor) -> tuple[Tensor, Tensor]:
    """Spread ``(c,)`` along each principal axis of ``(n, c)``, the least first, and the axes as columns ``(c, c)``."""
    variances, axes = torch.linalg.eigh(sample.T @ sample / len(sample))
    return variances.clamp_min(0).sqrt(), axes
