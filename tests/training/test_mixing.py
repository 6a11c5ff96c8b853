"""Blends of two series of a category: what they keep of it, which series are left, and the game played on them."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from _trainers import equal, make, tensors, waves, weights
from tsinfogan.data.panel import Panel
from tsinfogan.training.batch import PARTNER_DRAWS
from tsinfogan.training.mixing import MIN_SHARE, ClassMixing, mix
from tsinfogan.training.trainer import Trainer

AXES = torch.tensor([[3.0, 0.0], [1.0, 0.5], [-2.0, 0.1]])
"""Of the cases of a category, whose third direction is empty."""


def cases(n: int = 20_000) -> tuple[Tensor, Tensor]:
    """Series ``(n, 1, 3)`` of two categories, about 5 and about −5, and which each is of."""
    rng = torch.Generator().manual_seed(0)
    category = torch.arange(n) % 2
    values = 5 - 10 * category[:, None] + torch.randn(n, 2, generator=rng).sign() @ AXES.T
    return values[:, None], category


def draws(n: int, seed: int = 1) -> Tensor:
    return torch.rand(n, PARTNER_DRAWS, generator=torch.Generator().manual_seed(seed))


def found(values: Tensor, category: Tensor) -> ClassMixing:
    mixing = ClassMixing.among(values, category, 2)
    assert mixing is not None
    return mixing


def test_mean_and_covariance_of_each_category_stay_and_empty_directions_stay_empty() -> None:
    values, category = cases(2000)
    mixing = found(values, category)
    parts = [mix(values, category, mixing, draws(len(values), seed)) for seed in range(10)]
    assert not torch.allclose(parts[0], values, atol=0.5)
    synthetic, kind = torch.cat(parts)[:, 0], category.repeat(10)
    for k in range(2):
        real = values[category == k][:, 0]
        torch.testing.assert_close(synthetic[kind == k].mean(0), real.mean(0), atol=0.05, rtol=0)
        torch.testing.assert_close(synthetic[kind == k].T.cov(), real.T.cov(), atol=0.15, rtol=0.02)
    empty = torch.linalg.cross(*AXES.T)
    assert ((synthetic - (5 - 10 * kind[:, None])) @ empty).abs().max() < 1e-4


def test_a_case_is_turned_into_one_other_of_its_category_by_the_angle_drawn() -> None:
    values, category = torch.tensor([[[4.0]], [[6.0]], [[-1.0]], [[-3.0]]]), torch.tensor([0, 0, 1, 1])
    draw = draws(4)
    draw[:, 1] = torch.tensor([0.0, 1.0, 2 / 3, 1.0])  # of 45°
    synthetic = mix(values, category, found(values, category), draw)[:, 0, 0]
    half = math.sqrt(0.5)
    expected = torch.tensor([4.0, 5 + half - half, -2 + math.cos(math.pi / 6) - math.sin(math.pi / 6), -2.0])
    torch.testing.assert_close(synthetic, expected)


def test_every_other_case_of_the_category_is_met() -> None:
    category = torch.zeros(4, dtype=torch.long)
    values = torch.eye(4)[:, None]
    mixing = ClassMixing(torch.zeros(1, 1, 4), 1.0)
    met = sum((mix(values, category, mixing, draws(4, seed))[:, 0] > 0).int() for seed in range(40))
    assert isinstance(met, Tensor)
    assert (met > 0).all()
    assert (met.diagonal() == 40).all()
    assert met.sum() == 4 * 40 * 2  # itself and one other each time


def test_unknown_and_lone_cases_and_those_outside_the_share_are_left() -> None:
    values = torch.randn(6, 1, 3, generator=torch.Generator().manual_seed(0))
    category = torch.tensor([0, 0, 1, -1, -1, 0])
    mixing = ClassMixing(torch.zeros(2, 1, 3), 1.0)
    synthetic = mix(values, category, mixing, draws(6))
    assert torch.equal(synthetic[2:5], values[2:5])
    assert not any(torch.equal(synthetic[i], values[i]) for i in (0, 1, 5))
    assert torch.equal(mix(values, category, mixing, draws(6), share=0.0), values)
    values, category = cases(4000)
    left = (mix(values, category, found(values, category), draws(4000), share=0.75) == values).all(2).float().mean()
    assert abs(left - 0.25) < 0.03


def test_gradients_reach_both_cases() -> None:
    values = torch.tensor([[[1.0]], [[2.0]], [[7.0]]], requires_grad=True)
    synthetic = mix(
        values, torch.tensor([0, 0, 1]), ClassMixing(torch.zeros(2, 1, 1), 1.0), torch.tensor([[0.1, 1, 0]] * 3)
    )
    synthetic[0].sum().backward()
    torch.testing.assert_close(values.grad[:, 0, 0], torch.tensor([math.sqrt(0.5), math.sqrt(0.5), 0]))


def test_series_whose_category_is_mostly_unknown_are_not_mixed() -> None:
    values = torch.randn(4, 1, 3)
    assert ClassMixing.among(values, torch.tensor([0, 1, -1, -1]), 2) is None
    known = ClassMixing.among(values, torch.tensor([0, 0, 0, -1]), 2)
    assert known is not None
    assert known.share == 0.75
    torch.testing.assert_close(known.means, torch.stack([values[:3].mean(0), values.mean(0)]))


def trainer(**settings: Any) -> Trainer:
    """One with principal components, of whose steps pre-training takes the first third."""
    return make(waves(80, n_timepoints=16), max_steps=24, pretraining_steps=8, split_merge_rounds=0, **settings)


def test_realness_is_judged_of_mixtures_and_training_resumes_exactly() -> None:
    whole, plain = trainer(), trainer(within_class_mixing=False)
    for each in (whole, plain):
        for _ in each.run(lambda each=each: each.steps_done >= 12):
            pass
    assert whole.adversarial.mixing is not None
    assert plain.adversarial.mixing is None
    assert not equal(weights(whole.generator), weights(plain.generator))
    state = copy.deepcopy(whole.state_dict())
    again = trainer()
    again.load_state_dict(state)
    for each in (whole, again):
        for _ in each.run():
            pass
    assert equal(weights(whole.generator), weights(again.generator))


def test_windows_of_a_recording_are_not_mixed() -> None:
    rng = np.random.default_rng(0)
    values = 10 * rng.normal(size=(80, 1, 1)) + 0.1 * rng.normal(size=(80, 1, 16))
    each = make(Panel.from_arrays(values), max_steps=24, pretraining_steps=8, split_merge_rounds=0)
    assert each.model.settings.low_rank_head
    for _ in each.run(lambda: each.steps_done >= 12):
        pass
    assert each.discriminator.principal_components is not None
    assert (each.batches.pseudo_labels >= 0).float().mean() > MIN_SHARE
    assert each.adversarial.mixing is None


def test_every_draw_is_fresh_and_of_the_seed() -> None:
    one, other = trainer().batches.draw(3), trainer().batches.draw(3)
    assert all(torch.equal(a, b) for a, b in zip(tensors(one), tensors(other), strict=True))
    assert not torch.equal(one.real_partner, one.generated_partner)
