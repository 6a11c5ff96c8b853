"""The losses of both players, a term a function: what it needs, when it acts, how much it weighs.

    min over G, Q  max over D   V(D, G) − Σ λ_i L_i(G, Q),    L_i = H(c_i) + E[log Q_i(c_i | G(z, c))]

(InfoGAN, Chen et al. 2016, arXiv:1606.03657, equations 5 and 6). The bounds L_i stand in both players' losses, over
disjoint parameters: the discriminator's step moves trunk, D and Q; the generator's step moves G. A new term is a
function here, listed in ``DISCRIMINATOR_TERMS`` or ``GENERATOR_TERMS``; it names the series that it reads and never
counts positions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from tsinfogan.models.codes import LatentSpec
from tsinfogan.models.discriminator import Discriminator
from tsinfogan.preprocessing.augmenter import Augmenter
from tsinfogan.training import losses
from tsinfogan.training.batch import Batch
from tsinfogan.training.config import Objective
from tsinfogan.training.losses import Stats


class View(Enum):
    """Series that the discriminator reads in a step."""

    JUDGED_REAL = "judged real"
    """Real series as realness is judged of them: as they are, or mixed within their category."""
    JUDGED_GENERATED = "judged generated"
    REAL = "real"
    GENERATED = "generated"
    REAL_AUGMENTED = "real augmented"
    GENERATED_AUGMENTED = "generated augmented"

    @property
    def is_real(self) -> bool:
        """Whether it is of real series."""
        return self in (View.JUDGED_REAL, View.REAL, View.REAL_AUGMENTED)


class Reading(NamedTuple):
    """What the discriminator says of one view: realness ``(n,)`` if it judges it, and Q's parameters, one a code."""

    realness: Tensor | None
    posteriors: tuple[Tensor, ...]


@dataclass(frozen=True)
class Setup:
    """What terms are made for.

    Attributes:
        objective: weights.
        latent: noise and codes.
        augmenter: applies augmentations, and tells how far it moved a case.
    """

    objective: Objective
    latent: LatentSpec
    augmenter: Augmenter


@dataclass
class Step:
    """What the terms of one step see.

    Attributes:
        batch: everything random or given.
        generated: ``(n, c, *grid)`` series that the generator made of it.
        generator: for terms that need further series.
        discriminator: for terms that need its gradient.
        series: ``(n, c, *grid)`` of each view that is read.
        labels: encoded label ``(n, K)`` of each view, or None where the discriminator sees none.
        readings: what the discriminator says of each view.
    """

    batch: Batch
    generated: Tensor
    generator: nn.Module
    discriminator: Discriminator
    series: Mapping[View, Tensor]
    labels: Mapping[View, Tensor | None]
    readings: Mapping[View, Reading] = field(default_factory=dict)

    def realness(self, view: View) -> Tensor:
        """``(n,)`` of a view that is judged."""
        realness = self.readings[view].realness
        assert realness is not None
        return realness

    def posteriors(self, view: View) -> tuple[Tensor, ...]:
        """Parameters ``(n, n_parameters)`` of Q for each code."""
        return self.readings[view].posteriors


Phase = Literal["always", "recognition", "penalty"]


@dataclass(frozen=True)
class Term:
    """One summand of a player's loss.

    Attributes:
        value: of the term in a step, a scalar, and the statistics that it reports.
        weight: its factor in the loss; with 0 it is computed for its statistics alone.
        views: series that the discriminator has to read for it.
        phase: in which steps it acts: ``always``; ``recognition``, those in which Q learns; ``penalty``, one step in
            ``penalty_every``, as many times stronger.
    """

    value: Callable[[Step], tuple[Tensor, Stats]]
    weight: float = 1.0
    views: tuple[View, ...] = ()
    phase: Phase = "always"


TermMaker = Callable[[Setup], "Term | None"]
"""Gives the term, or None where it cannot act."""


def terms_of(makers: Sequence[TermMaker], setup: Setup) -> tuple[Term, ...]:
    """The terms that act, in their order."""
    return tuple(term for make in makers if (term := make(setup)) is not None)


# ---- realness, on real and generated series


def discriminator_realness(setup: Setup) -> Term:
    """The discriminator tells real from generated series."""

    def value(step: Step) -> tuple[Tensor, Stats]:
        real, generated = step.realness(View.JUDGED_REAL), step.realness(View.JUDGED_GENERATED)
        loss = losses.discriminator_adversarial(setup.objective.adversarial, real, generated)
        return loss, {"discriminator": loss.detach()}

    return Term(value, views=(View.JUDGED_REAL, View.JUDGED_GENERATED))


def generator_realness(setup: Setup) -> Term:
    """Generated series look real to the discriminator; the relativistic loss compares them with real ones."""
    paired = setup.objective.adversarial == "relativistic"

    def value(step: Step) -> tuple[Tensor, Stats]:
        generated = step.realness(View.JUDGED_GENERATED)
        real = step.realness(View.JUDGED_REAL).detach() if paired else generated.detach()
        loss = losses.generator_adversarial(setup.objective.adversarial, real, generated)
        return loss, {"generator": loss.detach()}

    return Term(value, views=(View.JUDGED_GENERATED, *([View.JUDGED_REAL] if paired else [])))


# ---- codes, on generated series


def discriminator_information(setup: Setup) -> Term | None:
    """Q reads the codes of generated series: −Σ λ_i L_i, of categories the share that is not learned from real ones."""
    objective, codes = setup.objective, setup.latent.codes
    if not codes:
        return None
    share = objective.discriminator_category_share
    augmented = objective.augmented_share > 0 and share > 0

    def value(step: Step) -> tuple[Tensor, Stats]:
        clean = step.posteriors(View.GENERATED)
        others = step.posteriors(View.GENERATED_AUGMENTED) if augmented else None
        total, _ = losses.weighted_bound(objective, codes, clean, others, step.batch.codes, share)
        return -total, {}

    views = (View.GENERATED, *([View.GENERATED_AUGMENTED] if augmented else []))
    return Term(value, views=views, phase="recognition")


def generator_information(setup: Setup) -> Term | None:
    """Series are generated so that Q reads their codes: −Σ λ_i L_i. Reports every bound L_i in nats."""
    objective, codes = setup.objective, setup.latent.codes
    if not codes:
        return None
    augmented = objective.reward_generator and objective.augmented_share > 0

    def value(step: Step) -> tuple[Tensor, Stats]:
        clean = step.posteriors(View.GENERATED)
        others = step.posteriors(View.GENERATED_AUGMENTED) if augmented else None
        total, bounds = losses.weighted_bound(objective, codes, clean, others, step.batch.codes)
        named = zip(setup.latent.columns, bounds, strict=True)
        return -total, {f"bound_{column}": bound.detach() for column, bound in named}

    views = (View.GENERATED, *([View.GENERATED_AUGMENTED] if augmented else []))
    return Term(value, weight=float(objective.reward_generator), views=views)


# ---- categories, on real series


def known_labels(setup: Setup) -> Term | None:
    """Q gives real series their known label (ACGAN, Odena 2017, arXiv:1610.09585)."""
    codes = setup.latent.codes
    if not codes or not setup.objective.real_code_weight:
        return None

    def value(step: Step) -> tuple[Tensor, Stats]:
        loss = losses.known_code_loss(codes[0], step.posteriors(View.REAL)[0], step.batch.real_label)
        return loss, {"label": loss.detach()}

    return Term(value, setup.objective.real_code_weight, (View.REAL,), "recognition")


def consistency(setup: Setup) -> Term | None:
    """Q gives a real series and an augmentation of it one category, and uses all categories (IIC, Ji et al. 2019)."""
    objective, codes = setup.objective, setup.latent.codes
    if not codes or objective.consistency_weight <= 0:
        return None

    def value(step: Step) -> tuple[Tensor, Stats]:
        views = [step.posteriors(View.REAL), step.posteriors(View.REAL_AUGMENTED)]
        loss = losses.category_agreement(objective, codes, views)
        return loss, {"consistency": loss.detach()}

    return Term(value, objective.consistency_weight, (View.REAL, View.REAL_AUGMENTED), "recognition")


def pseudo_labels(setup: Setup) -> Term | None:
    """Q keeps the categories of pre-training: where the discriminator wins easily, its trunk would forget them."""
    objective, codes = setup.objective, setup.latent.codes
    if not codes or objective.consistency_weight <= 0:
        return None

    def value(step: Step) -> tuple[Tensor, Stats]:
        return losses.pseudo_label_loss(codes, step.posteriors(View.REAL), step.batch.pseudo_label), {}

    return Term(value, objective.consistency_weight * objective.pseudo_label_weight, (View.REAL,), "recognition")


def logit_regularization(setup: Setup) -> Term | None:
    """Q's logits stay finite: consistency alone is least with infinite ones, from which a generator learns nothing."""
    objective, codes = setup.objective, setup.latent.codes
    if not codes or objective.consistency_weight <= 0:
        return None

    def value(step: Step) -> tuple[Tensor, Stats]:
        return losses.logit_regularization(codes, step.posteriors(View.REAL)), {}

    weight = objective.consistency_weight * objective.logit_regularization_weight
    return Term(value, weight, (View.REAL,), "recognition")


# ---- continuous codes


def followed_augmentations(setup: Setup) -> Term | None:
    """The first continuous codes read from real series follow chosen augmentations."""
    objective, codes = setup.objective, setup.latent.codes
    followed = list(zip(objective.cont_follows, setup.latent.continuous.values(), strict=False))
    if not followed or objective.consistency_weight <= 0:
        return None

    def value(step: Step) -> tuple[Tensor, Stats]:
        clean, augmented = step.posteriors(View.REAL), step.posteriors(View.REAL_AUGMENTED)
        each = {}
        for name, index in followed:
            moved = setup.augmenter.turn(name, step.batch.real_augmentation)  # (n,)
            each[f"follows_{name}"] = losses.follow_loss(codes[index], clean[index], augmented[index], moved)
        return torch.stack(list(each.values())).sum(), {name: loss.detach() for name, loss in each.items()}

    return Term(value, objective.cont_follows_weight, (View.REAL, View.REAL_AUGMENTED), "recognition")


def overlap(setup: Setup) -> Term | None:
    """Continuous codes change a generated series in different directions (OroJaR, Wei et al. 2021, equation 4)."""
    objective = setup.objective
    if objective.overlap_weight <= 0 or not objective.reward_generator or len(setup.latent.continuous) < 2:
        return None

    def value(step: Step) -> tuple[Tensor, Stats]:
        n_cases = -(-len(step.generated) // 2)
        loss = losses.overlap_loss(code_changes(setup.latent, step, n_cases))
        return loss, {"overlap": loss.detach()}

    return Term(value, objective.overlap_weight, phase="penalty")


def code_changes(latent: LatentSpec, step: Step, n_cases: int) -> list[Tensor]:
    """Change ``(n_cases, c, *grid)`` of the first series by a step of 1 in each continuous code, towards 0."""
    noise = step.batch.latent[:n_cases, : latent.noise_dim]
    values = [value[:n_cases] for value in step.batch.codes]
    changes = []
    for index in latent.continuous.values():
        moved = [*values[:index], values[index] - values[index].sign(), *values[index + 1 :]]
        series = step.generator(latent.encode(noise, moved), step.batch.injected_noise[:n_cases])
        changes.append(series - step.generated[:n_cases])
    return changes


# ---- the discriminator's gradient


def r1(setup: Setup) -> Term | None:
    """Zero-centred gradient penalty on real series (R1, Mescheder et al. 2018, arXiv:1801.04406)."""
    return _gradient_penalty(setup.objective.r1_weight, View.JUDGED_REAL)


def r2(setup: Setup) -> Term | None:
    """The same on generated series (R2)."""
    return _gradient_penalty(setup.objective.r2_weight, View.JUDGED_GENERATED)


def _gradient_penalty(weight: float, view: View) -> Term | None:
    if not weight:
        return None

    def value(step: Step) -> tuple[Tensor, Stats]:
        values, label = step.series[view], step.labels[view]
        # in float32, without cuDNN: its recurrent layers have no second derivative
        with torch.autocast(values.device.type, enabled=False), torch.backends.cudnn.flags(enabled=False):
            values = values.detach().requires_grad_(True)
            realness = step.discriminator(values, label).realness
            components = step.discriminator.principal_components
            along = [] if components is None else [components.slope]
            penalty = losses.gradient_penalty(realness, values, *along)
        return penalty, {"penalty": penalty.detach()}

    return Term(value, weight, (view,), "penalty")


DISCRIMINATOR_TERMS: tuple[TermMaker, ...] = (
    discriminator_realness,
    discriminator_information,
    known_labels,
    consistency,
    pseudo_labels,
    logit_regularization,
    followed_augmentations,
    r1,
    r2,
)
GENERATOR_TERMS: tuple[TermMaker, ...] = (generator_realness, generator_information, overlap)
