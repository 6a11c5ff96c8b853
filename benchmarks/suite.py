"""Categories, continuous codes and samples on labelled datasets of the archives, beside other clusterers.

    TSINFOGAN_DATA=folder OMP_NUM_THREADS=1 python benchmarks/suite.py rows.jsonl --seeds 0 --jobs 2

Each dataset is read as a file of a stranger would be: training and test part together, the number of classes given,
labels used only to measure, the default settings. Rows are appended as they are done, so that a stopped run goes on.
``--opening`` clusters without training. ``--table`` prints what is there, ``--picture`` draws the mean ranks.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import interp1d
from scipy.stats import friedmanchisquare, rankdata, spearmanr, studentized_range
from sklearn.cluster import AgglomerativeClustering, KMeans, SpectralClustering
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeClassifierCV
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from _shared import print_header
from tsinfogan import Panel, encode, fit, load_dataset, sample
from tsinfogan.data.augmentations import CAUTIOUS
from tsinfogan.data.panel import IntArray
from tsinfogan.models.model import Model
from tsinfogan.preprocessing.convolutions import convolution_features
from tsinfogan.preprocessing.preprocessor import Preprocessor
from tsinfogan.training.spectral import aligned, cluster, measure_stability

SUITE = (
    *("BME", "BasicMotions", "CBF", "Chinatown", "Coffee", "ECG200", "ERing", "GunPoint", "ItalyPowerDemand"),
    *("Libras", "MoteStrain", "NATOPS", "Plane", "RacketSports", "SwedishLeaf", "SyntheticControl", "Trace"),
)
N_COMPONENTS, MAX_POINTS, N_NEIGHBOURS = 50, 100, 10
N_SWEPT, N_POSITIONS = 100, 9
MEANS = ("ari", "accuracy", "agreement")
Row = dict[str, Any]
Array = NDArray[np.float64]


def merged(name: str) -> Panel:
    """Both parts of a dataset of the archives, as a file that nothing else is known of."""
    parts = [load_dataset(f"uea:{name}", split) for split in ("train", "test")]
    return replace(Panel.concatenated(parts), name=name, augmentations=CAUTIOUS)


def agreement(labels: IntArray, found: IntArray) -> Row:
    """Accuracy of the best matching, adjusted Rand index and mutual information."""
    n = int(max(labels.max(), found.max())) + 1
    accuracy = float((aligned(found, labels, n) == labels).mean())
    return {
        "accuracy": accuracy,
        "ari": adjusted_rand_score(labels, found),
        "nmi": normalized_mutual_info_score(labels, found),
    }


# ---- other clusterers, each given the number of classes


def representations(panel: Panel) -> Iterator[tuple[str, Array]]:
    """Series on at most 100 points: as they are, by channel, by case, and their log amplitudes."""
    values = panel.values.astype(np.float64)  # (n, c, t)
    n_points = min(MAX_POINTS, values.shape[2])
    on_points = interp1d(np.linspace(0, 1, values.shape[2]), values, axis=2)(np.linspace(0, 1, n_points))
    values = np.asarray(on_points, np.float64)
    spread = values.std((0, 2), keepdims=True) + 1e-12
    by_case = (values - values.mean(2, keepdims=True)) / (values.std(2, keepdims=True) + 1e-3 * spread)
    amplitude = np.abs(np.fft.rfft(values - values.mean(2, keepdims=True), axis=2))
    amplitude = np.log(amplitude + 0.01 * amplitude.mean((0, 2), keepdims=True) + 1e-12)
    yield from {"raw": values, "channel": values / spread, "case": by_case, "spectrum": amplitude}.items()


def classical(panel: Panel) -> dict[str, Row]:
    """k-means, Ward and spectral clustering of the principal components of every representation."""
    assert panel.labels is not None
    n_classes, rows = len(panel.classes), {}
    methods: dict[str, Callable[[], Any]] = {
        "k-means": lambda: KMeans(n_classes, n_init=10, random_state=0),
        "ward": lambda: AgglomerativeClustering(n_classes),
        "spectral": lambda: SpectralClustering(
            n_classes, affinity="nearest_neighbors", n_neighbors=N_NEIGHBOURS, random_state=0
        ),
    }
    for represented, values in representations(panel):
        flat = values.reshape(len(values), -1)
        components = PCA(min(N_COMPONENTS, *flat.shape), random_state=0).fit_transform(flat)
        for method, make in methods.items():
            rows[f"{method}, {represented}"] = agreement(panel.labels, make().fit_predict(components))
    return rows


# ---- ours


def opening(panel: Panel, seed: int) -> Row:
    """What the spectral opening finds, and how many categories, without training."""
    assert panel.labels is not None
    preprocessor = Preprocessor.fit(panel)
    values = torch.from_numpy(preprocessor.transform(panel))[:, : preprocessor.n_channels]
    found = cluster(values, len(panel.classes), seed)
    stability = measure_stability(values, seed)
    row = {f"opening_{name}": value for name, value in agreement(panel.labels, found.labels).items()}
    return {**row, "agreement": found.agreement, "n_found": stability.n_categories, "equal": stability.equal}


def trained(panel: Panel, seed: int, device: str) -> Row:
    """A training with the default settings, and what its codes and samples are worth."""
    assert panel.labels is not None
    start = time.perf_counter()
    model = fit(panel, n_categories=(len(panel.classes),), device=device, precision="float32", settings={"seed": seed})
    seconds = time.perf_counter() - start
    codes = encode(model, panel)
    sure = codes["cat_confidence"]
    own = {"agreement": model.agreement, "confidence": float(sure.mean()), "seconds": seconds, "device": device}
    model = model.to(torch.device("cpu"))
    spreads = spread_ratios(model, panel, codes["cat"])
    spread = {"spread_least": min(spreads), "spread": float(np.median(spreads)), "spread_most": max(spreads)}
    return {**agreement(panel.labels, codes["cat"]), **own, **spread, **flips(model, panel)}


def spread_ratios(model: Model, panel: Panel, category: IntArray) -> list[float]:
    """By category, the standard deviation of samples over that of the real series that Q puts there."""
    ratios = []
    for k in np.unique(category):
        real = panel.values[category == k]
        if len(real) >= 5:
            made = sample(model, max(64, len(real)), cat=int(k), seed=1).panel.values
            ratios.append(float(np.sqrt(made.var(0).sum() / real.var(0).sum())))
    return ratios


def flips(model: Model, panel: Panel) -> Row:
    """Share of samples whose class, by a classifier that knows the labels, changes while a continuous code is swept."""
    preprocessor, rng = model.preprocessor, torch.Generator().manual_seed(0)
    real = torch.from_numpy(preprocessor.transform(panel))
    judge = RidgeClassifierCV(np.logspace(-3, 3, 10)).fit(convolution_features(real, 0).numpy(), panel.labels)
    latent = model.settings.latent
    noise, values = model.sampling_latent.sample(N_SWEPT, rng)
    injected = torch.randn(N_SWEPT, model.injected_noise_dim, generator=rng)
    positions = torch.linspace(-1, 1, N_POSITIONS)
    found = {}
    for column, index in latent.continuous.items():
        swept = []
        for position in positions:
            given = [torch.zeros(N_SWEPT) if k in latent.continuous.values() else v for k, v in enumerate(values)]
            given[index] = position.repeat(N_SWEPT)
            with torch.no_grad():
                swept.append(model.generator(model.latent(noise, given), injected).float())
        together = judge.predict(convolution_features(torch.cat(swept), 0).numpy()).reshape(N_POSITIONS, N_SWEPT)
        found[f"flips_{column}"] = float((together != together[0]).any(0).mean())
    return found


# ---- all of it


def measure(name: str, seed: int, only_opening: bool, device: str) -> Row:
    """One row of the file."""
    torch.set_num_threads(1)
    panel = merged(name)
    row = {"set": name, "seed": seed, "n": panel.n_cases, "n_classes": len(panel.classes), **opening(panel, seed)}
    if seed == 0:
        row["classical"] = classical(panel)
    return row if only_opening else {**row, **trained(panel, seed, device)}


def table(rows: list[Row]) -> None:
    """A Markdown table of datasets, means over seeds, and means over datasets."""
    columns = (
        "set",
        "n",
        "K",
        "found",
        "doubt",
        "ARI",
        "accuracy",
        "best of twelve",
        "spectral, case",
        "flips",
        "spread",
    )
    print("| " + " | ".join(columns) + " |")
    print("|---" * len(columns) + "|")
    means = []
    for name in sorted({row["set"] for row in rows}):
        of_set = [row for row in rows if row["set"] == name]
        others: dict[str, Row] = next((row["classical"] for row in of_set if "classical" in row), {})
        mean = {key: float(np.mean([row.get(key, row.get(f"opening_{key}")) for row in of_set])) for key in MEANS}
        best = max((row["ari"] for row in others.values()), default=np.nan)
        usual = others.get("spectral, case", {}).get("ari", np.nan)
        cells = [name, of_set[0]["n"], of_set[0]["n_classes"], ", ".join(str(row["n_found"]) for row in of_set)]
        cells += [f"{1 - mean['agreement']:.2f}", f"{mean['ari']:.2f}", f"{mean['accuracy']:.2f}"]
        cells += [f"{best:.2f}", f"{usual:.2f}"]
        for keys in (("flips_cont0", "flips_cont1"), ("spread_least", "spread", "spread_most")):
            done = [[row[key] for key in keys] for row in of_set if keys[0] in row]
            cells.append(" / ".join(f"{value:.2f}" for value in np.mean(done, axis=0)) if done else "")
        print("| " + " | ".join(map(str, cells)) + " |")
        means.append((mean["ari"], mean["accuracy"], best, 1 - mean["agreement"]))
    ari, accuracy, best, doubt = np.array(means).T
    right = [abs(row["n_found"] - row["n_classes"]) <= max(1, row["n_classes"] / 4) for row in rows]
    print(f"mean ARI {ari.mean():.3f}, accuracy {accuracy.mean():.3f}; best of twelve for each {best.mean():.3f}")
    print(f"number of categories right: {np.mean(right):.2f}; doubt against ARI: {spearmanr(doubt, ari).statistic:.2f}")


def picture(rows: list[Row], path: Path) -> None:
    """Mean ranks of ours and of the other clusterers by ARI, with Nemenyi's critical difference."""
    from tsinfogan.data.plotting import new_figure, to_png

    first = [row for row in rows if "classical" in row]
    methods = ["tsinfogan", *first[0]["classical"]]
    ours = [row.get("ari", row["opening_ari"]) for row in first]
    scores = np.array(
        [[own, *(r["ari"] for r in row["classical"].values())] for own, row in zip(ours, first, strict=True)]
    )
    ranks = np.mean([rankdata(-row) for row in scores], axis=0)
    k, n = len(methods), len(scores)
    difference = studentized_range.ppf(0.95, k, np.inf) / np.sqrt(2) * np.sqrt(k * (k + 1) / (6 * n))
    figure = new_figure(8, 0.25 * k + 1)
    figure.subplots_adjust(left=0.2, right=0.98, top=0.98, bottom=0.15)
    axes = figure.add_subplot()
    order = np.argsort(-ranks)
    axes.scatter(ranks[order], range(k), color="C0")
    axes.set_yticks(range(k), [methods[i] for i in order])
    axes.axvspan(ranks[0], ranks[0] + difference, alpha=0.15)
    p = friedmanchisquare(*scores.T).pvalue
    axes.set_xlabel(
        f"mean rank by ARI on {n} datasets; shaded: critical difference {difference:.2f} (Friedman p {p:.1e})"
    )
    path.write_bytes(to_png(figure, 120))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="?", type=Path, default=Path("suite.jsonl"), help="file of results")
    parser.add_argument("--sets", nargs="*", default=SUITE)
    parser.add_argument("--seeds", nargs="*", type=int, default=[0])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--device", default="cpu", help="where to train")
    parser.add_argument("--opening", action="store_true", help="cluster without training")
    parser.add_argument("--table", action="store_true", help="print what is there, and measure nothing")
    parser.add_argument("--picture", type=Path)
    asked = parser.parse_args()
    print_header()
    rows = [json.loads(line) for line in asked.rows.read_text().splitlines()] if asked.rows.exists() else []
    done = {(row["set"], row["seed"]) for row in rows if asked.opening or "ari" in row}
    todo = [(name, seed) for seed in asked.seeds for name in asked.sets if (name, seed) not in done and not asked.table]
    with ProcessPoolExecutor(asked.jobs, get_context("spawn")) as pool, asked.rows.open("a") as file:
        for future in as_completed([pool.submit(measure, *each, asked.opening, asked.device) for each in todo]):
            rows.append(future.result())
            print(json.dumps(rows[-1]), file=file, flush=True)
            print({key: value for key, value in rows[-1].items() if key != "classical"}, flush=True)
    if rows:
        table(rows)
    if asked.picture:
        picture(rows, asked.picture)


if __name__ == "__main__":
    main()
