"""The losses against their closed forms."""

from __future__ import annotations

import math

import pytest
import torch

from tsinfogan.models.codes import LOG_SCALE_FLOOR, CategoricalCode, NormalCode, UniformCode
from tsinfogan.training.config import Adversarial, Objective
from tsinfogan.training.losses import (
    balance,
    bounds,
    consistency,
    discriminator_adversarial,
    follow_loss,
    generator_adversarial,
    gradient_penalty,
    known_code_loss,
    logit_regularization,
    overlap_loss,
    weighted_bound,
)

LN2 = math.log(2)
CERTAIN = 60.0
"""A logit large enough that softmax is one-hot in float32."""


def one_hot_logits(values: torch.Tensor, n_categories: int) -> torch.Tensor:
    return CERTAIN * CategoricalCode(n_categories).encode(values)


def judgement(*posteriors: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return posteriors


@pytest.mark.parametrize(
    ("kind", "score", "discriminator", "generator"),
    [("non_saturating", 0.0, 2 * LN2, LN2), ("relativistic", 0.7, LN2, LN2), ("least_squares", 0.5, 0.25, 0.125)],
)
def test_equilibrium(kind: Adversarial, score: float, discriminator: float, generator: float) -> None:
    """Losses of real and generated series that are judged alike are those of the papers; nothing is left to gain."""
    real = torch.full((8,), score, requires_grad=True)
    fake = torch.full((8,), score, requires_grad=True)
    loss = discriminator_adversarial(kind, real, fake)
    assert loss.item() == pytest.approx(discriminator)
    assert generator_adversarial(kind, real, fake).item() == pytest.approx(generator)
    loss.backward()
    assert real.grad is not None
    assert fake.grad is not None
    torch.testing.assert_close(real.grad, -fake.grad)  # no change of a common score helps


@pytest.mark.parametrize("kind", ["non_saturating", "relativistic", "least_squares"])
def test_players_pull_generated_scores_apart(kind: Adversarial) -> None:
    real = torch.full((8,), 0.5, requires_grad=True)
    fake = torch.full((8,), 0.5, requires_grad=True)
    to_real, to_fake = torch.autograd.grad(discriminator_adversarial(kind, real, fake), (real, fake))
    (pull,) = torch.autograd.grad(generator_adversarial(kind, real.detach(), fake), fake)
    assert (to_real < 0).all()
    assert (to_fake > 0).all()
    assert (pull < 0).all()


@pytest.mark.parametrize("kind", ["non_saturating", "relativistic"])
def test_won_game_costs_nothing_and_lost_game_does_not_overflow(kind: Adversarial) -> None:
    high, low = torch.full((4,), 1e4), torch.full((4,), -1e4)
    assert discriminator_adversarial(kind, high, low) == 0
    assert generator_adversarial(kind, low, high) == 0
    assert discriminator_adversarial(kind, low, high).item() == pytest.approx(2e4)
    assert generator_adversarial(kind, high, low).isfinite()


def test_least_squares_targets_are_one_and_zero() -> None:
    assert discriminator_adversarial("least_squares", torch.ones(4), torch.zeros(4)) == 0
    assert generator_adversarial("least_squares", torch.zeros(4), torch.ones(4)) == 0


def test_perfect_recognition_reaches_the_entropy() -> None:
    code = CategoricalCode(20)
    value = torch.arange(20)
    (bound,) = bounds([code], [one_hot_logits(value, 20)], [value])
    assert bound.item() == pytest.approx(math.log(20))


def test_blind_recognition_gains_nothing() -> None:
    skewed = CategoricalCode(2, probabilities=(0.75, 0.25))
    value = torch.tensor([0, 0, 0, 1])
    prior = torch.tensor([0.75, 0.25]).log().expand(4, 2)
    (bound,) = bounds([skewed], [prior], [value])
    assert bound.item() == pytest.approx(0, abs=1e-6)
    value = torch.randn(200_000, generator=torch.Generator().manual_seed(0))
    (bound,) = bounds([NormalCode()], [torch.zeros(1, 2).expand(len(value), 2)], [value])
    assert bound.item() == pytest.approx(0, abs=0.01)
    value = UniformCode().sample(200_000, torch.Generator().manual_seed(0))
    parameters = torch.tensor([[0.0, -0.5 * math.log(3)]]).expand(len(value), 2)
    (bound,) = bounds([UniformCode()], [parameters], [value])
    assert bound.item() == pytest.approx(LN2 - 0.5 * math.log(2 * math.pi * math.e / 3), abs=0.01)


def test_confidently_wrong_recognition_is_below_blind() -> None:
    value = torch.arange(4)
    (bound,) = bounds([CategoricalCode(4)], [one_hot_logits((value + 1) % 4, 4)], [value])
    assert bound.item() == pytest.approx(math.log(4) - CERTAIN, rel=1e-5)


def test_continuous_bound_cannot_grow_without_end() -> None:
    value = torch.linspace(-1, 1, 9)
    (bound,) = bounds([UniformCode()], [torch.stack([value, torch.full_like(value, -100.0)], 1)], [value])
    assert bound.item() == pytest.approx(LN2 - LOG_SCALE_FLOOR - 0.5 * math.log(2 * math.pi), rel=1e-5)


def test_weighted_bound_adds_up_and_reads_categories_from_augmented_samples_too() -> None:
    codes = (CategoricalCode(4), UniformCode(posterior_scale=1.0))
    value, number = torch.arange(4), torch.zeros(4)
    objective = Objective(category_weight=2.0, continuous_weight=0.5, augmented_share=0.25)
    clean = judgement(one_hot_logits(value, 4), torch.zeros(4, 1))
    blind = judgement(torch.zeros(4, 4), torch.full((4, 1), 9.0))
    continuous = LN2 - 0.5 * math.log(2 * math.pi)
    total, each = weighted_bound(objective, codes, clean, None, (value, number))
    assert [bound.item() for bound in each] == pytest.approx([math.log(4), continuous], abs=1e-5)
    assert total.item() == pytest.approx(2 * math.log(4) + 0.5 * continuous, rel=1e-5)
    total, each = weighted_bound(objective, codes, clean, blind, (value, number))
    assert [bound.item() for bound in each] == pytest.approx([math.log(4), continuous], abs=1e-5)
    assert total.item() == pytest.approx(2 * 0.75 * math.log(4) + 0.5 * continuous, rel=1e-5)


def test_consistency_is_zero_only_where_both_are_equal_and_certain() -> None:
    value = torch.arange(3)
    certain = one_hot_logits(value, 3)
    assert consistency(torch.stack([certain, certain])).item() == pytest.approx(0, abs=1e-6)
    assert consistency(torch.zeros(2, 3, 3)).item() == pytest.approx(math.log(3))
    assert consistency(torch.stack([certain, certain.roll(1, 0)])).item() == pytest.approx(CERTAIN, rel=1e-5)


def test_consistency_is_the_symmetric_cross_entropy() -> None:
    one, two = torch.randn(2, 10, 4, generator=torch.Generator().manual_seed(0))
    p, q = torch.distributions.Categorical(logits=one), torch.distributions.Categorical(logits=two)
    kl = torch.distributions.kl_divergence
    expected = 0.5 * (p.entropy() + kl(p, q) + q.entropy() + kl(q, p)).mean()
    torch.testing.assert_close(consistency(torch.stack([one, two])), expected)
    torch.testing.assert_close(consistency(torch.stack([one, two])), consistency(torch.stack([two, one])))


def test_a_knob_reads_what_a_augmentation_did() -> None:
    code, turn = UniformCode(), torch.tensor([-1.0, 0.5, 1.0])
    read = torch.tensor([[0.2, 0.0], [-0.4, 0.0], [0.0, 0.0]])
    moved = read + torch.stack([turn, torch.zeros(3)], dim=1)
    assert follow_loss(code, read, moved, turn).item() == pytest.approx(0, abs=1e-7)
    assert follow_loss(code, read, read, turn).item() == pytest.approx(0.5 * (1 + 0.25 + 1) / 3)
    assert follow_loss(code, read, moved, -turn).item() == pytest.approx(4 * 0.5 * (1 + 0.25 + 1) / 3)


def test_balance_is_zero_at_the_prior_and_log_k_at_collapse() -> None:
    uniform = torch.full((4,), 0.25)
    assert balance(one_hot_logits(torch.arange(4), 4), uniform).item() == pytest.approx(0, abs=1e-6)
    assert balance(torch.zeros(5, 4), uniform).item() == pytest.approx(0, abs=1e-6)
    collapsed = one_hot_logits(torch.zeros(8, dtype=torch.long), 4)
    assert balance(collapsed, uniform).item() == pytest.approx(math.log(4), rel=1e-5)
    skewed = torch.tensor([0.5, 0.5, 0.0, 0.0])
    assert balance(one_hot_logits(torch.tensor([0, 1]), 4), skewed).item() == pytest.approx(0, abs=1e-6)
    assert balance(one_hot_logits(torch.arange(4), 4), skewed).isfinite()


def test_restraint_is_the_spread_of_categorical_logits_alone() -> None:
    codes = (CategoricalCode(4), UniformCode())
    logits = torch.tensor([[3.0, 1.0, 1.0, -1.0], [5.0, 5.0, 5.0, 5.0]])
    parameters = torch.full((2, codes[1].n_parameters), 100.0)
    assert logit_regularization(codes, [logits, parameters]).item() == pytest.approx((2**2 + 2**2) / 2)
    assert logit_regularization(codes, [logits + 7, parameters]).item() == pytest.approx((2**2 + 2**2) / 2)
    assert logit_regularization(codes[1:], [parameters]).item() == 0


def test_overlap_is_the_squared_cosine_of_two_changes_whatever_their_sizes() -> None:
    along = torch.zeros(5, 2, 3)
    along[:, 0, 0] = torch.arange(1.0, 6.0)
    across = torch.zeros(5, 2, 3)
    across[:, 1, 2] = 4.0
    between = along / along.norm(dim=(1, 2), keepdim=True) + across / across.norm(dim=(1, 2), keepdim=True)
    assert overlap_loss([along, across]).item() == pytest.approx(0.0)
    assert overlap_loss([along, -3 * along]).item() == pytest.approx(1.0)
    assert overlap_loss([along, across, between]).item() == pytest.approx((0 + 0.5 + 0.5) / 3)


def test_gradient_penalty_of_a_linear_discriminator() -> None:
    weight = torch.randn(3, 7, generator=torch.Generator().manual_seed(0)).requires_grad_()
    values = torch.randn(5, 3, 7, requires_grad=True)
    penalty = gradient_penalty((values * weight).sum((1, 2)), values)
    torch.testing.assert_close(penalty, 0.5 * weight.square().sum())
    (slope,) = torch.autograd.grad(penalty, weight)
    torch.testing.assert_close(slope, weight)


def test_gradient_penalty_of_a_quadratic_discriminator_is_a_mean_over_cases() -> None:
    values = torch.randn(5, 3, requires_grad=True)
    penalty = gradient_penalty(values.square().sum(1), values)
    torch.testing.assert_close(penalty, 2 * values.square().sum(1).mean())


def test_known_codes_count_alone() -> None:
    code = CategoricalCode(3)
    logits = torch.randn(6, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    labels = torch.tensor([0, -1, 2, -1, 1, -1])
    expected = torch.nn.functional.cross_entropy(logits, labels, ignore_index=-1)
    loss = known_code_loss(code, logits, labels)
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert logits.grad is not None
    assert logits.grad[labels < 0].abs().max() == 0
    assert known_code_loss(code, logits, torch.full((6,), -1)) == 0


def test_code_weights() -> None:
    objective = Objective(category_weight=3.0, continuous_weight=0.2)
    assert objective.code_weight(CategoricalCode(2)) == 3.0
    assert objective.code_weight(UniformCode()) == objective.code_weight(NormalCode()) == 0.2
