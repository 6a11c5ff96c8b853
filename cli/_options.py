"""Options that several commands share."""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from tsinfogan.cli import _completion as completion
from tsinfogan.cli._output import hint

if TYPE_CHECKING:
    from tsinfogan.training.run import Run

DEFAULT_RUNS = Path("runs")


def option(help: str, *names: str, default: Any = None, panel: str | None = None, **others: Any) -> Any:
    """A ``typer.Option``, which ``--help`` shows in a ``panel`` of its own if one is named."""
    return typer.Option(default, *names, help=help, rich_help_panel=panel, **others)


def run_argument(help: str) -> Any:
    """A run that may be named before all options."""
    return typer.Argument(None, metavar="RUN", help=help, autocompletion=completion.runs)


RUNS = option(
    "Directory that runs are kept in.", "--runs", default=DEFAULT_RUNS, envvar="TSINFOGAN_RUNS", metavar="DIR"
)
DEVICE = option("Where to compute: auto, cpu, cuda or mps; auto prefers a GPU.", default="auto")
WHICH_RUN = "Run: a name, a path, or hf://user/name on a hub. Default: the newest."
MODEL = option(WHICH_RUN, metavar="RUN", autocompletion=completion.runs)
OUT = option("File to write. Default: standard output.", "-o", "--out", metavar="FILE")
SPREADSHEET_SAFE = option(
    "Write an apostrophe before names that a spreadsheet would run as a formula.", "--spreadsheet-safe", default=False
)
SEED = option("Seed of all random numbers: the same seed, the same output.", default=0, min=0)

column = partial(option, panel="Columns of your own file")
READING = {
    "case_column": column("Column that tells the series apart. Default: case.", metavar="NAME"),
    "time_column": column("Column of numbers or dates, or several: year,month,day. Default: time.", metavar="NAME"),
    "label_column": column("Column of the class of each series, or none. Default: label.", metavar="NAME"),
    "channels": column("Columns to read. Default: all others.", metavar="NAME[,NAME…]"),
    "ignore": column("Columns to leave out. Default: none.", metavar="NAME[,NAME…]"),
    "missing": column(
        "Texts or numbers that stand for a missing value, such as -200,?. Default: none.", metavar="TEXT[,TEXT…]"
    ),
    "window": column("Cut one long recording into windows of so many rows. Default: it is not cut.", metavar="ROWS"),
    "stride": column("Rows from the start of a window to the next. Default: 1.", metavar="ROWS"),
    "label_per": column(
        "Where rows of a window have several labels: window (take the most frequent), or row (leave the window out). "
        "Default: window.",
        metavar="WHAT",
    ),
    "dates": column(
        "day_first or month_first as in 03/04/2024, or numbers. Default: as the file shows.", metavar="HOW"
    ),
    "layout": column(
        "long (a row is a timepoint) or wide (a row is a series); nct or ntc, the order of case, channel and time in "
        "arrays. Default: as the file shows.",
        metavar="HOW",
    ),
    "delimiter": column("Character between columns of text. Default: as the file shows.", metavar="CHARACTER"),
    "decimal": column("Decimal point or comma. Default: as the file shows.", metavar="CHARACTER"),
}
"""Options that say how a file is read."""


def command_for(runs: Path, *words: str) -> str:
    """A command line for the user to copy."""
    directory = () if runs == DEFAULT_RUNS else ("--runs", str(runs))
    return shlex.join(("tsinfogan", *words, *directory))


def hint_for(run: Run, runs: Path, command: str, *words: str) -> None:
    """Names the likeliest next command for a run that is kept in ``runs``."""
    if run.path.parent == runs:
        hint(command_for(runs, command, run.name, *words))
