"""Each fault does what its name says, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from _degradations import AMPLITUDE, DEGRADATIONS, NOISE
from tsinfogan.data.panel import Panel
from tsinfogan.errors import DataError

RNG = np.random.default_rng(0)
SERIES = Panel.from_cases(
    [RNG.normal(5, 2, size=(2, int(length))) for length in RNG.integers(20, 40, 60)],
    labels=[("a", "b", "c", "d", None)[index % 5] for index in range(60)],
)
over_faults = pytest.mark.parametrize("fault", DEGRADATIONS)


def spoilt(fault: str, seed: int = 0, panel: Panel = SERIES) -> Panel:
    return DEGRADATIONS[fault].spoil(panel, seed)


def pairs(fault: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Each case before and after."""
    synthetic = spoilt(fault)
    return [(SERIES.case(index), synthetic.case(index)) for index in range(SERIES.n_cases)]


@over_faults
def test_as_many_other_series_the_same_for_a_seed(fault: str) -> None:
    before = SERIES.fingerprint()
    synthetic = spoilt(fault)
    assert SERIES.fingerprint() == before
    assert synthetic.n_cases == SERIES.n_cases
    assert synthetic.channels == SERIES.channels
    assert synthetic.fingerprint() != before
    assert synthetic.fingerprint() == spoilt(fault).fingerprint()


@pytest.mark.parametrize("fault", ["noise", "shuffling", "out of step", "duplication", "mode dropping"])
def test_another_seed_spoils_otherwise(fault: str) -> None:
    assert spoilt(fault).fingerprint() != spoilt(fault, 1).fingerprint()


def test_noise_is_a_tenth_of_the_spread() -> None:
    added = np.concatenate([(after - before).ravel() for before, after in pairs("noise")])
    assert added.std() == pytest.approx(2 * NOISE, rel=0.1)
    assert abs(added.mean()) < 0.02


def test_shuffling_keeps_the_timepoints_and_reversal_their_order_from_the_end() -> None:
    for before, after in pairs("shuffling"):
        np.testing.assert_array_equal(np.unique(after, axis=1), np.unique(before, axis=1))
    for before, after in pairs("reversal"):
        np.testing.assert_array_equal(after[:, ::-1], before)


def test_out_of_step_turns_each_channel_alone() -> None:
    moved = 0
    for before, after in pairs("out of step"):
        shifts = [int(np.flatnonzero(one == other[0])[0]) for one, other in zip(after, before, strict=True)]
        for one, other, shift in zip(after, before, shifts, strict=True):
            np.testing.assert_array_equal(one, np.roll(other, shift))
        moved += shifts[0] != shifts[1]
    assert moved > SERIES.n_cases / 2


def test_smoothing_keeps_a_line_but_for_its_ends_and_flattens_alternation() -> None:
    line = Panel.from_arrays(np.arange(40.0)[None, None])
    np.testing.assert_allclose(spoilt("smoothing", panel=line).values[0, 0, 2:-2], np.arange(2, 38), atol=1e-4)
    alternating = Panel.from_arrays(np.tile([1.0, -1.0], 20)[None, None])
    assert np.abs(spoilt("smoothing", panel=alternating).values[0, 0, 2:-2]).max() <= 0.2 + 1e-5  # one of five


def test_scaling_keeps_the_mean() -> None:
    synthetic = spoilt("scaling")
    np.testing.assert_allclose(np.nanmean(synthetic.values, (0, 2)), np.nanmean(SERIES.values, (0, 2)), rtol=1e-4)
    np.testing.assert_allclose(
        np.nanstd(synthetic.values, (0, 2)), AMPLITUDE * np.nanstd(SERIES.values, (0, 2)), rtol=1e-4
    )


def test_duplication_repeats_a_few_and_dropping_keeps_half_of_the_classes() -> None:
    assert len({case.tobytes() for case in spoilt("duplication").values}) == 3
    synthetic = spoilt("mode dropping")
    assert synthetic.labels is not None
    assert len(np.unique(synthetic.labels)) == 2
    assert (synthetic.labels >= 0).all()
    with pytest.raises(DataError, match="expected labels of 2 or more classes to drop half of them, got 0"):
        spoilt("mode dropping", panel=Panel.from_arrays(np.ones((4, 1, 3))))


def test_images_are_spoilt_too() -> None:
    images = Panel.from_arrays(RNG.uniform(size=(8, 1, 5, 9)), view="image", labels=["a", "b"] * 4)
    for fault in DEGRADATIONS:
        assert spoilt(fault, panel=images).values.shape == images.values.shape
