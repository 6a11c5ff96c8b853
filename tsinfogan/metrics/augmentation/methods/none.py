"""No augmentation: the labelled series alone."""

from __future__ import annotations

from tsinfogan.metrics.augmentation.methods import Method

METHOD = Method(summary="the labelled series alone")
