"""How many steps, of how many series, a plan takes."""

from __future__ import annotations

import numpy as np
import pytest

from _trainers import images, waves
from tsinfogan.data.overlap import windows_of
from tsinfogan.data.panel import Panel
from tsinfogan.preprocessing.preprocessor import Preprocessor
from tsinfogan.training.effort import MAX_POINTS_PER_STEP, MIN_BATCH_SIZE
from tsinfogan.training.plan import Plan, make_plan


def plan(panel: Panel, **settings: object) -> Plan:
    return make_plan(panel, n_categories=(2,), settings=settings)


@pytest.mark.parametrize(("n_points", "n_cases"), [(32, 128), (312, 128), (313, 64), (625, 64), (626, 32), (1024, 32)])
def test_long_series_come_in_smaller_batches(n_points: int, n_cases: int) -> None:
    made = plan(waves(n_timepoints=n_points))
    assert made.training.batch_size == n_cases
    assert n_cases in (128, MIN_BATCH_SIZE) or n_cases * n_points <= MAX_POINTS_PER_STEP
    assert any("series a step" in reason for reason in made.reasons) == (n_cases < 128)


def test_a_batch_size_that_is_asked_for_stands() -> None:
    assert plan(waves(n_timepoints=700), batch_size=100).training.batch_size == 100
    assert plan(images()).training.batch_size == 128


@pytest.mark.parametrize("lengths", [(1600, 1600), (900, 1600)])
def test_the_points_that_count_are_those_of_the_common_grid(lengths: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    sizes = rng.integers(*lengths, 30, endpoint=True)
    smooth = [np.sin(np.linspace(0, rng.uniform(3, 6), size))[None] for size in sizes]
    rough = [rng.normal(size=(1, size)) for size in sizes]
    assert plan(Panel.from_cases(smooth)).training.batch_size == 128
    assert plan(Panel.from_cases(rough)).training.batch_size == MIN_BATCH_SIZE
    grid = Preprocessor.fit(Panel.from_cases(rough)).grid[0]
    assert f"32 series a step, as each has {grid} points on the common grid" in plan(Panel.from_cases(rough)).reasons


def test_windows_of_a_recording_are_seen_whole() -> None:
    recording = np.sin(np.linspace(0, 40, 3000))[None].astype(np.float32)
    panel = Panel(windows_of(recording, 1500, 10), ("x",))
    assert plan(panel).training.batch_size == MIN_BATCH_SIZE
    assert "1500 points" in plan(panel).reasons[-2]
