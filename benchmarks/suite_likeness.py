"""How easily samples are told from real series, and what codes are worth, on each labelled dataset of ``suite.py``.

    TSINFOGAN_DATA=folder OMP_NUM_THREADS=1 python benchmarks/suite_likeness.py rows.jsonl --seeds 0

Trains with the default settings on two thirds of a dataset, training and test part together, the number of classes
given, and judges samples and categories by the other third. ``real`` is the sharpest discriminator's figure with
training series in the place of samples; flips and spread are those of ``suite.py``. Rows are appended as they are done,
so that a stopped run goes on.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from suite import SUITE, agreement, flips, merged, spread_ratios

from _shared import print_header
from tsinfogan import Panel, encode, fit, sample
from tsinfogan.metrics.samples import SAMPLE_MEASURES
from tsinfogan.metrics.samples.context import RealData, SampleContext

DISCRIMINATORS = ("discriminator", "convolutions")
OTHERS = ("coverage", "nearest")
MAX_JUDGED = 400


def measure(name: str, seed: int) -> dict[str, Any]:
    """One row of the file."""
    panel = merged(name)
    shuffled = np.random.default_rng(seed).permutation(panel.n_cases)
    n_held_out = panel.n_cases // 3
    held_out, part = (panel.subset(np.sort(rows)) for rows in (shuffled[:n_held_out], shuffled[n_held_out:]))
    started = time.perf_counter()
    model = fit(part, device="cpu", settings={"seed": seed})
    seconds = round(time.perf_counter() - started)
    n = min(n_held_out, MAX_JUDGED)
    real = RealData(part, held_out)
    row = {"set": name, "seed": seed, "n": part.n_cases, "numbers": int(np.prod(part.values.shape[1:]))}
    row |= {"categories": model.settings.n_categories, "seconds": seconds}
    row |= figures(real, sample(model, n, seed=1).panel, (*DISCRIMINATORS, *OTHERS))
    row |= {**agreement(held_out.case_labels, encode(model, held_out)["cat"]), **flips(model, part)}
    row["spread"] = float(np.median(spread_ratios(model, part, encode(model, part)["cat"])))
    of_real = figures(real, part.subset(np.arange(n)), DISCRIMINATORS)
    return {**row, "sharpest": sharpest(row), "real": sharpest(of_real)}


def figures(real: RealData, synthetic: Panel, names: tuple[str, ...]) -> dict[str, float]:
    """The figures of some measures."""
    context = SampleContext.of(real, synthetic)
    return {key: value for name in names for key, value in SAMPLE_MEASURES.get(name).compute(context, 0).items()}


def sharpest(row: dict[str, Any]) -> float:
    """|0.5 − accuracy| of the discriminator that is right most often."""
    return max(float(row[name]) for name in DISCRIMINATORS)


def table(rows: list[dict[str, Any]]) -> None:
    """A Markdown table of means over seeds, and what they come to."""
    columns = ["n", "numbers", "categories", *DISCRIMINATORS, "real", "coverage", "coverage_back", "nearest"]
    columns += ["accuracy", "ari", "flips_cont0", "flips_cont1", "spread", "seconds"]
    print(f"| set | {' | '.join(columns)} |\n|{'---|' * (len(columns) + 1)}")
    means = []
    for name in sorted({row["set"] for row in rows}):
        mean = {key: float(np.mean([row[key] for row in rows if row["set"] == name])) for key in columns}
        means.append(max(mean[key] for key in DISCRIMINATORS))
        cells = [f"{value:.0f}" if value >= 2 else f"{value:.2f}" for value in mean.values()]
        print(f"| {name} | {' | '.join(cells)} |")
    print(f"sharpest discriminator: median {np.median(means):.3f}, greatest {max(means):.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="?", type=Path, default=Path("likeness.jsonl"), help="file of results")
    parser.add_argument("--sets", nargs="*", default=SUITE)
    parser.add_argument("--seeds", nargs="*", type=int, default=[0])
    asked = parser.parse_args()
    print_header()
    torch.set_num_threads(1)
    rows = [json.loads(line) for line in asked.rows.read_text().splitlines()] if asked.rows.exists() else []
    done = {(row["set"], row["seed"]) for row in rows}
    with asked.rows.open("a") as file:
        for name, seed in ((name, seed) for seed in asked.seeds for name in asked.sets):
            if (name, seed) not in done:
                rows.append(measure(name, seed))
                print(json.dumps(rows[-1]), file=file, flush=True)
                print(rows[-1], flush=True)
    table(rows)


if __name__ == "__main__":
    main()
