"""All that a report says, as figures and sentences: drawn, written as a page and as JSON by the modules beside."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from tsinfogan.reports.codes.words import count, percent


@dataclass(frozen=True)
class CategoryCard:
    """One category of the first categorical code.

    Attributes:
        number: as in ``cat``.
        name: what people call it, or None.
        title: its name, or ``cat 3``.
        prior: share of it that is drawn.
        n_real: real series in it, or None where none are at hand.
        share: of all real series, likewise.
        majority: class of most of its labelled real series, or None.
        purity: share of these.
        sample_class: class that the classifier sees in most of its samples, or None.
        sample_purity: share of these.
    """

    number: int
    name: str | None
    title: str
    prior: float
    n_real: int | None = None
    share: float | None = None
    majority: str | None = None
    purity: float | None = None
    sample_class: str | None = None
    sample_purity: float | None = None


@dataclass(frozen=True)
class KnobCard:
    """One continuous code.

    Attributes:
        column: such as ``cont0``.
        sentence: what it does, in plain words.
        effects: trait, correlation, change and its kind, and whether it is told; the strongest first.
        changes: share of sweeps in which the class changes (of Q's category, without labels), or None.
        r2: how well Q reads it back, or None.
        size: change over its sweep in units of the spread within a class, or None.
    """

    column: str
    sentence: str
    effects: tuple[dict[str, Any], ...]
    changes: float | None
    r2: float | None
    size: float | None


@dataclass(frozen=True)
class CodeBound:
    """How much of a code the samples hold, in nats: the bound on I(c; x), and H(c)."""

    column: str
    kind: str
    bound: float
    entropy: float


@dataclass(frozen=True)
class Report:
    """Everything that is told of one run.

    Attributes:
        run: name of the run.
        data: name of the training data.
        real: what the real series are, in words, or None where none are at hand.
        categories: a card each, by number.
        knobs: a card for each continuous code.
        bounds: of every code.
        classes: name of each class, or empty.
        table: real series by category and class; empty without labels.
        figures: of all measures, by name.
        missing: what is not told and why, a sentence each.
    """

    run: str
    data: str
    real: str | None
    categories: tuple[CategoryCard, ...]
    knobs: tuple[KnobCard, ...]
    bounds: tuple[CodeBound, ...]
    classes: tuple[str, ...]
    table: tuple[tuple[int, ...], ...]
    figures: dict[str, float]
    missing: tuple[str, ...]

    @property
    def by_name(self) -> tuple[CategoryCard, ...]:
        """The categories as a person looks them up: named ones by their names, then the others by number."""
        return tuple(sorted(self.categories, key=lambda card: (*_reading_order(card.name), card.number)))

    @property
    def headline(self) -> str:
        """What there is and how well it means something, in one line."""
        what = [count(len(self.categories), "category")] if self.categories else []
        what += [count(len(self.knobs), "knob")] if self.knobs else []
        said = [" and ".join(what) or "no codes"]
        if "accuracy" in self.figures:
            said.append(f"{percent(self.figures['accuracy'])} of {self.real} are in the category of their class")
        elif self.real is not None:
            said.append(f"beside {self.real}")
        if "purity" in self.figures:
            said.append(f"samples of a category are {percent(self.figures['purity'])} of one class")
        return "; ".join(said)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; what is not a finite number is None."""
        synthetic = _finite(asdict(self))
        assert isinstance(synthetic, dict)
        return synthetic


def _reading_order(name: str | None) -> tuple[int, float, str]:
    """Numbers by size, then words, then what has no name."""
    if name is None:
        return 2, 0.0, ""
    try:
        return 0, float(name), name
    except ValueError:
        return 1, 0.0, name


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
