"""Whether long series come out as well as short ones: 2,000 of 200 points and of 10,000, trained to the default end.

    python benchmarks/long_series.py                        # hours
    python benchmarks/long_series.py --lengths 200 --steps 40        # minutes, to try it

Four kinds of sines in an envelope with a small random walk, the same shapes at every length. Each length is trained by
the command line, nothing else said, and judged by `evaluate --quick` on 1,000 series more. Prints what `train` says,
peak memory, time, and the figures of `evaluate`. `--folder` keeps files and runs.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from pathlib import Path

import numpy as np
from _children import Child
from numpy.typing import NDArray

from _shared import print_header

N_SERIES, N_TEST = 2000, 1000
MAX_SECONDS = 4 * 3600
FREQUENCIES, CENTRES = (3, 3, 6, 6), (0.35, 0.65, 0.35, 0.65)
LINE_OF_A_STEP = re.compile(r"step \d+")
WALK = 0.1
"""Standard deviation of the random walk at its end."""


def main() -> None:
    """Prints what training and `evaluate` say, length by length."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lengths", default="200,10000")
    parser.add_argument("--steps", default="", help="fewer than the default")
    parser.add_argument("--folder", type=Path, help="keeps data and runs there")
    options = parser.parse_args()
    print_header()
    with tempfile.TemporaryDirectory() as passing:
        for length in map(int, options.lengths.split(",")):
            measure(length, options.steps, (options.folder or Path(passing)) / str(length))


def measure(length: int, steps: str, folder: Path) -> None:
    """Trains and evaluates at one length."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Child(work=lambda: write(folder, length)).wait(MAX_SECONDS)  # in a process of its own: peaks are handed down
    if made.code:
        raise SystemExit(made.said)
    started = time.monotonic()
    runs = folder / "runs"
    options = ("--steps", steps) if steps else ()
    trained = Child("train", "--data", folder / "train.npy", "--runs", runs, "--device", "cpu", *options).wait(
        MAX_SECONDS
    )
    print("\n".join(line for line in trained.said.splitlines() if not LINE_OF_A_STEP.match(line)))
    elapsed = time.monotonic() - started
    print(
        f"\nlength {length}: exit code {trained.code}, peak {trained.peak_kb / 1e6:.2f} GB, "
        f"{trained.cpu_s / 60:.0f} min of processor time, {elapsed / 60:.0f} min by the clock",
        flush=True,
    )
    if trained.code:
        raise SystemExit(trained.said)
    run = max(runs.iterdir())
    judged = Child("evaluate", run, "--test", folder / "test.npy", "--quick", "--device", "cpu").wait(MAX_SECONDS)
    if judged.code:
        raise SystemExit(judged.said)
    found = json.loads((run / "evaluation.json").read_text())
    print(found["headline"])
    for row in found["rows"]:
        print(f"{row['name']}: {row['value']} (real {row['baseline']}), {row['verdict']}", flush=True)


def write(folder: Path, length: int) -> int:
    """Series to learn from, and others to judge by."""
    rng = np.random.default_rng(0)
    np.save(folder / "train.npy", waves(N_SERIES, length, rng))
    np.save(folder / "test.npy", waves(N_TEST, length, rng))
    return 0


def waves(n: int, length: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """``(n, 1, length)`` float32 of four kinds; phase, amplitude and place of the envelope differ within a kind."""
    kind, time_ = rng.integers(len(CENTRES), size=n), np.linspace(0, 1, length)
    centre = np.take(CENTRES, kind) + rng.normal(scale=0.03, size=n)
    envelope = np.exp(-(((time_ - centre[:, None]) / 0.15) ** 2))
    sine = np.sin(2 * np.pi * np.take(FREQUENCIES, kind)[:, None] * time_ + rng.normal(scale=0.4, size=(n, 1)))
    walk = rng.normal(scale=WALK / np.sqrt(length), size=(n, length)).cumsum(axis=1)
    values: NDArray[np.float32] = (rng.uniform(0.7, 1.3, (n, 1)) * envelope * sine + walk).astype(np.float32)
    return values[:, None]


if __name__ == "__main__":
    main()
