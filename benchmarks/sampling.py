"""Seconds and peak memory of ``tsinfogan sample``: few and many series, ``DataFrame.to_csv``, workers, a Ray cluster.

python benchmarks/sampling.py [-n 20000] [--dataset char_traj | --run DIR] [--workers-n 20000] [--ray-n 20000]

Every sampling is a process of its own, start-up included. ``to_csv`` then writes the same rows from memory. One worker
and two take turns, and so do a node of a local Ray cluster and two, of one thread each; ratios are of medians.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import NamedTuple

from pyarrow import csv

from _shared import make_run, print_header

FEW, REPEATS = 1_000, 3


class Cost(NamedTuple):
    """What one process took."""

    seconds: float
    peak_mb: float


def sample_to(path: Path, run: list[str], n: int, *options: str) -> Cost:
    """Writes ``n`` series to ``path`` through the command line."""
    command = [sys.executable, "-m", "tsinfogan.cli", "sample", *run, "-n", str(n), *options, "-o", str(path)]
    start = time.perf_counter()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"sampling ended with exit code {process.returncode}")
    kilobyte = 1 if sys.platform == "darwin" else 1024  # the unit of ru_maxrss
    return Cost(seconds, usage.ru_maxrss * kilobyte / 1e6)


def print_ratio(what: str, n: int, seconds_of: Callable[[int, int], float]) -> None:
    """One and two by turns, the medians of both, and their ratio; without start-up, it is that of very many series."""
    turns = [[seconds_of(k, series) for series in (1, n) for k in (1, 2)] for _ in range(REPEATS)]
    start_1, start_2, one, two = map(median, zip(*turns, strict=True))
    net = (one - start_1) / (two - start_2)
    print(
        f"{n} series, {what} 1 and 2: {one:.1f} s and {two:.1f} s (medians of {REPEATS}), ratio {one / two:.2f}; "
        f"without the {start_1:.1f} s and {start_2:.1f} s that one series takes {net:.2f}",
        flush=True,
    )


def with_workers(folder: Path, run: list[str], n: int) -> None:
    """One worker against two."""
    print_ratio("workers", n, lambda k, n: sample_to(folder / "workers.csv", run, n, "--workers", str(k)).seconds)


def with_ray(folder: Path, run: list[str], n: int) -> None:
    """A Ray cluster with one node that works against one with two."""
    if find_spec("ray") is None:
        print("ray is not installed, so no cluster was measured")
        return
    from ray.cluster_utils import Cluster

    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}  # by default, Ray lets others go first

    def seconds_of(n_nodes: int, n: int) -> float:
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        for _ in range(n_nodes):
            cluster.add_node(num_cpus=1)
        os.environ["RAY_ADDRESS"] = cluster.address
        try:
            return sample_to(folder / "parts", run, n, "--ray").seconds
        finally:
            cluster.shutdown()
            shutil.rmtree(folder / "parts", ignore_errors=True)

    print_ratio("Ray nodes", n, seconds_of)


def main() -> None:
    """Prints costs, the difference in memory, the ratio to ``to_csv`` and those of two over one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=20_000)
    parser.add_argument("--dataset", default="char_traj")
    parser.add_argument("--run", help="a trained run; by default one of --dataset is made, barely trained")
    parser.add_argument("--workers-n", type=int, default=20_000, help="series for one worker against two; 0: neither")
    parser.add_argument(
        "--ray-n", type=int, default=20_000, help="series for one node of a Ray cluster against two; 0: neither"
    )
    parser.add_argument("--no-pandas", action="store_true", help="leave out to_csv, which keeps all rows in memory")
    options = parser.parse_args()
    print_header()
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder) / "runs"
        if options.run is None:
            make_run(runs, options.dataset)
        run = ["--runs", str(runs)] if options.run is None else ["--model", options.run]
        if options.workers_n:
            with_workers(Path(folder), run, options.workers_n)
        if options.ray_n:
            with_ray(Path(folder), run, options.ray_n)
        few = sample_to(Path(folder) / "few.csv", run, FEW)
        path = Path(folder) / "many.csv"
        many = sample_to(path, run, options.n)
        size_mb = path.stat().st_size / 1e6
        for n, cost in ((FEW, few), (options.n, many)):
            print(f"{options.dataset}, {n} series: {cost.seconds:.1f} s, peak {cost.peak_mb:.0f} MB")
        print(f"{size_mb:.0f} MB of CSV at {size_mb / many.seconds:.0f} MB/s")
        print(f"memory beyond that for {FEW}: {many.peak_mb - few.peak_mb:+.0f} MB")
        if options.no_pandas:
            return
        frame = csv.read_csv(path).to_pandas()
        columns = frame.select_dtypes("float64").columns.drop("time")
        frame[columns] = frame[columns].astype("float32")  # what the networks make: shorter texts than of doubles
        start = time.perf_counter()
        frame.to_csv(Path(folder) / "pandas.csv", index=False)
        pandas_s = time.perf_counter() - start
        print(f"DataFrame.to_csv of the same {len(frame)} rows: {pandas_s:.1f} s")
        print(f"ratio: {pandas_s / many.seconds:.1f}")


if __name__ == "__main__":
    main()
