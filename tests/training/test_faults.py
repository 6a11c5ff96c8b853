"""Faults on purpose: kills at every write, a second process, links, and run directories that a stranger wrote."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load, load_file, save_file

from _trainers import waves
from tsinfogan.data.panel import Panel
from tsinfogan.devices import Computing, as_before
from tsinfogan.errors import RunError, SettingError, TsInfoGANError
from tsinfogan.sampling.sampler import sample
from tsinfogan.training import files
from tsinfogan.training import session as sessions
from tsinfogan.training.candidates import FOLDER, Candidates, find_last
from tsinfogan.training.checkpoint import model_tensors
from tsinfogan.training.plan import make_plan
from tsinfogan.training.run import CANDIDATES, CARD, CONFIG, METRICS, MODEL, NAMES, STATE, Run, find_run, list_runs
from tsinfogan.training.session import PICTURE, Session

CPU = torch.device("cpu")
SETTINGS = {"max_steps": 3, "pretraining_steps": 2, "split_merge_rounds": 0, "batch_size": 4, "report_every": 1}
OUTCOME = (MODEL, NAMES, PICTURE, CARD)


def start(root: Path, panel: Panel | None = None) -> Session:
    panel = panel or waves(8)
    plan = make_plan(panel, n_categories=(2,), width=4, noise_dim=2, settings=SETTINGS)
    return Session.start(root, plan, panel, {"dataset": "waves"}, CPU, torch.float32)


def resume(run: Run) -> Session:
    return Session.resume(run, waves(8), CPU, torch.float32)


def train(session: Session) -> Run:
    for _ in session.train():
        pass
    return session.run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A finished run, under ``tmp_path / "runs"``."""
    return train(start(tmp_path / "runs"))


class Killed(BaseException):
    """In place of SIGKILL: nothing in the library catches it."""


def outcome(run: Run) -> dict[str, bytes]:
    name = run.name.encode()
    return {each: (run.path / each).read_bytes().replace(name, b"") for each in OUTCOME}


def test_killed_at_any_write_and_resumed_it_is_the_same_to_the_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "SECONDS_BETWEEN_CHECKPOINTS", -1.0)
    monkeypatch.setattr(sessions, "picture", lambda model: sample(model, 2).panel.values.tobytes())
    whole = outcome(train(start(tmp_path / "whole")))
    replace, n_done = Path.replace, 0
    for kill_at in range(1, 99):
        n_writes = 0

        def replaced(path: Path, target: Path, last: int = kill_at) -> Path:
            nonlocal n_writes
            n_writes += 1
            if n_writes > last:
                raise Killed
            return replace(path, target)

        root = tmp_path / str(kill_at)
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", replaced)
            try:
                train(start(root))
                break
            except Killed:
                pass
        n_done += 1
        assert outcome(train(resume(find_last(root)))) == whole, kill_at
        (run,) = list_runs(root)
        assert [line["step"] for line in run.metrics()] == [1, 2, 3]
    assert n_done >= 7  # card, checkpoints, names, card again, picture


@pytest.mark.parametrize("n_steps", [1, 3])
@pytest.mark.parametrize("model_of", ["the checkpoint", "an earlier one", "none"])
def test_a_run_of_format_3_goes_on(tmp_path: Path, n_steps: int, model_of: str) -> None:
    """Also where it was killed between the two files of a checkpoint."""
    whole = train(start(tmp_path / "whole")).load_model()
    session = start(tmp_path / "parts")
    untrained = {name: value.clone().contiguous() for name, value in model_tensors(session.trainer.model).items()}
    for _ in session.train(lambda: session.trainer.steps_done >= n_steps):
        pass
    path = session.run.path
    tensors = load((path / MODEL).read_bytes())  # load_file may read later on, when the file is another
    tensors = {name.replace("discriminator", "critic"): value for name, value in tensors.items()}
    state = {
        name.removeprefix("training.") if name.startswith("training.") else f"average_{name}": value
        for name, value in tensors.items()
    }
    state = {name.replace("critic_optimizer", "discriminator_optimizer"): value for name, value in state.items()}
    for old, new in (("pseudo_labels", "found"), ("pretraining.", "discovery."), ("min_disag", "least_disag")):
        state = {name.replace(old, new): value for name, value in state.items()}
    model = {name: value for name, value in tensors.items() if not name.startswith("training.")}
    if model_of == "an earlier one":
        model = {name.replace("discriminator", "critic"): value for name, value in untrained.items()}
    save_file(model, path / MODEL)
    if model_of == "none":
        (path / MODEL).unlink()
    (path / PICTURE).unlink(missing_ok=True)
    save_file({name.replace("ensemble", "opinions"): value for name, value in state.items()}, path / STATE)
    config = json.loads((path / CONFIG).read_text())
    del config["computing"]
    (path / CONFIG).write_text(json.dumps({**config, "format_version": 3}))
    run = Run.open(path)
    assert run.steps_done == n_steps
    if model_of != "none":
        assert sample(run.load_model(), 2).panel.n_cases == 2
    resumed = resume(run)
    assert "it is not kept" in resumed.differences[0]
    train(resumed)
    np.testing.assert_array_equal(sample(Run.open(path).load_model(), 3).panel.values, sample(whole, 3).panel.values)
    assert not (path / STATE).exists()
    assert json.loads((path / CONFIG).read_text())["format_version"] == 4


def test_precision_and_threads_are_kept_and_other_ones_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = run.config["computing"]
    assert kept["precision"] == "float32"
    assert kept["device"] == "cpu"
    monkeypatch.setattr("tsinfogan.devices._multiplies_bf16", lambda device: True)
    threads = torch.get_num_threads()
    assert as_before("auto", "auto", kept) == (CPU, torch.float32)
    assert as_before("auto", "bf16", kept) == (CPU, torch.bfloat16)
    assert as_before("cpu", "auto", {**kept, "precision": "bf16", "device": "cuda"}) == (CPU, torch.bfloat16)
    try:
        torch.set_num_threads(2)
        as_before("auto", "auto", {**kept, "n_threads": 1})
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(threads)
    session = Session.resume(run, waves(8), CPU, torch.bfloat16)
    assert session.differences == ["precision bf16 in place of float32"]
    assert Run.open(run.path).config["computing"]["precision"] == "bf16"
    assert Computing.here(CPU, torch.bfloat16).differences(session.run.config["computing"]) == []


# ---- two processes, and links


def test_a_run_is_trained_by_one_process_at_a_time(run: Run) -> None:
    program = (
        "import sys; from pathlib import Path; from tsinfogan.training.files import lock\n"
        "held = lock(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    words = [sys.executable, "-c", program, str(run.path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        assert files.is_locked(run.path)
        with pytest.raises(RunError, match="is being trained by another process"):
            resume(run)
        child.communicate()
    assert not files.is_locked(run.path)
    resume(run)


def test_two_writers_of_one_file_have_files_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "same.csv"
    with files.replacing(path) as first, files.replacing(path) as second:
        first.write(b"first")
        second.write(b"second")
    assert path.read_bytes() == b"first"  # the outer one ends last
    assert [each.name for each in tmp_path.iterdir()] == ["same.csv"]


def test_unfinished_files_are_cleared_up_unless_somebody_writes_them(run: Run) -> None:
    left = run.path / f".{NAMES}.{'0' * 16}.partial"
    left.write_text("[")
    with files.replacing(run.path / NAMES) as written_now:
        written_now.write(b"[null, null]")
        resume(run)
        assert not left.exists()
    assert run.names == (None, None)


def test_nothing_is_written_through_a_link(run: Run, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("kept")
    for name in (NAMES, METRICS, PICTURE, CARD, CONFIG, MODEL):
        (run.path / f".{name}.partial").symlink_to(precious)
    for name in (PICTURE, NAMES):
        (run.path / name).unlink()
        (run.path / name).symlink_to(precious)
    run.save_names(["slow", "fast"])
    train(resume(run))
    assert run.names == ("slow", "fast")
    (run.path / METRICS).unlink()
    (run.path / METRICS).symlink_to(precious)
    with pytest.raises(OSError, match="symbolic"):
        files.append_line(run.path / METRICS, "more")
    assert precious.read_text() == "kept"


def test_a_seed_never_becomes_a_path(tmp_path: Path) -> None:
    panel = waves(8)
    plan = make_plan(panel, n_categories=(2,), width=4, noise_dim=2, settings=SETTINGS)
    candidates = Candidates.start(tmp_path / "runs", plan, panel, {"dataset": "waves"}, 2)
    path = candidates.run.path / CANDIDATES
    for seed in ("x/../../../../outside", True, -1, 1.5, None):
        rows = json.loads(path.read_text())
        rows[0]["seed"] = seed
        path.write_text(json.dumps(rows))
        with pytest.raises(RunError, match=r"candidates\.json is damaged"):
            Candidates.open(candidates.run)
    outside = tmp_path / "outside"
    outside.mkdir()
    (candidates.run.path / FOLDER).symlink_to(outside)
    with pytest.raises(RunError, match="leads out of run"):
        next(candidates.remaining(panel, CPU, torch.float32))
    assert not list(outside.iterdir())


# ---- what a stranger wrote


def edited(config: Any, where: str, value: Any) -> Any:
    *path, last = where.split(".")
    part = config
    for key in path:
        part = part[int(key)] if isinstance(part, list) else part[key]
    part[last] = value
    return config


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("plan.training.max_steps", "9"),
        ("plan.training.seed", -1),
        ("plan.training.batch_size", True),
        ("plan.model.width", 1.5),
        ("plan.objective.r1_weight", float("nan")),
        ("plan.model.latent.noise_dim", None),
        ("card.channels", ["x", "x"]),
        ("card.channels", [1]),
        ("card.channels", ["\ud800"]),
        ("card.view", "image"),
        ("card.time_step", 0),
        ("card.time_frequency", "x"),
        ("card.augmentations.gain_channels", [7]),
        ("preprocessor.grid", [2**40]),
        ("preprocessor.grid", [0]),
        ("preprocessor.lengths", [5, 2]),
        ("preprocessor.channels.0.scale", 0),
        ("preprocessor.channels.0.offset", float("inf")),
        ("preprocessor.channels.0.limits", [2, 1]),
        ("preprocessor.channels.0.curve", {"scaling": "quantile", "values": [1, 0], "scores": [0, 1]}),
        ("data.fingerprint", 3),
        ("data.file", ["a"]),
        ("computing.n_threads", "many"),
        ("format_version", 4.0),
    ],
)
def test_what_a_config_says_is_checked_when_it_is_opened(run: Run, where: str, value: Any) -> None:
    (run.path / CONFIG).write_text(json.dumps(edited(json.loads((run.path / CONFIG).read_text()), where, value)))
    with pytest.raises(RunError) as e:
        Run.open(run.path)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("category_shares", torch.ones(1, dtype=torch.float64)),
        ("category_shares", torch.tensor([2.0, -1.0])),
        ("noise_scale", torch.tensor(torch.nan)),
        ("noise_scale", torch.tensor(-1.0)),
        ("generator.strange", torch.ones(1)),
        (None, torch.nan),
        (None, torch.inf),
    ],
)
def test_what_a_model_holds_is_checked_when_it_is_loaded(run: Run, name: str | None, value: Any) -> None:
    tensors = load_file(run.path / MODEL)
    if name is None:
        name = next(name for name in tensors if name.startswith("discriminator."))
        value = torch.full_like(tensors[name], value)
    save_file({**tensors, name: value}, run.path / MODEL)
    with pytest.raises(RunError, match=r"model\.safetensors of run .* is damaged"):
        run.load_model()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps_done", torch.tensor(2**40)),
        ("steps_done", torch.tensor(-1)),
        ("pseudo_labels", torch.full((8,), 99)),
        ("pseudo_labels", torch.zeros(3, dtype=torch.long)),
        ("flow_optimizer.0.exp_avg", torch.ones(2)),
        ("flow_optimizer.0.step", torch.ones(1, 1)),
        ("flow_optimizer.999.exp_avg", torch.ones(2)),
    ],
)
def test_what_a_training_goes_on_from_is_checked(run: Run, name: str, value: Any) -> None:
    save_file({**load_file(run.path / MODEL), f"training.{name}": value}, run.path / MODEL)
    with pytest.raises(RunError, match=r"model\.safetensors of run .* is damaged"):
        resume(run)


def test_weights_without_bounds_give_a_sentence(run: Run) -> None:
    model = run.load_model()
    with torch.no_grad():
        for weight in model.generator.parameters():
            weight.fill_(3e38)
    with pytest.raises(TsInfoGANError, match="finite"):
        sample(model, 2)


@pytest.mark.parametrize("kind", ["pipe", "folder", "deep", "deep in an entry", "large", "endless"])
def test_a_bad_folder_is_passed_over_and_named(run: Run, kind: str) -> None:
    bad = run.path.parent / "bad"
    bad.mkdir()
    path = bad / CONFIG
    {
        "pipe": lambda: os.mkfifo(path),
        "folder": path.mkdir,
        "deep": lambda: path.write_text("[" * 200_000),
        "deep in an entry": lambda: path.write_text('{"format_version": 4, "more": ' + "[" * 900 + "]" * 900 + "}"),
        "large": lambda: path.open("wb").truncate(2**40),
        "endless": lambda: path.symlink_to("/dev/zero"),
    }[kind]()
    said: list[str] = []
    assert find_run(run.path.parent, tell=said.append).path == run.path
    (sentence,) = said
    assert "bad is not a readable run directory" in sentence
    with pytest.warns(UserWarning, match="passed over"):
        list_runs(run.path.parent)


# ---- room and batches


def test_before_the_first_checkpoint_none_is_promised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = start(tmp_path)
    assert "no checkpoint is kept yet" in session.run.advice
    train(session)
    assert "the last checkpoint is kept" in session.run.advice

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(RunError, match="no space left"):
        start(tmp_path / "full")
    assert not list((tmp_path / "full").iterdir()), "a run that never began leaves nothing"


def test_a_batch_of_one_is_too_small_for_batch_norm(tmp_path: Path) -> None:
    panel = waves(8)
    plan = make_plan(panel, backbone="mlp", width=4, settings={**SETTINGS, "batch_size": 1})
    with pytest.raises(SettingError, match="at least 2 cases in a batch"):
        Session.start(tmp_path / "runs", plan, panel, {}, CPU, torch.float32)
    assert not (tmp_path / "runs").exists()
