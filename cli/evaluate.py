"""``tsinfogan evaluate``: how real, useful, varied and safe made series are, of a run or of any other generator."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tsinfogan.cli._files import (
    PLAIN,
    CaseColumnOption,
    ChannelsOption,
    LabelColumnOption,
    Reading,
    StrideOption,
    TimeColumnOption,
    WindowOption,
    read_beside,
    read_file,
    reading,
    refuse_without_file,
    say_notes,
)
from tsinfogan.cli._options import DEFAULT_RUNS, DeviceOption, RunsOption
from tsinfogan.cli._steps import steps
from tsinfogan.cli._tables import print_table
from tsinfogan.errors import DataError, RunError, SettingError, TsInfoGANError

if TYPE_CHECKING:
    from tsinfogan.data.panel import Panel
    from tsinfogan.models.model import DataCard, Model
    from tsinfogan.training.run import Run

PAGE, FIGURES = "evaluation.html", "evaluation.json"
N_PICTURES = 7


@dataclass(frozen=True)
class Matter:
    """What is measured against what.

    Attributes:
        synthetic: a model or made series.
        name: what these are called.
        seen: real series that the generator was trained on, or that stand for these.
        reference: others, or None.
        folder: where the files go unless told otherwise.
        notes: what is not as it should be, a sentence each.
    """

    synthetic: Model | Panel
    name: str
    seen: Panel
    reference: Panel | None
    folder: Path
    notes: tuple[str, ...] = ()


def evaluate(
    name: Annotated[
        str | None, typer.Argument(metavar="RUN", help="Run to evaluate, a name or a path. Default: the newest.")
    ] = None,
    real: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|DATASET",
            help="Real series that the generator has seen. Default: what the run was trained on.",
        ),
    ] = None,
    test: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Real series that it has not. Default: the dataset's, or one half of --real."
        ),
    ] = None,
    fake: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Made series of any generator. Default: the run makes its own."),
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[,NAME…]",
            help="Measures or groups: fidelity, utility, diversity, privacy, codes. Default: all.",
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer series, repeats and steps: about a minute.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same figures.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="Where to write. Default: the run's folder, or the current one."),
    ] = None,
    runs: RunsOption = DEFAULT_RUNS,
    case_column: CaseColumnOption = None,
    time_column: TimeColumnOption = None,
    label_column: LabelColumnOption = None,
    channels: ChannelsOption = None,
    window: WindowOption = None,
    stride: StrideOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Measure made series against real ones: tsinfogan evaluate --real mine.csv --fake made.csv.

    Each figure stands beside what real series get in the place of made ones. The table goes to standard output;
    evaluation.html, which needs no other file, and evaluation.json go into the run's folder.
    """
    from tsinfogan.models.model import Model
    from tsinfogan.reports.evaluation.gathering import assess, chosen_names, n_steps
    from tsinfogan.reports.evaluation.page import HEADER, render, table_rows
    from tsinfogan.reports.evaluation.pictures import Shown, draw_all
    from tsinfogan.training.run import write_whole, writing

    asked = reading(case_column, time_column, label_column, channels, window, stride)
    comparisons, codes = chosen_names(None if only is None else [part.strip() for part in only.split(",")])
    matter = _matter(name, real, test, fake, asked, runs, device)
    codes = codes if isinstance(matter.synthetic, Model) else []
    folder = matter.folder if out is None else out
    advice = "make room there, or choose another folder with --out"
    with writing(folder, advice):
        folder.mkdir(parents=True, exist_ok=True)
    with steps(n_steps(comparisons, codes, quick) + N_PICTURES) as tell:
        found = assess(
            matter.synthetic,
            matter.seen,
            matter.reference,
            synthetic_name=matter.name,
            comparisons=comparisons,
            codes=codes,
            notes=matter.notes,
            quick=quick,
            seed=seed,
            device=device,
            tell=tell,
        )
        pictures = draw_all(Shown(found.synthetic, found.seen, found.reference, seed), tell)
    files = {
        PAGE: render(found, pictures).encode(),
        FIGURES: json.dumps(found.to_dict(), ensure_ascii=False, allow_nan=False, indent=1).encode(),
    }
    for file, content in files.items():
        write_whole(folder / file, content, advice)
    print_table(HEADER, table_rows(found))
    for measure, reason in found.skipped.items():
        _say(f"{measure} is left out: {reason}")
    for note in found.notes:
        _say(f"note: {note}")
    for warning in found.warnings:
        _say(f"warning: {warning}")
    _say(f"{found.headline}; the whole is in {folder / PAGE} and {folder / FIGURES}")


def _matter(
    name: str | None, real: str | None, test: Path | None, fake: Path | None, asked: Reading, runs: Path, device: str
) -> Matter:
    """Finds the series that are asked for."""
    if fake is not None and real is not None:
        if name is not None:
            raise SettingError("RUN, --real and --fake are one too many: --real takes the place of the run's series")
        return _of_files(real, test, fake, asked)
    if fake is None and real is None and test is None and asked != PLAIN:
        raise SettingError("columns and windows say how a file is read; name one with --real, --test or --fake")
    return _of_run(name, real, test, fake, asked, runs, device)


def _of_files(real: str, test: Path | None, fake: Path, asked: Reading) -> Matter:
    seen, reference, notes = _real(real, test, asked)
    synthetic = _as_looked_at(read_beside(_there(fake), PLAIN, asked.to_dict()), seen)
    return Matter(synthetic, fake.name, seen, reference, Path(), notes)


def _of_run(
    name: str | None, real: str | None, test: Path | None, fake: Path | None, asked: Reading, runs: Path, device: str
) -> Matter:
    from tsinfogan.devices import choose_device
    from tsinfogan.sampling.sampler import check_fits
    from tsinfogan.training.run import find_run

    try:
        run = find_run(runs, name)
    except RunError as error:
        if name is not None:
            raise
        lacking = "--real" if fake is not None else "--fake" if real is not None else "--real and --fake"
        raise RunError(f"{error}; or name files with {lacking}") from None
    model = run.load_model(choose_device(device))
    seen, reference, notes = _real_of_run(run, model, test, asked) if real is None else _real(real, test, asked)
    seen, reference = (
        _as_looked_at(seen, model.card),
        None if reference is None else _as_looked_at(reference, model.card),
    )
    for panel in (seen, reference):
        if panel is not None:
            check_fits(model, panel)
    if fake is None:
        return Matter(model, run.name, seen, reference, run.path, notes)
    synthetic = _as_looked_at(read_beside(_there(fake), asked, run.data), seen)
    return Matter(synthetic, fake.name, seen, reference, Path(), notes)


def _real_of_run(
    run: Run, model: Model, test: Path | None, asked: Reading
) -> tuple[Panel, Panel | None, tuple[str, ...]]:
    """What the run was trained on, with what it was not."""
    from tsinfogan.cli._real_series import real_series

    found = real_series(run, model)
    seen, reference = (found.train, found.test) if found.train is not None else (found.test, None)
    if seen is None:
        raise DataError(f"{'; '.join(found.notes).replace('--data', '--real')}; name real series with --real")
    if test is not None:
        reference = read_beside(_there(test), asked, run.data)
    return seen, reference, found.notes


def _real(real: str, test: Path | None, asked: Reading) -> tuple[Panel, Panel | None, tuple[str, ...]]:
    """A dataset's two parts, or a file, with another file or none."""
    from tsinfogan.datasets import DATASETS, load_dataset

    if real.partition(":")[0] in DATASETS.names() and not os.path.exists(real):  # noqa: PTH110
        refuse_without_file(asked, real)
        seen = load_dataset(real)
        say_notes(seen)
        if test is not None:
            return seen, read_file(_there(test), asked), ()
        try:
            return seen, load_dataset(real, "test"), ()
        except TsInfoGANError as error:
            return seen, None, (f"there are no held-out series: {error}",)
    if not os.path.exists(real):  # noqa: PTH110 (a Path would raise for a name too long)
        raise DataError(
            f"expected a file or a dataset, got {real!r}: there is no such file, and the datasets are "
            f"{', '.join(DATASETS.names())}; check the name"
        )
    seen, notes = read_file(Path(real), asked), []
    if asked.windows is not None and asked.windows.stride < asked.windows.length and test is None:
        notes.append(
            "windows overlap: those that stand for unseen series hold parts of seen ones, so figures of privacy say "
            "little"
        )
    return seen, None if test is None else read_beside(_there(test), PLAIN, asked.to_dict()), tuple(notes)


def _as_looked_at(panel: Panel, like: Panel | DataCard) -> Panel:
    """The same series, drawn and augmented as others, or as a model's."""
    return replace(panel, view=like.view, augmentations=like.augmentations)


def _there(file: Path) -> Path:
    if not file.exists():
        raise DataError(f"expected a file with series, got {str(file)!r}, which does not exist; check the name")
    return file


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
