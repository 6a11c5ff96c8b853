"""What a backbone is: a generator and the trunk of a discriminator that go together, found by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from tsinfogan.errors import SettingError
from tsinfogan.registry import Registry


@dataclass(frozen=True)
class DataShape:
    """What the networks see of the data.

    Attributes:
        n_channels: channels, the constant ones included.
        grid: ``(n_timepoints,)`` or ``(height, width)``.
        n_constant: how many of the last channels are constant over the grid.
        bounded: whether values span [−1, 1] exactly.
    """

    n_channels: int
    grid: tuple[int, ...]
    n_constant: int = 0
    bounded: bool = False


class GeneratorNetwork(Protocol):
    """A deterministic function of its two inputs: every random number comes from outside."""

    injected_noise_dim: int
    """Numbers ``~ N(0, 1)`` that it takes for detail that no code describes (noise injection); may be 0."""

    def __call__(self, latent: Tensor, injected_noise: Tensor) -> Tensor:
        """Latent ``(n, latent_dim)`` and noise ``(n, injected_noise_dim)`` to values ``(n, n_channels, *grid)``."""


class TrunkNetwork(Protocol):
    """Everything of the discriminator up to its heads."""

    feature_dim: int

    def __call__(self, values: Tensor) -> Tensor:
        """Values ``(n, n_channels, *grid)`` to features ``(n, feature_dim)``."""


@dataclass(frozen=True)
class Backbone:
    """A generator and a trunk that go together.

    Attributes:
        summary: one sentence for the command line's help.
        generator: ``(shape, latent_dim, width) -> GeneratorNetwork``.
        trunk: ``(shape, width) -> TrunkNetwork``.
        width: default width.
        n_axes: axes of the grid that it handles, 1 for series, 2 for images.
        settings: training settings and weights, by name, that suit it better than the general defaults.
        name: needed where it is passed as an object: a run keeps it, and finds the backbone by it when it is loaded.
    """

    summary: str
    generator: Callable[[DataShape, int, int], nn.Module]
    trunk: Callable[[DataShape, int], nn.Module]
    width: int
    n_axes: tuple[int, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""


BACKBONES: Registry[Backbone] = Registry("backbone", "tsinfogan.models.backbones", "BACKBONE", (Backbone,))


def get_backbone(name: str | Backbone, shape: DataShape) -> Backbone:
    """The backbone called ``name``, or the one given.

    Raises:
        UnknownNameError: there is none.
        SettingError: it does not handle data of this shape.
    """
    backbone = BACKBONES.get(name)
    n_axes = len(shape.grid)
    if n_axes not in backbone.n_axes:
        kind = {1: "series", 2: "images"}
        fitting = [other for other in BACKBONES.names() if n_axes in BACKBONES.get(other).n_axes]
        raise SettingError(
            f"backbone {backbone.name or name!r} is for {kind[backbone.n_axes[0]]} but the data holds {kind[n_axes]}: "
            f"choose from {', '.join(fitting)}"
        )
    return backbone


def tie_constant_channels(values: Tensor, n_constant: int) -> Tensor:
    """Replaces each of the last ``n_constant`` channels of ``(n, c, *grid)`` by its mean over the grid."""
    if not n_constant:
        return values
    axes = tuple(range(2, values.ndim))
    varying, constant = values[:, :-n_constant], values[:, -n_constant:]
    return torch.cat([varying, constant.mean(axes, keepdim=True).expand_as(constant)], dim=1)
