"""A split-merge round: categories that hold two clusters are split, redundant ones merged, without labels.

Clustering by gradient descent gets stuck where two classes share a category and a third has two: no small step leads
out. Both faults can be found. A small head of two outputs, trained by consistency on the members of a merged category
alone, gives nearly all of them the same output in every view, which it cannot on a single class. And to remove one of
two categories of one class hardly raises the disagreement. Splitting the former and merging the latter is one large
step (split and merge in mixture models, Ueda et al. 2000, with consistency in place of the likelihood).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Generator, Tensor, nn

from tsinfogan.training.losses import balance, consistency

CLEAN = 0.1
"""Two halves with at most this disagreement (inconsistency plus weighted imbalance) are taken to be two classes."""
MIN_SHARE = 0.25
"""Least share of a category's members in either half."""
CLEARER = 0.5
"""A pair of categories is split anew if the halves have less than this share of their present disagreement."""
MAX_PAIRS, MIN_SWAPPED = 8, 0.01
MIN_MEMBERS = 8
SPLIT_FEATURES = 64
SPLIT_STEPS, SPLIT_HEADS, SPLIT_SIZE, SPLIT_RATE = 150, 3, 32, 3e-3
MIN_SPLIT_BATCH, MAX_SPLIT_BATCH, MAX_SPLIT_CASES = 16, 64, 4096
"""Fewest and most cases that a head sees in a step; and how many one head for each group sees, all together."""
TEACHING_STEPS, TEACHING_BATCH, TEACHING_RATE, TEACHING_SMOOTHING = 150, 256, 3e-3, 0.05
IMBALANCE_WEIGHT = 3.0
AT_ONCE = 32
"""One in so many categories is merged before disagreements are computed anew; of fewer than twice as many, one."""
MAX_SHARED = 0.1
"""Categories that have more in common are not merged at once: when one is gone, the other may be needed."""


class Split(NamedTuple):
    """The best split of a group of cases into two."""

    disagreement: float  # inconsistency + weighted imbalance of the halves; infinite where none was found
    second: Tensor  # (m,) whether a case of the group falls into the second half


def revised_targets(features: Tensor, logits: Tensor, head: nn.Module, labels: Tensor, generator: Generator) -> Tensor:
    """``(n,)`` category that each case should have after one round.

    Args:
        features: ``(v, n, f)`` of n cases in v views: as they are, and augmented.
        logits: ``(v, n, K)`` of their categories.
        head: retrained here to know the halves; it needs 2K outputs or more.
        labels: ``(n,)`` known category, or −1: a category is then the class of most of its known cases.
        generator: for the weights of the small heads, and for what they see.
    """
    n_categories = logits.shape[2]
    categories = logits.softmax(2).mean(0).argmax(1)  # (n,)
    pairs = confused_pairs(logits)
    singles = [(categories == category).nonzero()[:, 0] for category in range(n_categories)]
    unions = [torch.cat([singles[a], singles[b]]) for a, b in pairs]
    splits = best_splits(principal(features, SPLIT_FEATURES), [*singles, *unions], generator)
    targets = categories.clone()
    # 1. Two categories between which cases change are split anew, if that lowers their disagreement.
    touched: set[int] = set()
    for (a, b), members, split in zip(pairs, unions, splits[n_categories:], strict=True):
        present = float(_disagreement(logits[:, members][:, :, [a, b]]))
        if split.disagreement < CLEAN and split.disagreement < CLEARER * present and not touched & {a, b}:
            targets[members] = torch.where(split.second, b, a)
            touched |= {a, b}
    # 2. Categories that hold two clusters are split, the cleanest first; at least one split is tried.
    total = n_categories
    for category in sorted(range(n_categories), key=lambda k: splits[k].disagreement):
        split = splits[category]
        is_clean = split.disagreement < CLEAN or total == n_categories
        if is_clean and split.disagreement < torch.inf and category not in touched:
            targets[singles[category][split.second]] = total
            total += 1
    # 3. A head learns all of them; as many as were added are then merged into the others.
    teach(head, features, targets, generator)
    with torch.no_grad():
        finer = torch.stack([head(view)[:, :total] for view in features])  # (v, n, total)
    kept = merge_redundant(finer, total - n_categories)
    return _named(finer[:, :, kept].softmax(2).mean(0).argmax(1), labels, n_categories)


def principal(features: Tensor, n_kept: int) -> Tensor:
    """The first principal components ``(v, n, n_kept)``, on one scale, of features ``(v, n, f)``."""
    flat = features.flatten(0, 1)
    flat = flat - flat.mean(0)
    _, axes = torch.linalg.eigh(flat.T @ flat / len(flat))  # ascending
    components: Tensor = flat @ axes[:, -n_kept:]
    return (components / components.std()).view(*features.shape[:2], -1)


def confused_pairs(logits: Tensor) -> list[tuple[int, int]]:
    """The pairs of categories between which most cases, as a share of the smaller one, change under augmentation."""
    n_views, _, n_categories = logits.shape
    votes = F.one_hot(logits.argmax(2), n_categories).float()  # (v, n, K)
    count = votes.sum(0)  # (n, K)
    swaps = count.T @ count - torch.einsum("vnk,vnl->kl", votes, votes)  # (K, K): over ordered pairs of views
    size = count.sum(0) * (n_views - 1)
    share = (swaps / torch.minimum(size[:, None], size).clamp_min(1)).triu(1).flatten()
    most = share.topk(min(MAX_PAIRS, len(share)))
    return [
        (int(index) // n_categories, int(index) % n_categories)
        for index, value in zip(most.indices, most.values, strict=True)
        if value > MIN_SWAPPED
    ]


def best_splits(features: Tensor, groups: Sequence[Tensor], generator: Generator) -> list[Split]:
    """The best split of every group ``(m,)`` of cases, by small heads of two outputs that are all trained at once.

    Groups of fewer than ``MIN_MEMBERS`` have none.
    """
    device, (n_views, _, size) = features.device, features.shape
    members = torch.cat(list(groups))
    sizes = torch.tensor([len(group) for group in groups], device=device)
    heads = (sizes >= MIN_MEMBERS).repeat(SPLIT_HEADS).nonzero()[:, 0]  # (h,), of the n_drawn that are drawn
    starts, counts = (each.repeat(SPLIT_HEADS)[heads, None] for each in (sizes.cumsum(0) - sizes, sizes))  # (h, 1)
    n_drawn = SPLIT_HEADS * len(groups)
    n_cases = min(MAX_SPLIT_BATCH, max(MIN_SPLIT_BATCH, MAX_SPLIT_CASES // len(groups)))
    random = partial(torch.randn, generator=generator, device=device)
    first = (random(n_drawn, size, SPLIT_SIZE)[heads] / size**0.5).requires_grad_()
    bias = torch.zeros(len(heads), 1, SPLIT_SIZE, device=device, requires_grad=True)
    last = (0.5 * random(n_drawn, SPLIT_SIZE, 2)[heads] / SPLIT_SIZE**0.5).requires_grad_()
    optimizer = torch.optim.Adam([first, bias, last], lr=SPLIT_RATE)
    for _ in range(SPLIT_STEPS):
        positions = torch.rand(n_drawn, n_cases, generator=generator, device=device)[heads]
        cases = members[(starts + (positions * counts).long()).clamp(max=len(members) - 1)]  # (h, b)
        views = torch.randperm(n_views, generator=generator, device=device)[:2]
        seen = torch.stack([features[view][cases] for view in views])  # (2, h, b, f)
        logits = F.leaky_relu(seen @ first + bias, 0.2) @ last  # (2, h, b, 2)
        optimizer.zero_grad(set_to_none=True)
        _disagreement(logits).sum().backward()
        optimizer.step()
    best = [Split(torch.inf, torch.zeros(len(group), dtype=torch.bool, device=device)) for group in groups]
    with torch.no_grad():
        for head, position in enumerate((heads % len(groups)).tolist()):
            group = groups[position]
            hidden = F.leaky_relu(features[:, group] @ first[head] + bias[head], 0.2)
            logits = hidden @ last[head]  # (v, m, 2)
            split = Split(float(_disagreement(logits)), logits.softmax(2).mean(0)[:, 1] > 0.5)
            share = float(split.second.float().mean())
            if split.disagreement < best[position].disagreement and MIN_SHARE < share < 1 - MIN_SHARE:
                best[position] = split
    return best


def merge_redundant(logits: Tensor, n_too_many: int) -> Tensor:
    """``(K,)`` categories left after removing, one by one, that whose removal leaves the least disagreement.

    By logits ``(v, n, K + n_too_many)``, a case of a removed category goes to its next best. Of many categories, some
    that share no cases are removed at once.
    """
    kept = torch.arange(logits.shape[2], device=logits.device)
    while (too_many := len(kept) - logits.shape[2] + n_too_many) > 0:
        costs, moved = _removals(logits[:, :, kept])
        related = (moved @ moved.T > MAX_SHARED).tolist()
        removed: list[int] = []
        for category in costs.argsort(stable=True).tolist():
            if not any(related[category][other] for other in removed):
                removed.append(category)
            if len(removed) == min(too_many, max(1, len(kept) // AT_ONCE)):
                break
        is_kept = torch.ones_like(kept, dtype=torch.bool)
        is_kept[removed] = False
        kept = kept[is_kept]
    return kept


def _removals(logits: Tensor) -> tuple[Tensor, Tensor]:
    """What becomes of logits ``(v, n, K)`` when a category is removed, for each in closed form.

    Returns:
        ``(K,)`` the disagreement of the others; ``(K, K)`` the shares of a removed one's cases that go to each, 1 for
        itself.
    """
    n_views, n_cases, n_categories = logits.shape
    log_q = logits.log_softmax(2)
    q = log_q.exp()
    best = q.argmax(2, keepdim=True)

    def of_others(values: Tensor) -> Tensor:
        """Sums ``(v, n, K)`` over all categories but one; but the best by addition, as little is left without it."""
        without_best = values.scatter(2, best, 0).sum(2, keepdim=True)
        sums = without_best + values.gather(2, best) - values
        return sums.scatter(2, best, without_best)

    left = of_others(q).clamp_min(torch.finfo(q.dtype).tiny)  # what the other categories are divided by
    # Σ over ordered pairs of views and the others: q / left · (log q′ − log left′), where Σ q / left = 1
    pairs = of_others(q * (log_q.sum(0) - log_q)) / left - (n_views - 1) * left.log()
    inconsistency = -pairs.sum((0, 1)) / (n_cases * n_views * (n_views - 1))
    mean = (1 / left).flatten(0, 1).T @ q.flatten(0, 1) / (n_views * n_cases)  # (K, K), of k without each
    mean = mean.fill_diagonal_(0)
    imbalance = (mean * mean.clamp_min(1e-8).log()).sum(1) + math.log(max(1, n_categories - 1))
    moved = F.normalize((mean - q.mean((0, 1))).fill_diagonal_(0), p=1, dim=1)
    return inconsistency + IMBALANCE_WEIGHT * imbalance, moved.fill_diagonal_(1)


def teach(head: nn.Module, features: Tensor, targets: Tensor, generator: Generator, first: int = 0) -> None:
    """Trains a head, in place, to give cases with features ``(v, n, f)`` their target ``(n,)`` in every view.

    Output ``first`` of the head is the first category's logit; there may be more outputs than categories.
    """
    optimizer = torch.optim.Adam(head.parameters(), lr=TEACHING_RATE)
    n_categories = int(targets.max()) + 1
    for _ in range(TEACHING_STEPS):
        draws = torch.rand(2, TEACHING_BATCH, generator=generator, device=features.device)
        views, cases = (draws * torch.tensor([[features.shape[0]], [features.shape[1]]], device=draws.device)).long()
        logits = head(features[views, cases])[:, first : first + n_categories]
        loss = F.cross_entropy(logits, targets[cases], label_smoothing=TEACHING_SMOOTHING)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()


def _disagreement(views: Tensor) -> Tensor:
    """Inconsistency and weighted imbalance of logits ``(v, …, n, K)``."""
    uniform = torch.full((views.shape[-1],), 1 / views.shape[-1], device=views.device)
    return consistency(views) + IMBALANCE_WEIGHT * balance(torch.cat(tuple(views), dim=-2), uniform)


def _named(targets: Tensor, labels: Tensor, n_categories: int) -> Tensor:
    """``targets`` with the categories numbered as the known labels say, and those labels in their place."""
    known = labels >= 0
    if not bool(known.any()):
        return targets
    pairs = (targets * n_categories + labels)[known]
    table = pairs.bincount(minlength=n_categories**2).view(n_categories, n_categories).cpu()
    classes = torch.as_tensor(linear_sum_assignment(-table.numpy())[1], device=targets.device)
    return torch.where(known, labels, classes[targets])
