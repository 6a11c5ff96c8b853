"""Two processes that train one model, beside one process: cases a second by stage, and how far the weights are apart.

    OMP_NUM_THREADS=1 torchrun --nproc-per-node 2 benchmarks/ranks.py

They take turns on the same processors: some steps by the first process alone, as many by all together, and as many by
each process for itself at the same time. The last says how much more than one process the machine has to give just now,
beside other programs. The fastest turn of each counts. Seconds of the processor leave out waiting.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from copy import copy
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn

from _shared import print_header
from tsinfogan.datasets import load_dataset
from tsinfogan.training.plan import make_plan
from tsinfogan.training.ranks import ALONE, Ranks, joined
from tsinfogan.training.session import build_model, make_trainer
from tsinfogan.training.trainer import Trainer

STEPS_A_TURN = 4
NO_PRETRAINING = {"pretraining_steps": 0}
STAGES: dict[str, dict[str, Any]] = {
    "pre-training": {"opening": "restarts"},
    "adversarial": NO_PRETRAINING,
    "flow matching": NO_PRETRAINING,
}


def trainer_of(options: argparse.Namespace, ranks: Ranks, stage: str) -> Trainer:
    """The same training each time, by one process or by all, at the first step of a stage."""
    panel = load_dataset(options.dataset)
    settings = {"batch_size": options.batch, **STAGES[stage]}
    plan = make_plan(panel, width=options.width, settings=settings)
    trainer = make_trainer(plan, build_model(plan, panel), panel, "cpu", torch.float32, ranks)
    if stage == "flow matching":
        trainer.steps_done = trainer.settings.flow_start
    return trainer


class Turn(NamedTuple):
    """Seconds of a turn, by the wall clock and of the processor."""

    wall: float
    busy: float


def turn(trainer: Trainer) -> Turn:
    """Of some steps, until all processes are done with theirs."""
    dist.barrier()
    start = Turn(time.perf_counter(), time.process_time())
    for _ in range(STEPS_A_TURN):
        trainer.step()
    busy = time.process_time() - start.busy
    dist.barrier()
    return Turn(time.perf_counter() - start.wall, busy)


def turns(options: argparse.Namespace, ranks: Ranks, stage: str) -> Iterator[tuple[Turn, Turn, Turn]]:
    """One process alone, all together, and each for itself."""
    alone, together = (trainer_of(options, each, stage) for each in (ALONE, ranks))
    idle = copy(alone)
    idle.step = dict  # type: ignore[method-assign]  # does nothing
    for number in range(options.turns + 1):
        timed = turn(idle if ranks.rank else alone), turn(together), turn(alone)
        if number:  # the first one prepares
            yield timed


def weights(trainer: Trainer) -> Tensor:
    """All weights that training moves, in a row."""
    networks: list[nn.Module] = [trainer.generator, trainer.discriminator]
    return torch.cat([each.detach().flatten() for network in networks for each in network.parameters()])


def moved(options: argparse.Namespace, ranks: Ranks, stage: str, n_threads: int = 1) -> tuple[Tensor, Tensor]:
    """Weights before and after some steps."""
    torch.set_num_threads(n_threads)
    trainer = trainer_of(options, ranks, stage)
    before = weights(trainer)
    for _ in range(options.steps):
        trainer.step()
    torch.set_num_threads(1)
    return before, weights(trainer)


def main() -> None:
    """Prints both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="char_traj")
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--turns", type=int, default=25, help="of which the fastest count; 0 to time nothing")
    parser.add_argument("--steps", type=int, default=200, help="after which the weights are compared")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with joined("cpu") as ranks:
        first = ranks.rank == 0
        if first:
            print_header()
            print(f"{options.dataset}, width {options.width}, batch {options.batch}, float32, a thread each process")
        for stage in STAGES if options.turns else ():
            timed = list(turns(options, ranks, stage))
            if first:
                alone, together, apart = (min(each[k].wall for each in timed) for k in range(3))
                busy = [min(each[k].busy for each in timed) for k in range(2)]
                alone_ms, together_ms = (seconds / STEPS_A_TURN * 1e3 for seconds in (alone, together))
                print(
                    f"{stage}: {alone_ms:.0f} ms a step alone, {together_ms:.0f} by {ranks.size}; "
                    f"{alone / together:.2f} x the cases/s (as many trainings side by side: "
                    f"{ranks.size * alone / apart:.2f}), {busy[0] / busy[1]:.2f} x a second of one processor"
                )
        for stage in STAGES:
            before, shared = moved(options, ranks, stage)
            if first:
                _, one = moved(options, ALONE, stage)
                _, threads = moved(options, ALONE, stage, n_threads=2)
                far, usual = ((each - one).norm() / (one - before).norm() for each in (shared, threads))
                print(
                    f"{stage}, {options.steps} steps: {ranks.size} processes end {far:.1e} of the way from one; "
                    f"one with two threads {usual:.1e}"
                )
            dist.barrier()


if __name__ == "__main__":
    main()
