"""The scale of continuous codes: what Q reads in real series gets the moments of the prior in each category."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from tsinfogan.models.code_scale import MAX_GAIN, CodeScale
from tsinfogan.models.codes import CategoricalCode, Code, NormalCode, UniformCode

CODES: tuple[Code, ...] = (UniformCode(low=0, high=4), CategoricalCode(3), NormalCode(posterior_scale=0.5))
MEANS = torch.tensor([[0.0, 5.0], [1.0, -2.0], [9.0, 9.0]])
DEVIATIONS = torch.tensor([[4.0, 0.1], [0.2, 3.0]])


def read(n: int = 4000) -> tuple[Tensor, ...]:
    """What Q's head gives for series of two of three categories, each with its own mean and deviation of each code."""
    rng = torch.Generator().manual_seed(0)
    category = torch.arange(n) % 2
    values = MEANS[category] + DEVIATIONS[category] * torch.randn(n, 2, generator=rng)
    logits = 50 * torch.nn.functional.one_hot(category, 3).float()
    return torch.cat([values[:, :1], torch.full((n, 1), -1.0)], dim=1), logits, values[:, 1:]


def fitted(parameters: tuple[Tensor, ...], codes: tuple[Code, ...] = CODES) -> CodeScale:
    scale = CodeScale(codes)
    scale.fit(parameters)
    return scale


def test_nothing_changes_before_it_is_fitted_and_after_a_reset() -> None:
    parameters = read(50)
    scale = fitted(parameters)
    assert not torch.allclose(scale(parameters)[0], parameters[0])
    scale.reset()
    for each in (scale, CodeScale(CODES)):
        torch.testing.assert_close(each(parameters), parameters)


def test_each_category_has_the_mean_of_the_prior_and_at_least_half_and_at_most_its_deviation() -> None:
    parameters = read()
    scaled = fitted(parameters)(parameters)
    whole = 4 / math.sqrt(12)
    for index, centre, wanted in ((0, 2, (whole, whole / 2)), (2, 0, (0.5, 1))):
        for category, deviation in enumerate(wanted):
            values = scaled[index][category::2, 0]
            assert float(values.mean()) == pytest.approx(centre, abs=1e-3)
            assert float(values.std()) == pytest.approx(deviation, rel=0.02)
    assert torch.equal(scaled[1], parameters[1])


def test_codes_that_spread_widely_enough_are_only_shifted() -> None:
    codes = (NormalCode(posterior_scale=1.0),)
    values = 3 + 0.7 * torch.randn(5000, 1, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(fitted((values,), codes)((values,))[0], values - values.mean())


def test_the_standard_deviation_of_a_posterior_changes_with_its_mean() -> None:
    parameters = read()
    scaled = fitted(parameters)(parameters)
    gain = torch.tensor([1, 0.5]) * 4 / math.sqrt(12) / DEVIATIONS[:, 0]
    expected = -1 + gain.log()
    torch.testing.assert_close(scaled[0][:2, 1], expected, rtol=0, atol=0.05)
    assert scaled[2].shape[1] == 1  # a fixed one stays


def test_of_a_category_without_series_nothing_changes() -> None:
    scale = fitted(read())
    assert scale.gain[2].tolist() == [1, 1]
    assert scale.offset[2].tolist() == [0, 0]


def test_of_few_series_the_spread_of_all_counts_and_none_is_stretched_beyond_measure() -> None:
    rng = torch.Generator().manual_seed(1)
    many, single = 0.1 * torch.randn(200, 1, generator=rng), torch.tensor([[7.0]])
    logits = 50 * torch.nn.functional.one_hot(torch.tensor([0] * 200 + [1]), 2).float()
    codes = (CategoricalCode(2), NormalCode(posterior_scale=1.0))
    scale = fitted((logits, torch.cat([many, single])), codes)
    assert float(scale.gain[1, 0]) == pytest.approx(float(0.5 / many.std()), rel=1e-4)  # that of the others
    assert float(7 * scale.gain[1, 0] + scale.offset[1, 0]) == pytest.approx(0, abs=1e-5)
    constant = fitted((logits, torch.full((201, 1), 3.0)), codes)
    torch.testing.assert_close(constant.gain, torch.full((2, 1), 0.5 * MAX_GAIN))
    assert float(3 * constant.gain[0, 0] + constant.offset[0, 0]) == pytest.approx(0, abs=1e-5)


def test_without_categories_all_series_are_of_one_kind() -> None:
    values = 3 + 2 * torch.randn(5000, 1, generator=torch.Generator().manual_seed(0))
    codes = (NormalCode(posterior_scale=1.0),)
    scaled = fitted((values,), codes)((values,))[0]
    assert (float(scaled.mean()), float(scaled.std())) == pytest.approx((0, 1), abs=1e-3)


def test_weights_of_before_there_was_a_scale_are_taken_as_they_are() -> None:
    scale = fitted(read(50))
    scale.load_state_dict({})
    assert torch.equal(scale.gain, torch.ones(3, 2))
    assert torch.equal(scale.offset, torch.zeros(3, 2))
