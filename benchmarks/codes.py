"""Trains a run a seed with `tsinfogan train`, measures it on TEST, prints every figure that docs/benchmarks.md quotes.

    python benchmarks/codes.py char_traj --seeds 0,1,2,3,4 --choose --keep runs-char
    python benchmarks/codes.py char_traj --runs runs-char                 # measures them again, trains nothing
    python benchmarks/codes.py char_traj --seeds 0,1,2,3,4 --labels-per-class 1
    python benchmarks/codes.py pen_strokes --seeds 0,1,2,3,4 --fresh 15000
    python benchmarks/codes.py mnist --seeds 0,1,2
    python benchmarks/codes.py uea:BasicMotions --seeds 0,1,2,3,4
    python benchmarks/codes.py mnist --cat 10,10,10,10                    # the paper's other settings
    python benchmarks/codes.py char_traj --cat none --cont 5
    python benchmarks/codes.py char_traj --recipe gan

Options that are not listed below are handed to `tsinfogan train` as they are. One JSON line a run, then a table with
the median of all runs and, in brackets, the worst and the best. TEST is measured, never trained on or chosen by.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import numpy as np
import torch
from numpy.typing import NDArray

from _shared import print_header
from tsinfogan.data.panel import Panel
from tsinfogan.datasets import load_dataset
from tsinfogan.datasets.pen_strokes import draw_letters
from tsinfogan.devices import choose_device
from tsinfogan.metrics.codes import CODE_MEASURES
from tsinfogan.metrics.codes.context import CodeContext, evaluate
from tsinfogan.training.run import Run, list_runs
from tsinfogan.training.selection import best, free_codes, score_models

FULL_SHARE = 0.95
"""Of its entropy: from there on a category counts as read."""
SAMPLES_PER_CATEGORY = 20
FRESH_SEED = 3
"""The splits of pen_strokes are drawn with 1 and 2."""
DIRECTIONS = {"seconds": "lower", "seconds_to_0.95_H": "lower", "peak_MB": "lower"}
"""Which way is better; measures know it themselves, and of the rest (roughness) neither way is."""

Figures = dict[str, float]


def main() -> None:
    """Parses the command line, trains, measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("dataset", nargs="?", default="char_traj")
    parser.add_argument("--seeds", default="0", help="one training each, such as 0,1,2")
    parser.add_argument("--choose", action="store_true", help="say which of the runs would be kept, without labels")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the runs in this folder")
    parser.add_argument("--runs", type=Path, metavar="FOLDER", help="measure the runs of this folder, train nothing")
    parser.add_argument("--measures", help="only these, such as accuracy,purity")
    parser.add_argument("--fresh", type=int, metavar="N", help="of pen_strokes: measure on N newly drawn series")
    parser.add_argument("--threads", type=int, help="of the processor")
    options, training = parser.parse_known_args()
    if options.threads:
        os.environ["OMP_NUM_THREADS"] = str(options.threads)
        torch.set_num_threads(options.threads)
    print_header()
    with tempfile.TemporaryDirectory() as temporary:
        if options.runs:
            trained: list[tuple[Run, Figures]] = [
                (run, {}) for run in list_runs(options.runs) if run.data.get("dataset") == options.dataset
            ]
        else:
            folder = options.keep or Path(temporary)
            trained = [train(options.dataset, int(seed), folder, training) for seed in options.seeds.split(",")]
        if not trained:
            sys.exit(f"there are no runs on {options.dataset} in {options.runs}")
        report(options, trained)


def train(dataset: str, seed: int, folder: Path, options: Sequence[str]) -> tuple[Run, Figures]:
    """A run of the command line in a process of its own, and the peak memory of that process."""
    before = {run.name for run in list_runs(folder)}
    command = ["train", "--dataset", dataset, "--seed", str(seed), "--runs", str(folder), *options]
    child = subprocess.Popen([sys.executable, "-m", "tsinfogan.cli", *command])
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"tsinfogan {' '.join(command)} failed")
    (run,) = (run for run in list_runs(folder) if run.name not in before)
    return run, {"peak_MB": round(usage.ru_maxrss / 1024)}  # Linux counts kilobytes


def report(options: argparse.Namespace, trained: Sequence[tuple[Run, Figures]]) -> None:
    """One line a run, then the table."""
    test = draw_letters(options.fresh, FRESH_SEED) if options.fresh else load_dataset(options.dataset, "test")
    panels = load_dataset(options.dataset), test
    names = options.measures.split(",") if options.measures else CODE_MEASURES.names()
    rows: list[Figures] = []
    better_ways: dict[str, str] = dict(DIRECTIONS)
    for run, figures in trained:
        measured, better, skipped = measure(run, *panels, names)
        better_ways |= better
        rows.append({**of_training(run), **figures, **measured})
        print(_line(run, rows[-1]), flush=True)
    for name, reason in skipped.items():
        print(f"{name} is left out: {reason}")
    if options.choose:
        choose([run for run, _ in trained], panels[0], rows)
    print_table(options.dataset, rows, better_ways)


def of_training(run: Run) -> Figures:
    """Seconds and bounds, as the run's own log has them."""
    lines, latent = run.metrics(), run.plan.model.latent
    pairs = list(zip(latent.columns, latent.codes, strict=True))
    wanted = {f"bound_{column}": FULL_SHARE * code.entropy for column, code in pairs if code.is_categorical}
    full = (line["elapsed_s"] for line in lines if all(line.get(name, -math.inf) >= h for name, h in wanted.items()))
    figures = {"seconds": lines[-1]["elapsed_s"], "seconds_to_0.95_H": next(full, math.nan) if wanted else math.nan}
    return figures | {f"bound_{column}": lines[-1][f"bound_{column}"] for column, _ in pairs}


def measure(
    run: Run, train: Panel, test: Panel, names: Sequence[str]
) -> tuple[Figures, dict[str, str], dict[str, str]]:
    """All figures; of each which way is better; of each measure that was left out, why."""
    context = CodeContext(run.load_model(choose_device("auto")), train, test)
    figures: Figures = {}
    better: dict[str, str] = {}
    skipped: dict[str, str] = {}
    for name in names:
        found, missing = evaluate(context, [name])
        figures.update(found)
        better |= dict.fromkeys(found, CODE_MEASURES.get(name).better)
        skipped |= missing
    if len(test.grid) == 1:
        synthetic = context.samples(SAMPLES_PER_CATEGORY).panel
        ratio = roughness(synthetic) / roughness(test)
        figures |= {f"roughness_{name}": value for name, value in zip(test.channels, ratio.tolist(), strict=True)}
    return figures, better, skipped


def roughness(panel: Panel) -> NDArray[np.float64]:
    """Mean absolute second difference over time, per channel."""
    cases = [panel.case(index).astype(np.float64) for index in range(panel.n_cases)]
    total: NDArray[np.float64] = np.sum([np.abs(np.diff(case, n=2)).sum(1) for case in cases], axis=0)
    mean: NDArray[np.float64] = total / sum(case.shape[1] - 2 for case in cases)
    return mean


def choose(runs: Sequence[Run], train: Panel, rows: Sequence[Figures]) -> None:
    """Which of the runs `tsinfogan train --seeds` would keep, and the figures of that one."""
    if not free_codes(runs[0].plan):
        print("none is chosen: there are no categories to choose by")
        return
    scores = score_models(runs[0].plan, (run.load_model() for run in runs), train)
    for run, score in zip(runs, scores, strict=True):
        print(f"seed {run.plan.training.seed}: {json.dumps(score._asdict())}")
    chosen = best(scores)
    print(f"chosen: {_line(runs[chosen], rows[chosen])}")


def print_table(dataset: str, rows: Sequence[Figures], better_ways: dict[str, str]) -> None:
    """Markdown: the median of each figure and its spread, the worst first."""
    names = dict.fromkeys(name for row in rows for name in row)
    print(f"\n| {dataset}, {len(rows)} seeds | median [worst … best] |\n|---|---|")
    for name in names:
        values = sorted(row[name] for row in rows if not math.isnan(row.get(name, math.nan)))
        if not values:
            continue
        if better_ways.get(name, "higher" if name.startswith("bound_") else "") == "lower":
            values.reverse()
        spread = f" [{_short(values[0])} … {_short(values[-1])}]" if len(values) > 1 else ""
        missing = f", not reached by {len(rows) - len(values)}" if len(values) < len(rows) else ""
        print(f"| {name} | {_short(median(values))}{spread}{missing} |")


def _line(run: Run, figures: Figures) -> str:
    known = {name: round(value, 4) for name, value in figures.items() if not math.isnan(value)}
    return json.dumps({"run": run.name, "seed": run.plan.training.seed, **known})


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 20 else f"{value:.3f}"


if __name__ == "__main__":
    main()
