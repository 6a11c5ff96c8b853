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
from tsinfogan.data.panel import Panel
from tsinfogan.metrics.augmentation.study import without_labels
from tsinfogan.metrics.power import Chance
from tsinfogan.metrics.results import verdict_of
from tsinfogan.metrics.samples import SAMPLE_MEASURES, Better, Group, Need, StandIn, _timegan
from tsinfogan.metrics.samples._components import Components
from tsinfogan.metrics.samples.context import RealData, SampleContext

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
        steps = {
            "context": 100,
            "discriminator": 60,
            "timegan_discriminative": 40,
            "timegan_predictive": 50,
        }
        for module, n in steps.items():
            patch.setattr(f"tsinfogan.metrics.samples.{module}.QUICK_STEPS", n)
        patch.setattr(_timegan, "RATE", 10 * _timegan.RATE)
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
