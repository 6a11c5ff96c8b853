"""What a study found: one figure a draw and method, before anybody draws a conclusion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tsinfogan.metrics.augmentation.methods import Method
from tsinfogan.metrics.augmentation.situations import Situation


@dataclass(frozen=True)
class Trial:
    """One method on one draw of labelled series.

    Attributes:
        situation: its name.
        method: its name.
        draw: number of the draw, from 0.
        accuracy: share of test series whose class is told.
        macro_f1: mean over classes of the harmonic mean of precision and recall.
        n_labelled: labelled series.
        n_new: series added to them.
        note: what the method could not do as asked, or empty.
    """

    situation: str
    method: str
    draw: int
    accuracy: float
    macro_f1: float
    n_labelled: int
    n_new: int
    note: str = ""


@dataclass(frozen=True)
class Study:
    """All trials of a study.

    Attributes:
        data: name of the data.
        n_test: test series.
        situations: those that there was enough data for.
        methods: in the order of tables.
        trials: situation after situation, draw after draw, method after method.
        skipped: name of each situation or method that was left out, with the reason.
        n_draws: draws of labelled series.
        n_models: generators, which take turns.
        synthetic: series wanted of each class beyond the size of the largest one.
        steps: optimisation steps of each classifier.
    """

    data: str
    n_test: int
    situations: tuple[Situation, ...]
    methods: Mapping[str, Method]
    trials: tuple[Trial, ...]
    skipped: Mapping[str, str]
    n_draws: int
    n_models: int
    synthetic: int
    steps: int
