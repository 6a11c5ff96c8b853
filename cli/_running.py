"""A training from its first line on stderr to its last."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import torch
import typer

from tsinfogan.cli._options import command_for
from tsinfogan.cli._output import print_table, say
from tsinfogan.cli._progress import progress
from tsinfogan.cli._signals import stop_signals
from tsinfogan.data.panel import Panel
from tsinfogan.errors import DivergedError
from tsinfogan.models.codes import Code
from tsinfogan.models.model import Model
from tsinfogan.training.candidates import Candidate, Candidates
from tsinfogan.training.forecast import forecast
from tsinfogan.training.plan import Plan
from tsinfogan.training.run import Run
from tsinfogan.training.session import PICTURE, Session

CANDIDATE_HEADER = ("seed", "disagreement", "agreement with the others", "chosen")


def run_session(session: Session, panel: Panel, runs: Path) -> None:
    """Trains to the end, or to a signal, which ends the command, and says what comes next."""
    _introduce(session.run, session, panel)
    with stop_signals() as came:
        _train(session, came)
    if not session.finished:
        _stopped(session.run, session, came, runs)
    _finish(session.run, runs)


def run_candidates(
    candidates: Candidates, panel: Panel, runs: Path, device: torch.device, precision: torch.dtype
) -> None:
    """Trains what remains of several candidates, or to a signal, chooses one, and says what comes next."""
    n_candidates, introduced = len(candidates.rows), False
    with stop_signals() as came:
        for index, session in candidates.remaining(panel, device, precision):
            if not introduced:
                _introduce(candidates.run, session, panel)
                introduced = True
            try:
                _train(session, came, f"candidate {index} of {n_candidates}, seed {session.trainer.settings.seed}")
            except DivergedError as error:
                candidates.note(session, error)
                say(f"seed {session.trainer.settings.seed} is left out: {error}")
                continue
            if not session.finished:
                _stopped(candidates.run, session, came, runs)
            candidates.note(session)
        candidates.choose(panel, device)
    print_table(CANDIDATE_HEADER, candidate_rows(candidates.rows), sys.stderr)
    _finish(candidates.run, runs)


def candidate_rows(rows: Sequence[Candidate]) -> list[tuple[str, ...]]:
    """Texts for each candidate, under ``CANDIDATE_HEADER``."""

    def number(value: float | None) -> str:
        return "-" if value is None else f"{value:.3f}"

    return [
        (
            str(row.seed),
            number(row.disagreement),
            number(row.agreement),
            "chosen" if row.chosen else "diverged" if row.note else "" if row.trained else "not trained yet",
        )
        for row in rows
    ]


def count_parameters(model: Model) -> dict[str, int]:
    """Numbers that training changes, by network."""
    networks = {"generator": model.generator, "discriminator": model.discriminator}
    return {f"{name}_parameters": sum(p.numel() for p in network.parameters()) for name, network in networks.items()}


def say_choices(plan: Plan) -> None:
    """Says what was chosen for this data, and why."""
    for reason in plan.reasons:
        say(f"chosen    {reason}")


def say_unused(plan: Plan) -> None:
    """Says which defaults have no effect on this data, and why."""
    if plan.notes:
        say(f"not used  {', '.join(plan.notes)}")


def _introduce(run: Run, session: Session, panel: Panel) -> None:
    plan, trainer = run.plan, session.trainer
    latent, model = plan.model.latent, trainer.model
    size = " x ".join(map(str, panel.grid)) + (" pixels" if len(panel.grid) == 2 else " timepoints")
    if panel.lengths is not None:
        size = f"{panel.lengths.min()} to {size}"
    codes = [f"{column} {_prior(code)}" for column, code in zip(latent.columns, latent.codes, strict=True)]
    parameters = ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in count_parameters(model).items())
    precision = str(trainer.precision).removeprefix("torch.")
    n_threads = torch.get_num_threads()
    threads = f", {n_threads} thread{'s' * (n_threads > 1)}" if trainer.device.type == "cpu" else ""
    threads += f" in each of {trainer.ranks.size} processes" if trainer.ranks.size > 1 else ""
    begin = f"from step {trainer.steps_done} " if trainer.steps_done else ""
    say(f"data      {panel.name}: {panel.n_cases} cases of {size}, channels {', '.join(panel.channels)}")
    say(f"codes     {', '.join([*codes, f'noise of {latent.noise_dim} dimensions'])}")
    say(f"networks  {plan.recipe} with {plan.model.backbone}: {parameters}")
    say(
        f"training  {begin}to step {plan.training.max_steps}, {plan.training.batch_size} cases each, "
        f"on {trainer.device} in {precision}{threads}"
    )
    if (expected := forecast(trainer)) is not None:
        say(f"expected  {expected}")
    if session.differences:
        say(f"note: an uninterrupted run may differ in the last bits: {', '.join(session.differences)}")
    say_choices(plan)
    if trainer.clustering is not None:
        say(f"trust     {trainer.clustering.statement()}")
    say_unused(plan)
    say(f"run       {run.path}")


def _train(session: Session, came: list[int], title: str = "") -> None:
    trainer = session.trainer
    latent = trainer.model.settings.latent
    with progress(latent, trainer.steps_done, trainer.settings.max_steps, title) as (show, trainer.tell):
        for report in session.train(lambda: bool(came)):
            show(report, str(session.collapse))


def _stopped(run: Run, session: Session, came: list[int], runs: Path) -> NoReturn:
    resume = command_for(runs, "train", "--resume", run.name)
    say(f"stopped after step {session.trainer.steps_done} and saved; go on with `{resume}`")
    raise typer.Exit(128 + [*came, signal.SIGTERM][0])  # which another process may have got


def _finish(run: Run, runs: Path) -> None:
    say(f"trained {run.name}; samples are shown in {run.path / PICTURE}")
    examples = [f"--{column} {value}" for column, value in _example(run.plan.model.latent.codes).items()]
    say(f"sample it with: {' '.join([command_for(runs, 'sample', '--model', run.name), *examples])} > out.csv")


def _prior(code: Code) -> str:
    return f"of {code.n_categories} categories" if code.is_categorical else code.kind


def _example(codes: tuple[Code, ...]) -> dict[str, str]:
    """A value for each code, by option: the last category, or 0.5."""
    columns: dict[str, list[str]] = {}
    for code in codes:
        value = str(code.n_categories - 1) if code.is_categorical else "0.5"
        columns.setdefault(code.column, []).append(value)
    return {column: ",".join(values) for column, values in columns.items()}
