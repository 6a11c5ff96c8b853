"""How real, useful, varied and private the series of several trainings are: the table that docs/benchmarks.md quotes.

    python benchmarks/likeness.py char_traj --runs runs-char
    python benchmarks/likeness.py char_traj                        # trains one first
    python benchmarks/likeness.py char_traj --runs runs-char --only discriminator,frechet --quick

Measures the runs of a folder that benchmarks/codes.py kept, so that both tables are of the same models, each as
`tsinfogan evaluate` does: against TEST, with TRAIN in the place of samples for the baseline. One JSON line a run, then
the median of all runs and, in brackets, the worst and the best. Nothing is trained or chosen by these figures.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from codes import train as train_run

from _shared import print_header
from tsinfogan.datasets import load_dataset
from tsinfogan.metrics.comparison import compare
from tsinfogan.metrics.results import Result
from tsinfogan.training.run import list_runs


def main() -> None:
    """Parses the command line, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", nargs="?", default="char_traj")
    parser.add_argument("--runs", type=Path, metavar="FOLDER", help="of runs; without, one is trained")
    parser.add_argument("--only", help="measures, such as discriminator,frechet")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print_header()
    with tempfile.TemporaryDirectory() as temporary:
        if options.runs is None:
            train_run(options.dataset, options.seed, Path(temporary), ())
        report(options, options.runs or Path(temporary))


def report(options: argparse.Namespace, folder: Path) -> None:
    """One line a run, then the table."""
    train, test = load_dataset(options.dataset), load_dataset(options.dataset, "test")
    runs = [run for run in list_runs(folder) if run.data.get("dataset") == options.dataset]
    if not runs:
        sys.exit(f"there are no runs on {options.dataset} in {folder}")
    only = options.only.split(",") if options.only else None
    every: list[dict[str, Result]] = []
    for run in runs:
        started = time.process_time()
        found = compare(run.load_model(), train, test, only=only, quick=options.quick, seed=options.seed)
        every.append({result.name: result for result in found.results})
        figures = {result.name: round(result.value.mean, 4) for result in found.results}
        line = {"run": run.name, "seed": run.plan.training.seed, **figures}
        print(json.dumps({**line, "cpu_s": round(time.process_time() - started)}), flush=True)
    print_table(options.dataset, every)


def print_table(dataset: str, every: list[dict[str, Result]]) -> None:
    """Markdown: of each figure the median, worst and best over runs, and its real-data baseline."""
    print(f"\n| {dataset}, {len(every)} seeds | better | median [worst … best] | real series | outcomes |")
    print("|---|---|---|---|---|")
    for name, first in every[0].items():
        values = sorted(
            (results[name].value.mean for results in every), key=lambda value: _badness(first.better, value)
        )
        spread = f" [{values[-1]:.3f} … {values[0]:.3f}]" if len(values) > 1 else ""
        outcomes = ", ".join(dict.fromkeys(str(results[name].outcome) for results in every))
        baseline = math.nan if first.baseline is None else first.baseline.mean
        print(f"| {name} | {first.better} | {median(values):.3f}{spread} | {baseline:.3f} | {outcomes} |")


def _badness(better: str, value: float) -> float:
    return {"lower": value, "higher": -value, "one": abs(value - 1)}[better]


if __name__ == "__main__":
    main()
