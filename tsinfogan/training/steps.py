"""The two players' losses on one batch: which series go through the critic in which phase, and what is summed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from tsinfogan.models.codes import Code, LatentSpec
from tsinfogan.models.discriminator import Critic
from tsinfogan.preprocessing.augmenter import Distorter
from tsinfogan.training.losses import (
    Batch,
    Objective,
    Stats,
    category_agreement,
    critic_adversarial,
    found_loss,
    generator_adversarial,
    gradient_penalty,
    knob_loss,
    known_code_loss,
    restraint,
    weighted_bound,
)
from tsinfogan.training.mixing import Blends, blend


class Phases(NamedTuple):
    """What one step does beside moving the critic.

    Attributes:
        generator: whether the generator moves.
        recognition: whether Q learns.
        penalty: factor of the penalties on gradients and on the overlap of codes, 0 in steps without.
    """

    generator: bool
    recognition: bool
    penalty: int


def critic_loss(
    objective: Objective,
    critic: Critic,
    codes: Sequence[Code],
    batch: Batch,
    fake: Tensor,
    distorter: Distorter,
    phases: Phases,
    blends: Blends | None = None,
) -> tuple[Tensor, Stats]:
    """What trunk, D and Q minimise, on generated series ``(n, c, *grid)`` that are cut off from the generator."""
    recognise = bool(codes) and phases.recognition
    with_real = recognise and objective.consistency_weight > 0
    with_fake = recognise and objective.distorted_share > 0 and objective.critic_category_share > 0
    real_label, fake_label = _labels(critic, codes, batch)
    judged = [batch.real, fake] if blends is None else [_real_blend(batch, blends), _fake_blend(batch, fake, blends)]
    series, labels = list(judged), [real_label, fake_label]
    if recognise and blends is not None:
        series += [batch.real, fake]
        labels += [real_label, fake_label]
    if with_real:
        series.append(distorter.apply(batch.real, batch.real_draw))
        labels.append(real_label)
    if with_fake:
        series.append(distorter.apply(fake, batch.fake_draw))
        labels.append(fake_label)
    (real_realness, fake_realness), parts = _judge(critic, series, labels, n_judged=2)  # one pass over everything
    loss = critic_adversarial(objective.adversarial, real_realness, fake_realness)
    stats = {"critic": loss.detach()}
    if recognise:
        real, generated, *rest = parts[2:] if blends is not None else parts
        distorted = rest[-1] if with_fake else None
        total, _ = weighted_bound(objective, codes, generated, distorted, batch.codes, objective.critic_category_share)
        loss = loss - total
        if objective.real_code_weight:
            known = known_code_loss(codes[0], real[0], batch.real_label)
            loss = loss + objective.real_code_weight * known
            stats["label"] = known.detach()
        if with_real:
            agreement = category_agreement(objective, codes, [real, rest[0]])
            kept = found_loss(codes, real, batch.real_found)
            modest = objective.restraint_weight * restraint(codes, real)
            loss = loss + objective.consistency_weight * (agreement + modest + objective.found_weight * kept)
            stats["consistency"] = agreement.detach()
            places = (place for place, code in enumerate(codes) if code.column == "cont")
            for name, place in zip(objective.knobs, places, strict=False):
                turn = distorter.turn(name, batch.real_draw)
                read, moved = real[place], rest[0][place]
                follows = knob_loss(codes[place], read, moved, turn)
                loss = loss + objective.knob_weight * follows
                stats[f"knob_{name}"] = follows.detach()
    if phases.penalty:
        weights = (objective.r1_weight, objective.r2_weight)
        for weight, values, label in zip(weights, judged, (real_label, fake_label), strict=True):
            if weight:
                loss = loss + weight * phases.penalty * _penalty(critic, values, label, stats)
    return loss, stats


def generator_loss(
    objective: Objective,
    critic: Critic,
    codes: Sequence[Code],
    batch: Batch,
    fake: Tensor,
    distorter: Distorter,
    blends: Blends | None = None,
) -> tuple[Tensor, Stats]:
    """What the generator minimises, on generated series ``(n, c, *grid)`` that it made in this step."""
    reward = bool(codes) and objective.reward_generator
    with_fake = reward and objective.distorted_share > 0
    paired = objective.adversarial == "relativistic"
    real_label, fake_label = _labels(critic, codes, batch)
    series, labels = [fake if blends is None else _fake_blend(batch, fake, blends)], [fake_label]
    if paired:
        series.append(batch.real if blends is None else _real_blend(batch, blends))
        labels.append(real_label)
    n_judged = len(series)
    if codes and blends is not None:
        series.append(fake)
        labels.append(fake_label)
    if with_fake:
        series.append(distorter.apply(fake, batch.fake_draw))
        labels.append(fake_label)
    realness, parts = _judge(critic, series, labels, n_judged)
    loss = generator_adversarial(objective.adversarial, realness[-1].detach(), realness[0])
    stats = {"generator": loss.detach()}
    if codes:
        read = parts[0] if blends is None else parts[n_judged]
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
    for place, (code, value) in enumerate(zip(latent_spec.codes, values, strict=True)):
        if code.column == "cont":
            moved = [*values[:place], value - value.sign(), *values[place + 1 :]]
            changes.append(generator(latent_spec.encode(noise, moved), batch.texture[:n]) - fake[:n])
    return changes


def _labels(critic: Critic, codes: Sequence[Code], batch: Batch) -> tuple[Tensor | None, Tensor | None]:
    """Encoded labels ``(n, K)`` of real and of generated cases, where the critic sees them; zeros: as Q reads them."""
    if critic.by_category:
        drawn = codes[0].encode(batch.codes[0])
        return torch.zeros_like(drawn), drawn
    if critic.settings.label_input == "none":
        return None, None
    return codes[0].encode(batch.real_label), codes[0].encode(batch.codes[0])


def _real_blend(batch: Batch, blends: Blends) -> Tensor:
    return blend(batch.real, batch.real_found, blends, batch.real_blend)


def _fake_blend(batch: Batch, fake: Tensor, blends: Blends) -> Tensor:
    return blend(fake, batch.codes[0], blends, batch.fake_blend, blends.share)


def _judge(
    critic: Critic, series: Sequence[Tensor], labels: Sequence[Tensor | None], n_judged: int
) -> tuple[Sequence[Tensor], list[tuple[Tensor, ...]]]:
    """Realness ``(n,)`` of each of the first batches of n series, and what Q reads of each of all, in one pass."""
    n = len(series[0])
    present = [label for label in labels if label is not None]
    judged = critic(torch.cat(list(series)), torch.cat(present) if present else None, n_judged, n_judged * n)
    parts = [posterior.split(n) for posterior in judged.posteriors]
    return judged.realness.split(n), list(zip(*parts, strict=True))


def _penalty(critic: Critic, values: Tensor, label: Tensor | None, stats: Stats) -> Tensor:
    with torch.autocast(values.device.type, enabled=False), torch.backends.cudnn.flags(enabled=False):
        values = values.detach().requires_grad_(True)
        penalty = gradient_penalty(critic(values, label).realness, values, *_seen(critic))
    stats["penalty"] = penalty.detach()
    return penalty


def _seen(critic: Critic) -> list[Callable[[Tensor], Tensor]]:
    """How the critic's slope is measured, where that is not along plain axes."""
    return [] if critic.directions is None else [critic.directions.slope]
