"""The bound on the mutual information of each code and the samples (Chen et al. 2016, equation 4)."""

from __future__ import annotations

import torch

from tsinfogan.data.panel import FloatArray, IntArray
from tsinfogan.metrics.codes import CodeMeasure
from tsinfogan.metrics.codes.context import CodeContext
from tsinfogan.models.codes import Code


def bound(code: Code, parameters: FloatArray, values: FloatArray | IntArray) -> float:
    """L = H(c) + E[log Q(c | x)] in nats, from Q's parameters ``(n, n_parameters)`` on samples of ``(n,)`` codes."""
    return code.entropy + float(code.log_prob(torch.from_numpy(parameters), torch.from_numpy(values)).mean())


def _compute(context: CodeContext) -> dict[str, float]:
    drawn, read = context.read_back
    latent = context.model.settings.latent
    figures = {}
    for column, code in zip(latent.columns, latent.codes, strict=True):
        figures[f"bound_{column}"] = bound(code, read[column], drawn[column])
        if code.is_categorical and code.entropy:
            figures[f"bound_{column}_share"] = figures[f"bound_{column}"] / code.entropy
    return figures


CODE_MEASURE = CodeMeasure(
    summary="bound on the information that samples hold of each code, in nats; of categories as a share of H(c) too",
    better="higher",
    needs=frozenset(),
    compute=_compute,
)
