"""Losses, the stages of a training, and run directories.

A :class:`Plan` is the resolved configuration, a :class:`Trainer` follows it step by step, a :class:`Session` trains and
keeps checkpoints in a :class:`Run`. Imports ``sampling`` and the rooms below.
"""

from __future__ import annotations

from tsinfogan.registry import on_demand

__all__, __getattr__ = on_demand(
    __name__,
    {
        "candidates": ("Candidates",),
        "config": ("RECIPES", "Objective", "Recipe", "TrainingSettings"),
        "plan": ("Plan", "make_plan"),
        "run": ("Run", "find_run", "list_runs"),
        "session": ("Session", "fit"),
        "trainer": ("Report", "Trainer"),
    },
)
