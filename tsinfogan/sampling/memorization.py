"""Memorization: how near samples lie to training series, and samples without near-copies of these.

The distance of two series is the root mean square of their difference, with every channel scaled to standard deviation
1 on the training series, unequal lengths resampled to one grid, and the length as one more channel: 0.1 is a tenth of a
standard deviation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from tsinfogan.data.panel import FloatArray, IntArray, Panel
from tsinfogan.errors import DataError, SettingError
from tsinfogan.models.model import Model
from tsinfogan.preprocessing.preprocessor import Preprocessor
from tsinfogan.sampling.request import CodeRequest
from tsinfogan.sampling.sampler import Passes, Sample
from tsinfogan.seeding import Stream, derived_seed

NEAR_PERCENT = 1.0
NEAR_SHARE_OF_MEDIAN = 0.1
MAX_REDRAWS = 20
MAX_CASES_WITH_DISTANCES = 4000
ROWS_AT_ONCE, DISTANCES_AT_ONCE = 512, 2**24


@dataclass(frozen=True, eq=False)
class TrainingSeries:
    """The training series, which samples shall not copy."""

    panel: Panel

    @cached_property
    def preprocessor(self) -> Preprocessor:
        """Scales channels and resamples to the common grid."""
        return Preprocessor.fit(self.panel, "standard", "none", evenly=True)

    @cached_property
    def _values(self) -> FloatArray:
        return flat(self.preprocessor.transform(self.panel))

    def distances(self, panel: Panel) -> FloatArray:
        """``(n,)`` distance of each series of ``panel`` to the nearest training series."""
        return nearest(flat(self.preprocessor.transform(panel)), self._values, 1)[0][:, 0]

    @cached_property
    def auto_distance(self) -> float:
        """A minimum distance: the first percentile of nearest-neighbour distances among the training series.

        At least a tenth of their median, so that it is positive where some series occur twice.

        Raises:
            DataError: one series only.
        """
        n = self.panel.n_cases
        if n < 2:
            raise DataError(f"{self.panel.name}: expected 2 or more training series to tell what is near, got {n}")
        chosen = np.linspace(0, n - 1, min(n, MAX_CASES_WITH_DISTANCES)).astype(int)
        to_next = nearest(self._values[chosen], self._values, 2)[0][:, 1]  # the nearest is the series itself
        return float(max(np.percentile(to_next, NEAR_PERCENT), NEAR_SHARE_OF_MEDIAN * np.median(to_next)))


@dataclass
class Redrawing:
    """The minimum distance to training series, and how many samples so far were redrawn to keep it."""

    min_distance: float
    n_cases: int = 0
    n_redrawn: int = 0

    def __str__(self) -> str:
        """Both numbers in a sentence."""
        return (
            f"{self.n_redrawn} of {self.n_cases} series were nearer than {self.min_distance:.3g} to a training series "
            "and were drawn again"
        )


def stream_apart(
    model: Model,
    n: int,
    request: CodeRequest,
    seed: int,
    training_series: TrainingSeries,
    redrawing: Redrawing,
    rows: range | None = None,
    workers: int | None = None,
) -> Iterator[Sample]:
    """As :func:`tsinfogan.sampling.sampler.stream`, with a minimum distance from the training series.

    A sample that is nearer keeps its codes and gets other noise: the first of a sequence of draws that is far enough.
    So row k depends on the model, the request, the seed, k and the training series only. ``redrawing`` holds the
    minimum distance, and counts the redrawn samples. Each of ``workers``, by default one, holds distances to all
    training series; the other arguments are those of ``stream``.

    Raises:
        SettingError: a sweep, or a series that is too near in all of ``MAX_REDRAWS`` other draws.
    """
    if request.n_points > 1:
        raise SettingError(
            "a sweep varies one code and holds everything else, so none of its series can be drawn again alone; leave "
            "out the sweep or `min_distance`"
        )
    passes = Passes(model, n, request, seed)
    _ = training_series._values  # once, before several threads ask for it
    make = partial(_apart, passes, training_series, redrawing.min_distance)
    for part, n_redrawn in passes.each(make, rows or range(n), workers):
        redrawing.n_cases += part.panel.n_cases
        redrawing.n_redrawn += n_redrawn
        yield part


def _apart(
    passes: Passes, training_series: TrainingSeries, min_distance: float, first: int, kept: slice
) -> tuple[Sample, int]:
    """The kept rows of the pass from row ``first`` on, and how many of them were redrawn."""
    part = passes.generate(first).subset(kept)
    near = np.flatnonzero(training_series.distances(part.panel) < min_distance)
    n_redrawn = len(near)
    for attempt in range(1, MAX_REDRAWS + 1):
        if not near.size:
            break
        again = passes.generate(first, derived_seed(passes.seed, Stream.REDRAW, attempt)).subset(kept)
        rows = np.arange(part.panel.n_cases)  # of both: the samples, then those that replace near ones
        rows[near] = np.arange(len(rows), len(rows) + len(near))
        part = Sample.concatenated([part, again.subset(near)]).subset(rows)
        near = near[training_series.distances(part.panel.subset(near)) < min_distance]
    if near.size:
        column = passes.model.settings.category_column
        where = "" if column is None else f" of category {part.columns[column][near[0]]}"
        raise SettingError(
            f"series {first + kept.start + near[0]}{where} is nearer than {min_distance:.3g} to a training series in "
            f"each of {MAX_REDRAWS + 1} draws; choose a smaller `min_distance`, or other codes"
        )
    return part, n_redrawn


def nearest(values: FloatArray, others: FloatArray, k: int) -> tuple[FloatArray, IntArray]:
    """``(n, k)`` distances of ``(n, d)`` values to the k nearest of ``(m, d)`` others, and their indices, sorted."""
    middle = others.mean(axis=0, dtype=np.float64)
    columns = others.astype(np.float64) - middle  # (m, d)
    squares = (columns**2).sum(axis=1)
    distances = np.empty((len(values), k), np.float32)
    indices = np.empty((len(values), k), np.int64)
    n_rows = max(1, min(ROWS_AT_ONCE, DISTANCES_AT_ONCE // len(others)))
    for start in range(0, len(values), n_rows):
        rows = values[start : start + n_rows].astype(np.float64) - middle
        apart = squares - 2 * rows @ columns.T  # (rows, m), less a constant for each row
        best = np.argpartition(apart, k - 1, axis=1)[:, :k]
        exact = ((rows[:, None] - columns[best]) ** 2).mean(axis=2)  # (rows, k); the difference above loses digits
        order = np.argsort(exact, axis=1, kind="stable")
        indices[start : start + len(rows)] = np.take_along_axis(best, order, axis=1)
        distances[start : start + len(rows)] = np.sqrt(np.take_along_axis(exact, order, axis=1))
    return distances, indices


def flat(values: FloatArray) -> FloatArray:
    """``(n, c * points)`` of network arrays ``(n, c, *grid)``."""
    return values.reshape(len(values), -1)
