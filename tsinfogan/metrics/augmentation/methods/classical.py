"""Jitter, scaling and time warping, as for data of which nothing is known (Um et al. 2017, arXiv:1706.00527)."""

from __future__ import annotations

from tsinfogan.data.augmentations import Augmentations
from tsinfogan.data.panel import IntArray, Panel
from tsinfogan.metrics.augmentation.methods import Inputs, Method
from tsinfogan.metrics.augmentation.methods._series import augmented, copies

STANDARD = Augmentations(noise=0.05, amplitude=0.1, time_warp=0.05)


def augment(labelled: Panel, n_new: IntArray, inputs: Inputs, seed: int) -> Panel:
    """Copies of the labelled series with noise, another amplitude and a warped time axis."""
    return augmented(copies(labelled, n_new), STANDARD, inputs, seed)


METHOD = Method(summary="the labelled series with jitter, scaling and time warping of usual strength", augment=augment)
