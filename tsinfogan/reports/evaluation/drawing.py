"""Axes in the look of this project: light frames, small grey numbers, blue for made series and brown for real ones."""

from __future__ import annotations

import warnings
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsinfogan.data.plotting import CELL_INCHES, GREY, INK, REAL_INK, Cells

SYNTHETIC, SYNTHETIC_PALE = "#2a6fbb", "#a9c6e8"
REAL, REAL_PALE = "#a8601c", "#ecd3b4"
WIDTH_INCHES, DPI = 10.6, 110
LINE = "#dfe3ea"


class Sheet:
    """A picture of some axes, side by side and in rows."""

    def __init__(self, n_rows: int, n_columns: int, row_inches: float = 2.3) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        size = (WIDTH_INCHES, n_rows * row_inches + 0.1)
        self._figure = Figure(figsize=size, facecolor="white", layout="constrained")
        FigureCanvasAgg(self._figure)
        self.rows: list[list[Any]] = [list(row) for row in self._figure.subplots(n_rows, n_columns, squeeze=False)]
        for axes in self.all:
            for side in ("top", "right"):
                axes.spines[side].set_visible(False)
            for side in ("left", "bottom"):
                axes.spines[side].set_color(LINE)
            axes.tick_params(colors=GREY, labelsize=7.5, length=2.5)

    @property
    def all(self) -> list[Any]:
        """All axes, row by row."""
        return [axes for row in self.rows for axes in row]

    def png(self) -> bytes:
        """The picture."""
        return saved(self._figure)


def title(axes: Any, text: str) -> None:
    """What is drawn, above the axes."""
    axes.set_title(text, fontsize=9, color=INK, loc="left", parse_math=False)


def labels(axes: Any, x: str = "", y: str = "") -> None:
    """What the axes count."""
    axes.set_xlabel(x, fontsize=8, color=GREY)
    axes.set_ylabel(y, fontsize=8, color=GREY)


def legend(axes: Any) -> None:
    """Names of what was drawn with a label."""
    axes.legend(frameon=False, fontsize=8, labelcolor=INK, handlelength=1.4)


def densities(axes: Any, real: NDArray[Any], synthetic: NDArray[Any], edges: NDArray[Any]) -> None:
    """Histograms of shares: of real values ``(n,)`` filled, of made ones ``(m,)`` a line."""
    both = [(np.histogram(values, edges)[0] / max(1, len(values))) for values in (real, synthetic)]
    axes.stairs(both[0], edges, fill=True, color=REAL_PALE, label="real, unseen")
    axes.stairs(both[0], edges, color=REAL, linewidth=0.8)
    axes.stairs(both[1], edges, color=SYNTHETIC, linewidth=1.3, label="synthetic")
    axes.set_yticks([])
    axes.set_ylim(0, 1.3 * max(np.quantile(np.concatenate(both), 0.97), 1e-9))  # one tall bar, as of zeros, is cut off


class CellSheet:
    """A picture of small cells, one a series, counted downwards, with texts between."""

    def __init__(self, width: float, height: float) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        margin = 0.1
        size = ((width + 2 * margin) * CELL_INCHES, (height + 2 * margin) * CELL_INCHES)
        self._figure = Figure(figsize=size, facecolor="white")
        FigureCanvasAgg(self._figure)
        self.axes: Any = self._figure.add_axes((0, 0, 1, 1))
        self.axes.set(xlim=(-margin, width + margin), ylim=(height + margin, -margin))
        self.axes.set_axis_off()

    def text(self, x: float, y: float, text: str, *, real: bool = False, middle: bool = False, size: float = 8) -> None:
        """Brown for real series, blue-black else."""
        colour = REAL_INK if real else INK if not middle else GREY
        look = {"fontsize": size, "color": colour, "ha": "center" if middle else "left", "va": "center"}
        self.axes.text(x, y, text, parse_math=False, **look)

    def png(self) -> bytes:
        """The picture."""
        return saved(self._figure, 150)


def saved(figure: Any, dpi: int = DPI) -> bytes:
    """PNG of a figure of matplotlib."""
    target = BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a name in letters that the font does not have
        figure.savefig(target, format="png", dpi=dpi, metadata={"Software": None})
    return target.getvalue()


def cells_of(cases: range, columns: int, left: float, top: float) -> Cells:
    """Cases in rows of ``columns`` from a corner on."""
    return [(case, left + index % columns, top + index // columns) for index, case in enumerate(cases)]
