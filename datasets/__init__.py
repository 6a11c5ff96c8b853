"""Datasets by name, one a file. A new file here is a new choice for ``--dataset``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tsinfogan.panel import Panel
from tsinfogan.registry import Registry

Split = Literal["train", "test"]


@dataclass(frozen=True)
class Dataset:
    """One dataset: what it is, how to get it, and the codes that suit it.

    Attributes:
        summary: one sentence for the list of datasets.
        source: address it comes from, or how it is made.
        licence: its licence.
        citation: how to cite it.
        load: gives the panel of one split; fetches and caches what is missing. Deterministic.
        fetch: makes sure that ``load`` needs no network; nothing to do for data that is made here.
        n_categories: classes the default categorical code should have.
        n_continuous: continuous codes by default.
        noise_dim: incompressible noise dimensions by default.
        backbone: the backbone that suits it.
    """

    summary: str
    source: str
    licence: str
    citation: str
    load: Callable[[Split], Panel]
    fetch: Callable[[], None]
    n_categories: int
    n_continuous: int = 2
    noise_dim: int = 62
    backbone: str = "conv1d"


DATASETS: Registry[Dataset] = Registry("dataset", __name__, "DATASET")


def load_dataset(name: str, split: Split = "train") -> Panel:
    """The panel of one split of a registered dataset, fetched and cached on first use.

    Raises:
        UnknownNameError: there is no such dataset.
        DownloadError: it is neither on this machine nor to be had.
    """
    return DATASETS.get(name).load(split)
