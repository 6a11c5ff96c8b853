"""The way from raw units to networks in torch is that of the preprocessor."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tsinfogan.data.panel import Panel
from tsinfogan.errors import SettingError
from tsinfogan.preprocessing.preprocessor import Preprocessor
from tsinfogan.preprocessing.torch_forward import MAX_TIMEPOINTS, NetworkValues


def panel_of(lengths: np.ndarray, n_channels: int = 2, seed: int = 0) -> Panel:
    rng = np.random.default_rng(seed)
    cases = [np.exp(rng.normal(size=(n_channels, length)).cumsum(1) / 3) for length in lengths]
    return Panel.from_cases(cases, kinds=("real", "integer")[:n_channels])


def as_tensors(panel: Panel, n_timepoints: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Values up to ``n_timepoints``, and lengths."""
    values = np.full((panel.n_cases, panel.n_channels, n_timepoints), np.nan, np.float32)
    values[:, :, : panel.values.shape[2]] = panel.values
    return torch.from_numpy(values), torch.from_numpy(panel.case_lengths)


@pytest.mark.parametrize("scaling", ["standard", "robust", "quantile"])
@pytest.mark.parametrize(("shortest", "longest"), [(1, 2), (1, 3), (1, 7), (2, 40), (30, 41)])
def test_series_become_those_of_the_preprocessor(scaling: str, shortest: int, longest: int) -> None:
    lengths = np.random.default_rng(1).integers(shortest, longest, 30)
    lengths[:2] = shortest, longest
    fitted = panel_of(lengths)
    preprocessor = Preprocessor.fit(fitted, scaling=scaling)
    network_values = NetworkValues(preprocessor)
    # Of these, some values lie beyond the range that was fitted, and some lengths below it.
    for panel in (fitted, panel_of(np.r_[longest, 1 : longest + 1], seed=1)):
        got = network_values(*as_tensors(panel, longest))
        np.testing.assert_allclose(got, preprocessor.transform(panel), rtol=2e-5, atol=2e-5)


def test_what_lies_beyond_the_end_of_a_series_has_no_effect() -> None:
    panel = panel_of(np.array([5, 9, 12]))
    network_values = NetworkValues(Preprocessor.fit(panel))
    values, lengths = as_tensors(panel, 12)
    assert torch.equal(network_values(values, lengths), network_values(values.nan_to_num(1e6), lengths))


def test_long_series_keep_their_precision() -> None:
    panel = panel_of(np.array([700, 1200, 999]), n_channels=1)
    preprocessor = Preprocessor.fit(panel)
    got = NetworkValues(preprocessor)(*as_tensors(panel, 1200))
    np.testing.assert_allclose(got, preprocessor.transform(panel), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("view", ["lines", "image"])
def test_cases_of_one_size_are_scaled_alone(view: str) -> None:
    shape = (20, 2, 5, 7) if view == "image" else (20, 2, 16)
    panel = Panel(np.random.default_rng(0).normal(size=shape).astype(np.float32), ("a", "b"), view=view)
    preprocessor = Preprocessor.fit(panel)
    got = NetworkValues(preprocessor)(torch.from_numpy(panel.values))
    np.testing.assert_allclose(got, preprocessor.transform(panel), rtol=1e-6)


def test_series_that_are_too_long_are_refused() -> None:
    lengths = (2, MAX_TIMEPOINTS + 1)
    preprocessor = Preprocessor(Preprocessor.fit(panel_of(np.array([5, 9]))).channels, (8,), lengths=lengths)
    with pytest.raises(
        SettingError, match=rf"at most {MAX_TIMEPOINTS} timepoints .* got up to {MAX_TIMEPOINTS + 1}; cut"
    ):
        NetworkValues(preprocessor)
