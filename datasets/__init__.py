"""Datasets by name, one a file. A new file here is a new dataset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from tsinfogan.data.panel import Panel
from tsinfogan.errors import UnknownNameError
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
        n_categories: categories the default categorical code should have, or None for as many as the data has classes.
        n_continuous: continuous codes by default.
        noise_dim: incompressible noise dimensions by default.
        backbone: the backbone that suits it.
        cont_follows: augmentations that its first continuous codes should follow.
        splits: those that there are; ``load`` refuses others.
    """

    summary: str
    source: str
    licence: str
    citation: str
    load: Callable[[Split], Panel]
    fetch: Callable[[], None]
    n_categories: int | None
    n_continuous: int = 2
    noise_dim: int = 62
    backbone: str = "conv1d"
    cont_follows: tuple[str, ...] = ()
    splits: tuple[Split, ...] = ("train", "test")

    @property
    def suggestions(self) -> dict[str, Any]:
        """Arguments of :func:`tsinfogan.training.plan.make_plan` that suit it."""
        return {
            "backbone": self.backbone,
            "n_categories": None if self.n_categories is None else (self.n_categories,),
            "n_continuous": self.n_continuous,
            "noise_dim": self.noise_dim,
            "suggested_cont_follows": self.cont_follows,
        }


@dataclass(frozen=True)
class Family:
    """Datasets of one kind, each chosen by a name of its own as ``family:name``.

    Attributes:
        summary: one sentence for the list of datasets.
        licence: its members' licence.
        member: gives the dataset of that name; a SettingError where there can be none. Loads nothing.
    """

    summary: str
    licence: str
    member: Callable[[str], Dataset]


DATASETS: Registry[Dataset | Family] = Registry("dataset", __name__, "DATASET", (Dataset, Family), shared=("sources",))


def get_dataset(name: str | Dataset) -> Dataset:
    """The dataset called ``name``, or ``family:name``, or the one given; loads nothing.

    Raises:
        UnknownNameError: there is no such dataset or family.
        SettingError: no such name can be in the family.
    """
    if isinstance(name, Dataset):
        return name
    first, colon, rest = name.partition(":")
    entry = DATASETS.get(first)
    if isinstance(entry, Family):
        return entry.member(rest)
    if colon:
        raise UnknownNameError("dataset", name, DATASETS.names())
    return entry


def load_dataset(name: str | Dataset, split: Split = "train") -> Panel:
    """The panel of one split of a dataset, by name or as an object, fetched and cached on first use.

    Raises:
        UnknownNameError: there is no such dataset.
        DataError: it has no such split.
        DownloadError: it is neither on this machine nor to be had.
    """
    return get_dataset(name).load(split)
