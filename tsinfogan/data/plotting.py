"""Pictures of panels as PNG: cases in a grid of square cells, and the canvas that all such pictures are drawn on."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tsinfogan.data.panel import FloatArray, Panel

INK, PALE_INK, GREY, FRAME, LINE = "#14213d", "#9fb3d1", "#5b6472", "#f4f5f8", "#dfe3ea"
REAL_INK, REAL_PALE_INK, REAL_FRAME = "#7a3b00", "#e2bd94", "#fbf0e2"
CHANNEL_COLOURS = ("#2a6fbb", "#e07a1f", "#3a9d5d", "#c23b5e", "#7b5ea7", "#8c6d46", "#2aa5b5", "#b0a12a")
CELL_INCHES = 0.62
MARGIN = 0.12
"""Around a canvas, in cells."""
ROWS_PER_BLOCK = 10
GUTTER_CELLS, GAP = 0.35, 0.06
CELL_FILL = 0.86

Row = tuple[str, Sequence[int]]
"""Title, and the cases side by side in it."""
Cells = list[tuple[int, float, float]]
"""Case, and the left upper corner of the cell it is drawn in."""


def new_figure(width_inches: float, height_inches: float, layout: Any = None) -> Any:
    """An empty white figure of matplotlib, without pyplot and its global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_inches, height_inches), facecolor="white", layout=layout)
    FigureCanvasAgg(figure)
    return figure


def to_png(figure: Any, dpi: int) -> bytes:
    """The figure as PNG, the same bytes each time."""
    target = BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a name in letters that the font does not have
        figure.savefig(target, format="png", dpi=dpi, metadata={"Software": None})
    return target.getvalue()


class CellCanvas:
    """A picture measured in square cells, x from the left and y from the top."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self._figure = new_figure((width + 2 * MARGIN) * CELL_INCHES, (height + 2 * MARGIN) * CELL_INCHES)
        self.axes: Any = self._figure.add_axes((0, 0, 1, 1))
        self.axes.set(xlim=(-MARGIN, width + MARGIN), ylim=(height + MARGIN, -MARGIN))
        self.axes.set_axis_off()

    def text(self, x: float, y: float, text: str, size: float = 8, **look: Any) -> None:
        """Grey text, vertically centred at ``y``; ``look`` holds further properties of matplotlib's texts."""
        self.axes.text(x, y, text, fontsize=size, va="center", parse_math=False, **{"color": GREY, **look})

    def legend(self, channels: Sequence[str], y: float, left: float = 0.0) -> None:
        """The colour of each channel, side by side from ``left``, as many as there is room for."""
        first = left
        for channel, name in enumerate(channels):
            needed = 0.75 + 0.1 * len(name)
            if left > first and left + needed > self.width:
                self.text(left, y, "…")
                break
            self.axes.plot([left, left + 0.3], [y, y], color=_colour(channel), linewidth=2, solid_capstyle="round")
            self.text(left + 0.42, y, name)
            left += needed

    def png(self, dpi: int = 150) -> bytes:
        """The picture."""
        return to_png(self._figure, dpi)


def draw_panel_grid(panel: Panel, rows: Sequence[Row], target: BinaryIO, *, title: str = "") -> None:
    """Draws cases side by side, each row with its title, as PNG.

    A pen's path is the running sum of channels 0 and 1 times ``time_step``, at one scale unless too large for its cell,
    broader and darker where channel 2, the force, is greater. Lines have one colour and one scale per channel over all
    cells. Images are grey, or in colour if they have three channels. Many rows are set in two blocks. An empty title
    of a row continues the row above; ``target`` stays open.
    """
    longest = max((len(cases) for _, cases in rows), default=1)
    n_blocks = 2 if len(rows) > max(ROWS_PER_BLOCK, longest) else 1
    rows_per_block = max(1, -(-len(rows) // n_blocks))
    title_cells = min(5.0, max((0.35 + 0.105 * len(name) for name, _ in rows if name), default=0.0))
    block_width = title_cells + longest
    is_lines = draws_lines(panel)
    head, foot = (0.75 if title else 0.0), (0.6 if is_lines else 0.0)
    canvas = CellCanvas(n_blocks * block_width + (n_blocks - 1) * GUTTER_CELLS, head + rows_per_block + foot)
    cells: Cells = []
    for index, (name, cases) in enumerate(rows):
        block, row = divmod(index, rows_per_block)
        left = block * (block_width + GUTTER_CELLS) + title_cells
        canvas.text(left - 0.18, head + row + 0.5, name, 8.5, ha="right")
        cells += cells_from(cases, left, head + row)
    if title:
        canvas.text(0, head - 0.42, title, 11, color=INK)
    draw_cells(canvas.axes, panel, cells)
    if is_lines:
        canvas.legend(panel.channels, head + rows_per_block + 0.42)
    target.write(canvas.png())


def cells_from(cases: Sequence[int], left: float, top: float, n_columns: int | None = None) -> Cells:
    """Cases side by side from a corner on, in one row or in rows of ``n_columns``."""
    n_columns = n_columns or max(1, len(cases))
    return [(int(case), left + i % n_columns, float(top + i // n_columns)) for i, case in enumerate(cases)]


def draw_cells(
    axes: Any, panel: Panel, cells: Cells, *, real: Collection[int] = (), scaled_by: Sequence[int] | None = None
) -> None:
    """Draws each case in its cell, one unit wide and high, on axes that count downwards.

    Cases in ``real`` are drawn in brown: real series among synthetic ones. The cases ``scaled_by`` set the common
    scale, so that several drawings compare; by default those drawn.
    """
    if not cells:
        return
    shown = [case for case, _, _ in cells] if scaled_by is None else list(scaled_by)
    if panel.values.ndim == 4:
        _draw_frames(axes, [cell for cell in cells if cell[0] in real], real)
        _draw_images(axes, panel, cells, shown, real)
        return
    _draw_frames(axes, cells, real)
    if draws_lines(panel):
        _draw_lines(axes, panel, cells, shown)
    else:
        _draw_pen(axes, panel, cells, shown, real)


def draws_lines(panel: Panel) -> bool:
    """Whether cases are drawn as channels over time, which need a legend."""
    return panel.values.ndim == 3 and not (panel.view == "pen" and panel.n_channels >= 2)


def _draw_frames(axes: Any, cells: Cells, real: Collection[int]) -> None:
    from matplotlib.collections import PolyCollection

    side = np.array([(GAP, GAP), (1 - GAP, GAP), (1 - GAP, 1 - GAP), (GAP, 1 - GAP)]) - (GAP / 2, GAP / 2)
    frames = [side + np.array((left, top)) for _, left, top in cells]
    colours = [REAL_FRAME if case in real else FRAME for case, _, _ in cells]
    squares = PolyCollection(frames, facecolors=colours, edgecolors=colours, linewidths=2, joinstyle="round")
    squares.set_zorder(-1)  # behind images too
    axes.add_collection(squares)


def _draw_pen(axes: Any, panel: Panel, cells: Cells, shown: Sequence[int], real: Collection[int]) -> None:
    from matplotlib.collections import LineCollection
    from matplotlib.colors import to_rgb

    usual = np.quantile([np.ptp(_path(panel, case), axis=0).max() for case in shown], 0.8) or 1.0
    segments, forces, inks = [], [], []
    for case, left, top in cells:
        path = _path(panel, case)  # (length, 2)
        size = np.ptp(path, axis=0).max()
        middle = (path.min(axis=0) + path.max(axis=0)) / 2
        # The axes count downwards, a pen's y upwards.
        drawn = (path - middle) * (CELL_FILL - 0.06, 0.06 - CELL_FILL) / max(usual, size) + (left + 0.5, top + 0.5)
        segments.append(np.stack([drawn, np.vstack([drawn[1:], drawn[-1:]])], axis=1))  # (length, 2, 2)
        forces.append(_force(panel, case))
        pale_and_dark = (REAL_PALE_INK, REAL_INK) if case in real else (PALE_INK, INK)
        inks.append(np.tile([to_rgb(ink) for ink in pale_and_dark], (len(path), 1, 1)))  # (length, 2, 3)
    pressed, pale_dark = np.concatenate(forces), np.concatenate(inks)
    low, high = np.quantile(np.concatenate([_force(panel, case) for case in shown]), [0.02, 0.98])
    share = np.clip((pressed - low) / (high - low), 0, 1) if high > low else np.full(len(pressed), 0.6)
    colours = pale_dark[:, 0] * (1 - share[:, None]) + pale_dark[:, 1] * share[:, None]
    order = np.argsort(share, kind="stable")  # lightest first: a move through the air never covers a written line
    lines, widths = list(np.concatenate(segments)[order]), (0.7 + 1.1 * share)[order]
    axes.add_collection(LineCollection(lines, linewidths=widths, colors=colours[order], capstyle="round"))


def _path(panel: Panel, case: int) -> NDArray[np.floating[Any]]:
    """``(length, 2)`` positions of the pen."""
    return np.cumsum(panel.case(case)[:2].T * panel.time_step, axis=0)


def _force(panel: Panel, case: int) -> FloatArray:
    """``(length,)`` of the pen, or ones where there is no such channel."""
    values = panel.case(case)
    return values[2] if panel.n_channels > 2 else np.ones(values.shape[1], np.float32)


def _draw_lines(axes: Any, panel: Panel, cells: Cells, shown: Sequence[int]) -> None:
    from matplotlib.collections import LineCollection

    values_shown = panel.values[list(shown)]
    low, high = np.nanmin(values_shown, axis=(0, 2)), np.nanmax(values_shown, axis=(0, 2))
    centre, spread = low / 2 + high / 2, np.where(high > low, high - low, 1.0)
    across = CELL_FILL / max(1, panel.grid[0] - 1)
    margin = (1 - CELL_FILL) / 2
    for channel in range(panel.n_channels):
        lines = []
        for case, left, top in cells:
            values = panel.case(case)[channel]
            x = left + margin + across * np.arange(len(values))
            lines.append(np.column_stack([x, top + 0.5 - CELL_FILL * (values - centre[channel]) / spread[channel]]))
        axes.add_collection(LineCollection(lines, linewidths=0.9, colors=_colour(channel), alpha=0.9, capstyle="round"))


def _colour(channel: int) -> str:
    return CHANNEL_COLOURS[channel % len(CHANNEL_COLOURS)]


def _draw_images(axes: Any, panel: Panel, cells: Cells, shown: Sequence[int], real: Collection[int]) -> None:
    low, high = float(panel.values[list(shown)].min()), float(panel.values[list(shown)].max())
    for case, left, top in cells:
        inset = GAP if case in real else GAP / 2  # its frame shows
        extent = (left + inset, left + 1 - inset, top + 1 - inset, top + inset)
        scaled = (panel.values[case] - low) / ((high - low) or 1.0)  # (c, h, w) in [0, 1]
        pixels = np.moveaxis(scaled, 0, -1) if len(scaled) == 3 else scaled.mean(axis=0)  # (h, w, 3) or (h, w)
        axes.imshow(pixels, cmap="gray", vmin=0, vmax=1, extent=extent, interpolation="nearest", aspect="auto")
