"""Spectral clustering of series: kinds that are there are found, counted and trusted; kinds that are not are not."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from tsinfogan.models.codes import CategoricalCode
from tsinfogan.training import calibration
from tsinfogan.training.spectral import MIN_STABILITY, Clustering, Stability, aligned, cluster, measure_stability

KINDS = np.repeat([0, 1, 2], [40, 30, 20])


def waves(seed: int = 0) -> Tensor:
    """Forty slow, thirty faster and twenty fast sines of random phase and size, ``(90, 1, 48)``."""
    rng = np.random.default_rng(seed)
    phase, size = rng.uniform(0, 2 * math.pi, (90, 1)), rng.uniform(0.7, 1.3, (90, 1))
    time = np.linspace(0, 2 * math.pi, 48)
    values = size * np.sin((1 + 2 * KINDS[:, None]) * time + phase) + 0.1 * rng.normal(size=(90, 48))
    return torch.from_numpy(values[:, None]).float()


@pytest.fixture(scope="module")
def found() -> Clustering:
    return cluster(waves(), 3, seed=0)


def test_kinds_are_found_whatever_their_phase_the_largest_first(found: Clustering) -> None:
    assert (found.labels == KINDS).all()
    assert found.agreement > 0.95
    assert found.one_kind == []


def test_votes_are_of_the_series_of_each_part_and_numbered_alike(found: Clustering) -> None:
    known = found.votes >= 0
    assert known.mean() == pytest.approx(0.7, abs=0.02)
    assert (found.votes == found.labels)[known].mean() > 0.95


def test_the_same_seed_gives_the_same() -> None:
    one, two = (cluster(waves(), 4, seed=3) for _ in range(2))
    assert (one.labels == two.labels).all()
    assert (one.votes == two.votes).all()


def test_the_number_of_kinds_is_found_and_said() -> None:
    stability = measure_stability(waves(), 0, most=6)
    assert stability.n_categories == 3
    assert "3 categories: parts of the series agree by" in stability.statement()


def test_of_series_without_kinds_it_says_so() -> None:
    # one normal distribution with a smooth covariance
    noise = torch.randn(120, 1, 48, generator=torch.Generator().manual_seed(0)).cumsum(2)
    stability = measure_stability(noise, 0, most=6)
    assert stability.highest < MIN_STABILITY
    assert stability.n_categories == 1
    assert "no clear kinds" in stability.statement()


def test_of_too_few_series_it_says_so() -> None:
    assert "too few series" in measure_stability(waves()[:12], 0).statement()


def test_the_largest_of_equally_stable_numbers_is_taken() -> None:
    stability = Stability({2: 0.99, 3: 0.7, 4: 0.98, 5: 0.9})
    assert stability.equal == [2, 4]
    assert stability.n_categories == 4
    assert stability.statement() == "4 categories: parts of the series agree by 0.98, 0.90 for 5; 2 fit equally"


def test_categories_that_parts_mix_up_may_be_one_kind() -> None:
    labels = np.array([0] * 10 + [1] * 10 + [2] * 10)
    votes = np.tile(labels, (8, 1))
    votes[0, :10], votes[1, 10:20] = 1, 0  # an eighth of 0 and of 1: together a quarter of either
    votes[2, :2] = -1
    mixed = Clustering(labels, votes, 0.7)
    assert mixed.one_kind == [(0, 1)]
    assert mixed.statement().startswith("doubt 0.30 ")
    assert mixed.statement().endswith("may be one kind: categories 0 and 1")


def test_known_labels_are_spread_and_number_the_categories() -> None:
    known = np.full(90, -1)
    known[[0, 1, 50, 51, 85, 86]] = [2, 2, 0, 0, 1, 1]
    labels = cluster(waves(), 3, 0, known).labels
    assert (labels == np.array([2, 0, 1])[KINDS]).mean() > 0.95
    assert (labels[known >= 0] == known[known >= 0]).all()


def test_labels_are_renumbered_to_fit() -> None:
    reference = np.array([0, 0, 1, 1, 2, 2])
    assert (aligned(np.array([2, 2, 0, 0, 1, 1]), reference, 3) == reference).all()


@pytest.mark.parametrize("share", [0.6, 0.9])
def test_confidence_becomes_the_share_of_agreeing_votes(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    # Q is sure of two categories, of 100 series each, by logits 8 and 0; so many votes agree
    labels = np.repeat([0, 1], 100)
    votes = np.tile(labels, (10, 1))
    n_others = round(10 * (1 - share))
    votes[:n_others, 0::2], votes[10 - n_others :, 1::2] = 1 - votes[:n_others, 0::2], 1 - votes[10 - n_others :, 1::2]
    logits = 8 * torch.eye(2)[torch.from_numpy(labels)]
    monkeypatch.setattr(calibration, "posteriors", lambda discriminator, cases: [logits])
    latent = SimpleNamespace(first_category=(0, CategoricalCode(2)))
    model = SimpleNamespace(settings=SimpleNamespace(latent=latent), discriminator=None)
    clustering = Clustering(labels, votes, 0.5)
    temperature = calibration.fitted_temperature(model, torch.zeros(200, 1, 4), clustering)  # type: ignore[arg-type]
    confidence = (logits / temperature).softmax(1).amax(1)
    torch.testing.assert_close(confidence, torch.full((200,), share), atol=0.01, rtol=0)


def test_a_category_that_parts_alone_use_is_no_fault() -> None:
    labels = np.zeros(10, dtype=np.int64)
    votes = np.zeros((8, 10), dtype=np.int64)
    votes[0, 0] = 1
    assert Clustering(labels, votes, 0.5).one_kind == [(0, 1)]  # the only case of 1 is one of 0
