"""How real, useful, varied and safe made series are: every measure with its noise floor, interval and verdict."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from tsinfogan.data.panel import Panel
from tsinfogan.devices import choose_device
from tsinfogan.errors import DataError
from tsinfogan.metrics.intervals import Estimate, estimate
from tsinfogan.metrics.remarks import label_remark, length_remark, scale_remarks
from tsinfogan.metrics.samples import COMPARISONS, Comparison, Figure, Group
from tsinfogan.metrics.samples.context import Real, Sets
from tsinfogan.models.model import Model
from tsinfogan.sampling.sampler import sample
from tsinfogan.seeding import Stream, derived_seed

MAX_CASES = 2000
QUICK_CASES = 500
MAX_TRAINING_SERIES = 20_000
"""Series that the generator has seen among which copies are looked for: all of them, wherever that can be paid for."""
MIN_CASES = 4
PERHAPS_CHANCE = "worse, which may be chance: take more repeats"

Source = Callable[[int, int], Panel]
"""``(n_cases, seed)`` to made series."""


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        group: what it is about.
        measure: name of the measure that it belongs to.
        name: its own name.
        summary: what it is.
        better: ``lower``, ``higher`` or ``one``.
        value: of the made series, over repeats.
        baseline: the same of real series in their place.
        verdict: the two compared, in words.
        near: whether the value is as good as the floor, or nearly so.
    """

    group: Group
    measure: str
    name: str
    summary: str
    better: str
    value: Estimate
    baseline: Estimate
    verdict: str
    near: bool

    def to_dict(self) -> dict[str, Any]:
        """One flat record, JSON-ready; None stands for an interval without end."""
        record = asdict(self)
        for name in ("value", "baseline"):
            one = record.pop(name)
            width = one["half_width"]
            record |= {name: one["mean"], f"{name}_half_width": width if math.isfinite(width) else None}
        return record


@dataclass(frozen=True)
class Findings:
    """All that a comparison found.

    Attributes:
        rows: every figure, group by group.
        skipped: by measure, why it was left out.
        notes: what a reader must know beside the figures, a sentence each.
        n_synthetic: made series in each repeat.
        n_seen: real series that the generator has seen, or that stand for these.
        n_reference: real series that it has not.
    """

    rows: tuple[Row, ...]
    skipped: Mapping[str, str]
    notes: tuple[str, ...]
    n_synthetic: int
    n_seen: int
    n_reference: int

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {**asdict(self), "rows": [row.to_dict() for row in self.rows], "notes": list(self.notes)}


def compare(
    synthetic: Model | Panel,
    seen: Panel,
    reference: Panel | None = None,
    *,
    only: Iterable[str | Comparison] | None = None,
    quick: bool = False,
    seed: int = 0,
    device: str = "auto",
    tell: Callable[[str], None] | None = None,
) -> Findings:
    """Measures made series against real ones.

    Args:
        synthetic: a model, which makes other series for each repeat, or made series, of which each repeat takes as many
            as there are real ones, at random.
        seen: the real series that the generator was trained on.
        reference: real series that it has not seen; without, one random half of ``seen`` takes their place.
        only: measures by name or as objects; all by default.
        quick: fewer series, repeats and steps.
        seed: everything random follows from it.
        device: where networks are trained: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        tell: hears what is computed next.

    Raises:
        DataError: series of other channels or kind, or too few.
        UnknownNameError: no such measure.
    """
    names = COMPARISONS.names() if only is None else map(COMPARISONS.register, only)
    measures = {name: COMPARISONS.get(name) for name in names}
    check_comparable(synthetic, seen, reference)
    notes = []
    if isinstance(synthetic, Panel) and (found := identical_to(synthetic, seen, reference)):
        notes.append(found)
    if reference is None:
        seen, reference = halves(seen, seed)
        notes.append(
            "one set of real series was given: one half of it stands for what the generator saw, the other for what it "
            "did not; what it copied from the other half is not found"
        )
    most = QUICK_CASES if quick else MAX_CASES
    training_series = at_most(seen, MAX_TRAINING_SERIES, seed)
    seen, reference = (at_most(panel, most, seed) for panel in (seen, reference))
    real = Real(seen, reference, quick, seed, str(choose_device(device)), training_series)
    n_synthetic = seen.n_cases if isinstance(synthetic, Model) else min(seen.n_cases, synthetic.n_cases)
    if isinstance(synthetic, Panel) and synthetic.n_cases == n_synthetic:
        notes.append(
            f"every repeat measures the same {n_synthetic} made series: ± tells how far a measure itself varies, not how "
            "far other samples would"
        )
    draw = source_of(synthetic)
    drawn: dict[int, Sets] = {}

    def sets(repeat: int) -> Sets:
        if repeat not in drawn:
            drawn[repeat] = Sets.of(real, draw(n_synthetic, derived_seed(seed, Stream.COMPARISON, repeat)))
        return drawn[repeat]

    first = sets(0).synthetic
    check_comparable(first, seen, None)  # a model's series too may be of other lengths
    notes += [*scale_remarks(first, seen), *filter(None, (label_remark(first, seen), length_remark(first, seen)))]
    rows: list[Row] = []
    skipped: dict[str, str] = {}
    for name, measure in measures.items():
        if (reason := sets(0).missing(measure)) is not None:
            skipped[name] = reason
            continue
        values: list[Mapping[str, float]] = []
        baselines: list[Mapping[str, float]] = []
        for repeat in range(measure.repeats_in(quick)):
            if tell is not None:
                tell(f"{name}, {repeat + 1}")
            index = derived_seed(seed, Stream.COMPARISON, repeat, 1)
            values.append(measure.compute(sets(repeat), index))
            baselines.append(measure.compute(Sets.baseline(real, measure.stand_in, index, n_synthetic), index))
        rows += rows_of(name, measure, values, baselines)
    notes += copy_warning(rows)
    order = {group: index for index, group in enumerate(("fidelity", "utility", "diversity", "privacy"))}
    rows.sort(key=lambda row: order[row.group])
    return Findings(tuple(rows), skipped, tuple(notes), n_synthetic, seen.n_cases, reference.n_cases)


def rows_of(
    name: str, measure: Comparison, values: list[Mapping[str, float]], baselines: list[Mapping[str, float]]
) -> list[Row]:
    """A row for each figure of a measure, of its repeats."""
    rows = []
    for figure_name, figure in measure.figures.items():
        value, baseline = (estimate([one[figure_name] for one in repeats]) for repeats in (values, baselines))
        verdict, near = in_words(figure, value, baseline)
        rows.append(
            Row(measure.group, name, figure_name, figure.summary, figure.better, value, baseline, verdict, near)
        )
    return rows


def copy_warning(rows: Iterable[Row]) -> list[str]:
    """A plain sentence where made series copy those that the generator has seen; else nothing."""
    row = next((row for row in rows if row.name == "near_duplicates"), None)
    if row is None or row.near:
        return []
    return [
        f"{100 * row.value.mean:.1f} % of the made series are copies, or nearly so, of series that the generator has "
        f"seen ({100 * row.baseline.mean:.1f} % of other real series are); treat them as you would those"
    ]


def in_words(figure: Figure, value: Estimate, baseline: Estimate) -> tuple[str, bool]:
    """The verdict, and whether the value is as good as the floor or nearly so.

    As good is: no worse than the floor by more than chance would have it. Nearly: by no more than the slack. Where
    chance has it vary by more than the slack, as over few repeats, what is worse than that is not called good.
    """
    if figure.better == "one":
        worse = abs(math.log(max(value.mean, 1e-9))) - abs(math.log(max(baseline.mean, 1e-9)))
    else:
        worse = (value.mean - baseline.mean) * (1 if figure.better == "lower" else -1)
    widths = [estimate.half_width for estimate in (value, baseline) if math.isfinite(estimate.half_width)]
    within_chance = worse <= math.hypot(*widths)
    if worse <= figure.slack:
        return ("as real series" if within_chance else "nearly as real series"), True
    return (PERHAPS_CHANCE if within_chance else figure.far), False


def source_of(synthetic: Model | Panel) -> Source:
    """Draws series from a model, or some of those there are."""
    if isinstance(synthetic, Model):
        model = synthetic
        return lambda n, seed: sample(model, n, seed=seed).panel
    panel = synthetic
    return lambda n, seed: at_most(panel, n, seed)


def at_most(panel: Panel, n_cases: int, seed: int) -> Panel:
    """All cases, or so many at random, in their order."""
    if panel.n_cases <= n_cases:
        return panel
    return panel.subset(np.sort(np.random.default_rng(seed).permutation(panel.n_cases)[:n_cases]))


def halves(panel: Panel, seed: int) -> tuple[Panel, Panel]:
    """Two random halves.

    Raises:
        DataError: too few cases to halve.
    """
    if panel.n_cases < 2 * MIN_CASES:
        raise DataError(f"{panel.name}: expected {2 * MIN_CASES} real series or more, got {panel.n_cases}; add some")
    order = np.random.default_rng(seed).permutation(panel.n_cases)
    half = len(order) // 2
    return panel.subset(np.sort(order[:half])), panel.subset(np.sort(order[half:]))


def check_comparable(synthetic: Model | Panel, seen: Panel, reference: Panel | None) -> None:
    """Raises a DataError unless all are of the same channels and kind, and of equal length where they must be."""
    card = synthetic.card if isinstance(synthetic, Model) else synthetic
    what = "the model" if isinstance(synthetic, Model) else synthetic.name
    for panel in (seen, *([] if reference is None else [reference])):
        if card.channels != panel.channels:
            raise DataError(
                f"expected the channels {', '.join(panel.channels)} of {panel.name} in {what}, "
                f"got {', '.join(card.channels)}; rename them, or choose some with `columns.channels`"
            )
        if isinstance(synthetic, Panel) and len(synthetic.grid) != len(panel.grid):
            raise DataError(f"{synthetic.name} and {panel.name} cannot be compared: one holds series, the other images")
    others = [*([synthetic] if isinstance(synthetic, Panel) else []), *([] if reference is None else [reference])]
    for panel in others if seen.lengths is None else []:  # else all are resampled to one grid
        if panel.lengths is not None or panel.grid != seen.grid:
            raise DataError(
                f"all series of {seen.name} have {seen.grid[0]} timepoints, those of {panel.name} "
                f"{panel.case_lengths.min()} to {panel.case_lengths.max()}; cut or resample them to the same length"
            )


def identical_to(synthetic: Panel, seen: Panel, reference: Panel | None) -> str | None:
    """A sentence, where made series are the real ones."""
    for panel in (seen, *([] if reference is None else [reference])):
        if replace(synthetic, channels=panel.channels).fingerprint() == panel.fingerprint():
            return f"{synthetic.name} and {panel.name} hold identical series"
    return None
