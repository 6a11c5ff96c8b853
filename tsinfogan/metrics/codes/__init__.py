"""Measures of a model's codes by name, one a file. A new file here is a new row in every table (docs/measures.md).

Each file holds the measure as a plain function of arrays, which is what its tests feed good and bad input, and an
entry ``CODE_MEASURE`` that gathers those arrays from a :class:`CodeContext`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tsinfogan.registry import Registry

if TYPE_CHECKING:
    from tsinfogan.metrics.codes.context import CodeContext

Need = Literal["categories", "continuous", "recognition", "series", "labels", "factors"]


@dataclass(frozen=True)
class CodeMeasure:
    """One measure of a trained model.

    Attributes:
        summary: one sentence for tables and help.
        better: which way is better.
        needs: what there must be: of the model ``categories``, ``continuous`` codes, ``recognition`` of codes in
            series; real ``series``, with some known ``labels`` or generating ``factors``. Without, the measure is left
            out and the reason given.
        compute: the figures by name, such as ``{"accuracy": 0.97}`` or, one a code, ``{"flips_cont0": 0.004}``.
        name: needed where it is passed as an object.
    """

    summary: str
    better: Literal["higher", "lower"]
    needs: frozenset[Need]
    compute: Callable[[CodeContext], Mapping[str, float]]
    name: str = ""


CODE_MEASURES: Registry[CodeMeasure] = Registry(
    "measure", __name__, "CODE_MEASURE", (CodeMeasure,), shared=("context",)
)
