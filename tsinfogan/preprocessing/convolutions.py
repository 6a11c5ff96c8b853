"""Features of series by many fixed convolutions, by which series of one class lie close together, whatever it is.

MiniRocket (Dempster, Schmidt & Webb 2021, arXiv:2012.08791) convolves a series with 84 kernels of nine weights, two
different ones, at several dilations; a feature is the share of timepoints at which the result exceeds a threshold that
was found in the data. A linear classifier on such features is among the best there are, and so are the distances
between them for clustering. As in MultiRocket (Tan et al. 2022, arXiv:2102.00457), first differences of the series are
convolved too. Nothing is learned.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

KERNEL_SIZE, N_POSITIVE = 9, 3
N_DILATIONS = 6
N_THRESHOLDS = 4
"""Thresholds of each kernel and dilation, quantiles of what it gives for some cases."""
CASES_FOR_THRESHOLDS = 64
CHANNEL_GROUPS = 7
"""Kernels of one dilation, of several channels, are divided between so many random sets of channels."""
MAX_CHANNELS = 9
"""Largest set of channels that are added up."""
CASES_AT_ONCE = 256


def convolution_features(values: Tensor, seed: int) -> Tensor:
    """``(n, f)`` features between 0 and 1 of series ``(n, c, t)`` and their first differences.

    Args:
        values: the series, each channel on a scale that makes channels comparable.
        seed: of the sets of channels and the quantiles that are thresholds; another seed gives other features.

    Example:
        >>> import torch
        >>> from tsinfogan.preprocessing.convolutions import convolution_features
        >>> convolution_features(torch.randn(20, 2, 50), seed=0).shape
        torch.Size([20, 2688])
    """
    rng = np.random.default_rng(seed)
    parts = [_exceedances(values, rng)]
    if values.shape[2] > 1:
        differences = values.diff(dim=2)
        scale = differences.std(dim=(0, 2), keepdim=True)  # (1, c, 1)
        parts.append(_exceedances(differences / scale.clamp_min(torch.finfo(scale.dtype).tiny), rng))
    return torch.cat(parts, dim=1)


def _exceedances(values: Tensor, rng: np.random.Generator) -> Tensor:
    """``(n, f)`` shares of timepoints above thresholds, over kernels, dilations and sets of channels."""
    n_cases, n_channels, n_timepoints = values.shape
    kernels = _kernels().to(values)  # (k, 1, 9)
    some = torch.from_numpy(rng.choice(n_cases, min(n_cases, CASES_FOR_THRESHOLDS), replace=False)).to(values.device)
    n_groups = CHANNEL_GROUPS if n_channels > 1 else 1
    features = []
    for dilation in _dilations(n_timepoints):
        for group in range(n_groups):
            series = _added_up(values, rng) if n_channels > 1 else values  # (n, 1, t)
            quantiles = rng.uniform(0.05, 0.95, N_THRESHOLDS)
            chosen = kernels[group::n_groups]  # (k, 1, 9)
            found = _convolved(series[some], chosen, dilation).transpose(0, 1).flatten(1)  # (k, n * t)
            thresholds = torch.from_numpy(np.quantile(found.cpu().numpy(), quantiles, axis=1)).to(values)  # (q, k)
            for part in series.split(CASES_AT_ONCE):
                convolved = _convolved(part, chosen, dilation)  # (n, k, t)
                above = torch.empty_like(convolved)  # as numbers, of which means are several times as fast
                each = [torch.gt(convolved, threshold[:, None], out=above).mean(2) for threshold in thresholds]
                features.append(torch.cat(each, dim=1))
    n_parts = -(-n_cases // CASES_AT_ONCE)
    of_kernels = [torch.cat(features[start : start + n_parts]) for start in range(0, len(features), n_parts)]
    return torch.cat(of_kernels, dim=1)


def _convolved(series: Tensor, kernels: Tensor, dilation: int) -> Tensor:
    return F.conv1d(series, kernels, dilation=dilation, padding=dilation * (KERNEL_SIZE // 2))


def _added_up(values: Tensor, rng: np.random.Generator) -> Tensor:
    """``(n, 1, t)`` the sum of a random set of the channels ``(n, c, t)``; small sets are as frequent as large ones."""
    n_channels = values.shape[1]
    size = int(2 ** rng.uniform(0, np.log2(min(n_channels, MAX_CHANNELS) + 1)))
    chosen = torch.from_numpy(rng.choice(n_channels, min(n_channels, size), replace=False))
    return values[:, chosen.to(values.device)].sum(1, keepdim=True)


def _kernels() -> Tensor:
    """``(84, 1, 9)``: three weights of 2 among six of −1 in every way; an offset counts at the ends alone."""
    weights = torch.full((84, 1, KERNEL_SIZE), -1.0)
    for kernel, positive in enumerate(combinations(range(KERNEL_SIZE), N_POSITIVE)):
        weights[kernel, 0, list(positive)] = 2.0
    return weights


def _dilations(n_timepoints: int) -> NDArray[np.int64]:
    """Dilations from 1 to that at which a kernel is as long as the series, evenly spaced in their logarithm."""
    largest = max(1, (n_timepoints - 1) // (KERNEL_SIZE - 1))
    return np.unique((2 ** np.linspace(0, np.log2(largest), N_DILATIONS) + 1e-9).astype(np.int64))
