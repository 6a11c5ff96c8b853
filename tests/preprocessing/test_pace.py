"""Where the points of a common grid lie in series of unequal length."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from _trainers import walks
from tsinfogan.data.panel import Panel
from tsinfogan.preprocessing.pace import EVEN, MAX_END_SHARE, MIN_DISTANCE, MIN_END, Pace
from tsinfogan.preprocessing.preprocessor import Preprocessor

UNUSUAL = np.array([60, 110, 117, 130, 175])


@settings(deadline=None)
@given(
    lengths=st.lists(st.integers(14, 400), min_size=2, max_size=9),
    n_points=st.integers(8, 200),
    length=st.integers(2, 600),
)
def test_points_go_from_one_end_to_the_other_and_back(lengths: list[int], n_points: int, length: int) -> None:
    pace, points = Pace.of(np.array(lengths)), np.arange(n_points)
    rows = pace.rows(points, n_points, length)
    assert rows[[0, -1]] == pytest.approx([0, length - 1], abs=1e-9)
    assert (np.diff(rows) > 0).all()
    assert pace.points(rows, n_points, length) == pytest.approx(points, abs=1e-6)
    in_torch = pace.rows(torch.from_numpy(points).double(), n_points, torch.tensor([[float(length)]]).double(), torch)
    assert in_torch[0].numpy() == pytest.approx(rows, abs=1e-9)
    back = pace.points(in_torch, n_points, torch.tensor([[float(length)]]).double(), torch)
    assert back[0].numpy() == pytest.approx(points, abs=1e-6)


def test_points_at_the_ends_are_as_far_apart_in_every_series() -> None:
    pace, n_points = Pace.of(UNUSUAL), 72
    assert pace.end == pytest.approx(MAX_END_SHARE * 60)
    apart = {length: np.diff(pace.rows(np.arange(n_points), n_points, length)) for length in UNUSUAL}
    at_ends = int(pace.end / (116 / 71))
    for steps in apart.values():
        assert np.r_[steps[:at_ends], steps[-at_ends:]] == pytest.approx(116 / 71)
        assert steps == pytest.approx(steps[::-1])
    assert apart[117] == pytest.approx(116 / 71)
    assert apart[60].min() >= MIN_DISTANCE * 116 / 71
    # Shorter ones than were ever seen are as the shortest, scaled.
    assert np.diff(pace.rows(np.arange(n_points), n_points, 31)) == pytest.approx(apart[60] * 30 / 59)


@pytest.mark.parametrize("lengths", [[50, 50], [9, 12, 13], [20, 100, 100], [1, 50, 60]])
def test_points_are_evenly_spaced_where_ends_would_be_short_or_the_middle_gone(lengths: list[int]) -> None:
    assert Pace.of(np.array(lengths)) == EVEN
    assert EVEN.rows(np.arange(5), 5, 9).tolist() == [0, 2, 4, 6, 8]
    assert MIN_END > MAX_END_SHARE * 13


def test_the_series_by_which_graphs_and_pages_are_tested_have_such_ends() -> None:
    assert Pace.of(walks().case_lengths).end >= MIN_END


def tails(lengths: np.ndarray) -> Panel:
    """Slow waves as long as the series, which give way to the same decay at its end."""
    rng, cases = np.random.default_rng(0), []
    for length in lengths:
        left = np.arange(length)[::-1]  # rows
        wave = np.sin(np.linspace(0, 4, length) + rng.uniform(0, 1))
        cases.append((1 - np.exp(-left / 3) + wave / (1 + np.exp(15 - left)))[None])
    return Panel.from_cases(cases)


def test_what_takes_the_same_time_in_all_series_looks_the_same_to_networks() -> None:
    panel = tails(np.random.default_rng(1).integers(60, 160, 60))
    differ = {}
    for evenly in (True, False):
        fitted = Preprocessor.fit(panel, evenly=evenly)
        assert (fitted.pace == EVEN) == evenly
        seen = fitted.transform(panel)  # (n, 2, t)
        of_ten_rows = int(10 / 110 * fitted.grid[0])
        differ[evenly] = float(seen[:, 0, -of_ten_rows:].std(axis=0).max())
        values, lengths = fitted.inverse(seen)
        assert lengths is not None
        assert lengths.tolist() == panel.case_lengths.tolist()
        assert np.sqrt(np.nanmean((values - panel.values) ** 2)) < 0.02
    assert differ[False] < differ[True] / 10


def test_it_is_kept_with_the_model_and_older_ones_have_none() -> None:
    fitted = Preprocessor.fit(tails(UNUSUAL))
    written = json.loads(json.dumps(fitted.to_dict()))
    assert Preprocessor.from_dict(written) == fitted
    assert fitted.pace == Pace.of(UNUSUAL)
    del written["pace"]
    assert Preprocessor.from_dict(written).pace == EVEN
