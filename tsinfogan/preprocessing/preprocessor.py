"""From raw units to what the networks see, and back: each channel scaled, unequal lengths on a common grid.

Series of unequal length are resampled by a cubic spline to the shortest grid that keeps the error under one percent,
and the duration travels as one more, constant channel. So no padding exists that could be learned as signal, and the
duration is learned together with the codes. On the way back each channel becomes what it was: whole where it was
whole, in steps where it went in steps, constant where it was constant, within its bounds where it has some.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, get_args

import numpy as np

from tsinfogan.data.panel import ChannelKind, FloatArray, IntArray, Panel
from tsinfogan.errors import SettingError, UnknownNameError
from tsinfogan.preprocessing.bounds import Bounds, Limits, find_limits, find_step
from tsinfogan.preprocessing.resampling import choose_grid, resampled, resampled_each, rows_to_choose_grid
from tsinfogan.preprocessing.scaling import Curve, Scaler, Scaling, curve_from_dict, fit_scaler

OTHERS = "*"
"""In choices by channel, stands for the channels that are not named."""
Choice = str | Mapping[str, str]
"""One choice for all channels, or one for each that is named, by name."""


@dataclass(frozen=True)
class Preprocessor:
    """A fitted, invertible mapping between panels and network arrays.

    Attributes:
        offset: subtracted from each channel.
        scale: each channel is divided by it afterwards.
        grid: spatial size that the networks see.
        low: least value seen in each channel.
        high: greatest value seen in each channel.
        bounded: whether the scaled channels span exactly [−1, 1] and never leave it.
        lengths: least and greatest length, where lengths differ; else None.
        log_length: mean and standard deviation of the log length, where lengths differ.
        curves: what bends each channel after that, or None for a channel that is scaled by a straight line; or empty.
        limits: least and greatest value of a sample of each channel; or empty.
        kinds: of each channel, as in :class:`Panel`; or empty.
        steps: of each channel, in which its values go from the least one, 0 for one without; or empty.
    """

    offset: tuple[float, ...]
    scale: tuple[float, ...]
    grid: tuple[int, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    bounded: bool = False
    lengths: tuple[int, int] | None = None
    log_length: tuple[float, float] = (0.0, 1.0)
    curves: tuple[Curve | None, ...] = ()
    limits: tuple[Limits, ...] = ()
    kinds: tuple[ChannelKind, ...] = ()
    steps: tuple[float, ...] = ()

    @classmethod
    def fit(cls, panel: Panel, scaling: Choice = "auto", bounds: Choice = "auto") -> Preprocessor:
        """Measures channels and lengths on ``panel``.

        Images are scaled to [−1, 1]. Series are scaled as ``scaling`` says; booleans, and channels that an augmentation
        changes in raw units (a rotation, a gain), always by a straight line.

        Args:
            panel: training data.
            scaling: as in :func:`tsinfogan.preprocessing.scaling.fit_scaler`, for all channels or by name.
            bounds: as in :func:`tsinfogan.preprocessing.bounds.find_limits`, likewise.

        Raises:
            SettingError: no such scaling, bounds or channel, or another scaling for images.
        """
        scalings, all_bounds = channel_choices(panel, scaling, bounds)
        bounded = panel.view == "image"
        augmentations = panel.augmentations
        straight = {*(augmentations.rotation_channels or ()), *augmentations.gain_channels}
        scalers: list[Scaler] = []
        limits: list[Limits] = []
        steps: list[float] = []
        for channel, kind in enumerate(panel.kinds or ("real",) * panel.n_channels):
            values = panel.values[:, channel]  # (n, *grid)
            limits.append(find_limits(values, kind != "real", "observed" if bounded else all_bounds[channel]))
            steps.append(0.0 if bounded or kind == "boolean" else find_step(values))
            if bounded:
                low, high = float(values.min()), float(values.max())
                scalers.append(Scaler((low + high) / 2, (high - low) / 2 or 1.0))
            else:
                line = kind == "boolean" or channel in straight
                scalers.append(fit_scaler(values, "standard" if line else scalings[channel]))
        axes = (0, *range(2, panel.values.ndim))
        fitted = cls(
            offset=tuple(scaler.offset for scaler in scalers),
            scale=tuple(scaler.scale for scaler in scalers),
            grid=panel.grid,
            low=tuple(np.nanmin(panel.values, axis=axes).tolist()),
            high=tuple(np.nanmax(panel.values, axis=axes).tolist()),
            bounded=bounded,
            curves=tuple(scaler.curve for scaler in scalers) if any(scaler.curve for scaler in scalers) else (),
            limits=tuple(limits),
            kinds=panel.kinds,
            steps=tuple(steps) if any(steps) else (),
        )
        if panel.lengths is None:
            return fitted
        rows = rows_to_choose_grid(panel.n_cases, panel.n_channels * float(panel.lengths.mean()))
        cases = [fitted._scaled(panel.case(int(row))[None])[0] for row in rows]
        log_length = np.log(panel.lengths)
        return replace(
            fitted,
            grid=(choose_grid(cases, int(panel.lengths.max())),),
            lengths=(int(panel.lengths.min()), int(panel.lengths.max())),
            log_length=(float(log_length.mean()), float(log_length.std())),
        )

    @property
    def n_channels(self) -> int:
        """Channels of the raw data."""
        return len(self.offset)

    @property
    def n_constant(self) -> int:
        """Trailing network channels that are constant over the grid: the duration, where lengths differ."""
        return 0 if self.lengths is None else 1

    @property
    def scalings(self) -> tuple[str, ...]:
        """How each channel is scaled: ``standard``, ``robust`` or ``quantile``."""
        curves = self.curves or (None,) * self.n_channels
        return tuple("standard" if curve is None else str(curve.to_dict()["scaling"]) for curve in curves)

    def transform(self, panel: Panel) -> FloatArray:
        """Network arrays ``(n_cases, n_channels + n_constant, *grid)`` of a panel with the fitted channels."""
        if self.lengths is None:
            return self._scaled(panel.values)
        lengths = panel.case_lengths
        on_grid = np.empty((panel.n_cases, self.n_channels + 1, *self.grid), np.float32)  # (n, c + 1, t)
        for length in np.unique(lengths):
            rows = np.flatnonzero(lengths == length)
            on_grid[rows, :-1] = resampled(self._scaled(panel.values[rows, :, :length]), self.grid[0])
        mean, spread = self.log_length
        on_grid[:, -1] = ((np.log(lengths) - mean) / (spread or 1.0))[:, None]
        return on_grid

    def inverse(self, values: FloatArray) -> tuple[FloatArray, IntArray | None]:
        """Raw values, NaN beyond each case's length, and the lengths (None where all are equal).

        Args:
            values: ``(n_cases, n_channels + n_constant, *grid)``.

        Returns:
            ``(n_cases, n_channels, n_timepoints)`` where n_timepoints is the greatest *fitted* length, so that
            arrays inverted in pieces fit together; or ``(n_cases, n_channels, *grid)``.
        """
        if self.lengths is None:
            return self._in_units(values.copy()), None
        mean, spread = self.log_length
        log_length = values[:, -1].mean(axis=1, dtype=np.float64) * spread + mean
        lengths = np.exp(np.clip(log_length, *np.log(self.lengths))).round().astype(np.int64)
        return self._in_units(resampled_each(values[:, :-1], lengths, self.lengths[1])), lengths

    def _scaled(self, values: FloatArray) -> FloatArray:
        """Raw ``(n, n_channels, …)`` as the networks see them, not yet resampled."""
        column = (1, -1, *(1,) * (values.ndim - 2))
        offset, scale = (np.array(x, np.float32).reshape(column) for x in (self.offset, self.scale))
        scaled: FloatArray = (values - offset) / scale
        for channel, curve in enumerate(self.curves):
            if curve is not None:
                line = (values[:, channel].astype(np.float64) - self.offset[channel]) / self.scale[channel]
                scaled[:, channel] = curve.forward(line)
        return scaled

    def _in_units(self, values: FloatArray) -> FloatArray:
        """The way back, in place: NaN stays NaN."""
        curves = self.curves or (None,) * self.n_channels
        for channel, curve in enumerate(curves):
            one, offset, scale = values[:, channel], self.offset[channel], self.scale[channel]
            if curve is None:
                one *= np.float32(scale)
                one += np.float32(offset)
            else:
                one[...] = curve.inverse(one.astype(np.float64)) * scale + offset
            if self.limits or self.bounded:
                ends = self.limits[channel] if self.limits else (self.low[channel], self.high[channel])
                if any(end is not None for end in ends):
                    np.clip(one, *ends, out=one)
            if self.steps and self.steps[channel]:
                low, step = self.low[channel], self.steps[channel]
                one[...] = low + np.rint((one.astype(np.float64) - low) / step) * step
            if self.kinds and self.kinds[channel] != "real":
                np.rint(one, out=one)
        return values

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; :meth:`from_dict` is its inverse."""
        return {**asdict(self), "curves": [curve and curve.to_dict() for curve in self.curves]}

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Preprocessor:
        """Rebuilds what :meth:`to_dict` gave. Runs from before there were curves and limits have neither."""
        fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
        fields["curves"] = tuple(curve and curve_from_dict(curve) for curve in settings.get("curves", ()))
        fields["limits"] = tuple(Limits(*pair) for pair in settings.get("limits", ()))
        return cls(**fields)


def channel_choices(panel: Panel, scaling: Choice, bounds: Choice) -> tuple[list[str], list[str]]:
    """Scaling and bounds asked for each channel of ``panel``.

    Raises:
        UnknownNameError: no such scaling, bounds or channel.
        SettingError: another scaling for images.
    """
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
