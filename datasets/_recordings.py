"""Datasets that are one long recording: read from a table and cut into all windows, as TimeGAN does; no test split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsinfogan.data.augmentations import Augmentations
from tsinfogan.data.columns import Windows
from tsinfogan.data.panel import Panel
from tsinfogan.data.windows import Series, panel_from_series
from tsinfogan.datasets import Split
from tsinfogan.errors import DataError

N_TIMEPOINTS = 24
TOGETHER = Augmentations(time_scale=0.1, time_shift=0.05, amplitude=0.1)
"""For channels that are so closely related that noise, or an offset of one of them, would change what they are."""


def all_windows(rows: NDArray[np.float64], split: Split, name: str, channels: Sequence[str], **others: Any) -> Panel:
    """All windows of 24 of the ``(t, c)`` rows, one beginning at every row, in raw units.

    Only the split ``train`` exists: neighbouring windows share all rows but one, so no window would be unseen.
    """
    if split != "train":
        raise DataError(
            f"expected the train split of {name}, got {split}: its windows overlap, and published figures compare "
            "with all of them; hold out rows of a file of your own"
        )
    series = Series(rows.T[None].astype(np.float32), channels, others={"name": name, **others})  # (1, c, t)
    return panel_from_series(series, name, windows=Windows(N_TIMEPOINTS))


def parse_rows(text: str, columns: Sequence[str], first: int, n_rows: int, where: str) -> NDArray[np.float64]:
    """``(n_rows, len(columns))`` numbers of a comma-separated table, which may be in quotes.

    It must have ``n_rows`` rows, and these columns from the column ``first`` on; messages call it ``where``.
    """
    header, _, body = text.replace('"', "").partition("\n")
    found = tuple(header.strip().split(",")[first:])
    if found != tuple(columns):
        raise DataError(f"expected the columns {', '.join(columns)} in {where}, got {', '.join(found)[:200]}")
    wanted = range(first, first + len(columns))
    try:
        rows = np.loadtxt(body.splitlines(), delimiter=",", usecols=wanted, dtype=np.float64, ndmin=2)
    except ValueError as error:
        raise DataError(f"expected numbers in {where}: {error}; replace it by the original") from error
    if len(rows) != n_rows:
        raise DataError(f"expected {n_rows} rows in {where}, got {len(rows)}; replace it by the original")
    return rows
