"""``tsinfogan runs``: what was trained."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from tsinfogan.cli import _completion as completion
from tsinfogan.cli import _options as shared
from tsinfogan.cli._output import print_fields, print_table, say
from tsinfogan.cli._progress import bounds
from tsinfogan.errors import RunError

if TYPE_CHECKING:
    from tsinfogan.training.candidates import Candidate
    from tsinfogan.training.run import Run

RUNS_HERE = shared.option("Directory that runs are kept in. Default: runs.", "--runs", metavar="DIR")
runs_app = typer.Typer(name="runs", help="List the runs, or show one.")


@runs_app.callback(invoke_without_command=True)
def _list_by_default(context: typer.Context, runs: Path = shared.RUNS) -> None:
    context.obj = runs
    if context.invoked_subcommand is None:
        list_runs(context, runs)


@runs_app.command("list")
def list_runs(context: typer.Context, runs: Path | None = RUNS_HERE) -> None:
    """List all runs, oldest first, with the last bound of each code in nats."""
    from tsinfogan.training.run import list_runs as readable_runs

    root = runs or context.obj
    rows = [_row(run) for run in readable_runs(root, say)]
    if not rows:
        say(f"there are no runs in {root}/; make one with `tsinfogan train`")
        return
    print_table(("name", "created", "data", "recipe", "backbone", "steps", "bounds"), rows)


@runs_app.command()
def show(
    context: typer.Context,
    run: str = typer.Argument(help="Name of a run, or its path.", autocompletion=completion.runs),
    runs: Path | None = RUNS_HERE,
) -> None:
    """Show every setting of a run, and its last report."""
    from tsinfogan.training.run import find_run

    found = find_run(runs or context.obj, run, say)
    steps, last = _progress(found)
    fields = [("run", str(found.path)), ("steps", steps)]
    for row in _candidates(found):
        fields += _flat(f"seed {row.seed}.", {name: value for name, value in asdict(row).items() if name != "seed"})
    print_fields([*fields, *_flat("", found.config), *_flat("last report.", last)])


def _row(run: Run) -> tuple[str, ...]:
    plan = run.plan
    steps, last = _progress(run)
    data = run.data.get("dataset") or run.data.get("file") or "?"
    return (
        run.name,
        str(run.config.get("created", ""))[:16].replace("T", " "),
        str(data),
        plan.recipe + _seeds(run),
        plan.model.backbone,
        steps,
        bounds(last, {}),
    )


def _progress(run: Run) -> tuple[str, Mapping[str, Any]]:
    metrics = run.metrics()
    last = metrics[-1] if metrics else {}
    return f"{last.get('step', 0)}/{run.plan.training.max_steps}", last


def _seeds(run: Run) -> str:
    """A mark of a run that is one of several seeds."""
    try:
        rows = _candidates(run)
    except RunError:
        return ", seeds unknown"
    if not rows:
        return ""
    n_trained = sum(row.trained for row in rows)
    return f", best of {len(rows)} seeds" if any(row.chosen for row in rows) else f", {n_trained} of {len(rows)} seeds"


def _candidates(run: Run) -> list[Candidate]:
    from tsinfogan.training.run import CANDIDATES

    if not (run.path / CANDIDATES).exists():
        return []
    from tsinfogan.training.candidates import Candidates

    candidates = Candidates.open(run)
    return [] if candidates is None else candidates.rows


def _flat(prefix: str, value: Any) -> list[tuple[str, str]]:
    """Nested settings as dotted names."""
    if isinstance(value, Mapping):
        return [pair for name, inner in value.items() for pair in _flat(f"{prefix}{name}.", inner)]
    text = value if isinstance(value, str) else f"{value:.6g}" if isinstance(value, float) else json.dumps(value)
    return [(prefix.rstrip("."), text)]
