"""Loss terms: each reads the views that it names and no others, acts where it can, and is summed by its weight."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
import torch
from torch import Tensor

from _trainers import make, phases, stage_for, waves
from tsinfogan.data.augmentations import Augmentations
from tsinfogan.models.codes import CategoricalCode, LatentSpec, UniformCode
from tsinfogan.training.adversarial import AdversarialStage
from tsinfogan.training.config import Objective
from tsinfogan.training.terms import (
    DISCRIMINATOR_TERMS,
    GENERATOR_TERMS,
    MAX_MOVED,
    Setup,
    Step,
    Term,
    View,
    code_changes,
    terms_of,
)
from tsinfogan.training.trainer import Trainer

ALL = {"real_code_weight": 1.0, "generated_share": 1.0, "r2_weight": 1.0, "cont_follows": ("amplitude",)}
"""With these every term acts."""


@pytest.fixture(scope="module")
def trainer() -> Trainer:
    return make(replace(waves(), augmentations=Augmentations(amplitude=0.5)), cont_follows=("amplitude",))


def setup_for(trainer: Trainer, **weights: Any) -> Setup:
    return Setup(Objective(**weights), trainer.model.settings.latent, trainer.augmenter)


@pytest.mark.parametrize("make_term", [*DISCRIMINATOR_TERMS, *GENERATOR_TERMS], ids=lambda make: make.__name__)
def test_a_term_needs_the_views_that_it_names_and_no_others(make_term: Any, trainer: Trainer) -> None:
    term = make_term(setup_for(trainer, **ALL))
    assert isinstance(term, Term)
    batch = trainer.batches.draw(0)
    generated = trainer.generator(batch.latent, batch.injected_noise)
    stage = stage_for(trainer, Objective(**ALL))
    asked = [view for view in View if view in {*term.views, View.JUDGED_REAL}]  # a pass judges one view at least
    step = stage._read(asked, batch, generated)
    named = replace(step, **{part: Named(getattr(step, part), term) for part in ("series", "realness", "posteriors")})
    value, stats = term.evaluate(named)
    assert value.shape == ()
    assert value.isfinite()
    assert value.requires_grad
    assert all(statistic.isfinite() and not statistic.requires_grad for statistic in stats.values())
    if term.views:
        with pytest.raises(KeyError):
            term.evaluate(replace(step, series={}, realness={}, posteriors={}))


class Named(dict):  # type: ignore[type-arg]
    """Entries of the views that a term names."""

    def __init__(self, entries: Any, term: Term) -> None:
        super().__init__({view: value for view, value in entries.items() if view in term.views})


@pytest.mark.parametrize(
    ("weights", "missing"),
    [
        ({"real_code_weight": 0.0}, {"label"}),
        ({"consistency_weight": 0.0}, {"consistency", "follows_amplitude"}),
        ({"cont_follows": ()}, {"follows_amplitude"}),
        ({"r1_weight": 0.0, "r2_weight": 0.0}, {"penalty"}),
        ({"overlap_weight": 0.0}, {"overlap"}),
        ({"reward_generator": False}, {"overlap"}),
    ],
)
def test_a_term_without_its_weight_does_not_act(weights: Any, missing: set[str], trainer: Trainer) -> None:
    batch = trainer.batches.draw(0)

    def reported(**given: Any) -> set[str]:
        stage = stage_for(trainer, Objective(**{**ALL, **given}))
        generated = trainer.generator(batch.latent, batch.injected_noise)
        due = phases(penalty=1)
        return {
            *stage.discriminator_loss(batch, generated.detach(), due)[1],
            *stage.generator_loss(batch, generated, due)[1],
        }

    assert reported() - reported(**weights) == missing


def test_a_new_term_is_one_function(trainer: Trainer) -> None:
    """Half the mean square of generated series, in steps with penalties: the loss grows by weight, factor and value."""

    def energy(setup: Setup) -> Term:
        return Term(
            lambda step: step.series[View.GENERATED].square().mean(), (View.GENERATED,), 0.5, "penalty", "energy"
        )

    batch, stage = trainer.batches.draw(0), stage_for(trainer, Objective())
    generated = trainer.generator(batch.latent, batch.injected_noise).detach()

    def losses(stage: AdversarialStage) -> list[Any]:
        return [stage.discriminator_loss(batch, generated, phases(penalty=factor)) for factor in (0, 4)]

    (plain, _), (penalized, _) = losses(stage)
    stage.discriminator_terms = (*stage.discriminator_terms, *terms_of((energy,), setup_for(trainer)))
    (same, _), (more, stats) = losses(stage)
    torch.testing.assert_close(same, plain)
    torch.testing.assert_close(stats["energy"], generated.square().mean())
    torch.testing.assert_close(more - penalized, 0.5 * 4 * generated.square().mean(), rtol=1e-3, atol=1e-4)


def test_what_only_reports_weighs_nothing() -> None:
    trainer = make(waves(), "gan")
    watched = [term for term in trainer.adversarial.generator_terms if not term.weight]
    assert len(watched) == 1
    assert {"bound_cat", "bound_cont0", "bound_cont1"} <= trainer.step().keys()


def test_of_many_codes_each_series_moves_two_and_all_pairs_are_equally_likely(trainer: Trainer) -> None:
    n_codes = MAX_MOVED + 1
    spec, n = LatentSpec(3, (CategoricalCode(2), *[UniformCode()] * n_codes)), n_codes * (n_codes - 1)
    noise, codes = spec.sample(n, torch.Generator().manual_seed(0))
    batch = trainer.batches.draw(0)._replace(
        latent=spec.encode(noise, codes), injected_noise=noise, codes=codes, time=(torch.arange(n) + 0.5) / n
    )
    generated = batch.latent[:, None]  # by a generator that hands its input on

    def mirror(latent: Tensor, injected_noise: Tensor) -> Tensor:
        return latent[:, None]

    step = Step(batch, generated, mirror, trainer.discriminator, {}, {}, {}, {})  # type: ignore[arg-type]
    one, other = (change[:, 0, -n_codes:] for change in code_changes(spec, step))  # (n, n_codes)
    values = torch.stack(codes[-n_codes:], dim=1)
    for change in (one, other):
        assert torch.equal((change != 0).sum(1), torch.ones(n, dtype=torch.long))
        torch.testing.assert_close(change, -values.sign() * (change != 0))
    pairs = {(int(a), int(b)) for a, b in zip(one.abs().argmax(1), other.abs().argmax(1), strict=True)}
    assert pairs == set(permutations(range(n_codes), 2))
