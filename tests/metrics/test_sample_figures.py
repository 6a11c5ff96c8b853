"""Measures of samples against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tsinfogan.data.augmentations import Augmentations
from tsinfogan.data.panel import FloatArray, Panel
from tsinfogan.metrics.samples._components import Components
from tsinfogan.metrics.samples._frechet import frechet_distance
from tsinfogan.metrics.samples.autocorrelation import mean_autocorrelation
from tsinfogan.metrics.samples.convolutions import full_length_features
from tsinfogan.metrics.samples.convolutions import held_out_accuracy as ridge_accuracy
from tsinfogan.metrics.samples.coverage import overlap
from tsinfogan.metrics.samples.discriminator import held_out_accuracy
from tsinfogan.metrics.samples.duplicates import exact_share, near_share
from tsinfogan.metrics.samples.durations import duration_distance
from tsinfogan.metrics.samples.marginals import marginal_distance
from tsinfogan.metrics.samples.membership import attack_auc
from tsinfogan.metrics.samples.mmd import WIDTHS, squared_mmd
from tsinfogan.metrics.samples.modes import modes
from tsinfogan.metrics.samples.nearest import distance_ratio, share_nearer
from tsinfogan.metrics.samples.spectrum import amplitude_ratios, mean_amplitudes
from tsinfogan.metrics.samples.spread import class_spreads, component_spreads
from tsinfogan.preprocessing.augmenter import Augmenter
from tsinfogan.preprocessing.resampling import resampled

# ---- fidelity: closed forms


def test_frechet_of_normal_distributions() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(400, 5))
    assert frechet_distance(points, points) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(points, points + np.array([3, 0, 4, 0, 0])) == pytest.approx(25)
    # of one mean and commuting covariances S and 4 S: tr S (1 + 4 − 2 · 2)
    centred = points - points.mean(axis=0)
    assert frechet_distance(centred, 2 * centred) == pytest.approx(np.trace(np.cov(centred.T)))
    # axis by axis, (σ − σ′)² added up; fewer points than dimensions change nothing
    few = np.diag([1.0, 2.0, 3.0])
    assert frechet_distance(few, few[[2, 0, 1]]) == pytest.approx(0, abs=1e-9)


def test_frechet_agrees_with_the_square_root_of_a_matrix() -> None:
    from scipy.linalg import sqrtm

    rng = np.random.default_rng(1)
    one, other = (rng.normal(size=(60, 4)) @ rng.normal(size=(4, 4)) + rng.normal(size=4) for _ in range(2))
    s, t = np.cov(one.T), np.cov(other.T)
    expected = np.square(one.mean(0) - other.mean(0)).sum() + np.trace(s + t - 2 * sqrtm(s @ t).real)
    assert frechet_distance(one, other) == pytest.approx(expected)


def test_discriminator_guesses_where_there_is_nothing_and_is_right_where_there_is() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(300, 2, 16)).astype(np.float32)
    unaugmented = Augmenter(Augmentations(), (0.0, 0.0), (1.0, 1.0), 0, 1.0, 1)
    one, other = noise[:120], noise[120:]  # of the greater set as many are drawn
    assert held_out_accuracy(one, other, unaugmented, folds=2, steps=30) == pytest.approx(0.5, abs=0.12)
    assert held_out_accuracy(one + 1, other, unaugmented, folds=2, steps=30) > 0.95


def test_convolutions_see_what_a_coarse_grid_leaves_out() -> None:
    rng = np.random.default_rng(0)
    one, other = (np.cumsum(rng.normal(size=(200, 1, 96)), axis=2).astype(np.float32) for _ in range(2))
    features = [full_length_features(np.concatenate([one, each]), 1, 0) for each in (other, smoothed(other))]
    same, smooth = (ridge_accuracy(each[:200], each[200:]) for each in features)
    assert same == pytest.approx(0.5, abs=0.1)
    assert smooth > 0.95


def smoothed(values: FloatArray) -> FloatArray:
    """On 24 points and back."""
    return resampled(resampled(values, 24), values.shape[2])


def test_marginal_distance_of_a_shift_is_the_shift() -> None:
    values = np.random.default_rng(0).normal(size=(50, 2, 9)).astype(np.float32)
    spread = values.std(axis=(0, 2))
    shifted = values + 0.5 * spread[:, None]
    assert marginal_distance(shifted, values) == pytest.approx(0.5, rel=1e-3)
    shifted[:, :, 7:] = np.nan
    assert math.isfinite(marginal_distance(shifted, values))


def test_autocorrelation_of_a_wave_is_a_wave_and_of_alternation_alternates() -> None:
    time = np.arange(4000)
    wave = np.sin(2 * math.pi * time / 8)[None, None].astype(np.float32)
    found = mean_autocorrelation(wave, np.array([4000]), 8)
    np.testing.assert_allclose(found[0], np.cos(2 * math.pi * np.arange(1, 9) / 8), atol=0.01)
    alternating = np.tile([1.0, -1.0], 2)[None, None].astype(np.float32)
    np.testing.assert_allclose(mean_autocorrelation(alternating, np.array([4]), 3)[0], [-3 / 4, 2 / 4, -1 / 4])


def test_autocorrelation_is_over_each_series_own_length() -> None:
    rng = np.random.default_rng(0)
    cases = [rng.normal(size=(1, length)).astype(np.float32) for length in (5, 9)]
    panel = Panel.from_cases(cases)
    alone = [mean_autocorrelation(case[None], np.array([case.shape[1]]), 6)[0] for case in cases]
    both = mean_autocorrelation(panel.values, panel.case_lengths, 6)[0]
    np.testing.assert_allclose(both[:4], (alone[0] + alone[1])[:4] / 2, atol=1e-6)
    np.testing.assert_allclose(both[4:], alone[1][4:], atol=1e-6)  # the short one has no such lag
    constant = np.ones((1, 1, 5), np.float32)
    assert (mean_autocorrelation(constant, np.array([5]), 9) == 0).all()


def test_spectrum_of_a_wave_stands_at_its_harmonic_alone() -> None:
    time = np.arange(32) / 32
    wave = np.sin(2 * math.pi * 3 * time)
    amplitudes = mean_amplitudes(np.stack([wave, 2 * wave])[:, None].astype(np.float32))[0]
    assert amplitudes[2] == pytest.approx(1.5 * 16, rel=1e-4)
    np.testing.assert_allclose(np.delete(amplitudes, 2), 0, atol=1e-4)


def test_spectral_ratios_are_of_the_band_of_real_series_alone() -> None:
    time = np.arange(32) / 32
    low, high = np.sin(2 * math.pi * time), np.sin(2 * math.pi * 9 * time)
    real = low[None, None].astype(np.float32)
    np.testing.assert_allclose(amplitude_ratios(3 * real + high.astype(np.float32), real), [3], rtol=1e-5)
    assert amplitude_ratios(real, np.ones_like(real)).size == 0


def test_durations_twice_as_long_are_ln_2_away() -> None:
    lengths = np.array([10, 20, 40])
    assert duration_distance(2 * lengths, lengths) == pytest.approx(math.log(2) / np.log(lengths).std())
    assert duration_distance(np.full(3, 9), np.full(3, 9)) == 0


def test_mmd_of_two_points_and_of_one_distribution() -> None:
    reference, synthetic = np.array([[0.0], [1.0]]), np.array([[5.0], [5.0]])

    def kernel(square: float) -> float:
        return float(np.mean([np.exp(-square / width) for width in WIDTHS]))  # the median is 1

    expected = 1 + kernel(1) - 2 * (kernel(25) + kernel(16)) / 2
    assert squared_mmd(synthetic, reference) == pytest.approx(expected)
    rng = np.random.default_rng(0)
    draws = [squared_mmd(rng.normal(size=(40, 3)), rng.normal(size=(40, 3))) for _ in range(40)]
    assert abs(np.mean(draws)) < 3 * np.std(draws) / math.sqrt(40)  # no bias
    assert min(draws) < 0


# ---- diversity: closed forms


def test_spread_of_series_half_as_far_from_the_mean_is_half() -> None:
    rng = np.random.default_rng(0)
    real = rng.normal(size=(60, 4)).astype(np.float32)
    classes = np.repeat([0, 1, 2], 20)
    synthetic = real.copy()
    synthetic[:20] = synthetic[:20].mean(axis=0) + (synthetic[:20] - synthetic[:20].mean(axis=0)) / 2 + 7
    assert class_spreads(synthetic, classes, real, classes) == pytest.approx({0: 0.5, 1: 1, 2: 1}, rel=1e-4)
    unknown = np.where(classes == 1, -1, classes)
    assert class_spreads(synthetic, unknown, real, classes) == pytest.approx({0: 0.5, 2: 1}, rel=1e-4)
    components = Components.of(real)
    np.testing.assert_allclose(component_spreads(real, components), 1, rtol=1e-4)
    np.testing.assert_allclose(component_spreads(3 * real, components), 3, rtol=1e-4)


def test_coverage_of_equal_and_of_far_sets() -> None:
    rng = np.random.default_rng(0)
    points, far = rng.normal(size=(60, 2)), rng.normal(size=(60, 2)) + 99
    same = overlap(points, points)
    assert same.pop("density") == pytest.approx(6 / 5)  # each is in its own ball and in those of its neighbours
    assert set(same.values()) == {1}
    assert set(overlap(far, points).values()) == {0}


def test_coverage_of_independent_sets_is_what_chance_makes_it() -> None:
    rng = np.random.default_rng(0)
    found = [overlap(rng.normal(size=(200, 3)), rng.normal(size=(200, 3))) for _ in range(5)]
    expected = 1 - 0.5**5  # nearly: Naeem et al. 2020, equation 6, for many cases
    assert np.mean([one["coverage"] for one in found]) == pytest.approx(expected, abs=0.02)
    assert np.mean([one["density"] for one in found]) == pytest.approx(1, abs=0.1)


def test_half_of_a_set_covers_half() -> None:
    points = np.concatenate([np.random.default_rng(0).normal(size=(40, 2)) + position for position in (0, 50)])
    half = overlap(np.concatenate([points[:40]] * 2), points)
    assert half["precision"] == 1
    assert half["coverage"] == 0.5
    assert half["recall"] == pytest.approx(0.5, abs=0.1)


def test_modes_reached_and_how_evenly() -> None:
    real = np.repeat([0, 1, 2, 3], 25)
    assert list(modes(real, real).values()) == [1, 1]
    assert list(modes(real[:50], real).values()) == [0.5, 0.5]
    rare = np.concatenate([real[:75], [3]])  # 1 of 76 where 1 of 4 is real: too rare to be reached
    assert modes(rare, real)["modes_reached"] == 0.75
    assert list(modes(np.full(10, 5), real).values()) == [0, 0]


# ---- privacy: closed forms


def test_distances_to_the_nearest() -> None:
    held_out = np.arange(1, 101, dtype=np.float32)
    assert distance_ratio(held_out / 4, held_out) == pytest.approx(0.25)
    assert share_nearer(held_out, held_out) == pytest.approx(0.01)
    assert share_nearer(np.zeros(5, np.float32), held_out) == 1
    assert near_share(np.array([0, 5, 6, 90], np.float32), held_out) == 0.5  # a tenth of the median is 5.05


def test_exact_copies_are_found_at_their_own_length() -> None:
    seen = Panel.from_cases([np.ones((1, 3)), 2 * np.ones((1, 5))])
    synthetic = Panel.from_cases([2 * np.ones((1, 5)), np.ones((1, 4)), np.ones((1, 3)), np.zeros((1, 7))])
    assert exact_share(synthetic, seen) == 0.5


def test_membership_attack() -> None:
    near, far = np.array([0.1, 0.2, 0.3]), np.array([1.0, 2.0])
    assert attack_auc(near, far) == 1
    assert attack_auc(far, near) == 0
    assert attack_auc(near, near) == pytest.approx(0.5)
    assert attack_auc(np.array([1.0, 3.0]), np.array([2.0])) == pytest.approx(0.5)
