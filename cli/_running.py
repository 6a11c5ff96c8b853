"""A training from its first line on stderr to its last."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from tsinfogan.cli._options import command_for
from tsinfogan.cli._progress import progress
from tsinfogan.cli._stopping import StopSignals
from tsinfogan.codes import CategoricalCode, Code
from tsinfogan.model import Model
from tsinfogan.panel import Panel
from tsinfogan.sessions import PICTURE, Session


def run_session(session: Session, panel: Panel, runs: Path) -> None:
    """Trains to the end, or to a signal, and says what comes next.

    Raises:
        typer.Exit: a signal came; training was saved.
    """
    run, trainer = session.run, session.trainer
    _introduce(session, panel)
    latent = trainer.model.settings.latent
    with StopSignals() as signals, progress(latent, trainer.steps_done, trainer.settings.max_steps) as show:
        for report in session.train(signals.asked):
            show(report)
    if not session.finished:
        resume = command_for(runs, "train", "--resume", run.name)
        _say(f"stopped after step {trainer.steps_done} and saved; go on with `{resume}`")
        raise typer.Exit(128 + (signals.number or 0))
    _say(f"trained {run.name}, pictured in {run.path / PICTURE}")
    examples = [f"--{column} {value}" for column, value in _example(latent.codes).items()]
    _say(f"sample it with: {' '.join([command_for(runs, 'sample', '--model', run.name), *examples])} > out.csv")


def count_parameters(model: Model) -> dict[str, int]:
    """Numbers that training moves, by network."""
    networks = {"generator": model.generator, "critic": model.critic}
    return {f"{name}_parameters": sum(p.numel() for p in network.parameters()) for name, network in networks.items()}


def _introduce(session: Session, panel: Panel) -> None:
    plan, trainer = session.run.plan, session.trainer
    latent, model = plan.model.latent, trainer.model
    size = " x ".join(map(str, panel.grid)) + (" pixels" if len(panel.grid) == 2 else " timepoints")
    if panel.lengths is not None:
        size = f"{panel.lengths.min()} to {size}"
    codes = [f"{column} {_prior(code)}" for column, code in zip(latent.columns, latent.codes, strict=True)]
    parameters = ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in count_parameters(model).items())
    precision = str(trainer.precision).removeprefix("torch.")
    begin = f"from step {trainer.steps_done} " if trainer.steps_done else ""
    _say(f"data      {panel.name}: {panel.n_cases} cases of {size}, channels {', '.join(panel.channels)}")
    _say(f"codes     {', '.join([*codes, f'noise of {latent.noise_dim}'])}")
    _say(f"networks  {plan.recipe} with {plan.model.backbone}: {parameters}")
    _say(
        f"training  {begin}to step {plan.training.max_steps}, {plan.training.batch_size} cases each, "
        f"on {trainer.device} in {precision}"
    )
    _say(f"run       {session.run.path}")


def _prior(code: Code) -> str:
    return f"of {code.n_categories}" if isinstance(code, CategoricalCode) else code.kind


def _example(codes: tuple[Code, ...]) -> dict[str, str]:
    """One place for each code, by option: the last value of a category, a number else."""
    columns: dict[str, list[str]] = {}
    for code in codes:
        value = str(code.n_categories - 1) if isinstance(code, CategoricalCode) else "0.5"
        columns.setdefault(code.column, []).append(value)
    return {column: ",".join(values) for column, values in columns.items()}


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
