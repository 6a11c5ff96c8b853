"""Which traits a code moves: figures first, so that no knob gets a name that the series do not bear out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tsinfogan.data.panel import IntArray
from tsinfogan.reports.codes.traits import Array, Change, Measured, Trait

MIN_CORRELATION = 0.5
MIN_CHANGE: dict[Change, float] = {"share": 0.03, "angle": 0.03, "amount": 0.0}
"""Less than 3 % or 0.03 rad between −1 and 1 is nothing that a person sees."""
MAX_NAMED = 3
MIN_CASES = 5


@dataclass(frozen=True)
class Effect:
    """What a code does to one trait.

    Attributes:
        trait: which.
        correlation: of code and trait within a category, averaged over categories.
        change: of the trait when the code goes from −1 to 1, all else held: a share, rad, or the trait's own unit.
    """

    trait: Trait
    correlation: float
    change: float


def effects(
    code: Array, categories: IntArray, drawn: Measured, low: Measured, high: Measured, ends: IntArray
) -> list[Effect]:
    """Every trait that can be told, the one that follows the code best first.

    Args:
        code: ``(n,)`` values of the code in samples whose codes are all drawn from their priors.
        categories: ``(n,)`` their categories.
        drawn: their traits.
        low: traits of ``m`` cases with the code at −1.
        high: traits of the same ``m`` with the code at 1.
        ends: ``(m,)`` their categories.
    """
    found = []
    for index, trait in enumerate(drawn.traits):
        correlation = within_correlation(code, drawn.values[:, index], categories)
        change = mean_change(low.values[:, index], high.values[:, index], ends, trait.change)
        if np.isfinite(correlation) and np.isfinite(change):
            found.append(Effect(trait, correlation, change))
    return sorted(found, key=lambda effect: -abs(effect.correlation))


def named(found: Sequence[Effect]) -> list[Effect]:
    """Of effects in order, the few that are strong enough to be told, each trait once."""
    kept: list[Effect] = []
    for effect in found:
        strong = abs(effect.correlation) >= MIN_CORRELATION and effect.change * effect.correlation > 0
        visible = abs(effect.change) >= MIN_CHANGE[effect.trait.change]
        said = any(effect.trait.name in other.trait.excludes for other in kept)
        if strong and visible and not said and len(kept) < MAX_NAMED:
            kept.append(effect)
    return kept


def within_correlation(some: Array, others: Array, groups: IntArray) -> float:
    """Pearson's r of two ``(n,)`` columns inside each group, averaged over groups; NaN where nothing varies.

    The mean over groups, not the pooled r: a trait that one category gains and another loses is none of the code's.
    """
    found = []
    for a, b in _by_group(groups, some, others):
        if len(a) >= MIN_CASES:
            spreads = a.std(), b.std()
            flat = min(spreads) <= 1e-9 * max(float(np.abs(b).max()), 1e-300)
            found.append(0.0 if flat else float(((a - a.mean()) * (b - b.mean())).mean() / (spreads[0] * spreads[1])))
    return float(np.mean(found)) if found and any(found) else float("nan")


def mean_change(low: Array, high: Array, groups: IntArray, change: Change) -> float:
    """How far a group's mean moves from ``low`` ``(m,)`` to ``high`` ``(m,)``, averaged over groups.

    A share is the median of the groups' ratios, less 1, since one mean near zero would spoil their mean; groups whose
    mean is not positive are left out.
    """
    means = np.array([(a.mean(), b.mean()) for a, b in _by_group(groups, low, high) if len(a)]).reshape(-1, 2)
    if change == "share":
        means = means[(means > 0).all(1)]
        return float(np.expm1(np.median(np.log(means[:, 1] / means[:, 0])))) if len(means) else float("nan")
    return float((means[:, 1] - means[:, 0]).mean()) if len(means) else float("nan")


def _by_group(groups: IntArray, some: Array, others: Array) -> Iterator[tuple[Array, Array]]:
    """Both columns of each group, where both are known."""
    known = np.isfinite(some) & np.isfinite(others)
    for group in np.unique(groups):
        inside = known & (groups == group)
        yield some[inside], others[inside]
