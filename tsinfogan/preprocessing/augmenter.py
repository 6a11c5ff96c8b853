"""Random label-preserving augmentations of what the networks see: series on the common grid, and images.

Drawing and applying are separate, so that one augmentation can be applied repeatedly and a captured step contains no
random generator. Applying is differentiable in the values: Q reads augmented samples, and its gradient reaches the
generator.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from tsinfogan.data.augmentations import Augmentations
from tsinfogan.preprocessing.preprocessor import Preprocessor

FOLLOWABLE = ("time_scale", "time_shift", "amplitude", "rotation_rad", "shear", "stretch", "gain")
"""Augmentations of one number a case, which a continuous code can follow."""
WARP_WAVES = 3
"""Sine waves in a random smooth warp of the time axis."""


@dataclass(frozen=True)
class Augmenter:
    """Applies a dataset's augmentations to network arrays ``(n, n_channels, *grid)``.

    Attributes:
        strengths: which augmentations, how strong.
        offset: of each scaled channel against raw units, for augmentations in raw units (a rotation, a gain).
        scale: likewise.
        n_constant: trailing channels that are constant over the grid (the duration).
        log_length_scale: standard deviation of the log length, the unit of the duration channel.
        n_axes: axes of the grid: 1 for series, 2 for images.
    """

    strengths: Augmentations
    offset: tuple[float, ...]
    scale: tuple[float, ...]
    n_constant: int
    log_length_scale: float
    n_axes: int

    @classmethod
    def build(cls, strengths: Augmentations, preprocessor: Preprocessor) -> Augmenter:
        """The augmenter for values scaled by ``preprocessor``."""
        return cls(
            strengths,
            tuple(channel.offset for channel in preprocessor.channels),
            tuple(channel.scale for channel in preprocessor.channels),
            preprocessor.n_constant,
            preprocessor.log_length[1] or 1.0,
            len(preprocessor.grid),
        )

    def draw(self, n: int, generator: Generator) -> Tensor:
        """``(n, 7 + WARP_WAVES + n_channels + 1)`` numbers in [−1, 1], a row for each case; one more with a gain."""
        size = 7 + WARP_WAVES + len(self.offset) + 1 + (self.strengths.gain > 0)
        return torch.rand(n, size, generator=generator, device=generator.device) * 2 - 1

    def amount(self, name: str, draw: Tensor) -> Tensor:
        """``(n,)`` how far each case is augmented by the augmentation called ``name``, in [−1, 1] of its strength.

        Where the duration is a channel, ``time_scale`` changes that, because resampling removed it from the grid.
        """
        if name == "gain":
            return draw[:, -1]
        return draw[:, 6 if name == "time_scale" and self.n_constant else FOLLOWABLE.index(name)]

    def apply(self, values: Tensor, draw: Tensor) -> Tensor:
        """Augmented values ``(n, n_channels, *grid)``, of the same shape, by what :meth:`draw` gave for n cases."""
        time_scale, shift, amplitude, rotation, shear, stretch, duration = draw[:, :7].unbind(1)
        warp, rest = draw[:, 7 : 7 + WARP_WAVES], draw[:, 7 + WARP_WAVES :]
        channel_offset, noise_seed = rest[:, : len(self.offset)], rest[:, len(self.offset)]
        s = self.strengths
        constant = values[:, values.shape[1] - self.n_constant :]  # (n, n_constant, *grid)
        series = values[:, : values.shape[1] - self.n_constant]

        # Geometry: rotation, shear and stretch of a plane; tempo, shift and warp of time, or zoom and shift of an image
        # grid_sample spans [−1, 1] along both axes, so rotating an oblong image needs its aspect ratio
        aspect = values.shape[-1] / values.shape[-2] if self.n_axes == 2 else 1.0
        plane = _plane_map(rotation * s.rotation_rad, shear * s.shear, stretch * s.stretch, aspect)  # (n, 2, 2)
        if self.n_axes == 2:
            shifts = torch.stack([shift, warp[:, 0]], dim=1) * s.time_shift  # (n, 2)
            series = _resample_image(series, plane, 1 + time_scale * s.time_scale, shifts)
        else:
            series = self._augment_series(series, plane, time_scale, shift, warp)

        # Values: amplitude, gain in raw units, offset and noise
        series = series * _column(1 + amplitude * s.amplitude, series)
        if s.gain:
            gain = _column(1 + draw[:, -1] * s.gain, series)
            series = self._in_raw_units(series, s.gain_channels, lambda raw: raw * gain)
        if s.offset:
            series = series + channel_offset.view(*channel_offset.shape, *(1,) * self.n_axes) * s.offset
        if s.noise:
            series = series + s.noise * _noise_like(series, noise_seed)

        # Duration, where it is a channel
        if self.n_constant:
            change = torch.log1p(s.time_scale * duration.abs()) * duration.sign() / self.log_length_scale
            series = torch.cat([series, constant + _column(change, constant)], dim=1)
        return series

    def _augment_series(self, series: Tensor, plane: Tensor, time_scale: Tensor, shift: Tensor, warp: Tensor) -> Tensor:
        """Maps the plane of two channels in raw units by ``(n, 2, 2)``, then resamples series in time."""
        s = self.strengths
        if s.rotation_channels is not None:
            series = self._in_raw_units(series, s.rotation_channels, lambda pair: plane @ pair)
        if not (s.time_scale or s.time_shift or s.time_warp):
            return series
        n_timepoints = series.shape[-1]
        time = torch.linspace(-1, 1, n_timepoints, device=series.device)[None]  # (1, t), 0 in the middle
        position = time * (1 + time_scale * s.time_scale)[:, None] + 2 * (shift * s.time_shift)[:, None]  # (n, t)
        if s.time_warp:
            waves = torch.arange(1, WARP_WAVES + 1, device=series.device)[:, None]  # (w, 1)
            position = position + 2 * s.time_warp * (warp @ (torch.sin(math.pi * waves * time) / waves))
        where = torch.stack([position, torch.zeros_like(position)], dim=-1)[:, None]  # (n, 1, t, 2)
        return F.grid_sample(series[:, :, None], where, padding_mode="border", align_corners=True)[:, :, 0]

    def _in_raw_units(self, series: Tensor, chosen: tuple[int, ...], change: Callable[[Tensor], Tensor]) -> Tensor:
        """``series`` with ``change``, from ``(n, k, …)`` to the same shape, made of k channels in raw units."""
        channels = list(series.unbind(1))
        raw = torch.stack([channels[c] * self.scale[c] + self.offset[c] for c in chosen], dim=1)  # (n, k, …)
        for c, changed in zip(chosen, change(raw).unbind(1), strict=True):
            channels[c] = (changed - self.offset[c]) / self.scale[c]
        return torch.stack(channels, dim=1)


def _plane_map(rotation: Tensor, shear: Tensor, stretch: Tensor, aspect: float) -> Tensor:
    """Linear maps ``(n, 2, 2)``: stretch x against y, then shear x by y, then rotate; x is in units ``aspect`` long."""
    width = torch.exp(stretch)
    cos, sin = torch.cos(rotation), torch.sin(rotation)
    to_x = torch.stack([cos * width, (cos * shear - sin) / aspect], dim=1)  # (n, 2)
    to_y = torch.stack([sin * width * aspect, sin * shear + cos], dim=1)
    return torch.stack([to_x, to_y], dim=1)


def _resample_image(images: Tensor, plane: Tensor, zoom: Tensor, shifts: Tensor) -> Tensor:
    linear = plane * zoom[:, None, None]
    where = F.affine_grid(torch.cat([linear, 2 * shifts[:, :, None]], dim=2), list(images.shape), align_corners=False)
    return F.grid_sample(images, where, padding_mode="border", align_corners=False)


def _noise_like(values: Tensor, seed: Tensor) -> Tensor:
    """Noise of standard deviation 1: a fixed hash of position and one number a case, so no generator is needed."""
    position = torch.arange(values[0].numel(), device=values.device).view(1, *values.shape[1:])
    phase = _column(seed, values) * 1e4 + position * 12.9898
    uniform = torch.remainder(torch.sin(phase) * 43758.5453, 1)  # [0, 1)
    return (2 * uniform - 1) * math.sqrt(3)


def _column(per_case: Tensor, values: Tensor) -> Tensor:
    """``(n,)`` to ``(n, 1, …)``, with as many axes as ``values``."""
    return per_case.view(-1, *(1,) * (values.ndim - 1))
