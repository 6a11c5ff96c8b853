"""The way back to raw units in torch is that of the preprocessor."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tsinfogan.data.panel import Panel
from tsinfogan.preprocessing.preprocessor import Preprocessor
from tsinfogan.preprocessing.torch_inverse import RawSeries


@pytest.mark.parametrize("scaling", ["standard", "robust", "quantile"])
@pytest.mark.parametrize("shortest", [1, 2, 9, 30])
def test_series_get_the_values_and_lengths_of_the_preprocessor(scaling: str, shortest: int) -> None:
    rng = np.random.default_rng(0)
    cases = [np.exp(rng.normal(size=(2, length)).cumsum(1) / 3) for length in rng.integers(shortest, 41, 30)]
    cases = [np.stack([first, second.round()]) for first, second in cases]
    panel = Panel.from_cases(cases, kinds=("real", "integer"))
    preprocessor = Preprocessor.fit(panel, scaling=scaling)
    seen = rng.normal(size=(50, 3, *preprocessor.grid)).astype(np.float32)
    expected, expected_lengths = preprocessor.inverse(seen)
    values, lengths = RawSeries(preprocessor, torch.device("cpu"))(torch.from_numpy(seen))
    np.testing.assert_array_equal(lengths, expected_lengths)
    np.testing.assert_allclose(values[:, 0], expected[:, 0], rtol=1e-4, atol=1e-4)
    assert (values[:, 1].nan_to_num() == torch.from_numpy(expected[:, 1]).nan_to_num()).float().mean() > 0.999


def test_series_of_one_length_stay_as_long_as_they_are() -> None:
    panel = Panel.from_arrays(np.random.default_rng(0).normal(size=(20, 2, 16)))
    preprocessor = Preprocessor.fit(panel)
    seen = preprocessor.transform(panel)
    values, lengths = RawSeries(preprocessor, torch.device("cpu"))(torch.from_numpy(seen))
    np.testing.assert_allclose(values, panel.values, rtol=1e-5, atol=1e-6)
    assert lengths.tolist() == [16] * 20
