"""The power of a verdict: closed forms of chance, its agreement with fresh data, and a generator that collapsed."""

from __future__ import annotations

import math
from importlib import import_module

import numpy as np
import pytest
from scipy.stats import binom, norm, ttest_ind

from tsinfogan import fit
from tsinfogan.data.panel import Panel
from tsinfogan.metrics.comparison import compare
from tsinfogan.metrics.power import Chance, Counts, chance_of
from tsinfogan.metrics.results import Evaluation
from tsinfogan.metrics.samples import SAMPLE_MEASURES, FigureSpec
from tsinfogan.metrics.samples.context import RealData, SampleContext

LOWER = FigureSpec("f", "lower", 0.1, "far off")
SHARE = FigureSpec("f", "higher", 0.1, "far off", "reference")
BOTH = FigureSpec("f", "lower", 0.1, "far off", "both")
COUNTS = Counts(synthetic=500, baseline=100, reference=100, halved=100, apart=False)
FACTOR = float(norm.ppf(0.975) + norm.ppf(0.8))
SAME = [1.0, 1.0]


# ---- closed forms


def test_repeats_tell_what_welch_tells() -> None:
    values, baselines = [0.1, 0.3, 0.2, 0.25], [0.4, 0.9, 0.6, 0.1]
    low, high = ttest_ind(values, baselines, equal_var=False).confidence_interval()
    assert chance_of(LOWER, values, baselines, SAME, COUNTS).half_width == pytest.approx((high - low) / 2)


def test_halves_vary_as_independent_sets_do() -> None:
    rng = np.random.default_rng(0)
    series = rng.normal(size=400)
    splits = [np.split(rng.permutation(series), 2) for _ in range(4000)]
    counts = Counts(synthetic=400, baseline=400, reference=400, halved=400, apart=False)
    expected = FACTOR * math.sqrt(2 / 400)  # of the means of two sets of 400 numbers
    halves = [float(half.mean()) for half, _ in splits]
    assert chance_of(LOWER, SAME, SAME, halves, counts).detectable == pytest.approx(expected, rel=0.1)
    apart = [float(half.mean() - other.mean()) for half, other in splits]
    found = chance_of(LOWER, SAME, SAME, apart, counts._replace(apart=True))
    assert found.detectable == pytest.approx(math.sqrt(2) * expected, rel=0.1)  # half is left to the baseline's halves
    assert found.half_width == pytest.approx(found.detectable * norm.ppf(0.975) / FACTOR, rel=1e-3)


def test_a_true_difference_as_large_as_the_detectable_one_is_found_in_four_of_five_cases() -> None:
    n, share = 400, 0.8
    counts = Counts(synthetic=2000, baseline=400, reference=n, halved=400, apart=False)
    detectable = chance_of(SHARE, [share], [share], [], counts).detectable
    rng = np.random.default_rng(0)
    found = []
    for _ in range(400):
        value, baseline = (binom.rvs(n, p, random_state=rng) / n for p in (share - detectable, share))
        found.append(baseline - value > chance_of(SHARE, [value], [baseline], [], counts).half_width)
    assert np.mean(found) == pytest.approx(0.8, abs=0.08)


def test_none_of_a_few_proves_little() -> None:
    copies = SAMPLE_MEASURES.get("duplicates").figures["near_duplicates"]
    for n, known in ((60, False), (500, False), (1000, True)):
        detectable = chance_of(copies, [0.0], [0.0], SAME, Counts(n, n, n, n, apart=False)).detectable
        assert (detectable <= copies.slack) == known
        assert detectable == pytest.approx(3 / n, rel=0.1)  # the rule of three


def test_accuracies_of_a_coin_are_those_of_a_coin() -> None:
    found = chance_of(BOTH, [0.0], [0.0], [], Counts(100, 100, 100, 100, apart=False))
    assert found.detectable == pytest.approx(FACTOR * math.sqrt(2 * 0.25 / 200))


def test_ratios_are_compared_by_their_logarithms() -> None:
    one = FigureSpec("f", "one", 0.1, "far off")
    ratios = [0.5, 1.0, 2.0]
    assert chance_of(one, SAME, SAME, ratios, COUNTS) == chance_of(LOWER, SAME, SAME, np.log(ratios).tolist(), COUNTS)


def test_what_one_computation_or_the_same_series_tell_is_nothing() -> None:
    nothing = Chance(math.inf, math.inf)
    assert chance_of(LOWER, [1.0], [1.0], [], COUNTS) == nothing
    assert chance_of(LOWER, [1.0, 1.1], [1.0, 1.1], [], COUNTS._replace(synthetic=100)) == nothing
    alone = chance_of(LOWER, [1.0, 1.1, 0.9], SAME + SAME[:1], [], COUNTS)  # repeats of one baseline share its series
    width = ttest_ind([1.0, 1.1, 0.9], SAME + SAME[:1], equal_var=False).confidence_interval().high
    assert width < alone.half_width < math.inf


# ---- fresh data

CHEAP = ("autocorrelation", "correlations", "marginals", "mmd")
N_CLASSES = 4


def waves(n: int, seed: int) -> Panel:
    """Sine waves of two channels and four classes, which differ in frequency."""
    rng = np.random.default_rng(seed)
    time, labels = np.arange(24) / 24, rng.integers(N_CLASSES, size=n)
    turns = (labels + 1)[:, None, None] * time + rng.normal(0.1, 0.05, size=(n, 1, 1)) + np.array([[[0], [0.25]]])
    heights = rng.normal(1, 0.2, size=(n, 2, 1))
    values = heights * np.sin(2 * np.pi * turns) + rng.normal(scale=0.1, size=(n, 2, 24))
    return Panel.from_arrays(values.astype(np.float32), labels=np.array(list("abcd"))[labels], name="waves")


def collapsed(n: int) -> Panel:
    """One series of each class again and again, with hardly any noise."""
    rng = np.random.default_rng(0)
    some, labels = waves(60, 9), rng.integers(N_CLASSES, size=n)
    values = np.stack([some.values[some.case_labels == label][0] for label in labels])
    values += 0.02 * rng.normal(size=values.shape).astype(np.float32)
    return Panel.from_arrays(values, labels=np.array(list("abcd"))[labels], name="collapsed")


def test_what_is_called_detectable_is_what_independent_data_would_let_one_detect() -> None:
    n, differences, said = 80, [], []
    for seed in range(24):
        seen, reference, synthetic = (waves(n, 3 * seed + part) for part in range(3))
        real = RealData(seen, reference, quick=True)
        one, other = (
            {figure: value for name in CHEAP for figure, value in SAMPLE_MEASURES.get(name).compute(context, 0).items()}
            for context in (SampleContext.of(real, synthetic), SampleContext.baseline(real, "seen", 0, n))
        )
        differences.append({figure: one[figure] - other[figure] for figure in one})
        if seed < 5:
            found = compare(synthetic, seen, reference, only=CHEAP, quick=True, device="cpu")
            said.append({result.name: result.detectable for result in found.results})
    for figure in said[0]:
        needed = FACTOR * np.std([difference[figure] for difference in differences], ddof=1)
        assert 0.6 < np.median([detectable[figure] for detectable in said]) / needed < 2.2, figure


# ---- a generator that collapsed


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks learn next to nothing, and judge as badly as they ever do."""
    steps = {"context": 60, "context_fid": 2, "discriminator": 2, "timegan_discriminative": 2, "timegan_predictive": 2}
    for module, n in steps.items():
        monkeypatch.setattr(import_module(f"tsinfogan.metrics.samples.{module}"), "QUICK_STEPS", n)


def outcomes(found: Evaluation) -> dict[str, str | None]:
    return {result.name: result.outcome for result in found.results}


@pytest.mark.parametrize("n", [60, 140])
@pytest.mark.usefixtures("few_steps")
def test_a_collapsed_generator_is_not_called_as_real_by_what_has_not_the_power(n: int) -> None:
    found = compare(collapsed(5 * n), waves(n, 0), waves(n, 1), quick=True, device="cpu")
    told = outcomes(found)
    assert {told[name] for name in ("discriminator", "timegan_discriminative")} == {"cannot tell"}
    assert not [result.name for result in found.results if result.detectable > result.slack and result.near]
    assert {told[name] for name in ("spread_within", "spread_within_least", "recall", "coverage")} == {"differs"}
    n_near = sum(result.near for result in found.results)
    assert found.headline.startswith(f"{n_near} of {len(told)} figures are like")
    assert f"; {sum(outcome == 'cannot tell' for outcome in told.values())} cannot tell" in found.headline
    assert n_near < len(told) / 3
    (note,) = (note for note in found.notes if "collapsed" in note)
    assert "synthetic series of class a (0." in note


def test_fresh_series_are_as_real_once_there_are_enough() -> None:
    few, many = (
        compare(
            waves(5 * n, 2), waves(n, 0), waves(n, 1), only=("coverage", "marginals", "nearest", "spread"), device="cpu"
        )
        for n in (30, 800)
    )
    told = outcomes(many)
    assert {told[name] for name in ("marginal_w1", "density", "coverage", "spread_within", "nearest")} == {"as real"}
    assert "differs" not in (*told.values(), *outcomes(few).values())
    assert list(outcomes(few).values()).count("cannot tell") > len(few.results) / 2
    assert not any("collapsed" in note for note in (*few.notes, *many.notes))


def test_categories_of_a_model_are_those_that_q_reads() -> None:
    settings = {"max_steps": 2, "pretraining_steps": 0, "flow_steps": 0}
    model = fit(waves(60, 0), n_categories=(2,), width=4, settings=settings)
    found = compare(model, waves(60, 0), waves(60, 1), only=["marginals"], quick=True, device="cpu")
    assert any(note.startswith("synthetic series of category ") for note in found.notes)  # untrained, all alike
