"""The records of an evaluation: one figure beside its real-data baseline, and all figures of one set of series."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tsinfogan.data.panel import Panel
from tsinfogan.metrics.intervals import Estimate, json_numbers
from tsinfogan.metrics.samples import FigureSpec

CODES = "codes"
GROUPS = ("fidelity", "utility", "diversity", "privacy", CODES)
"""What figures are about, in the order of tables."""
PERHAPS_CHANCE = "worse, which may be chance: take more repeats"


@dataclass(frozen=True)
class Result:
    """One figure.

    Attributes:
        group: one of ``GROUPS``.
        measure: the measure that it belongs to.
        name: its own name.
        summary: what it is.
        better: ``lower``, ``higher`` or ``one``.
        value: of the synthetic series, over repeats.
        baseline: the same of real series in their place; None for figures of codes.
        verdict: the two compared, in words.
        near: whether the value is as good as the baseline, or nearly; None without a baseline.
    """

    group: str
    measure: str
    name: str
    summary: str
    better: str
    value: Estimate
    baseline: Estimate | None
    verdict: str
    near: bool | None

    @property
    def may_be_chance(self) -> bool:
        """Whether it is worse than the baseline, but by no more than repeats differ."""
        return self.verdict == PERHAPS_CHANCE

    def to_dict(self) -> dict[str, Any]:
        """One flat record, JSON-ready; None stands for a missing number, as the interval of one computation."""
        numbers = json_numbers(value=self.value, baseline=self.baseline)
        return {**{name: value for name, value in vars(self).items() if name not in numbers}, **numbers}


@dataclass(frozen=True)
class Evaluation:
    """Every figure of one set of synthetic series, or of a model.

    Attributes:
        real_name: name of the real series.
        synthetic_name: name of the run or file that the synthetic series come from.
        results: one a figure, group by group.
        skipped: by measure, why it was left out.
        notes: what a reader must know beside the figures, a sentence each.
        counts: numbers of series: ``synthetic`` (in each repeat), ``seen`` and ``reference``.
        quick: whether it took fewer series, repeats and steps.
        seed: everything random followed from it.
        synthetic: the synthetic series of the first repeat.
        seen: all real series that the generator was trained on, or half of the real series.
        reference: real series that it has not seen.
    """

    real_name: str
    synthetic_name: str
    results: tuple[Result, ...]
    skipped: Mapping[str, str]
    notes: tuple[str, ...]
    counts: Mapping[str, int]
    quick: bool
    seed: int
    synthetic: Panel = field(repr=False)
    seen: Panel = field(repr=False)
    reference: Panel = field(repr=False)

    @property
    def headline(self) -> str:
        """The whole in one sentence, without its full stop."""
        judged = [result.near for result in self.results if result.near is not None]
        if not judged:
            return "no figure compares synthetic with real series"
        return f"{sum(judged)} of {len(judged)} figures are like those of real series, or nearly"

    @property
    def warnings(self) -> list[str]:
        """A sentence for each figure of privacy that is worse than that of unseen real series.

        A ratio above 1 is no sign of copies: the synthetic series are farther from training series than real ones are.
        """
        return [
            f"{result.summary}: {result.verdict} ({result.value.mean:.3g}, of unseen real series "
            f"{'–' if result.baseline is None else f'{result.baseline.mean:.3g}'})"
            for result in self.results
            if result.group == "privacy"
            and result.near is False
            and not result.may_be_chance
            and not (result.better == "one" and result.value.mean > 1)
        ]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, without the series."""
        kept = ("real_name", "synthetic_name", "quick", "seed", "headline", "warnings")
        return {
            **{name: getattr(self, name) for name in kept},
            "counts": dict(self.counts),
            "rows": [result.to_dict() for result in self.results],
            "skipped": dict(self.skipped),
            "notes": list(self.notes),
        }


def verdict_of(spec: FigureSpec, value: Estimate, baseline: Estimate) -> tuple[str, bool]:
    """The verdict in words, and whether the value is as good as the baseline or nearly.

    As good means: worse than the baseline by no more than the intervals allow. Nearly: by no more than the slack.
    Where the intervals are wider than the slack, as over few repeats, a greater difference is called undecided.
    """
    if spec.better == "one":
        worse = abs(math.log(max(value.mean, 1e-9))) - abs(math.log(max(baseline.mean, 1e-9)))
    else:
        worse = (value.mean - baseline.mean) * (1 if spec.better == "lower" else -1)
    widths = [one.half_width for one in (value, baseline) if math.isfinite(one.half_width)]
    within_chance = worse <= math.hypot(*widths)
    if worse <= spec.slack:
        return ("as real series" if within_chance else "nearly as real series"), True
    return (PERHAPS_CHANCE if within_chance else spec.far), False
