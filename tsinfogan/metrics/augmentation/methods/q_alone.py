"""No classifier and no sample: Q's category of a test series, named by the labelled series."""

from __future__ import annotations

from tsinfogan.data.panel import IntArray, Panel
from tsinfogan.metrics.augmentation.categories import classes_read
from tsinfogan.metrics.augmentation.methods import Inputs, Method


def read(labelled: Panel, test: Panel, inputs: Inputs, seed: int) -> IntArray:
    """Class of the category that Q reads."""
    assert inputs.model is not None
    return classes_read(inputs.model, labelled, test)


METHOD = Method(
    summary="no classifier: the category that Q reads, named by the labelled series",
    read=read,
    sees_unlabelled=True,
    needs_model=True,
    reference=True,
)
