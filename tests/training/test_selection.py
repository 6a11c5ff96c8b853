"""The choice among seeds: right on known candidates, blind to labels and to how categories are numbered."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from _trainers import waves
from tsinfogan.data.panel import Panel
from tsinfogan.errors import DivergedError, SettingError
from tsinfogan.models.codes import CategoricalCode
from tsinfogan.training.config import Objective
from tsinfogan.training.losses import category_agreement
from tsinfogan.training.plan import Plan, make_plan
from tsinfogan.training.selection import (
    agreement,
    agreements_between,
    best,
    disagreement,
    free_codes,
    read_views_of,
    score_candidates,
    score_models,
    with_seeds,
)
from tsinfogan.training.session import build_model, fit
from tsinfogan.training.trainer import Trainer

K, N_CASES, N_VIEWS = 4, 200, 3
OBJECTIVE, CODE = Objective(), CategoricalCode(K)
TRUTH = torch.arange(N_CASES) % K


def candidate(wrong: float, seed: int = 0, order: tuple[int, ...] = (0, 1, 2, 3)) -> list[Tensor]:
    """Logits of Q that is mistaken, anew in each view, for a share of the cases, and numbers categories its own way."""
    rng = torch.Generator().manual_seed(seed)
    categories = torch.tensor(order)[TRUTH].repeat(N_VIEWS, 1)
    mistaken = torch.rand(categories.shape, generator=rng) < wrong
    categories = torch.where(mistaken, torch.randint(K, categories.shape, generator=rng), categories)
    return [6.0 * F.one_hot(categories, K)]


def test_better_candidates_score_better_in_both_signs() -> None:
    read = [candidate(0.3, 1), candidate(0.0, 2, (2, 3, 1, 0)), candidate(0.1, 3, (1, 0, 3, 2)), candidate(0.5, 4)]
    scores = score_candidates(OBJECTIVE, [CODE], read)
    assert best(scores) == 1
    for sign in ([-score.disagreement for score in scores], [score.agreement for score in scores]):
        assert np.argsort(sign)[::-1].tolist() == [1, 2, 0, 3]
    assert [score.mean_rank for score in scores] == [3, 1, 2, 4]


def test_a_steady_candidate_that_nobody_else_agrees_with_is_not_chosen() -> None:
    lone = [6.0 * F.one_hot((torch.arange(N_CASES) // 50).repeat(N_VIEWS, 1), K)]  # consistent, balanced, and arbitrary
    scores = score_candidates(OBJECTIVE, [CODE], [lone, candidate(0.0), candidate(0.05, 1), candidate(0.05, 2)])
    assert scores[0].disagreement == pytest.approx(scores[1].disagreement, abs=1e-5)
    assert best(scores) == 1


def test_ties_go_to_the_least_disagreement() -> None:
    scores = score_candidates(OBJECTIVE, [CODE], [candidate(0.2, 1), candidate(0.1, 2)])
    assert scores[0].agreement == scores[1].agreement
    assert best(scores) == 1


def test_a_lone_candidate_is_chosen() -> None:
    (score,) = score_candidates(OBJECTIVE, [CODE], [candidate(0.1)])
    assert math.isnan(score.agreement)
    assert best([score]) == 0


def test_disagreement_is_what_discovery_minimises() -> None:
    logits = torch.randn(2, N_CASES, K, generator=torch.Generator().manual_seed(0))
    expected = category_agreement(OBJECTIVE, [CODE], [[logits[0]], [logits[1]]])
    assert disagreement(OBJECTIVE, [CODE], [logits]) == pytest.approx(float(expected))
    certain = 50.0 * F.one_hot(TRUTH.repeat(2, 1), K)
    assert disagreement(OBJECTIVE, [CODE], [certain]) == pytest.approx(0, abs=1e-6)
    collapsed = 50.0 * F.one_hot(torch.zeros_like(TRUTH).repeat(2, 1), K)
    expected_imbalance = OBJECTIVE.balance_weight * math.log(K)
    assert disagreement(OBJECTIVE, [CODE], [collapsed]) == pytest.approx(expected_imbalance, rel=1e-4)


def test_agreement_is_blind_to_the_numbers_and_order_of_codes() -> None:
    first, second = TRUTH.numpy(), np.arange(N_CASES) // 50
    assert agreement(np.stack([first, second]), np.stack([(second + 1) % K, 3 - first])) == pytest.approx(1)
    assert agreement(first[None], second[None]) == pytest.approx(0, abs=0.05)
    table = agreements_between([first[None], 3 - first[None], second[None]])
    assert table[:2] == pytest.approx(0.5, abs=0.05)
    assert table[2] == pytest.approx(0, abs=0.05)


def plan(recipe: str = "infogan", **others: object) -> Plan:
    return make_plan(waves(), recipe=recipe, width=4, noise_dim=2, **others)  # type: ignore[arg-type]


def test_codes_to_choose_by() -> None:
    assert list(free_codes(plan())) == [0]
    assert list(free_codes(plan("semi_supervised"))) == [0]
    assert list(free_codes(plan(n_categories=(3, 1, 4)))) == [0, 2]
    assert list(free_codes(plan("acgan", n_categories=(2, 3)))) == [1]
    assert list(free_codes(plan("gan"))) == [0]
    for nothing in (plan("acgan"), plan("cgan"), plan("cgan", n_categories=(2, 3)), plan("gan", n_categories=())):
        assert not free_codes(nothing)
        assert with_seeds(nothing, 1) == [nothing]
        with pytest.raises(SettingError, match=f"this {nothing.recipe} finds none"):
            with_seeds(nothing, 2)


def test_seeds_follow_the_plans_own() -> None:
    plans = with_seeds(plan(settings={"seed": 3}), 3)
    assert [each.training.seed for each in plans] == [3, 4, 5]
    assert {replace(each, training=replace(each.training, seed=0)) for each in plans} == {plan(settings={"seed": 0})}
    with pytest.raises(SettingError, match="at least 1 seed, got 0"):
        with_seeds(plan(), 0)


def test_labels_are_not_read() -> None:
    models = [build_model(each, waves()) for each in with_seeds(plan(), 3)]
    bare = Panel.from_arrays(waves().values, channels=waves().channels)
    assert score_models(plan(), models, waves()) == score_models(plan(), models, bare)
    first, again = (read_views_of(models[0], waves(), [0])[0] for _ in range(2))
    assert first.shape == (4, 24, 2)
    assert torch.equal(first, again)
    assert not torch.equal(first[0], first[1])


SHORT = {"max_steps": 3, "pretraining_steps": 0, "batch_size": 4}


def test_fit_returns_the_chosen_of_several() -> None:
    settings = {**SHORT, "seed": 1}
    chosen = fit(waves(), n_seeds=3, device="cpu", width=4, noise_dim=2, settings=settings)
    singles = [fit(waves(), device="cpu", width=4, noise_dim=2, settings={**SHORT, "seed": s}) for s in (1, 2, 3)]
    winner = best(score_models(plan(), singles, waves()))
    for slow, fast in zip(chosen.discriminator.parameters(), singles[winner].discriminator.parameters(), strict=True):
        assert torch.equal(slow, fast)


def test_fit_leaves_diverged_candidates_out(monkeypatch: pytest.MonkeyPatch) -> None:
    bad = {0, 2}

    def run(self: Trainer) -> object:
        if self.settings.seed in bad:
            raise DivergedError("diverged")
        return iter(())

    monkeypatch.setattr(Trainer, "run", run)
    chosen = fit(waves(), n_seeds=3, device="cpu", width=4, noise_dim=2)
    expected = build_model(with_seeds(plan(), 3)[1], waves())
    for a, b in zip(chosen.discriminator.parameters(), expected.discriminator.parameters(), strict=True):
        assert torch.equal(a, b)
    bad.add(1)
    with pytest.raises(DivergedError):
        fit(waves(), n_seeds=3, device="cpu", width=4, noise_dim=2)
