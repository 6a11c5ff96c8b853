"""Samples of the categories that the labelled series lie in, as the generator makes them."""

from tsinfogan.metrics.augmentation.methods import Method
from tsinfogan.metrics.augmentation.methods._series import samples

METHOD = Method(
    summary="samples of the categories that the labelled series lie in",
    augment=samples,
    sees_unlabelled=True,
    needs_model=True,
    synthetic=True,
)
