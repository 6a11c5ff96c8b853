"""The two players' losses on one batch: which series go through the discriminator in which phase, and what is summed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from tsinfogan.models.codes import Code, LatentSpec
from tsinfogan.models.discriminator import Discriminator
from tsinfogan.preprocessing.augmenter import Augmenter
from tsinfogan.training.losses import (
    Batch,
    Objective,
    Stats,
    category_agreement,
    discriminator_adversarial,
    follow_loss,
    generator_adversarial,
    gradient_penalty,
    known_code_loss,
    logit_regularization,
    pseudo_label_loss,
    weighted_bound,
)
from tsinfogan.training.mixing import ClassMixing, mix


class Phases(NamedTuple):
    """What one step does beside moving the discriminator.

    Attributes:
        generator: whether the generator moves.
        recognition: whether Q learns.
        penalty: factor of the penalties on gradients and on the overlap of codes, 0 in steps without.
    """

    generator: bool
    recognition: bool
    penalty: int


def discriminator_loss(
    objective: Objective,
    discriminator: Discriminator,
    codes: Sequence[Code],
    batch: Batch,
    fake: Tensor,
    augmenter: Augmenter,
    phases: Phases,
    mixing: ClassMixing | None = None,
) -> tuple[Tensor, Stats]:
    """What trunk, D and Q minimise, on generated series ``(n, c, *grid)`` that are cut off from the generator."""
    recognise = bool(codes) and phases.recognition
    with_real = recognise and objective.consistency_weight > 0
    with_fake = recognise and objective.augmented_share > 0 and objective.discriminator_category_share > 0
    real_label, fake_label = _labels(discriminator, codes, batch)
    judged = [batch.real, fake] if mixing is None else [_mixed_real(batch, mixing), _mixed_fake(batch, fake, mixing)]
    series, labels = list(judged), [real_label, fake_label]
    if recognise and mixing is not None:
        series += [batch.real, fake]
        labels += [real_label, fake_label]
    if with_real:
        series.append(augmenter.apply(batch.real, batch.real_draw))
        labels.append(real_label)
    if with_fake:
        series.append(augmenter.apply(fake, batch.fake_draw))
        labels.append(fake_label)
    (real_realness, fake_realness), parts = _judge(
        discriminator, series, labels, n_judged=2
    )  # one pass over everything
    loss = discriminator_adversarial(objective.adversarial, real_realness, fake_realness)
    stats = {"discriminator": loss.detach()}
    if recognise:
        real, generated, *rest = parts[2:] if mixing is not None else parts
        augmented = rest[-1] if with_fake else None
        total, _ = weighted_bound(
            objective, codes, generated, augmented, batch.codes, objective.discriminator_category_share
        )
        loss = loss - total
        if objective.real_code_weight:
            known = known_code_loss(codes[0], real[0], batch.real_label)
            loss = loss + objective.real_code_weight * known
            stats["label"] = known.detach()
        if with_real:
            agreement = category_agreement(objective, codes, [real, rest[0]])
            kept = pseudo_label_loss(codes, real, batch.pseudo_label)
            modest = objective.logit_regularization_weight * logit_regularization(codes, real)
            loss = loss + objective.consistency_weight * (agreement + modest + objective.pseudo_label_weight * kept)
            stats["consistency"] = agreement.detach()
            indices = (index for index, code in enumerate(codes) if code.column == "cont")
            for name, index in zip(objective.cont_follows, indices, strict=False):
                turn = augmenter.turn(name, batch.real_draw)
                read, moved = real[index], rest[0][index]
                follows = follow_loss(codes[index], read, moved, turn)
                loss = loss + objective.cont_follows_weight * follows
                stats[f"knob_{name}"] = follows.detach()
    if phases.penalty:
        weights = (objective.r1_weight, objective.r2_weight)
        for weight, values, label in zip(weights, judged, (real_label, fake_label), strict=True):
            if weight:
                loss = loss + weight * phases.penalty * _penalty(discriminator, values, label, stats)
    return loss, stats


def generator_loss(
    objective: Objective,
    discriminator: Discriminator,
    codes: Sequence[Code],
    batch: Batch,
    fake: Tensor,
    augmenter: Augmenter,
    mixing: ClassMixing | None = None,
) -> tuple[Tensor, Stats]:
    """What the generator minimises, on generated series ``(n, c, *grid)`` that it made in this step."""
    reward = bool(codes) and objective.reward_generator
    with_fake = reward and objective.augmented_share > 0
    paired = objective.adversarial == "relativistic"
    real_label, fake_label = _labels(discriminator, codes, batch)
    series, labels = [fake if mixing is None else _mixed_fake(batch, fake, mixing)], [fake_label]
    if paired:
        series.append(batch.real if mixing is None else _mixed_real(batch, mixing))
        labels.append(real_label)
    n_judged = len(series)
    if codes and mixing is not None:
        series.append(fake)
        labels.append(fake_label)
    if with_fake:
        series.append(augmenter.apply(fake, batch.fake_draw))
        labels.append(fake_label)
    realness, parts = _judge(discriminator, series, labels, n_judged)
    loss = generator_adversarial(objective.adversarial, realness[-1].detach(), realness[0])
    stats = {"generator": loss.detach()}
    if codes:
        read = parts[0] if mixing is None else parts[n_judged]
        total, each = weighted_bound(objective, codes, read, parts[-1] if with_fake else None, batch.codes)
        if reward:
            loss = loss - total
        columns = LatentSpec(1, tuple(codes)).columns
        stats |= {f"bound_{column}": bound.detach() for column, bound in zip(columns, each, strict=True)}
    return loss, stats


def code_changes(generator: nn.Module, latent_spec: LatentSpec, batch: Batch, fake: Tensor, n: int) -> list[Tensor]:
    """What a step of 1 towards its other side makes of each continuous code: ``(n, c, *grid)`` each, of the first n."""
    noise = batch.latent[:n, : latent_spec.noise_dim]
    values = [value[:n] for value in batch.codes]
    changes = []
    for index, (code, value) in enumerate(zip(latent_spec.codes, values, strict=True)):
        if code.column == "cont":
            moved = [*values[:index], value - value.sign(), *values[index + 1 :]]
            changes.append(generator(latent_spec.encode(noise, moved), batch.injected_noise[:n]) - fake[:n])
    return changes


def _labels(discriminator: Discriminator, codes: Sequence[Code], batch: Batch) -> tuple[Tensor | None, Tensor | None]:
    """Encoded labels ``(n, K)`` of real and of generated cases, where the discriminator sees them; zeros: as Q reads them."""
    if discriminator.by_category:
        drawn = codes[0].encode(batch.codes[0])
        return torch.zeros_like(drawn), drawn
    if discriminator.settings.label_input == "none":
        return None, None
    return codes[0].encode(batch.real_label), codes[0].encode(batch.codes[0])


def _mixed_real(batch: Batch, mixing: ClassMixing) -> Tensor:
    return mix(batch.real, batch.pseudo_label, mixing, batch.real_mixing)


def _mixed_fake(batch: Batch, fake: Tensor, mixing: ClassMixing) -> Tensor:
    return mix(fake, batch.codes[0], mixing, batch.fake_mixing, mixing.share)


def _judge(
    discriminator: Discriminator, series: Sequence[Tensor], labels: Sequence[Tensor | None], n_judged: int
) -> tuple[Sequence[Tensor], list[tuple[Tensor, ...]]]:
    """Realness ``(n,)`` of each of the first batches of n series, and what Q reads of each of all, in one pass."""
    n = len(series[0])
    present = [label for label in labels if label is not None]
    judged = discriminator(torch.cat(list(series)), torch.cat(present) if present else None, n_judged, n_judged * n)
    parts = [posterior.split(n) for posterior in judged.posteriors]
    return judged.realness.split(n), list(zip(*parts, strict=True))


def _penalty(discriminator: Discriminator, values: Tensor, label: Tensor | None, stats: Stats) -> Tensor:
    with torch.autocast(values.device.type, enabled=False), torch.backends.cudnn.flags(enabled=False):
        values = values.detach().requires_grad_(True)
        penalty = gradient_penalty(discriminator(values, label).realness, values, *_seen(discriminator))
    stats["penalty"] = penalty.detach()
    return penalty


def _seen(discriminator: Discriminator) -> list[Callable[[Tensor], Tensor]]:
    """How the discriminator's slope is measured, where that is not along plain axes."""
    return [] if discriminator.principal_components is None else [discriminator.principal_components.slope]
