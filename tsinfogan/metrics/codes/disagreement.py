"""The loss of clustering pre-training, on any series: inconsistency under augmentation and uneven use of categories."""

from __future__ import annotations

import torch

from tsinfogan.data.panel import FloatArray
from tsinfogan.metrics.codes import CodeMeasure
from tsinfogan.training.config import Objective
from tsinfogan.training.losses import balance, consistency


def disagreement(views: FloatArray, prior: FloatArray, balance_weight: float = Objective.balance_weight) -> float:
    """− E[Σ q log q'] over ordered pairs of views + balance_weight · KL(q̄ ‖ prior), in nats.

    ``views`` are logits ``(n_views, n, K)`` of the same cases, augmented differently; ``prior`` is ``(K,)``.
    """
    logits = torch.from_numpy(views)
    return float(consistency(logits) + balance_weight * balance(logits.flatten(0, 1), torch.from_numpy(prior)))


CODE_MEASURE = CodeMeasure(
    summary="inconsistency of Q under the data's augmentations and uneven use of categories, in nats",
    better="lower",
    needs=frozenset({"categories", "recognition", "series"}),
    compute=lambda context: {"disagreement": disagreement(context.views, context.category_prior)},
)
