"""Mutual information gap (Chen, Li, Grosse and Duvenaud 2018, arXiv:1802.04942)."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import mutual_info_score

from tsinfogan.metrics.codes import CodeMeasure
from tsinfogan.metrics.codes._representation import Array, Codes, binned, equal_width, over_factors

MAX_CASES = 10_000
CODE_BINS = 20


def mig(codes: Codes, factors: Array, seed: int = 0) -> dict[str, float]:
    """How much more the best code knows of a factor than the next: mean over factors of (first − second I) / H, in 0…1.

    A continuous code is read in 20 bins of equal width, a category in its K. The first 10,000 cases count, and nothing
    is random.
    """
    values = binned(factors)[:MAX_CASES]
    kept = [code[:MAX_CASES] for code in codes]
    read = [equal_width(code, CODE_BINS) if code.ndim == 1 else code.argmax(1) for code in kept]
    gaps = []
    for value in values.T:
        *_, second, first = sorted(mutual_info_score(value, code) for code in read)
        gaps.append((first - second) / mutual_info_score(value, value))
    return {"mig": float(np.mean(gaps))}


CODE_MEASURE = CodeMeasure(
    summary="how much more one code knows of each known factor than any other code does (mutual information gap)",
    better="higher",
    needs=frozenset({"recognition", "factors"}),
    compute=over_factors(mig),
)
