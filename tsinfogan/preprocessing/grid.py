"""How many points a common grid needs, so that nobody can tell that a series was on it.

A share of the variance cannot say: on CharacterTrajectories a grid of 40 points loses .7 % of it, and a linear
classifier of random convolutions at full length tells real series from the same series through that grid and back in
seven cases of ten. So that classifier chooses.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from tsinfogan.preprocessing.convolutions import convolution_features
from tsinfogan.preprocessing.pace import EVEN, Pace
from tsinfogan.preprocessing.resampling import off_grid, on_grid, resampled, spline_of

MAX_RESAMPLING_ERROR = 0.01
MAX_ACCURACY = 0.55
"""Of the classifier, which sees each case both ways and so is sharper than one that sees different cases: where it has
.54 on CharacterTrajectories, on 72 points, that one has .51 (docs/development/experiments.md)."""
MIN_CASES_TO_CLASSIFY = 100
MAX_POINTS = 256
"""Longer series are classified on so many points."""
PENALTY = 0.1
"""Of the ridge, for each feature."""
GRID_MULTIPLE = 8
MAX_GRID = 1024
"""Time and memory of a training grow with the points: longer series always go through a grid of so many at most."""
CASES_TO_CHOOSE_GRID = 200
MIN_CASES_TO_CHOOSE_GRID = 20
NUMBERS_TO_CHOOSE_GRID = 2_000_000
"""Most numbers that a grid is chosen from; evenly spaced cases, then channels, are left out beyond that."""

Cases = Sequence[NDArray[np.float32]]
"""Series ``(n_channels, length)`` each."""


def rows_to_choose_grid(n_cases: int, numbers_per_case: float) -> NDArray[np.int64]:
    """Indices of the evenly spaced cases, of ``n_cases`` with so many numbers each, that :func:`choose_grid` gets."""
    affordable = max(MIN_CASES_TO_CHOOSE_GRID, int(NUMBERS_TO_CHOOSE_GRID / numbers_per_case))
    n_chosen = min(n_cases, CASES_TO_CHOOSE_GRID, affordable)
    return np.linspace(0, n_cases - 1, n_chosen).astype(np.int64)


def choose_grid(cases: Cases, longest: int, pace: Pace = EVEN) -> int:
    """The shortest grid on which series survive resampling there and back; ``MAX_GRID`` points if none of those does.

    The relative error is at most one percent and, where there are cases enough for it, a classifier can hardly tell
    them from the series as they are.

    Args:
        cases: all channels on one scale.
        longest: length of the longest series, which may not be among them.
        pace: where the points of a grid lie.
    """
    n_channels, n_numbers = cases[0].shape[0], sum(case.size for case in cases)
    n_chosen = min(n_channels, max(1, n_channels * NUMBERS_TO_CHOOSE_GRID // n_numbers))
    channels = np.linspace(0, n_channels - 1, n_chosen).astype(int)
    centred = [case[channels] - case[channels].mean(axis=1, keepdims=True) for case in cases]
    energy = sum(float((case**2).sum()) for case in centred)
    splines = [spline_of(case[None]) for case in centred]

    def back(size: int) -> Cases:
        through = [on_grid(s, case.shape[1], size, pace) for case, s in zip(centred, splines, strict=True)]
        pairs = zip(through, centred, strict=True)
        return [off_grid(spline_of(values), size, case.shape[1], pace)[0] for values, case in pairs]

    def near(size: int) -> bool:
        pairs = zip(back(size), centred, strict=True)
        return sum(float(((there - case) ** 2).sum()) for there, case in pairs) <= MAX_RESAMPLING_ERROR**2 * energy

    greatest = min(MAX_GRID, -(-longest // GRID_MULTIPLE) * GRID_MULTIPLE)
    sizes = range(GRID_MULTIPLE, greatest, GRID_MULTIPLE)
    sizes = _from_first(sizes, near)
    if len(cases) >= MIN_CASES_TO_CLASSIFY:
        sizes = _from_first(sizes, lambda size: told_apart(centred, back(size)) <= MAX_ACCURACY)
    return sizes[0] if sizes else greatest


def _from_first(sizes: range, enough: Callable[[int], bool]) -> range:
    """The sizes from the first that is enough on: both criteria fall as sizes grow, so bisection finds it."""
    return sizes[bisect_left(sizes, True, key=enough) :]


def told_apart(some: Cases, others: Cases) -> float:
    """Accuracy of a ridge classifier of random convolutions on which of two ways of each case it sees.

    Half of the cases, both ways, are classified by what was fitted on the other half. (Imported here, because sampling
    reads this module and should start fast.)
    """
    from sklearn.linear_model import RidgeClassifier
    from sklearn.model_selection import GroupKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    n_points = min(MAX_POINTS, max(case.shape[1] for case in some))
    values = np.concatenate([resampled(case[None], n_points) for case in (*some, *others)])  # (2 n, c, t)
    features = convolution_features(torch.from_numpy(values), seed=0).numpy()  # (2 n, f)
    classifier = make_pipeline(StandardScaler(), RidgeClassifier(PENALTY * features.shape[1]))
    way, case = np.repeat([0, 1], len(some)), np.tile(np.arange(len(some)), 2)
    return float(cross_val_score(classifier, features, way, groups=case, cv=GroupKFold(2)).mean())
