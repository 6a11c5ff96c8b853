"""What judges of other programs say of samples: aeon's MiniRocket, and Kolmogorov-Smirnov complements as in SDMetrics.

    pip install aeon
    python benchmarks/outside_judges.py char_traj --runs runs-char

As many samples as TEST has series, against TEST; TRAIN in their place for comparison, as it is and through the grid and
back. `minirocket` is the accuracy of a ridge classifier on 2016 features of 100 points and the log length, two folds: a
half is best. `tstr` is the accuracy on TEST of such a classifier that learned classes from samples. The others are one
less the greatest distance of distribution functions, of all values, of steps from row to row, and of the medians of
series, the mean over channels: 1 is best. Nothing is trained or chosen by these figures.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from aeon.transformations.collection.convolution_based import MiniRocket
from scipy.stats import ks_2samp
from sklearn.linear_model import RidgeClassifierCV
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from _shared import print_header
from tsinfogan import Panel, load_dataset, sample
from tsinfogan.data.panel import FloatArray
from tsinfogan.models.model import Model
from tsinfogan.training.run import list_runs

N_POINTS, N_FEATURES, PENALTIES = 100, 2016, np.logspace(-3, 3, 10)


def main() -> None:
    """Prints a line for real series, and one for each run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", nargs="?", default="char_traj")
    parser.add_argument("--runs", type=Path, metavar="FOLDER", required=True, help="of runs")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print_header()
    train, test = load_dataset(options.dataset), load_dataset(options.dataset, "test")
    runs = [run for run in list_runs(options.runs) if run.data.get("dataset") == options.dataset]
    show("real series", train, test, options.seed)
    for run in runs:
        model = run.load_model()
        if run is runs[0]:
            show("real series, through the grid and back", through(model, train), test, options.seed)
        show(run.name, sample(model, test.n_cases, seed=options.seed).panel, test, options.seed)


def through(model: Model, panel: Panel) -> Panel:
    """Series as they come out of preprocessing and its inverse."""
    values, lengths = model.preprocessor.inverse(model.preprocessor.transform(panel))
    return replace(panel, values=values, lengths=lengths)


def show(name: str, judged: Panel, test: Panel, seed: int) -> None:
    """One line of figures."""
    rng = np.random.default_rng(seed)
    of_judged = judged.subset(np.sort(rng.permutation(judged.n_cases)[: test.n_cases]))
    of_test = test.subset(np.sort(rng.permutation(test.n_cases)[: of_judged.n_cases]))
    found = {"minirocket": told_apart(of_judged, of_test, seed)}
    if judged.labels is not None and test.labels is not None:
        found["tstr"] = classified(judged, test, seed)
    kinds: dict[str, Callable[[FloatArray], FloatArray]] = {"values": lambda x: x, "steps": np.diff, "medians": medians}
    found |= {name: complement(of_judged, of_test, numbers) for name, numbers in kinds.items()}
    print(json.dumps({"series": name, **{key: round(value, 4) for key, value in found.items()}}), flush=True)


def told_apart(judged: Panel, test: Panel, seed: int) -> float:
    """Accuracy of a classifier that tells one from the other."""
    together = features(MiniRocket(N_FEATURES, random_state=seed), [judged, test], fit_on=2)
    which = np.repeat([0, 1], [judged.n_cases, test.n_cases])
    folds = StratifiedKFold(2, shuffle=True, random_state=seed)
    return float(cross_val_score(ridge(), np.concatenate(together), which, cv=folds).mean())


def classified(judged: Panel, test: Panel, seed: int) -> float:
    """Accuracy on ``test`` of a classifier that learned from ``judged``."""
    seen, unseen = features(MiniRocket(N_FEATURES, random_state=seed), [judged, test], fit_on=1)
    classes = np.array(judged.classes)[judged.case_labels]
    return float((ridge().fit(seen, classes).predict(unseen) == np.array(test.classes)[test.case_labels]).mean())


def ridge() -> Pipeline:
    """Features of equal scale, and a penalty by cross-validation."""
    return make_pipeline(StandardScaler(), RidgeClassifierCV(PENALTIES))


def features(transform: MiniRocket, panels: list[Panel], fit_on: int) -> list[FloatArray]:
    """``(n, N_FEATURES + 1)`` of each panel; kernels are fitted on the first ``fit_on`` panels."""
    values = [on_points(panel) for panel in panels]
    transform.fit(np.concatenate(values[:fit_on]))
    lengths = [np.log(panel.case_lengths)[:, None] for panel in panels]
    pairs = zip(values, lengths, strict=True)
    return [np.hstack([np.asarray(transform.transform(each)), length]) for each, length in pairs]


def on_points(panel: Panel) -> FloatArray:
    """``(n, n_channels, N_POINTS)``: every series on as many points, from its first to its last."""
    at = np.linspace(0, 1, N_POINTS)
    cases = (panel.case(index) for index in range(panel.n_cases))
    return np.array(
        [[np.interp(at, np.linspace(0, 1, len(row)), row) for row in case] for case in cases], dtype=np.float32
    )


def medians(row: FloatArray) -> FloatArray:
    """The median of one channel of a series."""
    return np.median(row, keepdims=True)


def complement(judged: Panel, test: Panel, numbers: Callable[[FloatArray], FloatArray]) -> float:
    """1 - D of two samples of numbers of each channel, the mean over channels."""

    def of(panel: Panel, channel: int) -> FloatArray:
        return np.concatenate([numbers(panel.case(index)[channel]) for index in range(panel.n_cases)])

    return float(np.mean([1 - ks_2samp(of(judged, c), of(test, c)).statistic for c in range(test.n_channels)]))


if __name__ == "__main__":
    main()
