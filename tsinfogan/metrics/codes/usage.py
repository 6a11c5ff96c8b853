"""Whether every category is used by real series about as often as its prior says."""

from __future__ import annotations

import math

import numpy as np
import torch

from tsinfogan.data.panel import FloatArray, IntArray
from tsinfogan.metrics.codes import CodeMeasure
from tsinfogan.training.losses import balance


def least_usage(categories: IntArray, prior: FloatArray) -> float:
    """Smallest share of ``(n,)`` categories, as a multiple of its prior share ``(K,)``: 0 is a dead category."""
    shares = np.bincount(categories, minlength=len(prior)) / len(categories)
    possible = prior > 0
    return float((shares[possible] / prior[possible]).min())


def evenness(logits: FloatArray, prior: FloatArray) -> float:
    """exp(− KL(q̄ ‖ prior)) of the mean of Q, logits ``(n, K)``: 1 is as the prior, 1/K all in one of K even ones."""
    return math.exp(-float(balance(torch.from_numpy(logits), torch.from_numpy(prior))))


CODE_MEASURE = CodeMeasure(
    summary="how evenly real series use the categories: the rarest against its prior share, and exp(−KL) to the prior",
    better="higher",
    needs=frozenset({"categories", "recognition", "series"}),
    compute=lambda context: {
        "usage_least": least_usage(context.read_categories, context.category_prior),
        "usage_evenness": evenness(context.views[0], context.category_prior),
    },
)
