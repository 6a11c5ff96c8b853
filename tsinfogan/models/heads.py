"""The recognition network's head: from a trunk's features to the parameters of every code's posterior."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

HIDDEN_SIZE = 128
MIN_RELATIVE_STD = 0.1
"""Least standard deviation that a feature is divided by, relative to the mean one."""


class Standardize(nn.Module):
    """Subtracts each feature's mean and divides by its standard deviation, both fixed when last fitted.

    Features of an untrained trunk differ little between cases, so without this the consistency loss stays near its
    symmetric start for long. Layer normalization helps as well, but removes the size of the features, which tells
    series of small and large amplitude apart. Unlike batch normalization, the output for a case does not depend on the
    rest of the batch.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, n_features: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("scale", torch.ones(n_features))

    @torch.no_grad()
    def fit(self, features: Tensor) -> None:
        """Measures mean and standard deviation of ``(n, n_features)``; nearly constant features are not amplified."""
        std = features.std(0)
        self.mean.copy_(features.mean(0))
        self.scale.copy_(std.clamp_min(MIN_RELATIVE_STD * float(std.mean()) + torch.finfo(std.dtype).tiny))

    def forward(self, features: Tensor) -> Tensor:
        """``(…, n_features)`` to the same shape."""
        return (features - self.mean) / self.scale


class RecognitionHead(nn.Sequential):
    """Q on a trunk's features ``(n, feature_dim)``: standardized, then a hidden layer, to ``(n, n_parameters)``."""

    def __init__(self, feature_dim: int, n_parameters: int):
        super().__init__(
            Standardize(feature_dim),
            nn.Linear(feature_dim, HIDDEN_SIZE),
            nn.LeakyReLU(0.2),
            nn.Linear(HIDDEN_SIZE, n_parameters),
        )
        self.feature_dim = feature_dim

    @property
    def standardize(self) -> Standardize:
        """The first layer."""
        return cast(Standardize, self[0])

    def fit(self, features: Tensor) -> None:
        """Fits :attr:`standardize` on features ``(n, feature_dim)``, in place; the weights stay."""
        self.standardize.fit(features)

    @torch.no_grad()
    def rescale(self, features: Tensor) -> None:
        """Fits :attr:`standardize` anew, in place; the weights that follow change with it, so that outputs stay."""
        standardize, linear = self.standardize, cast(nn.Linear, self[1])
        mean, scale = standardize.mean.clone(), standardize.scale.clone()
        self.fit(features)
        linear.bias.add_(linear.weight @ ((standardize.mean - mean) / scale))
        linear.weight.mul_(standardize.scale / scale)
