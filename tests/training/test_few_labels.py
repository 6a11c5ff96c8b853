"""A few labels at the command line: kept for some cases, hidden for the others, and the same ones after a pause."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from tsinfogan.data.labels import keep_labels
from tsinfogan.data.panel import Panel
from tsinfogan.formats import FORMATS, read_panel
from tsinfogan.training.run import find_run, list_runs
from tsinfogan.training.trainer import Trainer

TINY = ("--width", "8", "--batch-size", "8", "--device", "cpu", "--steps", "4")


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The labels that each trainer is given."""
    given: list[list[int]] = []
    before = Trainer.__init__

    def note(self, *arguments, **others):
        before(self, *arguments, **others)
        given.append(self.labels.tolist())

    monkeypatch.setattr(Trainer, "__init__", note)
    return given


def write(panel: Panel, path: Path) -> Path:
    with path.open("wb") as stream:
        writer = FORMATS.get("csv").open_writer(stream)
        writer.write(panel, {})
        writer.close()
    return path


def test_labels_per_class(command, small_csv, tmp_path, seen):
    outcome = command("train", "--data", small_csv, *TINY, "--labels-per-class", 2, "--seed", 1, "--runs", tmp_path)
    assert outcome.code == 0, outcome.err
    assert "labels of 6 of 12 cases are kept, 2 for each of 3 classes: cases " in outcome.err
    assert "recipe semi_supervised: category k is class k, known for 6 of 12 cases" in outcome.err
    (run,) = list_runs(tmp_path)
    assert run.plan.recipe == "semi_supervised"
    assert run.data["labels_per_class"] == 2
    kept = run.data["labelled_cases"]
    assert np.flatnonzero(np.array(seen[0]) >= 0).tolist() == kept
    assert ", ".join(map(str, kept)) in outcome.err
    assert np.bincount(read_panel(small_csv).labels[kept]).tolist() == [2, 2, 2]
    assert command("sample", "--label", "b", "--runs", tmp_path).code == 0


def test_the_same_labels_after_a_pause(command, small_csv, tmp_path, seen, monkeypatch):
    from tsinfogan.cli import _running

    options = ["train", "--data", small_csv, *TINY, "--labels-per-class", 2, "--runs", tmp_path, "--seeds", 2]
    with monkeypatch.context() as patch:
        patch.setattr(_running, "stop_signals", lambda: nullcontext([2]))
        assert command(*options).code == 130
    assert len(seen) == 1
    outcome = command("train", "--resume", "last", "--runs", tmp_path, "--device", "cpu")
    assert outcome.code == 0, outcome.err
    assert len(seen) == 3
    assert seen[0] == seen[1] == seen[2]  # the candidates too: they differ in all else
    assert sum(label >= 0 for label in seen[0]) == 6
    assert find_run(tmp_path).plan.recipe == "semi_supervised"


def test_a_recipe_that_reads_labels_may_be_named(command, small_csv):
    outcome = command("train", "--data", small_csv, "--labels-per-class", 1, "--recipe", "acgan", "--dry-run")
    resolved = json.loads(outcome.out)
    assert resolved["plan"]["recipe"] == "acgan"
    assert len(resolved["data"]["labelled_cases"]) == 3
    all_of_them = command("train", "--data", small_csv, "--labels-per-class", 4, "--dry-run")
    assert json.loads(all_of_them.out)["plan"]["recipe"] == "semi_supervised"


def test_a_label_column_that_is_partly_filled(command, small_csv, tmp_path, seen):
    partly = write(keep_labels(read_panel(small_csv), [0, 1, 2, 5]), tmp_path / "partly.csv")
    outcome = command("train", "--data", partly, *TINY, "--runs", tmp_path / "runs")
    assert outcome.code == 0, outcome.err
    assert "recipe semi_supervised: category k is class k, known for 4 of 12 cases; --recipe infogan" in outcome.err
    assert sum(label >= 0 for label in seen[0]) == 4
    assert find_run(tmp_path / "runs").plan.recipe == "semi_supervised"
    for recipe in ("infogan", "gan"):
        asked = command("train", "--data", partly, "--recipe", recipe, "--dry-run")
        assert json.loads(asked.out)["plan"]["recipe"] == recipe
        assert "semi_supervised" not in asked.err
    whole = command("train", "--data", small_csv, "--dry-run")
    assert json.loads(whole.out)["plan"]["recipe"] == "infogan"
    assert "semi_supervised" not in whole.err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["5"], "expected 5 labelled cases of each class, but class 'a' has 4;"),
        (["0"], "'--labels-per-class'"),
        (["some"], "'--labels-per-class'"),
        (["2", "--recipe", "infogan"], "a recipe that reads none, got --recipe infogan"),
        (["2", "--recipe", "gan"], "a recipe that reads none, got --recipe gan"),
        (["2", "--recipe", "wgan"], "unknown recipe 'wgan'"),
        (["2", "--recipe", "cgan"], "needs the label of every case"),
        (["2", "--cat", "5"], "expected 3 categories"),
        (["2", "--dataset", "sines"], "--dataset and --data"),
        (["2", "--resume", "last"], "got 'data'"),
    ],
    ids=" ".join,
)
def test_mistakes(arguments, expected, command, small_csv, tmp_path):
    options = ["--data", small_csv, "--runs", tmp_path / "runs", "--labels-per-class", *arguments]
    assert expected in command("train", *options).sentence
    assert not (tmp_path / "runs").exists()


def test_no_labels_at_all(command, tmp_path):
    assert "sines has no labels" in command("train", "--dataset", "sines", "--labels-per-class", 1).sentence
    bare = write(Panel.from_arrays(np.random.default_rng(0).normal(size=(4, 1, 9))), tmp_path / "bare.csv")
    assert "bare has no labels" in command("train", "--data", bare, "--labels-per-class", 1).sentence


def test_data_that_lost_cases(command, small_csv, tmp_path, monkeypatch):
    panel = read_panel(small_csv)
    path = write(panel, tmp_path / "mine.csv")
    assert command("train", "--data", path, *TINY, "--labels-per-class", 4, "--runs", tmp_path / "runs").code == 0
    write(panel.subset(np.arange(6)), path)
    assert "has 6 cases, so none at" in command("train", "--resume", "last", "--runs", tmp_path / "runs").sentence
