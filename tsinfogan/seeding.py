"""Random numbers as a function of where they are used: the same seed and stream give the same draws.

So no random state needs to be stored to resume a training, or to generate samples in parts.
"""

from __future__ import annotations

from enum import IntEnum, unique
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


@unique
class Stream(IntEnum):
    """Every use of random numbers, each with a number of its own, so that no two uses share their draws.

    A changed number changes what the same seed gives: keep those that training and sampling use.
    """

    # training
    NETWORKS = 0  # initial weights
    DATA = 1  # order of the training series
    STEP = 2  # noise, codes and augmentations of a training step
    PRETRAINING = 4
    OPENING = 29  # convolutions and parts of the series that are clustered
    # sampling
    SAMPLE = 3
    VIEWS = 5  # augmented views that Q reads
    REDRAW = 22  # samples that replace near-copies of training series
    # labels and batches
    LABELS = 6  # which labels are kept
    BATCH = 7  # synthetic series of a batch
    REAL = 8  # order of the real series in batches
    # metrics
    CODE_VIEWS = 11  # augmented views for metrics of codes
    CLASSIFIER = 12
    MATCHING_VIEWS = 20  # augmented views for matching categories with classes
    COMPARISON = 21
    LABEL_ORDER = 23
    RARE = 24  # which cases of a rare class are kept
    STUDY = 25
    HOLD_OUT = 26
    INTERPOLATION = 27
    AUGMENTATION = 28


def derived_seed(seed: int, *index: int) -> int:
    """A 63-bit seed for one place, such as a stream and a step, under a user's seed."""
    return int(np.random.SeedSequence((seed, *index)).generate_state(1, np.uint64)[0]) >> 1


def generator_at(device: torch.device | str, seed: int, *index: int) -> torch.Generator:
    """A generator for one place."""
    import torch

    return torch.Generator(device).manual_seed(derived_seed(seed, *index))
