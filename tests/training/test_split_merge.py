"""Revision: a merged category is cut and a divided one merged, on features where the truth is known."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from tsinfogan.data.matching import match
from tsinfogan.training.split_merge import (
    _disagreement,
    _removals,
    best_splits,
    confused_pairs,
    merge_redundant,
    revised_targets,
    teach,
)

K, SIZE, EACH, N_VIEWS = 4, 8, 40, 4


def rng() -> Generator:
    return torch.Generator().manual_seed(0)


def clusters(spread: float = 0.3) -> tuple[Tensor, Tensor]:
    """Features ``(v, n, f)`` about one of four corners each, and the ``(n,)`` corner; views differ by noise."""
    truth = torch.arange(K).repeat_interleave(EACH)
    centres = 3 * F.one_hot(torch.arange(K), SIZE).float()
    generator = rng()
    own = spread * torch.randn(len(truth), SIZE, generator=generator)
    return centres[truth] + own + 0.3 * torch.randn(N_VIEWS, len(truth), SIZE, generator=generator), truth


def faulty(truth: Tensor) -> Tensor:
    """Classes 0 and 1 share category 0; class 3 is divided between categories 1 and 3."""
    found = truth.clone()
    found[truth == 1] = 0
    half = (truth == 3).nonzero()[:, 0][::2]
    found[half] = 1
    return found


def logits_for(found: Tensor, truth: Tensor) -> Tensor:
    """``(v, n, K)``: certain, but for the divided class, which changes sides between views."""
    views = []
    for view in range(N_VIEWS):
        seen = found.clone()
        divided = (truth == 3).nonzero()[:, 0]
        swapped = divided[view::4]
        seen[swapped] = 4 - seen[swapped]  # 1 and 3
        views.append(6.0 * F.one_hot(seen, K))
    return torch.stack(views)


def partition_is(found: Tensor, truth: Tensor) -> bool:
    """Whether every class has a category of its own, but for a stray case or two."""
    matched = match(found.numpy(), truth.numpy(), K, K)
    return len(set(matched.tolist())) == K and bool((matched[found.numpy()] == truth.numpy()).mean() > 0.95)


def test_merged_and_divided_categories_are_mended() -> None:
    features, truth = clusters()
    head = nn.Linear(SIZE, 2 * K)
    labels = torch.full_like(truth, -1)
    mended = revised_targets(features, logits_for(faulty(truth), truth), head, labels, rng())
    assert not partition_is(faulty(truth), truth)
    assert partition_is(mended, truth)


def test_good_categories_stay_as_they_are() -> None:
    features, truth = clusters()
    head = nn.Linear(SIZE, 2 * K)
    mended = revised_targets(
        features, 6.0 * F.one_hot(truth.repeat(N_VIEWS, 1), K), head, torch.full_like(truth, -1), rng()
    )
    assert partition_is(mended, truth)


def test_known_labels_number_the_categories() -> None:
    features, truth = clusters()
    head = nn.Linear(SIZE, 2 * K)
    labels = torch.full_like(truth, -1)
    wanted = torch.tensor([2, 0, 3, 1])
    some = torch.arange(K) * EACH  # one case of each class
    labels[some] = wanted[truth[some]]
    mended = revised_targets(features, logits_for(faulty(truth), truth), head, labels, rng())
    assert (mended == wanted[truth]).float().mean() > 0.95
    assert torch.equal(mended[some], wanted)


def test_two_classes_are_cut_cleanly_and_one_is_not() -> None:
    features, truth = clusters()
    both, one = (truth < 2).nonzero()[:, 0], (truth == 2).nonzero()[:, 0]
    few = one[:5]
    clean, forced, none = best_splits(features, [both, one, few], rng())
    assert clean.disagreement < 0.05
    assert forced.disagreement > 3 * clean.disagreement
    halves = clean.second.float()
    assert float(halves[:EACH].mean() - halves[EACH:].mean()) == pytest.approx(1, abs=0.05) or float(
        halves[EACH:].mean() - halves[:EACH].mean()
    ) == pytest.approx(1, abs=0.05)
    assert none.disagreement == torch.inf


def test_what_is_missed_least_is_merged() -> None:
    _, truth = clusters()
    found = logits_for(faulty(truth), truth)  # category 1 holds half of a class that category 3 holds too
    second_choice = found + 3.0 * (found.argmax(2, keepdim=True) == 1) * F.one_hot(torch.tensor(3), K)
    assert set(merge_redundant(second_choice, 1).tolist()) in ({0, 2, 3}, {0, 1, 2})
    assert torch.equal(merge_redundant(found, 0), torch.arange(K))


def test_confused_pairs_are_those_that_swap() -> None:
    _, truth = clusters()
    assert confused_pairs(logits_for(faulty(truth), truth)) == [(1, 3)]
    assert confused_pairs(6.0 * F.one_hot(truth.repeat(N_VIEWS, 1), K)) == []


def test_a_head_is_taught_its_targets() -> None:
    features, truth = clusters()
    torch.manual_seed(0)
    head = nn.Linear(SIZE, 2 + K)
    untouched = head.weight[:2].clone()
    teach(head, features, truth, rng(), first=2)
    assert (head(features[0])[:, 2:].argmax(1) == truth).float().mean() > 0.98
    assert torch.equal(head.weight[:2], untouched)


# ---- many categories


def merged_one_by_one(logits: Tensor, n_too_many: int) -> Tensor:
    """What removal is by definition: every candidate's disagreement is computed, and the least one goes."""
    kept = torch.arange(logits.shape[2])
    for _ in range(n_too_many):
        costs = torch.stack([_disagreement(logits[:, :, kept[kept != category]]) for category in kept])
        kept = kept[kept != kept[costs.argmin()]]
    return kept


def with_twins(n_clusters: int, n_twins: int, each: int) -> Tensor:
    """Logits ``(v, n, K)`` of clusters of which the first have two categories, of a third and two of their cases."""
    generator = rng()
    truth = torch.arange(n_clusters).repeat_interleave(each)
    found = truth + (torch.arange(len(truth)) % 3 == 0) * (truth < n_twins) * n_clusters
    logits = 0.5 * torch.randn(2, len(truth), n_clusters + n_twins, generator=generator)
    logits = logits + 4.0 * F.one_hot(found, logits.shape[2])
    twin = torch.where(found >= n_clusters, found - n_clusters, found + n_clusters)
    return logits + 3.0 * F.one_hot(twin.clamp(max=logits.shape[2] - 1), logits.shape[2]) * (truth < n_twins)[:, None]


@pytest.mark.parametrize(("n_clusters", "n_twins"), [(4, 2), (20, 10), (54, 16)])
def test_removal_in_closed_form_keeps_what_removal_one_by_one_keeps(n_clusters: int, n_twins: int) -> None:
    """Of up to 63 categories one is removed at a time; of 70, two."""
    logits = with_twins(n_clusters, n_twins, 6)
    kept = merge_redundant(logits, n_twins)
    assert torch.equal(kept, merged_one_by_one(logits, n_twins))
    assert len({int(category) % n_clusters for category in kept}) == n_clusters


def test_costs_of_removal_are_the_disagreements_of_what_is_left() -> None:
    logits = 3 * torch.randn(N_VIEWS, 30, 6, generator=rng())
    logits[:, 0] = 30.0 * F.one_hot(torch.tensor(2), 6)  # without its only category it is even
    costs, shares = _removals(logits)
    left = [[other for other in range(6) if other != category] for category in range(6)]
    torch.testing.assert_close(costs, torch.stack([_disagreement(logits[:, :, others]) for others in left]))
    for category, others in enumerate(left):
        gained = logits[:, :, others].softmax(2).mean((0, 1)) - logits.softmax(2).mean((0, 1))[others]
        torch.testing.assert_close(shares[category, others], gained / gained.sum(), rtol=1e-3, atol=1e-5)
        assert shares[category, category] == 1


def test_groups_too_small_to_split_change_nothing_for_the_others() -> None:
    features, truth = clusters()
    both = (truth < 2).nonzero()[:, 0]
    few = [torch.arange(3), torch.empty(0, dtype=torch.long)]
    split, *none = best_splits(features, [both, *few], rng())
    assert [each.disagreement for each in none] == [torch.inf] * 2
    assert [len(each.second) for each in none] == [3, 0]
    assert split.disagreement < 0.05
    assert all(each.disagreement == torch.inf for each in best_splits(features, few, rng()))
