"""Whether a GPU computes what the CPU does, and how fast: the tests of devices, then steps, samples and codes.

    TSINFOGAN_DATA=folder python benchmarks/gpu.py                        # eight minutes on one GPU
    TSINFOGAN_DATA=folder python benchmarks/gpu.py --device cpu --quick   # the same program where there is none

Steps a second of the three stages, in float32 and bf16: eager (each operation launched by itself), captured (replayed
as a CUDA graph, which training does on a GPU) and compiled (by ``torch.compile``, which training does not do). Then a
default training of char_traj until Q reads .95 of TEST right. Datasets that are not on this machine are left out.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from _shared import print_header
from tsinfogan.data.panel import Panel
from tsinfogan.datasets import load_dataset
from tsinfogan.devices import choose_device, choose_precision
from tsinfogan.errors import TsInfoGANError
from tsinfogan.metrics.codes import CODE_MEASURES
from tsinfogan.metrics.codes.context import CodeContext
from tsinfogan.models.model import Model
from tsinfogan.sampling.inference import encode
from tsinfogan.sampling.sampler import sample
from tsinfogan.training.plan import make_plan
from tsinfogan.training.session import build_model, make_trainer
from tsinfogan.training.trainer import Trainer

TESTS = ["tests/training/test_accelerators.py", "tests/estimators/test_batches.py"]
DATASETS = ("char_traj", "mnist", "energy")
DTYPES = {"float32": torch.float32, "bf16": torch.bfloat16}
MODES = ("eager", "captured", "compiled")
WARM_UP_STEPS = 8
WANTED_ACCURACY = 0.95


def check(device: str) -> None:
    """Runs the tests of devices, none of which may be skipped for want of this one."""
    root = Path(__file__).resolve().parents[1]
    asked = [sys.executable, "-m", "pytest", "-q", "-n0", "-rs", *TESTS, "-p", "no:cacheprovider"]
    done = subprocess.run(asked, cwd=root, text=True, capture_output=True, check=False)
    print(done.stdout[-2000:])
    if done.returncode or any(
        f"needs a {what}" in done.stdout for what in (f"device of {device}", f"{device.upper()} ")
    ):
        sys.exit(f"the tests of {device} failed or were skipped")


def loaded(name: str, n_cases: int) -> Panel | None:
    """At most so many cases of a dataset; None where it is not on this machine."""
    try:
        panel = load_dataset(name)
    except TsInfoGANError as error:
        print(f"{name} is left out: {error}")
        return None
    return panel.subset(slice(n_cases))


def stage_trainer(panel: Panel, device: torch.device, dtype: torch.dtype, stage: str, n_steps: int) -> Trainer:
    """A trainer whose next ``n_steps`` are of one stage."""
    of_stage: dict[str, dict[str, Any]] = {
        "pre-training": {"pretraining_steps": n_steps, "max_steps": 2 * n_steps, "flow_steps": 0},
        "adversarial": {"pretraining_steps": 0, "max_steps": n_steps, "flow_steps": 0},
        "flow matching": {"pretraining_steps": 0, "max_steps": 2 * n_steps, "flow_steps": n_steps},
    }
    plan = make_plan(panel, settings={"opening": "restarts", **of_stage[stage]})
    trainer = make_trainer(plan, build_model(plan, panel), panel, device, dtype)
    if stage == "flow matching":
        trainer.steps_done = n_steps
    return trainer


def in_mode(trainer: Trainer, mode: str) -> Trainer:
    """The same trainer, computing in one of ``MODES``."""
    if mode != "captured":
        trainer._run_step = lambda kind, compute, batch: compute(batch)  # type: ignore[assignment]
    if mode == "compiled":
        for network in (trainer.generator, trainer.discriminator):
            network.compile()
    return trainer


def seconds_of(device: torch.device, work: Callable[[], Any]) -> float:
    """Seconds until all of it is done, on the device too."""
    wait: Callable[[], Any] = getattr(getattr(torch, device.type), "synchronize", lambda: None)
    wait()
    started = time.perf_counter()
    work()
    wait()
    return time.perf_counter() - started


def speed(trainer: Trainer, device: torch.device, n_steps: int) -> str:
    """Steps a second, and on a GPU the peak memory; or why not."""
    try:
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        for _ in range(WARM_UP_STEPS):
            trainer.step()
        rate = n_steps / seconds_of(device, lambda: [trainer.step() for _ in range(n_steps)])
    except Exception as error:  # what a compiler cannot do, it says in many ways
        return f"failed: {' '.join(str(error).split())[:60]}"
    return f"{rate:.0f}" + (f", {torch.cuda.max_memory_allocated() / 1e6:.0f} MB" if device.type == "cuda" else "")


def time_steps(panel: Panel, device: torch.device, n_steps: int) -> None:
    """A row for each stage and dtype."""
    stages = ["pre-training", "adversarial", *(["flow matching"] if make_plan(panel).training.flow_steps else [])]
    modes = MODES if device.type == "cuda" else MODES[:1]
    print(f"\n| {panel.name}, steps/s | dtype | {' | '.join(modes)} |\n|{'---|' * (len(modes) + 2)}")
    for stage in stages:
        for name, dtype in DTYPES.items():
            made = (stage_trainer(panel, device, dtype, stage, n_steps + WARM_UP_STEPS) for _ in modes)
            cells = [speed(in_mode(trainer, mode), device, n_steps) for trainer, mode in zip(made, modes, strict=True)]
            print(f"| {stage} | {name} | {' | '.join(cells)} |", flush=True)


def train_to_accuracy(device: torch.device, settings: dict[str, Any]) -> Model | None:
    """A default training; prints when Q first read so many series of TEST right, and what came of it."""
    if (panel := loaded("char_traj", sys.maxsize)) is None:
        return None
    test = load_dataset("char_traj", "test")
    plan = make_plan(panel, settings=settings)
    dtype = choose_precision("auto", device)
    trainer = make_trainer(plan, build_model(plan, panel), panel, device, dtype)
    reached = "not reached"
    for report in trainer.run():
        if reached == "not reached" and accuracy(trainer.model, test) >= WANTED_ACCURACY:
            reached = f"{report.elapsed_s:.0f} s"
    print(
        f"\nchar_traj: accuracy {WANTED_ACCURACY} after {reached} of adversarial training; at the end, after "
        f"{report.elapsed_s:.0f} s, {accuracy(trainer.model, test):.3f}"
    )
    return trainer.model


def accuracy(model: Model, panel: Panel) -> float:
    """Of Q's category."""
    return float(CODE_MEASURES.get("accuracy").compute(CodeContext(model, panel, panel))["accuracy"])


def time_use(model: Model, device: torch.device, n: int) -> None:
    """Series sampled and read a second."""
    made = sample(model, 256)
    seconds = seconds_of(device, lambda: sample(model, n))
    print(f"sampling: {n / seconds:,.0f} series/s")
    many = Panel.concatenated([made.panel] * max(1, n // 256))
    encode(model, made.panel)
    seconds = seconds_of(device, lambda: encode(model, many))
    print(f"reading codes: {many.n_cases / seconds:,.0f} series/s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", choices=("cpu", "cuda", "mps"))
    parser.add_argument("--quick", action="store_true", help="few steps, on few cases: to see that it runs")
    asked = parser.parse_args()
    print_header()
    device = choose_device(asked.device)
    if device.type == "cuda":
        print(torch.cuda.get_device_name(device))
    check(asked.device)
    n_cases, n_steps = (256, 3) if asked.quick else (10_000, 200)
    for name in DATASETS:
        if (panel := loaded(name, n_cases)) is not None:
            time_steps(panel, device, n_steps)
    few = {"max_steps": 12, "flow_steps": 4, "pretraining_steps": 4} if asked.quick else {}
    if (model := train_to_accuracy(device, few)) is not None:
        time_use(model, device, 512 if asked.quick else 50_000)


if __name__ == "__main__":
    main()
