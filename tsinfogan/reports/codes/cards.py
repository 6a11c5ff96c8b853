"""All that a report says, as figures and sentences; other modules draw it and write it as a page and as JSON."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from tsinfogan.data.panel import natural_order
from tsinfogan.reports.codes.effects import count, percent


@dataclass(frozen=True)
class CategoryCard:
    """One category of the first categorical code."""

    number: int  # as in ``cat``
    name: str | None  # given by a user, or None
    prior: float  # its probability under the prior
    n_real: int | None = None  # real series in it, or None without real series
    share: float | None = None  # of all real series that are in it, likewise
    majority: str | None = None  # class of most of its labelled real series, or None
    purity: float | None = None  # share of this class among them
    sample_class: str | None = None  # class that the classifier predicts for most of its samples, or None
    sample_purity: float | None = None  # share of this class among them

    @property
    def title(self) -> str:
        """Its name, or ``cat 3``."""
        return f"cat {self.number}" if self.name is None else self.name


@dataclass(frozen=True)
class ContinuousCard:
    """One continuous code."""

    column: str  # such as ``cont0``
    sentence: str  # what it does, in plain words
    effects: tuple[dict[str, Any], ...]  # the strongest first; whether the sentence names it is ``named``
    changes: float | None  # share of sweeps in which the class changes (without labels, the category that Q reads)
    r2: float | None  # R² of Q's reading, or None
    size: float | None  # change over its sweep in units of the spread within a class, or None


@dataclass(frozen=True)
class CodeBound:
    """How much of a code the samples hold, in nats: the bound on I(c; x), and H(c)."""

    column: str
    kind: str
    bound: float
    entropy: float

    @property
    def share(self) -> float | None:
        """Bound over entropy, of a categorical code; that of a continuous one means nothing."""
        return max(0.0, self.bound / self.entropy) if self.kind == "categorical" and self.entropy else None


@dataclass(frozen=True)
class CodeReport:
    """Everything that is known of the codes of one run."""

    run: str  # name of the run
    data: str  # name of the training data
    real: str | None  # what the real series are, in words, or None without real series
    categories: tuple[CategoryCard, ...]  # a card each, by number
    continuous: tuple[ContinuousCard, ...]  # a card for each continuous code
    bounds: tuple[CodeBound, ...]  # of every code
    classes: tuple[str, ...]  # name of each class, or empty
    table: tuple[tuple[int, ...], ...]  # real series by category and class; empty without labels
    figures: dict[str, float]  # of all measures, by name
    missing: tuple[str, ...]  # what is left out and why, a sentence each

    @property
    def by_name(self) -> tuple[CategoryCard, ...]:
        """The categories in reading order: named ones by their names, numbers by size, then the others by number."""
        return tuple(sorted(self.categories, key=lambda c: (c.name is None, natural_order(c.name or ""), c.number)))

    @property
    def headline(self) -> str:
        """What codes there are and how well they match classes, in one line."""
        what = [count(len(self.categories), "category")] if self.categories else []
        what += [count(len(self.continuous), "knob")] if self.continuous else []
        said = [" and ".join(what) or "no codes"]
        if "accuracy" in self.figures:
            said.append(f"{percent(self.figures['accuracy'])} of {self.real} are in the category of their class")
        elif self.real is not None:
            said.append(f"beside {self.real}")
        if "purity" in self.figures:
            said.append(f"samples of a category are {percent(self.figures['purity'])} of one class")
        return "; ".join(said)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; a number that is not finite becomes None."""
        record = asdict(self)
        for written, card in zip(record["categories"], self.categories, strict=True):
            written["title"] = card.title
        return {name: _finite(value) for name, value in record.items()}


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
