"""What Q reads, as the disentanglement measures take it, beside the generating factors of each case.

A code is an array: ``(n,)`` numbers of a continuous code, or ``(n, K)`` ones and zeros of a category. So a category is
one code however many columns it has, and its number has no order. The protocol is that of disentanglement_lib
(Locatello et al. 2019, arXiv:1811.12359), whose representations have real dimensions only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tsinfogan.data.panel import IntArray

if TYPE_CHECKING:
    from tsinfogan.metrics.codes.context import CodeContext

Array = NDArray[Any]
Codes = Sequence[Array]
Score = Callable[[Codes, Array, int], Mapping[str, float]]
"""Figures from codes, factors ``(n, n_factors)``, each with two values or more, and a seed."""

MAX_CASES = 15_000
FACTOR_BINS = 10
"""Values that a real factor is given. Of equal width: the factors of the library's data lie on even grids; and it
divides the 20 bins of a code's histogram, so that a code which is the factor keeps all of its information."""


def over_factors(score: Score) -> Callable[[CodeContext], Mapping[str, float]]:
    """``score`` as a measure: of up to 15,000 real cases in random order, and of the factors that vary among them.

    A model of fewer than two codes has no figures.
    """

    def compute(context: CodeContext) -> Mapping[str, float]:
        n_cases = context.real.n_cases
        order = np.random.default_rng(context.seed).permutation(n_cases)[:MAX_CASES]
        factors = context.real.subset(order).factors
        assert factors is not None
        values = binned(factors)[: 2 * len(order) // 3]  # what classifiers learn from must vary
        factors = factors[:, (values != values[:1]).any(0)]
        codes = [code[order] for code in codes_read(context)]
        return score(codes, factors, context.seed) if len(codes) > 1 and factors.size else {}

    return compute


def codes_read(context: CodeContext) -> list[Array]:
    """Every code of the model as Q reads it in ``context.real``: ``(n,)``, or ``(n, K)`` for a category."""
    latent = context.model.settings.latent
    return [
        np.eye(code.n_categories)[context.encoded[column]] if code.is_categorical else context.encoded[column]
        for column, code in zip(latent.columns, latent.codes, strict=True)
    ]


def columns_of(code: Array) -> Array:
    """``(n, k)`` columns of a code; k is 1 for a continuous one."""
    return code.reshape(len(code), -1).astype(np.float64)


def stacked(codes: Codes) -> tuple[Array, IntArray]:
    """The columns ``(n, k)`` of all codes side by side, and the index of each code's first one."""
    columns = [columns_of(code) for code in codes]
    return np.concatenate(columns, axis=1), np.cumsum([0] + [column.shape[1] for column in columns[:-1]])


def are_classes(factors: Array) -> NDArray[np.bool_]:
    """``(n_factors,)`` whether a factor takes whole numbers only, as a letter does."""
    whole: NDArray[np.bool_] = (factors == np.floor(factors)).all(0)
    return whole


def binned(factors: Array) -> IntArray:
    """``(n, n_factors)`` whole numbers: classes as they are, real factors in ``FACTOR_BINS`` bins of equal width."""
    bins = np.stack([equal_width(factor, FACTOR_BINS) for factor in factors.T], axis=1)
    return np.where(are_classes(factors), factors, bins).astype(np.int64)


def equal_width(values: Array, n_bins: int) -> IntArray:
    """``(n,)`` bin of each value between the least and the greatest."""
    edges = np.histogram_bin_edges(values.astype(np.float64), n_bins)
    return np.digitize(values, edges[1:-1])


def split(n_cases: int, n_train: int = 10_000) -> tuple[slice, slice]:
    """The first two thirds, at most ``n_train``, and half as many that follow them."""
    n_train = min(n_train, 2 * n_cases // 3)
    return slice(n_train), slice(n_train, n_train + max(1, n_train // 2))
