"""What the trials of a study say: means with intervals, differences draw by draw, and both in words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsinfogan.metrics.augmentation.methods import BASELINE
from tsinfogan.metrics.augmentation.situations import Figure, Situation
from tsinfogan.metrics.augmentation.trials import Study
from tsinfogan.metrics.intervals import Estimate, estimate


@dataclass(frozen=True)
class Row:
    """One method in one situation.

    Attributes:
        situation: its name.
        method: its name.
        sees_unlabelled: whether the method uses training series beside the labelled ones.
        accuracy: on test series.
        macro_f1: likewise.
        figure: which of the two counts in this situation.
        difference: of that one, to the baseline, draw by draw; None for the baseline itself.
        verdict: the difference in words.
        notes: what the method could not do as asked.
    """

    situation: str
    method: str
    sees_unlabelled: bool
    accuracy: Estimate
    macro_f1: Estimate
    figure: Figure
    difference: Estimate | None
    verdict: str
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """One flat record, JSON-ready."""
        record = asdict(self)
        for name in ("accuracy", "macro_f1", "difference"):
            one = record.pop(name) or {"mean": None, "half_width": None}
            record |= {name: one["mean"], f"{name}_half_width": one["half_width"]}
        return {**record, "notes": "; ".join(self.notes)}


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
            trials = [trial for trial in study.trials if (trial.situation, trial.method) == (situation.name, name)]
            if not trials:
                continue
            difference = None if name == BASELINE else difference_of(study, situation, name, BASELINE)
            found.append(
                Row(
                    situation.name,
                    name,
                    method.sees_unlabelled,
                    accuracy=estimate(np.array([trial.accuracy for trial in trials])),
                    macro_f1=estimate(np.array([trial.macro_f1 for trial in trials])),
                    figure=situation.figure,
                    difference=difference,
                    verdict="" if difference is None else in_words(difference, study.n_draws),
                    notes=tuple(dict.fromkeys(trial.note for trial in trials if trial.note)),
                )
            )
    return found


def difference_of(study: Study, situation: Situation, one: str, other: str) -> Estimate:
    """How much better method ``one`` is than ``other`` in what counts there, over the draws."""
    return estimate(_figures(study, situation, one) - _figures(study, situation, other))


def _figures(study: Study, situation: Situation, method: str) -> NDArray[np.float64]:
    """``(n_draws,)`` of what counts there, in the order of the draws."""
    trials = [trial for trial in study.trials if (trial.situation, trial.method) == (situation.name, method)]
    return np.array([getattr(trial, situation.figure) for trial in trials])


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
    told = f"as far as {study.n_draws} draws tell"
    sentences.append(
        f"synthetic data does not help, {told}: {'; '.join(without_help)}"
        if without_help
        else f"synthetic data helps in every situation, {told}"
    )
    if outdone:
        sentences.append(f"synthetic data helps, but no more than what needs no generator: {'; '.join(outdone)}")
    return sentences


def _against(best: str, gap: Estimate) -> str:
    """How a method stands to the best one that needs no generator."""
    if not gap.excludes_zero:
        return f"; not to be told from {best} ({signed(gap)})"
    index = "ahead of" if gap.mean > 0 else "behind"
    return f"; {index} {best}, the best without a generator, by {Estimate(abs(gap.mean), gap.half_width).points}"


def signed(difference: Estimate) -> str:
    """In hundredths: ``+0.3 ± 1.2``."""
    return f"{'+' if difference.mean >= 0 else ''}{difference.points}"
