"""Which loss reaches which network: gradients and steps of generator and discriminator under every recipe."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from _trainers import equal, make, phases, stage_for, waves, weights
from tsinfogan.data.augmentations import Augmentations
from tsinfogan.data.panel import Panel
from tsinfogan.models.discriminator import category_spread
from tsinfogan.training.config import Objective
from tsinfogan.training.terms import Step, code_changes
from tsinfogan.training.trainer import Trainer


def gradients(trainer: Trainer, player: str, objective: Objective) -> dict[str, Tensor | None]:
    """Gradient of one network's loss on every parameter of both networks, and on the generated series."""
    batch, stage = trainer.batches.draw(0), stage_for(trainer, objective)
    generated = trainer.generator(batch.latent, batch.injected_noise)
    trainer.discriminator.requires_grad_(True)
    if player == "discriminator":
        loss, _ = stage.discriminator_loss(batch, generated.detach(), phases(penalty=1))
    else:
        loss, _ = stage.generator_loss(batch, generated, phases())
    named = {f"discriminator.{name}": p for name, p in trainer.discriminator.named_parameters()}
    named |= {f"generator.{name}": p for name, p in trainer.generator.named_parameters()}
    found = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
    return dict(zip(named, found, strict=True))


def changed(trainer: Trainer, player: str, **weights: float) -> set[str]:
    """Parts of the networks whose gradient depends on the weight of the codes' bounds."""
    objective = trainer.objective
    one = gradients(trainer, player, objective)
    two = gradients(trainer, player, Objective(**{**objective.__dict__, "category_weight": 50.0, **weights}))
    parts = set()
    for name, gradient in one.items():
        assert (gradient is None) == (two[name] is None)
        if gradient is not None and not torch.equal(gradient, two[name]):
            parts.add(".".join(name.split(".")[:2]) if name.startswith("discriminator") else "generator")
    return parts


def test_a_shared_q_teaches_trunk_and_generator() -> None:
    trainer = make(waves(), generated_share=1.0)
    assert changed(trainer, "discriminator") == {"discriminator.trunk", "discriminator.q"}
    assert changed(trainer, "generator") == {"generator", "discriminator.trunk", "discriminator.q"}


def test_a_q_that_learns_from_real_series_alone_is_not_moved_by_generated_ones() -> None:
    trainer = make(waves(), generated_share=0.0)
    assert changed(trainer, "discriminator") == set()
    assert "generator" in changed(trainer, "generator")
    without_consistency = make(waves(), generated_share=0.0, consistency_weight=0.0)
    assert changed(without_consistency, "discriminator") == {"discriminator.trunk", "discriminator.q"}


def test_a_detached_q_teaches_neither_trunk_nor_generator() -> None:
    trainer = make(waves(), "gan")
    assert changed(trainer, "discriminator") == {"discriminator.q"}
    assert changed(trainer, "generator") == set()
    series = trainer.data[:4].requires_grad_()
    judged = trainer.discriminator(series)
    watched = [series, *trainer.discriminator.trunk.parameters(), *trainer.discriminator.realness.parameters()]
    found = torch.autograd.grad(sum(p.sum() for p in judged.posteriors), watched, allow_unused=True)
    assert found == (None,) * len(watched)


def test_a_q_of_its_own_leaves_the_discriminators_trunk_alone() -> None:
    trainer = make(waves(), recognition="own", generated_share=1.0)
    assert changed(trainer, "discriminator") == {"discriminator.own_trunk", "discriminator.q"}
    assert changed(trainer, "generator") == {"generator", "discriminator.own_trunk", "discriminator.q"}


@pytest.mark.parametrize("recipe", ["infogan", "gan", "cgan", "acgan", "semi_supervised"])
def test_the_discriminators_loss_does_not_reach_the_generator(recipe: str) -> None:
    trainer = make(waves(), recipe, r2_weight=1.0)
    for name, gradient in gradients(trainer, "discriminator", trainer.objective).items():
        assert name.startswith("discriminator.") or gradient is None, name


@pytest.mark.parametrize("recipe", ["infogan", "gan", "cgan", "acgan", "semi_supervised"])
def test_each_step_moves_its_own_network_only(recipe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = make(waves(), recipe)
    generator, discriminator = weights(trainer.generator), weights(trainer.discriminator)
    discriminators_own: list[Tensor] = []
    monkeypatch.setattr(
        trainer.adversarial.discriminator_optimizer,
        "step",
        lambda: discriminators_own.extend(
            p.grad.clone() for p in trainer.discriminator.parameters() if p.grad is not None
        ),
    )
    trainer.step()
    assert equal(discriminator, weights(trainer.discriminator))
    assert not equal(generator, weights(trainer.generator))
    assert equal(discriminators_own, [p.grad for p in trainer.discriminator.parameters() if p.grad is not None])

    trainer = make(waves(), recipe, generator_every=40)
    trainer.step()
    assert equal(generator, weights(trainer.generator))
    assert not equal(discriminator, weights(trainer.discriminator))


@pytest.mark.parametrize("settings", [{}, {"recognition": "own"}, {"recognition": "detached"}])
def test_two_optimizers_own_every_parameter_once(settings: dict[str, Any]) -> None:
    trainer = make(waves(), **settings)
    owned = [
        id(p)
        for optimizer in (trainer.adversarial.generator_optimizer, trainer.adversarial.discriminator_optimizer)
        for group in optimizer.param_groups
        for p in group["params"]
    ]
    every = [id(p) for network in (trainer.generator, trainer.discriminator) for p in network.parameters()]
    assert sorted(owned) == sorted(every)
    assert len(set(owned)) == len(owned)


# ---- when


def test_acgan_learns_from_known_labels_and_from_no_others() -> None:
    known = make(waves(labelled=6), "acgan", batch_size=24)
    assert sorted(known.labels.tolist()) == [-1] * 18 + [0] * 3 + [1] * 3
    judged = known.discriminator(known.data)
    expected = -judged.posteriors[0].log_softmax(1)[torch.arange(6), known.labels[:6]].mean()
    torch.testing.assert_close(known.step()["label"], expected.detach(), rtol=1e-4, atol=1e-6)

    def gradient_of_q(panel: Panel) -> Tensor:
        trainer = make(panel, "acgan", batch_size=24)
        found = gradients(trainer, "discriminator", trainer.objective)["discriminator.q.1.weight"]
        assert found is not None
        return found

    flipped = waves(labelled=6)
    assert flipped.labels is not None
    other = Panel.from_arrays(
        flipped.values, labels=[1 - k if k >= 0 else None for k in flipped.labels.tolist()], name="flipped"
    )
    assert not torch.allclose(gradient_of_q(waves(labelled=6)), gradient_of_q(other))


def test_unknown_labels_contribute_nothing() -> None:
    trainer = make(waves(labelled=2), "semi_supervised", batch_size=8)
    batch = trainer.batches.draw(0)._replace(real_label=torch.full((8,), -1))
    generated = trainer.generator(batch.latent, batch.injected_noise).detach()
    losses = [
        stage_for(trainer, objective).discriminator_loss(batch, generated, phases())[0]
        for objective in (trainer.objective, Objective(**{**trainer.objective.__dict__, "real_code_weight": 0.0}))
    ]
    assert torch.equal(*losses)


def test_free_recipes_do_not_look_at_labels() -> None:
    shuffled = waves()
    assert shuffled.labels is not None
    relabelled = Panel.from_arrays(shuffled.values, labels=np.roll(shuffled.labels, 1), name="waves")
    some, others = make(waves()), make(relabelled)
    assert set(some.labels.tolist()) == {-1}
    for trainer in (some, others):
        trainer.step()
    assert equal(weights(some.discriminator), weights(others.discriminator))


@pytest.mark.parametrize("label_input", ["projection", "embedding", "input_channel"])
def test_cgan_discriminator_sees_the_label(label_input: str) -> None:
    trainer = make(waves(), "cgan", label_input=label_input)
    trainer.step()
    labels = torch.eye(2)[trainer.labels[:4]]
    with torch.no_grad():
        right, wrong = (trainer.discriminator(trainer.data[:4], label).realness for label in (labels, labels.flip(1)))
    assert not torch.allclose(right, wrong)


def test_realness_is_judged_for_the_category() -> None:
    trainer = make(waves(), category_input=True)
    trainer.step()
    values, codes = trainer.data[:4], trainer.model.settings.latent.codes
    with torch.no_grad():
        read = trainer.discriminator(values).posteriors[0].argmax(1)
        own = codes[0].encode(read)
        unsaid, said, other = (
            trainer.discriminator(values, x).realness for x in (torch.zeros_like(own), own, own.roll(1, 1))
        )
        blind = make(waves(), category_input=False).discriminator
        assert torch.equal(blind(values, own).realness, blind(values, own.roll(1, 1)).realness)
    assert torch.equal(unsaid, said)  # zeros stand for what Q reads itself
    assert not torch.allclose(said, other)


def test_the_spread_of_a_category_is_that_of_its_own_cases_alone() -> None:
    features = torch.tensor([[1.0, 0.0], [50.0, 7.0], [3.0, 0.0], [50.0, 9.0], [-4.0, -4.0]])
    category = torch.eye(3)[torch.tensor([0, 1, 0, 1, 2])]
    expected = torch.tensor([[2**0.5, 0.0], [0.0, 2**0.5], [2**0.5, 0.0], [0.0, 2**0.5], [0.0, 0.0]])
    torch.testing.assert_close(category_spread(features, category), expected, atol=2e-3, rtol=0)


def test_the_spread_is_measured_within_each_part() -> None:
    trainer = make(waves(), spread_input=True)
    spec, values = trainer.model.settings.latent, trainer.data[:8]
    category = spec.codes[0].encode(torch.arange(8) % 2)
    alike = values[:2].repeat(4, 1, 1)  # one case of each category, four times
    with torch.no_grad():
        parts = [trainer.discriminator(part, category).realness for part in (values, alike)]
        together = trainer.discriminator(torch.cat([values, alike]), category.repeat(2, 1), n_parts=2).realness
        torch.testing.assert_close(together, torch.cat(parts))
        assert not torch.allclose(trainer.discriminator(values, category).realness[:2], parts[1][:2], atol=1e-5)
        blind = make(waves(), spread_input=False).discriminator
        torch.testing.assert_close(blind(values, category).realness[:2], blind(alike, category).realness[:2])


def test_cases_beyond_n_judged_are_read_only_and_change_no_realness() -> None:
    trainer = make(waves(80, n_timepoints=16), spread_input=True)
    spec, values = trainer.model.settings.latent, trainer.data[:12]
    category = spec.codes[0].encode(torch.arange(12) % 2)
    assert trainer.discriminator.principal_components is not None
    with torch.no_grad():
        whole, first = trainer.discriminator(values, category), trainer.discriminator(values[:8], category[:8])
        part = trainer.discriminator(values, category, n_judged=8)
    torch.testing.assert_close(part.realness, first.realness)
    for some, all_ in zip(part.posteriors, whole.posteriors, strict=True):
        torch.testing.assert_close(some, all_)


def test_conditioning_realness_on_the_category_has_no_gradient_in_q() -> None:
    trainer = make(waves(), category_input=True)
    batch = trainer.batches.draw(0)
    objective = Objective(**{**trainer.objective.__dict__, "consistency_weight": 0.0, "continuous_weight": 0.0})
    objective = Objective(**{**objective.__dict__, "category_weight": 0.0})
    generated = trainer.generator(batch.latent, batch.injected_noise).detach()
    loss, _ = stage_for(trainer, objective).discriminator_loss(batch, generated, phases())
    gradients = torch.autograd.grad(loss, list(trainer.discriminator.q.parameters()), allow_unused=True)
    assert all(gradient is None or not gradient.any() for gradient in gradients)


def test_a_code_follows_an_augmentation_of_real_series() -> None:
    panel = replace(waves(), augmentations=Augmentations(amplitude=0.5))
    trainer = make(panel, cont_follows=("amplitude",), max_steps=200, continuous_weight=0.0, discriminator_rate=3e-3)
    batch = trainer.batches.draw(0)
    turned = trainer.augmenter.apply(batch.real, batch.real_augmentation)
    turn = trainer.augmenter.amount("amplitude", batch.real_augmentation)

    def slope() -> float:
        with torch.no_grad():
            before, after = (trainer.discriminator(values).posteriors[1][:, 0] for values in (batch.real, turned))
        return float(((after - before) * turn).sum() / turn.square().sum())

    assert abs(slope()) < 0.5
    for _ in range(150):
        trainer.step()
    assert slope() == pytest.approx(1, abs=0.5)


# ---- that there is something to learn from


def test_changes_are_those_of_a_step_of_one_in_each_continuous_code() -> None:
    """With a generator that hands its input on, a change shows at that code's index alone and is 1 large."""
    trainer = make(waves())
    spec, batch = trainer.model.settings.latent, trainer.batches.draw(0)

    def mirror(latent: Tensor, injected_noise: Tensor) -> Tensor:
        return latent[:, None]

    generated = mirror(batch.latent, batch.injected_noise)
    changes = code_changes(spec, Step(batch, generated, mirror, trainer.discriminator, {}, {}, {}, {}))
    assert len(changes) == 2
    for index, (change, code) in enumerate(zip(changes, batch.codes[1:], strict=True)):
        expected = torch.zeros(4, spec.size)
        expected[:, spec.size - 2 + index] = -code[:4].sign()
        torch.testing.assert_close(change[:, 0], expected)


def test_overlapping_codes_are_moved_apart_by_the_generator_alone() -> None:
    trainer = make(waves(), penalty_every=1, r1_weight=0.0, overlap_weight=1.0)
    twin = make(waves(), r1_weight=0.0, overlap_weight=0.0)
    assert "overlap" in trainer.step()
    assert "overlap" not in twin.step()
    assert equal(weights(trainer.discriminator), weights(twin.discriminator))
    assert not equal(weights(trainer.generator), weights(twin.generator))
    assert "overlap" not in make(waves(), "gan", penalty_every=1).step()
