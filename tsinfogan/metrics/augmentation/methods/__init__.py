"""Ways to get more series of each class, one a file. A new file here is a new row in the table of the study.

Each file offers ``METHOD``. Most of them generate new series of a panel's classes; a few do something else with the
same labels, for comparison (docs/augmentation.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tsinfogan.registry import Registry

if TYPE_CHECKING:
    import torch

    from tsinfogan.data.panel import IntArray, Panel
    from tsinfogan.models.model import Model
    from tsinfogan.preprocessing.preprocessor import Preprocessor


@dataclass(frozen=True, eq=False)
class Inputs:
    """What a method may use beside the labelled series."""

    preprocessor: Preprocessor  # fitted on all training series, for every method the same
    unlabelled: Panel  # all training series without a label
    model: Model | None  # a generator that was trained on those without a label, or None
    fit: Callable[..., Model]  # trains another one, as :func:`tsinfogan.fit` does
    device: torch.device  # where to compute
    note: Callable[[str], None]  # takes a sentence about what could not be done as asked


Augmenter = Callable[["Panel", "IntArray", Inputs, int], "Panel"]
"""From labelled series, at least one of each class, the numbers ``(n_classes,)`` wanted of each, what else may be used,
and a seed to new series in raw units, labelled with the same classes."""
Reader = Callable[["Panel", "Panel", Inputs, int], "IntArray"]
"""From labelled series, test series, what else may be used, and a seed to the class ``(n_cases,)`` of each test series,
−1 for none: predicts classes without the study's classifier."""


@dataclass(frozen=True)
class Method:
    """One way to use a few labelled series.

    Attributes:
        summary: one sentence for tables and help.
        augment: generates new series; without, the classifier gets the labelled series alone.
        read: predicts classes in place of the classifier.
        class_weights: whether the rare classes weigh as much as the others in the classifier's loss.
        sees_unlabelled: whether it uses training series beside the labelled ones.
        needs_model: whether it uses a generator.
        synthetic: whether what it adds comes from a generator.
        reference: whether it is there to compare with only: it augments nothing.
        slow: whether it takes minutes a time, so that it is left out unless asked for.
        name: needed where it is passed as an object.
    """

    summary: str
    augment: Augmenter | None = None
    read: Reader | None = None
    class_weights: bool = False
    sees_unlabelled: bool = False
    needs_model: bool = False
    synthetic: bool = False
    reference: bool = False
    slow: bool = False
    name: str = ""


BASELINE = "none"
"""The method that the others are compared with."""
METHODS: Registry[Method] = Registry("method", __name__, "METHOD", (Method,))


def in_order(methods: Mapping[str, Method]) -> dict[str, Method]:
    """The baseline first, then what needs nothing, generators, and what is there to compare with only."""

    def rank(name: str) -> tuple[bool, bool, bool, str]:
        method = methods[name]
        return name != BASELINE, method.reference, method.synthetic, name

    return {name: methods[name] for name in sorted(methods, key=rank)}
