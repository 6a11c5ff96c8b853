"""Which labelled series there are: a few of each class, or many of some classes and few of the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from tsinfogan.data.labels import draw_labelled
from tsinfogan.data.panel import IntArray, Panel
from tsinfogan.errors import SettingError
from tsinfogan.seeding import Stream, derived_seed

Score = Literal["accuracy", "macro_f1"]


@dataclass(frozen=True)
class Balanced:
    """As many labels of each class."""

    n_per_class: int  # how many
    score: ClassVar[Score] = "accuracy"

    def __post_init__(self) -> None:
        if self.n_per_class < 1:
            raise SettingError(f"expected at least 1 label per class, got {self.n_per_class}")

    @property
    def name(self) -> str:
        """Such as ``5 labels per class``."""
        return f"{self.n_per_class} label{'s' if self.n_per_class > 1 else ''} per class"

    def missing(self, panel: Panel) -> str | None:
        """Why ``panel`` does not suffice, in a sentence; None where it does."""
        return too_few(panel, self.n_per_class)

    def draw(self, panel: Panel, seed: int) -> IntArray:
        """Indices of the labelled cases, ascending: the same for the same seed."""
        return draw_labelled(panel, self.n_per_class, seed)


@dataclass(frozen=True)
class Imbalanced:
    """Half of the classes, drawn anew each time, have one label where the others have ``ratio``.

    There are as many labels as the smallest class allows.
    """

    ratio: int  # labels of a common class for one of a rare class
    score: ClassVar[Score] = "macro_f1"

    def __post_init__(self) -> None:
        if self.ratio < 2:
            raise SettingError(f"expected an imbalance of 1 to 2 or more, got 1:{self.ratio}")

    @property
    def name(self) -> str:
        """Such as ``imbalance 1:20``."""
        return f"imbalance 1:{self.ratio}"

    def missing(self, panel: Panel) -> str | None:
        reason = too_few(panel, self.ratio)
        return reason and f"{reason}, of {self.ratio} that a common class needs"

    def draw(self, panel: Panel, seed: int) -> IntArray:
        n_rare = int(class_sizes(panel).min()) // self.ratio
        cases = draw_labelled(panel, n_rare * self.ratio, seed)
        labels = panel.case_labels[cases]
        rng = np.random.default_rng(derived_seed(seed, Stream.RARE))
        rare = rng.permutation(len(panel.classes))[: len(panel.classes) // 2]
        kept = []
        for index in range(len(panel.classes)):
            members = cases[labels == index]
            kept.append(rng.choice(members, n_rare, replace=False) if index in rare else members)
        return np.sort(np.concatenate(kept))


Situation = Balanced | Imbalanced
"""What is labelled, and by which score methods are compared there."""


def too_few(panel: Panel, n_per_class: int) -> str | None:
    """A sentence about the smallest class, where it has fewer labelled cases than that."""
    counts = class_sizes(panel)
    smallest = int(counts.argmin())
    if counts[smallest] >= n_per_class:
        return None
    return f"class {panel.classes[smallest]!r} has {counts[smallest]} labelled training series"


def class_sizes(panel: Panel) -> IntArray:
    """``(n_classes,)`` labelled cases of each class."""
    known = panel.case_labels[panel.case_labels >= 0]
    return np.bincount(known, minlength=len(panel.classes)).astype(np.int64)


def situations_of(labels: tuple[int, ...], imbalance: int | None) -> tuple[Situation, ...]:
    """One for each number of labels per class, then one for the imbalance, where it is asked for."""
    return (*map(Balanced, labels), *([] if imbalance is None else [Imbalanced(imbalance)]))
