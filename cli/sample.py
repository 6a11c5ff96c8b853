"""``tsinfogan sample``: new series with the codes that are asked for."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from tsinfogan.cli import _completion as completion
from tsinfogan.cli import _options as shared
from tsinfogan.cli._files import found_run, real_series
from tsinfogan.cli._options import option
from tsinfogan.cli._output import for_spreadsheet, format_name_for, opened_output, say, turned_into_folder
from tsinfogan.errors import DataError, SettingError

if TYPE_CHECKING:
    from tsinfogan.formats import Format, Writer
    from tsinfogan.models.model import Model
    from tsinfogan.sampling.memorization import TrainingSeries
    from tsinfogan.sampling.sampler import Passes
    from tsinfogan.training.run import Run

Piece = TypeVar("Piece")
DEFAULT_SERIES = 10


def sample(
    cat: str | None = option(
        "Category: 3, a range 0:4, or a comma list with one entry for each categorical code, _ to draw it: "
        "3,_,0:9. Default: drawn."
    ),
    cont: str | None = option(
        "Continuous codes: 0.5,-1, _ to draw one, or sweeps first:last:steps such as -2:2:9,0. Default: drawn."
    ),
    label: str | None = option(
        "Category by its name; `tsinfogan name` lists the names. Default: as --cat says.",
        autocompletion=completion.labels,
    ),
    n: int | None = option(
        f"Number of series; with a sweep, of draws for each point. Default: {DEFAULT_SERIES}, with a sweep 1.",
        "-n",
        min=1,
    ),
    seed: int = shared.SEED,
    first_row: int = option(
        "Number of the first series to write. It and all after it are as in the whole file.", default=0, min=0
    ),
    shard: str | None = option(
        "Write one of several pieces of nearly equal size, such as 3/16. Default: all.", metavar="K/N"
    ),
    min_distance: str | None = option(
        "Resample series closer than this to a training series, in standard deviations; auto: the 1st "
        "percentile of nearest-neighbour distances in the training set. Default: no limit.",
        metavar="auto|NUMBER",
    ),
    model: str | None = shared.MODEL,
    pretrained: str | None = option(
        "Model that comes with tsinfogan: letters. Default: the run of --model.",
        metavar="NAME",
        autocompletion=completion.pretrained,
    ),
    runs: Path = shared.RUNS,
    out: Path | None = shared.OUT,
    format_name: str | None = option(
        "csv, wide, parquet, arrow, npz, ts, arff or png. Default: by FILE's name, otherwise csv.",
        "--format",
        autocompletion=completion.formats,
    ),
    spreadsheet_safe: bool = shared.SPREADSHEET_SAFE,
    workers: int | None = option(
        "Passes of 256 series that are computed at a time, one thread each. Default: one for each core, with "
        "--min-distance 1.",
        min=1,
    ),
    ray: bool = option(
        "Compute on a Ray cluster, that of RAY_ADDRESS or a local one, and write a folder of Parquet files to -o.",
        "--ray",
        default=False,
    ),
    device: str = shared.DEVICE,
) -> None:
    """Write new series in raw units, each with its own length: tsinfogan sample --cat 3 --cont 0.5,-1 > out.csv.

    Codes that are not given are sampled: continuous codes from their prior, the category with its frequency in the
    training data.
    """
    from tsinfogan.formats import FORMATS

    if ray:
        _check_ray(out, min_distance=min_distance, workers=workers, format=format_name, device=device)
        format_name, device = "parquet", "cpu"
    entry = FORMATS.get(format_name_for(format_name, out))
    with opened_output(out, binary=entry.binary) as stream_out:
        from tsinfogan.cli._parsing import parse_codes
        from tsinfogan.devices import choose_device
        from tsinfogan.sampling.memorization import Redrawing, stream_apart
        from tsinfogan.sampling.request import CodeRequest
        from tsinfogan.sampling.sampler import Passes, stream

        run = _asked_run(runs, model, pretrained)
        trained = run.load_model(choose_device(device))
        request = CodeRequest.of(trained, *parse_codes(cat, cont), label)
        draws = n or (DEFAULT_SERIES if request.n_points == 1 else 1)
        rows = _asked_rows(first_row, shard, Passes(trained, draws, request, seed))
        pieces = partial(stream, trained, draws, request, seed)
        if min_distance is not None:
            training_series = _training_series(run, trained)
            redrawing = Redrawing(_parse_distance(min_distance, training_series))
            pieces = partial(stream_apart, trained, draws, request, seed, training_series, redrawing)
        if entry.suffix.endswith(".csv"):
            card = trained.card
            _rename(trained, for_spreadsheet((*card.channels, *card.classes, *trained.names), spreadsheet_safe))
        if ray and out is not None:
            from tsinfogan.sampling.cluster import parts

            folder = turned_into_folder(stream_out, out) or out
            for name, content in parts(trained, draws, request, seed, rows):
                (folder / name).write_bytes(content)
        else:
            writer = _writer(entry, stream_out, out, rows, trained)
            for part in ahead(partial(pieces, rows=rows, workers=workers)):
                writer.write(part.panel, part.columns)
            writer.close()
    if min_distance is not None:
        say(str(redrawing))
    if out is not None:
        shared.hint_for(run, runs, "evaluate", "--quick")


def _asked_run(runs: Path, model: str | None, pretrained: str | None) -> Run:
    if pretrained is None:
        return found_run(runs, model)
    if model is not None:
        raise SettingError("--model and --pretrained both name a model; give one of them")
    from tsinfogan.sharing.pretrained import pretrained_run

    return pretrained_run(pretrained)


def _check_ray(out: Path | None, **given: object) -> None:
    """Raises a SettingError where there is no new folder to write to, or an option that a cluster does not heed."""
    for name, value in given.items():
        if value not in (None, "auto" if name == "device" else "parquet"):
            option = f"--{name.replace('_', '-')}"
            raise SettingError(
                f"{option} does not go with --ray, which writes Parquet from CPUs; leave out one of them"
            )
    if out is None:
        raise SettingError("--ray writes a folder; name it with -o")
    if out.exists():
        raise SettingError(f"--ray writes a new folder, and there is {out} already; delete it, or name another with -o")


def _asked_rows(first_row: int, shard: str | None, passes: Passes) -> range:
    from tsinfogan.sampling.shards import rows_from, shard_rows

    if shard is None:
        return rows_from(first_row, passes.n_rows)
    if first_row:
        raise SettingError("--first-row and --shard both choose rows; give one of them")
    found = re.fullmatch("([0-9]{1,9})/([1-9][0-9]{0,8})", shard)
    if not found:
        raise SettingError(f"expected one of several pieces in --shard, such as 3/16, got {shard!r}")
    return shard_rows(int(found[1]), int(found[2]), passes.n_rows, passes.size)


def _rename(model: Model, changed: Mapping[str | None, str]) -> None:
    """Gives channels, classes and categories the names that they have in the file."""
    card = model.card
    channels, classes = (tuple(changed.get(name, name) for name in names) for names in (card.channels, card.classes))
    model.card = replace(card, channels=channels, classes=classes)
    model.names = tuple(changed.get(name, name) for name in model.names)


def _training_series(run: Run, model: Model) -> TrainingSeries:
    """The series that the run was trained on."""
    from tsinfogan.sampling.memorization import TrainingSeries

    found = real_series(run, model)
    if found.train is None:
        reasons = "; ".join(found.notes).replace("; name it with --data", "")
        raise DataError(f"--min-distance needs the series that run {run.name} was trained on: {reasons}")
    return TrainingSeries(found.train)


def _parse_distance(text: str, training_series: TrainingSeries) -> float:
    if text == "auto":
        return training_series.auto_distance
    from tsinfogan.cli._parsing import to_number

    distance = to_number(text)
    if not 0 <= distance < math.inf:
        raise SettingError(f"expected auto or a number of standard deviations in --min-distance, got {text!r}")
    return distance


def ahead(pieces: Callable[[], Iterator[Piece]]) -> Iterator[Piece]:
    """The same pieces, each made while the one before it is used."""
    from concurrent.futures import ThreadPoolExecutor

    source = pieces()
    with ThreadPoolExecutor(1) as worker:
        coming = worker.submit(next, source, None)
        while (piece := coming.result()) is not None:
            coming = worker.submit(next, source, None)
            yield piece


def _writer(entry: Format, stream_out: BinaryIO, out: Path | None, rows: range, model: Model) -> Writer:
    """A file's writer, or a folder's where one file would hold too many rows."""
    longest = model.preprocessor.lengths[1] if model.preprocessor.lengths else math.prod(model.preprocessor.grid)
    numbered = {"first_case": rows.start} if entry.numbers_cases else {}
    if out is None or entry.open_folder is None or len(rows) * longest <= (entry.max_rows or 0):
        return entry.open_writer(stream_out, **numbered)
    folder = turned_into_folder(stream_out, out)
    return entry.open_writer(stream_out, **numbered) if folder is None else entry.open_folder(folder, **numbered)
