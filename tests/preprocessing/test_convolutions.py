"""Features of random convolutions: what changes them, what does not, and that they tell kinds of series apart."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from tsinfogan.preprocessing import convolutions
from tsinfogan.preprocessing.convolutions import convolution_features


def series(n: int = 30, channels: int = 2, timepoints: int = 40) -> Tensor:
    return torch.randn(n, channels, timepoints, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("channels", "timepoints"), [(1, 1), (1, 2), (1, 8), (3, 40), (24, 51)])
def test_features_are_shares_whatever_the_shape(channels: int, timepoints: int) -> None:
    features = convolution_features(series(20, channels, timepoints), seed=0)
    assert len(features) == 20
    assert bool(features.isfinite().all())
    assert float(features.min()) >= 0
    assert float(features.max()) <= 1


def test_they_follow_from_the_seed() -> None:
    assert torch.equal(convolution_features(series(), 0), convolution_features(series(), 0))
    assert not torch.equal(convolution_features(series(), 0), convolution_features(series(), 1))


def test_the_scale_of_all_series_does_not_matter() -> None:
    # thresholds are quantiles, and twice a float is exact
    torch.testing.assert_close(convolution_features(2 * series(), 0), convolution_features(series(), 0))


def test_parts_of_many_series_are_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = convolution_features(series(), 0)
    monkeypatch.setattr(convolutions, "CASES_AT_ONCE", 7)
    torch.testing.assert_close(convolution_features(series(), 0), whole)


def test_the_nearest_series_is_of_the_same_kind_wherever_its_peak_is() -> None:
    rng = np.random.default_rng(0)
    time, kind = np.linspace(0, 1, 60), np.arange(60) % 2
    place = rng.uniform(0.2, 0.8, (60, 1))
    width = np.where(kind, 0.02, 0.08)[:, None]
    values = np.exp(-(((time - place) / width) ** 2)) + 0.02 * rng.normal(size=(60, 60))
    features = convolution_features(torch.from_numpy(values[:, None]).float(), 0)
    nearest = torch.cdist(features, features).fill_diagonal_(math.inf).argmin(1)
    assert (kind[nearest] == kind).mean() > 0.95
