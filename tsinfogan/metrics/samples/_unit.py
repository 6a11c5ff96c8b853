"""Series as published measures scale them: every channel on [0, 1], the range of the real series."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tsinfogan.data.panel import FloatArray, IntArray, Panel
from tsinfogan.metrics.samples.context import RealData

MIN_SPAN = 1e-7
MAX_TIMEPOINTS = 32
"""Recurrent networks take as long as a series has timepoints: longer ones are thinned for them."""


class Series(NamedTuple):
    """Series on one scale, NaN beyond a case's length."""

    values: FloatArray  # (n, t, c)
    lengths: IntArray  # (n,)

    def __add__(self, other: object) -> Series:
        """All cases of both, on the longer grid."""
        assert isinstance(other, Series)
        longest = max(len(side.values[0]) for side in (self, other))
        padded = [
            np.pad(side.values, ((0, 0), (0, longest - side.values.shape[1]), (0, 0)), constant_values=np.nan)
            for side in (self, other)
        ]
        return Series(np.concatenate(padded), np.concatenate([self.lengths, other.lengths]))

    def thinned(self) -> Series:
        """Every k-th timepoint, with the least k that leaves ``MAX_TIMEPOINTS`` or fewer; k is 1 for windows of 24."""
        k = -(-self.values.shape[1] // MAX_TIMEPOINTS)
        return Series(self.values[:, ::k], -(-self.lengths // k))


def unit_series(real: RealData, panel: Panel) -> Series:
    """``panel``, each channel less the least and over the span of all real series, as TimeGAN scales its data.

    A synthetic series beyond the real range is beyond [0, 1]: nothing is clipped.
    """
    both = (real.seen, real.reference)
    low = np.min([np.nanmin(one.values, axis=(0, 2)) for one in both], axis=0)  # (c,)
    high = np.max([np.nanmax(one.values, axis=(0, 2)) for one in both], axis=0)
    scaled = (panel.values - low[:, None]) / (high - low + MIN_SPAN)[:, None]
    return Series(np.ascontiguousarray(scaled.transpose(0, 2, 1), np.float32), panel.case_lengths)
