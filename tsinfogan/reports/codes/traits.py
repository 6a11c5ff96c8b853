"""Traits that a person can see in one raw series, such as slant and width: what a continuous code may change.

Each trait is a closed formula of one case, without a fit to other cases. Those of a pen are independent: adding
``s · y`` to x changes the slant alone, stretching x the width alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tsinfogan.data.panel import FloatArray, Panel

Array = NDArray[np.float64]
Change = Literal["share", "angle", "amount"]
"""Unit of a change: a share of the value before, an angle in rad, or an amount in the channel's own unit."""


@dataclass(frozen=True)
class Trait:
    """One trait, and the words for an increase and a decrease, with ``{}`` in place of the figure."""

    name: str
    change: Change
    more: str
    less: str
    excludes: tuple[str, ...] = ()  # of nearly the same meaning; only the one that follows a code best is named


SLANT = Trait("slant", "angle", "slants to the right ({})", "slants to the left ({})", ("rotation",))
WIDTH = Trait("width", "share", "{} wider", "{} narrower", ("size",))
HEIGHT = Trait("height", "share", "{} taller", "{} lower", ("size",))
SIZE = Trait("size", "share", "{} larger", "{} smaller", ("width", "height"))
ROUNDNESS = Trait("roundness", "share", "{} rounder", "{} more angular")
DURATION = Trait("duration", "share", "slower, {} longer in time", "faster, {} shorter in time")
FORCE = Trait("force", "share", "pressed {} harder", "pressed {} more lightly")
THICKNESS = Trait("thickness", "share", "{} bolder", "{} thinner", ("ink",))
INK = Trait("ink", "share", "{} more ink", "{} less ink", ("thickness",))
ROTATION = Trait("rotation", "angle", "turned to the right ({})", "turned to the left ({})", ("slant",))

PEN_TRAITS = (SLANT, WIDTH, HEIGHT, SIZE, ROUNDNESS)
IMAGE_TRAITS = (SLANT, WIDTH, HEIGHT, SIZE, THICKNESS, INK, ROTATION)


@dataclass(frozen=True)
class Measured:
    """Traits of some cases."""

    traits: tuple[Trait, ...]
    values: Array  # (n_cases, n_traits), NaN where undefined, such as the slant of a flat line


def measure(panel: Panel) -> Measured:
    """The traits of every case that suit the panel: of pens, images or lines."""
    traits: tuple[Trait, ...]
    if panel.values.ndim == 4:
        return Measured(IMAGE_TRAITS, _image_traits(panel.values))
    if panel.view == "pen" and panel.n_channels >= 2:
        traits, columns = PEN_TRAITS, np.stack([_pen_traits(panel.case(i)) for i in range(panel.n_cases)])
        columns[:, [1, 2, 3]] *= panel.time_step  # velocities to lengths
        if panel.n_channels > 2:
            # The sum of absolute changes: the channel is the change of the force, and its running sum would drift.
            force = [np.abs(panel.case(i)[2]).sum(dtype=np.float64) for i in range(panel.n_cases)]
            traits, columns = (*traits, FORCE), np.column_stack([columns, np.array(force) * panel.time_step])
    else:
        traits = tuple(trait for channel in panel.channels for trait in _line_trait_names(channel, panel.n_channels))
        columns = np.stack([_line_traits(panel.case(i), panel.time_step).ravel() for i in range(panel.n_cases)])
    if panel.lengths is not None:
        traits, columns = (*traits, DURATION), np.column_stack([columns, panel.case_lengths * panel.time_step])
    return Measured(traits, columns)


def _pen_traits(case: FloatArray) -> Array:
    """Slant, width, height, size and roundness ``(5,)`` of the path of velocities ``(c, length)``, in time steps.

    The slope of x against y is weighted by the way travelled up and down. That makes it independent of the pen's speed,
    and shear adds exactly itself.
    """
    step = case[:2].astype(np.float64)  # (2, length)
    x, y = np.cumsum(step, axis=1)
    weight = np.abs(step[1])
    middle_x, middle_y = x - step[0] / 2, y - step[1] / 2
    if not weight.sum() > 0:
        return np.array([np.nan, np.ptp(x), 0.0, 0.0, np.nan])
    apart_x, apart_y = (middle - np.average(middle, weights=weight) for middle in (middle_x, middle_y))
    vertical = (weight * apart_y**2).sum()
    slope = (weight * apart_x * apart_y).sum() / vertical if vertical > 0 else np.nan
    upright = x - np.nan_to_num(slope) * y
    width, height = np.ptp(upright), np.ptp(y)
    return np.array([np.arctan(slope), width, height, np.sqrt(width * height), _roundness(upright, y)])


def _roundness(x: Array, y: Array) -> float:
    """4π · area / perimeter² of the hull of a path, stretched to a square box: 1 for an ellipse, π/4 for a square."""
    from scipy.spatial import ConvexHull, QhullError

    if not (np.ptp(x) > 0 and np.ptp(y) > 0):
        return float("nan")
    try:
        hull = ConvexHull(np.column_stack([x / np.ptp(x), y / np.ptp(y)]))
    except QhullError:  # all points on one line
        return float("nan")
    return float(4 * np.pi * hull.volume / hull.area**2)  # in the plane, scipy calls them volume and area


def _line_trait_names(channel: str, n_channels: int) -> tuple[Trait, ...]:
    of = "" if n_channels == 1 else f"{channel} "
    return (
        Trait(f"{of}level", "amount", f"{of}higher ({{}})", f"{of}lower ({{}})"),
        Trait(f"{of}spread", "share", f"{of}swings {{}} wider", f"{of}swings {{}} less"),
        Trait(f"{of}trend", "amount", f"{of}rises more ({{}})", f"{of}rises less ({{}})"),
        Trait(f"{of}frequency", "share", f"{of}oscillates {{}} faster", f"{of}oscillates {{}} slower"),
    )


def _line_traits(case: FloatArray, time_step: float) -> Array:
    """Level, spread, trend over the whole case, and mean frequency ``(c, 4)`` of ``(c, length)`` values."""
    values = case.astype(np.float64)
    length = values.shape[1]
    level, spread = values.mean(1), values.std(1)
    apart = values - level[:, None]
    time = np.linspace(-0.5, 0.5, length) if length > 1 else np.zeros(1)
    trend = apart @ time / ((time @ time) or np.nan)
    detrended = apart - np.nan_to_num(trend)[:, None] * time
    power = np.abs(np.fft.rfft(detrended * np.hanning(length), axis=1)) ** 2
    total = power.sum(1)
    real = total > 1e-12 * (values**2).sum(1)  # what rounding leaves of a straight line has no frequency
    frequency = np.full(len(values), np.nan)
    frequency[real] = (power @ np.fft.rfftfreq(length, time_step))[real] / total[real]
    return np.column_stack([level, spread, trend, frequency])


def _image_traits(values: FloatArray) -> Array:
    """Slant, width, height, size, thickness, ink and rotation ``(n, 7)`` of images ``(n, c, h, w)``, in pixels.

    Ink is what differs from the border. Slant and extents come from its second moments, an extent as that of an even
    bar with the same spread; thickness is twice the ink over its outline, which is the sum of all gradients.
    """
    images = values.astype(np.float64).mean(1)  # (n, h, w)
    border = np.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], axis=1)
    ink = np.abs(images - np.median(border, axis=1)[:, None, None])
    mass = ink.sum((1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        x, y = np.arange(images.shape[2]), -np.arange(images.shape[1])[:, None]  # y upwards
        centre_x, centre_y = ((ink * index).sum((1, 2)) / mass for index in (x, y))
        apart_x, apart_y = x - centre_x[:, None, None], y - centre_y[:, None, None]  # (n, 1, w), (n, h, 1)
        products = (apart_x**2, apart_y**2, apart_x * apart_y)
        var_x, var_y, cov = ((ink * product).sum((1, 2)) / mass for product in products)
        slope = cov / var_y
        width, height = np.sqrt(12 * np.maximum(0, var_x - slope * cov)), np.sqrt(12 * var_y)
        padded = np.pad(ink, ((0, 0), (1, 1), (1, 1)))
        right, down = np.diff(padded, axis=2)[:, 1:], np.diff(padded, axis=1)[:, :, 1:]
        thickness = 2 * mass / np.hypot(right, down).sum((1, 2))
        rotation = 0.5 * np.arctan2(2 * cov, var_y - var_x)  # of the long axis, from upright
    columns: list[Any] = [np.arctan(slope), width, height, np.sqrt(width * height), thickness, mass, rotation]
    traits = np.stack(columns, axis=1)
    traits[~np.isfinite(traits)] = np.nan
    return traits
