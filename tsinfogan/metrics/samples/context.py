"""``SampleContext``: synthetic series beside real ones, and the arrays that measures share, computed once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from tsinfogan.data.labels import labels_among, several_classes
from tsinfogan.data.panel import FloatArray, IntArray, Panel
from tsinfogan.metrics.classifier import STEPS, Classifier, ClassifierSettings, fit_to_panel
from tsinfogan.metrics.samples import SampleMeasure, StandIn
from tsinfogan.metrics.samples._components import Components
from tsinfogan.preprocessing.preprocessor import Preprocessor
from tsinfogan.sampling.memorization import flat, nearest

QUICK_STEPS = 250
Computed = TypeVar("Computed")


@dataclass(frozen=True, eq=False)
class RealData:
    """The real series, the same in every repeat, and what is fitted on them."""

    seen: Panel  # series that the generator was trained on, or half of the real series
    reference: Panel  # real series that it was not trained on
    quick: bool = False  # whether measures that train something take fewer steps
    seed: int = 0  # of what is fitted once for all repeats
    device: str = "cpu"  # where networks are trained
    training_series: Panel | None = None  # every series that the generator has seen, where ``seen`` are only some
    _computed: dict[Callable[[RealData], Any], Any] = field(default_factory=dict, init=False, repr=False)

    def once(self, compute: Callable[[RealData], Computed]) -> Computed:
        """``compute`` of these series, such as a network trained on them, computed once for all repeats."""
        if compute not in self._computed:
            self._computed[compute] = compute(self)
        found: Computed = self._computed[compute]
        return found

    @cached_property
    def preprocessor(self) -> Preprocessor:
        """Scale and common grid, fitted on ``seen``: every channel to mean 0 and spread 1, no value bent or bounded."""
        return Preprocessor.fit(self.seen, "standard", "none", evenly=True)

    @cached_property
    def reference_values(self) -> FloatArray:
        """``(n, c, *grid)`` as a network sees them; the last channel is the duration where lengths differ."""
        return self.preprocessor.transform(self.reference)

    @cached_property
    def seen_points(self) -> FloatArray:
        """``(n, d)`` each case of ``seen`` a point."""
        return flat(self.preprocessor.transform(self.seen))

    @cached_property
    def training_points(self) -> FloatArray:
        """``(n, d)`` every case that the generator has seen, a point each."""
        series = self.training_series
        return self.seen_points if series is None else flat(self.preprocessor.transform(series))

    @cached_property
    def held_out_distances(self) -> FloatArray:
        """``(m,)`` root mean square distance of each reference case to the nearest training series."""
        return nearest(flat(self.reference_values), self.training_points, 1)[0][:, 0]

    @cached_property
    def components(self) -> Components:
        """Principal components of ``reference``."""
        return Components.of(flat(self.reference_values))

    @cached_property
    def classifier(self) -> Classifier:
        """Predicts the class; trained on the labelled cases of ``seen``, with the data's own augmentations."""
        return fit_to_panel(self.seen, self.preprocessor, self.classifier_settings(self.seed))

    def classifier_settings(self, seed: int) -> ClassifierSettings:
        """For a classifier of the classes."""
        return ClassifierSettings(seed, QUICK_STEPS if self.quick else STEPS, device=self.device)


@dataclass(frozen=True, eq=False)
class SampleContext:
    """What one computation of a measure is given."""

    real: RealData  # the real series
    synthetic: Panel  # synthetic series; for the baseline, real ones in their place
    reference: Panel  # real series that they are compared with: all of ``real.reference``, or half of it

    @classmethod
    def of(cls, real: RealData, synthetic: Panel) -> SampleContext:
        """Synthetic series against the whole reference."""
        return cls(real, synthetic, real.reference)

    @classmethod
    def baseline(cls, real: RealData, stand_in: StandIn, seed: int, n_cases: int) -> SampleContext:
        """Real series in the place of synthetic ones, ``n_cases`` or as many as there are."""
        if stand_in == "seen":
            return cls(real, at_most(real.seen, n_cases, seed), real.reference)
        return cls(real, *in_halves(real.reference, seed))

    @cached_property
    def synthetic_values(self) -> FloatArray:
        """``(n, c, *grid)`` as a network sees them."""
        return self.real.preprocessor.transform(self.synthetic)

    @cached_property
    def reference_values(self) -> FloatArray:
        whole = self.reference is self.real.reference
        return self.real.reference_values if whole else self.real.preprocessor.transform(self.reference)

    @cached_property
    def synthetic_points(self) -> FloatArray:
        """``(n, d)`` each synthetic case a point."""
        return flat(self.synthetic_values)

    @cached_property
    def reference_points(self) -> FloatArray:
        """``(m, d)`` each real case a point."""
        return flat(self.reference_values)

    @cached_property
    def synthetic_distances(self) -> FloatArray:
        """``(n,)`` root mean square distance of each synthetic case to the nearest one that the generator has seen."""
        return nearest(self.synthetic_points, self.real.training_points, 1)[0][:, 0]

    @cached_property
    def held_out_distances(self) -> FloatArray:
        """``(m,)`` the same of the reference."""
        if self.reference is self.real.reference:
            return self.real.held_out_distances
        return nearest(self.reference_points, self.real.training_points, 1)[0][:, 0]

    @cached_property
    def synthetic_labels(self) -> IntArray:
        """``(n,)`` index into the classes of the real series, -1 where there is none."""
        return labels_among(self.synthetic, self.real.seen.classes)

    @cached_property
    def reference_labels(self) -> IntArray:
        return labels_among(self.reference, self.real.seen.classes)

    def missing(self, measure: SampleMeasure) -> str | None:
        """Why ``measure`` cannot be computed; None where it can."""
        smallest = min(self.synthetic.n_cases, self.reference.n_cases, self.real.seen.n_cases)
        labelled = all((labels >= 0).any() for labels in (self.synthetic_labels, self.reference_labels))
        lacking = {
            "labels": None if labelled else "real and synthetic series do not both have labels of the same classes",
            "classes": "the real series have no labels of two or more classes" * (not several_classes(self.real.seen)),
            "lengths": None if self.real.preprocessor.n_constant else "all series have the same length",
            "series": None if len(self.synthetic.grid) == 1 else "these are images",
            "channels": None if self.synthetic.n_channels > 1 else "there is one channel only",
        }
        reason = next((why for need, why in lacking.items() if why and need in measure.needs), None)
        if reason is None and smallest < measure.min_cases:
            return f"it needs {measure.min_cases} series of each kind, and there are {smallest}"
        return reason


def at_most(panel: Panel, n_cases: int, seed: int) -> Panel:
    """All cases, or so many at random, in their order."""
    if panel.n_cases <= n_cases:
        return panel
    return panel.subset(np.sort(np.random.default_rng(seed).permutation(panel.n_cases)[:n_cases]))


def in_halves(panel: Panel, seed: int) -> tuple[Panel, Panel]:
    """Two random halves, each in order."""
    order = np.random.default_rng(seed).permutation(panel.n_cases)
    half = len(order) // 2
    return panel.subset(np.sort(order[:half])), panel.subset(np.sort(order[half:]))
