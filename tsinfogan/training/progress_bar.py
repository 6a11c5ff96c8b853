"""How far a training is, in a notebook: one line with a bar, which is replaced as training goes on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from tsinfogan.training.trainer import Report


@dataclass(frozen=True)
class Progress:
    """What the line says.

    Attributes:
        step: steps done.
        max_steps: steps of the training.
        left_s: seconds left, as fast as it went so far.
        number: of the training, from 1.
        n_trainings: how many there are.
    """

    step: int
    max_steps: int
    left_s: float
    number: int = 1
    n_trainings: int = 1

    def __repr__(self) -> str:
        which = f"training {self.number} of {self.n_trainings}: " if self.n_trainings > 1 else ""
        minutes, seconds = divmod(round(self.left_s), 60)
        left = f", {minutes}:{seconds:02} left" if self.step < self.max_steps else ""
        return f"{which}step {self.step} of {self.max_steps}{left}"

    def _repr_html_(self) -> str:
        return f'<label>{self} <progress value="{self.step}" max="{self.max_steps}"></progress></label>'


def bar_in_notebook(max_steps: int, n_trainings: int = 1) -> Callable[[Report], None] | None:
    """A function that shows each report of one training after another; None outside a notebook."""
    ipython: Any = sys.modules.get("IPython")
    if ipython is None or not hasattr(ipython.get_ipython(), "kernel"):
        return None
    last, number = max_steps, 0
    shown: Any = None

    def show(report: Report) -> None:
        nonlocal last, number, shown
        number += report.step <= last
        last = report.step
        left_s = report.elapsed_s / report.step * (max_steps - report.step)
        progress = Progress(report.step, max_steps, left_s, number, n_trainings)
        if shown is None:
            shown = import_module("IPython.display").display(progress, display_id=True)
        else:
            shown.update(progress)

    return show
