"""What grows with the number of codes and with unequal lengths: revisions, penalty steps, reading codes.

    TSINFOGAN_DATA=folder python benchmarks/growth_codes.py [--categories 20,200,1000] [--codes 2,6,50] [--repeats 5]

All on one thread, in processor time, which other programs on the machine hardly change: a split-merge round of 2,000
cases in 6 views, where in each category that has cases two clusters share it, so that as many categories are split, and
merged again, as can be; spectral clustering of 2,000 series. Then the median of the repeats, by turns: a step with
penalties by number of continuous codes; ``encode`` and what it remarks on units over what it needs, which is
preprocessing and a pass of trunk and Q; and ``encode`` of series of 1,000 to 2,000 points over as many of 1,500.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from statistics import median

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator

from _shared import print_header
from tsinfogan import Panel, encode, load_dataset
from tsinfogan.models.heads import RecognitionHead
from tsinfogan.models.model import Model
from tsinfogan.sampling.inference import CASES_PER_PASS, unit_remarks
from tsinfogan.training.plan import make_plan
from tsinfogan.training.session import build_model, make_trainer
from tsinfogan.training.spectral import cluster
from tsinfogan.training.split_merge import MIN_MEMBERS, revised_targets

N_CASES, N_VIEWS, N_FEATURES = 2000, 6, 1280


def round_seconds(n_categories: int) -> float:
    """Of one split-merge round."""
    rng = Generator().manual_seed(0)
    n_used = min(n_categories, N_CASES // MIN_MEMBERS)
    cluster_of = torch.arange(N_CASES) % (2 * n_used)
    features = 0.6 * torch.randn(2 * n_used, N_FEATURES, generator=rng)[cluster_of]
    features = features + 0.3 * torch.randn(N_CASES, N_FEATURES, generator=rng)
    features = features + 0.3 * torch.randn(N_VIEWS, N_CASES, N_FEATURES, generator=rng)
    logits = 6 * F.one_hot(cluster_of % n_used, n_categories).float()
    logits = logits + 0.3 * torch.randn(N_VIEWS, N_CASES, n_categories, generator=rng)
    head, unknown = RecognitionHead(N_FEATURES, 2 * n_categories), torch.full((N_CASES,), -1)
    start = time.process_time()
    revised_targets(features, logits, head, unknown, rng)
    return time.process_time() - start


def clustering_seconds(n_categories: int) -> float:
    """Of the spectral clustering of 2,000 walks, with that of its parts."""
    rng = Generator().manual_seed(0)
    walks = torch.randn(n_categories, 1, 60, generator=rng).cumsum(2)[torch.arange(N_CASES) % n_categories]
    start = time.process_time()
    cluster(walks / walks.std() + 0.1 * torch.randn(N_CASES, 1, 60, generator=rng), n_categories, 0)
    return time.process_time() - start


def medians(works: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Processor seconds of each, which take turns; what is done first in a process does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for repeat in range(repeats + 1):
        for name, work in works.items():
            start = time.process_time()
            work()
            if repeat:
                seconds[name].append(time.process_time() - start)
    return {name: median(each) for name, each in seconds.items()}


def penalty_step(panel: Panel, n_continuous: int) -> Callable[[], object]:
    """A step of adversarial training with every term."""
    plan = make_plan(panel, n_categories=(20,), n_continuous=n_continuous, settings={"pretraining_steps": 0})
    trainer = make_trainer(plan, build_model(plan, panel), panel)
    stage = trainer.adversarial
    batch = trainer.batches.draw(0, n_injected=int(stage.generator.injected_noise_dim))  # type: ignore[arg-type]
    return lambda: stage.step(batch, stage.phases(0))


def bare_pass(model: Model, panel: Panel) -> Callable[[], object]:
    """A pass of trunk and Q over series that are preprocessed already."""
    values = torch.from_numpy(model.preprocessor.transform(panel))

    @torch.no_grad()
    def read() -> None:
        for part in values.split(CASES_PER_PASS):
            model.discriminator.q(model.discriminator.trunk(part))

    return read


def untrained(panel: Panel) -> Model:
    """Takes as long to read with as a trained model."""
    return build_model(make_plan(panel, n_categories=(20,), n_continuous=2), panel)


def walks(lengths: np.ndarray) -> Panel:
    """Random walks of one channel."""
    rng = np.random.default_rng(0)
    return Panel.from_cases([rng.normal(size=(1, length)).cumsum(1) for length in lengths.tolist()])


def main() -> None:
    """Prints a line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--categories", default="20,200,1000")
    parser.add_argument("--codes", default="2,6,50")
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    print_header()
    torch.set_num_threads(1)
    for n_categories in map(int, asked.categories.split(",")):
        print(f"split-merge round, {n_categories} categories: {round_seconds(n_categories):.1f} s", flush=True)
        print(f"spectral clustering, {n_categories} categories: {clustering_seconds(n_categories):.1f} s", flush=True)

    train = load_dataset("char_traj", "train")
    steps = medians({number: penalty_step(train, int(number)) for number in asked.codes.split(",")}, asked.repeats)
    print("step with penalties:", ", ".join(f"{n} codes {s * 1e3:.0f} ms" for n, s in steps.items()), flush=True)

    test = load_dataset("char_traj", "test")
    many, model = test.subset(np.tile(np.arange(test.n_cases), 10)), untrained(train)
    parts = {
        "encode": lambda: encode(model, many),
        "remarks on units": lambda: unit_remarks(model, many),
        "preprocessing": lambda: model.preprocessor.transform(many),
        "pass": bare_pass(model, many),
    }
    seconds = medians(parts, asked.repeats)
    print(f"{many.n_cases} series:", ", ".join(f"{name} {each * 1e3:.0f} ms" for name, each in seconds.items()))
    whole, needed = seconds["encode"] + seconds["remarks on units"], seconds["preprocessing"] + seconds["pass"]
    print(f"encode with remarks over preprocessing and pass: {whole / needed:.2f}; over the pass: ", end="")
    print(f"{whole / seconds['pass']:.2f}", flush=True)

    lengths = np.random.default_rng(0).integers(1000, 2001, 1000)
    varying, equal = walks(lengths), walks(np.full(1000, 1500))
    readers = {"varying": untrained(varying), "equal": untrained(equal)}
    seconds = medians(
        {"varying": lambda: encode(readers["varying"], varying), "equal": lambda: encode(readers["equal"], equal)},
        asked.repeats,
    )
    resampling = medians({"": lambda: readers["varying"].preprocessor.transform(varying)}, 1)[""]
    print(f"1,000 to 2,000 points over 1,500: {seconds['varying'] / seconds['equal']:.2f}, ", end="")
    print(f"{resampling / seconds['varying']:.0%} of it resampling")


if __name__ == "__main__":
    main()
