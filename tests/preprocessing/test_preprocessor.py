"""Raw units to network arrays and back."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from tsinfogan.data.panel import Panel
from tsinfogan.preprocessing.grid import GRID_MULTIPLE, MAX_ACCURACY, choose_grid, told_apart
from tsinfogan.preprocessing.preprocessor import Preprocessor
from tsinfogan.preprocessing.resampling import resampled

RANDOM = np.random.default_rng(0)


def smooth_panel(lengths: list[int], n_channels: int = 2, waves: float = 2.0) -> Panel:
    """Sums of slow sines, in units far from one, of these lengths."""
    cases = []
    for length in lengths:
        time = np.linspace(0, 1, length)
        phase = RANDOM.uniform(0, 2 * np.pi, (n_channels, 1))
        cases.append(50 + 20 * np.sin(2 * np.pi * waves * time + phase) + 5 * np.cos(4 * np.pi * time - phase))
    return Panel.from_cases(cases)


def relative_error(panel: Panel, values: NDArray[np.float32]) -> float:
    """RMS error over the RMS of the series about their means, inside the cases."""
    error = power = 0.0
    for index in range(panel.n_cases):
        case = panel.case(index)
        error += float(((values[index][:, : case.shape[1]] - case) ** 2).sum())
        power += float(((case - case.mean(1, keepdims=True)) ** 2).sum())
    return float((error / power) ** 0.5)


def test_unequal_lengths_survive_within_one_percent_and_lengths_exactly() -> None:
    panel = smooth_panel([int(length) for length in RANDOM.integers(60, 180, 60)])
    fitted = Preprocessor.fit(panel)
    on_grid = fitted.transform(panel)
    assert on_grid.shape == (60, 3, *fitted.grid)
    assert fitted.n_constant == 1
    assert fitted.grid[0] < 100
    values, lengths = fitted.inverse(on_grid)
    assert lengths is not None
    assert np.array_equal(lengths, panel.case_lengths)
    assert relative_error(panel, values) < 0.01
    beyond = np.arange(values.shape[2]) >= lengths[:, None]
    assert np.array_equal(np.isnan(values), np.broadcast_to(beyond[:, None], values.shape))


def test_network_arrays_have_zero_mean_and_unit_spread() -> None:
    panel = smooth_panel([90, 100, 110] * 20)
    on_grid = Preprocessor.fit(panel).transform(panel)
    assert on_grid.dtype == np.float32
    assert on_grid.mean((0, 2)) == pytest.approx([0, 0, 0], abs=0.05)
    assert on_grid.std((0, 2)) == pytest.approx([1, 1, 1], abs=0.05)
    assert np.ptp(on_grid[:, -1], axis=1).max() == 0


def test_equal_lengths_pass_untouched() -> None:
    panel = Panel.from_arrays(RANDOM.normal(7, 3, (20, 3, 31)))
    fitted = Preprocessor.fit(panel)
    on_grid = fitted.transform(panel)
    assert (fitted.grid, fitted.n_constant) == ((31,), 0)
    assert on_grid.mean((0, 2)) == pytest.approx([0, 0, 0], abs=1e-5)
    assert on_grid.std((0, 2)) == pytest.approx([1, 1, 1], abs=1e-5)
    values, lengths = fitted.inverse(on_grid)
    assert lengths is None
    assert values == pytest.approx(panel.values, rel=1e-5, abs=1e-5)


def test_lengths_from_one_to_seven() -> None:
    panel = smooth_panel([1, 2, 3, 4, 5, 6, 7] * 3, waves=0.4)
    fitted = Preprocessor.fit(panel)
    assert fitted.grid == (8,)
    values, lengths = fitted.inverse(fitted.transform(panel))
    assert lengths is not None
    assert np.array_equal(lengths, panel.case_lengths)
    assert relative_error(panel, values) < 0.05


def test_great_differences_of_length_are_exact() -> None:
    panel = smooth_panel([1, 3, 50, 999, 1000, 1001, 20_000])
    fitted = Preprocessor.fit(panel)
    _, lengths = fitted.inverse(fitted.transform(panel))
    assert lengths is not None
    assert lengths.tolist() == [1, 3, 50, 999, 1000, 1001, 20_000]


def test_invented_durations_stay_within_the_lengths_seen() -> None:
    fitted = Preprocessor.fit(smooth_panel([40, 60, 80]))
    wild = RANDOM.normal(0, 100, (50, 3, *fitted.grid)).astype(np.float32)
    values, lengths = fitted.inverse(wild)
    assert lengths is not None
    assert set(lengths.tolist()) <= set(range(40, 81))
    assert {40, 80} <= set(lengths.tolist())
    assert values.shape == (50, 2, 80)


def test_inverting_in_pieces_gives_the_same() -> None:
    panel = smooth_panel([40, 60, 80, 50])
    fitted = Preprocessor.fit(panel)
    on_grid = fitted.transform(panel)
    whole, _ = fitted.inverse(on_grid)
    pieces = [fitted.inverse(on_grid[row : row + 1])[0] for row in range(4)]
    np.testing.assert_allclose(np.concatenate(pieces), whole, rtol=1e-5)


def test_images_span_minus_one_to_one_and_are_clipped_back() -> None:
    pixels = RANDOM.integers(0, 256, (10, 1, 6, 5)).astype(np.float32)
    pixels[0, 0, 0, :2] = 0, 255
    panel = Panel.from_arrays(pixels, view="image")
    fitted = Preprocessor.fit(panel)
    scaled = fitted.transform(panel)
    assert (fitted.bounded, fitted.n_constant, fitted.grid) == (True, 0, (6, 5))
    assert (scaled.min(), scaled.max()) == (-1, 1)
    values, _ = fitted.inverse(scaled)
    assert values == pytest.approx(pixels, abs=1e-3)
    beyond, _ = fitted.inverse(scaled * 1.5)
    assert (beyond.min(), beyond.max()) == (0, 255)


def test_input_is_left_alone() -> None:
    panel = smooth_panel([40, 60, 80])
    before = panel.values.copy()
    Preprocessor.fit(panel).transform(panel)
    assert np.array_equal(panel.values, before, equal_nan=True)


def test_constant_channel_and_single_case() -> None:
    values = RANDOM.normal(size=(1, 2, 20))
    values[:, 1] = 4.0
    panel = Panel.from_arrays(values)
    fitted = Preprocessor.fit(panel)
    on_grid = fitted.transform(panel)
    assert np.isfinite(on_grid).all()
    assert np.abs(on_grid[:, 1]).max() == 0
    assert fitted.inverse(on_grid)[0] == pytest.approx(panel.values, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("size", [1e-12, 1e-6, 1e6, 1e12])
def test_units_of_any_size(size: float) -> None:
    panel = Panel.from_arrays(RANDOM.normal(size=(10, 1, 20)) * size)
    fitted = Preprocessor.fit(panel)
    assert fitted.transform(panel).std() == pytest.approx(1, rel=1e-4)
    assert fitted.inverse(fitted.transform(panel))[0] == pytest.approx(panel.values, rel=1e-4, abs=1e-5 * size)


@pytest.mark.parametrize("panel", [smooth_panel([40, 60]), Panel.from_arrays(RANDOM.normal(size=(3, 1, 9)))])
def test_dictionary_survives_json(panel: Panel) -> None:
    fitted = Preprocessor.fit(panel)
    assert Preprocessor.from_dict(json.loads(json.dumps(fitted.to_dict()))) == fitted


@pytest.mark.parametrize(("n_from", "n_to"), [(4, 9), (9, 4), (30, 30), (5, 1)])
def test_resampling_is_exact_for_cubics(n_from: int, n_to: int) -> None:
    def cubic(time: NDArray[np.float64]) -> NDArray[np.float32]:
        return (1 - 2 * time + 3 * time**2 - 4 * time**3).astype(np.float32)

    on_points = resampled(cubic(np.linspace(0, 1, n_from)), n_to)
    assert on_points.dtype == np.float32
    assert on_points == pytest.approx(cubic(np.linspace(0, 1, n_to)), abs=1e-5)


@pytest.mark.parametrize("n_from", [1, 2, 3, 8])
def test_resampling_keeps_constants_and_stays_put(n_from: int) -> None:
    assert resampled(np.full((2, 3, n_from), 7, np.float32), 8) == pytest.approx(np.full((2, 3, 8), 7), rel=1e-6)
    series = RANDOM.normal(size=(2, 3, n_from)).astype(np.float32)
    assert resampled(series, n_from) == pytest.approx(series, abs=1e-6)


def test_grid_is_as_short_as_the_detail_allows() -> None:
    slow, fast = smooth_panel([150, 160] * 5, waves=1), smooth_panel([150, 160] * 5, waves=12)
    coarse, fine = (choose_grid([panel.case(k) for k in range(10)], 160) for panel in (slow, fast))
    assert coarse % GRID_MULTIPLE == fine % GRID_MULTIPLE == 0
    assert coarse < fine <= 160


def rough(n: int, size: float) -> list[np.ndarray]:
    """Slow waves of 96 points with a fast one of a given size."""
    rng, time = np.random.default_rng(0), np.linspace(0, 1, 96)
    phase = rng.uniform(0, 1, (n, 2, 1))
    waves = np.sin(2 * np.pi * (2 * time + phase[:, :1])) + size * np.sin(2 * np.pi * (14 * time + phase[:, 1:]))
    return [case.astype(np.float32) for case in waves]


def test_a_grid_that_gives_series_away_is_too_short() -> None:
    cases = rough(120, size=0.01)  # .01 of the spread: less than the error that is allowed
    through = [resampled(resampled(case[None], 24), 96)[0] for case in cases]
    assert told_apart(cases, through) > 0.9
    assert told_apart(cases, cases) == 0.5
    fewer = cases[:50]  # too few to classify: the error alone decides
    assert choose_grid(fewer, 96) < choose_grid(cases, 96)
    chosen = choose_grid(cases, 96)
    assert told_apart(cases, [resampled(resampled(case[None], chosen), 96)[0] for case in cases]) <= MAX_ACCURACY


def test_white_noise_needs_the_longest_grid() -> None:
    panel = Panel.from_cases([RANDOM.normal(size=(1, length)) for length in (61, 75, 83)])
    fitted = Preprocessor.fit(panel)
    assert fitted.grid == (88,)
    values, _ = fitted.inverse(fitted.transform(panel))
    error = relative_error(panel, values)
    assert error < 0.2
    assert error > 1e-4, "a measure of error that cannot fail"
