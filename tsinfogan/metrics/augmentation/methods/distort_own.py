"""The distortions that the data itself declares to leave a series what it is: the stronger baseline."""

from __future__ import annotations

from tsinfogan.data.panel import IntArray, Panel
from tsinfogan.metrics.augmentation.methods import Means, Method
from tsinfogan.metrics.augmentation.methods._series import distorted, repeated


def augment(labelled: Panel, n_new: IntArray, means: Means, seed: int) -> Panel:
    """Copies of the labelled series, each distorted as far as the panel's own distortions go."""
    assert labelled.labels is not None
    return distorted(labelled.subset(repeated(labelled.labels, n_new)), labelled.distortions, means, seed)


METHOD = Method(summary="the labelled series under the data's own label-preserving distortions", augment=augment)
