"""Studies: series that help are said to help, series that hurt to hurt, and every method gets the same chance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_1samp

from _augmentation import CLASSES, TEST, TRAIN, K, Maker, drawn, handmade
from _tstr import _likeness, tstr
from tsinfogan.data.panel import IntArray, Panel
from tsinfogan.errors import DataError, SettingError, UnknownNameError
from tsinfogan.metrics.augmentation import study as study_module
from tsinfogan.metrics.augmentation.methods import METHODS, Inputs, Method, in_order
from tsinfogan.metrics.augmentation.methods._series import repeated
from tsinfogan.metrics.augmentation.situations import Balanced, Imbalanced
from tsinfogan.metrics.augmentation.study import augment_study, chosen_methods, macro_f1, run_study
from tsinfogan.metrics.augmentation.verdicts import Study, StudySettings, Trial, conclusions, in_words, rows
from tsinfogan.metrics.intervals import Estimate, estimate
from tsinfogan.models.model import Model
from tsinfogan.reports.augmentation import draw_study


def oracle(shift: int = 0) -> Method:
    """New series of the true class; or, shifted, of another one under its name."""

    def augment(labelled: Panel, n_new: IntArray, means: Inputs, seed: int) -> Panel:
        labels = np.repeat(np.arange(K), n_new)
        return replace(labelled, values=drawn((labels + shift) % K, seed % 2**31), labels=labels)

    return Method(summary="an oracle", augment=augment, synthetic=True)


def study_of(methods: Mapping[str, Method], n_per_class: int = 1, **others: Any) -> Study:
    options = {"n_draws": 3, "synthetic": 40, "steps": 40, "device": "cpu", **others}
    every = in_order({"none": METHODS.get("none"), **methods})
    models = options.pop("models", ())
    return run_study(TRAIN, TEST, models, every, (Balanced(n_per_class),), StudySettings(**options))


FEW = StudySettings(2, 5, 2, 0, "cpu")

# ---- what a study says


def test_series_of_the_true_class_help_and_of_others_hurt() -> None:
    study = study_of({"good": oracle(), "wrong": oracle(1)}, n_per_class=3)
    good, wrong = (next(row for row in rows(study) if row.method == name) for name in ("good", "wrong"))
    assert good.accuracy.mean > 0.95
    assert good.verdict.startswith("helps by ")
    assert wrong.accuracy.mean < 0.2
    assert wrong.verdict.startswith("hurts by ")
    said = conclusions(study)
    assert said[-1] == "synthetic data does not help, as far as 3 draws tell: wrong at 3 labels per class"
    only_good = replace(study, methods={name: study.methods[name] for name in ("none", "good")})
    assert conclusions(only_good)[-1] == "synthetic data helps in every situation, as far as 3 draws tell"


def test_copies_make_no_difference_that_is_called_one() -> None:
    def copies(labelled: Panel, n_new: IntArray, means: Inputs, seed: int) -> Panel:
        assert labelled.labels is not None
        return labelled.subset(repeated(labelled.labels, n_new))

    study = study_of({"copies": Method("copies", augment=copies, synthetic=True)}, 10, n_draws=3)
    (row,) = (row for row in rows(study) if row.method == "copies")
    assert row.verdict.startswith("no difference that 3 draws can tell (")
    assert "copies at 10 labels per class" in conclusions(study)[-1]


def test_what_needs_no_generator_may_do_better() -> None:
    study = made_up({"none": [0.5, 0.52, 0.51], "plain": [0.9, 0.92, 0.91], "model": [0.8, 0.82, 0.805]})
    said = conclusions(study)
    assert "model: helps by 29.8 ± 0.7 points; behind plain, the best without a generator, by " in said[0]
    assert said[-1].endswith("no more than what needs no generator: model at 1 label per class")
    ahead = made_up({"none": [0.5, 0.52, 0.51], "plain": [0.7, 0.72, 0.71], "model": [0.8, 0.82, 0.805]})
    assert "; ahead of plain" in conclusions(ahead)[0]
    assert conclusions(ahead)[-1] == "synthetic data helps in every situation, as far as 3 draws tell"
    open_ = made_up({"none": [0.5, 0.52, 0.51], "plain": [0.7, 0.95, 0.71], "model": [0.8, 0.82, 0.805]})
    assert "; indistinguishable from plain (+" in conclusions(open_)[0]
    assert "no more than what needs no generator" in conclusions(open_)[-1]
    assert conclusions(made_up({"none": [0.5, 0.6], "plain": [0.5, 0.7]})) == []


def made_up(figures: Mapping[str, list[float]]) -> Study:
    situation, n_draws = Balanced(1), len(next(iter(figures.values())))
    methods = in_order({name: Method(name, synthetic=name == "model") for name in figures})
    trials = tuple(
        Trial(situation.name, name, draw, values[draw], values[draw], 3, 0)
        for draw in range(n_draws)
        for name, values in figures.items()
    )
    return Study("made up", 100, (situation,), methods, trials, {}, 1, StudySettings(n_draws, 60, 50))


def test_every_method_gets_the_same_series_seeds_and_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    given_steps, seen = [], []
    fit_to_panel = study_module.fit_to_panel

    def noting(panel: Panel, preprocessor: Any, settings: Any, class_weights: Any) -> Any:
        given_steps.append((settings.steps, settings.seed))
        return fit_to_panel(panel, preprocessor, settings, class_weights)

    def spy(labelled: Panel, n_new: IntArray, means: Inputs, seed: int) -> Panel:
        seen.append((labelled.fingerprint(), seed))
        assert means.unlabelled.labels is None
        return labelled.subset(np.arange(K))

    monkeypatch.setattr(study_module, "fit_to_panel", noting)
    study = study_of({"one": Method("one", augment=spy), "two": Method("two", augment=spy)}, steps=3)
    assert {steps for steps, _ in given_steps} == {3}
    assert [seed for _, seed in given_steps[::3]] == [seed for _, seed in given_steps[1::3]]
    assert seen[0::2] == seen[1::2]  # both methods, draw by draw
    assert len(set(seen)) == 3  # and other series in each draw
    assert {trial.n_labelled for trial in study.trials} == {K}
    assert [trial.n_new for trial in study.trials] == [0, K, K] * 3


def test_the_same_seed_gives_the_same_figures() -> None:
    model = handmade()
    first, again, other = (
        study_of(chosen_methods(["tsinfogan", "q_labels"]), models=(model,), steps=5, n_draws=2, seed=seed)
        for seed in (0, 0, 1)
    )
    assert first.trials == again.trials
    assert first.trials != other.trials


def test_a_generator_with_the_right_categories_helps_whatever_their_order() -> None:
    model = handmade(order=(2, 0, 1), names=())
    study = study_of(chosen_methods(["tsinfogan", "q_alone"]), models=(model,))
    found = {row.method: row for row in rows(study)}
    assert found["tsinfogan"].verdict.startswith("helps by ")
    assert found["tsinfogan"].accuracy.mean > 0.9
    assert found["q_alone"].accuracy.mean > 0.95
    assert found["tsinfogan"].sees_unlabelled
    assert not found["none"].sees_unlabelled


def test_generators_take_turns() -> None:
    good, wrong = handmade(), handmade()
    wrong.generator = Maker((1, 2, 0))  # writes other classes than Q reads
    study = study_of(chosen_methods(["tsinfogan"]), models=(good, wrong), n_draws=2)
    accuracies = [trial.accuracy for trial in study.trials if trial.method == "tsinfogan"]
    assert accuracies[0] > 0.9
    assert accuracies[1] < 0.5


def test_imbalance_is_counted_by_macro_f1_and_has_class_weights() -> None:
    study = run_study(
        TRAIN,
        TEST,
        (),
        chosen_methods(["class_weights"]),
        (Balanced(2), Imbalanced(10)),
        StudySettings(2, 0, 5, 0, "cpu"),
    )
    table = [(row.situation, row.method, row.score) for row in rows(study)]
    assert table == [
        ("2 labels per class", "none", "accuracy"),
        ("imbalance 1:10", "none", "macro_f1"),
        ("imbalance 1:10", "class_weights", "macro_f1"),
    ]


def test_what_there_is_too_little_for_is_left_out() -> None:
    study = run_study(TRAIN, TEST, (), chosen_methods(["tsinfogan"]), (Balanced(2), Balanced(51)), FEW)
    assert study.skipped == {
        "51 labels per class": "class 'a' has 50 labelled training series",
        "tsinfogan": "there is no generator",
    }
    assert [row.situation for row in rows(study)] == ["2 labels per class"]
    with pytest.raises(DataError, match=r"too few labelled series: 51 labels per class: class 'a' has 50"):
        run_study(TRAIN, TEST, (), chosen_methods(["none"]), (Balanced(51),), FEW)


def test_mistakes() -> None:
    plain = chosen_methods(["none"])
    for arguments in ({"n_draws": 1}, {"synthetic": -1}, {"steps": 0}):
        with pytest.raises(SettingError, match="expected at least"):
            StudySettings(**arguments)
    with pytest.raises(UnknownNameError, match="classical_own"):
        augment_study(TRAIN, TEST, methods=["augment_ow"])
    bare = study_module.without_labels(TRAIN)
    for panels in ((bare, TEST), (TRAIN, bare)):
        with pytest.raises(DataError, match="expected labels"):
            run_study(*panels, (), plain, (Balanced(1),), FEW)
    labelled = handmade()
    labelled.settings = replace(labelled.settings, labelled=True)
    with pytest.raises(SettingError, match="trained without labels"):
        run_study(TRAIN, TEST, (labelled,), plain, (Balanced(1),), FEW)
    other = Panel.from_arrays(TEST.values, channels=["other"], labels=np.array(CLASSES)[TEST.labels])
    with pytest.raises(DataError, match="expected the channels ch0"):
        run_study(TRAIN, other, (), plain, (Balanced(1),), FEW)


def test_without_a_generator_one_is_trained_and_sees_no_label(monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(given: Panel, **plan: Any) -> Model:
        assert given.labels is None
        assert given.classes == ()
        assert plan["n_categories"] == (K,)
        return handmade()

    monkeypatch.setattr(study_module, "fit", fit)
    study = augment_study(
        TRAIN, TEST, labels=(1,), imbalance=None, n_draws=2, methods=["q_alone"], steps=1, device="cpu"
    )
    assert {trial.method for trial in study.trials} == {"none", "q_alone"}


def test_a_method_of_ones_own_is_passed_as_an_object_and_not_remembered() -> None:
    own = replace(oracle(), name="my_oracle")
    options = {"labels": (1,), "imbalance": None, "n_draws": 2, "steps": 1, "synthetic": 2, "device": "cpu"}
    names = METHODS.names()
    study = augment_study(TRAIN, TEST, methods=[own], **options)  # type: ignore[arg-type]
    assert [trial.method for trial in study.trials] == ["none", "my_oracle"] * 2
    assert METHODS.names() == names
    with pytest.raises(UnknownNameError, match="my_oracle"):
        augment_study(TRAIN, TEST, methods=["my_oracle"], **options)  # type: ignore[arg-type]


def test_the_picture_is_a_png_of_any_study() -> None:
    assert draw_study(made_up({"none": [0.5, 0.6], "model": [0.8, 0.7]})).startswith(b"\x89PNG")


# ---- figures


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=2, max_size=8).filter(lambda values: np.ptp(values) > 1e-3))
def test_intervals_are_those_of_students_t(values: list[float]) -> None:
    found = estimate(np.array(values))
    wanted = ttest_1samp(values, 0).confidence_interval(0.95)
    assert found.mean - found.half_width == pytest.approx(wanted.low, abs=1e-9)
    assert found.mean + found.half_width == pytest.approx(wanted.high, abs=1e-9)
    assert found.excludes_zero == (ttest_1samp(values, 0).pvalue < 0.05)


def test_words() -> None:
    assert in_words(Estimate(0.213, 0.02), 5) == "helps by 21.3 ± 2.0 points"
    assert in_words(Estimate(-0.03, 0.01), 5) == "hurts by 3.0 ± 1.0 points"
    assert in_words(Estimate(0.003, 0.012), 5) == "no difference that 5 draws can tell (+0.3 ± 1.2)"
    assert in_words(estimate(np.array([0.4])), 1).startswith("no difference that 1 draws can tell")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(-1, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_macro_f1(pairs: list[tuple[int, int]]) -> None:
    predicted, classes = np.array(pairs).T
    scores = []
    for index in set(classes.tolist()):
        true, said = classes == index, predicted == index
        scores.append(2 * (true & said).sum() / (true.sum() + said.sum()))
    assert macro_f1(predicted, classes) == pytest.approx(np.mean(scores))


def test_tstr_tells_a_good_generator_from_a_bad_one() -> None:
    good = tstr(handmade(), TRAIN, TEST, n_per_class=60, steps=60)
    assert good.synthetic > 0.9
    assert good.real > 0.9
    assert good.n_per_class == 60
    wrong = tstr(handmade(names=("b", "c", "a")), TRAIN, TEST, steps=60)
    assert wrong.synthetic < 0.1
    assert wrong.n_per_class == 50
    partly = tstr(handmade(names=("a", "b", None)), TRAIN, TEST, steps=30)
    assert partly.missing == ("c",)
    assert partly.classes["c"].synthetic == 0
    assert math.isnan(partly.classes["c"].spread)
    with pytest.raises(SettingError, match="named after classes"):
        tstr(handmade(names=()), TRAIN, TEST)


def test_likeness_is_in_real_spreads() -> None:
    real = drawn(np.zeros(40, np.int64), 0)
    mean, spread = real.mean(0), math.sqrt(real.var(0).mean())
    assert _likeness(real, real) == pytest.approx((1, 0))
    assert _likeness(mean + (real - mean) / 2 + 3 * spread, real) == pytest.approx((0.5, 3), rel=1e-5)
