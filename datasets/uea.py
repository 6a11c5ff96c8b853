"""Any dataset of the UEA and UCR archives of time series classification by its name, as in ``uea:BasicMotions``."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import Any, get_args

import numpy as np

from tsinfogan.data.augmentations import CAUTIOUS, Augmentations
from tsinfogan.data.panel import Panel, encode_labels
from tsinfogan.data.uea import UeaFile, decode, join_channels, padded, parse_arff, parse_ts
from tsinfogan.data.windows import fill_gaps, refuse_large_gaps
from tsinfogan.datasets import Dataset, Family, Split
from tsinfogan.datasets.sources import Mirror, data_folder, files_by_name, obtain, read_file
from tsinfogan.errors import DataError, SettingError

ARCHIVE = "https://timeseriesclassification.com"
EXAMPLE = "uea:BasicMotions"
CITATION = (
    "Bagnall et al.: The UEA multivariate time series classification archive, 2018. https://arxiv.org/abs/1811.00075"
)

Files = Mapping[str, Callable[[], bytes]]
"""What reads a file, by the file's name, ``.gz`` left out: it is unpacked in reading."""


@dataclass(frozen=True)
class Known:
    """What is known of one dataset beyond its files."""

    augmentations: Augmentations = CAUTIOUS
    time_step: float = 1.0
    time_unit: str = ""


KNOWN: dict[str, Known] = {
    # A watch on a wrist at 10 Hz, ten seconds cut anywhere out of an ongoing motion: where the cut lies says nothing,
    # so a series may be shifted far. Running is walking faster and wider, so tempo and amplitude change by less than
    # what tells the two apart, a factor of about 1.5 in tempo. Standing spreads a twentieth as far as all series
    # together do, so noise stays below that, and an offset as large would drown it.
    "BasicMotions": Known(Augmentations(time_scale=0.15, time_shift=0.3, amplitude=0.2, noise=0.02), 0.1, "s"),
}


def load(name: str, split: Split) -> Panel:
    """One split, in the file's order: the user's ``.ts`` or ``.arff`` files or zip, or the archive's zip.

    Raises:
        DataError: a file is not what it should be, or too many values of a case's channel are missing.
        DownloadError: the data is neither here nor to be had.
    """
    folder = data_folder()
    own = {} if folder is None else files_by_name(folder)
    readers = {file.removesuffix(".gz"): partial(read_file, path) for file, path in own.items()}
    parsed = _parse(readers, name, split, str(folder))
    if parsed is None:
        mirror = Mirror(f"{ARCHIVE}/aeon-toolkit/{name}.zip", f"{name}.zip")
        parsed = obtain([mirror], lambda path: _read_zip(path, name, split))
    known, source = KNOWN.get(name, Known()), f"uea:{name} {split}"
    values, lengths = padded(parsed)
    channels = [f"ch{index}" for index in range(values.shape[1])]
    filled = fill_gaps(values, lengths, source, channels)
    refuse_large_gaps(filled, lengths, source, channels)
    names: Any = parsed.labels
    labels, classes = encode_labels(names, parsed.classes) if names is not None else (None, ())
    return Panel(
        filled.values,
        tuple(channels),
        lengths=lengths if np.ptp(lengths) else None,
        labels=labels,
        classes=classes,
        name=f"uea:{name}",
        notes=filled.notes,
        time_step=known.time_step,
        time_unit=known.time_unit,
        augmentations=known.augmentations,
    )


def fetch(name: str) -> None:
    """Makes sure that both splits are here."""
    for split in get_args(Split):
        load(name, split)


def _read_zip(path: Path, name: str, split: Split) -> UeaFile:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
            for member in members:
                index = PurePosixPath(member.replace("\\", "/"))
                if index.is_absolute() or ".." in index.parts or ":" in member:
                    raise DataError(f"{path} holds {member!r}, which leads out of its folder; get it from {ARCHIVE}")
            readers = {PurePosixPath(member).name: partial(archive.read, member) for member in members}
            parsed = _parse(readers, name, split, str(path))
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as error:
        raise DataError(f"cannot read {path}: {error}; replace it by a complete copy") from error
    if parsed is None:
        raise DataError(f"expected {name}_{split.upper()}.ts in {path}, got {', '.join(sorted(members)[:5])}")
    return parsed


def _parse(files: Files, name: str, split: Split, where: str) -> UeaFile | None:
    """The first form that is there, or None: one ``.ts``, one ``.arff``, or an ``.arff`` for each channel."""
    upper = split.upper()

    def parse(file: str, parser: Callable[[str, str], UeaFile]) -> UeaFile:
        return parser(decode(files[file]()), f"{file} in {where}")

    channels = [f"{name}Dimension{channel}_{upper}.arff" for channel in range(1, len(files) + 1)]
    present = list(takewhile(files.__contains__, channels))
    if (file := f"{name}_{upper}.ts") in files:
        return parse(file, parse_ts)
    if present:
        return join_channels([parse(file, parse_arff) for file in present], where)
    if (file := f"{name}_{upper}.arff") in files:
        return parse(file, parse_arff)
    return None


def _member(name: str) -> Dataset:
    """The dataset called ``name`` in the archive; whether it exists there shows when it is loaded."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise SettingError(
            f"expected a dataset's name of letters, digits, - and _ after 'uea:', such as {EXAMPLE}, got {name!r}; see "
            f"{ARCHIVE}/dataset.php for all names"
        )
    return Dataset(
        summary=f"{name} of the UEA and UCR archives",
        source=f"{ARCHIVE}/description.php?Dataset={name}",
        licence="see the source",
        citation=CITATION,
        load=partial(load, name),
        fetch=partial(fetch, name),
        n_categories=None,
        noise_dim=32,
    )


DATASET = Family(
    summary=f"any dataset of the UEA and UCR archives by its name, such as {EXAMPLE}",
    licence="see each dataset",
    member=_member,
)
