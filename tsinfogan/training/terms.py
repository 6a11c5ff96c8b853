"""The losses of both players, a term a function: when it can act, what it weighs, which series it reads.

    min over G, Q  max over D   V(D, G) − Σ λ_i L_i(G, Q),    L_i = H(c_i) + E[log Q_i(c_i | G(z, c))]

(InfoGAN, Chen et al. 2016, arXiv:1606.03657, equations 5 and 6). The bounds L_i stand in both players' losses, over
disjoint parameters: the discriminator's step moves trunk, D and Q; the generator's step moves G. A new term is a
function here that is listed in ``DISCRIMINATOR_TERMS`` or ``GENERATOR_TERMS``; it names the series that it reads and
never counts positions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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

Phase = Literal["always", "recognition", "penalty"]
MAX_MOVED = 6
"""Up to so many continuous codes, each is moved in a step."""


class View(Enum):
    """Series that the discriminator reads; realness is judged of mixtures, or of the series themselves."""

    JUDGED_REAL = "judged real"
    JUDGED_GENERATED = "judged generated"
    REAL = "real"
    GENERATED = "generated"
    REAL_AUGMENTED = "real augmented"
    GENERATED_AUGMENTED = "generated augmented"


class Setup(NamedTuple):
    """What terms are made for."""

    objective: Objective
    latent: LatentSpec
    augmenter: Augmenter
    proportions: Tensor | None = None
    """``(K,)`` of the categories of the only categorical code in the real series, where pre-training found them."""


@dataclass(frozen=True)
class Step:
    """What the terms of one step see.

    Attributes:
        batch: everything random or given.
        generated: ``(n, c, *grid)`` series that the generator made of it.
        generator: for terms that need further series.
        discriminator: for terms that need its gradient.
        series: ``(n, c, *grid)`` by view.
        labels: encoded label ``(n, K)`` by view, None where the discriminator sees none.
        realness: ``(n,)`` by view, of the judged ones.
        posteriors: by view, parameters ``(n, n_parameters)`` of Q for each code.
    """

    batch: Batch
    generated: Tensor
    generator: nn.Module
    discriminator: Discriminator
    series: Mapping[View, Tensor]
    labels: Mapping[View, Tensor | None]
    realness: Mapping[View, Tensor]
    posteriors: Mapping[View, tuple[Tensor, ...]]


@dataclass(frozen=True)
class Term:
    """One summand of a player's loss.

    Attributes:
        value: of the term in a step, a scalar; or that and statistics to report.
        views: series that the discriminator has to read for it.
        weight: its factor in the loss; with 0 it is computed for its statistics alone.
        phase: in which steps it acts: ``always``; ``recognition``, those in which Q learns; ``penalty``, one step in
            ``penalty_every``, as many times stronger.
        name: statistic under which the value is reported; empty for none.
    """

    value: Callable[[Step], Tensor | tuple[Tensor, Stats]]
    views: tuple[View, ...] = ()
    weight: float = 1.0
    phase: Phase = "always"
    name: str = ""

    def evaluate(self, step: Step) -> tuple[Tensor, Stats]:
        """The value in a step, and its statistics."""
        value = self.value(step)
        if isinstance(value, tuple):
            return value
        return value, {self.name: value.detach()} if self.name else {}


# ---- realness, on real and generated series


def discriminator_realness(setup: Setup) -> Term:
    """The discriminator tells real from generated series."""

    def value(step: Step) -> Tensor:
        real, generated = step.realness[View.JUDGED_REAL], step.realness[View.JUDGED_GENERATED]
        return losses.discriminator_adversarial(setup.objective.adversarial, real, generated)

    return Term(value, (View.JUDGED_REAL, View.JUDGED_GENERATED), name="discriminator")


def generator_realness(setup: Setup) -> Term:
    """Generated series look real to the discriminator; the relativistic loss compares them with real ones."""
    other = View.JUDGED_REAL if setup.objective.adversarial == "relativistic" else View.JUDGED_GENERATED

    def value(step: Step) -> Tensor:
        real, generated = step.realness[other].detach(), step.realness[View.JUDGED_GENERATED]
        return losses.generator_adversarial(setup.objective.adversarial, real, generated)

    return Term(value, (View.JUDGED_GENERATED, other), name="generator")


# ---- codes, on generated series


def discriminator_information(setup: Setup) -> Term | None:
    """Q reads the codes of generated series: −Σ λ_i L_i, less of the categories that it learns from real series."""
    share = setup.objective.discriminator_category_share
    term = _information(setup, share, augmented=share > 0)
    return term and Term(lambda step: term.evaluate(step)[0], term.views, phase="recognition")


def generator_information(setup: Setup) -> Term | None:
    """Series are generated so that Q reads their codes: −Σ λ_i L_i. Reports every bound L_i in nats."""
    return _information(setup, 1.0, setup.objective.reward_generator, float(setup.objective.reward_generator))


def _information(setup: Setup, share: float, augmented: bool, weight: float = 1.0) -> Term | None:
    objective, codes = setup.objective, setup.latent.codes
    augmented = augmented and objective.augmented_share > 0

    def value(step: Step) -> tuple[Tensor, Stats]:
        clean = step.posteriors[View.GENERATED]
        others = step.posteriors[View.GENERATED_AUGMENTED] if augmented else None
        total, bounds = losses.weighted_bound(objective, codes, clean, others, step.batch.codes, share)
        named = zip(setup.latent.columns, bounds, strict=True)
        return -total, {f"bound_{column}": bound.detach() for column, bound in named}

    views = (View.GENERATED, *([View.GENERATED_AUGMENTED] if augmented else []))
    return Term(value, views, weight) if codes else None


# ---- categories and continuous codes, on real series


def known_labels(setup: Setup) -> Term | None:
    """Q gives real series their known label (ACGAN, Odena 2017, arXiv:1610.09585)."""
    codes, weight = setup.latent.codes, setup.objective.real_code_weight

    def value(step: Step) -> Tensor:
        return losses.known_code_loss(codes[0], step.posteriors[View.REAL][0], step.batch.real_label)

    return Term(value, (View.REAL,), weight, "recognition", "label") if codes and weight else None


def consistency(setup: Setup) -> Term | None:
    """Q gives a real series and an augmentation of it one category, and uses all categories (IIC, Ji et al. 2019)."""
    objective, codes, views = setup.objective, setup.latent.codes, (View.REAL, View.REAL_AUGMENTED)

    def value(step: Step) -> Tensor:
        return losses.category_agreement(objective, codes, [step.posteriors[view] for view in views], setup.proportions)

    term = Term(value, views, objective.consistency_weight, "recognition", "consistency")
    return term if _is_consistent(setup) else None


def pseudo_labels(setup: Setup) -> Term | None:
    """Q keeps the categories of pre-training: where the discriminator wins easily, its trunk would forget them."""
    codes, weight = setup.latent.codes, setup.objective.consistency_weight * setup.objective.pseudo_label_weight

    def value(step: Step) -> Tensor:
        return losses.pseudo_label_loss(codes, step.posteriors[View.REAL], step.batch.pseudo_label)

    return Term(value, (View.REAL,), weight, "recognition") if _is_consistent(setup) else None


def logit_regularization(setup: Setup) -> Term | None:
    """Q's logits stay finite: consistency alone is least with infinite ones, from which a generator learns nothing."""
    objective, codes = setup.objective, setup.latent.codes
    weight = objective.consistency_weight * objective.logit_regularization_weight

    def value(step: Step) -> Tensor:
        return losses.logit_regularization(codes, step.posteriors[View.REAL])

    return Term(value, (View.REAL,), weight, "recognition") if _is_consistent(setup) else None


def followed_augmentations(setup: Setup) -> Term | None:
    """The first continuous codes that Q reads from real series follow chosen augmentations."""
    codes, views = setup.latent.codes, (View.REAL, View.REAL_AUGMENTED)
    followed = list(zip(setup.objective.cont_follows, setup.latent.continuous.values(), strict=False))

    def value(step: Step) -> tuple[Tensor, Stats]:
        clean, augmented = (step.posteriors[view] for view in views)
        each = {}
        for name, index in followed:
            amount = setup.augmenter.amount(name, step.batch.real_augmentation)  # (n,)
            each[f"follows_{name}"] = losses.follow_loss(codes[index], clean[index], augmented[index], amount)
        return torch.stack(list(each.values())).sum(), {name: loss.detach() for name, loss in each.items()}

    term = Term(value, views, setup.objective.cont_follows_weight, "recognition")
    return term if followed and _is_consistent(setup) else None


def _is_consistent(setup: Setup) -> bool:
    """Whether Q learns from real series by consistency."""
    return bool(setup.latent.codes) and setup.objective.consistency_weight > 0


# ---- continuous codes, on generated series


def overlap(setup: Setup) -> Term | None:
    """Continuous codes change a generated series in different directions (OroJaR, Wei et al. 2021, equation 4)."""
    objective, latent = setup.objective, setup.latent

    def value(step: Step) -> Tensor:
        return losses.overlap_loss(code_changes(latent, step))

    acts = objective.overlap_weight > 0 and objective.reward_generator and len(latent.continuous) > 1
    return Term(value, weight=objective.overlap_weight, phase="penalty", name="overlap") if acts else None


def code_changes(latent: LatentSpec, step: Step) -> list[Tensor]:
    """Changes ``(n_cases, c, *grid)`` of generated series by a step of 1 towards 0 in a continuous code.

    The first half of the series change by each code. Of more than ``MAX_MOVED`` codes, each series changes by two, a
    pair of its own: then all pairs are equally likely, at a cost that does not grow with their number.
    """
    indices = list(latent.continuous.values())
    chosen: Sequence[Tensor | int] = range(len(indices))
    n_cases = -(-len(step.generated) // 2)
    if len(indices) > MAX_MOVED:
        position = step.batch.time * len(indices)  # (n,), which adversarial training does not use otherwise
        first, apart = position.long(), 1 + (position.frac() * (len(indices) - 1)).long()
        n_cases, chosen = len(position), (first, (first + apart) % len(indices))
    noise = step.batch.latent[:n_cases, : latent.noise_dim]
    values = [value[:n_cases] for value in step.batch.codes]
    changes = []
    for code in chosen:
        moved = list(values)
        for number, index in enumerate(indices):
            moved[index] = values[index] - values[index].sign() * (code == number)
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
    def value(step: Step) -> Tensor:
        values, components = step.series[view], step.discriminator.principal_components
        # In float32. Recurrent layers have no second derivative in cuDNN; convolutions do, and are slow without it.
        recurrent = any(isinstance(module, nn.RNNBase) for module in step.discriminator.modules())
        with torch.autocast(values.device.type, enabled=False), torch.backends.cudnn.flags(enabled=not recurrent):
            values = values.detach().requires_grad_(True)
            realness = step.discriminator(values, step.labels[view]).realness
            return losses.gradient_penalty(realness, values, *([] if components is None else [components.slope]))

    return Term(value, (view,), weight, "penalty", "penalty") if weight else None


TermMaker = Callable[[Setup], "Term | None"]
"""Gives the term, or None where it cannot act."""
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


def terms_of(makers: tuple[TermMaker, ...], setup: Setup) -> tuple[Term, ...]:
    """The terms that act, in their order."""
    return tuple(term for make in makers if (term := make(setup)) is not None)
