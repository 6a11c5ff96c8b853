"""Progress on stderr: a live display on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
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
) -> Iterator[tuple[Callable[[Report, str], None], Callable[[str, float], None]]]:
    """Functions that show each report of a training from ``first_step`` on, with a remark or none, and other passes.

    ``title`` says which of several trainings this is.
    """
    codes = zip(latent.columns, latent.codes, strict=True)
    limits = {column: code.entropy for column, code in codes if code.is_categorical}
    if not sys.stderr.isatty():
        yield _training_lines(limits, first_step, max_steps, f"{title}, " if title else "")
        return
    from rich.console import Console, Group
    from rich.live import Live
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.text import Text

    speed, left = TextColumn("{task.fields[speed]:.0f} cases/s"), TextColumn("left")
    bar = Progress(BarColumn(), MofNCompleteColumn(), speed, TimeRemainingColumn(), left)
    task = bar.add_task("", total=max_steps, completed=first_step, speed=0.0)
    with Live(bar, console=Console(stderr=True), refresh_per_second=4) as live:
        shown: list[str] = []

        def draw(lines: list[str]) -> None:
            live.update(Group(*([Text(title)] if title else []), bar, Text("\n".join(lines), overflow="fold")))

        def show(report: Report, remark: str = "") -> None:
            bar.update(task, completed=report.step, speed=report.cases_per_s)
            shown[:] = [f"losses  {losses(report.stats)}", f"bounds  {bounds(report.stats, limits)}"]
            shown.extend([remark] if remark else [])
            draw(shown)

        def tell(what: str, share: float) -> None:
            draw([*shown, f"{what} {share:.0%}"])

        yield show, tell


def _training_lines(
    limits: Mapping[str, float], first_step: int, max_steps: int, prefix: str
) -> tuple[Callable[[Report, str], None], Callable[[str, float], None]]:
    last_remark, due, last_told, is_late = "", every_few_seconds(-math.inf), "", every_few_seconds(0)

    def show(report: Report, remark: str = "") -> None:
        nonlocal last_remark
        if remark and remark != last_remark:
            say(f"{prefix}step {report.step}: {remark}")
        last_remark = remark
        if due() or report.step >= max_steps:
            left_s = report.elapsed_s / (report.step - first_step) * (max_steps - report.step)
            say(
                f"{prefix}step {report.step}/{max_steps}  {losses(report.stats)}  {bounds(report.stats, limits)}  "
                f"{report.cases_per_s:.0f} cases/s  {duration(left_s)} left"
            )

    def tell(what: str, share: float) -> None:
        nonlocal last_told, is_late
        if what != last_told:  # most take no time that is worth a line
            last_told, is_late = what, every_few_seconds(time.monotonic())
        if is_late():
            say(f"{prefix}{what} {share:.0%}")

    return show, tell


def every_few_seconds(last: float) -> Callable[[], bool]:
    """A function that says whether it is time for the next line; ``last`` is when there was one, by time.monotonic."""

    def due() -> bool:
        nonlocal last
        now = time.monotonic()
        if now - last < SECONDS_BETWEEN_LINES:
            return False
        last = now
        return True

    return due


def losses(stats: Mapping[str, float]) -> str:
    """Such as ``discriminator 1.27 generator 0.85``."""
    return " ".join(f"{name} {value:.2f}" for name, value in stats.items() if not name.startswith(BOUND))


def bounds(stats: Mapping[str, float], limits: Mapping[str, float]) -> str:
    """Such as ``cat 2.87/3.00 cont0 0.41``: the bound of each code in nats, with its limit if that is known."""
    texts = []
    for name, value in stats.items():
        if name.startswith(BOUND):
            column = name.removeprefix(BOUND)
            texts.append(f"{column} {value:.2f}" + (f"/{limits[column]:.2f}" if column in limits else ""))
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
        yield _task_lines(n_steps)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=n_steps)
        begun = False

        def show(text: str) -> None:
            nonlocal begun
            bar.update(task, description=text, advance=int(begun), refresh=True)  # the name of a short step too
            begun = True

        yield show


def _task_lines(n_steps: int) -> Callable[[str], None]:
    n_begun, last_task = 0, ""

    def show(text: str) -> None:
        nonlocal n_begun, last_task
        n_begun += 1
        task = text.rstrip("0123456789").rstrip(", ")
        if task != last_task:
            last_task = task
            say(f"{task} ({n_begun} of {n_steps} at most)")

    return show
