"""Formulas of the losses, of what the networks gave; :mod:`tsinfogan.training.terms` says which of them are summed.

A label is a code whose value is known for real data too, so GAN, CGAN, ACGAN and InfoGAN differ in weights alone
(:class:`tsinfogan.training.config.Objective`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import torch
import torch.nn.functional as F
from torch import Tensor

from tsinfogan.models.codes import Code
from tsinfogan.training.config import Adversarial, Objective

Stats = dict[str, Tensor]
"""Scalars by name, as reports show them."""


def discriminator_adversarial(kind: Adversarial, real: Tensor, generated: Tensor) -> Tensor:
    """The discriminator's loss on realness ``(n,)`` of real and of generated series."""
    if kind == "least_squares":
        return 0.5 * (real - 1).square().mean() + 0.5 * generated.square().mean()
    if kind == "relativistic":
        return F.softplus(generated - real).mean()
    return F.softplus(-real).mean() + F.softplus(generated).mean()


def generator_adversarial(kind: Adversarial, real: Tensor, generated: Tensor) -> Tensor:
    """The generator's loss on the same."""
    if kind == "least_squares":
        return 0.5 * (generated - 1).square().mean()
    if kind == "relativistic":
        return F.softplus(real - generated).mean()
    return F.softplus(-generated).mean()


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
        if code.is_categorical and augmented is not None:
            augmented_bound = code.entropy + code.log_prob(augmented[index], values[index]).mean()
            bound = (1 - share) * bound + share * augmented_bound
        if code.is_categorical:
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


def category_agreement(
    objective: Objective,
    codes: Sequence[Code],
    views: Sequence[Sequence[Tensor]],
    proportions: Tensor | None = None,
) -> Tensor:
    """Consistency and weighted balance of every categorical code between views of the same real cases.

    Args:
        objective: gives the weight of balance.
        codes: the codes.
        views: for each view of n cases, one posterior's parameters a code.
        proportions: ``(K,)`` known proportions of a code of K categories, to balance it by in place of its prior.
    """
    total = views[0][0].new_zeros(())
    for index, code in enumerate(codes):
        if code.is_categorical:
            logits = torch.stack([posteriors[index] for posteriors in views])  # (v, n, K)
            prior = code.prior(logits.device) if proportions is None else proportions
            total = total + consistency(logits)
            total = total + objective.balance_weight * balance(logits.flatten(0, 1), prior)
    return total


def logit_regularization(codes: Sequence[Code], posteriors: Sequence[Tensor]) -> Tensor:
    """E[Σ_k (l_k − l̄)²] of the logits l of every categorical code, for parameters ``(…, n, n_parameters)`` of each."""
    total = posteriors[0].new_zeros(())
    for code, logits in zip(codes, posteriors, strict=True):
        if code.is_categorical:
            total = total + (logits - logits.mean(-1, keepdim=True)).square().sum(-1).mean()
    return total


def follow_loss(code: Code, read: Tensor, augmented: Tensor, amount: Tensor) -> Tensor:
    """½ E[(μ(t(x)) − μ(x) − amount)²]: what Q reads of a real series moves as far as the series is augmented.

    So a code from −1 to 1 spans what the augmentation does at most, which by definition leaves a series what it is.

    Args:
        code: the code.
        read: posterior's parameters ``(n, n_parameters)`` of real series x.
        augmented: the same of t(x).
        amount: ``(n,)`` how far each was augmented, in [−1, 1] of the augmentation's strength.
    """
    return 0.5 * (code.estimate(augmented) - code.estimate(read) - amount).square().mean()


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
        if code.is_categorical:
            return known_code_loss(code, parameters, found)
    return found.new_zeros((), dtype=torch.float)
