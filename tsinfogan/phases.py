"""The two players' losses on one batch: which series go through the critic in which phase, and what is summed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from tsinfogan.codes import Code, LatentSpec
from tsinfogan.networks import Critic, Judgement
from tsinfogan.objectives import (
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
from tsinfogan.transforms import Distorter


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
) -> tuple[Tensor, Stats]:
    """What trunk, D and Q minimise, on generated series ``(n, c, *grid)`` that are cut off from the generator."""
    n = len(batch.real)
    recognise = bool(codes) and phases.recognition
    with_real = recognise and objective.consistency_weight > 0
    with_fake = recognise and objective.distorted_share > 0 and objective.critic_category_share > 0
    series = [batch.real, fake]
    if with_real:
        series.append(distorter.apply(batch.real, batch.real_draw))
    if with_fake:
        series.append(distorter.apply(fake, batch.fake_draw))
    real_label, fake_label = _labels(critic, codes, batch)
    labels = [real_label, fake_label] + [real_label] * with_real + [fake_label] * with_fake
    judged = critic(torch.cat(series), _joined(labels), len(series))  # one pass over everything
    real, generated, *rest = _split(judged, n)
    loss = critic_adversarial(objective.adversarial, real.realness, generated.realness)
    stats = {"critic": loss.detach()}
    if recognise:
        distorted = rest[-1] if with_fake else None
        total, _ = weighted_bound(objective, codes, generated, distorted, batch.codes, objective.critic_category_share)
        loss = loss - total
        if objective.real_code_weight:
            known = known_code_loss(codes[0], real.posteriors[0], batch.real_label)
            loss = loss + objective.real_code_weight * known
            stats["label"] = known.detach()
        if with_real:
            agreement = category_agreement(objective, codes, [real.posteriors, rest[0].posteriors])
            kept = found_loss(codes, real.posteriors, batch.real_found)
            modest = objective.restraint_weight * restraint(codes, real.posteriors)
            loss = loss + objective.consistency_weight * (agreement + modest + objective.found_weight * kept)
            stats["consistency"] = agreement.detach()
            places = (place for place, code in enumerate(codes) if code.column == "cont")
            for name, place in zip(objective.knobs, places, strict=False):
                turn = distorter.turn(name, batch.real_draw)
                read, moved = real.posteriors[place], rest[0].posteriors[place]
                follows = knob_loss(codes[place], read, moved, turn)
                loss = loss + objective.knob_weight * follows
                stats[f"knob_{name}"] = follows.detach()
    if phases.penalty:
        for weight, values, label in (
            (objective.r1_weight, batch.real, real_label),
            (objective.r2_weight, fake, fake_label),
        ):
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
) -> tuple[Tensor, Stats]:
    """What the generator minimises, on generated series ``(n, c, *grid)`` that it made in this step."""
    n = len(fake)
    reward = bool(codes) and objective.reward_generator
    with_fake = reward and objective.distorted_share > 0
    paired = objective.adversarial == "relativistic"
    series = [fake] + [distorter.apply(fake, batch.fake_draw)] * with_fake + [batch.real] * paired
    real_label, fake_label = _labels(critic, codes, batch)
    labels = [fake_label] * (1 + with_fake) + [real_label] * paired
    judged = _split(critic(torch.cat(series), _joined(labels), len(series)), n)
    realness = judged[-1].realness.detach() if paired else judged[0].realness
    loss = generator_adversarial(objective.adversarial, realness, judged[0].realness)
    stats = {"generator": loss.detach()}
    if codes:
        total, each = weighted_bound(objective, codes, judged[0], judged[1] if with_fake else None, batch.codes)
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


def _joined(labels: Sequence[Tensor | None]) -> Tensor | None:
    present = [label for label in labels if label is not None]
    return torch.cat(present) if present else None


def _split(judged: Judgement, n: int) -> list[Judgement]:
    posteriors = [p.split(n) for p in judged.posteriors]
    return [
        Judgement(realness, tuple(p[part] for p in posteriors))
        for part, realness in enumerate(judged.realness.split(n))
    ]


def _penalty(critic: Critic, values: Tensor, label: Tensor | None, stats: Stats) -> Tensor:
    with torch.autocast(values.device.type, enabled=False), torch.backends.cudnn.flags(enabled=False):
        values = values.detach().requires_grad_(True)
        penalty = gradient_penalty(critic(values, label).realness, values, *_seen(critic))
    stats["penalty"] = penalty.detach()
    return penalty


def _seen(critic: Critic) -> list[Callable[[Tensor], Tensor]]:
    """How the critic's slope is measured, where that is not along plain axes."""
    return [] if critic.directions is None else [critic.directions.slope]
