"""Windows of 24: trains a run a seed with `tsinfogan train`, and scores its samples as TimeGAN and Diffusion-TS do.

    python benchmarks/windows.py stocks --seeds 0,1,2 --models runs-stocks
    python benchmarks/windows.py stocks --seeds 0,1,2 --backbone gru
    python benchmarks/windows.py stocks --runs runs-stocks        # scores them again, trains nothing
    python benchmarks/windows.py stocks --real                    # real windows alone, and what the scores cannot see

As many samples as there are windows, against all windows, on which the run was trained too: these papers have no test
split. Discriminative and predictive score: ten networks; Context-FID: five encoders, each with other samples. Mean
± half of the 95 % interval over them, of several seeds over all networks of all. Options that are not listed below are
handed to `tsinfogan train` as they are.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import cached_property
from math import isfinite
from pathlib import Path

import numpy as np

from _shared import print_header
from tsinfogan.data.panel import FloatArray, IntArray, Panel
from tsinfogan.datasets import load_dataset
from tsinfogan.devices import choose_device
from tsinfogan.metrics.intervals import estimate
from tsinfogan.metrics.samples import timegan_discriminative, timegan_predictive
from tsinfogan.metrics.samples._frechet import frechet_distance
from tsinfogan.metrics.samples._ts2vec import Encoder, fit
from tsinfogan.metrics.samples._unit import Series, unit_series
from tsinfogan.metrics.samples.context import RealData
from tsinfogan.sampling.sampler import sample
from tsinfogan.training.run import Run, list_runs

SCORES = {"discriminative": 10, "predictive": 10, "context_fid": 5}
"""How many networks each is the mean of."""
ALREADY_SCALED = ("sines",)
"""TimeGAN scores these as (sin + 1) / 2, which spans [.5, 1]: min-max would double the predictive score."""
NOISE = 0.05
"""Standard deviation of the noise row, as a share of a channel's range."""

Source = Callable[[int], Series]
"""The series of one repeat."""
Scores = dict[str, list[float]]


def main() -> None:
    """Parses the command line, trains, scores and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("dataset", nargs="?", default="energy", choices=["sines", "stocks", "energy"])
    parser.add_argument("--seeds", default="0", help="one training each, such as 0,1,2")
    parser.add_argument("--models", type=Path, metavar="FOLDER", help="keep the runs in this folder")
    parser.add_argument("--runs", type=Path, metavar="FOLDER", help="score the runs of this folder, train nothing")
    parser.add_argument("--real", action="store_true", help="score real windows, whole and broken, in place of runs")
    parser.add_argument("--scores", default=",".join(SCORES), help="only these")
    parser.add_argument("--repeats", type=int, default=max(SCORES.values()), help="at most so many networks a score")
    options, training = parser.parse_known_args()
    print_header()
    repeats = {name: min(SCORES[name], options.repeats) for name in options.scores.split(",")}
    bench = Bench(load_dataset(options.dataset), str(choose_device("auto")), repeats)
    rows: dict[str, Scores] = {}
    if options.real:
        for name, source in bench.real_rows().items():
            rows[name] = bench.scores(source, "half" if name == "real half against half" else "all")
            print_line({"series": name}, rows[name])
    else:
        with tempfile.TemporaryDirectory() as temporary:
            for run, seconds in runs(options, training, Path(temporary)):
                found = bench.scores(bench.samples_of(run))
                about = {"run": run.name, "backbone": run.plan.model.backbone, "seed": run.plan.training.seed}
                print_line({**about, "seconds": seconds}, found)
                rows[f"{about['backbone']}, seed {about['seed']}"] = found
        if len(rows) > 1:
            rows["all seeds"] = {name: [x for row in rows.values() for x in row[name]] for name in repeats}
    print_table(options.dataset, rows, list(repeats))


class Bench:
    """Real windows, and the encoders that learned from them.

    Args:
        panel: all windows.
        device: where networks are trained.
        repeats: networks by score.
    """

    def __init__(self, panel: Panel, device: str, repeats: dict[str, int]):
        self.panel, self.device, self.repeats = panel, device, repeats
        self.real = RealData(panel, panel, device=device)
        self.series = self.scaled(panel)

    def scaled(self, panel: Panel) -> Series:
        """On [0, 1]: min-max by channel, but for data that its makers put there themselves."""
        if self.panel.name in ALREADY_SCALED:
            return Series(np.ascontiguousarray(panel.values.transpose(0, 2, 1)), panel.case_lengths)
        return unit_series(self.real, panel)

    @cached_property
    def encoders(self) -> list[tuple[Encoder, FloatArray]]:
        """With the encodings of the real windows."""
        fitted = [fit(self.series.values, seed=s, device=self.device) for s in range(self.repeats["context_fid"])]
        return [(encoder, encoder.encode(self.series.values)) for encoder in fitted]

    def scores(self, source: Source, against: str = "all") -> Scores:
        """Every score, of every network or encoder."""
        whole = self.series
        found: Scores = {}
        for name, n in self.repeats.items():
            if name == "context_fid":
                found[name] = [self._distance(source(repeat), repeat, against) for repeat in range(n)]
                continue
            rows = self._halves(0)[1] if against == "half" else slice(None)
            if name == "discriminative":
                score, steps = timegan_discriminative.discriminative_scores, timegan_discriminative.STEPS
            else:
                score, steps = timegan_predictive.predictive_scores, timegan_predictive.STEPS
            reference = Series(whole.values[rows], whole.lengths[rows])
            found[name] = score(source(0), reference, networks=n, steps=steps, device=self.device).tolist()
        return found

    def _distance(self, synthetic: Series, repeat: int, against: str) -> float:
        encoder, encoded = self.encoders[repeat]
        rows = self._halves(repeat)[1] if against == "half" else slice(None)
        return frechet_distance(encoder.encode(synthetic.values), encoded[rows])

    def samples_of(self, run: Run) -> Source:
        """As many samples as there are windows."""
        model = run.load_model(choose_device("auto"))
        return lambda repeat: self.scaled(sample(model, self.panel.n_cases, seed=repeat).panel)

    def real_rows(self) -> dict[str, Source]:
        """Real windows as the papers have them in the table, one half against the other, and broken ones."""
        whole = self.series

        def changed(change: Callable[[FloatArray, np.random.Generator], FloatArray]) -> Source:
            return lambda repeat: Series(change(whole.values, np.random.default_rng(repeat)), whole.lengths)

        def half(repeat: int) -> Series:
            rows = self._halves(repeat)[0]
            return Series(whole.values[rows], whole.lengths[rows])

        return {
            "real against the same": changed(lambda values, rng: values),
            "real half against half": half,
            "real, rows of each window shuffled": changed(shuffled),
            "real, each channel shuffled by itself": changed(lambda values, rng: rng.permuted(values, axis=1)),
            "real, time reversed": changed(lambda values, rng: np.ascontiguousarray(values[:, ::-1])),
            "real and 5 % noise": changed(lambda values, rng: values + rng.normal(0, NOISE, values.shape).astype("f")),
            "a tenth of the windows, ten times": changed(
                lambda values, rng: values[rng.integers(0, max(1, len(values) // 10), len(values))]
            ),
        }

    def _halves(self, repeat: int) -> tuple[IntArray, IntArray]:
        order = np.random.default_rng(repeat).permutation(self.panel.n_cases)
        return order[: len(order) // 2], order[len(order) // 2 :]


def shuffled(values: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Each window's rows in an order of its own; the values of one row stay together."""
    order = rng.random(values.shape[:2]).argsort(1)  # (n, t)
    return np.take_along_axis(values, order[..., None], axis=1)


def runs(options: argparse.Namespace, training: Sequence[str], temporary: Path) -> list[tuple[Run, float]]:
    """The runs to score, trained here in processes of their own or found, and how many seconds they took."""
    if options.runs:
        found = [run for run in list_runs(options.runs) if run.data.get("dataset") == options.dataset]
    else:
        folder, found = options.models or temporary, []
        for seed in options.seeds.split(","):
            before = {run.name for run in list_runs(folder)}
            command = ["train", "--dataset", options.dataset, "--seed", seed, "--runs", str(folder), *training]
            subprocess.run([sys.executable, "-m", "tsinfogan.cli", *command], check=True)
            found += [run for run in list_runs(folder) if run.name not in before]
    if not found:
        sys.exit(f"there are no runs on {options.dataset} in {options.runs}")
    return [(run, run.metrics()[-1]["elapsed_s"]) for run in found]


def print_line(about: dict[str, object], scores: Scores) -> None:
    """One JSON line."""
    print(json.dumps({**about, **{name: [round(x, 5) for x in values] for name, values in scores.items()}}), flush=True)


def print_table(dataset: str, rows: dict[str, Scores], names: list[str]) -> None:
    """Markdown."""
    print(f"\n| {dataset} | {' | '.join(names)} |\n|{'---|' * (len(names) + 1)}")
    for title, scores in rows.items():
        shown = [estimate(scores[name]) for name in names]
        texts = [f"{one.mean:.4f}" + (f" ± {one.half_width:.4f}" if isfinite(one.half_width) else "") for one in shown]
        print(f"| {title} | {' | '.join(texts)} |")


if __name__ == "__main__":
    main()
