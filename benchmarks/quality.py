"""Trains one model a seed with default settings and prints every quality figure that docs/benchmarks.md quotes.

    python benchmarks/quality.py --dataset char_traj --seeds 0,1,2
    python benchmarks/quality.py --dataset mnist --recipe gan

Letters are recognised by a nearest-neighbour classifier fitted on the real training series with their labels (on
char_traj it is right for 97.6 % of the real test series). The model itself never sees a label.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import time
from datetime import date
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.neighbors import KNeighborsClassifier

from tsinfogan.datasets import DATASETS
from tsinfogan.devices import choose_device, choose_precision
from tsinfogan.model import Model
from tsinfogan.panel import Panel
from tsinfogan.plan import make_plan, parse_setting
from tsinfogan.sessions import picture
from tsinfogan.synthesis import CodeRequest, encode, stream

SAMPLES_PER_CATEGORY = 100
PURE = 0.9
NEIGHBOURS_FROM = 10_000


def main() -> None:
    """Parses the command line, trains and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="char_traj")
    parser.add_argument("--recipe", default="infogan")
    parser.add_argument("--backbone")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--picture", help="write the samples of the last seed to this file")
    options = parser.parse_args()
    entry = DATASETS.get(options.dataset)
    train, test = entry.load("train"), entry.load("test")
    device = choose_device(options.device)
    print(f"# {date.today()}, {platform.processor() or platform.machine()}, {device}, torch {torch.__version__}")
    for seed in map(int, options.seeds.split(",")):
        plan = make_plan(
            train,
            recipe=options.recipe,
            backbone=options.backbone or entry.backbone,
            n_categories=(entry.n_categories,),
            n_continuous=entry.n_continuous,
            noise_dim=entry.noise_dim,
            settings={**dict(map(parse_setting, options.set)), "seed": seed},
        )
        model = plan.build(train)
        trainer = plan.trainer(model, train, device, choose_precision("auto", device))
        started = time.perf_counter()
        reports = list(trainer.run())
        seconds = time.perf_counter() - started
        bounds = {name: value for name, value in reports[-1].stats.items() if name.startswith("bound_")}
        first_full = next((r.elapsed_s for r in reports if _share(r.stats, entry.n_categories) >= 0.95), None)
        row = {
            "seed": seed,
            "steps": trainer.steps_done,
            "seconds": round(seconds),
            "seconds_to_0.95_H": first_full and round(first_full),
            **{name: round(value, 3) for name, value in bounds.items()},
            **measure(model, train, test),
        }
        print(json.dumps(row), flush=True)
        if options.picture:
            Path(options.picture).write_bytes(picture(model))


def measure(model: Model, train: Panel, test: Panel) -> dict[str, object]:
    """Roughness, purity of the categories, and agreement of Q with the classes of real series."""
    n_categories = model.settings.latent.codes[0].encoded_size
    request = CodeRequest(
        (tuple(float(k) for k in range(n_categories)), *(None,) * (len(model.settings.latent.codes) - 1))
    )
    parts = list(stream(model, SAMPLES_PER_CATEGORY, request, seed=1))
    cases = [part.panel.case(i) for part in parts for i in range(part.panel.n_cases)]
    categories = np.concatenate([part.columns["cat"] for part in parts])
    measured: dict[str, object] = {}
    if len(train.grid) == 1:
        ratio = roughness(cases) / roughness([test.case(i) for i in range(test.n_cases)])
        measured["roughness"] = ratio.round(2).tolist()
    if train.labels is None or test.labels is None:
        return measured
    rows = np.linspace(0, train.n_cases - 1, min(train.n_cases, NEIGHBOURS_FROM)).astype(int)
    named = train.subset(rows)
    classifier = KNeighborsClassifier(1).fit(_features(model, named), named.labels)
    generated = Panel.from_cases(cases, channels=train.channels) if len(train.grid) == 1 else None
    features = np.stack(cases).reshape(len(cases), -1) if generated is None else _features(model, generated)
    letters = classifier.predict(features)
    counts = _table(categories, letters, n_categories, len(train.classes))
    purity = counts.max(1) / counts.sum(1)
    measured["purity"] = round(float(purity.mean()), 3)
    measured["pure_categories"] = int((purity >= PURE).sum())
    measured["classes_covered"] = len(set(counts.argmax(1)[purity >= PURE].tolist()))
    found = encode(model, test)["cat"]
    table = _table(found, test.labels, n_categories, len(test.classes))
    matched = table[linear_sum_assignment(-table)].sum() / test.n_cases
    measured["test_accuracy"] = round(float(matched), 3)
    measured["test_nmi"] = round(float(normalized_mutual_info_score(test.labels, found)), 3)
    measured["test_ari"] = round(float(adjusted_rand_score(test.labels, found)), 3)
    return measured


def roughness(cases: list[NDArray[np.float32]]) -> NDArray[np.float64]:
    """Mean absolute second difference over time, per channel."""
    total = sum(np.abs(np.diff(case.astype(np.float64), n=2)).sum(1) for case in cases)
    return np.asarray(total) / sum(case.shape[1] - 2 for case in cases)


def _features(model: Model, panel: Panel) -> NDArray[np.float32]:
    return (
        model.preprocessor.transform(panel).reshape(panel.n_cases, -1)
        if len(panel.grid) == 1
        else panel.values.reshape(panel.n_cases, -1)
    )


def _table(rows: NDArray[np.int64], columns: NDArray[np.int64], n_rows: int, n_columns: int) -> NDArray[np.int64]:
    table = np.zeros((n_rows, n_columns), np.int64)
    np.add.at(table, (rows, columns), 1)
    return table


def _share(stats: dict[str, float], n_categories: int) -> float:
    return stats.get("bound_cat", 0.0) / math.log(max(2, n_categories))


if __name__ == "__main__":
    main()
