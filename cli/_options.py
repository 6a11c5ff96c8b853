"""Options that several commands share."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

DEFAULT_RUNS = Path("runs")
RunsOption = Annotated[
    Path, typer.Option("--runs", envvar="TSINFOGAN_RUNS", metavar="DIR", help="Directory that runs are kept in.")
]
DeviceOption = Annotated[str, typer.Option(help="Where to compute: auto, cpu, cuda or mps; auto prefers a GPU.")]


def command_for(runs: Path, *words: str) -> str:
    """A command line for the user to copy."""
    directory = () if runs == DEFAULT_RUNS else ("--runs", str(runs))
    return shlex.join(("tsinfogan", *words, *directory))
