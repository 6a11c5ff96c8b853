"""Samples keep a minimum distance from training series: what is near, what is drawn again, and row k stays row k."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from tsinfogan.data.panel import Panel
from tsinfogan.errors import DataError, SettingError
from tsinfogan.formats import read_panel
from tsinfogan.models.model import Model
from tsinfogan.sampling import memorization
from tsinfogan.sampling.memorization import Redrawing, TrainingSeries, nearest, stream_apart
from tsinfogan.sampling.request import CodeRequest
from tsinfogan.sampling.sampler import Sample, sample
from tsinfogan.training.plan import make_plan
from tsinfogan.training.session import build_model


def walks(n: int = 40, seed: int = 0) -> Panel:
    rng = np.random.default_rng(seed)
    cases = [np.cumsum(rng.normal(size=(2, int(length))), axis=1) for length in rng.integers(9, 21, n)]
    return Panel.from_cases(cases, channels=("x", "y"), name="walks")


@pytest.fixture(scope="module")
def model() -> Model:
    panel = walks()
    synthetic = build_model(make_plan(panel, n_categories=(3,), n_continuous=1, noise_dim=3, width=4), panel)
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in synthetic.generator.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape))
    return synthetic


def apart(
    model: Model, n: int, training_series: TrainingSeries, min_distance: float, seed: int = 0, **asked: Any
) -> tuple[Sample, int]:
    redrawing = Redrawing(min_distance)
    parts = list(stream_apart(model, n, CodeRequest.of(model, **asked), seed, training_series, redrawing))
    assert redrawing.n_cases == n
    return Sample.concatenated(parts), redrawing.n_redrawn


def test_nearest_is_what_brute_force_finds() -> None:
    rng = np.random.default_rng(0)
    values, others = (rng.normal(3, 1, (n, 7)).astype(np.float32) for n in (11, 29))
    values[4] = others[17]
    values[5] = others[3] + 1e-4
    all_distances = np.sqrt(((values[:, None] - others) ** 2).mean(axis=2))
    distances, indices = nearest(values, others, 3)
    np.testing.assert_array_equal(indices, np.argsort(all_distances, axis=1)[:, :3])
    np.testing.assert_allclose(distances, np.sort(all_distances, axis=1)[:, :3], rtol=1e-5)
    assert distances[4, 0] == 0
    assert distances[5, 0] == pytest.approx(1e-4, rel=0.01)


def test_distance_is_in_standard_deviations_whatever_the_unit() -> None:
    panel = walks()
    spread = np.nanstd(panel.values[:, 0])
    moved = replace(panel, values=panel.values + np.array([0.01 * spread, 0])[:, None].astype(np.float32))
    distances = TrainingSeries(panel).distances(moved)
    assert distances == pytest.approx(0.01 / np.sqrt(3), rel=0.01)  # one of two channels and the duration
    unit = np.array([1000, 1])[:, None].astype(np.float32)
    of_unit = TrainingSeries(replace(panel, values=panel.values * unit))
    np.testing.assert_allclose(of_unit.distances(replace(moved, values=moved.values * unit)), distances, rtol=1e-2)


def test_what_is_near_is_rare_among_real_series() -> None:
    training_series = TrainingSeries(walks(400))
    share = (training_series.distances(walks(400, seed=1)) < training_series.auto_distance).mean()
    assert training_series.auto_distance > 0
    assert share < 0.04
    assert (training_series.distances(walks(400)) < training_series.auto_distance).all()


def test_series_that_are_there_twice_leave_a_threshold() -> None:
    twice = Panel.concatenated([walks(), walks().subset(slice(4))])
    assert TrainingSeries(twice).auto_distance > 0
    with pytest.raises(DataError, match="2 or more training series"):
        _ = TrainingSeries(walks().subset(slice(1))).auto_distance


def test_only_near_ones_are_drawn_again_and_keep_their_codes(model: Model) -> None:
    plain = sample(model, 30, seed=5)
    training_series = TrainingSeries(
        Panel.concatenated([walks(), replace(plain.panel.subset(np.array([3, 17])), kinds=())])
    )
    synthetic, n_redrawn = apart(model, 30, training_series, 1e-3, seed=5)
    assert n_redrawn == 2
    assert (training_series.distances(synthetic.panel) >= 1e-3).all()
    others = np.delete(np.arange(30), [3, 17])
    np.testing.assert_array_equal(synthetic.panel.values[others], plain.panel.values[others])
    assert not np.array_equal(synthetic.panel.values[3], plain.panel.values[3], equal_nan=True)
    for name, column in plain.columns.items():
        np.testing.assert_array_equal(synthetic.columns[name], column)


def test_row_k_is_row_k(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tsinfogan.sampling.sampler.ROWS_PER_PASS", 8)
    monkeypatch.setattr(memorization, "MAX_REDRAWS", 200)
    training_series = TrainingSeries(walks())
    usual = float(np.median(training_series.distances(sample(model, 40).panel)))
    many, n_redrawn = apart(model, 40, training_series, usual)
    few, _ = apart(model, 11, training_series, usual)
    assert n_redrawn > 5
    np.testing.assert_array_equal(few.panel.values, many.panel.values[:11])
    assert (training_series.distances(many.panel) >= usual).all()


def test_a_bound_on_redraws(model: Model) -> None:
    with pytest.raises(SettingError, match=r"series 0 of category 2 is nearer than 50 .* in each of 21 draws"):
        apart(model, 5, TrainingSeries(walks()), 50.0, cat=2)


def test_sweeps_are_refused(model: Model) -> None:
    with pytest.raises(SettingError, match="leave out the sweep"):
        apart(model, 5, TrainingSeries(walks()), 0.1, cont=[(-1, 0, 1)])


# ---- the command


def test_command(command, trained, tmp_path):
    done = command("sample", "--runs", trained, "-n", 6, "--min-distance", "auto", "-o", tmp_path / "synthetic.csv")
    assert done.code == 0, done.err
    assert " of 6 series were nearer than 0." in done.err
    assert read_panel(tmp_path / "synthetic.csv").n_cases == 6


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--min-distance", "near"], "expected auto or a number of standard deviations in --min-distance, got 'near'"),
        (["--min-distance", "nan"], "got 'nan'"),
        (["--min-distance", "-1"], "got '-1'"),
        (["--min-distance", "99"], "in each of 21 draws; choose a smaller --min-distance"),
        (["--min-distance", "auto", "--cont", "-1:1:3,0"], "leave out the sweep"),
    ],
)
def test_mistakes(arguments, expected, command, trained, tmp_path):
    assert expected in command("sample", "--runs", trained, *arguments, "-o", tmp_path / "synthetic.csv").sentence
    assert not list(tmp_path.iterdir())


def test_series_that_are_not_at_hand(command, trained, small_csv, tmp_path):
    copy = tmp_path / "small.csv"
    shutil.copy(small_csv, copy)
    options = ("--width", 8, "--batch-size", 8, "--device", "cpu", "--steps", 1, "--runs", tmp_path / "runs")
    assert command("train", "--data", copy, *options).code == 0
    copy.unlink()
    sentence = command("sample", "--runs", tmp_path / "runs", "--min-distance", "auto").sentence
    assert "--min-distance needs the series that run" in sentence
    assert "small.csv is no longer there" in sentence
