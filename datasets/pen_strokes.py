"""Pen strokes: 20 simulated letters with known factors, for which nothing has to be downloaded.

A letter is a smooth path through control points. The pen follows it by the two-thirds power law, speed ∝
curvature^(-1/3) (Lacquaniti, Terzuolo and Viviani, Acta Psychologica 1983), accelerates at the start and slows down at
the end. The timing is that of the upright letter, so each factor acts in closed form: slant and width are a linear map
of the velocities, tempo divides the duration, pressure multiplies the force.
"""

from __future__ import annotations

import math
from functools import lru_cache, partial

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d

from tsinfogan.data.augmentations import Augmentations
from tsinfogan.data.panel import Panel
from tsinfogan.datasets import Dataset, Split
from tsinfogan.datasets._pen_letters import LETTERS, Curve
from tsinfogan.errors import SettingError

Array = NDArray[np.float64]

LETTER_NAMES = tuple(LETTERS)
FACTOR_RANGES: dict[str, tuple[float, float]] = {
    "slant": (-0.2, 0.55),
    "width": (0.65, 1.4),
    "tempo": (0.75, 1.3),
    "pressure": (0.6, 1.4),
}
"""Ranges of the factors other than the letter, drawn uniformly: x added per y, x extent, speed of writing, and force. A
plain letter has slant 0 and 1 for the others."""

SMALL_LETTER_CM = 0.5
TIME_STEP_S = 0.005
AUGMENTATIONS = Augmentations(
    time_scale=0.25,
    time_shift=0.1,
    rotation_channels=(0, 1),
    amplitude=0.35,
    shear=0.3,
    stretch=0.3,
    gain=0.4,
    gain_channels=(2,),
)
"""About as strong as the factors vary; no letter is rotated."""
FOLLOWABLE = ("shear", "stretch", "time_scale", "gain")
"""The augmentations that change slant, width, tempo and pressure."""

_CASES = {"train": (2000, 1), "test": (1000, 2)}  # n_cases, seed
_TYPICAL_STEPS = 110.0
_TABLE_SIZE = 1024
_SMOOTHING_STEPS = 2.0
_WOBBLE_CM = 0.03
_WARP = 0.025
_FORCE_UNSTEADINESS = 0.06
_WAVES = 4
_BLOCK_CASES = 4096


def draw_letters(n_cases: int, seed: int) -> Panel:
    """Letters as of :func:`draw`, with factors drawn independently and uniformly; case k depends on the seed and k.

    Raises:
        SettingError: ``n_cases`` is below 1.
    """
    if n_cases < 1:
        raise SettingError(f"expected at least 1 case to draw, got {n_cases}; ask for more")
    chosen = np.random.Generator(np.random.PCG64([seed, 0])).random((n_cases, 1 + len(FACTOR_RANGES)))
    low, high = np.array(list(FACTOR_RANGES.values())).T
    letter = np.floor(chosen[:, 0] * len(LETTER_NAMES)).astype(np.int64)
    return draw(letter, *(low + (high - low) * chosen[:, 1:]).T, seed=seed)


def draw(
    letter: ArrayLike,
    slant: ArrayLike = 0.0,
    width: ArrayLike = 1.0,
    tempo: ArrayLike = 1.0,
    pressure: ArrayLike = 1.0,
    *,
    seed: int = 0,
    writer_noise: float = 1.0,
) -> Panel:
    """Letters with given factors, which are broadcast to ``(n_cases,)``.

    Channels are x and y velocity of the pen in cm/s and the change of its force in N/s, so the cumulative sum of the
    first two, times ``time_step``, is the path in cm; a small letter is 0.5 cm high, a tall one 1 cm.

    Args:
        letter: index into ``LETTER_NAMES``.
        slant: x added per y.
        width: x extent, 1 for the plain letter.
        tempo: speed of writing, which divides the number of timepoints.
        pressure: force in N with which the pen is pressed.
        seed: of the writer noise, which does not depend on the factors.
        writer_noise: strength of small smooth changes of path, speed and force; 0 for none.

    Returns:
        Panel with ``factors`` ``(n_cases, 5)``: letter, slant, width, tempo, pressure.

    Raises:
        SettingError: a factor is out of range, or the shapes of the factors do not fit.
    """
    factors = _checked_factors(letter, slant, width, tempo, pressure)  # (n, 5)
    _, _, steps = _tables()
    letters = factors[:, 0].astype(np.int64)
    lengths = np.rint(steps[letters] / factors[:, 3]).astype(np.int64)
    noise = np.random.Generator(np.random.PCG64([seed, 1])).standard_normal((len(factors), 4, _WAVES)) * writer_noise
    values = np.empty((len(factors), 3, lengths.max()), dtype=np.float32)
    for start in range(0, len(factors), _BLOCK_CASES):
        rows = slice(start, start + _BLOCK_CASES)
        values[rows] = _write(factors[rows], lengths[rows], noise[rows], lengths.max())
    return Panel(
        values,
        channels=("x", "y", "force"),
        lengths=lengths if np.ptp(lengths) else None,
        labels=letters,
        classes=LETTER_NAMES,
        factors=factors.astype(np.float32),
        factor_names=("letter", *FACTOR_RANGES),
        name="pen_strokes",
        time_step=TIME_STEP_S,
        time_unit="s",
        view="pen",
        augmentations=AUGMENTATIONS,
    )


def _checked_factors(*given: ArrayLike) -> Array:
    ranges = {"letter": (0.0, len(LETTER_NAMES) - 1.0), **FACTOR_RANGES}
    try:
        columns = np.broadcast_arrays(*(np.atleast_1d(np.asarray(values, dtype=np.float64)) for values in given))
    except ValueError as error:
        shapes = ", ".join(f"{name} {np.shape(values)}" for name, values in zip(ranges, given, strict=True))
        raise SettingError(f"expected factors of one common length, got {shapes}") from error
    if columns[0].ndim != 1 or not columns[0].size:
        raise SettingError(f"expected factors of shape (n_cases,), got {columns[0].shape}")
    for (name, (low, high)), column in zip(ranges.items(), columns, strict=True):
        fits = (column >= low - 1e-6) & (column <= high + 1e-6)  # float32 factors of a panel are accepted
        if name == "letter":
            fits &= column == np.floor(column)
        if not fits.all():
            case = int(np.argmin(fits))
            kind = "a whole number" if name == "letter" else "a number"
            raise SettingError(
                f"expected {kind} from {low:g} to {high:g} as {name}, got {column[case]:g} in case {case}"
            )
    return np.stack(columns, axis=1)


def _write(factors: Array, lengths: NDArray[np.int64], noise: Array, longest: int) -> Array:
    """``(n, 3, longest)`` velocities and change of force, NaN beyond each length."""
    paths, heaviness, _ = _tables()
    letters = factors[:, 0].astype(np.int64)[:, None]
    time = np.minimum(np.arange(longest + 1) / lengths[:, None], 1.0)  # (n, t + 1) share of the duration
    progress = _ease(time + _WARP * _waves(noise[:, 0], time, np.sin))
    index = progress * (_TABLE_SIZE - 1)
    left = np.minimum(index.astype(np.int64), _TABLE_SIZE - 2)
    share = index - left
    path = paths[letters, left] * (1 - share)[..., None] + paths[letters, left + 1] * share[..., None]  # (n, t + 1, 2)
    y = path[..., 1] + _WOBBLE_CM * _waves(noise[:, 2], progress, np.cos)
    x = factors[:, 2:3] * (path[..., 0] + _WOBBLE_CM * _waves(noise[:, 1], progress, np.cos)) + factors[:, 1:2] * y
    force = 1 + 0.3 * heaviness[letters, left] + _FORCE_UNSTEADINESS * _waves(noise[:, 3], progress, np.cos)
    force *= factors[:, 4:5] * _smooth_step((time - 0.03) / 0.2) * _smooth_step((0.97 - time) / 0.2)
    change = np.diff(np.stack([x, y, force], axis=1), axis=2) / TIME_STEP_S  # (n, 3, t)
    smooth: Array = gaussian_filter1d(change, _SMOOTHING_STEPS, axis=2, mode="constant")
    smooth[np.broadcast_to((np.arange(longest) >= lengths[:, None])[:, None], smooth.shape)] = np.nan
    return smooth


def _waves(weights: Array, time: Array, wave: np.ufunc) -> Array:
    """Smooth random function of ``time`` (n, t) with weights (n, k); sine waves are 0 at times 0 and 1."""
    total: Array = np.zeros_like(time)
    for order in range(1, _WAVES + 1):
        total += weights[:, order - 1, None] / order * wave(math.pi * order * time)
    return total


def _smooth_step(time: Array) -> Array:
    clipped = np.clip(time, 0.0, 1.0)
    return clipped**3 * (10 - clipped * (15 - 6 * clipped))


def _ease(time: Array, ramp: float = 0.18) -> Array:
    """Progress in 0…1 whose speed rises as a raised cosine, is constant, and falls again to 0."""
    time = np.clip(time, 0.0, 1.0)
    to_end = np.minimum(time, 1 - time)
    early = (to_end - ramp / math.pi * np.sin(math.pi * to_end / ramp)) / 2  # integral of (1 − cos) / 2
    covered = np.where(to_end < ramp, early, to_end - ramp / 2) / (1 - ramp)
    return np.where(time < 0.5, covered, 1 - covered)


@lru_cache(maxsize=1)
def _tables() -> tuple[Array, Array, Array]:
    """Every letter at equal steps of the time that the power law gives.

    Returns:
        Path ``(letters, points, 2)`` in cm, its downward direction ``(letters, points)`` in −1…1, and the number of
        timepoints ``(letters,)`` at tempo 1.
    """
    paths, heaviness, efforts = zip(*(_timed_path(curves) for curves in LETTERS.values()), strict=True)
    # Longer letters are written faster (isochrony): duration grows with about the root of the effort.
    steps = _TYPICAL_STEPS * (np.array(efforts) / np.mean(efforts)) ** 0.45
    return np.array(paths), np.array(heaviness), steps


def _timed_path(curves: list[Curve]) -> tuple[Array, Array, float]:
    path = _even_path(curves)
    tangent = np.diff(path, axis=0)
    step = float(np.hypot(*tangent.T).mean())
    tangent /= np.hypot(*tangent.T)[:, None]
    turning = np.hypot(*np.diff(tangent, axis=0, prepend=tangent[:1]).T) / step  # curvature, also of reversals
    smooth = partial(gaussian_filter1d, mode="nearest", axis=0)
    curvature = smooth(turning, 0.05 / step)
    slowness = np.cbrt(np.clip(curvature, 0.6, 30.0))
    clock = np.concatenate([[0.0], np.cumsum(slowness)])
    effort = float(clock[-1]) * step
    even = np.interp(np.linspace(0, 1, _TABLE_SIZE), clock / clock[-1], np.linspace(0, 1, len(path)))
    downward = smooth(-tangent[:, 1], 0.15 / step)
    at = even * (len(path) - 1)
    timed = np.stack([np.interp(at, np.arange(len(path)), path[:, axis]) for axis in (0, 1)], axis=1)
    return timed * SMALL_LETTER_CM, np.interp(at, np.arange(len(downward)) + 0.5, downward), effort


def _even_path(curves: list[Curve]) -> Array:
    """Points ``(points, 2)`` at equal distances along the letter."""
    pieces: list[Array] = []
    for curve in curves:
        start = [tuple(pieces[-1][-1])] if pieces else []
        points = np.array([*start, *curve])
        knots = np.concatenate([[0.0], np.cumsum(np.sqrt(np.hypot(*np.diff(points, axis=0).T)))])
        pieces.append(CubicSpline(knots, points, bc_type="natural")(np.linspace(0, knots[-1], _TABLE_SIZE)))
    dense = np.concatenate([pieces[0], *(piece[1:] for piece in pieces[1:])])
    covered = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(dense, axis=0).T))])
    indices = np.linspace(0, covered[-1], 2 * _TABLE_SIZE)
    return np.stack([np.interp(indices, covered, dense[:, axis]) for axis in (0, 1)], axis=1)


def _load(split: Split) -> Panel:
    return draw_letters(*_CASES[split])


DATASET = Dataset(
    summary="20 simulated letters, each written in one stroke, with known slant, width, tempo and pressure",
    source="computed from control points; nothing is downloaded",
    licence="Apache-2.0",
    citation="tsinfogan, pen_strokes",
    load=_load,
    n_categories=20,
    noise_dim=32,
    cont_follows=FOLLOWABLE,
)
