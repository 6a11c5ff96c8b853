"""The records of an evaluation: one figure beside its real-data baseline, and all figures of one set of series."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tsinfogan.data.panel import Panel
from tsinfogan.data.representation import as_html
from tsinfogan.metrics.intervals import Estimate, json_numbers, number
from tsinfogan.metrics.power import Chance, badness
from tsinfogan.metrics.samples import FigureSpec

CODES = "codes"
GROUPS = ("fidelity", "utility", "diversity", "privacy", CODES)
"""What figures are about, in the order of tables."""
Outcome = Literal["as real", "nearly", "differs", "cannot tell"]


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
        outcome: the same as one of four; None without a baseline.
        detectable: the smallest difference that would have been found (:class:`tsinfogan.metrics.power.Chance`).
        slack: the largest one that still counts as near.
    """

    group: str
    measure: str
    name: str
    summary: str
    better: str
    value: Estimate
    baseline: Estimate | None
    verdict: str
    outcome: Outcome | None = None
    detectable: float | None = None
    slack: float | None = None

    @property
    def near(self) -> bool | None:
        """Whether the value is known to be as good as the baseline, or nearly; None without a baseline."""
        return None if self.outcome is None else self.outcome in ("as real", "nearly")

    def to_dict(self) -> dict[str, Any]:
        """One flat record, JSON-ready; None stands for a missing number, as the interval of one computation."""
        numbers = json_numbers(value=self.value, baseline=self.baseline)
        if self.detectable is not None:
            numbers["detectable"] = self.detectable if math.isfinite(self.detectable) else None
        return {**vars(self), "near": self.near, **numbers}


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
        tallies = tally(self.results)
        return " figures ".join(tallies) if tallies else "no figure compares synthetic with real series"

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
            and result.outcome == "differs"
            and not (result.better == "one" and result.value.mean > 1)
        ]

    def _repr_html_(self) -> str:
        sentence = f"{self.synthetic_name} beside {self.real_name}: {self.headline}"
        shown = [(one.name, number(one.value), number(one.baseline), one.verdict) for one in self.results]
        return as_html(sentence, rows=[("figure", "synthetic", "real", "verdict"), *shown])

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


def tally(results: Iterable[Result]) -> tuple[str, str] | None:
    """Such as ``3 of 8`` and ``are like those of real series, …``; None if none of them is compared with these."""
    outcomes = [result.outcome for result in results if result.outcome is not None]
    unknown = outcomes.count("cannot tell")
    words = "are like those of real series, or nearly"
    if unknown:
        words += f"; {unknown} cannot tell, with so few series or repeats"
    return (f"{outcomes.count('as real') + outcomes.count('nearly')} of {len(outcomes)}", words) if outcomes else None


def verdict_of(spec: FigureSpec, value: float, baseline: float, chance: Chance) -> tuple[str, Outcome]:
    """A figure and its baseline compared, in words and as one of four outcomes.

    Differs: worse by more than the slack and than chance. Of the others, only a figure that would have found a
    difference as large as the slack tells anything: nearly, if it is worse by more than chance, else as real.
    """
    worse = badness(spec.better, value) - badness(spec.better, baseline)
    within_chance = worse <= chance.half_width
    if worse > spec.slack and not within_chance:
        return spec.far, "differs"
    if chance.detectable > spec.slack:
        unit, smallest = "difference", chance.detectable
        if spec.better == "one":
            unit, smallest = "factor", math.exp(min(smallest, 99))
        missed = f"a {unit} below {smallest:.2g}" if math.isfinite(chance.detectable) else "any difference"
        return f"cannot tell: {missed} may be missed", "cannot tell"
    return ("as real series", "as real") if within_chance else ("nearly as real series", "nearly")
