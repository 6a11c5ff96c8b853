"""Which traits a continuous code changes, in figures and in one sentence that says no more than the figures do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tsinfogan.data.panel import IntArray
from tsinfogan.reports.codes.traits import Array, Change, Measured, Trait

MIN_CORRELATION = 0.5
MIN_CHANGE: dict[Change, float] = {"share": 0.03, "angle": 0.03, "amount": 0.0}
"""A person sees no change below 3 % or 0.03 rad between −1 and 1."""
MAX_NAMED = 3
MIN_CASES = 5
MINUS = "−"


@dataclass(frozen=True)
class Effect:
    """What a code does to one trait."""

    trait: Trait
    correlation: float  # of code and trait within a category, averaged over categories
    change: float  # of the trait when the code goes from −1 to 1, all else held: a share, rad, or the trait's own unit

    @property
    def figure(self) -> str:
        """The change in words: a share without its sign, which the words beside it give; others with it."""
        if self.trait.change == "share":
            return percent(abs(self.change), digits=0)
        if self.trait.change == "angle":
            return f"{signed(self.change, 2)} rad"
        return f"{'+' if self.change > 0 else MINUS}{abs(self.change):.2g}"

    @property
    def words(self) -> str:
        """Such as ``14 % wider`` or ``slants to the right (+0.31 rad)``."""
        return (self.trait.more if self.change > 0 else self.trait.less).format(self.figure)


# ---- figures


def effects(
    code: Array, categories: IntArray, drawn: Measured, low: Measured, high: Measured, ends: IntArray
) -> list[Effect]:
    """The effect on every trait where it is known, the strongest correlation first.

    ``code`` and ``categories`` ``(n,)`` and the traits ``drawn`` are of samples whose codes are all drawn from their
    priors. ``low`` are the traits of ``m`` cases with the code at −1, ``high`` of the same cases with the code at 1,
    and ``ends`` their categories ``(m,)``.
    """
    found = []
    for index, trait in enumerate(drawn.traits):
        correlation = within_correlation(code, drawn.values[:, index], categories)
        change = mean_change(low.values[:, index], high.values[:, index], ends, trait.change)
        if np.isfinite(correlation) and np.isfinite(change):
            found.append(Effect(trait, correlation, change))
    return sorted(found, key=lambda effect: -abs(effect.correlation))


def named(found: Sequence[Effect]) -> list[Effect]:
    """The few effects, of those in order of strength, that are strong enough to be named, each trait once."""
    kept: list[Effect] = []
    for effect in found:
        strong = abs(effect.correlation) >= MIN_CORRELATION and effect.change * effect.correlation > 0
        visible = abs(effect.change) >= MIN_CHANGE[effect.trait.change]
        repeated = any(effect.trait.name in other.trait.excludes for other in kept)
        if strong and visible and not repeated and len(kept) < MAX_NAMED:
            kept.append(effect)
    return kept


def within_correlation(some: Array, others: Array, groups: IntArray) -> float:
    """Pearson's r of two ``(n,)`` columns inside each group, averaged over groups; NaN where nothing varies.

    The mean over groups, not the pooled r: a trait that rises in one category and falls in another does not follow
    the code.
    """
    found = []
    for a, b in _by_group(groups, some, others):
        if len(a) >= MIN_CASES:
            spreads = a.std(), b.std()
            flat = min(spreads) <= 1e-9 * max(float(np.abs(b).max()), 1e-300)
            found.append(0.0 if flat else float(((a - a.mean()) * (b - b.mean())).mean() / (spreads[0] * spreads[1])))
    return float(np.mean(found)) if found and any(found) else float("nan")


def mean_change(low: Array, high: Array, groups: IntArray, change: Change) -> float:
    """Change of a group's mean from ``low`` ``(m,)`` to ``high`` ``(m,)``, averaged over groups.

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


# ---- words


def sentence(column: str, found: Sequence[Effect], changes: float | None = None, of_what: str = "class") -> str:
    """What a continuous code does, from −1 to 1, in one sentence without a full stop.

    ``found`` are its effects, the strongest first, and ``changes`` is the share of sweeps in which the class, or what
    stands in for it, changes.
    """
    if kept := named(found):
        text = ", ".join(effect.words for effect in kept)
    elif found:
        nearest = f"{found[0].trait.name}, correlation {signed(found[0].correlation, 2)}"
        text = f"no measured trait follows it; the nearest is {nearest}"
    else:
        text = "no measured trait changes with it"
    return f"{column}: {text}" + ("" if changes is None else f"; the {of_what} changes in {percent(changes)} of sweeps")


def percent(share: float, digits: int = 1) -> str:
    """Such as ``0.6 %``, ``12 %``, and ``0 %`` only for an exact zero."""
    if 0 < share < 0.0005:
        return "less than 0.1 %"
    text = f"{share * 100:.{digits if share < 0.0995 else 0}f}"
    return f"{text.removesuffix('.0')} %"


def signed(value: float, digits: int) -> str:
    """Such as ``+0.31`` or ``−0.31``."""
    return f"{'+' if value >= 0 else MINUS}{abs(value):.{digits}f}"


def count(n: int, thing: str) -> str:
    """Such as ``1 category`` or ``20 categories``."""
    if n == 1:
        return f"1 {thing}"
    return f"{n:,} {thing[:-1]}ies" if thing.endswith("y") else f"{n:,} {thing}{'' if thing == 'series' else 's'}"
