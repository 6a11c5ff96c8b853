"""Options that several commands share."""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import Path
from typing import Any

import typer

DEFAULT_RUNS = Path("runs")


def option(help: str, *names: str, default: Any = None, panel: str | None = None, **others: Any) -> Any:
    """A ``typer.Option``, which ``--help`` shows in a ``panel`` of its own if one is named."""
    return typer.Option(default, *names, help=help, rich_help_panel=panel, **others)


RUNS = option(
    "Directory that runs are kept in.", "--runs", default=DEFAULT_RUNS, envvar="TSINFOGAN_RUNS", metavar="DIR"
)
DEVICE = option("Where to compute: auto, cpu, cuda or mps; auto prefers a GPU.", default="auto")
MODEL = option("Run: a name or a path. Default: the newest.", metavar="RUN")
OUT = option("File to write. Default: standard output.", "-o", "--out", metavar="FILE")
SPREADSHEET_SAFE = option(
    "Write an apostrophe before names that a spreadsheet would run as a formula.", "--spreadsheet-safe", default=False
)
SEED = option("Seed of all random numbers: the same seed, the same output.", default=0, min=0)

column = partial(option, panel="Columns of your own file")
CASE_COLUMN = column("Column that tells the series apart. Default: case.", metavar="NAME")
TIME_COLUMN = column("Column of numbers or dates. Default: time.", metavar="NAME")
LABEL_COLUMN = column("Column of the class of each series. Default: label.", metavar="NAME")
CHANNELS = column("Columns to read. Default: all others.", metavar="NAME[,NAME…]")
WINDOW = column("Cut one long recording into windows of so many rows. Default: it is not cut.", metavar="ROWS")
STRIDE = column("Rows from the start of a window to the next. Default: 1.", metavar="ROWS")


def command_for(runs: Path, *words: str) -> str:
    """A command line for the user to copy."""
    directory = () if runs == DEFAULT_RUNS else ("--runs", str(runs))
    return shlex.join(("tsinfogan", *words, *directory))
