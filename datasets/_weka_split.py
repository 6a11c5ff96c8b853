"""The train/test split of the UEA archive, recomputed from the order of the original data.

The archive shuffled each class with Weka's ``Instances.randomize`` (Fisher–Yates from the end) and put the first half
into the training set; all classes drew in turn from one ``java.util.Random(0)``. The same done to CharacterTrajectories
of UCI gives exactly the archive's split and row order, so neither has to be stored or downloaded.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MASK_48 = (1 << 48) - 1


class JavaRandom:
    """``java.util.Random``: the 48-bit linear congruential generator that Java's documentation specifies."""

    def __init__(self, seed: int) -> None:
        self._state = (seed ^ 0x5DEECE66D) & _MASK_48

    def _next_31_bits(self) -> int:
        self._state = (self._state * 0x5DEECE66D + 0xB) & _MASK_48
        return self._state >> 17

    def next_int(self, bound: int) -> int:
        """A number in 0 … bound − 1, as ``nextInt(bound)``."""
        if bound & (bound - 1) == 0:
            return (bound * self._next_31_bits()) >> 31
        while True:
            bits = self._next_31_bits()
            remainder = bits % bound
            if bits - remainder + bound - 1 < 1 << 31:  # else small numbers would be more frequent
                return remainder


def split_indices(labels: NDArray[np.int64], seed: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of the training and of the test cases, each in the archive's row order.

    ``labels`` ``(n_cases,)`` are in the order of the original data; the seed is that of Java's generator.
    """
    random = JavaRandom(seed)
    train: list[int] = []
    test: list[int] = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label).tolist()
        for last in range(len(members) - 1, 0, -1):
            other = random.next_int(last + 1)
            members[last], members[other] = members[other], members[last]
        half = len(members) // 2
        train += members[:half]
        test += members[half:]
    return np.array(train, dtype=np.int64), np.array(test, dtype=np.int64)
