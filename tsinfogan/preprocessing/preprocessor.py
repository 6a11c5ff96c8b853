"""From raw units to what the networks see, and back: each channel scaled, unequal lengths on a common grid.

Series of unequal length, and long ones, are resampled by a cubic spline to the shortest grid that does not give them
away (:mod:`tsinfogan.preprocessing.grid`). Where lengths differ, the duration becomes one more, constant channel. So
the networks see no padding, and learn the duration together with the codes. On the way back each channel keeps the
properties of its data: whole numbers, steps, bounds, constancy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np

from tsinfogan.data.mapped import room_for
from tsinfogan.data.overlap import elementwise, measured, pieces, recording_of, whole_series
from tsinfogan.data.panel import ChannelKind, FloatArray, IntArray, Panel
from tsinfogan.errors import SettingError, UnknownNameError
from tsinfogan.preprocessing.bounds import Bounds, find_series_scale
from tsinfogan.preprocessing.grid import MAX_GRID, choose_grid, rows_to_choose_grid
from tsinfogan.preprocessing.pace import EVEN, Pace
from tsinfogan.preprocessing.resampling import NUMBERS_AT_ONCE, resampled, resampled_each
from tsinfogan.preprocessing.scaling import UNLIMITED, ChannelTransform, Scaling

OTHERS = "*"
"""In choices by channel, stands for the channels that are not named."""
Choice = str | Mapping[str, str]
"""One choice for all channels, or one for each that is named, by name."""


@dataclass(frozen=True)
class Preprocessor:
    """A fitted, invertible mapping between panels and network arrays.

    Attributes:
        channels: how each channel of the raw data is transformed.
        grid: ``(n_timepoints,)`` or ``(height, width)`` that the networks see.
        bounded: whether the scaled channels span exactly [−1, 1].
        lengths: least and greatest length, where series are resampled; else None.
        log_length: mean and standard deviation of the log length, where lengths differ.
        offsets: of the panel that it was fitted on; panels with others are aligned with it.
        pace: where the points of the grid lie in a series, where lengths differ.
    """

    channels: tuple[ChannelTransform, ...]
    grid: tuple[int, ...]
    bounded: bool = False
    lengths: tuple[int, int] | None = None
    log_length: tuple[float, float] = (0.0, 1.0)
    offsets: tuple[float, ...] = ()
    pace: Pace = EVEN

    @classmethod
    def fit(
        cls, panel: Panel, scaling: Choice = "auto", bounds: Choice = "auto", *, evenly: bool = False
    ) -> Preprocessor:
        """Measures channels and lengths on ``panel``.

        Images are scaled to [−1, 1]. Booleans, and channels with an augmentation in raw units (a rotation, a gain), are
        always scaled linearly.

        Args:
            panel: training data.
            scaling: of series, as in :func:`tsinfogan.preprocessing.scaling.fit_scaling`, for all channels or by name.
            bounds: as in :func:`tsinfogan.preprocessing.bounds.find_limits`, likewise.
            evenly: whether the points of the grid are evenly spaced in every series, as one who measures time wants
                them; by default the ends of series keep a pace of their own.

        Raises:
            SettingError: no such scaling, bounds or channel, or another scaling for images.
        """
        scalings, all_bounds = channel_choices(panel, scaling, bounds)
        image = panel.view == "image"
        in_raw_units = {*(panel.augmentations.rotation_channels or ()), *panel.augmentations.gain_channels}
        channels = []
        for index in range(panel.n_channels):
            kind: ChannelKind = panel.kinds[index] if panel.kinds else "real"
            how = "standard" if kind == "boolean" or index in in_raw_units else scalings[index]
            channel = ChannelTransform.fit(measured(panel.values, index), kind, how, all_bounds[index], image)
            if kind == "real" and not image and all_bounds[index] != "none":
                channel = replace(channel, each_series=find_series_scale(whole_series(panel.values, index)))
            channels.append(channel)
        fitted = cls(tuple(channels), panel.grid, bounded=image, offsets=panel.offsets)
        if panel.lengths is None and (image or panel.grid[0] <= MAX_GRID or recording_of(panel.values)):
            return fitted
        lengths = panel.case_lengths
        rows = rows_to_choose_grid(panel.n_cases, panel.n_channels * float(lengths.mean()))
        cases = [fitted._each(ChannelTransform.forward, panel.case(int(row))[None])[0] for row in rows]
        log_length, pace = np.log(lengths), EVEN if evenly else Pace.of(lengths)
        return replace(
            fitted,
            grid=(choose_grid(cases, int(lengths.max()), pace),),
            lengths=(int(lengths.min()), int(lengths.max())),
            log_length=(float(log_length.mean()), float(log_length.std())),
            pace=pace,
        )

    @property
    def n_channels(self) -> int:
        """Channels of the raw data."""
        return len(self.channels)

    @property
    def n_constant(self) -> int:
        """Trailing network channels that are constant over the grid: the duration, where lengths differ."""
        return int(self.lengths is not None and self.lengths[0] < self.lengths[1])

    @property
    def scalings(self) -> tuple[str, ...]:
        """How each channel is scaled: ``standard``, ``robust`` or ``quantile``."""
        return tuple(channel.scaling for channel in self.channels)

    def transform(self, panel: Panel) -> FloatArray:
        """Network arrays ``(n_cases, n_channels + n_constant, *grid)`` of a panel with the fitted channels."""
        panel = panel.with_offsets(self.offsets)
        if self.lengths is None:
            return elementwise(lambda values: self._each(ChannelTransform.forward, values), panel.values)
        lengths = panel.case_lengths
        on_grid = room_for((panel.n_cases, self.n_channels + self.n_constant, *self.grid))
        for length in np.unique(lengths):
            of_length = np.flatnonzero(lengths == length)
            at_once = max(1, NUMBERS_AT_ONCE // (self.n_channels * length))
            for rows in np.split(of_length, range(at_once, len(of_length), at_once)):
                scaled = self._each(ChannelTransform.forward, panel.values[rows, :, :length])
                on_grid[rows, : self.n_channels] = resampled(scaled, self.grid[0], self.pace)
        mean, std = self.log_length
        on_grid[:, self.n_channels :] = ((np.log(lengths) - mean) / (std or 1.0))[:, None, None]
        return on_grid

    def inverse(self, values: FloatArray) -> tuple[FloatArray, IntArray | None]:
        """Raw values, NaN beyond each case's length, and the lengths (None where all are equal).

        Args:
            values: ``(n_cases, n_channels + n_constant, *grid)``.

        Returns:
            ``(n_cases, n_channels, n_timepoints)`` up to the greatest *fitted* length, so that arrays inverted in
            pieces fit together; or ``(n_cases, n_channels, *grid)``.
        """
        if self.lengths is None:
            return self._each(ChannelTransform.inverse, values), None
        if not self.n_constant:
            return self._each(ChannelTransform.inverse, resampled(values, self.lengths[1])), None
        mean, std = self.log_length
        log_length = values[:, -1].mean(axis=1, dtype=np.float64) * std + mean
        lengths = np.exp(np.clip(log_length, *np.log(self.lengths))).round().astype(np.int64)
        series = resampled_each(values[:, :-1], lengths, self.lengths[1], self.pace)
        return self._each(ChannelTransform.inverse, series), lengths

    def _each(self, way: Callable[[ChannelTransform, FloatArray], FloatArray], values: FloatArray) -> FloatArray:
        """``(n, n_channels, …)``, each channel transformed one way or the other."""
        result = room_for(values.shape, values.dtype)
        for part in pieces(values):
            for index, channel in enumerate(self.channels):
                result[part, index] = way(channel, values[part, index])
        return result

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; :meth:`from_dict` is its inverse."""
        return {**vars(self), "channels": [channel.to_dict() for channel in self.channels]}

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Preprocessor:
        """Rebuilds what :meth:`to_dict` gave, in this version or an older one."""
        channels = settings["channels"] if "channels" in settings else _channels_of_format_2(settings)
        return cls(
            tuple(map(ChannelTransform.from_dict, channels)),
            tuple(settings["grid"]),
            settings["bounded"],
            settings["lengths"] and tuple(settings["lengths"]),
            tuple(settings["log_length"]),
            tuple(settings.get("offsets", ())),
            Pace(*settings.get("pace", EVEN)),
        )


def channel_choices(panel: Panel, scaling: Choice, bounds: Choice) -> tuple[list[str], list[str]]:
    """Scaling and bounds chosen for each channel of ``panel``; errors as of :meth:`Preprocessor.fit`."""
    scalings = _by_channel("scaling", scaling, get_args(Scaling), panel)
    if panel.view == "image" and (strange := set(scalings) - {"auto", "standard"}):
        raise SettingError(
            f"{panel.name}: images are always scaled to [-1, 1], so expected scaling auto, got {min(strange)}; leave "
            "it out"
        )
    return scalings, _by_channel("bounds", bounds, get_args(Bounds), panel)


def _by_channel(what: str, choice: Choice, known: Sequence[str], panel: Panel) -> list[str]:
    choices = {OTHERS: choice} if isinstance(choice, str) else choice
    if strange := sorted(choices.keys() - {*panel.channels, OTHERS}):
        raise UnknownNameError("channel", strange[0], panel.channels)
    if strange := sorted(set(choices.values()) - set(known)):
        raise UnknownNameError(what, strange[0], known)
    return [choices.get(name, choices.get(OTHERS, "auto")) for name in panel.channels]


def _channels_of_format_2(settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What :meth:`ChannelTransform.from_dict` takes, from the preprocessing of an older run: a list for each attribute.

    The oldest runs have no curves, limits, kinds or steps.
    """
    n_channels = len(settings["offset"])
    ranges = list(zip(settings["low"], settings["high"], strict=True))
    attributes = {
        **{name: settings[name] for name in ("offset", "scale", "low")},
        "curve": settings.get("curves") or [None] * n_channels,
        "limits": settings.get("limits") or (ranges if settings["bounded"] else [UNLIMITED] * n_channels),
        "step": settings.get("steps") or [0.0] * n_channels,
        "kind": settings.get("kinds") or ["real"] * n_channels,
    }
    return [dict(zip(attributes, values, strict=True)) for values in zip(*attributes.values(), strict=True)]
