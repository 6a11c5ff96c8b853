"""Which of several trainings, of one plan with different seeds, has the best categories; no label is used.

Two criteria, both measured on training cases:

- disagreement under augmentation: the loss of pre-training, inconsistency and imbalance over all pairs of views;
- agreement between runs: mean normalised mutual information of a candidate's categories with those of the others.
  Categories that are in the data recur from run to run, others do not (ModelCentrality, Lin et al. 2020,
  arXiv:1906.06034, there for continuous codes).

Candidates are ranked by each criterion. The lowest mean of both ranks wins; if equal, the lowest disagreement.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from tsinfogan.data.panel import IntArray, Panel
from tsinfogan.errors import SettingError
from tsinfogan.models.codes import Code
from tsinfogan.models.model import Model
from tsinfogan.preprocessing.augmenter import Augmenter
from tsinfogan.sampling.inference import augmented_views, evenly_spaced, read_views
from tsinfogan.training.config import Objective
from tsinfogan.training.losses import category_agreement
from tsinfogan.training.plan import Plan

MAX_SEEDS = 1000
MAX_CASES = 2000
N_VIEWS = 4


class Score(NamedTuple):
    """The score of one candidate."""

    disagreement: float  # with itself under augmentation, in nats; lower is better, and negative is possible
    agreement: float  # with the other candidates, 0 to 1; higher is better; NaN without others
    mean_rank: float  # mean of its ranks by both criteria; the lowest is chosen


def with_seeds(plan: Plan, n_seeds: int) -> list[Plan]:
    """``plan`` with its own seed and the next ``n_seeds - 1``, if it has categories by which to choose one."""
    if not 1 <= n_seeds <= MAX_SEEDS:
        raise SettingError(f"expected at least 1 seed, got {n_seeds}; {MAX_SEEDS} are the most")
    if n_seeds > 1 and not free_codes(plan):
        raise SettingError(
            f"several seeds are chosen from by the categories they find, but this {plan.recipe} finds none: train one "
            "seed at a time, or use infogan or semi_supervised with categories"
        )
    first = plan.training.seed
    return [replace(plan, training=replace(plan.training, seed=seed)) for seed in range(first, first + n_seeds)]


def free_codes(plan: Plan) -> dict[int, Code]:
    """The categorical codes, by index, whose value is not known for all real cases."""
    model = plan.model
    if model.discriminator.label_input != "none":
        return {}
    codes = {index: model.latent.codes[index] for index in model.latent.categories.values()}
    if model.labelled and not plan.objective.consistency_weight:
        codes.pop(0)
    return {index: code for index, code in codes.items() if code.n_categories > 1}


def score_models(plan: Plan, models: Iterable[Model], panel: Panel) -> list[Score]:
    """A score for each model, trained on ``panel`` by ``plan`` with another seed each; labels are not used."""
    codes = free_codes(plan)
    read = [read_views_of(model, panel, list(codes)) for model in models]
    return score_candidates(plan.objective, list(codes.values()), read)


def read_views_of(model: Model, panel: Panel, indices: Sequence[int]) -> list[Tensor]:
    """Q's logits ``(n_views, n, K)`` on the CPU for the codes at ``indices``; of the same views for every model."""
    cases = panel.subset(evenly_spaced(panel.n_cases, MAX_CASES).numpy())
    values = torch.from_numpy(model.preprocessor.transform(cases)).to(model.device)
    augmenter = Augmenter.build(model.card.augmentations, model.preprocessor)
    read = read_views(model.discriminator, augmented_views(values, augmenter, N_VIEWS))
    return [read[index].cpu() for index in indices]


def score_candidates(objective: Objective, codes: Sequence[Code], read: Sequence[Sequence[Tensor]]) -> list[Score]:
    """A score for each candidate.

    Args:
        objective: weights of the losses, the same for all candidates.
        codes: the codes to compare.
        read: for each candidate and code, logits ``(n_views, n, K)`` of the same views; the first is unaugmented.
    """
    from scipy.stats import rankdata  # here, as sampling does not need it

    disagreements = np.array([disagreement(objective, codes, logits) for logits in read])
    agreements = agreements_between([np.stack([code[0].argmax(1).numpy() for code in logits]) for logits in read])
    ranks = (rankdata(disagreements) + rankdata(-np.nan_to_num(agreements))) / 2
    return [Score(*row) for row in zip(disagreements.tolist(), agreements.tolist(), ranks.tolist(), strict=True)]


def best(scores: Sequence[Score]) -> int:
    """Index of the chosen candidate."""
    return min(range(len(scores)), key=lambda index: (scores[index].mean_rank, scores[index].disagreement))


def disagreement(objective: Objective, codes: Sequence[Code], logits: Sequence[Tensor]) -> float:
    """Inconsistency and weighted imbalance over all views, as in pre-training; logits ``(n_views, n, K)`` a code."""
    return float(category_agreement(objective, codes, list(zip(*logits, strict=True))))


def agreements_between(categories: Sequence[IntArray]) -> NDArray[np.float64]:
    """``(n_candidates,)`` mean agreement of each with the others; ``(n_codes, n)`` categories a candidate."""
    n = len(categories)
    table = np.full((n, n), np.nan)
    for a, b in combinations(range(n), 2):
        table[a, b] = table[b, a] = agreement(categories[a], categories[b])
    return np.nanmean(table, axis=1) if n > 1 else np.full(n, np.nan)


def agreement(some: IntArray, others: IntArray) -> float:
    """Mean normalised mutual information of ``(n_codes, n)`` categories over the best pairing of codes."""
    from sklearn.metrics import normalized_mutual_info_score

    table = np.array([[normalized_mutual_info_score(a, b) for b in others] for a in some])
    return float(table[linear_sum_assignment(-table)].mean())
