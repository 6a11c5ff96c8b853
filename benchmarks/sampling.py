"""Seconds and peak memory of ``tsinfogan sample`` for many series against a thousand, and against ``DataFrame.to_csv``.

python benchmarks/sampling.py [-n 20000] [--dataset char_traj]

Every sampling is a process of its own, start-up included. ``to_csv`` then writes the same rows from memory.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from pyarrow import csv

from _shared import make_run, print_header

FEW = 1_000


class Cost(NamedTuple):
    """What one process took."""

    seconds: float
    peak_mb: float


def sample_to(path: Path, runs: Path, n: int) -> Cost:
    """Writes ``n`` series to ``path`` through the command line."""
    command = [sys.executable, "-m", "tsinfogan.cli", "sample", "--runs", str(runs), "-n", str(n)]
    start = time.perf_counter()
    with path.open("wb") as file:
        process = subprocess.Popen(command, stdout=file)
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"sampling ended with exit code {process.returncode}")
    kilobyte = 1 if sys.platform == "darwin" else 1024  # the unit of ru_maxrss
    return Cost(seconds, usage.ru_maxrss * kilobyte / 1e6)


def main() -> None:
    """Prints both costs, the difference in memory and the ratio to ``to_csv``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=20_000)
    parser.add_argument("--dataset", default="char_traj")
    parser.add_argument("--no-pandas", action="store_true", help="leave out to_csv, which keeps all rows in memory")
    options = parser.parse_args()
    print_header()
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder) / "runs"
        make_run(runs, options.dataset)
        few = sample_to(Path(folder) / "few.csv", runs, FEW)
        path = Path(folder) / "many.csv"
        many = sample_to(path, runs, options.n)
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
