"""Series that were all standardized one by one: which are, and that samples of such a channel are so too."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from _onnx import built, standardized
from tsinfogan.data.panel import Panel
from tsinfogan.preprocessing.bounds import SeriesScale, find_series_scale
from tsinfogan.preprocessing.preprocessor import Preprocessor
from tsinfogan.preprocessing.torch_inverse import RawSeries
from tsinfogan.sampling.sampler import sample


def walks(lengths: np.ndarray, ddof: int = 0) -> list[np.ndarray]:
    """Random walks, each of mean 0.5 and standard deviation 2."""
    rng = np.random.default_rng(0)
    raw = [rng.normal(size=length).cumsum() for length in lengths]
    return [0.5 + 2 * (walk - walk.mean()) / walk.std(ddof=ddof) for walk in raw]


def test_samples_are_standardized_where_every_series_was() -> None:
    model = built(standardized())
    assert Preprocessor.from_dict(json.loads(json.dumps(model.preprocessor.to_dict()))) == model.preprocessor
    values = sample(model, 50).panel.values
    np.testing.assert_allclose(np.nanmean(values[:, 0], axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(np.nanstd(values[:, 0], axis=1), 1, rtol=1e-5)
    free = sample(built(standardized(), bounds="none"), 50).panel.values
    for channel in (values[:, 1], free[:, 0]):
        assert np.nanstd(channel, axis=1).std() > 0.01, "left alone where series differ, or where that was asked"


@pytest.mark.parametrize("shortest", [3, 40])
@pytest.mark.parametrize("ddof", [0, 1])
def test_both_ways_to_raw_units_standardize(shortest: int, ddof: int) -> None:
    rng = np.random.default_rng(1)
    first = walks(rng.integers(shortest, 41, 30), ddof)
    preprocessor = Preprocessor.fit(Panel.from_cases([np.stack([x, rng.normal(size=len(x))]) for x in first]))
    seen = rng.normal(size=(50, 2 + preprocessor.n_constant, *preprocessor.grid)).astype(np.float32)
    expected, _ = preprocessor.inverse(seen)
    np.testing.assert_allclose(np.nanmean(expected[:, 0], axis=1), 0.5, atol=1e-3)
    np.testing.assert_allclose(np.nanstd(expected[:, 0], axis=1, ddof=ddof), 2, rtol=1e-3)
    values, _ = RawSeries(preprocessor, torch.device("cpu"))(torch.from_numpy(seen))
    np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-4)


def test_what_counts_as_standardized() -> None:
    series = np.array(walks(np.full(40, 24)), np.float32)
    found = find_series_scale(series)
    assert found == pytest.approx(SeriesScale(0.5, 2))
    assert find_series_scale(series.round(3)) is not None, "rounded when they were written"
    assert find_series_scale(series[:4]) is None, "too few to say so"
    assert find_series_scale(series[:, :2]) is None, "too short to say so"
    for broken in (series[0] + 0.1, series[0] * 1.1, np.full(24, 0.5)):
        assert find_series_scale(np.vstack([series, broken.astype(np.float32)])) is None
    assert find_series_scale(np.full((9, 5), 3, np.float32)) is None, "constants have bounds of their own"
    unequal = [np.pad(walk, (0, 20 - len(walk)), constant_values=np.nan) for walk in walks(np.arange(9, 18), ddof=1)]
    assert find_series_scale(np.array(unequal, np.float32)) == pytest.approx(SeriesScale(0.5, 2, ddof=1))


def test_a_constant_sample_is_only_moved() -> None:
    np.testing.assert_array_equal(SeriesScale(1, 2).imposed(np.full((2, 6), 7, np.float32)), np.ones((2, 6)))


def test_whole_numbers_and_images_are_not_standardized() -> None:
    pixels = Panel(np.array(walks(np.full(40, 24)), np.float32).reshape(40, 1, 4, 6), ("grey",), view="image")
    counts = Panel.from_arrays(np.tile([1, 2, 3, 4], (40, 1))[:, None], kinds=("integer",))
    for panel in (pixels, counts):
        assert [channel.each_series for channel in Preprocessor.fit(panel).channels] == [None]
