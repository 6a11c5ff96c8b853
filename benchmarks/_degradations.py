"""Ways to spoil real series, one fault each, which a measure of synthetic series must see or be known not to see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from tsinfogan.data.panel import FloatArray, Panel
from tsinfogan.errors import DataError

NOISE = 0.1
"""Standard deviations of the channel."""
REPEATED_SHARE = 0.05
SMOOTHING_SHARE = 0.1
"""Of a series' length: what the moving average spans."""
AMPLITUDE = 1.3

Spoil = Callable[[Panel, int], Panel]


@dataclass(frozen=True)
class Degradation:
    """One fault.

    Attributes:
        summary: what is done, in a few words for tables.
        spoil: series and a seed to as many spoilt series.
    """

    summary: str
    spoil: Spoil


def noisy(panel: Panel, seed: int) -> Panel:
    """White noise of a tenth of each channel's standard deviation added."""
    rng = np.random.default_rng(seed)
    axes = (0, *range(2, panel.values.ndim))
    spread = np.nanstd(panel.values, axis=axes, keepdims=True)
    noise = NOISE * spread * rng.standard_normal(panel.values.shape)
    return _with_values(panel, panel.values + noise.astype(np.float32))


def shuffled(panel: Panel, seed: int) -> Panel:
    """The timepoints of each series in random order, those of all its channels together."""
    rng = np.random.default_rng(seed)
    return _each(panel, lambda case: case[..., rng.permutation(case.shape[-1])])


def reversed_in_time(panel: Panel, seed: int) -> Panel:
    """Each series from its end to its beginning."""
    return _each(panel, lambda case: case[..., ::-1])


def out_of_step(panel: Panel, seed: int) -> Panel:
    """Each channel of each series rotated in time by an amount of its own: what leaves the end enters at the beginning.

    Each channel alone keeps its values and, but for one jump, its order.
    """
    rng = np.random.default_rng(seed)

    def rotated(case: FloatArray) -> FloatArray:
        return np.stack([np.roll(channel, rng.integers(channel.shape[-1]), axis=-1) for channel in case])

    return _each(panel, rotated)


def smoothed(panel: Panel, seed: int) -> Panel:
    """A moving average over a tenth of each series' length."""
    return _each(panel, _moving_average)


def scaled(panel: Panel, seed: int) -> Panel:
    """Every value three tenths farther from its channel's mean."""
    axes = (0, *range(2, panel.values.ndim))
    mean = np.nanmean(panel.values, axis=axes, keepdims=True)
    return _with_values(panel, (mean + AMPLITUDE * (panel.values - mean)).astype(np.float32))


def repeated(panel: Panel, seed: int) -> Panel:
    """A twentieth of the series, two at least, over and over."""
    rng = np.random.default_rng(seed)
    few = rng.permutation(panel.n_cases)[: max(round(REPEATED_SHARE * panel.n_cases), 2)]
    return panel.subset(np.resize(few, panel.n_cases))


def modes_dropped(panel: Panel, seed: int) -> Panel:
    """As many series, all of a random half of the classes.

    Raises:
        DataError: fewer than two classes.
    """
    labels = np.full(panel.n_cases, -1, np.int64) if panel.labels is None else panel.labels
    there = np.unique(labels[labels >= 0])
    if len(there) < 2:
        raise DataError(f"{panel.name}: expected labels of 2 or more classes to drop half of them, got {len(there)}")
    rng = np.random.default_rng(seed)
    kept = rng.permutation(there)[: len(there) // 2]
    rows = rng.permutation(np.flatnonzero(np.isin(labels, kept)))
    return panel.subset(np.resize(rows, panel.n_cases))


DEGRADATIONS: Mapping[str, Degradation] = {
    "noise": Degradation("white noise of .1 standard deviations added", noisy),
    "shuffling": Degradation("timepoints of each series in random order", shuffled),
    "reversal": Degradation("each series from end to beginning", reversed_in_time),
    "out of step": Degradation("each channel rotated in time by an amount of its own", out_of_step),
    "smoothing": Degradation("a moving average over a tenth of the length", smoothed),
    "scaling": Degradation("values 1.3 times as far from the mean", scaled),
    "duplication": Degradation("a twentieth of the series over and over", repeated),
    "mode dropping": Degradation("series of half of the classes only", modes_dropped),
}
"""By name. Copies of what the generator has seen are no spoilt series: they are handed in as they are."""


def _with_values(panel: Panel, values: FloatArray) -> Panel:
    """Other values of the same cases."""
    return replace(panel, values=values)


def _each(panel: Panel, change: Callable[[FloatArray], FloatArray]) -> Panel:
    """Each case changed over its own length."""
    values = panel.values.copy()
    for index in range(panel.n_cases):
        case = panel.case(index)
        values[index, ..., : case.shape[-1]] = change(case)
    return _with_values(panel, values)


def _moving_average(case: FloatArray) -> FloatArray:
    half = max(round(SMOOTHING_SHARE * case.shape[-1] / 2), 1)
    # the ends are held, so that nothing is drawn to zero there
    held = np.pad(case.astype(np.float64), [(0, 0)] * (case.ndim - 1) + [(half + 1, half)], mode="edge")
    sums = np.cumsum(held, axis=-1)
    width = 2 * half + 1
    averages: FloatArray = ((sums[..., width:] - sums[..., :-width]) / width).astype(np.float32)
    return averages
