"""From made and real series to an evaluation: every figure, and the series that its pictures show."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from tsinfogan.data.panel import Panel
from tsinfogan.errors import UnknownNameError
from tsinfogan.metrics.classifier import STEPS
from tsinfogan.metrics.codes import MEASURES
from tsinfogan.metrics.codes.context import Subject, evaluate
from tsinfogan.metrics.comparison import (
    MAX_CASES,
    MAX_TRAINING_SERIES,
    PERHAPS_CHANCE,
    QUICK_CASES,
    Findings,
    at_most,
    check_comparable,
    compare,
    halves,
    source_of,
)
from tsinfogan.metrics.intervals import Estimate
from tsinfogan.metrics.remarks import in_order_of
from tsinfogan.metrics.samples import COMPARISONS
from tsinfogan.models.model import Model
from tsinfogan.seeding import Stream, derived_seed

CODES = "codes"
GROUPS = ("fidelity", "utility", "diversity", "privacy", CODES)
SLOW_CODES = ("dci",)
"""Minutes of boosted trees: a quick evaluation leaves them out."""
QUICK_TEACHING = 300
"""Steps of the classifier that figures of the codes rest on."""

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Attributes:
        group: what it is about, one of ``GROUPS``.
        measure: the measure that it belongs to.
        name: its own name.
        summary: what it is.
        better: ``lower``, ``higher`` or ``one``.
        value: of the made series.
        baseline: of real series in their place; figures of codes have none.
        verdict: the two compared, in words.
        near: whether the value is as good as the floor or nearly so; None without a floor.
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
        """Whether it is worse than the floor, but by no more than repeats differ."""
        return self.verdict == PERHAPS_CHANCE

    def to_dict(self) -> dict[str, Any]:
        """One flat record, JSON-ready; None stands for what there is not, as an interval of one computation."""
        record = asdict(self)
        for name in ("value", "baseline"):
            one = record.pop(name) or {"mean": None, "half_width": None}
            for key, number in ((name, one["mean"]), (f"{name}_half_width", one["half_width"])):
                record[key] = number if number is not None and math.isfinite(number) else None
        return record


@dataclass(frozen=True)
class Assessment:
    """All that an evaluation found.

    Attributes:
        real_name: what the real series are called.
        synthetic_name: what the made ones are called: a run or a file.
        figures: group by group.
        skipped: by measure, why it was left out.
        notes: what a reader must know, a sentence each.
        counts: series that took part: ``synthetic`` (in each repeat), ``seen`` and ``reference``.
        quick: whether it was a quick one.
        seed: what everything random followed from.
        synthetic: the made series that pictures show.
        seen: the real series that the generator has seen, or that stand for these.
        reference: those that it has not.
    """

    real_name: str
    synthetic_name: str
    figures: tuple[Figure, ...]
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
        judged = [figure for figure in self.figures if figure.near is not None]
        near = sum(bool(figure.near) for figure in judged)
        if not judged:
            return "no figure compares made with real series"
        return f"{near} of {len(judged)} figures are like those of real series, or nearly"

    @property
    def warnings(self) -> list[str]:
        """A sentence for each figure of privacy that is worse than that of unseen real series.

        One that is best at 1 is no sign of copies where it is greater: the series are farther away than real ones.
        """
        return [
            f"{figure.summary}: {figure.verdict} ({figure.value.mean:.3g}, of unseen real series "
            f"{'–' if figure.baseline is None else f'{figure.baseline.mean:.3g}'})"
            for figure in self.figures
            if figure.group == "privacy"
            and figure.near is False
            and not figure.may_be_chance
            and not (figure.better == "one" and figure.value.mean > 1)
        ]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, without the series."""
        kept = ("real_name", "synthetic_name", "quick", "seed", "headline", "warnings")
        return {
            **{name: getattr(self, name) for name in kept},
            "counts": dict(self.counts),
            "rows": [figure.to_dict() for figure in self.figures],
            "skipped": dict(self.skipped),
            "notes": list(self.notes),
        }


def chosen_names(asked: Sequence[str] | None) -> tuple[list[str], list[str]]:
    """Measures of a comparison, and of codes, by what was asked for: names or groups; all by default.

    Raises:
        UnknownNameError: no such measure or group.
    """
    comparisons, codes = list(COMPARISONS.names()), list(MEASURES.names())
    if asked is None:
        return comparisons, codes
    groups = {name: COMPARISONS.get(name).group for name in comparisons} | dict.fromkeys(codes, CODES)
    for name in asked:
        if name not in groups and name not in GROUPS:
            raise UnknownNameError("measure", name, [*GROUPS, *groups])
    chosen = [name for name in groups if name in asked or groups[name] in asked]
    return [name for name in chosen if name in comparisons], [name for name in chosen if groups[name] == CODES]


def n_steps(comparisons: Iterable[str], codes: Iterable[str], quick: bool) -> int:
    """How often :func:`assess` tells what it does, at most."""
    return sum(COMPARISONS.get(name).repeats_in(quick) for name in comparisons) + len([*codes])


def assess(
    synthetic: Model | Panel,
    seen: Panel,
    reference: Panel | None = None,
    *,
    synthetic_name: str = "",
    comparisons: Sequence[str] | None = None,
    codes: Sequence[str] | None = None,
    notes: Sequence[str] = (),
    quick: bool = False,
    seed: int = 0,
    device: str = "auto",
    tell: Tell = lambda text: None,
) -> Assessment:
    """All figures, of a model also those of its codes.

    Args:
        synthetic: a model, or made series of any generator.
        seen: the real series that the generator was trained on.
        reference: real series that it has not seen; without, one half of ``seen`` takes their place.
        synthetic_name: what the made series are called; the panel's own name by default.
        comparisons: names of the measures of a comparison; all by default.
        codes: names of the measures of codes; all by default.
        notes: what is already known to be missing or strange, a sentence each.
        quick: fewer series, repeats and steps.
        seed: everything random follows from it.
        device: where networks are trained.
        tell: hears what is computed next.

    Raises:
        DataError: series of other channels or kind, or too few.
    """
    if isinstance(synthetic, Panel):
        synthetic = in_order_of(synthetic, seen.channels)
    reference = None if reference is None else in_order_of(reference, seen.channels)
    names, code_names = chosen_names(None)
    names = names if comparisons is None else list(comparisons)
    code_names = code_names if codes is None else list(codes)
    check_comparable(synthetic, seen, reference)
    found = Findings((), {}, (), 0, seen.n_cases, seen.n_cases if reference is None else reference.n_cases)
    if names:
        found = compare(synthetic, seen, reference, only=names, quick=quick, seed=seed, device=device, tell=tell)
    figures = [
        Figure(
            row.group, row.measure, row.name, row.summary, row.better, row.value, row.baseline, row.verdict, row.near
        )
        for row in found.rows
    ]
    skipped = dict(found.skipped)
    if isinstance(synthetic, Model):
        measured, left_out = _code_figures(synthetic, seen, reference, code_names, quick, seed, tell)
        figures += measured
        skipped |= left_out
    shown_seen, shown_reference = halves(seen, seed) if reference is None else (seen, reference)
    most = QUICK_CASES if quick else MAX_CASES
    n_shown = found.n_synthetic or min(most, seen.n_cases)
    return Assessment(
        real_name=seen.name,
        synthetic_name=synthetic_name or (synthetic.card.name if isinstance(synthetic, Model) else synthetic.name),
        figures=tuple(figures),
        skipped=skipped,
        notes=(*notes, *found.notes),
        counts={"synthetic": found.n_synthetic, "seen": found.n_seen, "reference": found.n_reference},
        quick=quick,
        seed=seed,
        synthetic=source_of(synthetic)(n_shown, derived_seed(seed, Stream.COMPARISON, 0)),
        seen=at_most(shown_seen, MAX_TRAINING_SERIES, seed),
        reference=at_most(shown_reference, most, seed),
    )


def _code_figures(
    model: Model, seen: Panel, reference: Panel | None, names: Sequence[str], quick: bool, seed: int, tell: Tell
) -> tuple[list[Figure], dict[str, str]]:
    subject = Subject(model, seen, reference, seed, QUICK_TEACHING if quick else STEPS)
    figures: list[Figure] = []
    skipped: dict[str, str] = {}
    for name in names:
        tell(f"{CODES}, {name}")
        if quick and name in SLOW_CODES:
            skipped[name] = "it takes minutes, and this is a quick evaluation"
            continue
        values, left_out = evaluate(subject, [name])
        skipped |= left_out
        measure = MEASURES.get(name)
        figures += [
            Figure(
                CODES,
                name,
                figure,
                measure.summary,
                measure.better,
                Estimate(value, math.inf),
                None,
                f"{measure.better} is better",
                None,
            )
            for figure, value in values.items()
            if np.isfinite(value)
        ]
    return figures, skipped
