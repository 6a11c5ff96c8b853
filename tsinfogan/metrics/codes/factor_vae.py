"""FactorVAE score (Kim and Mnih 2018, arXiv:1802.05983): fix one factor, see which code varies least."""

from __future__ import annotations

import numpy as np

from tsinfogan.data.matching import contingency
from tsinfogan.data.panel import IntArray
from tsinfogan.metrics.codes import CodeMeasure
from tsinfogan.metrics.codes._representation import Array, Codes, binned, columns_of, over_factors, stacked

BATCH_CASES = 64
TRAIN_VOTES = 10_000
TEST_VOTES = 5_000
MIN_SPREAD = 0.05
"""Standard deviation below which a code counts as unused."""
_VOTES_AT_ONCE = 500


def factor_vae(codes: Codes, factors: Array, seed: int = 0) -> dict[str, float]:
    """Share of batches in which the code that varies least shows which factor was fixed.

    A batch is 64 cases drawn, with replacement, from those that share one factor's value (a real factor's bin) with a
    case picked at random. Variances are relative to those of all cases; that of a category is 1 − Σ share², the summed
    variance of its columns. The code votes for the factor it was most often stillest for in 10,000 batches; 5,000
    further batches count.

    Returns:
        ``factor_vae``, 0…1; guessing gives 1 / n_factors, and fewer codes than factors at most their ratio. 0 where
        no code is used.
    """
    whole = np.array([columns_of(code).var(0, ddof=1).sum() for code in codes])
    used = whole >= MIN_SPREAD**2
    if not used.any():
        return {"factor_vae": 0.0}
    columns, first = stacked([code for code, use in zip(codes, used, strict=True) if use])
    rng = np.random.default_rng(seed)
    values = binned(factors)
    held, stillest = [], []
    for _ in range(0, TRAIN_VOTES + TEST_VOTES, _VOTES_AT_ONCE):
        factor = rng.integers(values.shape[1], size=_VOTES_AT_ONCE)
        batch = columns[_batches(values, factor, rng)]  # (votes, 64, columns)
        variances = np.add.reduceat(batch.var(1, ddof=1), first, axis=1)  # (votes, codes used)
        held.append(factor)
        stillest.append((variances / whole[used]).argmin(1))
    factor, code = np.concatenate(held), np.concatenate(stillest)
    n_used, n_factors = int(used.sum()), values.shape[1]
    believed = contingency(code[:TRAIN_VOTES], factor[:TRAIN_VOTES], n_used, n_factors).argmax(1)  # (codes used,)
    return {"factor_vae": float(np.mean(believed[code[TRAIN_VOTES:]] == factor[TRAIN_VOTES:]))}


def _batches(values: IntArray, factor: IntArray, rng: np.random.Generator) -> IntArray:
    """``(votes, 64)`` cases that share the value of ``factor`` (votes,) with a case picked at random."""
    chosen = np.empty((len(factor), BATCH_CASES), np.int64)
    for index in range(values.shape[1]):
        value, order = values[:, index], np.argsort(values[:, index], kind="stable")
        wanted = value[rng.integers(len(value), size=int((factor == index).sum()))]
        start, end = (np.searchsorted(value[order], wanted, side) for side in ("left", "right"))
        chosen[factor == index] = order[rng.integers(start[:, None], end[:, None], size=(len(wanted), BATCH_CASES))]
    return chosen


CODE_MEASURE = CodeMeasure(
    summary="how often the code that varies least shows which known factor was fixed (FactorVAE score)",
    better="higher",
    needs=frozenset({"recognition", "factors"}),
    compute=over_factors(factor_vae),
)
