"""How real, useful, varied and private synthetic series are: every measure beside its real-data baseline."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache

import numpy as np

from tsinfogan.data.panel import Panel
from tsinfogan.devices import choose_device
from tsinfogan.errors import DataError
from tsinfogan.metrics.intervals import estimate
from tsinfogan.metrics.remarks import check_comparable, identical_to, in_order_of, remarks
from tsinfogan.metrics.results import GROUPS, Evaluation, Result, verdict_of
from tsinfogan.metrics.samples import SAMPLE_MEASURES, SampleMeasure
from tsinfogan.metrics.samples.context import RealData, SampleContext
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
        Every figure with its baseline, both with 95 % intervals, and a verdict; docs/measures.md defines the measures.

    Raises:
        DataError: series of other channels or kind, or too few.
        UnknownNameError: no such measure.

    Example:
        >>> import numpy as np
        >>> from tsinfogan import Panel, compare
        >>> walks = np.random.default_rng(0).normal(size=(120, 1, 16)).cumsum(axis=2)
        >>> synthetic, seen, unseen = (Panel.from_arrays(part) for part in np.split(walks, 3))
        >>> found = compare(synthetic, seen, unseen, only=["autocorrelation"], device="cpu")
        >>> [(result.name, result.near) for result in found.results]
        [('autocorrelation', True)]
    """
    measures = SAMPLE_MEASURES.chosen(only)
    real_name, synthetic_name = seen.name, synthetic.card.name if isinstance(synthetic, Model) else synthetic.name
    notes: list[str] = []
    if isinstance(synthetic, Panel):
        synthetic = in_order_of(synthetic, seen.channels)
        notes += filter(None, [identical_to(synthetic, seen, reference)])
    reference = None if reference is None else in_order_of(reference, seen.channels)
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
    notes += remarks(first, seen)

    # ---- every measure, of the synthetic series and of real ones in their place
    skipped: dict[str, str] = {}
    results: list[Result] = []
    for name, measure in measures.items():
        if (reason := context(0).missing(measure)) is not None:
            skipped[name] = reason
            continue
        results += results_of(name, measure, list(repeated(name, measure, context, tell)))
    return Evaluation(
        real_name=real_name,
        synthetic_name=synthetic_name,
        results=tuple(sorted(results, key=lambda result: GROUPS.index(result.group))),
        skipped=skipped,
        notes=(*notes, *copy_warning(results)) if measures else (),
        counts={"synthetic": n_synthetic if measures else 0, "seen": seen.n_cases, "reference": reference.n_cases},
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


def results_of(name: str, measure: SampleMeasure, repeats: Sequence[tuple[Figures, Figures]]) -> list[Result]:
    """One for each figure of a measure, of its repeats."""
    results = []
    for figure, spec in measure.figures.items():
        value, baseline = (estimate([one[side][figure] for one in repeats]) for side in (0, 1))
        verdict, near = verdict_of(spec, value, baseline)
        results.append(Result(measure.group, name, figure, spec.summary, spec.better, value, baseline, verdict, near))
    return results


def copy_warning(results: Iterable[Result]) -> list[str]:
    """A plain sentence where synthetic series copy those that the generator has seen; else nothing."""
    found = next((result for result in results if result.name == "near_duplicates"), None)
    if found is None or found.near or found.baseline is None:
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


def at_most(panel: Panel, n_cases: int, seed: int) -> Panel:
    """All cases, or so many at random, in their order."""
    if panel.n_cases <= n_cases:
        return panel
    return panel.subset(np.sort(np.random.default_rng(seed).permutation(panel.n_cases)[:n_cases]))


def halves(panel: Panel, seed: int) -> tuple[Panel, Panel]:
    """Two random halves; a DataError if there are too few cases to halve."""
    if panel.n_cases < 2 * MIN_CASES:
        raise DataError(f"{panel.name}: expected {2 * MIN_CASES} real series or more, got {panel.n_cases}; add some")
    order = np.random.default_rng(seed).permutation(panel.n_cases)
    half = len(order) // 2
    return panel.subset(np.sort(order[:half])), panel.subset(np.sort(order[half:]))
