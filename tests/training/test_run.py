"""Run directories: round trip, damage, interruption in the middle of a write, and which run is the newest."""

from __future__ import annotations

import errno
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

from tsinfogan.data.panel import Panel
from tsinfogan.errors import DataError, RunError, UnknownNameError
from tsinfogan.sampling.sampler import sample
from tsinfogan.training import files
from tsinfogan.training.plan import Plan, make_plan
from tsinfogan.training.run import Run, find_run, list_runs
from tsinfogan.training.session import Session, build_model, make_trainer
from tsinfogan.training.trainer import Report

CPU = torch.device("cpu")


def series(n: int = 12, seed: int = 0) -> Panel:
    """Two channels, lengths from 9 to 20."""
    rng = np.random.default_rng(seed)
    cases = [np.cumsum(rng.normal(size=(2, int(length))), axis=1) for length in rng.integers(9, 21, n)]
    return Panel.from_cases(cases, channels=("x", "y"), name="walks", labels=np.arange(n) % 3)


def start(root: Path, panel: Panel | None = None, **settings: Any) -> Session:
    panel = panel or series()
    settings = {"max_steps": 4, "pretraining_steps": 1, "batch_size": 4, "report_every": 2, **settings}
    plan = make_plan(panel, width=4, noise_dim=3, n_continuous=1, settings=settings)
    return Session.start(root, plan, panel, {"dataset": "walks"}, CPU, torch.float32)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A finished run, under ``tmp_path / "runs"``."""
    session = start(tmp_path / "runs")
    for _ in session.train():
        pass
    return session.run


def one_sentence(error: BaseException) -> bool:
    return "\n" not in str(error) and not str(error).endswith(".")


# ---- round trip


def test_a_loaded_model_samples_like_the_saved_one(tmp_path: Path) -> None:
    session = start(tmp_path)
    for _ in session.train():
        pass
    loaded = Run.open(session.run.path).load_model()
    ours, theirs = (sample(model, 30, seed=2) for model in (session.trainer.model, loaded))
    np.testing.assert_array_equal(ours.panel.values, theirs.panel.values)
    np.testing.assert_array_equal(ours.panel.case_lengths, theirs.panel.case_lengths)
    assert ours.columns.keys() == theirs.columns.keys()
    for name, column in ours.columns.items():
        np.testing.assert_array_equal(column, theirs.columns[name])


def test_tensors_come_back_in_any_memory_order(run: Run, tmp_path: Path) -> None:
    """Weights are stored in plain order; a network in another layout takes them as its own."""
    plain, other = run.load_model(), run.load_model()
    other.generator.to(memory_format=torch.contiguous_format)
    session = Session.resume(run, series(), CPU, torch.float32)
    for network in (session.trainer.model.generator, session.trainer.generator, session.trainer.discriminator):
        network.to(memory_format=torch.contiguous_format)
    copy = Run(tmp_path / "copy", run.config)
    copy.path.mkdir()
    copy.save(session.trainer)
    assert (copy.path / "model.safetensors").read_bytes() == (run.path / "model.safetensors").read_bytes()
    values = [sample(model, 5).panel.values for model in (plain, other, copy.load_model())]
    np.testing.assert_allclose(values[0], values[1], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(values[0], values[2])


def test_config_says_everything(run: Run) -> None:
    assert run.config["data"]["dataset"] == "walks"
    assert run.config["data"]["fingerprint"] == series().fingerprint()
    assert run.plan == Plan.from_dict(json.loads((run.path / "config.json").read_text())["plan"])
    assert run.plan.training.max_steps == 4
    assert run.config["plan"]["training"]["discriminator_rate"] > 0, "settings that nobody named are written out too"


def test_no_file_holds_a_pickle(run: Run) -> None:
    names = {path.name for path in run.path.iterdir()}
    assert names == {
        *("config.json", "model.safetensors", "metrics.jsonl"),
        *("samples.png", "README.md", "names.json"),
    }
    json.loads((run.path / "config.json").read_text())
    for line in (run.path / "metrics.jsonl").read_text().splitlines():
        json.loads(line)
    with safe_open(run.path / "model.safetensors", "pt") as file:
        assert all(file.get_tensor(key).isfinite().all() for key in file.keys())  # noqa: SIM118
    assert (run.path / "samples.png").read_bytes().startswith(b"\x89PNG\r\n")


# ---- damage


def damage(run: Run, name: str, how: str) -> None:
    path = run.path / name
    content = path.read_bytes()
    {
        "missing": path.unlink,
        "empty": lambda: path.write_bytes(b""),
        "cut": lambda: path.write_bytes(content[: len(content) // 2]),
        "noise": lambda: path.write_bytes(os.urandom(400)),
    }[how]()


HOW = ("missing", "empty", "cut", "noise")


@pytest.mark.parametrize("how", HOW)
def test_damaged_config(run: Run, how: str) -> None:
    damage(run, "config.json", how)
    with pytest.raises(RunError, match=r"not a readable run directory: cannot read its config.json") as e:
        Run.open(run.path)
    assert one_sentence(e.value)
    said: list[str] = []
    assert list_runs(run.path.parent, said.append) == []
    assert len(said) == (how != "missing")
    assert all(run.name in sentence for sentence in said)


@pytest.mark.parametrize("content", ["[]", "{}", "3", '{"format_version": null}', '{"format_version": "new"}'])
def test_a_config_of_something_else(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(RunError) as e:
        Run.open(tmp_path)
    assert one_sentence(e.value)


@pytest.mark.parametrize("part", ["plan", "card", "preprocessor", "data"])
@pytest.mark.parametrize("content", [None, {}, [], "x", {"strange": 1}])
def test_a_config_with_a_broken_part(run: Run, part: str, content: object) -> None:
    (run.path / "config.json").write_text(json.dumps({**run.config, part: content}))
    with pytest.raises((RunError, DataError)) as e:
        Session.resume(Run.open(run.path), series(), CPU, torch.float32)
    assert one_sentence(e.value)


@pytest.mark.parametrize("how", HOW)
def test_damaged_model(run: Run, how: str) -> None:
    damage(run, "model.safetensors", how)
    with pytest.raises(RunError, match=r"model.safetensors") as e:
        run.load_model()
    assert one_sentence(e.value)


@pytest.mark.parametrize("how", HOW[1:])
def test_a_damaged_checkpoint_does_not_go_on(run: Run, how: str) -> None:
    damage(run, "model.safetensors", how)
    with pytest.raises(RunError, match=r"model.safetensors") as e:
        Session.resume(run, series(), CPU, torch.float32)
    assert one_sentence(e.value)


def test_files_of_another_model(run: Run, tmp_path: Path) -> None:
    panel = series()
    plan = make_plan(panel, width=8, settings={"max_steps": 1, "batch_size": 4})
    other = Session.start(tmp_path / "other", plan, panel, {}, CPU, torch.float32)
    for _ in other.train():
        pass
    (run.path / "model.safetensors").write_bytes((other.run.path / "model.safetensors").read_bytes())
    with pytest.raises(RunError, match=r"model.safetensors of run .* is damaged") as e:
        run.load_model()
    assert one_sentence(e.value)
    with pytest.raises(RunError, match=r"model.safetensors of run .* is damaged") as e:
        run.resume(make_trainer(run.plan, build_model(run.plan, panel), panel))
    assert one_sentence(e.value)


@pytest.mark.parametrize(
    ("version", "sentence"),
    [
        (1000, "made by a newer tsinfogan: expected format 4, got 1000; upgrade"),
        (1, "made by an older tsinfogan: expected format 4, got 1; train it again"),
    ],
)
def test_a_run_of_another_version(run: Run, version: int, sentence: str) -> None:
    (run.path / "config.json").write_text(json.dumps({**run.config, "format_version": version}))
    with pytest.raises(RunError, match=sentence):
        Run.open(run.path)


def test_a_directory_that_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(RunError, match=r"name a folder that `tsinfogan train` made"):
        Run.open(tmp_path)


def test_other_data_than_it_was_trained_on(run: Run) -> None:
    with pytest.raises(DataError, match="walks holds other values than it was trained on"):
        Session.resume(run, series(seed=1), CPU, torch.float32)


def test_a_metrics_line_cut_short_is_left_out_and_written_again(run: Run) -> None:
    path = run.path / "metrics.jsonl"
    whole = path.read_text()
    assert [line["step"] for line in run.metrics()] == [2, 4]
    path.write_text(whole + whole.splitlines()[0][:25])
    assert [line["step"] for line in run.metrics()] == [2, 4]
    Session.resume(run, series(), CPU, torch.float32)
    assert path.read_text() == whole


def test_resuming_drops_reports_that_came_after_the_checkpoint(run: Run) -> None:
    run.log(Report(6, {"discriminator": 1.0}, 1.0, 1.0))
    assert run.metrics()[-1] == {"step": 6, "elapsed_s": 1.0, "cases_per_s": 1.0, "discriminator": 1.0}
    Session.resume(run, series(), CPU, torch.float32)
    assert [line["step"] for line in run.metrics()] == [2, 4]


# ---- interruption and full disks


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def refuse_to_save(run: Run, reason: str) -> None:
    """Saving an untrained model over ``run`` fails with a sentence, and every file is as it was."""
    before = contents(run.path)
    trainer = make_trainer(run.plan, build_model(run.plan, series()), series())
    with pytest.raises(RunError, match=rf"cannot write .*: {reason}; the last checkpoint is kept") as e:
        run.save(trainer)
    assert one_sentence(e.value)
    assert contents(run.path) == before


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failure_before_the_file_is_in_place(run: Run, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    owner: Any = files.os if step == "fsync" else Path
    with monkeypatch.context() as patch:
        patch.setattr(owner, step, fail)
        refuse_to_save(run, "no space left on device")


@pytest.fixture
def half_a_file(run: Run) -> Iterator[None]:
    """No file may grow beyond half of the model: the system breaks off in the middle of a write."""
    resource = pytest.importorskip("resource", reason="needs POSIX resource limits")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((run.path / "model.safetensors").stat().st_size // 2, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("half_a_file")
def test_a_failure_in_the_middle_of_a_write(run: Run) -> None:
    refuse_to_save(run, "file too large")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for one small checkpoint but not for two."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("mounting a small tmpfs needs root on Linux")
    yield folder
    subprocess.run(["umount", str(folder)], check=True, capture_output=True, timeout=10)


def test_a_disk_that_fills_up_during_training_keeps_the_last_checkpoint(small_disk: Path) -> None:
    session = start(small_disk, max_steps=6, flow_steps=0)
    steps = iter([1, 2])
    for _ in session.train(lambda: next(steps) == 2):
        pass
    kept = (session.run.path / "model.safetensors").read_bytes()
    free = os.statvfs(small_disk)
    (small_disk / "ballast").write_bytes(bytes(free.f_bavail * free.f_frsize - 8192))
    with pytest.raises(RunError, match="no space left on device") as e:
        for _ in session.train():
            pass
    assert one_sentence(e.value)
    assert (session.run.path / "model.safetensors").read_bytes() == kept
    (small_disk / "ballast").unlink()
    resumed = Session.resume(Run.open(session.run.path), series(), CPU, torch.float32)
    assert resumed.trainer.steps_done == 2
    for _ in resumed.train():
        pass
    assert resumed.finished


def test_nothing_half_written_is_left_behind(tmp_path: Path) -> None:
    path = tmp_path / "file"
    files.write_whole(path, b"old")
    with pytest.raises(RunError, match=r"cannot write .*: not a directory"):
        files.write_whole(path / "below", b"new")
    assert contents(tmp_path) == {"file": b"old"}


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(RunError, match=r"cannot make a run directory in .*; choose another directory \(`root`\)") as e:
        start(tmp_path / "runs")
    assert one_sentence(e.value)


# ---- which run


def test_runs_started_in_the_same_second_get_names_of_their_own(tmp_path: Path) -> None:
    assert len({start(tmp_path).run.path for _ in range(3)}) == 3


def test_the_newest_run_with_a_model_is_chosen(run: Run) -> None:
    root = run.path.parent
    second = start(root)
    for _ in second.train():
        pass
    start(root)  # has no model yet
    assert find_run(root).name == second.run.name
    long_ago = 1_000_000_000
    os.utime(second.run.path / "model.safetensors", (long_ago, long_ago))
    assert find_run(root).name == run.name
    assert len(list_runs(root)) == 3


def test_a_run_is_found_by_name_and_by_path(run: Run) -> None:
    root = run.path.parent
    assert find_run(root, run.name).path == run.path
    assert find_run(Path("elsewhere"), str(run.path)).path == run.path
    with pytest.raises(UnknownNameError, match=f"unknown run 'nope'.*{run.name}"):
        find_run(root, "nope")


def test_no_run_yet(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"expected a trained model in .*, found none; run `tsinfogan train` first"):
        find_run(tmp_path / "runs")


def test_a_run_without_a_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"no model.safetensors: it stopped before its first .* `resume`"):
        start(tmp_path).run.load_model()
