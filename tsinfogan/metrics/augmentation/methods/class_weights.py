"""No new series: the rare classes weigh as much as the others in the classifier's loss."""

from tsinfogan.metrics.augmentation.methods import Method

METHOD = Method(summary="the labelled series alone, each class with the same weight in the loss", class_weights=True)
