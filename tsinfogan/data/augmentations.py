"""Label-preserving augmentations: random changes that leave the class of a series as it is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from tsinfogan.errors import SettingError


@dataclass(frozen=True)
class Augmentations:
    """Strengths of the label-preserving augmentations; 0 switches one off.

    For each case, a value is drawn uniformly between minus and plus the strength.

    Attributes:
        time_scale: relative change of tempo about the middle of the series; 0.2 is ±20 %.
        time_shift: shift in time, as a fraction of the length.
        time_warp: amplitude of a smooth random warp of the time axis, as a fraction of the length.
        amplitude: relative change of the amplitude, one factor for all channels.
        offset: constant added to each channel, in standard deviations of that channel.
        noise: standard deviation of white noise, in standard deviations of each channel.
        rotation_rad: rotation of the plane of ``rotation_channels``, or of an image, in radians.
        rotation_channels: indices of two channels that span a plane, such as x and y velocity.
        shear: slant of that plane or of an image; 0.3 is ±0.3 x per y.
        stretch: relative change of width against height of that plane or of an image.
        gain: relative change of the raw values of ``gain_channels``.
        gain_channels: indices of channels that are scaled together, such as the force of a pen.

    Raises:
        SettingError: a strength is not in [0, 10), or ``gain`` is given without channels.

    Example:
        >>> from dataclasses import replace
        >>> from tsinfogan import Augmentations, Panel
        >>> panel = Panel.from_arrays([[[0, 1, 2]]], augmentations=Augmentations(time_scale=0.1, noise=0.02))
        >>> replace(panel, augmentations=Augmentations()).augmentations.noise
        0.0
    """

    time_scale: float = 0.0
    time_shift: float = 0.0
    time_warp: float = 0.0
    amplitude: float = 0.0
    offset: float = 0.0
    noise: float = 0.0
    rotation_rad: float = 0.0
    rotation_channels: tuple[int, int] | None = None
    shear: float = 0.0
    stretch: float = 0.0
    gain: float = 0.0
    gain_channels: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not name.endswith("_channels") and not 0 <= value < 10:
                raise SettingError(f"augmentation {name} must be between 0 and 10, got {value}")
        if self.gain and not self.gain_channels:
            raise SettingError("augmentation gain needs the channels whose size it changes")

    def to_dict(self) -> dict[str, Any]:
        """The strengths as JSON can hold them; :meth:`from_dict` is the inverse."""
        return asdict(self)

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> Augmentations:
        """The inverse of :meth:`to_dict`."""
        pair = settings.get("rotation_channels")
        gained = tuple(settings.get("gain_channels", ()))
        return cls(**{**settings, "rotation_channels": tuple(pair) if pair else None, "gain_channels": gained})


CAUTIOUS = Augmentations(time_scale=0.1, time_shift=0.05, amplitude=0.1, offset=0.1, noise=0.05)
"""The default for unknown data: changes too small to turn a series of one class into one of another."""
