"""Where in a recording the windows of samples begin: closed forms of how onsets are drawn and shown to a network."""

from __future__ import annotations

import pytest
import torch
from scipy import stats
from torch import Tensor

from tsinfogan.models.onsets import (
    BLUR_LENGTHS,
    CODE_DISTANCE,
    FREQUENCIES,
    N_NOISE,
    N_PARTS,
    Onsets,
    _normal_probability,
)

N = 4000


def fitted(codes: Tensor, n_overlapping: float = 0.0, *, n_categories: int = 0) -> Onsets:
    """Of twice as many windows as were read."""
    onsets = Onsets(codes.shape[1], n_overlapping)
    onsets.fit(codes, torch.arange(codes.shape[1]) < n_categories, 2 * len(codes))
    return onsets


def noise(n: int = N, seed: int = 0) -> Tensor:
    return torch.randn(n, N_NOISE, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("n_read", [4, 300, 2500])
def test_without_codes_they_are_spread_evenly(n_read: int) -> None:
    onsets = fitted(torch.zeros(n_read, 1))
    drawn = onsets.draw(torch.zeros(N, 1), noise())
    assert stats.kstest(drawn.numpy(), "uniform").pvalue > 0.01


def test_they_are_those_of_windows_with_the_category() -> None:
    """To a part of the recording, the codes of which are those of its middle."""
    second = (torch.arange(2500) >= 1000).long()
    onsets = fitted(torch.nn.functional.one_hot(second, 2).float(), n_categories=2)
    for category, (low, high) in enumerate([(0, 0.4), (0.4, 1)]):
        drawn = (onsets.draw(torch.eye(2)[category].expand(N, 2), noise()) - low) / (high - low)
        assert stats.kstest(drawn.numpy(), "uniform").pvalue > 0.001
        assert drawn.min() >= -1 / N_PARTS
        assert drawn.max() <= 1 + 1 / N_PARTS


def test_they_follow_a_continuous_code_as_near_as_codes_count_as_near() -> None:
    onsets = fitted(torch.linspace(-1, 1, 2500)[:, None])
    drawn = onsets.draw(torch.full((N, 1), 0.2), noise())
    torch.testing.assert_close(drawn.mean(), torch.tensor(0.6), atol=0.01, rtol=0)
    torch.testing.assert_close(drawn.std(), torch.tensor(CODE_DISTANCE / 2), atol=0.005, rtol=0)


@pytest.mark.parametrize("n_continuous", [1, 2, 9])
def test_the_category_counts_more_than_all_continuous_codes(n_continuous: int) -> None:
    """The windows of category 0 have −1 in each; of category 1, 1."""
    second = (torch.arange(2500) >= 1250).float()[:, None]
    onsets = fitted(torch.cat([1 - second, second, (2 * second - 1).expand(-1, n_continuous)], dim=1), n_categories=2)
    drawn = onsets.draw(torch.tensor([[1.0, 0.0, *[1.0] * n_continuous]]).expand(N, -1), noise())
    assert drawn.max() < 0.501


def test_codes_that_no_window_has_take_the_nearest() -> None:
    onsets = fitted(torch.linspace(-1, 1, 2500)[:, None])
    assert onsets.draw(torch.full((9, 1), 50.0), noise(9)).min() > 0.98


def test_blur_is_measured_in_lengths_of_a_window() -> None:
    onsets = fitted(torch.zeros(2500, 1), n_overlapping=24)
    assert onsets.blur == pytest.approx(BLUR_LENGTHS * 24 / 5000)
    torch.testing.assert_close(onsets.blurred(torch.zeros(N), noise()[:, 1]).std(), onsets.blur, rtol=0.05, atol=0)


def test_a_row_does_not_depend_on_those_beside_it() -> None:
    onsets, codes = fitted(torch.linspace(-1, 1, 2500)[:, None], 24), torch.linspace(-1, 1, N)[:, None]
    alone = onsets.draw(codes[7:9], noise()[7:9])
    torch.testing.assert_close(onsets.draw(codes, noise())[7:9], alone, rtol=1e-5, atol=1e-6)


def test_the_share_of_noise_below_is_that_of_the_normal_distribution() -> None:
    where = torch.linspace(-6, 6, 1001)
    expected = torch.tensor(stats.norm.cdf(where.numpy()), dtype=torch.float32)
    torch.testing.assert_close(_normal_probability(where), expected, rtol=0, atol=1.5e-4)


@pytest.mark.parametrize("n_overlapping", [0.5, 24])
def test_what_a_network_sees_changes_with_the_onset_and_hardly_within_its_blur(n_overlapping: float) -> None:
    onsets = fitted(torch.zeros(2500, 1), n_overlapping)
    shown = onsets.features(torch.tensor([0.0, 0.3, 0.7]))
    assert shown.shape == (3, onsets.n_features)
    assert torch.cdist(shown, shown)[~torch.eye(3, dtype=torch.bool)].min() > 0.5
    turned = onsets.features(onsets.blur[None] / 10) - onsets.features(torch.zeros(1))
    assert turned.abs().max() < 0.1  # of the finest wave, a turn of a tenth of a radian


def test_a_recording_of_few_lengths_of_a_window_has_coarse_waves() -> None:
    onsets = fitted(torch.zeros(2500, 1), 4000)
    assert onsets.features(torch.tensor([0.0, 0.25]))[1, FREQUENCIES - 1] == pytest.approx(0, abs=1e-6)  # two turns
