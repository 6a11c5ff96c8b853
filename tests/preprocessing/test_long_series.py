"""Long series of one length: on a grid as short as they allow, and back to their own length."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from _trainers import random_model
from tsinfogan.data.panel import FloatArray, Panel
from tsinfogan.preprocessing.grid import MAX_GRID
from tsinfogan.preprocessing.preprocessor import Preprocessor
from tsinfogan.preprocessing.torch_forward import NetworkValues
from tsinfogan.preprocessing.torch_inverse import RawSeries, Units
from tsinfogan.sampling.inference import encode
from tsinfogan.sampling.sampler import sample


def smooth(n: int = 100, length: int = 3000) -> FloatArray:
    """``(n, 2, length)`` sums of three slow sines."""
    rng = np.random.default_rng(0)
    time = np.linspace(0, 1, length)
    waves = np.sin(2 * np.pi * (np.arange(1, 4)[:, None] * time + rng.uniform(size=(n, 2, 3, 1))))  # (n, 2, 3, length)
    return waves.sum(2).astype(np.float32)


def rough(n: int, length: int) -> FloatArray:
    return np.random.default_rng(0).normal(size=(n, 1, length)).astype(np.float32)


def test_smooth_ones_go_through_few_points() -> None:
    panel = Panel.from_arrays(smooth(length=1500))
    fitted = Preprocessor.fit(panel)
    assert fitted.grid[0] <= 64
    assert fitted.n_constant == 0, "no duration to learn"
    seen = fitted.transform(panel)
    assert seen.shape == (100, 2, fitted.grid[0])
    back, lengths = fitted.inverse(seen)
    assert lengths is None
    np.testing.assert_allclose(back, panel.values, atol=0.05)


@pytest.mark.parametrize(("length", "n_points"), [(MAX_GRID, MAX_GRID), (MAX_GRID + 1, MAX_GRID), (5000, MAX_GRID)])
def test_a_grid_has_so_many_points_at_most(length: int, n_points: int) -> None:
    panel = Panel.from_arrays(rough(30, length))
    fitted = Preprocessor.fit(panel)
    assert fitted.grid == (n_points,)
    assert (fitted.lengths is None) == (length == MAX_GRID), "what needs no grid is left as it is"
    assert fitted.inverse(fitted.transform(panel))[0].shape == panel.values.shape


def test_lengths_that_differ_have_a_channel_still() -> None:
    panel = Panel.from_cases([*smooth(20), smooth(1, 2000)[0]])
    fitted = Preprocessor.fit(panel)
    assert fitted.n_constant == 1
    assert fitted.inverse(fitted.transform(panel))[1].tolist() == panel.case_lengths.tolist()


def test_a_model_samples_and_reads_at_full_length() -> None:
    panel = Panel.from_arrays(smooth(40))
    model = random_model(panel, n_categories=(3,))
    synthetic = sample(model, 5).panel
    assert synthetic.values.shape == (5, 2, 3000)
    assert synthetic.lengths is None
    assert len(encode(model, panel)["cat"]) == 40


def test_operations_of_torch_do_the_same() -> None:
    panel = Panel.from_arrays(smooth(30, 1100))
    fitted = Preprocessor.fit(panel)
    seen = fitted.transform(panel)
    cpu = torch.device("cpu")
    back, lengths = RawSeries(fitted, cpu)(torch.from_numpy(seen))
    np.testing.assert_allclose(back.numpy(), fitted.inverse(seen)[0], atol=1e-4)
    assert lengths.tolist() == [1100] * 30
    assert Units(fitted, cpu)(torch.from_numpy(seen)).shape == seen.shape
    there = NetworkValues(fitted)(torch.from_numpy(panel.values), torch.full((30,), 1100))
    np.testing.assert_allclose(there.numpy(), seen, atol=1e-4)
