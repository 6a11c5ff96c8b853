"""Measures of synthetic series against real ones by name, one a file: how real, useful, varied and private they are.

A measure is a function of two sets of series, so it works on any generator's output. Its **real-data baseline** is the
same function with real series in the place of the synthetic ones: what a perfect generator would get. A new file here
is a new row in every table (docs/measures.md), and is tested by being there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tsinfogan.registry import Registry

if TYPE_CHECKING:
    from tsinfogan.metrics.samples.context import SampleContext

Group = Literal["fidelity", "utility", "diversity", "privacy"]
Better = Literal["lower", "higher", "one"]
Need = Literal["labels", "classes", "lengths", "series", "channels"]
StandIn = Literal["seen", "reference"]
ShareOf = Literal["synthetic", "reference", "both"]


@dataclass(frozen=True)
class FigureSpec:
    """One number of a measure, and what it takes to call it good.

    Attributes:
        summary: what the number is, in a few words for tables.
        better: which way is better; ``one`` is best at 1.
        slack: how much worse than the baseline it may be and still be called near to it.
        far: the verdict beyond that, in a few words.
        share_of: the series that the number is a share of; ``both`` if it is |0.5 − share| of synthetic and reference
            series; None if it is no share.
    """

    summary: str
    better: Better
    slack: float
    far: str
    share_of: ShareOf | None = None


@dataclass(frozen=True)
class SampleMeasure:
    """One measure of synthetic against real series.

    Attributes:
        summary: one sentence for tables and help.
        group: what it is about.
        figures: its numbers by name.
        compute: all of these by name, from the series and a seed. Deterministic for the two.
        needs: what there must be: known ``labels`` on both sides, labelled real series of two or more ``classes``,
            unequal ``lengths``, ``series`` in place of images, two or more ``channels``. Without, the measure is left
            out and the reason given.
        min_cases: series of each kind that it takes.
        stand_in: which real series take the place of synthetic ones for the baseline: those that the generator has
            ``seen``, or, where the measure looks for these (privacy), one half of the ``reference`` against the other.
        repeats: times that a full evaluation computes it, each with another seed and other samples.
        quick_repeats: times that a quick one does, where that is less: 2 for what trains a network each time.
        halves: random halves of the real series of which it is computed besides. Their spread tells by how much chance
            moves it. 0 for what trains a network each time.
        name: needed where it is passed as an object.
    """

    summary: str
    group: Group
    figures: Mapping[str, FigureSpec]
    compute: Callable[[SampleContext, int], Mapping[str, float]]
    needs: frozenset[Need] = frozenset()
    min_cases: int = 10
    stand_in: StandIn = "seen"
    repeats: int = 5
    quick_repeats: int = 5
    halves: int = 20
    name: str = ""

    def repeats_in(self, quick: bool) -> int:
        """Times that an evaluation, quick or full, computes it."""
        return min(self.repeats, self.quick_repeats) if quick else self.repeats


SAMPLE_MEASURES: Registry[SampleMeasure] = Registry(
    "measure", __name__, "SAMPLE_MEASURE", (SampleMeasure,), shared=("context",)
)
