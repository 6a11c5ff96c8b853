"""How a training gets on: a live display on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tsinfogan.models.codes import LatentSpec
    from tsinfogan.training.trainer import Report

SECONDS_BETWEEN_LINES = 2.0
BOUND = "bound_"


@contextmanager
def progress(
    latent: LatentSpec, first_step: int, max_steps: int, title: str = ""
) -> Iterator[Callable[[Report, str], None]]:
    """A function that shows each report it is given, with a remark or none, on stderr.

    Args:
        latent: the codes, whose bounds are shown.
        first_step: steps done before.
        max_steps: steps to come to.
        title: which of several trainings this is, or empty.
    """
    if not sys.stderr.isatty():
        yield _Lines(latent, first_step, max_steps, title).show
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


class _Lines:
    def __init__(self, latent: LatentSpec, first_step: int, max_steps: int, title: str) -> None:
        self._latent, self._first_step, self._max_steps = latent, first_step, max_steps
        self._prefix = f"{title}, " if title else ""
        self._shown, self._remark = -SECONDS_BETWEEN_LINES, ""

    def show(self, report: Report, remark: str = "") -> None:
        if remark and remark != self._remark:
            print(f"{self._prefix}step {report.step}: {remark}", file=sys.stderr, flush=True)
        self._remark = remark
        now = time.monotonic()
        if now - self._shown < SECONDS_BETWEEN_LINES and report.step < self._max_steps:
            return
        self._shown = now
        left_s = report.elapsed_s / (report.step - self._first_step) * (self._max_steps - report.step)
        print(
            f"{self._prefix}step {report.step}/{self._max_steps}  {losses(report)}  {bounds(self._latent, report)}  "
            f"{report.cases_per_s:.0f} cases/s  {duration(left_s)} left",
            file=sys.stderr,
            flush=True,
        )


def losses(report: Report) -> str:
    """Such as ``discriminator 1.27 generator 0.85``."""
    return " ".join(f"{name} {value:.2f}" for name, value in report.stats.items() if not name.startswith(BOUND))


def bounds(latent: LatentSpec, report: Report) -> str:
    """Such as ``cat 2.87/3.00 cont0 0.41``: a category's bound can reach H(c); for a number there is no such limit."""
    texts = []
    for column, code in zip(latent.columns, latent.codes, strict=True):
        if (value := report.stats.get(f"{BOUND}{column}")) is not None:
            texts.append(f"{column} {value:.2f}" + (f"/{code.entropy:.2f}" if code.column == "cat" else ""))
    return " ".join(texts)


def duration(seconds: float) -> str:
    """Such as ``1:05`` or ``2:00:00``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
