"""``InfoGAN`` has scikit-learn's habits, trains what the trainer trains, and gives series back as they came."""

from __future__ import annotations

import io
import os
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from _estimators import new
from _trainers import waves
from tsinfogan.data.panel import Panel
from tsinfogan.datasets import load_dataset
from tsinfogan.errors import DataError, RunError, SettingError
from tsinfogan.estimators.infogan import InfoGAN
from tsinfogan.formats import read_panel
from tsinfogan.sampling.inference import encode
from tsinfogan.sampling.sampler import sample
from tsinfogan.training.session import fit

PANEL = waves(24)
X = PANEL.values.astype(np.float64)
Y = np.where(PANEL.labels == 0, "slow", "fast")


@pytest.fixture(scope="module")
def fitted() -> InfoGAN:
    return new().fit(X, Y)


@pytest.fixture(scope="module")
def trained() -> InfoGAN:
    """Trained for long enough to tell slow from fast."""
    return new(
        max_steps=100, settings={"pretraining_steps": 20, "split_merge_rounds": 0, "pretraining_restarts": 1}
    ).fit(X, Y)


# ---- scikit-learn's own checks

EXCLUDED = {
    "check_dtype_object": "an array of objects is refused: it is a ragged list in most cases",
    "check_estimators_empty_data_messages": "the sentence does not speak of features",
    "check_fit2d_1sample": "the sentence speaks of one case, not of one sample",
    "check_array_api_input": "arrays are numpy's",
}


@parametrize_with_checks([new(max_steps=2, n_categories=3)], expected_failed_checks=lambda _: EXCLUDED)
def test_checks_of_scikit_learn(estimator: InfoGAN, check: Any) -> None:
    """Tables ``(n_cases, n_timepoints)`` are series of one channel, so nearly all checks apply."""
    check(estimator)


def test_parameters_are_only_kept() -> None:
    estimator = InfoGAN(recipe="nothing such", n_categories="many", random_state=-1, settings={"no": "such"})
    assert estimator.get_params()["n_categories"] == "many"
    assert clone(estimator.set_params(n_continuous=7)).n_continuous == 7
    assert [name for name in vars(estimator) if name.endswith("_")] == []


def test_nothing_works_before_fit() -> None:
    for name in ("sample", "get_feature_names_out"):
        with pytest.raises(NotFittedError):
            getattr(new(), name)()
    for name in ("encode", "transform", "predict", "augment", "to_panel"):
        with pytest.raises(NotFittedError):
            getattr(new(), name)(X)
    with pytest.raises(NotFittedError):
        new().save("nowhere")


def test_works_in_a_pipeline() -> None:
    features = make_pipeline(new(n_categories=3), StandardScaler()).fit(X).transform(X)
    assert features.shape == (24, 5)
    np.testing.assert_allclose(features.mean(0), 0, atol=1e-4)


# ---- training


def test_trains_exactly_what_the_trainer_trains() -> None:
    estimator = new(random_state=3, n_categories=(3, 2), n_continuous=1).fit(X)
    settings = {"max_steps": 4, "seed": 3, "batch_size": 8, "pretraining_steps": 0}
    plain = Panel.from_arrays(X)
    model = fit(plain, n_categories=(3, 2), n_continuous=1, noise_dim=3, width=4, settings=settings, device="cpu")
    assert np.array_equal(estimator.sample(5, random_state=9), sample(model, 5, seed=9).panel.values)
    assert estimator.seed_ == estimator.plan_.training.seed == 3


def test_codes_that_q_never_learned_are_not_read() -> None:
    estimator = new(recipe="cgan", max_steps=1).fit(X, Y)
    for read in (estimator.predict, estimator.transform, estimator.encode):
        with pytest.raises(SettingError, match=r"Q was not trained to read categories: .* train with recipe infogan"):
            read(X)
    assert new(recipe="gan", max_steps=1).fit(X, Y).transform(X).shape == (24, 4)  # its Q watches, and learns


def test_labels_choose_the_recipe() -> None:
    some = np.where(np.arange(24) < 4, Y, None)
    assert new().fit(X).plan_.recipe == "infogan"
    assert new().fit(X, Y).plan_.recipe == "semi_supervised"
    assert new().fit(X, some).plan_.recipe == "semi_supervised"
    assert new().fit(PANEL).plan_.recipe == "semi_supervised"
    assert new().fit(X, [None] * 24).plan_.recipe == "infogan"
    assert new().fit(X, ["slow"] * 24).plan_.recipe == "infogan"  # of one class nothing can be learned
    assert new(n_categories=5).fit(X, Y).plan_.recipe == "infogan"
    assert new(recipe="acgan").fit(X, Y).plan_.recipe == "acgan"


@pytest.mark.parametrize(
    ("y", "unlabelled", "classes"),
    [
        (np.arange(24) % 2, None, [0, 1]),
        (np.arange(24) % 2 == 1, None, [False, True]),
        (np.where(np.arange(24) < 9, np.nan, np.arange(24) % 3), None, [0.0, 1.0, 2.0]),
        (np.arange(24) % 3 - 1, None, [-1, 0, 1]),
        (np.arange(24) % 3 - 1, -1, [0, 1]),
        (pd.Series(list("ba") * 12, dtype="category"), None, ["a", "b"]),
        ([None, "b", "a", ""] * 6, None, ["a", "b"]),
        (list(range(10, 2, -1)) * 3, None, list(range(3, 11))),
    ],
)
def test_classes_stay_what_they_are(y: Any, unlabelled: Any, classes: list[Any]) -> None:
    estimator = new(unlabelled=unlabelled, max_steps=1).fit(X, y)
    assert estimator.classes_.tolist() == classes
    assert type(estimator.classes_.tolist()[0]) is type(classes[0])
    assert set(estimator.predict(X).tolist()) <= set(classes)
    _, more = estimator.augment(X, y, label=classes)
    assert list(more)[24:] == classes
    assert type(more) is type(y)
    assert getattr(more, "dtype", None) == getattr(y, "dtype", None)


def test_random_states() -> None:
    first, second = new(random_state=None).fit(X), new(random_state=None).fit(X)
    assert first.seed_ != second.seed_
    assert not np.array_equal(first.sample(2), first.sample(2))
    states = [new(random_state=np.random.RandomState(5)).fit(X) for _ in range(2)]
    assert states[0].seed_ == states[1].seed_
    assert np.array_equal(states[0].sample(2), states[1].sample(2))
    assert not np.array_equal(states[0].sample(2), states[0].sample(2))
    assert new(random_state=np.random.default_rng(5)).fit(X).seed_ >= 0
    fixed = new().fit(X)
    assert np.array_equal(fixed.sample(2), fixed.sample(2))
    assert not np.array_equal(fixed.sample(2), fixed.sample(2, random_state=1))


def test_settings_reach_the_plan() -> None:
    settings = {"scaling": "robust", "category_prior": "uniform", "r1_weight": 0.25, "settings": {"beta1": 0.25}}
    plan = new(settings=settings, n_seeds=2, n_categories=2).fit(X).plan_
    assert (plan.scaling, plan.objective.r1_weight, plan.training.beta1) == ("robust", 0.25, 0.25)
    assert plan.training.seed in (0, 1)


def test_verbose_tells_of_training() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stderr", said := io.StringIO())
        new(max_steps=40, settings={"report_every": 1}, verbose=1).fit(X)
        tenth = said.getvalue().splitlines()
        new(max_steps=3, settings={"report_every": 1}, verbose=2).fit(X)
        new().fit(X)
    assert len(tenth) == 10
    assert tenth[-1].startswith("step 40 of 40: ")
    assert "bound_cat" in tenth[-1]
    assert len(said.getvalue().splitlines()) == 13


def test_history() -> None:
    lines = new(settings={"report_every": 1}).fit(X).history_
    assert [line["step"] for line in lines] == [1, 2, 3, 4]
    assert all(np.isfinite(line["bound_cat"]) for line in lines)


# ---- sampling


def test_labels_are_made_from_their_categories(fitted: InfoGAN) -> None:
    _, codes = fitted.sample(4, label="slow", return_codes=True)
    assert codes["cat"].tolist() == [1] * 4
    series, codes = fitted.sample(3, label=["slow", "fast", "slow"], cont=[0.5, None], return_codes=True)
    assert codes["label"].tolist() == ["slow", "fast", "slow"]
    assert codes["cat"].tolist() == [1, 0, 1]
    assert codes["cont0"].tolist() == [0.5] * 3
    assert codes["cont1"].nunique() == 3
    assert series.shape == (3, 1, 32)
    assert fitted.sample(2, cat=1).shape == (2, 1, 32)


def test_categories_of_one_name_take_turns() -> None:
    estimator = new(n_categories=4, max_steps=1).fit(X, Y)
    estimator.model_.names = ("slow", "fast", "slow", None)
    _, codes = estimator.sample(4, label="slow", return_codes=True)
    assert codes["cat"].tolist() == [0, 2, 0, 2]
    shares = estimator.transform(X)[:, :4]
    expected = np.where(shares[:, [0, 2]].sum(1) > shares[:, 1], "slow", "fast")
    assert estimator.predict(X).tolist() == expected.tolist()


def test_rows_do_not_depend_on_how_many_there_are(fitted: InfoGAN) -> None:
    assert np.array_equal(fitted.sample(300)[:2], fitted.sample(2))


def test_lists_come_back_as_lists() -> None:
    cases = [row[:, : 20 + k % 5].astype(np.float32) for k, row in enumerate(X)]
    estimator = new().fit(cases)
    synthetic = estimator.sample(7)
    assert isinstance(synthetic, list)
    assert {case.dtype for case in synthetic} == {np.dtype("float32")}
    assert {case.shape[1] for case in synthetic} <= set(range(20, 25))
    more = estimator.augment(cases, n=2)
    assert len(more) == 26
    assert all(some is other for some, other in zip(more, cases, strict=False))
    assert estimator.transform(X[:, :, :22]).shape == (24, 12)
    with pytest.raises(DataError, match="do not go into one array"):
        estimator.augment(X)


def test_time_before_channels() -> None:
    turned = np.moveaxis(np.concatenate([X, X**2], axis=1), 1, 2)
    estimator = new(time_last=False).fit(turned)
    assert estimator.n_features_in_ == 2
    assert estimator.sample(3).shape == (3, 32, 2)
    assert np.array_equal(estimator.augment(turned)[:24], turned)


def test_codes_are_numbers_of_any_kind(fitted: InfoGAN) -> None:
    plain = fitted.sample(2, cat=1, cont=[0.5, -1], random_state=1)
    for cat in (np.int64(1), np.array(1), torch.tensor(1)):
        assert np.array_equal(fitted.sample(2, cat=cat, cont=np.array([0.5, -1]), random_state=1), plain)


# ---- augmenting


def test_classes_are_as_frequent_in_what_is_added(fitted: InfoGAN) -> None:
    y = np.array(["slow"] * 18 + ["fast"] * 6)
    more, classes = fitted.augment(X, y, n=12)
    assert more.dtype == X.dtype
    assert np.array_equal(more[:24], X)
    assert classes.tolist() == [*y, *["fast"] * 3, *["slow"] * 9]
    assert len(fitted.augment(X, y)[0]) == 48
    assert len(fitted.augment(X, y, factor=1.5)[1]) == 36
    assert fitted.augment(X, y, factor=1)[0] is X
    assert fitted.augment(X, n=3).shape == (27, 1, 32)
    synthetic = fitted.sample(12, label=classes[24:])
    assert np.array_equal(more[24:], synthetic)


def test_panels_and_frames_bring_their_own_classes() -> None:
    more = new().fit(PANEL).augment(PANEL, n=4)
    assert more.n_cases == 28
    assert more.labels[24:].tolist() == [0, 0, 1, 1]
    rows = pd.DataFrame({"case": np.repeat(range(24), 32), "time": np.tile(range(32), 24), "x": X.ravel()})
    rows["label"] = np.repeat(PANEL.labels, 32)
    estimator = new().fit(rows)
    assert estimator.classes_.tolist() == [0, 1]
    more = estimator.augment(rows, n=4)
    assert (more.dtypes == rows.dtypes).all()
    assert more.groupby("case")["label"].first().tolist()[24:] == [0, 0, 1, 1]
    assert estimator.sample(2, label=1)["label"].tolist() == [1] * 64


# ---- reading


def test_features(fitted: InfoGAN) -> None:
    features = fitted.transform(X)
    names = fitted.get_feature_names_out().tolist()
    assert names == ["cat_0", "cat_1", "cont0", "cont1"]
    assert features.dtype == np.float32
    np.testing.assert_allclose(features[:, :2].sum(1), 1, rtol=1e-6)
    codes = fitted.encode(X)
    assert features[:, :2].argmax(1).tolist() == codes["cat"].tolist()
    np.testing.assert_allclose(features[:, :2].max(1), codes["cat_confidence"], rtol=1e-6)
    assert features[:, 2].tolist() == codes["cont0"].tolist()
    assert codes["cat"].tolist() == encode(fitted.model_, Panel.from_arrays(X))["cat"].tolist()
    assert np.where(codes["cat"] == 1, "slow", "fast").tolist() == codes["label"].tolist()
    assert fitted.predict(X).tolist() == codes["label"].tolist()


def test_names_of_features_of_several_codes() -> None:
    estimator = new(n_categories=(2, 3), n_continuous=1, max_steps=1).fit(X)
    assert estimator.get_feature_names_out().tolist() == ["cat0_0", "cat0_1", "cat1_0", "cat1_1", "cat1_2", "cont0"]
    assert estimator.transform(X).shape == (24, 6)
    nothing = new(n_categories=0, n_continuous=0, max_steps=1).fit(X)
    assert nothing.transform(X).shape == (24, 0)


def test_predictions_are_the_classes_of_y(trained: InfoGAN) -> None:
    assert trained.predict(X).dtype == Y.dtype
    assert (trained.predict(X) == Y).mean() > 0.9
    assert set(new().fit(X).predict(X).tolist()) <= set(range(10))


def test_channels_are_called_as_they_were_in_training() -> None:
    panel = Panel.from_arrays(X, channels=["height"])
    estimator = new().fit(panel)
    assert estimator.sample(2).channels == ("height",)
    assert estimator.transform(X).shape == (24, 12)
    assert estimator.to_panel(X, Y).channels == ("height",)
    with pytest.raises(DataError, match="expected the channels height"):
        estimator.transform(Panel.from_arrays(X, channels=["width"]))


# ---- keeping


@pytest.mark.parametrize("kind", ["array", "list", "panel", "frame"])
def test_what_is_saved_is_loaded(kind: str, tmp_path: Any) -> None:
    rows = pd.DataFrame({"case": np.repeat(range(24), 32), "time": np.tile(range(32), 24), "x": X.ravel()})
    series = {"array": X, "list": [*X], "panel": PANEL, "frame": rows}[kind]
    y = None if kind == "frame" else np.arange(24) % 2 + 5
    estimator = new(n_categories=2, random_state=np.random.RandomState(0)).fit(series, y)
    assert estimator.save(tmp_path / "kept") == tmp_path / "kept"
    loaded = InfoGAN.load(tmp_path / "kept", device="cpu")
    some, other = (each.sample(3, random_state=1) for each in (estimator, loaded))
    if kind == "frame":
        pd.testing.assert_frame_equal(some, other)
    elif kind == "panel":
        assert np.array_equal(some.values, other.values)
        assert other.labels.tolist() == some.labels.tolist()
    else:
        assert type(some) is type(other)
        assert np.array_equal(some, other)
    assert loaded.classes_.tolist() == estimator.classes_.tolist()
    assert np.array_equal(loaded.predict(series), estimator.predict(series))
    assert loaded.history_ == estimator.history_
    parameters = {**estimator.get_params(), "random_state": estimator.seed_}
    assert loaded.get_params() == parameters
    assert loaded.n_features_in_ == estimator.n_features_in_
    assert clone(loaded).fit(series, y).seed_ == estimator.seed_


def test_the_command_line_samples_from_what_was_saved(fitted: InfoGAN, tmp_path: Any, command: Any) -> None:
    path = fitted.save(tmp_path / "kept")
    outcome = command("sample", "--model", path, "-n", 3, "--seed", 4, "--label", "slow", "--device", "cpu")
    assert outcome.code == 0, outcome.err
    (tmp_path / "made.csv").write_bytes(outcome.out)
    synthetic = fitted.sample(3, label="slow", random_state=4)
    np.testing.assert_allclose(read_panel(tmp_path / "made.csv").values, synthetic, rtol=1e-6)
    assert command("runs", "--runs", tmp_path).code == 0


def test_runs_of_the_command_line_can_be_loaded(trained_runs: Any, command: Any) -> None:
    estimator = InfoGAN.load(trained_runs, device="cpu")
    assert isinstance(estimator.sample(2), Panel)
    assert estimator.classes_.tolist() == ["a", "b", "c"]
    assert estimator.n_categories == (3,)
    assert command("name", "--cat", 1, "wide", "--model", trained_runs, "--runs", trained_runs.parent).code == 0
    named = InfoGAN.load(trained_runs, device="cpu")
    _, codes = named.sample(2, label="wide", return_codes=True)
    assert codes["cat"].tolist() == [1, 1]
    assert codes["label"].tolist() == ["wide"] * 2


@pytest.fixture
def trained_runs(request: pytest.FixtureRequest, tmp_path: Any) -> Any:
    """A run that the command line made."""
    command, small = request.getfixturevalue("command"), request.getfixturevalue("small_csv")
    options = ("--width", 4, "--batch-size", 8, "--device", "cpu", "--steps", 2, "--noise", 4, "--cat", 3)
    assert command("train", "--data", small, *options, "--runs", tmp_path / "runs").code == 0
    return next((tmp_path / "runs").iterdir())


def test_nothing_is_overwritten(fitted: InfoGAN, tmp_path: Any) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(RunError, match="holds something already"):
        fitted.save(tmp_path)
    with pytest.raises(RunError, match="cannot make the directory"):
        fitted.save(tmp_path / "mine.txt" / "kept")
    with pytest.raises(RunError, match="not a readable run directory"):
        InfoGAN.load(tmp_path)


# ---- real series


@pytest.mark.skipif(not os.environ.get("TSINFOGAN_DATA"), reason="TSINFOGAN_DATA names no folder with the real data")
def test_recorded_letters() -> None:
    panel = load_dataset("char_traj").subset(np.arange(0, 1422, 7))
    cases = [panel.case(k) for k in range(panel.n_cases)]
    y = np.array(panel.classes)[panel.labels]
    estimator = new().fit(cases, y)
    assert estimator.classes_.tolist() == list(panel.classes)
    more, classes = estimator.augment(cases, y, factor=1.5)
    assert len(more) == len(classes) == round(1.5 * len(cases))
    least, greatest = panel.case_lengths.min(), panel.case_lengths.max()
    assert all(case.shape[0] == 3 and least <= case.shape[1] <= greatest for case in more)
    assert estimator.predict(cases).dtype == y.dtype
