"""A comparison: which series stand where, what cannot be compared, and verdicts in words."""

from __future__ import annotations

import gc
import json
import math
import re
import weakref
from collections.abc import Mapping
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from tsinfogan.data.panel import Panel
from tsinfogan.errors import DataError, SettingError, UnknownNameError
from tsinfogan.metrics.comparison import at_most, compare, copy_warning, halves, results_of
from tsinfogan.metrics.intervals import Estimate
from tsinfogan.metrics.power import Chance, Counts
from tsinfogan.metrics.remarks import check_comparable, identical_to
from tsinfogan.metrics.results import Evaluation, Outcome, verdict_of
from tsinfogan.metrics.samples import SAMPLE_MEASURES, FigureSpec, SampleMeasure
from tsinfogan.models.model import DataCard, Model
from tsinfogan.training.plan import make_plan
from tsinfogan.training.session import build_model

CHEAP = ("marginals", "durations", "nearest", "duplicates")


def walks(n: int = 60, seed: int = 0, name: str = "walks", n_channels: int = 2) -> Panel:
    """Random walks of unequal lengths."""
    rng = np.random.default_rng(seed)
    cases = [np.cumsum(rng.normal(size=(n_channels, int(length))), axis=1) for length in rng.integers(9, 21, n)]
    return Panel.from_cases(cases, name=name)


def equal(n: int = 20, n_timepoints: int = 16, name: str = "equal") -> Panel:
    return Panel.from_arrays(np.random.default_rng(0).normal(size=(n, 2, n_timepoints)), name=name)


SEEN, REFERENCE, SYNTHETIC = (
    walks(seed=0, name="seen"),
    walks(seed=1, name="reference"),
    walks(seed=2, name="synthetic"),
)


def figures_of(found: Evaluation) -> Mapping[str, Estimate]:
    return {result.name: result.value for result in found.results}


# ---- compare


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    return compare(SYNTHETIC, SEEN, REFERENCE, only=CHEAP)


def test_every_figure_has_a_row_and_groups_stand_together(evaluation: Evaluation) -> None:
    wanted = [(name, figure) for name in CHEAP for figure in SAMPLE_MEASURES.get(name).figures]
    assert sorted((result.measure, result.name) for result in evaluation.results) == sorted(wanted)
    groups = [result.group for result in evaluation.results]
    assert groups == sorted(groups, key=["fidelity", "utility", "diversity", "privacy"].index)
    assert evaluation.counts == {"synthetic": 60, "seen": 60, "reference": 60}
    assert not evaluation.skipped


def test_fresh_series_are_as_real_ones_and_others_are_not(evaluation: Evaluation) -> None:
    assert all(result.outcome != "differs" for result in evaluation.results)
    assert {result.name: result.near for result in evaluation.results}["exact_duplicates"]
    far = compare(replace(SYNTHETIC, values=3 * SYNTHETIC.values), SEEN, REFERENCE, only=CHEAP)
    verdicts = {result.name: result.verdict for result in far.results if result.outcome == "differs"}
    assert verdicts["marginal_w1"] == SAMPLE_MEASURES.get("marginals").figures["marginal_w1"].far
    assert {"marginal_w1", "nearest"} <= verdicts.keys()


def test_the_same_again_and_otherwise_for_another_seed(evaluation: Evaluation) -> None:
    assert compare(SYNTHETIC, SEEN, REFERENCE, only=CHEAP).to_dict() == evaluation.to_dict()
    other = compare(walks(100, 2), SEEN, REFERENCE, only=CHEAP, seed=1)
    assert figures_of(other) != figures_of(compare(walks(100, 2), SEEN, REFERENCE, only=CHEAP))


def test_repeats_take_other_samples_where_there_are_more() -> None:
    one = compare(walks(60, 2), SEEN, REFERENCE, only=["marginals"])
    several = compare(walks(200, 2), SEEN, REFERENCE, only=["marginals"])
    assert figures_of(one)["marginal_w1"].half_width == 0
    assert any("every repeat measures the same 60 synthetic series" in note for note in one.notes)
    assert figures_of(several)["marginal_w1"].half_width > 0
    assert not any("every repeat" in note for note in several.notes)


def test_an_evaluation_is_plain_json(evaluation: Evaluation) -> None:
    read = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    assert {row["name"] for row in read["rows"]} == {result.name for result in evaluation.results}
    assert set(read["rows"][0]) >= {"value", "value_half_width", "baseline", "baseline_half_width", "verdict", "near"}
    assert {row["outcome"] for row in read["rows"]} <= set(get_args(Outcome))
    assert all(row["detectable"] > row["slack"] for row in read["rows"] if row["outcome"] == "cannot tell")


def test_one_set_of_real_series_is_halved_and_said_to_be() -> None:
    found = compare(SYNTHETIC, SEEN, only=["marginals"])
    assert found.counts == {"synthetic": 30, "seen": 30, "reference": 30}
    assert any("one half of it stands for what the generator saw" in note for note in found.notes)


def test_what_cannot_be_measured_is_left_out_for_a_reason() -> None:
    found = compare(equal(), equal(24), equal(22), only=["durations", "frechet", "marginals"])
    assert found.skipped["durations"] == "all series have the same length"
    assert "no labels of two or more classes" in found.skipped["frechet"]
    assert [result.measure for result in found.results] == ["marginals"]
    few = compare(equal(5), equal(24), equal(22), only=["marginals"])
    assert few.skipped == {"marginals": "it needs 10 series of each kind, and there are 5"}


def test_copies_are_told_in_a_plain_sentence() -> None:
    copied = Panel.concatenated([SEEN.subset(slice(0, 30)), SYNTHETIC.subset(slice(0, 30))])
    found = compare(copied, SEEN, REFERENCE, only=["duplicates"])
    assert any(note.startswith("50.0 % of the synthetic series are copies, or nearly so") for note in found.notes)
    assert not any("copies" in note for note in compare(SYNTHETIC, SEEN, REFERENCE, only=["duplicates"]).notes)
    assert copy_warning([]) == []


def test_identical_series_are_evaluated_and_said_to_be() -> None:
    found = compare(SEEN, SEEN, REFERENCE, only=["duplicates"])
    assert "seen and seen hold identical series" in found.notes
    assert figures_of(found)["exact_duplicates"].mean == 1
    assert identical_to(REFERENCE, SEEN, REFERENCE) == "reference and reference hold identical series"
    assert identical_to(SYNTHETIC, SEEN, REFERENCE) is None


def test_the_sharpest_discriminator_is_named_and_what_preprocessing_alone_costs() -> None:
    rng, time = np.random.default_rng(0), np.linspace(0, 1, 120)
    waves = [np.sin(2 * math.pi * (2 * time + rng.uniform())) for _ in range(360)]
    cases = [(wave + 0.003 * rng.normal(size=120))[None, : int(rng.integers(100, 121))] for wave in waves]
    smooth, seen, reference = (Panel.from_cases(cases[k : k + 120], name="waves") for k in (0, 120, 240))
    plan = make_plan(seen, n_categories=(2,), width=4, settings={"max_steps": 2, "pretraining_steps": 0})
    fine = build_model(plan, seen)
    coarse = Model.build(plan.model, DataCard.of(seen), replace(fine.preprocessor, grid=(16,)))
    for model, far in ((fine, False), (coarse, True)):
        *_, sharpest, through = compare(model, seen, reference, only=["convolutions", "marginals"], quick=True).notes
        assert sharpest.startswith("the sharpest discriminator is convolutions, right for ")
        assert int(re.findall(r"(\d+) % of series", sharpest)[0]) > 90  # an untrained generator
        assert (int(re.findall(r"right for (\d+) %", through)[0]) > 80) == far
    notes = compare(smooth, seen, reference, only=["convolutions"], quick=True).notes
    assert not any("preprocessing" in note for note in notes)  # of series no model is known


def test_an_unknown_measure_is_named_before_anything_is_computed() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'marginals'"):
        compare(SYNTHETIC, SEEN, REFERENCE, only=["marginal"])


def test_a_measure_of_ones_own_is_passed_as_an_object_and_not_remembered() -> None:
    own = SampleMeasure(
        "mean of all values",
        "fidelity",
        {"mean": LOWER},
        lambda context, seed: {"mean": float(np.nanmean(context.synthetic.values))},
        name="own_mean",
    )
    names = SAMPLE_MEASURES.names()
    (result,) = compare(SYNTHETIC, SEEN, REFERENCE, only=[own], quick=True).results
    assert (result.measure, result.name) == ("own_mean", "mean")
    assert result.value.mean == pytest.approx(float(np.nanmean(SYNTHETIC.values)), rel=1e-5)
    with pytest.raises(SettingError, match="set name"):
        compare(SYNTHETIC, SEEN, REFERENCE, only=[replace(own, name="")])
    assert SAMPLE_MEASURES.names() == names
    with pytest.raises(UnknownNameError, match="own_mean"):
        compare(SYNTHETIC, SEEN, REFERENCE, only=["own_mean"])


def test_series_are_not_kept_after_a_comparison() -> None:
    seen, reference, synthetic = (replace(panel) for panel in (SEEN, REFERENCE, SYNTHETIC))
    held = [weakref.ref(panel) for panel in (seen, reference, synthetic)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tsinfogan.metrics.samples.context_fid.QUICK_STEPS", 1)
        compare(synthetic, seen, reference, only=["context_fid"], quick=True)
    del seen, reference, synthetic
    gc.collect()
    assert [one() for one in held] == [None, None, None]


def test_the_order_of_channels_does_not_matter() -> None:
    swapped = replace(SYNTHETIC, values=SYNTHETIC.values[:, ::-1], channels=SYNTHETIC.channels[::-1])
    one, other = (compare(panel, SEEN, REFERENCE, only=["marginals"], quick=True) for panel in (SYNTHETIC, swapped))
    assert figures_of(one) == figures_of(other)


def test_what_is_computed_is_told() -> None:
    heard: list[str] = []
    compare(SYNTHETIC, SEEN, REFERENCE, only=["marginals"], quick=True, tell=heard.append)
    repeats = SAMPLE_MEASURES.get("marginals").repeats_in(quick=True)
    assert heard == [f"marginals, {repeat}" for repeat in range(1, repeats + 1)]


# ---- what can be compared


def test_unequal_lengths_are_compared_with_any_others() -> None:
    check_comparable(SYNTHETIC, SEEN, REFERENCE)
    check_comparable(equal(), SEEN, equal())


@pytest.mark.parametrize(
    ("synthetic", "seen", "reference", "expected"),
    [
        (SYNTHETIC, equal(), None, "all series of equal have 16 timepoints, those of synthetic 9 to 20"),
        (equal(), equal(), REFERENCE, "all series of equal have 16 timepoints, those of reference 9 to 20"),
        (equal(), equal(), equal(n_timepoints=17, name="longer"), "16 timepoints, those of longer 17 to 17"),
        (equal(n_timepoints=17, name="longer"), equal(), None, "16 timepoints, those of longer 17 to 17"),
        (walks(n_channels=3), SEEN, None, "expected the channels"),
        (SYNTHETIC, SEEN, walks(n_channels=3, name="three"), "three"),
        (
            Panel.from_arrays(np.ones((4, 2, 5, 5)), view="image", name="pictures"),
            SEEN,
            None,
            "pictures and seen cannot be compared: one holds series, the other images",
        ),
    ],
)
def test_what_differs_is_said(synthetic: Panel, seen: Panel, reference: Panel | None, expected: str) -> None:
    with pytest.raises(DataError, match=expected):
        compare(synthetic, seen, reference, only=["marginals"])


def test_halves_share_nothing_and_leave_nothing() -> None:
    one, other = halves(walks(31), 0)
    assert (one.n_cases, other.n_cases) == (15, 16)
    sides = [{panel.case(index).tobytes() for index in range(panel.n_cases)} for panel in (one, other)]
    assert not sides[0] & sides[1]
    whole = walks(31)
    assert sides[0] | sides[1] == {whole.case(index).tobytes() for index in range(31)}
    assert halves(walks(31), 1)[0].fingerprint() != one.fingerprint()
    with pytest.raises(DataError, match="expected 8 real series or more, got 7"):
        halves(walks(7), 0)


def test_at_most_keeps_the_order() -> None:
    panel = Panel.from_arrays(np.arange(50.0)[:, None, None])
    some = at_most(panel, 10, 0).values.ravel()
    assert len(some) == 10
    assert (np.diff(some) > 0).all()
    assert at_most(panel, 50, 0) is panel


# ---- verdicts

LOWER, HIGHER = FigureSpec("f", "lower", 0.1, "far off"), FigureSpec("f", "higher", 0.1, "far off")
ONE = FigureSpec("f", "one", 0.1, "far off")
REAL, NEARLY, FAR = ("as real series", "as real"), ("nearly as real series", "nearly"), ("far off", "differs")


@pytest.mark.parametrize(
    ("figure", "value", "baseline", "expected"),
    [
        (LOWER, 0.2, 0.2, REAL),
        (LOWER, 0.0, 0.2, REAL),
        (LOWER, 0.29, 0.2, NEARLY),
        (LOWER, 0.31, 0.2, FAR),
        (HIGHER, 0.9, 0.8, REAL),
        (HIGHER, 0.71, 0.8, NEARLY),
        (HIGHER, 0.69, 0.8, FAR),
        (ONE, 1.0, 1.05, REAL),
        (ONE, 1 / 1.04, 1.05, REAL),
        (ONE, 1.1, 1.0, NEARLY),
        (ONE, 1 / 1.1, 1.0, NEARLY),
        (ONE, 1.2, 1.0, FAR),
        (ONE, 1 / 1.2, 1.0, FAR),
        (ONE, 0.0, 1.0, FAR),
    ],
)
def test_verdicts_without_chance(figure: FigureSpec, value: float, baseline: float, expected: tuple[str, str]) -> None:
    assert verdict_of(figure, value, baseline, Chance(0, 0)) == expected


def test_what_chance_may_have_done_is_no_fault_and_what_it_may_have_hidden_is_not_told() -> None:
    assert verdict_of(LOWER, 0.25, 0.2, Chance(0.06, 0.09)) == REAL
    assert verdict_of(LOWER, 0.25, 0.2, Chance(0.04, 0.09)) == NEARLY
    assert verdict_of(LOWER, 0.4, 0.2, Chance(0.15, 0.25)) == FAR  # which would seldom be seen, but was
    hidden = ("cannot tell: a difference below 0.25 may be missed", "cannot tell")
    assert verdict_of(LOWER, 0.4, 0.2, Chance(0.22, 0.25)) == hidden
    assert verdict_of(LOWER, 0.2, 0.2, Chance(0.15, 0.25)) == hidden
    assert verdict_of(LOWER, 0.0, 0.9, Chance(0.15, 0.25)) == hidden
    assert verdict_of(ONE, 1, 1, Chance(0.15, 0.2))[0] == "cannot tell: a factor below 1.2 may be missed"
    unknown = Chance(math.inf, math.inf)
    assert all(verdict_of(spec, 9, 0.2, unknown)[0].endswith("any difference may be missed") for spec in (LOWER, ONE))


def test_rows_are_means_over_repeats() -> None:
    measure = SampleMeasure("s", "privacy", {"f": LOWER, "g": ONE}, lambda context, seed: {})
    repeats = [({"f": 1, "g": 2}, {"f": 0, "g": 1}), ({"f": 3, "g": 2}, {"f": 0, "g": 1})]
    rows = results_of("m", measure, repeats, [{"f": 0, "g": 1}] * 2, Counts(9, 9, 9, 9, apart=False))
    assert [
        (result.group, result.measure, result.name, result.value.mean, result.baseline.mean) for result in rows
    ] == [
        ("privacy", "m", "f", 2.0, 0.0),
        ("privacy", "m", "g", 2.0, 1.0),
    ]
    assert rows[0].value.half_width > 0
    assert [(result.outcome, result.near) for result in rows] == [("cannot tell", False), ("differs", False)]
