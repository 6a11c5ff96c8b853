"""The records of a study: trials, then means with intervals and differences draw by draw, then both in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsinfogan.errors import SettingError
from tsinfogan.metrics.augmentation.methods import BASELINE, Method
from tsinfogan.metrics.augmentation.situations import Score, Situation
from tsinfogan.metrics.intervals import Estimate, estimate, json_numbers


@dataclass(frozen=True)
class StudySettings:
    """How a study is run."""

    n_draws: int = 5  # draws of labelled series
    synthetic: int = 100  # series wanted of each class beyond the size of the largest one
    steps: int = 300  # optimization steps of each classifier
    seed: int = 0  # everything random follows from it
    device: str = "auto"  # ``auto``, ``cpu``, ``cuda`` or ``mps``

    def __post_init__(self) -> None:
        numbers = ("draws", self.n_draws, 2), ("series", self.synthetic, 0), ("steps", self.steps, 1)
        for what, number, least in numbers:
            if number < least:
                raise SettingError(f"expected at least {least} {what}, got {number}")


@dataclass(frozen=True)
class Trial:
    """One method on one draw of labelled series."""

    situation: str  # its name
    method: str  # its name
    draw: int  # number of the draw, from 0
    accuracy: float  # share of test series whose class is predicted correctly
    macro_f1: float  # mean over classes of the harmonic mean of precision and recall
    n_labelled: int  # labelled series
    n_new: int  # series added to them
    note: str = ""  # what the method could not do as asked, or empty


@dataclass(frozen=True)
class Study:
    """All trials of a study."""

    data: str  # name of the data
    n_test: int  # test series
    situations: tuple[Situation, ...]  # those that there was enough data for
    methods: Mapping[str, Method]  # in the order of tables
    trials: tuple[Trial, ...]  # situation after situation, draw after draw, method after method
    skipped: Mapping[str, str]  # name of each situation or method that was left out, with the reason
    n_models: int  # generators, which take turns
    settings: StudySettings  # what it was run with

    def of(self, situation: str, method: str) -> list[Trial]:
        """Trials of a method in a situation, in the order of the draws."""
        return [trial for trial in self.trials if (trial.situation, trial.method) == (situation, method)]


@dataclass(frozen=True)
class Row:
    """One method in one situation."""

    situation: str  # its name
    method: str  # its name
    sees_unlabelled: bool  # whether the method uses training series beside the labelled ones
    accuracy: Estimate  # on test series
    macro_f1: Estimate  # likewise
    score: Score  # which of the two counts in this situation
    difference: Estimate | None  # of that one, to the baseline, draw by draw; None for the baseline itself
    verdict: str  # the difference in words
    notes: tuple[str, ...] = ()  # what the method could not do as asked

    def to_dict(self) -> dict[str, Any]:
        """One flat record, JSON-ready."""
        numbers = json_numbers(accuracy=self.accuracy, macro_f1=self.macro_f1, difference=self.difference)
        record = {name: value for name, value in vars(self).items() if name not in numbers}
        return {**record, **numbers, "notes": "; ".join(self.notes)}


def in_words(difference: Estimate, n_draws: int) -> str:
    """Such as ``helps by 21.3 ± 2.0 points``."""
    if not difference.excludes_zero:
        return f"no difference that {n_draws} draws can tell ({signed(difference)})"
    size = Estimate(abs(difference.mean), difference.half_width)
    return f"{'helps' if difference.mean > 0 else 'hurts'} by {size.points} points"


def rows(study: Study) -> list[Row]:
    """A row for each method in each situation, in the order of the study."""
    found = []
    for situation in study.situations:
        for name, method in study.methods.items():
            trials = study.of(situation.name, name)
            if not trials:
                continue
            difference = None if name == BASELINE else difference_of(study, situation, name, BASELINE)
            found.append(
                Row(
                    situation.name,
                    name,
                    method.sees_unlabelled,
                    accuracy=estimate([trial.accuracy for trial in trials]),
                    macro_f1=estimate([trial.macro_f1 for trial in trials]),
                    score=situation.score,
                    difference=difference,
                    verdict="" if difference is None else in_words(difference, study.settings.n_draws),
                    notes=tuple(dict.fromkeys(trial.note for trial in trials if trial.note)),
                )
            )
    return found


def difference_of(study: Study, situation: Situation, one: str, other: str) -> Estimate:
    """How much better method ``one`` is than ``other`` in what counts there, draw by draw."""
    first, second = (
        np.array([getattr(trial, situation.score) for trial in study.of(situation.name, name)]) for name in (one, other)
    )
    return estimate(first - second)


def conclusions(study: Study) -> list[str]:
    """One sentence for each situation and each method that samples a generator, then where that does not help."""
    table = {(row.situation, row.method): row for row in rows(study)}
    simple = [name for name, method in study.methods.items() if not (method.synthetic or method.reference)]
    sentences, without_help, outdone = [], [], []
    for situation in study.situations:
        rivals = [name for name in simple if name != BASELINE and (situation.name, name) in table]
        for name in (name for name, method in study.methods.items() if method.synthetic):
            row = table[situation.name, name]
            gaps = {rival: difference_of(study, situation, name, rival) for rival in rivals}
            best = min(gaps, key=lambda rival: gaps[rival].mean, default=None)
            against = "" if best is None else _against(best, gaps[best])
            sentences.append(f"{situation.name}, {name}: {row.verdict}{against}")
            if not row.verdict.startswith("helps"):
                without_help.append(f"{name} at {situation.name}")
            elif best is not None and not (gaps[best].mean > 0 and gaps[best].excludes_zero):
                outdone.append(f"{name} at {situation.name}")
    if not sentences:
        return []
    as_far = f"as far as {study.settings.n_draws} draws tell"
    sentences.append(
        f"synthetic data does not help, {as_far}: {'; '.join(without_help)}"
        if without_help
        else f"synthetic data helps in every situation, {as_far}"
    )
    if outdone:
        sentences.append(f"synthetic data helps, but no more than what needs no generator: {'; '.join(outdone)}")
    return sentences


def _against(best: str, gap: Estimate) -> str:
    """How a method compares with the best one that needs no generator."""
    if not gap.excludes_zero:
        return f"; indistinguishable from {best} ({signed(gap)})"
    side = "ahead of" if gap.mean > 0 else "behind"
    return f"; {side} {best}, the best without a generator, by {Estimate(abs(gap.mean), gap.half_width).points}"


def signed(difference: Estimate) -> str:
    """In hundredths: ``+0.3 ± 1.2``."""
    return f"{'+' if difference.mean >= 0 else ''}{difference.points}"
