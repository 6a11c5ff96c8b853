"""A tiny estimator that several tests share."""

from __future__ import annotations

from typing import Any

from tsinfogan.estimators.infogan import InfoGAN

TINY = {"width": 4, "batch_size": 8, "pretraining_steps": 0}


def new(**parameters: Any) -> InfoGAN:
    """An estimator that is trained in no time."""
    settings = {**TINY, **parameters.pop("settings", {})}
    return InfoGAN(
        **{"max_steps": 4, "noise_dim": 3, "random_state": 0, "device": "cpu", **parameters, "settings": settings}
    )
