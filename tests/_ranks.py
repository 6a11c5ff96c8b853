"""What the processes of ``training/test_ranks.py`` do, in a module that they can import."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from _trainers import images, waves
from tsinfogan.cli import main
from tsinfogan.data.panel import Panel
from tsinfogan.errors import RankError
from tsinfogan.training import session as sessions
from tsinfogan.training import split_merge
from tsinfogan.training.plan import Plan, make_plan
from tsinfogan.training.ranks import ALONE, Ranks
from tsinfogan.training.run import Run
from tsinfogan.training.session import Session, build_model, make_trainer, restored

CPU = torch.device("cpu")
N_PROCESSES = 3
STOP_AT, N_STEPS, KILL_AT = 7, 15, 11
SHORT = {"batch_size": 8, "max_steps": 20, "flow_steps": 0, "pretraining_steps": 0}
RESTARTS = {"opening": "restarts", "pretraining_steps": 12, "pretraining_restarts": 2, "split_merge_rounds": 2}
TRAININGS: dict[str, tuple[dict[str, Any], int]] = {
    "restarts": ({"settings": {**SHORT, **RESTARTS, "max_steps": 30}}, 14),
    "penalties": ({"settings": {**SHORT, "penalty_every": 2, "r2_weight": 0.5, "pretraining_steps": 14}}, 7),
    "flow": ({"settings": {**SHORT, "max_steps": 9, "flow_steps": 5, "batch_size": 7}}, 9),
    "labels": ({"recipe": "semi_supervised", "settings": {**SHORT, "adversarial": "least_squares"}}, 4),
    "batch norm": ({"recipe": "gan", "settings": {"batch_size": 8, "max_steps": 20}}, 4),
}
"""Arguments of the plan and numbers of steps, which reach every kind of loss."""
UNEVEN = ("flow", "labels")
"""Those that are trained by three processes too."""


def panel_of(name: str) -> Panel:
    """The data of one training."""
    return images() if name == "batch norm" else waves(40, labelled=6 if name == "labels" else None)


def trained(name: str, ranks: Ranks) -> tuple[list[dict[str, float]], dict[str, Tensor]]:
    """Losses of each step, and everything that training moved."""
    arguments, n_steps = TRAININGS[name]
    panel = panel_of(name)
    plan = make_plan(panel, width=4, noise_dim=3, **arguments)
    trainer = make_trainer(plan, build_model(plan, panel), panel, CPU, torch.float32, ranks)
    losses = [report.stats for report in trainer.run(lambda: trainer.steps_done == n_steps - 1)]
    losses.append({key: float(value) for key, value in trainer.step().items()})
    return losses, {key: value.clone() for key, value in trainer.state_dict().items()}


def short_plan() -> Plan:
    """Of the training that is stopped and killed; it passes through all stages."""
    settings = {**SHORT, "pretraining_steps": 4, "flow_steps": 5, "max_steps": N_STEPS, "report_every": 2}
    return make_plan(waves(40), width=4, noise_dim=3, settings=settings)


def train_until(run: Run | None, root: Path, ranks: Ranks, last: int, *, killed: bool = False) -> Path:
    """Trains on, as the command line does it; rank 1 alone asks for the end after step ``last``, or is killed then."""

    def stop() -> bool:
        done = ranks.rank == 1 and trainer.steps_done >= last
        if done and killed:
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    panel = waves(40)
    if ranks.rank == 0:
        if run:
            session = Session.resume(run, panel, CPU, torch.float32, ranks)
        else:
            session = Session.start(root, short_plan(), panel, {}, CPU, torch.float32, ranks)
            ranks.tell(str(session.run.path))
        run, trainer, reports = session.run, session.trainer, session.train(stop)
    else:
        run = run or Run.open(Path(ranks.tell()))
        trainer = restored(run, panel, CPU, torch.float32, ranks)
        reports = trainer.run(stop)
    for _ in reports:
        pass
    assert trainer.steps_done == last
    return run.path


def train_all(rank: int, folder: Path) -> None:
    """One of ``N_PROCESSES``: leaves what trainings by all of them, by two and by one came to."""
    torch.set_num_threads(1)
    split_merge.SPLIT_STEPS = split_merge.TEACHING_STEPS = 20  # of the small networks, which every process trains whole
    found: dict[str, Any] = {}
    for size, names in ((N_PROCESSES, UNEVEN), (2, TRAININGS)):
        if rank < size:
            _join(folder / f"by-{size}", rank, size)
            found |= {f"{name} {size}": trained(name, Ranks(rank, size)) for name in names}
            dist.destroy_process_group()
    if rank == 0:
        found |= {f"{name} 1": trained(name, ALONE) for name in TRAININGS}
    torch.save(found, folder / f"found-{rank}.pt")


def stop_and_kill(rank: int, folder: Path) -> None:
    """One of two, of which the second stops a training, which goes on, and is then killed."""
    torch.set_num_threads(1)
    _join(folder / "killed", rank, 2)
    path = train_until(None, folder / "runs", Ranks(rank, 2), STOP_AT)
    dist.barrier()  # the first one writes at the end
    sessions.SECONDS_BETWEEN_CHECKPOINTS = 0.0
    try:
        train_until(Run.open(path), folder, Ranks(rank, 2), KILL_AT, killed=True)
    except RankError as error:
        (folder / "said.txt").write_text(str(error))
        os._exit(0)  # at the interpreter's end, threads of gloo may abort it, as the other process is gone


def as_torchrun_starts_it(rank: int, folder: Path, port: int, words: Sequence[str]) -> None:
    """One of two processes of a command, in the environment that torchrun gives it; leaves what it says."""
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCHELASTIC_RUN_ID": "test"}
    os.environ.update({"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", **address})
    with (folder / f"said-{rank}.txt").open("wb", buffering=0) as said:
        for stream in (1, 2):
            os.dup2(said.fileno(), stream)
    main([*words])


def _join(meeting: Path, rank: int, size: int) -> None:
    patience = timedelta(seconds=60)
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=size, timeout=patience)
