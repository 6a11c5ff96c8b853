"""``tsinfogan sample``: new series with the codes where they are asked to stand."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, TypeVar

import typer

from tsinfogan.cli._options import DEFAULT_RUNS, DeviceOption, RunsOption
from tsinfogan.errors import DataError, SettingError, UnknownNameError

if TYPE_CHECKING:
    from tsinfogan.formats import Format, Writer
    from tsinfogan.models.model import Model
    from tsinfogan.sampling.memorization import TrainingSeries
    from tsinfogan.training.run import Run

Piece = TypeVar("Piece")
DEFAULT_SERIES = 10


def sample(
    cat: Annotated[
        str | None,
        typer.Option(help="Category: 3, a range 0:4, or one place for each categorical code, _ to draw it: 3,_,0:9."),
    ] = None,
    cont: Annotated[
        str | None,
        typer.Option(help="Continuous codes: 0.5,-1, _ to draw one, or a sweep first:last:steps such as -2:2:9,0."),
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="Category by its name, in place of --cat; `tsinfogan name` lists the names.")
    ] = None,
    n: Annotated[
        int | None,
        typer.Option(
            "-n",
            min=1,
            help=f"Number of series; of draws for each point of a sweep. Default {DEFAULT_SERIES}, with a sweep 1.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same series.")] = 0,
    min_distance: Annotated[
        str | None,
        typer.Option(
            metavar="auto|NUMBER",
            help="Draw again what is nearer than this to a training series, in standard deviations; auto: nearer than "
            "these hardly ever are to each other.",
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="RUN", help="Run to sample from, a name or a path. Default: the newest.")
    ] = None,
    runs: RunsOption = DEFAULT_RUNS,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="File to write. Default: standard output.")
    ] = None,
    format_name: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="csv, wide, parquet, arrow, npz, ts, arff or png. Default: by FILE's name, otherwise csv.",
        ),
    ] = None,
    device: DeviceOption = "auto",
) -> None:
    """Write new series in raw units, each with its own length: tsinfogan sample --cat 3 --cont 0.5,-1 > out.csv.

    Codes that are not given are drawn: continuous ones from their prior, found categories as often as the training data
    holds them.
    """
    from tsinfogan.cli._output import opened_output

    entry = _format(format_name, out)
    with opened_output(out, binary=entry.binary) as stream_out:
        from tsinfogan.devices import choose_device
        from tsinfogan.sampling.memorization import Redrawing, stream_apart
        from tsinfogan.sampling.sampler import CodeRequest, stream
        from tsinfogan.training.run import find_run

        run = find_run(runs, model)
        trained = run.load_model(choose_device(device))
        request = CodeRequest.of(trained, cat, cont, label)
        draws = n or (DEFAULT_SERIES if request.n_points == 1 else 1)
        pieces = partial(stream, trained, draws, request, seed)
        if min_distance is not None:
            training_series = _training_series(run, trained)
            redrawing = Redrawing(_least(min_distance, training_series))
            pieces = partial(stream_apart, trained, draws, request, seed, training_series, redrawing)
        writer = _writer(entry, stream_out, out, draws * request.n_points, trained)
        for part in ahead(pieces):
            writer.write(part.panel, part.columns)
        writer.close()
    if min_distance is not None:
        print(redrawing, file=sys.stderr)


def _training_series(run: Run, model: Model) -> TrainingSeries:
    """What the run was trained on, again."""
    from tsinfogan.cli._real_series import real_series
    from tsinfogan.sampling.memorization import TrainingSeries

    found = real_series(run, model)
    if found.train is None:
        reasons = "; ".join(found.notes).replace("; name it with --data", "")
        raise DataError(f"--min-distance needs the series that run {run.name} was trained on: {reasons}")
    return TrainingSeries(found.train)


def _least(text: str, training_series: TrainingSeries) -> float:
    if text == "auto":
        return training_series.auto_distance
    try:
        least = float(text)
    except ValueError:
        least = math.nan
    if not 0 <= least < math.inf:
        raise SettingError(f"expected auto or a number of standard deviations in --min-distance, got {text!r}")
    return least


def ahead(pieces: Callable[[], Iterator[Piece]]) -> Iterator[Piece]:
    """The same pieces, each made while the one before it is used."""
    from concurrent.futures import ThreadPoolExecutor

    source = pieces()
    with ThreadPoolExecutor(1) as worker:
        coming = worker.submit(next, source, None)
        while (piece := coming.result()) is not None:
            coming = worker.submit(next, source, None)
            yield piece


def _writer(entry: Format, stream_out: BinaryIO, out: Path | None, n_cases: int, model: Model) -> Writer:
    """A file's writer, or a folder's where one file would hold too many rows."""
    from tsinfogan.cli._output import turned_into_folder

    longest = model.preprocessor.lengths[1] if model.preprocessor.lengths else math.prod(model.preprocessor.grid)
    if out is None or entry.open_folder is None or n_cases * longest <= (entry.max_rows or 0):
        return entry.open_writer(stream_out)
    folder = turned_into_folder(stream_out, out)
    return entry.open_writer(stream_out) if folder is None else entry.open_folder(folder)


def _format(name: str | None, path: Path | None) -> Format:
    from tsinfogan.formats import FORMATS, format_of

    if name is not None:
        return FORMATS.get(name)
    if path is None or not path.suffix:
        return FORMATS.get("csv")
    entry = format_of(path.name)
    if entry is None:
        raise UnknownNameError("file suffix", path.suffix, [FORMATS.get(known).suffix for known in FORMATS.names()])
    return entry
