"""Whether synthetic series help a classifier with few labels: the tables that docs/benchmarks.md quotes.

    python benchmarks/augment.py char_traj --models runs-char --draws 10
    python benchmarks/augment.py char_traj                        # trains a generator first
    python benchmarks/augment.py char_traj --models runs-char --labels 1,5 --imbalance 0 --no-tstr
    python benchmarks/augment.py char_traj --models runs-char --labelled-only --labels 1,5 --out study.png

Generators are the runs of a folder that were trained on the dataset without labels; they take turns, draw by draw, so
that the intervals hold the difference between them too. First TSTR of each of them, with and without the data's own
augmentations in the classifier, and class by class what limits it; then the study, as `tsinfogan augment-study` makes
it, as Markdown. TEST is measured, never trained on or chosen by.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from pathlib import Path

from _shared import print_header
from _tstr import ClassFigures, tstr
from tsinfogan.data.panel import Panel
from tsinfogan.datasets import get_dataset, load_dataset
from tsinfogan.metrics.augmentation.preparation import generators_of
from tsinfogan.metrics.augmentation.situations import situations_of
from tsinfogan.metrics.augmentation.study import chosen_methods, run_study
from tsinfogan.metrics.augmentation.verdicts import Study, StudySettings, Trial, conclusions, rows
from tsinfogan.models.model import Model
from tsinfogan.reports.augmentation import draw_study
from tsinfogan.training.session import fit

POOR = 0.97
"""The figures of a class are printed if the classifier trained on samples recognizes less than this of it."""


def main() -> None:
    """Parses the command line, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", nargs="?", default="char_traj")
    parser.add_argument("--models", type=Path, metavar="FOLDER", help="of runs; without, one is trained")
    parser.add_argument("--draws", type=int, default=StudySettings.n_draws)
    parser.add_argument("--labels", default="1,5,10,50", help="numbers per class, or none")
    parser.add_argument("--imbalance", type=int, default=20, help="0 leaves it out")
    parser.add_argument("--methods", help="such as none,tsinfogan; all but slow ones by default")
    parser.add_argument("--labelled-only", action="store_true")
    parser.add_argument("--synthetic", type=int, default=StudySettings.synthetic)
    parser.add_argument("--steps", type=int, default=StudySettings.steps)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tstr", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--out", type=Path, metavar="PNG")
    options = parser.parse_args()
    print_header()
    train, test = load_dataset(options.dataset), load_dataset(options.dataset, "test")
    models = read_models(options.models, train) if options.models else {"trained here": train_model(options, train)}
    if options.tstr:
        print_tstr(models, train, test)
    numbers = () if options.labels == "none" else tuple(map(int, options.labels.split(",")))
    situations = situations_of(numbers, options.imbalance or None)
    if not situations:
        return
    started = time.perf_counter()
    study = run_study(
        train,
        test,
        list(models.values()),
        chosen_methods(options.methods.split(",") if options.methods else None, options.labelled_only),
        situations,
        StudySettings(options.draws, options.synthetic, options.steps, options.seed),
        show,
    )
    print_study(study)
    print(f"{time.perf_counter() - started:.0f} s")
    if options.out:
        options.out.write_bytes(draw_study(study))


def read_models(folder: Path, train: Panel) -> dict[str, Model]:
    """Generators in a folder by the name of their run: those trained on ``train``, to the end, without labels."""
    found = {run.name: run.load_model() for run in generators_of(folder, train)}
    if not found:
        sys.exit(f"there are no generators in {folder} that were trained on {train.name} without labels")
    return found


def train_model(options: argparse.Namespace, train: Panel) -> Model:
    """A generator with the settings that suit the dataset; labels name its categories afterwards, for TSTR."""
    return fit(train, **get_dataset(options.dataset).suggestions, settings={"seed": options.seed})


def print_tstr(models: dict[str, Model], train: Panel, test: Panel) -> None:
    """TSTR of each generator, then the classes that fall short of ``POOR``."""
    print("\n| generator | classifier | samples a class | TSTR | train on real |\n|---|---|---|---|---|")
    poor: list[tuple[str, str, str, ClassFigures]] = []
    for name, model in models.items():
        for augment in (False, True):
            scores = tstr(model, train, test, augment=augment)
            how = "with augmentations" if augment else "plain"
            print(f"| {name} | {how} | {scores.n_per_class} | {scores.synthetic:.3f} | {scores.real:.3f} |", flush=True)
            poor += [
                (name, how, one, figures) for one, figures in scores.classes.items() if not figures.synthetic >= POOR
            ]
            if scores.missing:
                print(f"\nno category is named after {', '.join(scores.missing)}\n")
    print(
        f"\nClasses of which a classifier trained on samples recognizes less than {POOR};"
        " spread and offset as multiples of the real spread:\n"
    )
    print("| generator | classifier | class | TSTR | train on real | spread | offset |\n|---|---|---|---|---|---|---|")
    for name, how, one, figures in poor:
        numbers = " | ".join("-" if math.isnan(figure) else f"{figure:.2f}" for figure in figures)
        print(f"| {name} | {how} | {one} | {numbers} |")


def print_study(study: Study) -> None:
    """The study as Markdown, with its conclusions in words."""
    settings = study.settings
    print(
        f"\n{study.data}: {study.n_test} test series, {settings.n_draws} draws, {study.n_models} generators in turn, "
        f"{settings.synthetic} synthetic series of each class, classifiers of {settings.steps} steps; ± is half of a "
        "95 % interval.\n"
    )
    print("| labels | method | sees unlabelled | accuracy, % | macro-F1, % | against none, draw by draw |")
    print("|---|---|---|---|---|---|")
    for row in rows(study):
        seen = "yes" if row.sees_unlabelled else "no"
        print(
            f"| {row.situation} | {row.method} | {seen} | {row.accuracy.points} | {row.macro_f1.points} | "
            f"{row.verdict} |"
        )
    print()
    for row in rows(study):
        for note in row.notes:
            print(f"{row.situation}, {row.method}: {note}")
    for name, reason in study.skipped.items():
        print(f"{name} is left out: {reason}")
    print("\n".join(conclusions(study)))


def show(trial: Trial) -> None:
    """Each trial on stderr."""
    print(
        f"{trial.situation}, draw {trial.draw + 1}, {trial.method}: {trial.accuracy:.4f} {trial.macro_f1:.4f}",
        file=sys.stderr,
        flush=True,
    )


if __name__ == "__main__":
    main()
