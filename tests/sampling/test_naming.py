"""Names of categories: where they come from, where they are kept, and that nothing but people sees them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tsinfogan.data.panel import Panel
from tsinfogan.errors import RunError, SettingError, UnknownNameError
from tsinfogan.models.model import Model
from tsinfogan.sampling import naming
from tsinfogan.sampling.naming import matched_names, renamed
from tsinfogan.training.plan import make_plan
from tsinfogan.training.run import MODEL, NAMES, Run
from tsinfogan.training.session import Session, build_model, fit

CPU = torch.device("cpu")
SMALL: dict[str, Any] = {"max_steps": 2, "pretraining_steps": 1, "batch_size": 4, "report_every": 1}


def panel_of(labels: list[str | None] | None, n: int = 12) -> Panel:
    """Two channels of noise; the same values whatever the labels."""
    values = np.random.default_rng(0).normal(size=(len(labels) if labels else n, 2, 16))
    return Panel.from_arrays(values, channels=("up", "down"), name="noise", labels=labels)


def build(panel: Panel, n_categories: tuple[int, ...] = (3,), recipe: str = "infogan") -> Model:
    return build_model(
        make_plan(panel, recipe=recipe, n_categories=n_categories, n_continuous=1, width=4, noise_dim=2), panel
    )


def reading(monkeypatch: pytest.MonkeyPatch, categories: list[int]) -> None:
    """Lets Q read these categories in the cases of a panel of 16 points, told apart by their first value."""
    firsts = panel_of(None, len(categories)).values[:, 0, 0].tolist()

    def encode(_model: Model, panel: Panel) -> dict[str, np.ndarray]:
        return {"cat": np.array([categories[firsts.index(first)] for first in panel.values[:, 0, 0]])}

    monkeypatch.setattr(naming, "encode", encode)


# ---- names by matching


@pytest.mark.parametrize(
    ("categories", "labels", "names"),
    [
        ([2, 2, 0, 0, 1, 1], "aabbcc", ("b", "c", "a")),
        ([0, 0, 0, 1, 1, 2], "aaabbb", ("a", "b", "b")),
        ([0, 0, 1, 1, 1, 1], "abccdd", ("a", "c", None)),
        ([0, 0, 0, 1, 1, 1], "aaaaab", ("a", "b", None)),
        ([0, 0, 0, 1, 1, 1], "aaaaaa", ("a", "a", None)),
        ([0, 0, 1, 1, 1, 2], "aabbb?", ("a", "b", None)),
        ([0, 1, 1, 2, 2, 2], "aaabbc", ("a", "a", "b")),
    ],
    ids=["one to one", "merged", "fewer categories", "all matched", "never a class without cases", "unlabelled", "tie"],
)
def test_categories_are_called_after_their_classes(
    categories: list[int], labels: str, names: tuple[str | None, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = panel_of([None if label == "?" else label for label in labels])
    reading(monkeypatch, categories)
    model = build(panel)
    assert matched_names(model, panel) == names
    monkeypatch.setattr(naming, "CASES_AT_ONCE", 2)
    assert matched_names(model, panel) == names


def test_of_very_many_cases_some_give_the_names(monkeypatch: pytest.MonkeyPatch) -> None:
    panel = panel_of(list("abba" * 3))
    reading(monkeypatch, [1, 0, 0, 1] * 3)
    monkeypatch.setattr(naming, "MAX_CASES", 5)
    monkeypatch.setattr(naming, "CASES_AT_ONCE", 3)
    assert matched_names(build(panel), panel) == ("b", "a", None)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("abcde")), min_size=1, max_size=20))
def test_a_name_is_that_of_a_class_among_the_cases(pairs: list[tuple[int, str]]) -> None:
    panel = panel_of([label for _, label in pairs])
    model = build(panel, (4,))
    with pytest.MonkeyPatch.context() as patch:
        reading(patch, [category for category, _ in pairs])
        names = matched_names(model, panel)
    for category, name in enumerate(names):
        classes = {label for other, label in pairs if other == category}
        assert name in classes if classes else name is None


def test_nothing_to_match() -> None:
    labelled = panel_of(list("abcabc"))
    assert matched_names(build(panel_of(None)), panel_of(None)) == ()
    assert matched_names(build(labelled, ()), labelled) == ()
    acgan = build(labelled, recipe="acgan")
    assert matched_names(acgan, labelled) == ()
    assert acgan.category_names == ("a", "b", "c")


def test_the_first_of_several_categorical_codes_has_the_names() -> None:
    panel = panel_of(list("abcabc"))
    model = build(panel, (3, 2))
    assert model.settings.category_column == "cat0"
    assert len(matched_names(model, panel)) == 3


# ---- names by hand


def test_renaming() -> None:
    model = build(panel_of(None))
    assert model.category_names == ()
    model.names = renamed(model, 2, " fast s ")
    assert model.category_names == (None, None, "fast s")
    model.names = renamed(model, 2, "fast s")
    model.names = renamed(model, 0, "slow s")
    assert model.categories_named("fast s") == (2,)
    assert renamed(model, 2, None) == ("slow s", None, None)
    model.names = (None, None, None)
    assert model.category_names == ()


@pytest.mark.parametrize(
    ("category", "name", "message"),
    [
        (3, "x", "no category 3: the model has categories 0 to 2"),
        (-1, "x", "categories 0 to 2"),
        (0, "", "expected a name"),
        (0, "  ", "expected a name"),
        (0, "two\nlines", "printable"),
        (0, "\udcff", "printable"),
        (0, "b", "'b' is taken by category 1"),
    ],
)
def test_names_that_cannot_be(category: int, name: str, message: str) -> None:
    model = build(panel_of(None))
    model.names = (None, "b", None)
    with pytest.raises(SettingError, match=message) as e:
        renamed(model, category, name)
    assert "\n" not in str(e.value)
    assert model.names == (None, "b", None)


def test_classes_are_not_renamed() -> None:
    with pytest.raises(SettingError, match="are the classes a, b, c"):
        renamed(build(panel_of(list("abcabc")), recipe="acgan"), 0, "x")
    with pytest.raises(SettingError, match="no categorical code"):
        renamed(build(panel_of(None), ()), 0, "x")


def test_looking_up_a_name() -> None:
    model = build(panel_of(None))
    with pytest.raises(SettingError, match="no category of the model has a name: name them with `tsinfogan name`"):
        model.categories_named("a")
    model.names = ("a", None, "a")
    assert model.categories_named("a") == (0, 2)
    with pytest.raises(UnknownNameError, match="unknown label 'b': choose from a"):
        model.categories_named("b")


# ---- kept with the run


def begin(root: Path, panel: Panel, **others: Any) -> Session:
    plan = make_plan(panel, n_categories=(3,), width=4, noise_dim=2, settings={**SMALL, **others})
    return Session.start(root, plan, panel, {}, CPU, torch.float32)


def finish(session: Session) -> Run:
    for _ in session.train():
        pass
    return session.run


def test_a_finished_session_names_its_categories(tmp_path: Path) -> None:
    panel = panel_of(list("abcabcabcabc"))
    session = begin(tmp_path, panel)
    run = finish(session)
    names = matched_names(session.trainer.model, panel)
    assert any(names)
    assert session.trainer.model.names == names
    assert run.load_model().category_names == names
    fitted = fit(panel, device="cpu", precision="float32", n_categories=(3,), width=4, noise_dim=2, settings=SMALL)
    assert fitted.names == names


def test_names_never_reach_training(tmp_path: Path) -> None:
    named = finish(begin(tmp_path, panel_of(list("abcabcabcabc"))))
    unnamed = finish(begin(tmp_path, panel_of(None)))
    assert (named.path / NAMES).exists()
    assert not (unnamed.path / NAMES).exists()
    assert unnamed.load_model().category_names == ()
    assert (named.path / MODEL).read_bytes() == (unnamed.path / MODEL).read_bytes()


def test_a_name_given_by_hand_outlives_the_end_of_training(tmp_path: Path) -> None:
    panel = panel_of(list("abcabcabcabc"))
    session = begin(tmp_path, panel)
    for _ in session.train(stop=lambda: True):
        pass
    assert not session.finished
    assert not (session.run.path / NAMES).exists(), "categories may still change"
    session.run.save_names((None, "mine", None))
    run = finish(Session.resume(session.run, panel, CPU, torch.float32))
    assert run.load_model().category_names == (None, "mine", None)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return finish(begin(tmp_path_factory.mktemp("runs"), panel_of(None)))


printable = st.text(min_size=1, max_size=20).filter(lambda text: text.strip() and text.strip().isprintable())


@settings(max_examples=25, deadline=None)
@given(st.lists(printable, min_size=3, max_size=3, unique_by=str.strip))
def test_any_name_comes_back(run: Run, names: list[str]) -> None:
    model = run.load_model()
    model.names = ()
    for category, name in enumerate(names):
        model.names = renamed(model, category, name)
    run.save_names(model.names)
    assert run.load_model().names == tuple(name.strip() for name in names)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "names.json of run .* is damaged"),
        (b'["a", nu', "is damaged"),
        (b"\xff\xfe\x00", "is damaged"),
        (b"[" * 100_000, "is damaged"),
        (b'{"0": "a"}', "names: expected a list, got {'0': 'a'}"),
        (b'["a", 3, null]', "names.1: expected text, got 3"),
        (b'["a", "", null]', "not a list of names"),
        (b'["a", null]', "expected 3 names, one per category, got 2"),
        (b"[]", "expected 3 names, one per category, got 0"),
    ],
    ids=lambda value: value[:10].decode(errors="replace") if isinstance(value, bytes) else None,
)
def test_damaged_names(run: Run, content: bytes, message: str) -> None:
    (run.path / NAMES).write_bytes(content)
    with pytest.raises(RunError, match=message) as e:
        run.load_model()
    assert "\n" not in str(e.value)
    assert "restore or delete it" in str(e.value)
    (run.path / NAMES).unlink()
    assert run.load_model().names == ()


def test_names_are_text_that_a_person_can_read(run: Run) -> None:
    run.save_names(("été", None, "z"))
    assert "été" in (run.path / NAMES).read_text(encoding="utf-8")
    assert json.loads((run.path / NAMES).read_bytes()) == ["été", None, "z"]
