"""CharacterTrajectories: 2858 handwritten letters as pen velocities, from any form in which they are distributed."""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from tsinfogan.data.augmentations import Augmentations
from tsinfogan.data.panel import Panel
from tsinfogan.data.uea import Case, UeaFile
from tsinfogan.datasets import Dataset, Split, sources
from tsinfogan.datasets._weka_split import split_indices
from tsinfogan.datasets.sources import Files, Mirror, download
from tsinfogan.errors import DataError, TsInfoGANError

CHANNELS = ("x", "y", "force")
CLASSES = tuple("abcdeghlmnopqrsuvwyz")
UEA_ZIP, UEA_NAME = "CharacterTrajectories.zip", "CharacterTrajectories"
UCI_ZIP, UCI_NAME = "character+trajectories.zip", "mixoutALL_shifted.mat"
MIRRORS = (
    Mirror("https://timeseriesclassification.com/aeon-toolkit/CharacterTrajectories.zip", UEA_ZIP),
    Mirror(
        "https://github.com/sktime/sktime-datasets/raw/main/TSC/CharacterTrajectories.zip",
        UEA_ZIP,
        "sha256:1abe39a7f682dce8db3aa1253e042c2865f4505822ea75b403954754a31b5843",
    ),
    Mirror(
        "https://archive.ics.uci.edu/static/public/175/character+trajectories.zip",
        UCI_ZIP,
        "sha256:5d2db017ef0d8cf0e65ed060c9e90399f78eb9f1e3cb63e22ca8c3ef4ba67d52",
    ),
)

# The archive publishes no checksum, so the content is checked: cases of each class, and the sum of all values.
CASES_PER_CLASS: dict[Split, tuple[int, ...]] = {
    "train": (85, 70, 71, 78, 93, 69, 63, 87, 62, 65, 70, 65, 62, 59, 66, 65, 77, 62, 68, 85),
    "test": (86, 71, 71, 79, 93, 69, 64, 87, 63, 65, 71, 66, 62, 60, 67, 66, 78, 63, 69, 86),
}
SUM_OF_VALUES: dict[Split, float] = {"train": -41497.005, "test": -40388.607}
SUM_TOLERANCE = 0.01

Letters = tuple[list[NDArray[np.float64]], NDArray[np.int64]]
"""``(3, length)`` values of each case, and ``(n_cases,)`` indices into ``CLASSES``."""


def load(split: Split) -> Panel:
    """Velocity of the pen in x and y and change of its force, at 200 Hz, as normalized in the original data.

    The cases are those of the UEA split, in its order, whichever form is found: the UEA's zip or ``.ts`` files (padded
    with ``?``, with zeros, or not at all, depending on the release), its ARFF files of single channels, or UCI's
    ``.mat`` file.
    """
    letters = None
    if (folder := sources.data_folder()) is not None:
        letters = _read_folder(sources.files_by_name(folder), split, folder)
    if letters is None and (cache := sources.cache_folder()).is_dir():
        with suppress(TsInfoGANError):  # a damaged copy is downloaded anew
            letters = _read_folder({path.name: path for path in cache.iterdir()}, split, cache)
    return _panel(letters or download(MIRRORS, lambda path: _read_zip(path, split)))


def _read_folder(files: dict[str, Path], split: Split, folder: Path) -> Letters | None:
    """The first form that is found, checked; None if there is none."""
    for name in (UEA_ZIP, UCI_ZIP):
        if name in files:
            return _read_zip(files[name], split)
    return _read_files(sources.file_readers(files), split, folder)


def _read_zip(path: Path, split: Split) -> Letters:
    """The letters in the zip of the archive or of UCI; its members tell which one it is."""
    wanted = f"{UEA_NAME}_{split.upper()}.ts or {UCI_NAME}"
    return sources.read_zip(path, lambda files: _read_files(files, split, path), wanted)


def _read_files(files: Files, split: Split, where: Path) -> Letters | None:
    if (parsed := sources.read_uea(files, UEA_NAME, split, str(where))) is not None:
        return _checked(_letters(parsed), split, where)
    if UCI_NAME in files:
        return _checked(_letters_of_mat(files[UCI_NAME](), split, f"{UCI_NAME} in {where}"), split, where)
    return None


def _letters(file: UeaFile) -> Letters:
    numbers = [(label or "").removesuffix(".0") for label in file.labels or ()]
    known = {str(number + 1): number for number in range(len(CLASSES))}
    labels = [known.get(number, -1) for number in numbers]
    return [_without_padding(case) for case in file.cases], np.array(labels, dtype=np.int64)


def _letters_of_mat(content: bytes, split: Split, source: str) -> Letters:
    """UCI's file: all cases in one cell array, padded with zeros on both sides, without a split."""
    from scipy.io import loadmat

    stream: Any = BytesIO(content)  # scipy's type hints only know paths
    try:
        variables: dict[str, Any] = loadmat(stream, variable_names=("mixout", "consts"))
        matrices = [np.asarray(matrix, dtype=np.float64) for matrix in variables["mixout"].ravel()]
        constants = variables["consts"][0, 0]
        letters = [str(np.squeeze(letter)) for letter in constants["key"].ravel()]
        numbers = constants["charlabels"].ravel()
        labels = np.array([CLASSES.index(letters[int(number) - 1]) for number in numbers], dtype=np.int64)
        if len(labels) != len(matrices) or any(m.ndim != 2 or m.shape[0] != len(CHANNELS) for m in matrices):
            raise ValueError("mixout and consts.charlabels do not fit together")
    except Exception as error:  # loadmat raises nearly any exception for damaged files
        raise DataError(
            f"expected UCI's mixout, consts.key and consts.charlabels in {source}, got {type(error).__name__} "
            f"({error}); replace it by a complete copy"
        ) from error
    chosen = split_indices(labels)[get_args(Split).index(split)]
    return [_without_padding(tuple(matrices[case]), leading=True) for case in chosen], labels[chosen]


def _without_padding(case: Case, *, leading: bool = False) -> NDArray[np.float64]:
    """``(n_channels, length)`` values up to the last one of any channel that is neither missing nor zero.

    In 39 series, x or y stops before the force does; those last values are missing in some forms, 0 or tiny in others.
    """
    values = np.zeros((len(case), max(len(channel) for channel in case)))
    for row, channel in zip(values, case, strict=True):
        row[: len(channel)] = np.nan_to_num(channel)
    moving = np.flatnonzero(values.any(axis=0))
    if not moving.size:
        return values[:, :1]
    return values[:, moving[0] if leading else 0 : moving[-1] + 1]


def _checked(letters: Letters, split: Split, where: Path) -> Letters:
    cases, labels = letters
    known = labels[labels >= 0]
    counts = tuple(np.bincount(known, minlength=len(CLASSES)).tolist())
    total = float(sum(case.sum() for case in cases))
    n_channels = {len(case) for case in cases}
    if len(cases) != sum(CASES_PER_CLASS[split]) or counts != CASES_PER_CLASS[split] or n_channels != {len(CHANNELS)}:
        raise DataError(
            f"char_traj {split}: expected {sum(CASES_PER_CLASS[split])} cases of 3 channels, {CASES_PER_CLASS[split]} "
            f"a class, got {len(cases)} of {max(n_channels)}, {counts} a class, in {where}; replace it by the original"
        )
    if abs(total - SUM_OF_VALUES[split]) > SUM_TOLERANCE:
        raise DataError(
            f"char_traj {split}: expected values that sum to {SUM_OF_VALUES[split]}, got {total:.3f} in {where}; "
            "replace it by the original"
        )
    return letters


def _panel(letters: Letters) -> Panel:
    cases, labels = letters
    return Panel.from_cases(
        cases,
        channels=CHANNELS,
        labels=np.array(CLASSES)[labels],
        classes=CLASSES,
        name="char_traj",
        time_step=0.005,
        time_unit="s",
        view="pen",
        augmentations=Augmentations(
            time_scale=0.2, time_shift=0.3, rotation_rad=0.25, rotation_channels=(0, 1), amplitude=0.2
        ),
    )


DATASET = Dataset(
    summary="2858 handwritten letters of 20 kinds as the velocity of a pen in x and y and its force, at 200 Hz",
    source="https://archive.ics.uci.edu/dataset/175/character+trajectories, in the split of the UEA archive",
    licence="CC BY 4.0",
    citation="Williams: Character Trajectories. UCI Machine Learning Repository (2008), https://doi.org/10.24432/C58G7V",
    load=load,
    n_categories=20,
    noise_dim=32,
)
