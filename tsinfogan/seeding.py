"""Random numbers as a function of where they are used: the same seed and place give the same draws.

So resuming a training, or cutting up the sampling, needs no stored random state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def derived_seed(seed: int, *index: int) -> int:
    """A 63-bit seed for one place, such as a stream and a step, under a user's seed."""
    return int(np.random.SeedSequence((seed, *index)).generate_state(1, np.uint64)[0] >> 1)


def generator_at(device: torch.device | str, seed: int, *index: int) -> torch.Generator:
    """A generator for one place."""
    import torch

    return torch.Generator(device).manual_seed(derived_seed(seed, *index))
