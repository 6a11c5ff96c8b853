"""``tsinfogan evaluate``: fidelity, utility, diversity and privacy of synthetic series of any generator."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tsinfogan.cli import _options as shared
from tsinfogan.cli._files import (
    PLAIN,
    Reading,
    existing_file,
    found_run,
    is_dataset,
    read_beside,
    read_dataset,
    read_file,
    reads_files,
    real_series,
    seen_like,
)
from tsinfogan.cli._options import option
from tsinfogan.cli._output import make_folder, print_table, say, say_notes, write_files
from tsinfogan.cli._progress import steps
from tsinfogan.errors import DataError, RunError, SettingError, TsInfoGANError

if TYPE_CHECKING:
    from tsinfogan.data.panel import Panel
    from tsinfogan.models.model import Model
    from tsinfogan.training.run import Run

PAGE, FIGURES = "evaluation.html", "evaluation.json"
N_PICTURES = 7
SERIES = "a file with series"


class Inputs(NamedTuple):
    """What is measured against what."""

    synthetic: Model | Panel
    name: str  # what these are called
    seen: Panel  # real series that the generator was trained on, or that stand for these
    reference: Panel | None  # held-out real series
    folder: Path  # where the files go by default
    notes: tuple[str, ...]  # what is not as it should be, a sentence each


@reads_files
def evaluate(
    asked: Reading,
    name: str | None = shared.run_argument("Run to evaluate, a name or a path. Default: the newest."),
    real: str | None = option(
        "Real series that the generator has seen. Default: what the run was trained on.", metavar="FILE|DATASET"
    ),
    test: Path | None = option(
        "Real series that it has not seen. Default: the dataset's, or one half of --real.", metavar="FILE"
    ),
    fake: Path | None = option("Synthetic series of any generator. Default: samples of the run.", metavar="FILE"),
    only: str | None = option(
        "Measures or groups: fidelity, utility, diversity, privacy, codes. Default: all.", metavar="NAME[,NAME…]"
    ),
    quick: bool = option("Fewer series, repeats and steps: about a minute.", "--quick", default=False),
    seed: int = shared.SEED,
    out: Path | None = option(
        "Where to write. Default: the run's folder, or the current one.", "--out", metavar="FOLDER"
    ),
    runs: Path = shared.RUNS,
    device: str = shared.DEVICE,
) -> None:
    """Measure synthetic series against real ones: tsinfogan evaluate --real mine.csv --fake synthetic.csv.

    Each metric is shown next to its value for real data (baseline). The table goes to standard output; evaluation.html,
    which needs no other file, and evaluation.json go into the run's folder.
    """
    from tsinfogan.metrics.comparison import compare
    from tsinfogan.metrics.evaluation import Measures, with_codes
    from tsinfogan.models.model import Model
    from tsinfogan.reports.evaluation.page import HEADER, render, table_rows
    from tsinfogan.reports.evaluation.pictures import Shown, draw_all

    measures = Measures.chosen(None if only is None else [part.strip() for part in only.split(",")])
    inputs = _inputs(name, real, test, fake, asked, runs, device)
    folder = inputs.folder if out is None else out
    make_folder(folder)
    synthetic, seen, reference = inputs.synthetic, inputs.seen, inputs.reference
    if not isinstance(synthetic, Model):
        measures = measures._replace(codes=())
    with steps(measures.n_steps(quick) + N_PICTURES) as tell:
        found = compare(
            synthetic, seen, reference, only=measures.samples, quick=quick, seed=seed, device=device, tell=tell
        )
        if isinstance(synthetic, Model):
            found = with_codes(found, synthetic, seen, reference, measures.codes, tell)
        found = replace(found, synthetic_name=inputs.name, notes=(*inputs.notes, *found.notes))
        pictures = draw_all(Shown(found.synthetic, found.seen, found.reference, seed), tell)
    files = {
        PAGE: render(found, pictures).encode(),
        FIGURES: json.dumps(found.to_dict(), ensure_ascii=False, allow_nan=False, indent=1).encode(),
    }
    write_files(folder, files)
    print_table(HEADER, table_rows(found))
    for measure, reason in found.skipped.items():
        say(f"{measure} is left out: {reason}")
    say_notes(found.notes)
    for warning in found.warnings:
        say(f"warning: {warning}")
    say(f"{found.headline}; the whole is in {folder / PAGE} and {folder / FIGURES}")


def _inputs(
    name: str | None, real: str | None, test: Path | None, fake: Path | None, asked: Reading, runs: Path, device: str
) -> Inputs:
    """Finds the series that are asked for: those of two files, or of a run with or without a file."""
    if fake is not None and real is not None:
        if name is not None:
            raise SettingError("RUN, --real and --fake are one too many: --real takes the place of the run's series")
        seen, reference, notes = _real(real, test, asked)
        synthetic = seen_like(read_beside(existing_file(fake, SERIES), PLAIN, asked.to_dict()), seen)
        return Inputs(synthetic, fake.name, seen, reference, Path(), notes)
    if fake is None and real is None and test is None and asked != PLAIN:
        raise SettingError("columns and windows say how a file is read; name one with --real, --test or --fake")
    from tsinfogan.devices import choose_device
    from tsinfogan.sampling.inference import check_fits

    try:
        run = found_run(runs, name)
    except RunError as error:
        if name is not None:
            raise
        lacking = "--real" if fake is not None else "--fake" if real is not None else "--real and --fake"
        raise RunError(f"{error}; or name files with {lacking}") from None
    model = run.load_model(choose_device(device))
    seen, reference, notes = _real_of_run(run, model, test, asked) if real is None else _real(real, test, asked)
    seen, reference = seen_like(seen, model.card), None if reference is None else seen_like(reference, model.card)
    for panel in filter(None, (seen, reference)):
        check_fits(model, panel)
    if fake is None:
        return Inputs(model, run.name, seen, reference, run.path, notes)
    synthetic = seen_like(read_beside(existing_file(fake, SERIES), asked, run.data), seen)
    return Inputs(synthetic, fake.name, seen, reference, Path(), notes)


def _real_of_run(
    run: Run, model: Model, test: Path | None, asked: Reading
) -> tuple[Panel, Panel | None, tuple[str, ...]]:
    """What the run was trained on, with what it was not."""
    found = real_series(run, model)
    seen, reference = (found.train, found.test) if found.train is not None else (found.test, None)
    if seen is None:
        raise DataError(f"{'; '.join(found.notes).replace('--data', '--real')}; name real series with --real")
    if test is not None:
        reference = read_beside(existing_file(test, SERIES), asked, run.data)
    return seen, reference, found.notes


def _real(real: str, test: Path | None, asked: Reading) -> tuple[Panel, Panel | None, tuple[str, ...]]:
    """A dataset's two parts, or a file, with another file or none."""
    if is_dataset(real) and not os.path.exists(real):  # noqa: PTH110
        seen = read_dataset(real, asked=asked)
        if test is not None:
            return seen, read_file(existing_file(test, SERIES), asked), ()
        try:
            return seen, read_dataset(real, "test"), ()
        except TsInfoGANError as error:
            return seen, None, (f"there are no held-out series: {error}",)
    seen, notes = read_file(existing_file(real), asked), []
    if asked.windows is not None and asked.windows.stride < asked.windows.length and test is None:
        notes.append(
            "windows overlap: the half of them that serves as unseen series holds parts of seen ones, so figures of "
            "privacy say little"
        )
    unseen = None if test is None else read_beside(existing_file(test, SERIES), PLAIN, asked.to_dict())
    return seen, unseen, tuple(notes)
