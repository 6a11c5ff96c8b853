"""Augmentation: series that help are said to help, series that hurt to hurt, and every method gets the same chance."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from scipy.stats import ttest_1samp
from torch import Tensor, nn

from _tstr import _likeness, tstr
from tsinfogan.data.panel import FloatArray, IntArray, Panel
from tsinfogan.errors import DataError, SettingError, UnknownNameError
from tsinfogan.formats import read_panel
from tsinfogan.metrics.augmentation import study as study_module
from tsinfogan.metrics.augmentation.categories import class_of_categories, matched
from tsinfogan.metrics.augmentation.methods import METHODS, Inputs, Method, in_order
from tsinfogan.metrics.augmentation.methods._series import repeated
from tsinfogan.metrics.augmentation.preparation import generators_of, held_out, with_classes_of
from tsinfogan.metrics.augmentation.situations import Balanced, Imbalanced, class_sizes
from tsinfogan.metrics.augmentation.study import augment_study, chosen_methods, macro_f1, run_study
from tsinfogan.metrics.augmentation.verdicts import Study, StudySettings, Trial, conclusions, in_words, rows
from tsinfogan.metrics.intervals import Estimate, estimate
from tsinfogan.models.codes import CategoricalCode, LatentSpec, UniformCode
from tsinfogan.models.discriminator import DiscriminatorSettings
from tsinfogan.models.model import DataCard, Model, ModelSettings
from tsinfogan.preprocessing.preprocessor import Preprocessor
from tsinfogan.preprocessing.scaling import ChannelTransform
from tsinfogan.reports.augmentation import draw_study
from tsinfogan.training.run import MODEL, list_runs

K, N_TIMEPOINTS = 3, 16
CLASSES = ("a", "b", "c")
PAST = np.linspace(0, 1, N_TIMEPOINTS)


def drawn(labels: IntArray, seed: int) -> FloatArray:
    """``(n, 1, t)`` waves of 1, 2 or 3 periods whose phase says nothing, which one of each class does not show."""
    rng = np.random.default_rng(seed)
    phase = rng.uniform(-math.pi / 2, math.pi / 2, len(labels))
    clean = np.sin(2 * math.pi * (1 + labels[:, None]) * PAST + phase[:, None])
    synthetic: FloatArray = (clean + 0.3 * rng.normal(size=clean.shape)).astype(np.float32)[:, None]
    return synthetic


def panel(n: int, seed: int, name: str = "waves") -> Panel:
    labels = np.arange(n) % K
    return Panel.from_arrays(drawn(labels, seed), labels=np.array(CLASSES)[labels], name=name)


TRAIN, TEST = panel(150, 0), panel(120, 1)


class Maker(nn.Module):
    """Latent = one number of noise, which is the phase, K of the category, one knob, which does nothing."""

    injected_noise_dim = 0

    def __init__(self, order: tuple[int, ...] = (0, 1, 2)):
        super().__init__()
        self.periods = nn.Parameter(1.0 + torch.tensor(order))

    def forward(self, latent: Tensor, injected_noise: Tensor) -> Tensor:
        periods = latent[:, 1 : 1 + K] @ self.periods
        time = torch.from_numpy(PAST).float()
        phase = math.pi / 2 * torch.erf(latent[:, :1] / math.sqrt(2))  # uniform, as in the data
        return torch.sin(2 * math.pi * periods[:, None] * time + phase)[:, None]


class Reader(nn.Linear):
    """Reads the number of periods, whatever the phase."""

    settings = DiscriminatorSettings()

    def __init__(self, order: tuple[int, ...] = (0, 1, 2), sharpness: float = 20.0):
        super().__init__(1, 1)
        self.order, self.sharpness, self.sizes, self.q = order, sharpness, [K, 2], None

    def recognition_features(self, values: Tensor, label: Tensor | None = None) -> Tensor:
        return values

    def posteriors(self, q: None, values: Tensor) -> tuple[Tensor, ...]:
        angle = 2 * math.pi * torch.arange(1, K + 1)[:, None] * torch.from_numpy(PAST).float()  # (K, t)
        power = (values[:, :1] @ torch.cos(angle).T).square() + (values[:, :1] @ torch.sin(angle).T).square()
        share = (power / power.sum(2, keepdim=True))[:, 0, list(self.order)]  # (n, K)
        return self.sharpness * share, torch.zeros(len(values), 2)


def handmade(order: tuple[int, ...] = (0, 1, 2), names: tuple[str | None, ...] = CLASSES, **others: Any) -> Model:
    """A generator whose category k is of class ``order[k]``, in raw units."""
    latent = LatentSpec(1, (CategoricalCode(K), UniformCode()))
    raw = replace(Preprocessor.fit(TRAIN), channels=(ChannelTransform(),))
    networks = Maker(order), Reader(order, **others)
    return Model(ModelSettings("conv1d", latent), DataCard.of(TRAIN), raw, *networks, names)  # type: ignore[arg-type]


def means(model: Model | None = None, notes: list[str] | None = None, fit: Any = None) -> Inputs:
    taken = [] if notes is None else notes
    unlabelled = study_module.without_labels(TRAIN)
    return Inputs(Preprocessor.fit(TRAIN), unlabelled, model, fit, torch.device("cpu"), taken.append)


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


# ---- methods


AUGMENTERS = [name for name in METHODS.names() if METHODS.get(name).augment]


@pytest.mark.parametrize("name", AUGMENTERS)
def test_methods_make_what_is_wanted(name: str) -> None:
    method = METHODS.get(name)
    assert method.augment is not None
    labelled, wanted = TRAIN.subset(np.arange(9)), np.array([4, 0, 7])

    def fit(given: Panel, **_: Any) -> Model:
        assert given.fingerprint() == labelled.fingerprint()  # not one unlabelled series
        return handmade()

    model = None if name == "tsinfogan_labelled_only" else handmade()
    synthetic, again = (method.augment(labelled, wanted, means(model, fit=fit), 5) for _ in range(2))
    other = method.augment(labelled, wanted, means(model, fit=fit), 6)
    assert class_sizes(synthetic).tolist() == wanted.tolist()
    assert synthetic.classes == labelled.classes
    assert synthetic.channels == labelled.channels
    assert synthetic.fingerprint() == again.fingerprint()
    assert synthetic.fingerprint() != other.fingerprint()


@pytest.mark.parametrize("name", METHODS.names())
def test_methods_say_what_they_are(name: str) -> None:
    method = METHODS.get(name)
    assert method.summary
    assert not (method.augment and method.read)
    assert method.sees_unlabelled == method.needs_model
    assert method.slow == (name == "tsinfogan_labelled_only")


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31))
def test_interpolated_series_lie_between_two_of_their_class(seed: int) -> None:
    labelled = TRAIN.subset(np.arange(12))
    synthetic = METHODS.get("interpolate").augment(labelled, np.array([3, 3, 3]), means(), seed)  # type: ignore[misc]
    for case, label in zip(synthetic.values.reshape(9, -1), synthetic.labels, strict=True):
        members = labelled.values[labelled.labels == label].reshape(4, -1)
        gaps = [
            np.abs(np.linalg.norm(case - a) + np.linalg.norm(case - b) - np.linalg.norm(a - b))
            for a in members
            for b in members
        ]
        assert min(gaps) < 1e-4


def test_one_series_of_a_class_can_only_be_copied() -> None:
    notes: list[str] = []
    labelled = TRAIN.subset(np.arange(3))
    synthetic = METHODS.get("interpolate").augment(labelled, np.array([2, 1, 1]), means(notes=notes), 0)  # type: ignore[misc]
    np.testing.assert_allclose(synthetic.values, labelled.values[[0, 0, 1, 2]], atol=1e-6)
    assert notes == ["classes of one labelled series are copied: there is nothing to interpolate with"]


def test_a_class_without_a_category_is_copied_and_said_to_be() -> None:
    notes: list[str] = []
    labelled = TRAIN.subset(np.arange(6))
    merging = handmade(order=(0, 1, 1))  # no category of class c
    synthetic = METHODS.get("tsinfogan").augment(labelled, np.array([2, 2, 2]), means(merging, notes), 0)  # type: ignore[misc]
    assert class_sizes(synthetic).tolist() == [2, 2, 2]
    np.testing.assert_array_equal(synthetic.values[synthetic.labels == 2], labelled.values[[2, 5]])
    assert notes == ["no category of the generator is of class c alone: copies of labelled series took its place"]


def test_unlabelled_series_under_the_label_of_q_are_real_ones() -> None:
    synthetic = METHODS.get("q_labels").augment(TRAIN.subset(np.arange(3)), np.array([5, 5, 5]), means(handmade()), 0)  # type: ignore[misc]
    indices = [np.flatnonzero((TRAIN.values == case).all((1, 2))) for case in synthetic.values]
    assert all(len(index) == 1 for index in indices)
    assert len({int(index[0]) for index in indices}) == 15
    assert (TRAIN.labels[np.concatenate(indices)] == synthetic.labels).mean() > 0.9  # type: ignore[index]


def test_repeated() -> None:
    labels = np.array([1, 0, 1, -1])
    assert repeated(labels, np.array([2, 3, 1])).tolist() == [1, 1, 0, 2, 0]


# ---- which category is which class


def test_categories_are_matched_by_posteriors() -> None:
    read = np.array([[0.6, 0.4, 0.0], [0.9, 0.1, 0.0], [0.0, 0.1, 0.9]])
    assert matched(read, np.array([0, 1, 2]), 3).tolist() == [1, 0, 2]  # by counts, 0 and 1 would share a category


def test_a_class_may_have_several_categories_and_a_category_none() -> None:
    read = np.array([[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]])
    assert matched(read, np.array([0, 1]), 2).tolist() == [0, 0, 1, -1]
    merged = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert matched(merged, np.array([0, 1, 2]), 3).tolist() == [-1, 2]  # samples of it would be of two classes


@settings(max_examples=50, deadline=None)
@given(st.permutations(range(5)), st.integers(0, 1000))
def test_the_number_of_a_category_says_nothing(order: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    read, labels = rng.dirichlet(np.ones(5) * 0.2, 15), np.arange(15) % 5
    assert matched(read[:, order], labels, 5).tolist() == matched(read, labels, 5)[order].tolist()


def test_class_of_categories() -> None:
    labelled = TRAIN.subset(np.arange(3))
    assert class_of_categories(handmade(order=(1, 2, 0)), labelled).tolist() == [1, 2, 0]
    assert class_of_categories(handmade(sharpness=0.0), labelled).tolist() == [-1, -1, -1]  # Q that says nothing


# ---- labels


@pytest.mark.parametrize("n", [1, 4])
def test_balanced_draws(n: int) -> None:
    cases, again, other = (Balanced(n).draw(TRAIN, seed) for seed in (3, 3, 4))
    assert class_sizes(TRAIN.subset(cases)).tolist() == [n] * K
    assert cases.tolist() == again.tolist()
    assert cases.tolist() != other.tolist()
    assert Balanced(n).name == f"{n} label{'' if n == 1 else 's'} per class"


def test_imbalanced_draws() -> None:
    rare = set()
    for seed in range(8):
        sizes = class_sizes(TRAIN.subset(Imbalanced(20).draw(TRAIN, seed)))
        assert sorted(sizes.tolist()) == [2, 40, 40]  # half of three classes, rounded down
        rare.add(int(sizes.argmin()))
    assert len(rare) > 1
    assert Imbalanced(50).missing(TRAIN) is None
    assert "class 'a' has 50 labelled training series, of 51 that" in str(Imbalanced(51).missing(TRAIN))
    for wrong in (lambda: Imbalanced(1), lambda: Balanced(0)):
        with pytest.raises(SettingError):
            wrong()


def test_series_held_out() -> None:
    train, test = held_out(TRAIN)
    assert class_sizes(test).tolist() == [16] * K
    assert train.n_cases + test.n_cases == TRAIN.n_cases
    assert held_out(TRAIN)[0].fingerprint() == train.fingerprint()
    both = np.concatenate([train.values, test.values])
    assert np.unique(both, axis=0).shape == TRAIN.values.shape
    with pytest.raises(DataError, match="3 labelled series or more"):
        held_out(TRAIN.subset(np.arange(6)))


def test_classes_are_matched_by_name() -> None:
    test = Panel.from_arrays(TEST.values[:2], labels=["c", "b"])
    assert with_classes_of(TRAIN, test).labels.tolist() == [2, 1]  # type: ignore[union-attr]
    with pytest.raises(DataError, match="got 'd'"):
        with_classes_of(TRAIN, Panel.from_arrays(TEST.values[:2], labels=["d", "b"]))


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


# ---- at the command line

QUICK = ("--labels", "1", "--imbalance", 2, "--draws", 2, "--steps", 2, "--synthetic", 3, "--device", "cpu")


def test_command(command, small_csv, trained, tmp_path) -> None:
    picture = tmp_path / "study.png"
    given = ("augment-study", small_csv, "--test", small_csv, *QUICK, "--runs", trained)
    outcome = command(*given, "--out", picture)
    assert outcome.code == 0, outcome.err
    assert picture.read_bytes().startswith(b"\x89PNG")
    table = list(csv.DictReader(io.StringIO(outcome.out.decode())))
    assert [row["method"] for row in table if row["situation"] == "1 label per class"] == [
        "none",
        "classical",
        "classical_own",
        "interpolate",
        "tsinfogan",
        "tsinfogan_classical",
        "q_alone",
        "q_labels",
    ]
    assert all(0 <= float(row["accuracy"]) <= 1 for row in table)
    assert "macro-F1" in outcome.err
    assert "the generator is run " in outcome.err
    assert "synthetic data " in outcome.err.splitlines()[-2] + outcome.err.splitlines()[-1]
    again = json.loads(command(*given, "--out", picture, "--format", "json", "--method", "tsinfogan").out)
    assert {trial["method"] for trial in again["trials"]} == {"none", "tsinfogan"}
    assert again["rows"][1]["verdict"]


def test_command_trains_a_generator_where_there_is_none(command, small_csv, tmp_path, monkeypatch) -> None:
    from tsinfogan.training import plan

    make_plan = plan.make_plan
    monkeypatch.setattr(
        plan, "make_plan", lambda *a, **k: make_plan(*a, **k, width=4, settings={"max_steps": 2, "batch_size": 4})
    )
    given = ("augment-study", small_csv, *QUICK, "--method", "q_alone", "--runs", tmp_path)
    outcome = command(*given)
    assert outcome.code == 0, outcome.err
    (run,) = list_runs(tmp_path)
    assert run.plan.recipe == "infogan"
    assert run.data["n_cases"] == 9  # of 12; the others are tested on
    assert (run.path / "augment-study.png").exists()
    assert f"the generator is run {run.name}" in command(*given).err
    assert len(list_runs(tmp_path)) == 1


def test_runs_that_may_take_part(trained, small_csv) -> None:
    panel = read_panel(small_csv)
    _, infogan = list_runs(trained)
    assert [run.name for run in generators_of(trained, panel)] == [infogan.name]  # not one that saw labels
    assert generators_of(trained, panel.subset(slice(9))) == []  # nor one that saw other series
    model = infogan.path / MODEL
    kept = load_file(model)
    save_file({**kept, "training.steps_done": kept["training.steps_done"] - 1}, model)
    assert generators_of(trained, panel) == []  # nor one that is still in training
    save_file(kept, model)


def test_mistakes_at_the_command_line(command, small_csv, trained) -> None:
    acgan, infogan = (run.name for run in list_runs(trained))
    given = ("augment-study", small_csv, *QUICK, "--runs", trained)
    assert "perhaps on those that are tested on" in command(*given, "--model", infogan).sentence
    assert "trained without labels" in command(*given, "--test", small_csv, "--model", acgan).sentence
    assert "unknown method 'smote'" in command(*given, "--method", "smote").sentence
    assert "unknown format 'xml'" in command(*given, "--format", "xml").sentence
    assert "in --labels, got '1;5'" in command(*given, "--labels", "1;5").sentence
    assert "there is no such file" in command("augment-study", "nowhere.csv").sentence
    assert "is a dataset; leave it out" in command("augment-study", "pen_strokes", "--test", small_csv).sentence
    assert "unknown run 'nothing'" in command(*given, "--model", "nothing").sentence
