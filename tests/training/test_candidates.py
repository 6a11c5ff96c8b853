"""Several seeds in one run directory: the chosen one stands at the top, and an interruption changes nothing."""

from __future__ import annotations

import json
import re
import shlex
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from _trainers import waves
from tsinfogan.data.panel import Panel
from tsinfogan.errors import DataError, DivergedError, RunError, SettingError
from tsinfogan.sampling.inference import encode
from tsinfogan.training import candidates as module
from tsinfogan.training.candidates import FOLDER, Candidates, find_last
from tsinfogan.training.plan import make_plan
from tsinfogan.training.run import CANDIDATES, CARD, CONFIG, METRICS, MODEL, Run, find_run, list_runs
from tsinfogan.training.session import build_model

CPU = torch.device("cpu")
SETTINGS = {"max_steps": 3, "pretraining_steps": 0, "batch_size": 4, "report_every": 1, "seed": 5}
TINY = ("--width", "8", "--batch-size", "8", "--device", "cpu", "--cat", "3")
BRIEF = ("--steps", 40, "--set", "pretraining_steps=4", "--set", "split_merge_rounds=0", "--set", "report_every=1")


def start(root: Path, panel: Panel, n_seeds: int = 3) -> Candidates:
    plan = make_plan(panel, width=4, noise_dim=2, settings=SETTINGS)
    return Candidates.start(root, plan, panel, {"dataset": "waves"}, n_seeds)


def train(candidates: Candidates, panel: Panel) -> list[tuple[int, int]]:
    indices = []
    for index, session in candidates.remaining(panel, CPU, torch.float32):
        indices.append((index, session.trainer.settings.seed))
        for _ in session.train():
            pass
        candidates.note(session)
    return indices


def weights(path: Path) -> bytes:
    return (path / MODEL).read_bytes()


def test_the_chosen_one_stands_at_the_top(tmp_path: Path) -> None:
    panel = waves()
    candidates = start(tmp_path, panel)
    with pytest.raises(RunError, match="no model"):
        find_run(tmp_path, candidates.run.name).load_model()
    assert train(candidates, panel) == [(1, 5), (2, 6), (3, 7)]
    chosen = candidates.choose(panel, CPU)
    (run,) = list_runs(tmp_path)
    assert run.path == find_run(tmp_path).path == find_last(tmp_path).path == candidates.run.path
    source = run.path / FOLDER / f"seed-{chosen.seed}"
    assert {path.name for path in run.path.iterdir()} == (
        {path.name for path in source.iterdir()} | {FOLDER, CANDIDATES, CARD}
    )
    for name in (METRICS, CONFIG, "samples.png", "names.json"):
        assert (run.path / name).read_bytes() == (source / name).read_bytes(), name
    assert run.steps_done == SETTINGS["max_steps"]
    assert run.plan.training.seed == chosen.seed
    assert f"--model {run.name} " in (run.path / CARD).read_text()
    encoded = encode(run.load_model(), panel)["cat"]
    alone = find_run(tmp_path, f"{run.name}/{FOLDER}/seed-{chosen.seed}").load_model()
    np.testing.assert_array_equal(encoded, encode(alone, panel)["cat"])
    opened = Candidates.open(run)
    assert opened is not None
    assert opened.rows == candidates.rows
    assert [row.chosen for row in opened.rows].count(True) == 1
    assert opened.chosen == chosen
    best_rank = min(row.mean_rank for row in opened.rows if row.mean_rank is not None)
    assert chosen.mean_rank == best_rank


def test_a_single_training_has_no_candidates(tmp_path: Path) -> None:
    panel = waves()
    plan = make_plan(panel, width=4, noise_dim=2, settings=SETTINGS)
    run = Run.create(tmp_path, plan, build_model(plan, panel), {})
    assert Candidates.open(run) is None
    (run.path / CANDIDATES).write_text('[{"speed": 1}]')
    with pytest.raises(RunError, match=r"candidates\.json is damaged"):
        Candidates.open(run)


def test_goes_on_wherever_it_was_cut_off(tmp_path: Path) -> None:
    panel = waves()
    whole = start(tmp_path / "whole", panel)
    train(whole, panel)
    whole.choose(panel, CPU)
    candidates = start(tmp_path / "parts", panel)
    for cut in ("before the first checkpoint", "in a training", "before its end was noted"):
        index, session = next(candidates.remaining(panel, CPU, torch.float32))
        assert index == 1, cut
        if cut == "before the first checkpoint":
            session.run.log(next(iter(session.trainer.run())))
        elif cut == "in a training":
            assert [report.step for report in session.train(lambda: True)] == [1]
        else:
            assert [report.step for report in session.train()] == [2, 3]
        again = Candidates.open(find_run(tmp_path / "parts", candidates.run.name))
        assert again is not None
        candidates = again
    assert find_last(tmp_path / "parts").path == candidates.run.path
    train(candidates, panel)
    candidates.choose(panel, CPU)
    assert candidates.rows == whole.rows
    assert weights(candidates.run.path) == weights(whole.run.path)
    for row in whole.rows:
        parts, first = (each.run.path / FOLDER / f"seed-{row.seed}" for each in (candidates, whole))
        assert weights(parts) == weights(first)
        assert [line["step"] for line in Run.open(parts).metrics()] == [1, 2, 3]


def test_other_data_is_refused(tmp_path: Path) -> None:
    candidates = start(tmp_path, waves())
    with pytest.raises(DataError, match="other values"):
        next(candidates.remaining(waves(23), CPU, torch.float32))


def test_diverged_candidates_are_left_out(tmp_path: Path) -> None:
    panel = waves()
    candidates = start(tmp_path, panel)
    for index, session in candidates.remaining(panel, CPU, torch.float32):
        if index < 3:
            candidates.note(session, DivergedError("it diverged"))
        else:
            list(session.train())
            candidates.note(session)
    assert candidates.choose(panel, CPU).seed == 7
    assert [(row.trained, row.note, row.agreement) for row in candidates.rows] == [
        (False, "it diverged", None),
        (False, "it diverged", None),
        (True, "", None),
    ]
    assert "NaN" not in (candidates.run.path / CANDIDATES).read_text()


def test_nothing_is_left_where_all_diverge(tmp_path: Path) -> None:
    panel = waves()
    candidates = start(tmp_path, panel, 2)
    for _, session in candidates.remaining(panel, CPU, torch.float32):
        candidates.note(session, DivergedError("it diverged"))
    with pytest.raises(DivergedError, match=f"all 2 candidates of run {candidates.run.name} diverged; lower"):
        candidates.choose(panel, CPU)


def test_a_choice_cut_off_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    panel = waves()
    candidates = start(tmp_path, panel)
    train(candidates, panel)

    def fail(*_: object) -> str:
        raise RunError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(module, "describe", fail)
        with pytest.raises(RunError):
            candidates.choose(panel, CPU)
    again = Candidates.open(Run.open(candidates.run.path))
    assert again is not None
    assert again.chosen is None
    assert train(again, panel) == []
    chosen = again.choose(panel, CPU)
    ours, theirs = again.run.load_model(), Run.open(again.run.path / FOLDER / f"seed-{chosen.seed}").load_model()
    np.testing.assert_array_equal(encode(ours, panel)["cat"], encode(theirs, panel)["cat"])


def test_nothing_to_choose_by_is_said_before_anything_is_made(tmp_path: Path) -> None:
    panel = waves()
    plan = make_plan(panel, recipe="acgan", width=4, noise_dim=2)
    with pytest.raises(SettingError, match="one seed at a time"):
        Candidates.start(tmp_path / "runs", plan, panel, {}, 2)
    assert not (tmp_path / "runs").exists()


# ---- at the command line


def table_of(said: str) -> list[list[str]]:
    lines = said.splitlines()
    first = next(index for index, line in enumerate(lines) if line.startswith("seed  disagreement"))
    return [line.split() for line in lines[first + 1 : first + 3]]


def test_interrupted_candidates_end_the_same(process, command, small_csv, tmp_path):
    options = ["train", "--data", small_csv, *TINY, *BRIEF, "--seeds", 2, "--seed", 4]
    whole = command(*options, "--runs", tmp_path / "whole")
    assert whole.code == 0, whole.err
    assert "candidate 1 of 2, seed 4, step 1/40" in whole.err
    (one,) = list_runs(tmp_path / "whole")
    child = process(*options, "--runs", tmp_path / "parts")
    while b"candidate 2 of 2, seed 5, step " not in child.stderr.readline():
        assert child.poll() is None
    child.send_signal(signal.SIGINT)
    said = child.stderr.read().decode()
    assert child.wait() == 130
    (other,) = list_runs(tmp_path / "parts")
    advice = re.search(r"stopped after step \d+ and saved; go on with `tsinfogan (.*)`\n$", said).group(1)
    assert shlex.split(advice) == ["train", "--resume", other.name, "--runs", str(tmp_path / "parts")]
    assert "1 of 2 seeds" in command("runs", "--runs", tmp_path / "parts").out.decode()
    outcome = command("train", "--resume", "last", "--runs", tmp_path / "parts", "--device", "cpu")
    assert outcome.code == 0, outcome.err
    assert "candidate 1" not in outcome.err
    assert "candidate 2 of 2, seed 5, step" in outcome.err
    assert table_of(outcome.err) == table_of(whole.err)
    assert [row[0] for row in table_of(whole.err)] == ["4", "5"]
    assert sum("chosen" in row for row in table_of(whole.err)) == 1
    for name in (MODEL, CANDIDATES, "samples.png"):
        assert (one.path / name).read_bytes() == (other.path / name).read_bytes()
    assert "best of 2 seeds" in command("runs", "--runs", tmp_path / "parts").out.decode()
    assert re.search(r"^seed 4.disagreement +-?\d", command("runs", "show", one.path).out.decode(), re.MULTILINE)
    suggested = re.search(r"sample it with: tsinfogan (.*) > out.csv", outcome.err).group(1)
    sampled = command(*shlex.split(suggested))
    assert sampled.code == 0
    assert sampled.out == command(*shlex.split(suggested.replace("parts", "whole").replace(other.name, one.name))).out
    again = command("train", "--resume", other.name, "--runs", tmp_path / "parts")
    chosen = json.loads((one.path / CONFIG).read_text())["plan"]["training"]["seed"]
    assert f"is finished, seed {chosen} is chosen" in again.sentence


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--seeds", "0"], "'--seeds'"),
        (["--seeds", "2", "--recipe", "acgan"], "nothing"),
        (["--seeds", "2", "--cat", "none"], "finds none"),
        (["--resume", "last", "--seeds", "2"], "got 'seeds'"),
    ],
)
def test_mistakes(arguments, expected, command, small_csv, tmp_path):
    data = [] if "--resume" in arguments else ["--data", small_csv]
    expected = expected.replace("nothing", "this acgan finds none")
    assert expected in command("train", *data, "--runs", tmp_path / "runs", *arguments).sentence
    assert not (tmp_path / "runs").exists()


def test_dry_run_names_the_seeds(command, small_csv):
    outcome = command("train", "--data", small_csv, "--seeds", 3, "--seed", 2, "--dry-run")
    assert json.loads(outcome.out)["seeds"] == [2, 3, 4]
