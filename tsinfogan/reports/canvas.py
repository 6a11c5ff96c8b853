"""Axes in the look of this project: light frames, small grey numbers, blue for synthetic series, brown for real ones.

Pictures of many small series are drawn on the ``CellCanvas`` of ``data.plotting`` instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsinfogan.data.plotting import GREY, INK, LINE, new_figure, to_png

SYNTHETIC, SYNTHETIC_PALE = "#2a6fbb", "#a9c6e8"
REAL, REAL_PALE = "#a8601c", "#ecd3b4"
WIDTH_INCHES = 10.6


class AxesSheet:
    """A picture of ``axes`` ``(n_rows, n_columns)``, whose columns have ``widths`` relative to each other."""

    def __init__(self, n_rows: int, n_columns: int, row_inches: float, widths: Sequence[float] | None = None) -> None:
        self.figure = new_figure(WIDTH_INCHES, n_rows * row_inches + 0.1, layout="constrained")
        self.axes: Any = self.figure.subplots(n_rows, n_columns, squeeze=False, width_ratios=widths)
        for axes in self.axes.flat:
            axes.spines[["top", "right"]].set_visible(False)
            axes.spines[["left", "bottom"]].set_color(LINE)
            axes.tick_params(colors=GREY, labelsize=7.5, length=2.5)

    def png(self, dpi: int = 110) -> bytes:
        return to_png(self.figure, dpi)


def label(axes: Any, title: str = "", x: str = "", y: str = "") -> None:
    """Writes what is drawn above the axes, and what they count beside them."""
    axes.set_title(title, fontsize=9, color=INK, loc="left", parse_math=False)
    axes.set_xlabel(x, fontsize=8, color=GREY)
    axes.set_ylabel(y, fontsize=8, color=GREY)


def legend(axes: Any) -> None:
    """Names whatever was drawn with a label."""
    axes.legend(frameon=False, fontsize=8, labelcolor=INK, handlelength=1.4)


def densities(axes: Any, real: NDArray[Any], synthetic: NDArray[Any], edges: NDArray[Any]) -> None:
    """Histograms, as shares of all values: real ones ``(n,)`` filled, synthetic ones ``(m,)`` as a line."""
    both = [(np.histogram(values, edges)[0] / max(1, len(values))) for values in (real, synthetic)]
    axes.stairs(both[0], edges, fill=True, color=REAL_PALE, label="real, unseen")
    axes.stairs(both[0], edges, color=REAL, linewidth=0.8)
    axes.stairs(both[1], edges, color=SYNTHETIC, linewidth=1.3, label="synthetic")
    axes.set_yticks([])
    axes.set_ylim(0, 1.3 * max(np.quantile(np.concatenate(both), 0.97), 1e-9))  # one tall bar, as of zeros, is cut off
