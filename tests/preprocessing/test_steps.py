"""Channels with steps: steps are found where there are some, and samples keep to them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tsinfogan.data.panel import ChannelKind, Panel
from tsinfogan.preprocessing.bounds import MAX_STEPS, find_step
from tsinfogan.preprocessing.preprocessor import Preprocessor
from tsinfogan.preprocessing.torch_inverse import Units


@pytest.mark.parametrize("step", [10.0, 0.1, 3e-5, 2e6])
def test_the_step_of_a_channel_is_found_wherever_it_begins(step: float) -> None:
    counts = np.random.default_rng(0).integers(0, 50, (40, 24))
    for start in (0.0, -7.3 * step):
        values = (start + counts * step).astype(np.float32)
        values[0, 0] = np.nan
        assert find_step(values) == pytest.approx(step, rel=1e-4)


def test_a_step_smaller_than_every_gap_is_found() -> None:
    assert find_step(np.repeat(np.float32([0, 20, 50]), 100)) == pytest.approx(10)


def test_channels_without_steps_have_none() -> None:
    rng = np.random.default_rng(0)
    assert find_step(rng.normal(size=(100, 24)).astype(np.float32)) == 0
    assert find_step(np.full((9, 9), 3, np.float32)) == 0
    tens = (10 * rng.integers(0, 30, 5000)).astype(np.float32)
    assert find_step(np.append(tens, np.float32(63.7))) == 0
    assert find_step(tens[:200]) == 0  # too few values to tell
    assert find_step(np.arange(20 * MAX_STEPS, dtype=np.float32)) == 0  # so many that it does not matter


@pytest.mark.parametrize("kind", ["real", "integer"])
def test_samples_keep_to_the_steps_of_their_data_on_every_way_back(kind: ChannelKind) -> None:
    rng = np.random.default_rng(0)
    values = np.stack([7 + 10.0 * rng.integers(0, 20, (100, 24)), rng.normal(size=(100, 24))], axis=1)
    panel = Panel.from_arrays(values, kinds=(kind, "real"))
    preprocessor = Preprocessor.fit(panel)
    assert [channel.step for channel in preprocessor.channels] == [pytest.approx(10), 0]
    drawn = rng.normal(size=(50, 2, 24)).astype(np.float32)
    raw, _ = preprocessor.inverse(drawn)
    counts = (raw[:, 0] - 7) / 10
    np.testing.assert_allclose(counts, np.rint(counts), atol=1e-4)
    assert len(np.unique(counts)) > 5
    assert len(np.unique(raw[:, 1])) == raw[:, 1].size
    again = Units(preprocessor, torch.device("cpu"))(torch.from_numpy(drawn)).numpy()
    np.testing.assert_allclose(again, raw, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(
        preprocessor.inverse(preprocessor.transform(panel))[0], panel.values, rtol=1e-5, atol=1e-5
    )


def test_samples_have_the_decimals_of_the_data() -> None:
    rng = np.random.default_rng(0)
    prices = (100 + rng.normal(size=(20, 1, 16)).cumsum(2)).round(2)
    for raw in (prices, prices + 4649776):
        panel = Panel.from_arrays(raw)
        preprocessor = Preprocessor.fit(panel)
        scaled = preprocessor.transform(panel) + rng.normal(size=raw.shape).astype(np.float32) / 10
        values, _ = preprocessor.inverse(scaled)
        synthetic = Panel(values, panel.channels, offsets=panel.offsets).raw(0)
        assert all(len(str(value).partition(".")[2]) <= 2 for value in synthetic.ravel())
        np.testing.assert_array_equal(preprocessor.inverse(preprocessor.transform(panel))[0], panel.values)
    assert Preprocessor.fit(Panel.from_arrays(rng.normal(size=(20, 1, 16)))).channels[0].step == 0
