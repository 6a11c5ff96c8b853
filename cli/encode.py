"""``tsinfogan encode``: what Q reads in real series, one row a case."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, get_args

import typer

from tsinfogan.cli._files import (
    CaseColumnOption,
    ChannelsOption,
    LabelColumnOption,
    Reading,
    StrideOption,
    TimeColumnOption,
    WindowOption,
    read_beside,
    reading,
    refuse_without_file,
    say_notes,
)
from tsinfogan.cli._options import DEFAULT_RUNS, DeviceOption, RunsOption
from tsinfogan.errors import DataError, SettingError, UnknownNameError

if TYPE_CHECKING:
    from tsinfogan.data.panel import Panel
    from tsinfogan.datasets import Split
    from tsinfogan.models.model import Model
    from tsinfogan.training.run import Run

FORMATS = {"csv": ".csv", "parquet": ".parquet"}


def encode(
    source: Annotated[
        str, typer.Argument(metavar="FILE|DATASET", help="Your own file of any format, or the name of a dataset.")
    ],
    split: Annotated[str | None, typer.Option(help="Part of a dataset: train or test. Default: train.")] = None,
    model: Annotated[
        str | None, typer.Option(metavar="RUN", help="Run that reads the codes, a name or a path. Default: the newest.")
    ] = None,
    runs: RunsOption = DEFAULT_RUNS,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="File to write. Default: standard output.")
    ] = None,
    format_name: Annotated[
        str | None, typer.Option("--format", help="csv or parquet. Default: by FILE's name, otherwise csv.")
    ] = None,
    case_column: CaseColumnOption = None,
    time_column: TimeColumnOption = None,
    label_column: LabelColumnOption = None,
    channels: ChannelsOption = None,
    window: WindowOption = None,
    stride: StrideOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Read the codes of real series, a category with a confidence and the rest: tsinfogan encode my.csv > codes.csv.

    One row a case, numbered from 0 as they come: case, cat, cat_confidence, cont0, …; then the category's name and the
    known label, where there are some.
    """
    from tsinfogan.cli._output import opened_output

    chosen = _format(format_name, out)
    asked = reading(case_column, time_column, label_column, channels, window, stride)
    part = _part(source, split, asked)
    with opened_output(out, binary=chosen == "parquet") as stream:
        from tsinfogan.devices import choose_device
        from tsinfogan.training.run import find_run

        run = find_run(runs, model)
        panel = _panel(source, part, asked, run)
        trained = run.load_model(choose_device(device))
        if not trained.settings.latent.codes:
            raise SettingError(f"run {run.name} has no codes that could be read; train with --cat or --cont")
        table = _table(trained, panel)
        if chosen == "parquet":
            from pyarrow import parquet

            parquet.write_table(table, stream, compression="zstd")
        else:
            _write_csv(table, stream)


def _format(name: str | None, path: Path | None) -> str:
    if name is not None:
        if name not in FORMATS:
            raise UnknownNameError("format", name, FORMATS)
        return name
    if path is None or not path.suffix:
        return "csv"
    by_suffix = {suffix: known for known, suffix in FORMATS.items()}
    if path.suffix.lower() not in by_suffix:
        raise UnknownNameError("file suffix", path.suffix, by_suffix)
    return by_suffix[path.suffix.lower()]


def _part(source: str, split: str | None, asked: Reading) -> Split | None:
    """The part of the dataset called ``source``; None where it is a file."""
    from tsinfogan.datasets import DATASETS, Split

    if split not in (None, *get_args(Split)):
        raise UnknownNameError("split", str(split), get_args(Split))
    if source.partition(":")[0] in DATASETS.names():
        refuse_without_file(asked, source)
        return "test" if split == "test" else "train"
    if not os.path.exists(source):  # noqa: PTH110 (a Path would raise for a name too long)
        raise DataError(
            f"expected a file or a dataset to encode, got {source!r}: there is no such file, and the datasets are "
            f"{', '.join(DATASETS.names())}; check the name"
        )
    if split is not None:
        raise SettingError(f"--split chooses a part of a dataset but {source!r} is a file; leave it out")
    return None


def _panel(source: str, part: Split | None, asked: Reading, run: Run) -> Panel:
    from tsinfogan.datasets import load_dataset

    if part is None:
        return read_beside(Path(source), asked, run.data)
    panel = load_dataset(source, part)
    say_notes(panel)
    return panel


def _table(model: Model, panel: Panel) -> Any:
    """A pyarrow table of one row a case."""
    import numpy as np
    import pyarrow as pa

    from tsinfogan.formats.blocks import case_array, with_label
    from tsinfogan.sampling.sampler import encode as read_codes

    columns = {"case": np.arange(panel.n_cases), **read_codes(model, panel)}
    if names := model.category_names:
        columns["name"] = np.array(names, dtype=object)[columns[str(model.settings.category_column)]]
    return pa.table({name: case_array(values) for name, values in with_label(panel, columns).items()})


def _write_csv(table: Any, stream: BinaryIO) -> None:
    """Numbers with the fewest digits that read back to the same float32, as in the files of series."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.column_names)
    writer.writerows(zip(*(column.cast("string").to_pylist() for column in table.columns), strict=True))
    stream.write(text.getvalue().encode())
