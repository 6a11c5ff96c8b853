"""What is trained for: adversarial losses, the bound on mutual information, consistency. Owns no network.

    min over G, Q  max over D   V(D, G) − Σ λ_i L_i(G, Q),    L_i = H(c_i) + E[log Q_i(c_i | G(z, c))]

(InfoGAN, Chen et al. 2016, equations 5 and 6). A label is a code whose value is known for real data too, so GAN,
CGAN, ACGAN and InfoGAN are settings of :class:`Objective`. The bound stands in both players' losses, over disjoint
parameters: the discriminator's step moves trunk, D and Q; the generator's step moves G.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from tsinfogan.errors import SettingError
from tsinfogan.models.codes import CategoricalCode, Code

Adversarial = Literal["non_saturating", "least_squares", "relativistic"]
Stats = dict[str, Tensor]


@dataclass(frozen=True)
class Objective:
    """Hyper-parameters of the losses; networks come in as arguments.

    Attributes:
        adversarial: the game: non-saturating (Goodfellow 2014), least squares (Mao 2017) or relativistic pairing
            (Jolicoeur-Martineau 2018; Huang 2024).
        category_weight: λ of each categorical code's bound; 0 leaves it out.
        continuous_weight: λ of each continuous code's bound.
        generated_share: share of λ with which Q learns categories from generated series too. At 0 it learns them from
            real series alone, by consistency, and the generator follows, so that the two cannot agree on categories
            of their own. Without consistency Q learns from generated series whatever stands here.
        reward_generator: whether the generator is rewarded for the bound; without, Q only watches.
        real_code_weight: weight of log Q(c | x) on real series whose first code, the label, is known (ACGAN).
        consistency_weight: weight of Q giving a real series and its augmentation the same category.
        balance_weight: weight, within consistency, of all categories being used.
        logit_regularization_weight: weight, within consistency, of Q's confidence staying finite: consistency alone is
            best served by logits without end, and a generator that meets such a Q learns nothing from it.
        pseudo_label_weight: weight, within consistency, of Q keeping in the game the categories that discovery found:
            where the discriminator wins easily, on few series, its trunk would forget them.
        augmented_share: share of the category's bound that is read from augmented samples, so that generator and Q
            cannot agree on a private sign that an augmentation would wipe out.
        cont_follows: augmentations by name that the first continuous codes shall follow: a real series augmented so
            reads as one whose code is moved in proportion. Without, a code is whatever G and Q make of it.
        cont_follows_weight: weight of that.
        overlap_weight: weight of continuous codes moving a sample in different directions.
        within_class_mixing: whether, with directions and where discovery has found the categories of most real series,
            realness is judged of blends of two of a category; never of windows of a recording
            (:mod:`tsinfogan.training.mixing`).
        r1_weight: γ of the zero-centred gradient penalty γ/2 E‖∇D(x)‖² on real series (Mescheder 2018).
        r2_weight: γ of the same on generated series.
    """

    adversarial: Adversarial = "non_saturating"
    category_weight: float = 1.0
    continuous_weight: float = 0.1
    generated_share: float = 0.0
    reward_generator: bool = True
    real_code_weight: float = 0.0
    consistency_weight: float = 1.0
    balance_weight: float = 3.0
    logit_regularization_weight: float = 1e-4
    pseudo_label_weight: float = 1.0
    augmented_share: float = 0.5
    cont_follows: tuple[str, ...] = ()
    cont_follows_weight: float = 1.0
    overlap_weight: float = 1.0
    within_class_mixing: bool = True
    r1_weight: float = 1.0
    r2_weight: float = 0.0

    def __post_init__(self) -> None:
        for name in ("generated_share", "augmented_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise SettingError(f"{name} must lie between 0 and 1, got {getattr(self, name)}")

    @property
    def discriminator_category_share(self) -> float:
        """Share of λ with which the discriminator's step moves Q's categories by generated series."""
        return self.generated_share if self.consistency_weight else 1.0

    def code_weight(self, code: Code) -> float:
        """λ of one code."""
        return self.category_weight if code.column == "cat" else self.continuous_weight


class Batch(NamedTuple):
    """Everything random or given in one step, so that the step itself is a plain function.

    Attributes:
        real: ``(n, n_channels, *grid)``.
        real_label: ``(n,)`` category known for each real case, or −1.
        pseudo_label: ``(n,)`` category that discovery found for each beyond doubt, or −1.
        latent: generator input ``(n, latent_size)``.
        injected_noise: ``(n, injected_noise_dim)``.
        codes: one ``(n,)`` tensor of values a code, those encoded in ``latent``.
        real_draw: augmentation of each real case.
        fake_draw: augmentation of each generated case.
        real_mixing: ``(n, DRAWS_PER_CASE)`` how each real case is blended, where that is done.
        fake_mixing: the same of each generated case.
    """

    real: Tensor
    real_label: Tensor
    pseudo_label: Tensor
    latent: Tensor
    injected_noise: Tensor
    codes: tuple[Tensor, ...]
    real_draw: Tensor
    fake_draw: Tensor
    real_mixing: Tensor
    fake_mixing: Tensor


def discriminator_adversarial(kind: Adversarial, real: Tensor, fake: Tensor) -> Tensor:
    """The discriminator's loss on realness ``(n,)`` of real and of generated series."""
    if kind == "least_squares":
        return 0.5 * (real - 1).square().mean() + 0.5 * fake.square().mean()
    if kind == "relativistic":
        return F.softplus(fake - real).mean()
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def generator_adversarial(kind: Adversarial, real: Tensor, fake: Tensor) -> Tensor:
    """The generator's loss on the same."""
    if kind == "least_squares":
        return 0.5 * (fake - 1).square().mean()
    if kind == "relativistic":
        return F.softplus(real - fake).mean()
    return F.softplus(-fake).mean()


def bounds(codes: Sequence[Code], posteriors: Sequence[Tensor], values: Sequence[Tensor]) -> list[Tensor]:
    """L_i in nats of each code (InfoGAN, equation 5): H(c_i) + E[log Q_i(c_i | x)]."""
    return [
        code.entropy + code.log_prob(parameters, value).mean()
        for code, parameters, value in zip(codes, posteriors, values, strict=True)
    ]


def weighted_bound(
    objective: Objective,
    codes: Sequence[Code],
    clean: Sequence[Tensor],
    augmented: Sequence[Tensor] | None,
    values: Sequence[Tensor],
    category_share: float = 1.0,
) -> tuple[Tensor, list[Tensor]]:
    """Σ λ_i L_i, categories read from clean and augmented samples alike, and the L_i on clean samples.

    Args:
        objective: gives each λ_i.
        codes: the codes.
        clean: one posterior's parameters a code, read from the samples.
        augmented: the same from augmentations of them, or None.
        values: one ``(n,)`` tensor a code.
        category_share: multiplies λ of the categories.
    """
    clean_bounds = bounds(codes, clean, values)
    total = clean[0].new_zeros(())
    share = 0.0 if augmented is None else objective.augmented_share
    for index, (code, bound) in enumerate(zip(codes, clean_bounds, strict=True)):
        if code.column == "cat" and augmented is not None:
            augmented_bound = code.entropy + code.log_prob(augmented[index], values[index]).mean()
            bound = (1 - share) * bound + share * augmented_bound
        if code.column == "cat":
            bound = category_share * bound
        total = total + objective.code_weight(code) * bound
    return total, clean_bounds


def consistency(views: Tensor) -> Tensor:
    """− E[Σ_k q_k(x) log q_k(x′)] over ordered pairs of different views x, x′ of a case, for logits ``(v, …, n, K)``.

    For two views, − E[½ Σ_k q_k(x) log q_k(t(x)) + ½ Σ_k q_k(t(x)) log q_k(x)].
    """
    log_q = views.log_softmax(-1)
    q = log_q.exp()
    pairs = (q.sum(0) * log_q.sum(0)).sum(-1) - (q * log_q).sum(0).sum(-1)  # all pairs, less each view with itself
    return -pairs.mean(-1) / (len(views) * (len(views) - 1))


def balance(logits: Tensor, prior: Tensor) -> Tensor:
    """KL(q̄ ‖ prior) of the mean q̄ of Q over logits ``(…, n, K)``: zero when categories are used as the prior draws."""
    mean = logits.softmax(-1).mean(-2)
    return (mean * (mean.clamp_min(1e-8).log() - prior.clamp_min(1e-8).log())).sum(-1)


def category_agreement(objective: Objective, codes: Sequence[Code], views: Sequence[Sequence[Tensor]]) -> Tensor:
    """Consistency and weighted balance of every categorical code between views of the same real cases.

    Args:
        objective: gives the weight of balance.
        codes: the codes.
        views: for each view of n cases, one posterior's parameters a code.
    """
    total = views[0][0].new_zeros(())
    for index, code in enumerate(codes):
        if isinstance(code, CategoricalCode):
            logits = torch.stack([posteriors[index] for posteriors in views])  # (v, n, K)
            total = total + consistency(logits)
            total = total + objective.balance_weight * balance(logits.flatten(0, 1), code.prior(logits.device))
    return total


def logit_regularization(codes: Sequence[Code], posteriors: Sequence[Tensor]) -> Tensor:
    """E[Σ_k (l_k − l̄)²] of the logits l of every categorical code, for parameters ``(…, n, n_parameters)`` of each."""
    total = posteriors[0].new_zeros(())
    for code, logits in zip(codes, posteriors, strict=True):
        if isinstance(code, CategoricalCode):
            total = total + (logits - logits.mean(-1, keepdim=True)).square().sum(-1).mean()
    return total


def follow_loss(code: Code, read: Tensor, augmented: Tensor, turn: Tensor) -> Tensor:
    """½ E[(μ(t(x)) − μ(x) − turn)²]: what Q reads of a real series moves as far as the series is augmented.

    So a code from −1 to 1 spans what the augmentation does at most, which by definition leaves a series what it is.

    Args:
        code: the code.
        read: posterior's parameters ``(n, n_parameters)`` of real series x.
        augmented: the same of t(x).
        turn: ``(n,)`` how far each was augmented, in [−1, 1] of the augmentation's strength.
    """
    return 0.5 * (code.estimate(augmented) - code.estimate(read) - turn).square().mean()


def overlap_loss(changes: Sequence[Tensor]) -> Tensor:
    """Mean squared cosine between the changes ``(n, c, *grid)`` that any two continuous codes make of the same samples.

    Orthogonal columns of the generator's Jacobian (OroJaR, Wei et al. 2021, equation 4), by finite differences and
    whatever the columns' lengths are.
    """
    pairs = combinations([F.normalize(change.flatten(1), dim=1) for change in changes], 2)
    return torch.stack([(a * b).sum(1).square().mean() for a, b in pairs]).mean()


def gradient_penalty(
    realness: Tensor, values: Tensor, seen: Callable[[Tensor], Tensor] = lambda gradient: gradient
) -> Tensor:
    """½ E‖∇_x D(x)‖² with a graph of its own, so that it can be minimised.

    Args:
        realness: ``(n,)`` of the values.
        values: ``(n, c, *grid)``.
        seen: from the gradient by values to that by what the discriminator makes of them first.
    """
    (gradient,) = torch.autograd.grad(realness.sum(), values, create_graph=True)
    gradient = seen(gradient)
    return 0.5 * gradient.float().square().flatten(1).sum(1).mean()


def known_code_loss(code: Code, parameters: Tensor, labels: Tensor) -> Tensor:
    """− E[log Q(label | x)] over the real cases whose label is known (−1 is unknown); zero when none is."""
    known = labels >= 0
    log_prob = code.log_prob(parameters, labels.clamp_min(0))
    return -(log_prob * known).sum() / known.sum().clamp_min(1)


def pseudo_label_loss(codes: Sequence[Code], posteriors: Sequence[Tensor], found: Tensor) -> Tensor:
    """− E[log Q(found | x)] of the first categorical code over the cases with a category found; zero without any."""
    for code, parameters in zip(codes, posteriors, strict=True):
        if isinstance(code, CategoricalCode):
            return known_code_loss(code, parameters, found)
    return found.new_zeros((), dtype=torch.float)
