"""One channel from raw units to what the networks see, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, get_args

import numpy as np

from tsinfogan.data.panel import ChannelKind, FloatArray, Panel
from tsinfogan.errors import SettingError, UnknownNameError
from tsinfogan.preprocessing.bounds import Bounds, Limits, find_limits, find_step
from tsinfogan.preprocessing.scaling import Curve, Scaler, Scaling, curve_from_dict, fit_scaler

OTHERS = "*"
"""In choices by channel, stands for the channels that are not named."""
Choice = str | Mapping[str, str]
"""One choice for all channels, or one for each that is named, by name."""
UNLIMITED = Limits()


@dataclass(frozen=True)
class ChannelTransform:
    """How one channel is scaled, and which values its samples may take.

    Attributes:
        offset: subtracted first.
        scale: divided by next.
        curve: applied last, or None for linear scaling.
        low: least value of the training data, from which steps are counted.
        limits: least and greatest value of a sample.
        step: values of a sample are whole numbers of steps from ``low``; 0 for any value.
        kind: as in :class:`Panel`; samples of integers and booleans are rounded.
    """

    offset: float = 0.0
    scale: float = 1.0
    curve: Curve | None = None
    low: float = 0.0
    limits: Limits = UNLIMITED
    step: float = 0.0
    kind: ChannelKind = "real"

    @classmethod
    def fit(cls, values: FloatArray, kind: ChannelKind, scaling: str, bounds: str, image: bool) -> ChannelTransform:
        """The transform for all values of a channel, of any shape, NaN where there is none; images become [−1, 1]."""
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
        scaler = Scaler((low + high) / 2, (high - low) / 2 or 1.0) if image else fit_scaler(values, scaling)
        limits = find_limits(values, kind != "real", "observed" if image else bounds)
        step = 0.0 if image or kind == "boolean" else find_step(values)
        return cls(*scaler, low, limits, step, kind)

    @property
    def scaling(self) -> str:
        """``standard``, ``robust`` or ``quantile``."""
        return "standard" if self.curve is None else self.curve.scaling

    def forward(self, values: FloatArray) -> FloatArray:
        """Raw values of any shape as the networks see them; NaN stays NaN."""
        if self.curve is None:
            linear: FloatArray = (values - np.float32(self.offset)) / np.float32(self.scale)
            return linear
        return self.curve.forward((values.astype(np.float64) - self.offset) / self.scale).astype(np.float32)

    def inverse(self, scaled: FloatArray) -> FloatArray:
        """The raw values of network values of any shape, within the limits, on steps, rounded; NaN stays NaN."""
        if self.curve is None:
            raw: FloatArray = scaled * np.float32(self.scale)
            raw += np.float32(self.offset)
        else:
            raw = (self.curve.inverse(scaled.astype(np.float64)) * self.scale + self.offset).astype(np.float32)
        if any(end is not None for end in self.limits):
            np.clip(raw, *self.limits, out=raw)
        if self.step:
            raw[...] = self.low + np.rint((raw.astype(np.float64) - self.low) / self.step) * self.step
        if self.kind != "real":
            np.rint(raw, out=raw)
        return raw

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; :meth:`from_dict` is its inverse."""
        return {**asdict(self), "curve": self.curve and self.curve.to_dict()}

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> ChannelTransform:
        """Rebuilds what :meth:`to_dict` gave."""
        curve = settings["curve"] and curve_from_dict(settings["curve"])
        return cls(**{**settings, "curve": curve, "limits": Limits(*settings["limits"])})


def channels_of_format_2(settings: Mapping[str, Any]) -> list[dict[str, Any]]:
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


def channel_choices(panel: Panel, scaling: Choice, bounds: Choice) -> tuple[list[str], list[str]]:
    """Scaling and bounds chosen for each channel of ``panel``.

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
