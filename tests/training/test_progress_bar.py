"""The bar of a notebook: what it says, and that a training shows it in one place."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tsinfogan import Panel, fit
from tsinfogan.training.progress_bar import Progress, bar_in_notebook
from tsinfogan.training.trainer import Report


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What a notebook would show: a list for each place, of what stood there one after another."""
    places: list[list[str]] = []

    def display(value: Any, display_id: bool) -> Any:
        assert display_id
        places.append([repr(value)])
        return SimpleNamespace(update=lambda new: places[-1].append(repr(new)))

    ipython, its_display = ModuleType("IPython"), ModuleType("IPython.display")
    ipython.get_ipython = lambda: SimpleNamespace(kernel=None)  # type: ignore[attr-defined]
    its_display.display = display  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", its_display)
    return places


def test_none_outside_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert bar_in_notebook(10) is None
    terminal = ModuleType("IPython")
    terminal.get_ipython = lambda: SimpleNamespace()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", terminal)
    assert bar_in_notebook(10) is None


def test_one_place_for_all_trainings(shown: list[list[str]]) -> None:
    show = bar_in_notebook(100, n_trainings=2)
    assert show is not None
    for step, elapsed_s in ((50, 30.0), (100, 61.0), (25, 25.0)):
        show(Report(step, {}, 1.0, elapsed_s))
    assert shown == [
        [
            "training 1 of 2: step 50 of 100, 0:30 left",
            "training 1 of 2: step 100 of 100",
            "training 2 of 2: step 25 of 100, 1:15 left",
        ]
    ]


def test_html() -> None:
    assert Progress(3, 4, 61.0)._repr_html_() == (
        '<label>step 3 of 4, 1:01 left <progress value="3" max="4"></progress></label>'
    )


def test_fit_shows_it(shown: list[list[str]]) -> None:
    panel = Panel.from_arrays(np.random.default_rng(0).normal(size=(40, 1, 16)))
    fit(panel, device="cpu", n_categories=(3,), width=4, settings={"max_steps": 4, "report_every": 2})
    (lines,) = shown
    assert [line.partition(",")[0] for line in lines] == ["step 2 of 4", "step 4 of 4"]
