"""Layers that several networks for series have in common.

One-dimensional convolutions are written as two-dimensional ones of height 1 in channels-last layout; no other form was
faster on any processor measured (docs/benchmarks.md).
"""

from __future__ import annotations

from torch import nn

MIN_GRID = 5
KERNEL = 5


def halvings(size: int, smallest: int = MIN_GRID) -> list[int]:
    """Grid sizes from coarse to fine, each half of the next rounded up: ``halvings(40) == [5, 10, 20, 40]``."""
    sizes = [size]
    while sizes[0] > smallest:
        sizes.insert(0, -(-sizes[0] // 2))
    return sizes


def convolution(n_in: int, n_out: int, stride: int = 1) -> nn.Conv2d:
    """A convolution over time on ``(n, c, 1, t)``."""
    return nn.Conv2d(n_in, n_out, (1, KERNEL), (1, stride), (0, KERNEL // 2))
