"""Whether choosing among seeds without labels finds a good one: its signs against accuracy.

    python benchmarks/choosing.py --dataset char_traj --seeds 10
    python benchmarks/choosing.py runs/20260101-120000-char_traj-infogan
    python benchmarks/choosing.py my_runs

Trains candidates with default settings, or takes those of a run with candidates, or the single runs in a folder; these
must follow one plan but for the seed. Prints each candidate's signs beside the accuracy of its categories on training
and test series, matched with the classes one to one on each, then Spearman's rank correlation of each sign with both
accuracies (signs are turned so that +1 is a perfect choice). Labels are read here only, to judge.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from _shared import print_header
from tsinfogan.cli._parsing import parse_setting
from tsinfogan.data.matching import match
from tsinfogan.data.panel import Panel
from tsinfogan.datasets import get_dataset, load_dataset
from tsinfogan.devices import choose_device, choose_precision
from tsinfogan.errors import DivergedError
from tsinfogan.models.model import Model
from tsinfogan.sampling.inference import encode
from tsinfogan.training.candidates import FOLDER
from tsinfogan.training.plan import Plan, make_plan
from tsinfogan.training.run import Run, list_runs
from tsinfogan.training.selection import best, score_models, with_seeds
from tsinfogan.training.session import build_model, make_trainer


def main() -> None:
    """Parses the command line, trains or reads the candidates, and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="?", type=Path, help="a run with candidates, or a folder of runs of one plan")
    parser.add_argument("--dataset", default="char_traj")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    print_header()
    if options.runs:
        dataset, plans, models = read_candidates(options.runs)
    else:
        dataset = options.dataset
        settings = dict(map(parse_setting, options.set))
        plans, models = train_candidates(dataset, options.seeds, settings, options.device)
    train, test = load_dataset(dataset), load_dataset(dataset, "test")
    scores = score_models(plans[0], models, train)
    accuracies = [(accuracy(model, train), accuracy(model, test)) for model in models]
    for plan, score, (on_train, on_test) in zip(plans, scores, accuracies, strict=True):
        figures = {**score._asdict(), "train_accuracy": on_train, "test_accuracy": on_test}
        print(json.dumps({"seed": plan.training.seed, **{name: round(value, 4) for name, value in figures.items()}}))
    disagreements, agreements, ranks = np.array(scores).T
    for name, sign in {"disagreement": -disagreements, "agreement": agreements, "mean_rank": -ranks}.items():
        found = [round(float(spearmanr(sign, column).statistic), 3) for column in np.array(accuracies).T]
        print(json.dumps({"spearman": name, "with_train_accuracy": found[0], "with_test_accuracy": found[1]}))
    chosen, all_on_test = best(scores), np.array(accuracies)[:, 1]
    print(
        json.dumps(
            {
                "chosen_seed": plans[chosen].training.seed,
                "chosen_test_accuracy": round(float(all_on_test[chosen]), 4),
                "best_median_worst": [round(float(f(all_on_test)), 4) for f in (np.max, np.median, np.min)],
            }
        )
    )


def read_candidates(path: Path) -> tuple[str, list[Plan], list[Model]]:
    """Dataset, plans and models of the candidates of a run, or of the runs in a folder."""
    runs = list_runs(path / FOLDER if (path / FOLDER).is_dir() else path)
    plans = [run.plan for run in runs]
    if len({replace(plan, training=replace(plan.training, seed=0)) for plan in plans}) != 1:
        raise SystemExit(f"expected runs of one plan but for the seed in {path}, got {len(runs)} runs")
    return str(Run.open(runs[0].path).data["dataset"]), plans, [run.load_model() for run in runs]


def train_candidates(
    name: str, n_seeds: int, settings: dict[str, object], device_name: str
) -> tuple[list[Plan], list[Model]]:
    """The plan and the model of each seed that did not diverge."""
    train, device = load_dataset(name), choose_device(device_name)
    plan = make_plan(train, **get_dataset(name).suggestions, settings=settings)
    plans, models = [], []
    for each in with_seeds(plan, n_seeds):
        trainer = make_trainer(each, build_model(each, train), train, device, choose_precision("auto", device))
        try:
            for _ in trainer.run():
                pass
        except DivergedError as error:
            print(f"seed {each.training.seed} is left out: {error}")
            continue
        plans.append(each)
        models.append(trainer.model)
    return plans, models


def accuracy(model: Model, panel: Panel) -> float:
    """Share of cases whose category is matched with their class."""
    assert panel.labels is not None
    column = model.settings.category_column
    categories = encode(model, panel)[column or "cat"]
    matched = match(categories, panel.labels, model.settings.n_categories, len(panel.classes))
    return float((matched[categories] == panel.labels).mean())


if __name__ == "__main__":
    main()
