"""Datasets by name: every public module here is one, or a family of them, and is imported on first use."""

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
    """One dataset: where it comes from, how it is loaded, and the settings that suit it.

    Attributes:
        summary: one sentence for the list of datasets.
        source: address of the data, or how it is computed.
        licence: licence of the data.
        citation: how to cite it.
        load: returns the panel of one split, the same in every call. Downloads and caches what is missing. Raises a
            DataError if the split does not exist or a file of the user's is not what it should be, and a DownloadError
            if the data can neither be found nor downloaded.
        n_categories: categories of the categorical code; None for as many as the data has classes.
        n_continuous: number of continuous codes.
        noise_dim: dimensions of the noise vector z.
        backbone: name of the backbone.
        cont_follows: augmentations that the first continuous codes learn to follow, the first code the first one.
            ``("shear",)`` makes the first continuous code change the slant of a series, as that augmentation does.
        splits: the splits that exist.
    """

    summary: str
    source: str
    licence: str
    citation: str
    load: Callable[[Split], Panel]
    n_categories: int | None = None
    n_continuous: int = 2
    noise_dim: int = 62
    backbone: str = "conv1d"
    cont_follows: tuple[str, ...] = ()
    splits: tuple[Split, ...] = ("train", "test")

    @property
    def suggestions(self) -> dict[str, Any]:
        """Arguments of :func:`tsinfogan.training.plan.make_plan` that suit this dataset."""
        return {
            "backbone": self.backbone,
            "n_categories": None if self.n_categories is None else (self.n_categories,),
            "n_continuous": self.n_continuous,
            "noise_dim": self.noise_dim,
            "suggested_cont_follows": self.cont_follows,
        }

    def fetch(self) -> None:
        """Loads every split once, so that later loads need no network."""
        for split in self.splits:
            self.load(split)


@dataclass(frozen=True)
class Family:
    """Datasets from one source, each called ``family:name``.

    Attributes:
        summary: one sentence for the list of datasets.
        licence: licence of the members.
        member: returns the dataset called ``name`` without loading it; raises a SettingError for an impossible name.
    """

    summary: str
    licence: str
    member: Callable[[str], Dataset]


DATASETS: Registry[Dataset | Family] = Registry("dataset", __name__, "DATASET", (Dataset, Family), shared=("sources",))


def get_dataset(name: str | Dataset) -> Dataset:
    """The description of a dataset; loads no data.

    Args:
        name: of a dataset, such as ``"mnist"``, or of a member of a family, such as ``"uea:BasicMotions"``. A
            :class:`Dataset` of your own is returned as it is.

    Raises:
        UnknownNameError: there is no such dataset or family.
        SettingError: a family cannot have a member of that name.
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
    """The panel of one split of a dataset. The first call downloads what is missing and keeps it in the cache folder.

    Args:
        name: of a dataset, or a :class:`Dataset` of your own; see :func:`get_dataset`.
        split: ``"train"`` or ``"test"``.

    Raises:
        UnknownNameError: there is no such dataset.
        DataError: the dataset has no such split, or a file of yours is not what it should be.
        DownloadError: the data is not on this machine and cannot be downloaded.

    Example:
        >>> from tsinfogan import load_dataset
        >>> panel = load_dataset("pen_strokes", "test")  # computed, so nothing is downloaded
        >>> panel.values.shape, panel.channels, panel.classes[:3]
        ((1000, 3, 171), ('x', 'y', 'force'), ('a', 'b', 'c'))
    """
    return get_dataset(name).load(split)
