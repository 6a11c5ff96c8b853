"""Every registered measure of synthetic series keeps the contract; each distinguishes fresh real from spoilt series."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from _degradations import DEGRADATIONS
from tsinfogan.data.augmentations import Augmentations
from tsinfogan.data.labels import labels_among
from tsinfogan.data.panel import FloatArray, Panel
from tsinfogan.metrics.augmentation.study import without_labels
from tsinfogan.metrics.power import Chance
from tsinfogan.metrics.results import verdict_of
from tsinfogan.metrics.samples import SAMPLE_MEASURES, Better, Group, Need, StandIn
from tsinfogan.metrics.samples._components import Components
from tsinfogan.metrics.samples._frechet import frechet_distance
from tsinfogan.metrics.samples.autocorrelation import mean_autocorrelation
from tsinfogan.metrics.samples.context import RealData, SampleContext
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

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "measures.md").read_text()
NAMES = SAMPLE_MEASURES.names()
over_measures = pytest.mark.parametrize("name", NAMES)


def sines(n: int, seed: int) -> Panel:
    """Dying waves of three classes and unequal lengths, with a little noise, the same process for every seed."""
    rng = np.random.default_rng(seed)
    cases = []
    for index in range(n):
        length = int(rng.integers(20, 28)) + 4 * (index % 3)
        time = np.linspace(0, 1, length)
        wave = 2 * math.pi * (1 + index % 3) * time + rng.normal(0, 0.3)
        strength = rng.normal(1, 0.2) * np.exp(-2 * time)
        cases.append(strength * np.stack([np.sin(wave), np.sin(wave + 0.7)]) + rng.normal(0, 0.02, (2, length)))
    labels = [("a", "b", "c")[index % 3] for index in range(n)]
    return Panel.from_cases(cases, labels=labels, augmentations=Augmentations(amplitude=0.1), name=f"sines {seed}")


SEEN, REFERENCE, FRESH = sines(150, 0), sines(150, 1), sines(150, 2)


@pytest.fixture(scope="module", autouse=True)
def fewer_steps() -> Iterator[None]:
    """Enough for data as plain as these."""
    with pytest.MonkeyPatch.context() as patch:
        for module, steps in (("context", 100), ("discriminator", 80)):
            patch.setattr(f"tsinfogan.metrics.samples.{module}.QUICK_STEPS", steps)
        yield


@pytest.fixture(scope="module")
def real() -> RealData:
    return RealData(SEEN, REFERENCE, quick=True)


def computed(name: str, real: RealData, synthetic: Panel, seed: int = 0) -> dict[str, float]:
    return dict(SAMPLE_MEASURES.get(name).compute(SampleContext.of(real, synthetic), seed))


@pytest.fixture(scope="module")
def good(real: RealData) -> dict[str, dict[str, float]]:
    """Figures of a fresh draw, by measure."""
    return {name: computed(name, real, FRESH) for name in NAMES}


@pytest.fixture(scope="module")
def baselines(real: RealData) -> dict[str, dict[str, float]]:
    return {
        name: dict(measure.compute(SampleContext.baseline(real, measure.stand_in, 0, FRESH.n_cases), 0))
        for name, measure in ((name, SAMPLE_MEASURES.get(name)) for name in NAMES)
    }


# ---- the contract


@over_measures
def test_entry(name: str) -> None:
    measure = SAMPLE_MEASURES.get(name)
    assert measure.summary
    assert "\n" not in measure.summary
    assert not measure.summary.endswith(".")
    assert measure.group in get_args(Group)
    assert measure.needs <= set(get_args(Need))
    assert measure.stand_in in get_args(StandIn)
    assert 1 <= measure.repeats_in(quick=True) <= measure.repeats_in(quick=False) == measure.repeats
    assert measure.figures
    for figure in measure.figures.values():
        assert figure.summary
        assert figure.far
        assert figure.better in get_args(Better)
        assert figure.slack >= 0


def test_no_two_measures_share_a_figure() -> None:
    names = [figure for name in NAMES for figure in SAMPLE_MEASURES.get(name).figures]
    assert len(names) == len(set(names))


@over_measures
def test_figures_are_those_declared_finite_and_documented(name: str, good: dict[str, dict[str, float]]) -> None:
    assert good[name].keys() == SAMPLE_MEASURES.get(name).figures.keys()
    assert all(type(value) is float and math.isfinite(value) for value in good[name].values()), good[name]
    assert re.search(rf"^\| `{name}` \|", PAGE, re.MULTILINE), f"docs/measures.md has no row of {name}"
    for figure in good[name]:
        assert f"`{figure}`" in PAGE, f"docs/measures.md does not tell of {figure}"


@over_measures
def test_figures_are_the_same_again(name: str, real: RealData, good: dict[str, dict[str, float]]) -> None:
    again = RealData(SEEN, REFERENCE, quick=True)
    again.__dict__["classifier"] = real.classifier  # tests/test_measures.py says that it is the same
    assert computed(name, again, FRESH) == good[name]


@over_measures
def test_a_fresh_draw_is_near_and_every_figure_sees_some_fault(
    name: str, real: RealData, good: dict[str, dict[str, float]], baselines: dict[str, dict[str, float]]
) -> None:
    measure = SAMPLE_MEASURES.get(name)

    def judged_far(figures: dict[str, float]) -> set[str]:
        compared = {
            figure: verdict_of(spec, figures[figure], baselines[name][figure], Chance(0, 0))
            for figure, spec in measure.figures.items()
        }
        return {figure for figure, (_, outcome) in compared.items() if outcome == "differs"}

    assert not judged_far(good[name]), (good[name], baselines[name])
    unseen = set(measure.figures)
    for synthetic in spoilt():
        if not unseen:
            break
        unseen -= judged_far(computed(name, real, synthetic))
    assert not unseen, f"no fault moves {unseen}"


@over_measures
def test_labels_and_factors_of_one_side_alone_do_no_harm(
    name: str, real: RealData, good: dict[str, dict[str, float]]
) -> None:
    if not SAMPLE_MEASURES.get(name).needs & {"labels", "classes"}:
        assert computed(name, real, without_labels(FRESH)).keys() == good[name].keys()


def spoilt() -> Iterator[Panel]:
    """Every fault, another level, and copies of what was seen; first what most measures see."""
    yield DEGRADATIONS["shuffling"].spoil(FRESH, 0)
    yield replace(FRESH, values=FRESH.values + 1)
    yield SEEN
    for fault in sorted(DEGRADATIONS.keys() - {"shuffling"}):
        yield DEGRADATIONS[fault].spoil(FRESH, 0)


KINDS = {
    "images": Panel.from_arrays(
        np.random.default_rng(0).uniform(size=(24, 1, 8, 8)), view="image", labels=["a", "b"] * 12
    ),
    "no labels": without_labels(sines(24, 3)),
    "few labels": Panel.from_cases(
        [np.cumsum(np.random.default_rng(n).normal(size=(2, 9 + n % 5)), axis=1) for n in range(24)],
        labels=[("a", "b", None, None)[n % 4] for n in range(24)],
    ),
    "one channel, equal lengths": Panel.from_arrays(np.random.default_rng(0).normal(size=(24, 1, 16)).cumsum(axis=2)),
    "one constant channel": Panel.from_arrays(
        np.concatenate([np.random.default_rng(0).normal(size=(24, 1, 16)), np.ones((24, 1, 16))], axis=1)
    ),
    "equal series": Panel.from_arrays(np.ones((24, 2, 16)) * np.sin(np.arange(16))),
}


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("context", *NAMES):
        loaded = import_module(f"tsinfogan.metrics.samples.{module}")
        if hasattr(loaded, "QUICK_STEPS"):
            monkeypatch.setattr(loaded, "QUICK_STEPS", 2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.usefixtures("few_steps")
def test_other_kinds_of_data_are_measured_or_left_out_for_a_reason(kind: str) -> None:
    panel = KINDS[kind]
    indices = np.arange(panel.n_cases)
    context = SampleContext.of(
        RealData(panel, panel.subset(indices[::-1]), quick=True), panel.subset(np.roll(indices, 5))
    )
    skipped = {}
    for name in NAMES:
        measure = SAMPLE_MEASURES.get(name)
        if (reason := context.missing(measure)) is not None:
            skipped[name] = reason
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            figures = measure.compute(context, 0)
        assert all(math.isfinite(value) for value in figures.values()), (name, figures)
    assert ("spectrum" in skipped) == (kind == "images")
    assert ("tstr" in skipped) == (kind not in ("images", "few labels"))
    assert ("durations" in skipped) == (kind not in ("no labels", "few labels"))


# ---- what measures share


def test_missing_says_why() -> None:
    panel = KINDS["one channel, equal lengths"]
    context = SampleContext.of(RealData(panel, panel), panel)
    assert context.missing(SAMPLE_MEASURES.get("durations")) == "all series have the same length"
    assert "labels" in str(context.missing(SAMPLE_MEASURES.get("tstr")))
    assert "two or more classes" in str(context.missing(SAMPLE_MEASURES.get("frechet")))
    few = SampleContext.of(RealData(SEEN, REFERENCE), FRESH.subset(slice(0, 3)))
    assert few.missing(SAMPLE_MEASURES.get("marginals")) == "it needs 10 series of each kind, and there are 3"
    assert (
        SampleContext.of(RealData(SEEN, REFERENCE), without_labels(FRESH)).missing(SAMPLE_MEASURES.get("frechet"))
        is None
    )


def test_labels_are_told_by_name_not_by_number() -> None:
    panel = Panel.from_arrays(np.zeros((4, 1, 3)), labels=["c", "x", None, "a"])
    assert labels_among(panel, ("a", "b", "c")).tolist() == [2, -1, -1, 0]
    assert labels_among(without_labels(panel), ("a",)).tolist() == [-1] * 4


def test_baselines_are_of_real_series_in_the_place_of_synthetic_ones(real: RealData) -> None:
    seen = SampleContext.baseline(real, "seen", 0, 40)
    assert seen.synthetic.n_cases == 40
    assert {case.tobytes() for case in seen.synthetic.values} <= {case.tobytes() for case in SEEN.values}
    assert seen.reference is REFERENCE
    apart = SampleContext.baseline(real, "reference", 0, 40)
    sides = [{case.tobytes() for case in panel.values} for panel in (apart.synthetic, apart.reference)]
    assert not sides[0] & sides[1]
    assert sides[0] | sides[1] == {case.tobytes() for case in REFERENCE.values}


def test_copies_are_looked_for_among_all_that_was_seen() -> None:
    some = RealData(SEEN.subset(slice(0, 50)), REFERENCE, training_series=SEEN)
    assert computed("duplicates", some, SEEN.subset(slice(100, 150)))["exact_duplicates"] == 1
    assert computed("duplicates", some, SEEN.subset(slice(100, 150)))["near_duplicates"] == 1
    assert computed("duplicates", RealData(some.seen, REFERENCE), SEEN.subset(slice(100, 150)))["exact_duplicates"] == 0


def test_components_are_the_axes_of_an_ellipse() -> None:
    rng = np.random.default_rng(0)
    points = (rng.normal(size=(5000, 3)) * [0.5, 3, 0] + [1, 2, 4]).astype(np.float32)
    components = Components.of(points)
    np.testing.assert_allclose(np.abs(components.axes), [[0, 1, 0], [1, 0, 0]], atol=0.02)
    np.testing.assert_allclose(components.spread, [3, 0.5], rtol=0.05)
    assert components.holding(0.9, 50) == 1
    assert components.holding(0.99, 50) == 2
    assert components.holding(0.99, 1) == 1
    np.testing.assert_allclose(components.project(points, 2).mean(axis=0), 0, atol=1e-4)


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
