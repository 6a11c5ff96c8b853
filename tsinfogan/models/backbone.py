"""What a backbone is: a generator and the trunk of a discriminator that go together, found by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

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

    @property
    def n_varying(self) -> int:
        """Channels that vary over the grid."""
        return self.n_channels - self.n_constant


@dataclass(frozen=True)
class Backbone:
    """A generator and a trunk that go together.

    A generator is a deterministic function of a latent ``(n, latent_dim)`` and noise ``(n, injected_noise_dim)``, which
    is ``~ N(0, 1)`` and stands for detail that no code describes (noise injection); it gives values
    ``(n, n_channels, *grid)``. ``injected_noise_dim`` is an attribute of the network and may be 0. A trunk maps such
    values to features ``(n, feature_dim)``, also an attribute, on which the discriminator's heads are put.

    Attributes:
        summary: one sentence for the command line's help.
        generator: ``(shape, latent_dim, width)`` to a network.
        trunk: ``(shape, width)`` to a network.
        width: default width.
        n_axes: axes of the grid that it handles, 1 for series, 2 for images.
        settings: training settings and weights, by name, that suit it better than the general defaults.
        min_batch_size: fewest cases that it is trained on at once, as batch norm needs several.
        name: needed where it is passed as an object: a run keeps it, and finds the backbone by it when it is loaded.
    """

    summary: str
    generator: Callable[[DataShape, int, int], nn.Module]
    trunk: Callable[[DataShape, int], nn.Module]
    width: int
    n_axes: tuple[int, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    min_batch_size: int = 1


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


def conform(values: Tensor, shape: DataShape) -> Tensor:
    """Output ``(n, n_channels, *grid)`` of a generator as ``shape`` demands: constant channels, and bounds by tanh."""
    if shape.n_constant:
        varying, constant = values[:, : shape.n_varying], values[:, shape.n_varying :]
        mean = constant.mean(tuple(range(2, values.ndim)), keepdim=True)
        values = torch.cat([varying, mean.expand_as(constant)], dim=1)
    return torch.tanh(values) if shape.bounded else values
