"""Several processes that train one model: real ones, beside one process that trains the same."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from _ranks import (
    CPU,
    KILL_AT,
    N_PROCESSES,
    N_STEPS,
    STOP_AT,
    TRAININGS,
    UNEVEN,
    as_torchrun_starts_it,
    short_plan,
    stop_and_kill,
    train_all,
)
from _trainers import waves
from tsinfogan.errors import SettingError
from tsinfogan.training.ranks import ALONE, joined
from tsinfogan.training.run import Run
from tsinfogan.training.session import Session

pytestmark = pytest.mark.skipif(not torch.distributed.is_available(), reason="torch is built without distributed")


def exit_codes(work: Callable[..., None], n_processes: int, folder: Path, *others: object) -> list[int | None]:
    """Of so many processes that do some work; on Linux all are copies of one that has imported what they need."""
    context = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")
    if sys.platform == "linux":
        context.set_forkserver_preload(["tsinfogan.cli.train", "tsinfogan.training.session", "torch._dynamo"])
    children = [context.Process(target=work, args=(rank, folder, *others)) for rank in range(n_processes)]
    for child in children:
        child.start()
    for child in children:
        child.join(120)
        child.kill()
    return [child.exitcode for child in children]


def close(one: dict[str, Any], other: dict[str, Any], tolerance: float, what: str = "") -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        torch.testing.assert_close(
            value, other[name], rtol=tolerance, atol=tolerance, msg=lambda text, name=name: f"{what}, {name}: {text}"
        )


def test_several_processes_train_as_one_does(tmp_path: Path) -> None:
    """Also where a batch cannot be split evenly: 8 or 7 cases by 3 processes, 7 by 2."""
    assert exit_codes(train_all, N_PROCESSES, tmp_path) == [0, 0, 0]
    found = [torch.load(tmp_path / f"found-{rank}.pt") for rank in range(N_PROCESSES)]
    for name, size in [*((name, 2) for name in TRAININGS), *((name, 3) for name in UNEVEN)]:
        losses, state = found[0][f"{name} 1"]
        for rank in range(size):
            of_rank, moved = found[rank][f"{name} {size}"]
            assert len(of_rank) == len(losses) == 2
            for one, other in zip(losses, of_rank, strict=True):
                close(one, other, 1e-5, name)
            close(state, moved, 3e-5, name)  # a second moment grows by squares, and so does its error
            close(moved, found[0][f"{name} {size}"][1], 0, name)


def test_a_stopped_or_killed_training_goes_on_with_any_number_of_processes(tmp_path: Path) -> None:
    """By two, stopped by the second of them, then by two, of which the second is killed, then by one."""
    assert exit_codes(stop_and_kill, 2, tmp_path) == [0, -signal.SIGKILL]
    whole = Session.start(tmp_path / "whole", short_plan(), waves(40), {}, CPU, torch.float32)
    for _ in whole.train():
        pass
    (path,) = (tmp_path / "runs").iterdir()
    assert "another process of this training has ended" in (tmp_path / "said.txt").read_text()
    run = Run.open(path)
    assert [line["step"] for line in run.metrics()] == [2, 4, 6, STOP_AT, 8, 10]
    rest = Session.resume(run, waves(40), CPU, torch.float32)
    assert STOP_AT < rest.trainer.steps_done == KILL_AT - 1
    assert "n processes 1 in place of 2" in rest.differences
    for _ in rest.train():
        pass
    assert [line["step"] for line in rest.run.metrics()][-1] == N_STEPS
    close(whole.trainer.state_dict(), rest.trainer.state_dict(), 3e-5)


def test_one_process_talks_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")  # which other programs set too
    with joined() as ranks:
        assert ranks is ALONE
    assert (ALONE.tell("so"), ALONE.any(False), ALONE.any(True)) == ("so", False, True)


def test_more_processes_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": "2", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("tsinfogan.training.ranks.choose_device", lambda name: torch.device("mps"))
    with pytest.raises(SettingError, match=r"expected a CUDA GPU for each process, got process 2 on a machine with \d"):
        joined("auto").__enter__()


# ---- the command line


def torchrun(*arguments: object) -> tuple[int, str]:
    """Exit code, and what two processes and torchrun itself said."""
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "tsinfogan"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*words, *map(str, arguments)], env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_command_line_trains_one_run_and_says_it_once(small_csv: Path, tmp_path: Path) -> None:
    tiny = ("--width", 4, "--batch-size", 8, "--steps", 3, "--cat", 3, "--device", "cpu", "--augment", "noise=0.2")
    code, said = torchrun("train", "--data", small_csv, *tiny, "--runs", tmp_path)
    assert code == 0, said
    (path,) = tmp_path.iterdir()
    assert said.count(f"trained {path.name}") == said.count("training  to step 3") == said.count("data ") == 1
    assert "in each of 2 processes" in said
    run = Run.open(path)
    assert run.steps_done == 3
    assert run.config["computing"]["n_processes"] == 2


def two_processes(folder: Path, *words: object) -> tuple[list[int | None], str]:
    """Exit codes, and what both said, without torchrun, which starts for longer than they take to refuse."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    codes = exit_codes(as_torchrun_starts_it, 2, folder, port, [*map(str, words)])
    return codes, "".join((folder / f"said-{rank}.txt").read_text() for rank in range(2))


def test_an_error_before_training_is_one_sentence(trained: Path, tmp_path: Path) -> None:
    bad, runs = tmp_path / "bad.csv", tmp_path / "runs"
    bad.write_text("case,time,x\na,0,1\na,1\n")
    for words, expected in (
        (("--data", bad, "--device", "cpu", "--runs", runs), "bad.csv is not a readable CSV file"),
        (("--resume", "last", "--runs", trained), "is finished, all 3 steps of it"),
    ):
        codes, said = two_processes(tmp_path, "train", *words)
        assert codes[0] == 2
        assert f"\n{said}".count("\nerror: ") == said.count(expected) == 1
        assert "Traceback" not in said
    assert not runs.exists()
