"""``tsinfogan augment-study``: whether synthetic series help a classifier, and where they do not."""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from tsinfogan.cli import _options as shared
from tsinfogan.cli._files import Reading, existing_file, found_run, is_dataset, read_dataset, read_file, reads_files
from tsinfogan.cli._options import option
from tsinfogan.cli._output import print_table, say, say_notes, show
from tsinfogan.cli._progress import every_few_seconds
from tsinfogan.errors import DataError, SettingError, UnknownNameError

if TYPE_CHECKING:
    from tsinfogan.data.panel import Panel
    from tsinfogan.metrics.augmentation.verdicts import Study, Trial
    from tsinfogan.training.run import Run

PICTURE = "augment-study.png"
FORMATS = ("csv", "json")


@reads_files
def augment_study(
    asked: Reading,
    source: str = typer.Argument(metavar="DATASET|FILE", help="Name of a dataset, or your own file with labels."),
    test: Path | None = option(
        "Held-out series beside FILE. Default: one in three of each class of FILE.", metavar="FILE"
    ),
    model: list[str] | None = option(
        "Generator, trained without labels on the same training series; several take turns. Default: the "
        "newest such run, or a new one, which takes minutes.",
        metavar="RUN",
    ),
    labels: str = option("Numbers of labels per class to compare at, or none.", default="1,5,10,50"),
    imbalance: int = option(
        "Labels of a common class for one label of a rare class, half of the classes each; 0: leave out.",
        default=20,
        min=0,
    ),
    draws: int = option("Draws of labelled series.", default=5, min=2),
    method: list[str] | None = option(
        "Method to compare: class_weights, classical, classical_own, interpolate, none, q_alone, q_labels, "
        "tsinfogan, tsinfogan_classical or tsinfogan_labelled_only. Repeatable. Default: all but slow ones.",
        metavar="NAME",
    ),
    labelled_only: bool = option(
        "Add a generator that sees only labelled series: minutes for each draw.", "--labelled-only", default=False
    ),
    synthetic: int = option("Synthetic series of each class beyond the size of the largest class.", default=100, min=0),
    steps: int = option("Steps of each classifier, the same for every method.", default=300, min=1),
    seed: int = shared.SEED,
    runs: Path = shared.RUNS,
    out: Path | None = option("Picture to draw. Default: in the run's folder.", "-o", "--out", metavar="PNG"),
    format_name: str = option("Of what goes to standard output: csv or json.", "--format", default="csv"),
    device: str = shared.DEVICE,
) -> None:
    """Compare ways to augment a classifier that has few labels: tsinfogan augment-study char_traj > study.csv.

    Says where synthetic data helps, and where it does not. The generator may have seen all training series, without
    their labels. The table goes to standard error, a row for each method and situation to standard output.
    """
    if format_name not in FORMATS:
        raise UnknownNameError("format", format_name, FORMATS)
    from tsinfogan.cli._parsing import parse_counts
    from tsinfogan.devices import choose_device
    from tsinfogan.metrics.augmentation.situations import situations_of
    from tsinfogan.metrics.augmentation.study import check_panels, chosen_methods, run_study
    from tsinfogan.metrics.augmentation.verdicts import StudySettings
    from tsinfogan.reports.augmentation import draw_study
    from tsinfogan.training.files import write_whole

    methods = chosen_methods(method, labelled_only)
    numbers = parse_counts(labels, "--labels", "numbers of labels such as 1,5,10,50")
    situations = situations_of(tuple(dict.fromkeys(numbers)), imbalance or None)
    train, held_out = _panels(source, test, asked)
    check_panels(train, held_out)
    where = choose_device(device)
    generators: list[Run] = []
    if any(one.needs_model for one in methods.values()):
        generators = _generators(source, train, model, runs, device)
    models = [run.load_model(where) for run in generators]
    settings = StudySettings(draws, synthetic, steps, seed, device)
    study = run_study(
        train, held_out, models, methods, situations, settings, _lines(len(situations) * draws * len(methods))
    )
    picture = out or (generators[0].path if generators else Path()) / PICTURE
    _print_study(study)
    write_whole(picture, draw_study(study), "make room there, or name another file with --out")
    say(f"the picture is in {picture}")
    _write(study, format_name)


def _panels(source: str, test: Path | None, asked: Reading) -> tuple[Panel, Panel]:
    """Series to train with and held-out ones."""
    from tsinfogan.metrics.augmentation.preparation import held_out

    if is_dataset(source):
        if test is not None:
            raise SettingError(f"--test names held-out series beside a file but {source!r} is a dataset; leave it out")
        return read_dataset(source, asked=asked), read_dataset(source, "test")
    files = [existing_file(path) for path in (source, test) if path is not None]
    panel = read_file(files[0], asked)
    return held_out(panel) if test is None else (panel, read_file(test, asked))


def _generators(source: str, train: Panel, names: Sequence[str] | None, runs: Path, device: str) -> list[Run]:
    """The runs that were named; the newest that was trained on ``train`` without labels; or a new one."""
    from tsinfogan.metrics.augmentation.preparation import generators_of, knows

    if names:
        found = [found_run(runs, name) for name in names]
        for run in found:
            if not knows(run, train.fingerprint()):
                raise DataError(
                    f"run {run.name} was trained on other series than the training part of {source}, perhaps on those "
                    "that are tested on; leave out --model to train a generator on the right ones"
                )
        return found
    if fitting := generators_of(runs, train, say):
        say(f"the generator is run {fitting[-1].name}")
        return fitting[-1:]
    return [_trained(source, train, runs, device)]


def _trained(source: str, train: Panel, runs: Path, device: str) -> Run:
    from tsinfogan.cli._running import run_session
    from tsinfogan.datasets import get_dataset
    from tsinfogan.devices import choose_device, choose_precision
    from tsinfogan.training.plan import make_plan
    from tsinfogan.training.run import Run
    from tsinfogan.training.session import Session

    named = is_dataset(source)
    suggested: dict[str, Any] = dict(get_dataset(source).suggestions) if named else {}
    if suggested.get("n_categories") is None:
        suggested["n_categories"] = (len(train.classes),)
    say(f"training a generator on {train.n_cases} series of {train.name}, without labels")
    where = choose_device(device)
    data = {"dataset": source} if named else {"file": str(Path(source).resolve())}
    session = Session.start(runs, make_plan(train, **suggested), train, data, where, choose_precision("auto", where))
    run_session(session, train, runs)
    return Run.open(session.run.path)


def _lines(n_trials: int) -> Callable[[Trial], None]:
    """A line on stderr every few seconds about how far the study is."""
    numbers, due = itertools.count(1), every_few_seconds(time.monotonic())

    def show(trial: Trial) -> None:
        number = next(numbers)
        if due():
            say(
                f"{trial.situation}, draw {trial.draw + 1}, {trial.method}: accuracy {trial.accuracy:.3f}  "
                f"({number} of {n_trials} at most)"
            )

    return show


def _print_study(study: Study) -> None:
    from tsinfogan.metrics.augmentation.verdicts import conclusions, rows

    table = [
        (
            row.situation,
            row.method,
            "yes" if row.sees_unlabelled else "no",
            row.accuracy.points,
            row.macro_f1.points,
            row.verdict or "what the others are compared with",
        )
        for row in rows(study)
    ]
    print_table(("labels", "method", "sees unlabelled", "accuracy, %", "macro-F1, %", "verdict"), table, sys.stderr)
    for name, reason in study.skipped.items():
        say(f"{name} is left out: {reason}")
    say_notes(dict.fromkeys(f"{row.situation}, {row.method}: {note}" for row in rows(study) for note in row.notes))
    say(f"± is half of a 95 % interval over {study.settings.n_draws} draws of labelled series")
    if references := [name for name, method in study.methods.items() if method.reference]:
        say(f"{' and '.join(references)} use no synthetic series; they are there to compare with")
    for sentence in conclusions(study):
        say(sentence)


def _write(study: Study, format_name: str) -> None:
    """The rows on stdout; as JSON with every trial."""
    from dataclasses import asdict

    import pandas

    from tsinfogan.metrics.augmentation.verdicts import conclusions, rows

    records = [row.to_dict() for row in rows(study)]
    if format_name == "csv":
        pandas.DataFrame(records).to_csv(sys.stdout, index=False, lineterminator="\n")
        return
    kept = {
        "data": study.data,
        "n_test": study.n_test,
        "n_draws": study.settings.n_draws,
        "n_models": study.n_models,
        "synthetic": study.settings.synthetic,
        "steps": study.settings.steps,
        "skipped": dict(study.skipped),
        "rows": records,
        "trials": [asdict(trial) for trial in study.trials],
        "conclusions": conclusions(study),
    }
    show(json.dumps(kept, ensure_ascii=False, indent=1))
