"""Seconds of ``tsinfogan --help``, and from torch imported to the first byte of ``tsinfogan sample``.

python benchmarks/startup.py [--dataset pen_strokes]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from _shared import make_run, print_header

REPEATS = 5
SAMPLE = """
import sys, time, torch
print(time.monotonic(), file=sys.stderr, flush=True)
from tsinfogan.cli import main
main(["sample", "--runs", sys.argv[1]])
"""


def help_s() -> float:
    """Seconds of one ``--help``, from starting the installed command to its end."""
    command = [str(Path(sys.executable).with_name("tsinfogan")), "--help"]
    start = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - start


def first_byte_s(runs: Path) -> float:
    """Seconds from torch imported to the first byte on stdout; both clocks are the system's monotonic one."""
    command = [sys.executable, "-c", SAMPLE, str(runs)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        imported = float(process.stderr.readline())
        process.stdout.read(1)
        arrived = time.monotonic()
        process.stdout.read()
    return arrived - imported


def main() -> None:
    """Prints the median of each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="pen_strokes")
    options = parser.parse_args()
    print_header()
    help_s()  # the first start reads from the disk
    print(f"tsinfogan --help: {median(help_s() for _ in range(REPEATS)):.2f} s (median of {REPEATS})")
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder)
        make_run(runs, options.dataset)
        seconds = median(first_byte_s(runs) for _ in range(REPEATS))
    print(f"torch imported to first byte of tsinfogan sample: {seconds:.2f} s (median of {REPEATS})")


if __name__ == "__main__":
    main()
