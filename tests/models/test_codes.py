"""Latent codes against closed forms and against torch.distributions."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import pytest
import torch
from scipy import stats

from tsinfogan.errors import SettingError
from tsinfogan.models.codes import (
    LOG_SCALE_CEILING,
    LOG_SCALE_FLOOR,
    CategoricalCode,
    Code,
    LatentSpec,
    NormalCode,
    UniformCode,
    code_from_dict,
)

SKEWED = CategoricalCode(3, probabilities=(0.5, 0.25, 0.25))
CODES: list[Code] = [
    CategoricalCode(1),
    CategoricalCode(7),
    SKEWED,
    UniformCode(),
    UniformCode(low=2.0, high=5.0),
    UniformCode(posterior_scale=0.3),
    NormalCode(),
]
over_codes = pytest.mark.parametrize("code", CODES, ids=repr)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_entropies_have_their_closed_forms() -> None:
    assert CategoricalCode(20).entropy == pytest.approx(math.log(20))
    assert CategoricalCode(1).entropy == 0
    assert SKEWED.entropy == pytest.approx(1.5 * math.log(2))
    assert CategoricalCode(2, probabilities=(1.0, 0.0)).entropy == 0
    assert UniformCode(low=2, high=5).entropy == pytest.approx(stats.uniform(2, 3).entropy())
    assert NormalCode().entropy == pytest.approx(stats.norm.entropy())


@over_codes
def test_samples_follow_the_prior(code: Code) -> None:
    values = code.sample(20_000, generator())
    assert values.shape == (20_000,)
    assert torch.equal(values, code.sample(20_000, generator()))
    if isinstance(code, CategoricalCode):
        counts = torch.bincount(values, minlength=code.n_categories)
        expected = code.prior(values.device) * len(values)
        assert counts.sum() == len(values)
        assert ((counts - expected).abs() <= 5 * expected.sqrt()).all()
    else:
        frozen = stats.uniform(code.low, code.high - code.low) if isinstance(code, UniformCode) else stats.norm()
        assert stats.kstest(values.numpy(), frozen.cdf).pvalue > 1e-4


@over_codes
def test_moments_are_those_of_draws(code: Code) -> None:
    if code.is_categorical:
        assert all(map(math.isnan, code.moments))
        return
    values = code.sample(20_000, generator())
    assert code.moments == pytest.approx((float(values.mean()), float(values.std())), abs=0.03)


@over_codes
def test_encoding_has_its_size_and_tells_values_apart(code: Code) -> None:
    values = code.sweep(5)
    encoded = code.encode(values)
    assert encoded.shape == (len(values), code.encoded_size)
    assert encoded.dtype == torch.float32
    assert len(encoded.unique(dim=0)) == len(values)


@over_codes
def test_draws_and_sweeps_keep_to_the_support(code: Code) -> None:
    low, high = code.support or (-math.inf, math.inf)
    values, sweep = code.sample(2000, generator()), code.sweep(9)
    assert bool(((values >= low) & (values <= high)).all())
    assert code.support is None or (float(sweep[0]), float(sweep[-1])) == (low, high)


def test_categories_are_encoded_one_hot() -> None:
    assert CategoricalCode(3).encode(torch.tensor([2, 0])).tolist() == [[0, 0, 1], [1, 0, 0]]


def test_categorical_log_prob_is_that_of_torch() -> None:
    logits, value = torch.randn(50, 7, generator=generator()), torch.randint(7, (50,), generator=generator())
    expected = torch.distributions.Categorical(logits=logits).log_prob(value)
    torch.testing.assert_close(CategoricalCode(7).log_prob(logits, value), expected)


@pytest.mark.parametrize("code", [UniformCode(), NormalCode()])
def test_gaussian_log_prob_is_that_of_scipy_above_the_floor(code: UniformCode | NormalCode) -> None:
    parameters = torch.randn(50, 2, generator=generator()).clamp(LOG_SCALE_FLOOR, 2)
    value = torch.randn(50, generator=generator(1))
    expected = stats.norm(parameters[:, 0], parameters[:, 1].exp()).logpdf(value)
    assert code.log_prob(parameters, value).numpy() == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_fixed_scale_makes_log_prob_a_squared_error() -> None:
    code = UniformCode(posterior_scale=0.5)
    mean, value = torch.randn(50, 1, generator=generator()), torch.randn(50, generator=generator(1))
    assert code.log_prob(mean, value).numpy() == pytest.approx(
        stats.norm(mean[:, 0], 0.5).logpdf(value), rel=1e-4, abs=1e-4
    )
    assert code.n_parameters == 1


def test_certainty_is_floored() -> None:
    value = torch.zeros(1)
    floor, below = (NormalCode().log_prob(torch.tensor([[0.0, s]]), value) for s in (LOG_SCALE_FLOOR, -50.0))
    assert torch.equal(floor, below)
    assert floor.item() == pytest.approx(-LOG_SCALE_FLOOR - 0.5 * math.log(2 * math.pi))


def test_a_posterior_that_says_nothing_can_learn_to_say_more() -> None:
    """However far beyond the ceiling, and however wrong its mean: a clamp would leave it there for good."""
    value = torch.linspace(-1, 1, 50)
    start = torch.tensor([[9.0, LOG_SCALE_CEILING + 5]])
    parameters = start.clone().requires_grad_()
    at_ceiling = UniformCode().log_prob(torch.tensor([[9.0, LOG_SCALE_CEILING]]), value)
    assert torch.equal(UniformCode().log_prob(parameters, value), at_ceiling)
    adam = torch.optim.Adam([parameters], 0.1)
    for _ in range(400):
        adam.zero_grad()
        (-UniformCode().log_prob(parameters.expand(50, -1), value).mean()).backward()
        adam.step()
    mean, log_scale = parameters[0].tolist()
    assert mean == pytest.approx(0, abs=0.05)
    assert log_scale == pytest.approx(math.log(value.std(correction=0)), abs=0.05)


def test_estimates_are_the_modes() -> None:
    assert CategoricalCode(3).estimate(torch.tensor([[0.0, 2.0, 1.0]])).tolist() == [1]
    assert NormalCode().estimate(torch.tensor([[0.25, 1.0]])).tolist() == [0.25]


@over_codes
@pytest.mark.parametrize("steps", [1, 2, 9])
def test_sweep_spans_the_prior(code: Code, steps: int) -> None:
    values = code.sweep(steps).tolist()
    assert values == sorted(set(values))
    if isinstance(code, CategoricalCode):
        assert len(values) == min(steps, code.n_categories)
        assert set(values) <= set(range(code.n_categories))
    else:
        assert len(values) == steps
    if isinstance(code, UniformCode) and steps > 1:
        assert (values[0], values[-1]) == (code.low, code.high)


@over_codes
def test_dictionary_survives_json(code: Code) -> None:
    assert code_from_dict(json.loads(json.dumps(code.to_dict()))) == code


@pytest.mark.parametrize(
    "make",
    [
        lambda: CategoricalCode(0),
        lambda: CategoricalCode(3, probabilities=(0.5, 0.5)),
        lambda: CategoricalCode(2, probabilities=(0.7, 0.7)),
        lambda: CategoricalCode(2, probabilities=(1.5, -0.5)),
        lambda: UniformCode(low=1, high=1),
        lambda: UniformCode(low=math.nan),
        lambda: UniformCode(posterior_scale=0.0),
        lambda: NormalCode(posterior_scale=-1.0),
        lambda: LatentSpec(-1, (CategoricalCode(3),)),
        lambda: LatentSpec(0),
    ],
)
def test_senseless_codes_are_refused(make: Callable[[], object]) -> None:
    with pytest.raises(SettingError):
        make()


def test_latent_puts_noise_before_codes_in_order() -> None:
    spec = LatentSpec(2, (CategoricalCode(3), UniformCode()))
    encoded = spec.encode(torch.tensor([[7.0, 8.0]]), (torch.tensor([1]), torch.tensor([0.5])))
    assert encoded.tolist() == [[7.0, 8.0, 0.0, 1.0, 0.0, 0.5]]
    assert spec.size == 6
    noise, values = spec.sample(10, generator())
    assert noise.shape == (10, 2)
    assert [value.shape for value in values] == [(10,), (10,)]
    assert spec.encode(noise, values).shape == (10, 6)


def test_latent_columns() -> None:
    cat, cont = CategoricalCode(2), UniformCode()
    assert LatentSpec(1, (cat, cont, NormalCode())).columns == ("cat", "cont0", "cont1")
    assert LatentSpec(1, (cat, cont, cat)).columns == ("cat0", "cont0", "cat1")
    assert LatentSpec(1).columns == ()


def test_latent_finds_its_codes_by_kind() -> None:
    first, second, cont = CategoricalCode(2), CategoricalCode(3), UniformCode()
    spec = LatentSpec(1, (cont, first, second, cont))
    assert spec.categories == {"cat0": 1, "cat1": 2}
    assert spec.continuous == {"cont0": 0, "cont1": 3}
    assert spec.first_category == (1, first)
    assert LatentSpec(1, (cont,)).first_category is None
    assert [code.n_categories for code in spec.codes] == [0, 2, 3, 0]


def test_features_are_probabilities_or_the_estimate() -> None:
    parameters = torch.tensor([[0.5, 0.0], [-1.0, 2.0]])
    probabilities = CategoricalCode(2).features(parameters)
    assert probabilities.argmax(1).tolist() == [0, 1]
    torch.testing.assert_close(probabilities.sum(1), torch.ones(2))
    assert UniformCode().features(parameters).tolist() == [[0.5], [-1.0]]


def test_latent_survives_json() -> None:
    spec = LatentSpec(4, (SKEWED, UniformCode(low=0.0), NormalCode(posterior_scale=1.0)))
    assert LatentSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_codes_without_noise_are_a_latent() -> None:
    noise, values = LatentSpec(0, (CategoricalCode(3),)).sample(4, generator())
    assert noise.shape == (4, 0)
    assert values[0].shape == (4,)
