"""Jitter, scaling and time warping, as for data of which nothing is known (Um et al. 2017, arXiv:1706.00527)."""

from __future__ import annotations

from tsinfogan.data.augmentations import Distortions
from tsinfogan.data.panel import IntArray, Panel
from tsinfogan.metrics.augmentation.methods import Means, Method
from tsinfogan.metrics.augmentation.methods._series import distorted, repeated

STANDARD = Distortions(noise=0.05, amplitude=0.1, time_warp=0.05)


def augment(labelled: Panel, n_new: IntArray, means: Means, seed: int) -> Panel:
    """Copies of the labelled series with noise, another amplitude and a warped time axis."""
    assert labelled.labels is not None
    return distorted(labelled.subset(repeated(labelled.labels, n_new)), STANDARD, means, seed)


METHOD = Method(summary="the labelled series with jitter, scaling and time warping of usual strength", augment=augment)
