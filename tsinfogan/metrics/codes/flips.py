"""Whether a continuous code leaves the class unchanged."""

from __future__ import annotations

from tsinfogan.data.panel import IntArray
from tsinfogan.metrics.codes import CodeMeasure
from tsinfogan.metrics.codes.context import CodeContext


def flip_share(classes: IntArray) -> float:
    """Share of sweeps ``(n_sweeps, steps)`` on which the class changes anywhere."""
    return float((classes != classes[:, :1]).any(1).mean())


def _compute(context: CodeContext) -> dict[str, float]:
    figures = {}
    for column, index in context.continuous.items():
        values = context.sweep_values(index)  # (n_sweeps, steps, c, *grid)
        classes = context.classifier.predict(values.reshape(-1, *values.shape[2:]))
        figures[f"flips_{column}"] = flip_share(classes.reshape(values.shape[:2]))
    return figures


CODE_MEASURE = CodeMeasure(
    summary="share of sweeps of a continuous code over [−1, 1] on which the class changes",
    better="lower",
    needs=frozenset({"continuous", "labels"}),
    compute=_compute,
)
