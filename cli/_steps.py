"""How a task of many steps gets on: a bar on a terminal, now and then a line elsewhere, on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def steps(n_steps: int) -> Iterator[Callable[[str], None]]:
    """A function that is told what comes next, ``n_steps`` times at most.

    Steps are told as ``task, 1``, ``task, 2``; each task is said once in a line of its own.
    """
    if not sys.stderr.isatty():
        yield _Lines(n_steps).show
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


class _Lines:
    def __init__(self, n_steps: int) -> None:
        self._n_steps, self._begun, self._said = n_steps, 0, ""

    def show(self, text: str) -> None:
        self._begun += 1
        task = text.rstrip("0123456789").rstrip(", ")
        if task != self._said:
            self._said = task
            print(f"{task} ({self._begun} of {self._n_steps} at most)", file=sys.stderr, flush=True)
