"""Samples that are no near-copies of training series: those that come too near are drawn again.

The distance of two series is the root mean square of their difference, with every channel scaled to spread 1 on the
training series and unequal lengths resampled to one grid, the duration being one more channel: .1 is a tenth of a
standard deviation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from tsinfogan.data.panel import FloatArray, IntArray, Panel
from tsinfogan.errors import DataError, SettingError
from tsinfogan.models.model import Model
from tsinfogan.preprocessing.preprocessor import Preprocessor
from tsinfogan.sampling.sampler import CodeRequest, Sample, redrawn, stream
from tsinfogan.seeding import Stream, derived_seed

NEAR_PERCENT = 1.0
NEAR_SHARE_OF_MEDIAN = 0.1
MAX_REDRAWS = 20
MAX_CASES_WITH_DISTANCES = 4000
CASES_PER_PASS = 512


@dataclass(frozen=True, eq=False)
class TrainingSeries:
    """Training series that are not to be copied.

    Attributes:
        panel: the series.
    """

    panel: Panel

    @cached_property
    def preprocessor(self) -> Preprocessor:
        """Scale and common grid."""
        return Preprocessor.fit(self.panel, "standard", "none")

    @cached_property
    def _values(self) -> FloatArray:
        return flat(self.preprocessor.transform(self.panel))

    def distances(self, panel: Panel) -> FloatArray:
        """``(n,)`` distance of each series of ``panel`` to the nearest of these."""
        return nearest(flat(self.preprocessor.transform(panel)), self._values, 1)[0][:, 0]

    @cached_property
    def auto_distance(self) -> float:
        """Below it, a series is as near to one of these as they hardly ever are to each other.

        The first percentile of the distance of each to its nearest other one; a tenth of the median where that is
        more, so that a set that holds some series twice has a threshold too.

        Raises:
            DataError: one series only.
        """
        n = self.panel.n_cases
        if n < 2:
            raise DataError(f"{self.panel.name}: expected 2 or more training series to tell what is near, got {n}")
        chosen = np.linspace(0, n - 1, min(n, MAX_CASES_WITH_DISTANCES)).astype(int)
        to_next = nearest(self._values[chosen], self._values, 2)[0][:, 1]
        return float(max(np.percentile(to_next, NEAR_PERCENT), NEAR_SHARE_OF_MEDIAN * np.median(to_next)))


@dataclass
class Redrawing:
    """What happened while samples were made.

    Attributes:
        least: distance that every sample keeps.
        n_cases: samples made.
        n_redrawn: those of them that were drawn again, once or more often.
    """

    least: float
    n_cases: int = field(default=0)
    n_redrawn: int = field(default=0)

    def __str__(self) -> str:
        """What happened, in a line."""
        return (
            f"{self.n_redrawn} of {self.n_cases} series were nearer than {self.least:.3g} to a training series and "
            "were drawn again"
        )


def stream_apart(
    model: Model, n: int, request: CodeRequest, seed: int, training_series: TrainingSeries, redrawing: Redrawing
) -> Iterator[Sample]:
    """As :func:`tsinfogan.sampling.sampler.stream`, every series at the least distance from each training series.

    A series that is nearer keeps its codes and gets other noise, the first of a row of draws that keeps away. So row k
    depends on the model, the request, the seed, k and the training series alone.

    Args:
        model: a trained model.
        n: number of series.
        request: where the codes stand; no sweep.
        seed: the same seed gives the same series.
        training_series: the training series.
        redrawing: the least distance; is told how many were drawn again.

    Raises:
        SettingError: a sweep, or a series that ``MAX_REDRAWS`` other draws did not bring away.
    """
    if request.n_points > 1:
        raise SettingError(
            "a sweep turns one code and holds all else, so no series of it can be drawn again alone; leave out the "
            "sweep or `min_distance`"
        )
    first = 0
    for part in stream(model, n, request, seed):
        near = np.flatnonzero(training_series.distances(part.panel) < redrawing.least)
        redrawing.n_cases += part.panel.n_cases
        redrawing.n_redrawn += len(near)
        is_named = "label" in part.columns
        for attempt in range(1, MAX_REDRAWS + 1):
            if not near.size:
                break
            again = redrawn(model, first, request, seed, derived_seed(seed, Stream.REDRAW, attempt), is_named)
            part = Sample(_with_rows(part.panel, again.panel, near), part.columns)
            near = near[training_series.distances(part.panel.subset(near)) < redrawing.least]
        if near.size:
            raise SettingError(_still_near(model, part, int(near[0]), first, redrawing.least))
        yield part
        first += part.panel.n_cases


def nearest(values: FloatArray, others: FloatArray, k: int) -> tuple[FloatArray, IntArray]:
    """``(n, k)`` distances to the k nearest of ``others``, and their places, nearest first.

    Args:
        values: ``(n, d)``.
        others: ``(m, d)`` with m ≥ k.
        k: how many.
    """
    middle = others.mean(axis=0, dtype=np.float64)
    columns = others.astype(np.float64) - middle  # (m, d)
    squares = (columns**2).sum(axis=1)
    distances = np.empty((len(values), k), np.float32)
    indices = np.empty((len(values), k), np.int64)
    for start in range(0, len(values), CASES_PER_PASS):
        rows = values[start : start + CASES_PER_PASS].astype(np.float64) - middle
        apart = squares - 2 * rows @ columns.T  # (rows, m), less the same number along each row
        best = np.argpartition(apart, k - 1, axis=1)[:, :k]
        exact = ((rows[:, None] - columns[best]) ** 2).mean(axis=2)  # no rounding where two are nearly equal
        order = np.argsort(exact, axis=1, kind="stable")
        indices[start : start + len(rows)] = np.take_along_axis(best, order, axis=1)
        distances[start : start + len(rows)] = np.sqrt(np.take_along_axis(exact, order, axis=1))
    return distances, indices


def flat(values: FloatArray) -> FloatArray:
    """``(n, c * points)`` of network arrays ``(n, c, *grid)``."""
    return values.reshape(len(values), -1)


def _with_rows(panel: Panel, other: Panel, rows: IntArray) -> Panel:
    """``panel`` with some of its series replaced by those of ``other`` in the same places."""
    values = panel.values.copy()
    values[rows] = other.values[rows]
    if panel.lengths is None:
        return replace(panel, values=values)
    assert other.lengths is not None
    lengths = panel.lengths.copy()
    lengths[rows] = other.lengths[rows]
    return replace(panel, values=values, lengths=lengths)


def _still_near(model: Model, part: Sample, row: int, first: int, least: float) -> str:
    column = model.settings.category_column
    where = "" if column is None else f" of category {part.columns[str(column)][row]}"
    return (
        f"series {first + row}{where} is nearer than {least:.3g} to a training series in each of "
        f"{MAX_REDRAWS + 1} draws; choose a smaller `min_distance`, or other codes"
    )
