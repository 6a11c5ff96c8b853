"""Which of several trainings, of one plan with different seeds, found the best categories: told without a label.

Two signs, both read on training cases:

- disagreement under augmentation: what discovery minimises, inconsistency and imbalance over all pairs of views;
- agreement between runs: mean normalised mutual information of a candidate's categories with those of the others. What
  is in the data is found again and again, what a run made up is not (ModelCentrality, Lin et al. 2020,
  arXiv:1906.06034, there for continuous codes).

Candidates are ranked by each sign; the least mean of the two ranks wins, then the least disagreement.
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
from scipy.stats import rankdata
from sklearn.metrics import normalized_mutual_info_score
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

MAX_CASES = 2000
N_VIEWS = 4


class Score(NamedTuple):
    """How one candidate stands among the others.

    Attributes:
        disagreement: with itself, under augmentation; the less the better. In nats, and may be negative.
        agreement: with the other candidates, 0 to 1; the more the better. NaN where there is no other.
        mean_rank: mean of its ranks in both; the least is chosen.
    """

    disagreement: float
    agreement: float
    mean_rank: float


def with_seeds(plan: Plan, n_seeds: int) -> list[Plan]:
    """``plan`` with its own seed and those that follow.

    Raises:
        SettingError: more than one, where the plan has no categories to choose by; or none.
    """
    if n_seeds < 1:
        raise SettingError(f"expected at least 1 seed, got {n_seeds}")
    if n_seeds > 1 and not free_codes(plan):
        raise SettingError(
            f"several seeds are chosen from by the categories they find, but this {plan.recipe} finds none: train one "
            "seed at a time, or use infogan or semi_supervised with categories"
        )
    first = plan.training.seed
    return [replace(plan, training=replace(plan.training, seed=seed)) for seed in range(first, first + n_seeds)]


def free_codes(plan: Plan) -> dict[int, Code]:
    """The categorical codes, by place, that Q has to find in at least some real cases."""
    model = plan.model
    if model.discriminator.label_input != "none":
        return {}
    codes = {index: model.latent.codes[index] for index in model.latent.categories.values()}
    if model.labelled and not plan.objective.consistency_weight:
        codes.pop(0)
    return {index: code for index, code in codes.items() if code.n_categories > 1}


def score_models(plan: Plan, models: Iterable[Model], panel: Panel) -> list[Score]:
    """A score for each model that was trained by ``plan``, but for its seed, on ``panel``; labels are not read."""
    codes = free_codes(plan)
    read = [read_views_of(model, panel, list(codes)) for model in models]
    return score_candidates(plan.objective, list(codes.values()), read)


def read_views_of(model: Model, panel: Panel, indices: Sequence[int]) -> list[Tensor]:
    """Q's logits ``(n_views, n, K)`` on the CPU for the codes at ``places``.

    The cases of ``panel``, 2000 at most, and their augmentations are the same for every candidate.
    """
    cases = panel.subset(evenly_spaced(panel.n_cases, MAX_CASES).numpy())
    values = torch.from_numpy(model.preprocessor.transform(cases)).to(model.device)
    augmenter = Augmenter.build(model.card.augmentations, model.preprocessor)
    read = read_views(model.discriminator, augmented_views(values, augmenter, N_VIEWS))
    return [read[index].cpu() for index in indices]


def score_candidates(objective: Objective, codes: Sequence[Code], read: Sequence[Sequence[Tensor]]) -> list[Score]:
    """A score for each candidate.

    Args:
        objective: what all candidates were trained for.
        codes: the codes that they are judged by.
        read: for each candidate and code, logits ``(n_views, n, K)`` of the same views; the first is unaugmented.
    """
    disagreements = np.array([disagreement(objective, codes, logits) for logits in read])
    agreements = agreements_between([np.stack([code[0].argmax(1).numpy() for code in logits]) for logits in read])
    ranks = (rankdata(disagreements) + rankdata(-np.nan_to_num(agreements))) / 2
    return [Score(*row) for row in zip(disagreements.tolist(), agreements.tolist(), ranks.tolist(), strict=True)]


def best(scores: Sequence[Score]) -> int:
    """Place of the candidate that is chosen."""
    return min(range(len(scores)), key=lambda index: (scores[index].mean_rank, scores[index].disagreement))


def disagreement(objective: Objective, codes: Sequence[Code], logits: Sequence[Tensor]) -> float:
    """Inconsistency and weighted imbalance over all views, as discovery has it; logits ``(n_views, n, K)`` a code."""
    return float(category_agreement(objective, codes, list(zip(*logits, strict=True))))


def agreements_between(categories: Sequence[IntArray]) -> NDArray[np.float64]:
    """``(n_candidates,)`` mean agreement of each with the others; ``(n_codes, n)`` categories a candidate."""
    n = len(categories)
    table = np.full((n, n), np.nan)
    for a, b in combinations(range(n), 2):
        table[a, b] = table[b, a] = agreement(categories[a], categories[b])
    return np.nanmean(table, axis=1) if n > 1 else np.full(n, np.nan)


def agreement(some: IntArray, others: IntArray) -> float:
    """Normalised mutual information of ``(n_codes, n)`` categories, each code with the one it is best paired with."""
    table = np.array([[normalized_mutual_info_score(a, b) for b in others] for a in some])
    return float(table[linear_sum_assignment(-table)].mean())
