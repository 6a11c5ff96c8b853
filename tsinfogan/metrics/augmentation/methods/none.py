"""No augmentation: the labelled series alone."""

from tsinfogan.metrics.augmentation.methods import Method

METHOD = Method(summary="the labelled series alone")
