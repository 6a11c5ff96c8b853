"""``tsinfogan push``: a run for others, on a model hub."""

from __future__ import annotations

from pathlib import Path

import typer

from tsinfogan.cli import _completion as completion
from tsinfogan.cli import _options as shared
from tsinfogan.cli._files import found_run
from tsinfogan.cli._options import command_for, option
from tsinfogan.cli._output import say, show


def push(
    name: str = typer.Argument(metavar="RUN", help="Run to upload, a name or a path.", autocompletion=completion.runs),
    repo: str = typer.Argument(metavar="USER/NAME", help="Where to: a repository, which is made if it is missing."),
    private: bool = option("Let nobody but its owner see a new repository.", "--private", default=False),
    runs: Path = shared.RUNS,
) -> None:
    """Upload a finished run, with a model card, to the Hugging Face Hub: tsinfogan push RUN user/name.

    Needs the package huggingface_hub, and a token: hf auth login, or HF_TOKEN.
    """
    from tsinfogan.sharing import hub
    from tsinfogan.sharing.card import REPORT

    run = found_run(runs, name)
    if not (run.path / REPORT).exists():
        say(f"note: what `{command_for(runs, 'report', run.name)}` measures would stand in the model card")
    show(hub.push(run, repo, private=private))
    say(f"sample it with: tsinfogan sample --model {hub.Address.of(repo)} > out.csv")
