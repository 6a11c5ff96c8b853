"""Figures as sentences in plain words."""

from __future__ import annotations

from collections.abc import Sequence

from tsinfogan.reports.codes.effects import Effect, named

MINUS = "−"


def sentence(column: str, found: Sequence[Effect], changes: float | None = None, of_what: str = "class") -> str:
    """What a continuous code does, from −1 to 1, in one sentence without a full stop.

    Args:
        column: name of the code.
        found: its effects, the strongest first.
        changes: share of sweeps in which the class changes, where known.
        of_what: what changes there, if not the class.
    """
    kept = named(found)
    if kept:
        said = ", ".join(effect_words(effect) for effect in kept)
    elif found:
        nearest = found[0]
        said = (
            f"no trait that is measured here follows it; the nearest is {nearest.trait.name}, "
            f"correlation {signed(nearest.correlation, 2)}"
        )
    else:
        said = "nothing that is measured here changes with it"
    return f"{column}: {said}" + ("" if changes is None else f"; the {of_what} changes in {percent(changes)} of sweeps")


def effect_words(effect: Effect) -> str:
    """Such as ``14 % wider`` or ``slants to the right (+0.31 rad)``."""
    template = effect.trait.more if effect.change > 0 else effect.trait.less
    return template.format(change_words(effect))


def change_words(effect: Effect) -> str:
    """The figure alone: a share without its sign, since the words beside it tell which way; others with it."""
    if effect.trait.change == "share":
        return percent(abs(effect.change), digits=0)
    if effect.trait.change == "angle":
        return f"{signed(effect.change, 2)} rad"
    return f"{'+' if effect.change > 0 else MINUS}{abs(effect.change):.2g}"


def percent(share: float, digits: int = 1) -> str:
    """Such as ``0.6 %``, ``12 %``, and ``0 %`` only where it is none at all."""
    if 0 < share < 0.0005:
        return "less than 0.1 %"
    text = f"{share * 100:.{digits if share < 0.0995 else 0}f}"
    return f"{text.removesuffix('.0')} %"


def signed(value: float, digits: int) -> str:
    """Such as ``+0.31`` or ``−0.31``."""
    return f"{'+' if value >= 0 else MINUS}{abs(value):.{digits}f}"


def category_title(number: int, name: str | None) -> str:
    """What a category is called: its name, or ``cat 3``."""
    return f"cat {number}" if name is None else name


def count(n: int, thing: str) -> str:
    """Such as ``1 category`` or ``20 categories``."""
    if n == 1:
        return f"1 {thing}"
    return f"{n:,} {thing[:-1]}ies" if thing.endswith("y") else f"{n:,} {thing}{'' if thing == 'series' else 's'}"
