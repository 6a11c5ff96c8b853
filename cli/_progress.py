"""Progress on stderr: a live display on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tsinfogan.cli._output import say

if TYPE_CHECKING:
    from tsinfogan.models.codes import LatentSpec
    from tsinfogan.training.trainer import Report

SECONDS_BETWEEN_LINES = 2.0
BOUND = "bound_"


@contextmanager
def progress(
    latent: LatentSpec, first_step: int, max_steps: int, title: str = ""
) -> Iterator[Callable[[Report, str], None]]:
    """A function that shows each report of a training, with a remark or none.

    Args:
        latent: the codes, whose bounds are shown.
        first_step: steps done before.
        max_steps: steps to come to.
        title: which of several trainings this is, or empty.
    """
    if not sys.stderr.isatty():
        yield _TrainingLines(latent, first_step, max_steps, title).show
        return
    from rich.console import Console, Group
    from rich.live import Live
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.text import Text

    bar = Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]:.0f} cases/s"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    task = bar.add_task("", total=max_steps, completed=first_step, speed=0.0)
    with Live(bar, console=Console(stderr=True), refresh_per_second=4) as live:

        def show(report: Report, remark: str = "") -> None:
            bar.update(task, completed=report.step, speed=report.cases_per_s)
            lines = f"losses  {losses(report)}\nbounds  {bounds(latent, report)}" + (f"\n{remark}" if remark else "")
            live.update(Group(*([Text(title)] if title else []), bar, Text(lines, overflow="fold")))

        yield show


class _TrainingLines:
    def __init__(self, latent: LatentSpec, first_step: int, max_steps: int, title: str) -> None:
        self._latent, self._first_step, self._max_steps = latent, first_step, max_steps
        self._prefix = f"{title}, " if title else ""
        self._shown, self._remark = -SECONDS_BETWEEN_LINES, ""

    def show(self, report: Report, remark: str = "") -> None:
        if remark and remark != self._remark:
            say(f"{self._prefix}step {report.step}: {remark}")
        self._remark = remark
        now = time.monotonic()
        if now - self._shown < SECONDS_BETWEEN_LINES and report.step < self._max_steps:
            return
        self._shown = now
        left_s = report.elapsed_s / (report.step - self._first_step) * (self._max_steps - report.step)
        say(
            f"{self._prefix}step {report.step}/{self._max_steps}  {losses(report)}  {bounds(self._latent, report)}  "
            f"{report.cases_per_s:.0f} cases/s  {duration(left_s)} left"
        )


def losses(report: Report) -> str:
    """Such as ``discriminator 1.27 generator 0.85``."""
    return " ".join(f"{name} {value:.2f}" for name, value in report.stats.items() if not name.startswith(BOUND))


def bounds(latent: LatentSpec, report: Report) -> str:
    """Such as ``cat 2.87/3.00 cont0 0.41``: a category's bound can reach H(c); for a number there is no such limit."""
    texts = []
    for column, code in zip(latent.columns, latent.codes, strict=True):
        if (value := report.stats.get(f"{BOUND}{column}")) is not None:
            texts.append(f"{column} {value:.2f}" + (f"/{code.entropy:.2f}" if code.is_categorical else ""))
    return " ".join(texts)


def duration(seconds: float) -> str:
    """Such as ``1:05`` or ``2:00:00``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextmanager
def steps(n_steps: int) -> Iterator[Callable[[str], None]]:
    """A function to call with the name of each step before it begins, ``n_steps`` times at most.

    Names such as ``task, 1`` and ``task, 2`` belong to one task; without a terminal, each task gets one line.
    """
    if not sys.stderr.isatty():
        yield _TaskLines(n_steps).show
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=n_steps)
        begun = False

        def show(text: str) -> None:
            nonlocal begun
            bar.update(task, description=text, advance=int(begun))
            begun = True

        yield show


class _TaskLines:
    def __init__(self, n_steps: int) -> None:
        self._n_steps, self._begun, self._last_task = n_steps, 0, ""

    def show(self, text: str) -> None:
        self._begun += 1
        task = text.rstrip("0123456789").rstrip(", ")
        if task != self._last_task:
            self._last_task = task
            say(f"{task} ({self._begun} of {self._n_steps} at most)")
