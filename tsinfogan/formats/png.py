"""A picture of the first cases, with one row or more for each category. It cannot be read."""

from __future__ import annotations

import math
from typing import BinaryIO

import numpy as np

from tsinfogan.data.panel import IntArray, Panel
from tsinfogan.data.plotting import Row, draw_panel_grid
from tsinfogan.formats import CaseColumns, Format

MAX_CASES = 400
MAX_CASES_A_ROW = 10


class PngWriter:
    """Keeps the first ``MAX_CASES`` cases, counts the others, and draws when it is closed."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._panels: list[Panel] = []
        self._categories: list[IntArray] = []
        self._n_kept = 0
        self._n_cases = 0

    def write(self, panel: Panel, columns: CaseColumns) -> None:
        """Keeps cases up to ``MAX_CASES``; if there is a column ``cat``, they are drawn by category."""
        room = slice(0, MAX_CASES - self._n_kept)
        self._n_cases += panel.n_cases
        if self._n_kept < MAX_CASES:
            kept = panel.subset(room)
            self._panels.append(kept)
            if "cat" in columns:
                self._categories.append(np.asarray(columns["cat"][room]))
            self._n_kept += kept.n_cases

    def close(self) -> None:
        """Draws the picture. The file stays empty if no case was written."""
        if self._panels:
            panel = Panel.concatenated(self._panels)
            title = f"first {self._n_kept} of {self._n_cases} cases" if self._n_cases > self._n_kept else ""
            categories = np.concatenate(self._categories) if self._categories else None
            draw_panel_grid(panel, _rows(panel.n_cases, categories), self._stream, title=title)
        self._stream.flush()


def _rows(n_cases: int, categories: IntArray | None) -> list[Row]:
    """The rows of a picture that is at least as wide as high."""
    if categories is None or len(np.unique(categories)) == 1:
        width = max(4, math.ceil(math.sqrt(1.6 * n_cases)))
        groups = [("" if categories is None else f"cat {categories[0]}", np.arange(n_cases))]
    else:
        width = MAX_CASES_A_ROW
        groups = [(f"cat {category}", np.flatnonzero(categories == category)) for category in np.unique(categories)]
    return [
        (name if start == 0 else "", group[start : start + width].tolist())
        for name, group in groups
        for start in range(0, len(group), width)
    ]


FORMAT = Format(
    suffix=".png",
    summary=f"A picture of the cases, one row a category; at most the first {MAX_CASES} of them are drawn.",
    open_writer=PngWriter,
)
