"""Samples and labelled series in equal numbers, all under the data's own distortions."""

from __future__ import annotations

from tsinfogan.data.panel import IntArray, Panel
from tsinfogan.metrics.augmentation.methods import Means, Method
from tsinfogan.metrics.augmentation.methods._sampling import samples
from tsinfogan.metrics.augmentation.methods._series import distorted, repeated


def augment(labelled: Panel, n_new: IntArray, means: Means, seed: int) -> Panel:
    """Half of the series wanted are samples, half are the labelled series, and none is left undistorted."""
    assert labelled.labels is not None
    copies = n_new // 2
    both = [samples(labelled, n_new - copies, means, seed), labelled.subset(repeated(labelled.labels, copies))]
    return distorted(Panel.concatenated(both), labelled.distortions, means, seed)


METHOD = Method(
    summary="samples and labelled series in equal numbers, all under the data's own distortions",
    augment=augment,
    sees_unlabelled=True,
    needs_model=True,
    synthetic=True,
)
