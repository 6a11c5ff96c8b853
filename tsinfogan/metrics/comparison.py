"""How real, useful, varied and private synthetic series are: every measure beside its real-data baseline."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import get_args

from tsinfogan.data.panel import Panel
from tsinfogan.devices import choose_device
from tsinfogan.errors import DataError
from tsinfogan.metrics.intervals import estimate
from tsinfogan.metrics.power import Counts, chance_of
from tsinfogan.metrics.remarks import (
    category_remark,
    check_comparable,
    discriminator_remarks,
    identical_to,
    in_order_of,
    remarks,
)
from tsinfogan.metrics.results import GROUPS, Evaluation, Result, verdict_of
from tsinfogan.metrics.samples import SAMPLE_MEASURES, SampleMeasure, StandIn
from tsinfogan.metrics.samples.context import RealData, SampleContext, at_most, in_halves
from tsinfogan.models.model import Model
from tsinfogan.sampling.sampler import sample
from tsinfogan.seeding import Stream, derived_seed

MAX_CASES = 2000
QUICK_CASES = 500
MAX_TRAINING_SERIES = 20_000
"""Training series among which copies are looked for: all of them, unless that takes too long."""
MIN_CASES = 4

Figures = Mapping[str, float]
"""By name."""
Repeats = Sequence[tuple[Figures, Figures]]


def compare(
    synthetic: Model | Panel,
    seen: Panel,
    reference: Panel | None = None,
    *,
    only: Iterable[str | SampleMeasure] | None = None,
    quick: bool = False,
    seed: int = 0,
    device: str = "auto",
    tell: Callable[[str], None] | None = None,
) -> Evaluation:
    """Measures synthetic series against real ones.

    Args:
        synthetic: a model, which generates other series for each repeat, or synthetic series, of which each repeat
            takes as many as there are real ones, at random. The order of channels does not matter.
        seen: the real series that the generator was trained on.
        reference: real series that it was not trained on. Default: one random half of ``seen``; the other half then
            stands for the training series.
        only: measures by name or as objects. Default: all.
        quick: fewer series, repeats and steps.
        seed: everything random follows from it.
        device: where networks are trained: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        tell: is called with the name of a measure and the number of the repeat before each computation.

    Returns:
        Every figure with its baseline, both with 95 % intervals, and a verdict, which says if so few series or repeats
            cannot tell (docs/evaluation.md); docs/measures.md defines the measures.

    Raises:
        DataError: series of other channels or kind, or too few.
        UnknownNameError: no such measure.

    Example:
        >>> import numpy as np
        >>> from tsinfogan import Panel, compare
        >>> noise = np.random.default_rng(0).normal(size=(1200, 1, 16))
        >>> synthetic, seen, unseen = (Panel.from_arrays(part) for part in np.split(noise, 3))
        >>> found = compare(synthetic, seen, unseen, only=["marginals"], device="cpu")
        >>> [(result.name, result.outcome) for result in found.results]
        [('marginal_w1', 'as real')]
    """
    measures = SAMPLE_MEASURES.chosen(only)
    real_name, synthetic_name = seen.name, synthetic.card.name if isinstance(synthetic, Model) else synthetic.name
    notes: list[str] = []
    if isinstance(synthetic, Panel):
        synthetic = in_order_of(synthetic, seen)
        notes += filter(None, [identical_to(synthetic, seen, reference)])
    reference = None if reference is None else in_order_of(reference, seen)
    check_comparable(synthetic, seen, reference)
    if reference is None:
        seen, reference = halves(seen, seed)
        notes.append(
            "one set of real series was given: one half of it stands for what the generator saw, the other for what it "
            "did not; what it copied from the other half is not found"
        )

    # ---- the series of each repeat
    most = QUICK_CASES if quick else MAX_CASES
    training_series = at_most(seen, MAX_TRAINING_SERIES, seed)
    seen, reference = (at_most(panel, most, seed) for panel in (seen, reference))
    real = RealData(seen, reference, quick, seed, str(choose_device(device)), training_series)
    n_synthetic = seen.n_cases if isinstance(synthetic, Model) else min(seen.n_cases, synthetic.n_cases)
    if isinstance(synthetic, Panel) and synthetic.n_cases == n_synthetic:
        notes.append(
            f"every repeat measures the same {n_synthetic} synthetic series: ± shows how far a measure itself varies, "
            "not how far other samples would"
        )

    @cache
    def context(repeat: int) -> SampleContext:
        return SampleContext.of(real, drawn(synthetic, n_synthetic, derived_seed(seed, Stream.COMPARISON, repeat)))

    first = context(0).synthetic
    check_comparable(first, seen, None)  # a model's series too may be of other lengths
    notes += [*remarks(first, seen), *category_remark(synthetic if isinstance(synthetic, Model) else None, context(0))]

    # ---- every measure, of the synthetic series and of real ones in their place
    reasons = {name: context(0).missing(measure) for name, measure in measures.items()}
    skipped = {name: reason for name, reason in reasons.items() if reason is not None}
    measures = {name: measure for name, measure in measures.items() if name not in skipped}
    halved = figures_of_halves(measures, real)
    n_others = math.inf if isinstance(synthetic, Model) else synthetic.n_cases
    results: list[Result] = []
    for name, measure in measures.items():
        counts = counts_of(measure, context(0), n_others)
        results += results_of(name, measure, list(repeated(name, measure, context, tell)), halved[name], counts)
    discriminators = discriminator_remarks(results, synthetic if isinstance(synthetic, Model) else None, real)
    return Evaluation(
        real_name=real_name,
        synthetic_name=synthetic_name,
        results=tuple(sorted(results, key=lambda result: GROUPS.index(result.group))),
        skipped=skipped,
        notes=(*notes, *copy_warning(results), *discriminators) if reasons else (),
        counts={"synthetic": n_synthetic if reasons else 0, "seen": seen.n_cases, "reference": reference.n_cases},
        quick=quick,
        seed=seed,
        synthetic=first,
        seen=training_series,
        reference=reference,
    )


def repeated(
    name: str, measure: SampleMeasure, context: Callable[[int], SampleContext], tell: Callable[[str], None] | None
) -> Iterator[tuple[Figures, Figures]]:
    """The figures of a measure in each repeat: of the synthetic series, and of real ones in their place."""
    real, n_synthetic = context(0).real, context(0).synthetic.n_cases
    for repeat in range(measure.repeats_in(real.quick)):
        if tell is not None:
            tell(f"{name}, {repeat + 1}")
        seed = derived_seed(real.seed, Stream.COMPARISON, repeat, 1)
        baseline = SampleContext.baseline(real, measure.stand_in, seed, n_synthetic)
        yield measure.compute(context(repeat), seed), measure.compute(baseline, seed)


def figures_of_halves(measures: Mapping[str, SampleMeasure], real: RealData) -> dict[str, list[Figures]]:
    """By measure the figures of random halves of the real series in the place of synthetic ones."""
    found: dict[str, list[Figures]] = {name: [] for name in measures}
    for half in range(max((measure.halves for measure in measures.values()), default=0)):
        seed, contexts = derived_seed(real.seed, Stream.COMPARISON, half, 2), {}
        for stand_in in get_args(StandIn):  # measures share a half, which is forgotten before the next one
            contexts[stand_in] = SampleContext.baseline(real, stand_in, seed, real.seen.n_cases // 2)
        for name, measure in measures.items():
            context = contexts[measure.stand_in]
            if half < measure.halves and context.missing(replace(measure, min_cases=measure.min_cases // 2)) is None:
                found[name].append(measure.compute(context, seed))
    return found


def counts_of(measure: SampleMeasure, first: SampleContext, n_synthetic: float) -> Counts:
    """How many different series a measure sees in all repeats, if there are ``n_synthetic`` synthetic ones."""
    real, apart = first.real, measure.stand_in == "reference"
    halved = (real.reference if apart else real.seen).n_cases
    n, m = (
        int(min(there, first.synthetic.n_cases * measure.repeats_in(real.quick))) for there in (n_synthetic, halved)
    )
    return Counts(n, m, real.reference.n_cases, halved, apart)


def results_of(
    name: str, measure: SampleMeasure, repeats: Repeats, halves: Sequence[Figures], counts: Counts
) -> list[Result]:
    """One for each figure of a measure, of its repeats."""
    results = []
    for figure, spec in measure.figures.items():
        values, baselines = ([one[side][figure] for one in repeats] for side in (0, 1))
        value, baseline = estimate(values), estimate(baselines)
        chance = chance_of(spec, values, baselines, [half[figure] for half in halves], counts)
        verdict, outcome = verdict_of(spec, value.mean, baseline.mean, chance)
        shown = name, figure, spec.summary, spec.better, value, baseline, verdict, outcome
        results.append(Result(measure.group, *shown, chance.detectable, spec.slack))
    return results


def copy_warning(results: Iterable[Result]) -> list[str]:
    """A plain sentence where synthetic series copy those that the generator has seen; else nothing."""
    found = next((result for result in results if result.name == "near_duplicates"), None)
    if found is None or found.near or found.baseline is None or found.value.mean <= found.baseline.mean:
        return []
    return [
        f"{100 * found.value.mean:.1f} % of the synthetic series are copies, or nearly so, of series that the "
        f"generator has seen ({100 * found.baseline.mean:.1f} % of other real series are); treat them as such"
    ]


def drawn(synthetic: Model | Panel, n_cases: int, seed: int) -> Panel:
    """Synthetic series: samples of a model, or some of those there are."""
    if isinstance(synthetic, Model):
        return sample(synthetic, n_cases, seed=seed).panel
    return at_most(synthetic, n_cases, seed)


def halves(panel: Panel, seed: int) -> tuple[Panel, Panel]:
    """Two random halves; a DataError if there are too few cases to halve."""
    if panel.n_cases < 2 * MIN_CASES:
        raise DataError(f"{panel.name}: expected {2 * MIN_CASES} real series or more, got {panel.n_cases}; add some")
    return in_halves(panel, seed)
