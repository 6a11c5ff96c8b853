"""Any dataset of the UEA and UCR archives of time series classification by its name, as in ``uea:BasicMotions``."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

from tsinfogan.data.augmentations import Augmentations
from tsinfogan.data.panel import Panel
from tsinfogan.data.uea import UeaFile, uea_series
from tsinfogan.data.windows import panel_from_series
from tsinfogan.datasets import Dataset, Family, Split
from tsinfogan.datasets.sources import Mirror, data_folder, file_readers, files_by_name, obtain, read_uea, read_zip
from tsinfogan.errors import SettingError

ARCHIVE = "https://timeseriesclassification.com"
EXAMPLE = "uea:BasicMotions"
CITATION = (
    "Bagnall et al.: The UEA multivariate time series classification archive, 2018. https://arxiv.org/abs/1811.00075"
)


KNOWN: dict[str, dict[str, Any]] = {
    # A watch on a wrist at 10 Hz, ten seconds cut anywhere out of an ongoing motion: where the cut lies says nothing,
    # so a series may be shifted far. Running is walking faster and wider, so tempo and amplitude change by less than
    # what tells the two apart, a factor of about 1.5 in tempo. Standing spreads a twentieth as far as all series
    # together do, so noise stays below that, and an offset as large would drown it.
    "BasicMotions": {
        "augmentations": Augmentations(time_scale=0.15, time_shift=0.3, amplitude=0.2, noise=0.02),
        "time_step": 0.1,
        "time_unit": "s",
    }
}
"""Attributes of the panel that the files of a dataset do not tell."""


def load(name: str, split: Split) -> Panel:
    """One split, in the file's order: the user's ``.ts`` or ``.arff`` files or zip, or the archive's zip."""
    folder = data_folder()
    own = {} if folder is None else file_readers(files_by_name(folder))
    parsed = read_uea(own, name, split, str(folder))
    if parsed is None:
        mirror = Mirror(f"{ARCHIVE}/aeon-toolkit/{name}.zip", f"{name}.zip")
        parsed = obtain([mirror], lambda path: _read_zip(path, name, split))
    series = uea_series(parsed, name, {}, name=f"uea:{name}", **KNOWN.get(name, {}))
    return panel_from_series(series, f"uea:{name} {split}")


def _read_zip(path: Path, name: str, split: Split) -> UeaFile:
    return read_zip(path, lambda files: read_uea(files, name, split, str(path)), f"{name}_{split.upper()}.ts")


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
        noise_dim=32,
    )


DATASET = Family(
    summary=f"any dataset of the UEA and UCR archives by its name, such as {EXAMPLE}",
    licence="see each dataset",
    member=_member,
)
