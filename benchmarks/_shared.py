"""What these benchmarks share: the lines that each prints first, and a run to sample from."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path


def print_header() -> None:
    """Three lines that a figure is worthless without."""
    print("$ python " + shlex.join(sys.argv))
    print(hardware())
    print(time.strftime("%Y-%m-%d"))


def hardware() -> str:
    """Processor, cores, its widest matrix instructions, threads asked for, Python and torch."""
    description = Path("/proc/cpuinfo")
    lines = description.read_text().splitlines() if description.exists() else []
    fields = dict(line.split(":", 1) for line in reversed(lines) if ":" in line)
    named = {key.strip(): value.strip() for key, value in fields.items()}
    flags = named.get("flags", "").split()
    widest = next((flag for flag in ("amx_bf16", "avx512f", "avx2") if flag in flags), platform.machine())
    name = named.get("model name", platform.processor() or platform.machine())
    threads = os.environ.get("OMP_NUM_THREADS", "not set")
    return (
        f"{name}, {os.cpu_count()} cores, {widest}; OMP_NUM_THREADS {threads}; "
        f"Python {platform.python_version()}, torch {version('torch')}"
    )


def make_run(runs: Path, dataset: str) -> None:
    """A run with networks of the usual size, barely trained: they take as long to sample as good ones.

    Made in a process of its own, so that a child's peak memory is not this one's: Linux hands that down.
    """
    options = ["--dataset", dataset, "--runs", str(runs), "--steps", "2", "--set", "pretraining_steps=0"]
    subprocess.run([sys.executable, "-m", "tsinfogan.cli", "train", *options], check=True, stderr=subprocess.DEVNULL)
