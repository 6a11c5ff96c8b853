"""``tsinfogan augment-study``: its table and its picture, the runs that may take part, and mistakes in one sentence."""

from __future__ import annotations

import csv
import io
import json

from safetensors.torch import load, save_file

from tsinfogan.formats import read_panel
from tsinfogan.metrics.augmentation.preparation import generators_of
from tsinfogan.training.run import MODEL, list_runs

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
    kept = load(model.read_bytes())  # load_file may read later on, when the file is another
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
