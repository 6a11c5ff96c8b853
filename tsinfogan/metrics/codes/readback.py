"""Whether Q recovers a continuous code from the sample generated with it."""

from __future__ import annotations

from tsinfogan.data.panel import FloatArray
from tsinfogan.metrics.codes import CodeMeasure
from tsinfogan.metrics.codes.context import CodeContext


def r_squared(estimates: FloatArray, codes: FloatArray) -> float:
    """1 − MSE / Var of ``(n,)`` estimates of ``(n,)`` codes: 1 is exact, 0 is as good as always guessing the mean."""
    return float(1 - ((estimates - codes) ** 2).mean() / codes.var())


def _compute(context: CodeContext) -> dict[str, float]:
    drawn, read = context.read_back
    return {f"r2_{column}": r_squared(read[column][:, 0], drawn[column]) for column in context.continuous}


CODE_MEASURE = CodeMeasure(
    summary="R² of Q's estimate of each continuous code on samples",
    better="higher",
    needs=frozenset({"continuous"}),
    compute=_compute,
)
