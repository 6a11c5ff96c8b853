"""Options that several commands share."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

DEFAULT_RUNS = Path("runs")
RunsOption = Annotated[
    Path, typer.Option("--runs", envvar="TSINFOGAN_RUNS", metavar="DIR", help="Directory that runs are kept in.")
]
DeviceOption = Annotated[str, typer.Option(help="Where to compute: auto, cpu, cuda or mps; auto prefers a GPU.")]
ModelOption = Annotated[str | None, typer.Option(metavar="RUN", help="Run: a name or a path. Default: the newest.")]
OutOption = Annotated[
    Path | None, typer.Option("-o", "--out", metavar="FILE", help="File to write. Default: standard output.")
]
SeedOption = Annotated[int, typer.Option(min=0, help="Seed of all random numbers: the same seed, the same output.")]


def grouped(panel: str, help: str, *names: str, **others: Any) -> Any:
    """A ``typer.Option`` that ``--help`` shows in a panel of its own."""
    return typer.Option(*names, help=help, rich_help_panel=panel, **others)


FILES = "Columns of your own file"
CaseColumnOption = Annotated[
    str | None, grouped(FILES, "Column that tells the series apart. Default: case.", metavar="NAME")
]
TimeColumnOption = Annotated[str | None, grouped(FILES, "Column of numbers or dates. Default: time.", metavar="NAME")]
LabelColumnOption = Annotated[
    str | None, grouped(FILES, "Column of the class of each series. Default: label.", metavar="NAME")
]
ChannelsOption = Annotated[str | None, grouped(FILES, "Columns to read. Default: all others.", metavar="NAME[,NAME…]")]
WindowOption = Annotated[
    int | None,
    grouped(FILES, "Cut one long recording into windows of so many rows. Default: it is not cut.", metavar="ROWS"),
]
StrideOption = Annotated[
    int | None, grouped(FILES, "Rows from the start of a window to the next. Default: 1.", metavar="ROWS")
]


def command_for(runs: Path, *words: str) -> str:
    """A command line for the user to copy."""
    directory = () if runs == DEFAULT_RUNS else ("--runs", str(runs))
    return shlex.join(("tsinfogan", *words, *directory))
