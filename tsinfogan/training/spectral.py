"""Spectral clustering of a set of series, and how far clusterings of it can be trusted; nothing is trained.

Series are compared by features of random convolutions (:mod:`tsinfogan.preprocessing.convolutions`). A graph joins each
to its nearest neighbours, on the local scale of both (Zelnik-Manor & Perona 2004; the kernel is that of Wang et al.
2014, doi:10.1038/nmeth.2810), and the leading eigenvectors of the normalized graph are clustered by k-means (Ng, Jordan
& Weiss 2002). On seventeen labelled datasets that finds the classes better than the best of twelve clusterings of the
values, spectra and principal components, chosen for each dataset by its labels (docs/development/experiments.md).

*Stability.* Random parts of the series are clustered, each by convolutions of its own. Categories that are in the data
recur, others do not: agreement between the parts is what a number of categories, and a case's category, is trusted by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import pdist, squareform
from torch import Tensor

from tsinfogan.data.panel import UNLABELLED, IntArray
from tsinfogan.preprocessing.convolutions import convolution_features
from tsinfogan.seeding import Stream, derived_seed

Array = NDArray[np.float64]

N_COMPONENTS = 50
"""Principal components of the features that distances are measured along."""
MIN_NEIGHBOURS, MAX_NEIGHBOURS = 5, 20
KERNEL_WIDTH = 0.5
N_STARTS, N_STARTS_OF_PART = 10, 3
FEW_CATEGORIES = 50
"""With more categories k-means starts the more rarely, as a start takes the longer."""
SPREADING = 0.99
"""Weight of the neighbours against the known labels when labels are spread over the graph."""
N_PARTS = 8
PART_SHARE = 0.7
MAX_PART = 1000
MAX_CATEGORIES = 25
MIN_CASES_PER_CATEGORY = 5
MIN_STABILITY = 0.75
"""Series without groups, drawn from one normal distribution, reach .7 in the median and .82 at most."""
TOLERANCE = 0.02
"""A larger number of categories is taken if it is as stable but for this."""
ONE_KIND_SHARE = 0.2
"""Two categories may be one kind if so many cases of the smaller change between them from part to part."""
MAX_NAMED = 3


@dataclass(frozen=True)
class Clustering:
    """Categories of series, and what clusterings of parts of them say of these.

    Attributes:
        labels: ``(n,)`` category of each series.
        votes: ``(N_PARTS, n)`` category by the clustering of each part, numbered alike; −1 for series not in it.
        agreement: mean adjusted Rand index between parts, 1 if all agree, 0 if by chance alone.
    """

    labels: IntArray
    votes: IntArray
    agreement: float

    @property
    def one_kind(self) -> list[tuple[int, int]]:
        """Pairs of categories that parts do not keep apart, the least distinct first."""
        n = int(max(self.labels.max(), self.votes.max())) + 1
        known = self.votes >= 0
        moves = np.zeros((n, n))
        np.add.at(moves, (np.broadcast_to(self.labels, self.votes.shape)[known], self.votes[known]), 1)
        size = moves.sum(1)
        share = (moves + moves.T) / np.minimum(size[:, None], size).clip(1)
        pairs = [pair for pair in combinations(range(n), 2) if share[pair] >= ONE_KIND_SHARE]
        return sorted(pairs, key=lambda pair: -share[pair])

    def statement(self) -> str:
        """How far the categories are to be trusted, for a person."""
        doubt = max(0.0, 1 - self.agreement)
        text = f"doubt {doubt:.2f} (1 less the agreement of clusterings of {N_PARTS} parts of the series)"
        if pairs := self.one_kind[:MAX_NAMED]:
            named = ", ".join(f"{a} and {b}" for a, b in pairs)
            text += f"; may be one kind: categories {named}"
        return text


@dataclass(frozen=True)
class Stability:
    """How well clusterings of parts of the series agree, by number of categories.

    Attributes:
        agreement: by number of categories, from 2, the mean adjusted Rand index between parts.
    """

    agreement: dict[int, float]

    @property
    def highest(self) -> float:
        """Agreement of the most stable number of categories; 0 if none was tried."""
        return max(self.agreement.values(), default=0.0)

    @property
    def equal(self) -> list[int]:
        """Numbers of categories that are as stable as any, in ascending order; none if series form no groups."""
        if self.highest < MIN_STABILITY:
            return []
        return [k for k, value in self.agreement.items() if value >= self.highest - TOLERANCE]

    @property
    def n_categories(self) -> int:
        """The largest number of categories that is as stable as any, or 1 if none is stable."""
        return max(self.equal, default=1)

    def statement(self) -> str:
        """Why this number of categories, for a person."""
        if not self.agreement:
            return "1 category: too few series to tell kinds"
        if not self.equal:
            return f"1 category: the series form no clear kinds (agreement of parts at most {self.highest:.2f})"
        alike = f"; {', '.join(map(str, self.equal[:-1]))} fit equally" if len(self.equal) > 1 else ""
        after = self.agreement.get(self.n_categories + 1)
        next_one = "" if after is None else f", {after:.2f} for {self.n_categories + 1}"
        agreed = self.agreement[self.n_categories]
        return f"{self.n_categories} categories: parts of the series agree by {agreed:.2f}{next_one}{alike}"


def cluster(values: Tensor, n_categories: int, seed: int, known: IntArray | None = None) -> Clustering:
    """Categories of series ``(n, c, t)``, without training.

    Args:
        values: the series, as the networks see them.
        n_categories: at least 1.
        seed: of convolutions and parts.
        known: ``(n,)`` known category or −1; if there is any, these are spread over the graph instead (Zhou et al.
            2004, "Learning with local and global consistency", equation 4).
    """
    graph = _graph(_components(values, seed))
    if known is not None and (known >= 0).any():
        labels = _spread(graph, known, n_categories)
    else:
        labels = _clusters(_embedding(graph, n_categories), n_categories)
    parts = _cluster_parts(values, [n_categories], seed)
    votes = np.full((N_PARTS, len(labels)), UNLABELLED, dtype=np.int64)
    for vote, (part, found) in zip(votes, parts, strict=True):
        vote[part] = aligned(found[n_categories], labels[part], n_categories)
    return Clustering(labels, votes, _agreement(parts, n_categories))


def max_categories(n_cases: int) -> int:
    """How many categories so many series can be clustered into: each part has five series for each."""
    return _part_size(n_cases) // MIN_CASES_PER_CATEGORY


def measure_stability(values: Tensor, seed: int, most: int = MAX_CATEGORIES) -> Stability:
    """Agreement of clusterings of parts of series ``(n, c, t)`` into 2 to ``most`` categories, as far as these fit."""
    numbers = range(2, min(most, max_categories(len(values))) + 1)
    parts = _cluster_parts(values, numbers, seed) if numbers else []
    return Stability({k: _agreement(parts, k) for k in numbers})


def aligned(labels: IntArray, reference: IntArray, n_categories: int) -> IntArray:
    """``labels`` ``(n,)`` with their categories numbered so that most are those of ``reference`` ``(n,)``."""
    table = np.zeros((n_categories, n_categories))
    np.add.at(table, (labels, reference), 1)
    return linear_sum_assignment(-table)[1][labels]


# ---- parts of the series

Part = tuple[IntArray, dict[int, IntArray]]
"""Indices of the series of a part, and their categories by number of categories."""


def _cluster_parts(values: Tensor, numbers: Sequence[int], seed: int) -> list[Part]:
    rng = np.random.default_rng(derived_seed(seed, Stream.OPENING))
    parts = []
    for index in range(N_PARTS):
        part = np.sort(rng.choice(len(values), _part_size(len(values)), replace=False))
        own = derived_seed(seed, Stream.OPENING, index)
        embedding = _embedding(_graph(_components(values[torch.from_numpy(part)], own)), max(numbers))
        parts.append((part, {k: _clusters(embedding, k, N_STARTS_OF_PART) for k in numbers}))
    return parts


def _part_size(n_cases: int) -> int:
    return min(MAX_PART, int(PART_SHARE * n_cases))


def _agreement(parts: Sequence[Part], n_categories: int) -> float:
    from sklearn.metrics import adjusted_rand_score  # here, as sampling does not need it

    each = []
    for (a, in_a), (b, in_b) in combinations(parts, 2):
        _, of_a, of_b = np.intersect1d(a, b, assume_unique=True, return_indices=True)
        each.append(adjusted_rand_score(in_a[n_categories][of_a], in_b[n_categories][of_b]))
    return float(np.mean(each))


# ---- spectral clustering


def _components(values: Tensor, seed: int) -> Array:
    """``(n, N_COMPONENTS)`` principal components of the standardized features of series ``(n, c, t)``."""
    features = convolution_features(values.float(), seed).double()  # (n, f)
    features = (features - features.mean(0)) / features.std(0).clamp_min(1e-8)
    # From the inner products of the series, of which there are fewer than features.
    n_kept = min(N_COMPONENTS, len(features) - 1)
    variance, axes = eigh((features @ features.T).numpy(), subset_by_index=[len(features) - n_kept, len(features) - 1])
    return axes * np.sqrt(variance.clip(0))  # type: ignore[no-any-return]


def _graph(components: Array) -> Array:
    """``(n, n)`` weights of the edges between neighbours, over the square roots of both degrees."""
    distance = squareform(pdist(components))
    n = len(distance)
    n_neighbours = min(n - 1, max(MIN_NEIGHBOURS, min(MAX_NEIGHBOURS, round(n**0.5 / 1.5))))
    nearest = np.argsort(distance, axis=1, kind="stable")[:, 1 : n_neighbours + 1]  # (n, k)
    rows = np.arange(n)[:, None]
    local = distance[rows, nearest].mean(1)  # (n,)
    scale = KERNEL_WIDTH * (local[:, None] + local[nearest] + distance[rows, nearest]) / 3  # (n, k)
    weights = np.zeros_like(distance)
    weights[rows, nearest] = np.exp(-((distance[rows, nearest] / (scale + 1e-12)) ** 2) / 2)
    weights = weights + weights.T
    degree = weights.sum(1) + 1e-12
    return weights / np.sqrt(degree[:, None] * degree)  # type: ignore[no-any-return]


def _embedding(graph: Array, n_dimensions: int) -> Array:
    """``(n, n_dimensions)`` leading eigenvectors, the first one first."""
    n = len(graph)
    return eigh(graph, subset_by_index=[n - min(n_dimensions, n), n - 1])[1][:, ::-1]


def _clusters(embedding: Array, n_categories: int, n_starts: int = N_STARTS) -> IntArray:
    """``(n,)`` clusters, the largest first, of the directions of the first ``n_categories`` coordinates."""
    from sklearn.cluster import KMeans

    kept = embedding[:, :n_categories]
    kept = kept / (np.linalg.norm(kept, axis=1, keepdims=True) + 1e-12)
    n_init = max(1, n_starts * FEW_CATEGORIES // max(FEW_CATEGORIES, n_categories))
    means = KMeans(min(n_categories, len(kept)), n_init=n_init, random_state=0)
    found = means.fit_predict(kept)
    order = np.argsort(-np.bincount(found, minlength=n_categories), kind="stable")
    named: IntArray = np.argsort(order)[found]
    return named


def _spread(graph: Array, known: IntArray, n_categories: int) -> IntArray:
    """``(n,)`` category of each series by the known ones that it is connected to; known ones keep theirs."""
    start = np.eye(n_categories)[known.clip(0)] * (known >= 0)[:, None]  # (n, K)
    start = start / start.sum(0).clip(1)
    reached = np.linalg.solve(np.eye(len(graph)) - SPREADING * graph, start)
    return np.where(known >= 0, known, reached.argmax(1))
