"""The augmentations that the data itself declares to leave a series what it is: the stronger baseline."""

from __future__ import annotations

from tsinfogan.data.panel import IntArray, Panel
from tsinfogan.metrics.augmentation.methods import Inputs, Method
from tsinfogan.metrics.augmentation.methods._series import augmented, copies


def augment(labelled: Panel, n_new: IntArray, inputs: Inputs, seed: int) -> Panel:
    """Copies of the labelled series, each augmented as far as the panel's own augmentations go."""
    return augmented(copies(labelled, n_new), labelled.augmentations, inputs, seed)


METHOD = Method(summary="the labelled series under the data's own label-preserving augmentations", augment=augment)
