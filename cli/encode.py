"""``tsinfogan encode``: what Q reads in real series, one row a case."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, get_args

import typer

from tsinfogan.cli import _completion as completion
from tsinfogan.cli import _options as shared
from tsinfogan.cli._files import Reading, existing_file, found_run, is_dataset, read_beside, read_dataset, reads_files
from tsinfogan.cli._options import option
from tsinfogan.cli._output import for_spreadsheet, format_name_for, opened_output, say
from tsinfogan.errors import SettingError, UnknownNameError

if TYPE_CHECKING:
    from tsinfogan.data.panel import Panel
    from tsinfogan.models.model import Model
    from tsinfogan.training.run import Run

FORMATS = ("csv", "parquet")


@reads_files
def encode(
    asked: Reading,
    source: str = typer.Argument(metavar="FILE|DATASET", help="Your own file of any format, or the name of a dataset."),
    split: str | None = option("Part of a dataset: train or test. Default: train."),
    model: str | None = shared.MODEL,
    runs: Path = shared.RUNS,
    out: Path | None = shared.OUT,
    format_name: str | None = option(
        "csv or parquet. Default: by FILE's name, otherwise csv.",
        "--format",
        autocompletion=completion.one_of(*FORMATS),
    ),
    spreadsheet_safe: bool = shared.SPREADSHEET_SAFE,
    device: str = shared.DEVICE,
) -> None:
    """Read the codes of real series, a category with a confidence and the rest: tsinfogan encode my.csv > codes.csv.

    One row a case, numbered from 0 as they come: case, id (as the file has it), cat, cat_confidence, cont0, …; then the
    category's name and the known label, where there are some.
    """
    chosen = format_name_for(format_name, out, FORMATS)
    _check_source(source, split)
    with opened_output(out, binary=chosen == "parquet") as stream:
        from tsinfogan.devices import choose_device
        from tsinfogan.sampling.inference import unit_remarks

        run = found_run(runs, model)
        panel = _panel(source, split, asked, run)
        trained = run.load_model(choose_device(device))
        if not trained.settings.latent.codes:
            raise SettingError(f"run {run.name} has no codes that could be read; train with --cat or --cont")
        table = _table(trained, panel)
        for remark in unit_remarks(trained, panel):
            say(f"note: {remark}")
        if chosen == "parquet":
            from pyarrow import parquet

            parquet.write_table(table, stream, compression="zstd")
        else:
            _write_csv(table, stream, spreadsheet_safe)
    if out is not None:
        shared.hint_for(run, runs, "report")


def _check_source(source: str, split: str | None) -> None:
    """Refuses what is neither file nor dataset, and a split of anything but a dataset."""
    from tsinfogan.datasets import Split

    if split not in (None, *get_args(Split)):
        raise UnknownNameError("split", str(split), get_args(Split))
    if not is_dataset(source):
        existing_file(source, "a file or a dataset to encode")
        if split is not None:
            raise SettingError(f"--split chooses a part of a dataset but {source!r} is a file; leave it out")


def _panel(source: str, split: str | None, asked: Reading, run: Run) -> Panel:
    if is_dataset(source):
        return read_dataset(source, "test" if split == "test" else "train", asked)
    return read_beside(Path(source), asked, run.data)


def _table(model: Model, panel: Panel) -> Any:
    """A pyarrow table of one row a case."""
    import numpy as np
    import pyarrow as pa

    from tsinfogan.formats.blocks import case_array, with_label
    from tsinfogan.sampling.inference import encode as read_codes

    columns = {"case": np.arange(panel.n_cases), **read_codes(model, panel)}
    if panel.cases is not None and panel.cases.astype(str).tolist() != columns["case"].astype(str).tolist():
        columns = {"case": columns.pop("case"), "id": panel.cases, **columns}
    if names := model.category_names:
        columns["name"] = np.array(names, dtype=object)[columns[str(model.settings.category_column)]]
    return pa.table({name: case_array(values) for name, values in with_label(panel, columns).items()})


def _write_csv(table: Any, stream: BinaryIO, spreadsheet_safe: bool) -> None:
    """Numbers with the fewest digits that read back to the same float32, as in the files of series."""
    columns = [column.cast("string").to_pylist() for column in table.columns]
    changed = for_spreadsheet({cell for column in columns for cell in column}, spreadsheet_safe)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.column_names)
    writer.writerows([changed.get(cell, cell) for cell in row] for row in zip(*columns, strict=True))
    stream.write(text.getvalue().encode())
