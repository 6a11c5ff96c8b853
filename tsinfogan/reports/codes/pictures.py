"""Pictures of a report: each category beside the real series in it, each knob turned through its range."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from textwrap import wrap
from typing import Any

import numpy as np

from tsinfogan.data.panel import IntArray, Panel
from tsinfogan.data.plotting import CELL_INCHES, GREY, INK, REAL_INK, Cells, draw_cells, draw_legend, draws_lines
from tsinfogan.models.codes import UniformCode
from tsinfogan.reports.codes.cards import CategoryCard, Report
from tsinfogan.reports.codes.gathering import Material
from tsinfogan.reports.codes.words import percent

MAX_CATEGORIES = 40
"""Categories drawn; the figures of further ones are in the JSON."""
CASES = 5
"""Generated, and real, cases shown of a category; and categories shown of a sweep."""
SWEEP_LOW, SWEEP_HIGH, SWEEP_STEPS = -2.0, 2.0, 9
TITLE_CELLS, MIDDLE = 1.7, 0.25
BLOCK = TITLE_CELLS + 2 * CASES + MIDDLE
BLOCKS_APART = 0.6
WIDTH = 2 * BLOCK + BLOCKS_APART
LINE_CELLS = 0.36
MAX_TITLE = 16
BAND, BAND_TEXT, WARNING = "#dbe7f6", "#2a5a9b", "#b3261e"
PURE = 0.9
"""A category of which less real series are of one class is marked."""


@dataclass(frozen=True)
class Gallery:
    """The cases that stand for each category.

    Attributes:
        panel: all of them, generated and real.
        synthetic: for each category its generated cases' places in the panel; one row where there are no categories.
        real: its real cases' places.
    """

    panel: Panel
    synthetic: tuple[tuple[int, ...], ...]
    real: tuple[tuple[int, ...], ...]

    @property
    def real_cases(self) -> frozenset[int]:
        """Places of all real cases."""
        return frozenset(case for row in self.real for case in row)


@dataclass(frozen=True)
class Sweep:
    """One knob turned, all else held.

    Attributes:
        column: name of the code.
        panel: the cases.
        rows: for each category shown, its number and the cases' places from the first value to the last.
        values: where the code stands in each column.
        trained: the range that it was trained on, or None for a prior without ends.
    """

    column: str
    panel: Panel
    rows: tuple[tuple[int, tuple[int, ...]], ...]
    values: tuple[float, ...]
    trained: tuple[float, float] | None


def gallery(material: Material) -> Gallery:
    """The first samples of every category, and real series from all over those that are in it: nobody chose them."""
    subject, real, card = material.subject, material.real, material.subject.model.card
    synthetic = subject.samples(CASES)
    n = max(1, subject.categories)
    rows = [tuple(range(k, CASES * n, n)) for k in range(n)]
    panels = [card.panel(synthetic.panel.values[: CASES * n], _lengths(synthetic.panel, CASES * n))]
    real_rows: list[tuple[int, ...]] = [()] * n
    if real is not None:
        placed = material.placed if subject.categories else np.zeros(real.n_cases, np.int64)
        chosen = [_spread(np.nonzero(placed == k)[0]) if placed is not None else [] for k in range(n)]
        if flat := [case for row in chosen for case in row]:
            picked = real.subset(np.array(flat))
            panels.append(card.panel(picked.values, picked.lengths))
            ends = CASES * n + np.cumsum([0, *map(len, chosen)])
            real_rows = [tuple(range(a, b)) for a, b in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)]
    return Gallery(Panel.concatenated(panels), tuple(rows), tuple(real_rows))


def sweeps(material: Material, report: Report) -> list[Sweep]:
    """Each knob turned for categories from all over, in the order of their names, the others at 0."""
    subject = material.subject
    order = [card.number for card in report.by_name]
    found = []
    for column, position in subject.continuous.items():
        swept = subject.sweeps(position, SWEEP_STEPS, SWEEP_LOW, SWEEP_HIGH, 1)
        n_sweeps = swept.panel.n_cases // SWEEP_STEPS
        chosen = [(order or range(n_sweeps))[position] for position in _spread(np.arange(n_sweeps))]
        code = subject.model.settings.latent.codes[position]
        found.append(
            Sweep(
                column,
                swept.panel,
                tuple((k, tuple(range(k * SWEEP_STEPS, (k + 1) * SWEEP_STEPS))) for k in chosen),
                tuple(np.linspace(SWEEP_LOW, SWEEP_HIGH, SWEEP_STEPS).tolist()),
                (code.low, code.high) if isinstance(code, UniformCode) else None,
            )
        )
    return found


def category_picture(shown: Gallery, row: int) -> bytes:
    """One category: generated cases above, real ones below."""
    height, tag = 1 + bool(shown.real[row]), 0.34
    canvas = _Canvas(CASES + tag, height)
    cells: Cells = []
    for top, (cases, what, colour) in enumerate(
        ((shown.synthetic[row], "synthetic", INK), (shown.real[row], "real", REAL_INK))
    ):
        cells += [(case, tag + column, float(top)) for column, case in enumerate(cases)]
        if cases:
            canvas.text(tag / 2, top + 0.5, what, colour=colour, size=7, align="center", rotation=90)
    draw_cells(canvas.axes, shown.panel, cells, real=shown.real_cases, scaled_by=range(shown.panel.n_cases))
    return canvas.png(160)


def sweep_picture(sweep: Sweep, titles: Sequence[str]) -> bytes:
    """One knob: a row a category, a column a value."""
    foot = 0.5 if draws_lines(sweep.panel) else 0.0
    canvas = _Canvas(TITLE_CELLS + SWEEP_STEPS, 0.75 + len(sweep.rows) + foot)
    _draw_sweep(canvas, sweep, titles, 0.0, 0.75)
    if foot:
        draw_legend(
            canvas.axes, sweep.panel.channels, 0.75 + len(sweep.rows) + foot / 2, canvas.width, left=TITLE_CELLS
        )
    return canvas.png(160)


def report_picture(report: Report, shown: Gallery, knobs: Sequence[Sweep]) -> bytes:
    """Everything on one sheet: the categories in two blocks, and below them the knobs."""
    titles = row_titles(report)
    order = [card.number for card in report.by_name][:MAX_CATEGORIES] or [0]
    per_block = -(-len(order) // 2)
    sentences = [wrap(knob.sentence, 104) for knob in report.knobs]
    pairs = [range(first, min(first + 2, len(knobs))) for first in range(0, len(knobs), 2)]
    lines = [max(len(sentences[k]) for k in pair) for pair in pairs]
    top, cells_top = 1.1, 1.75
    below = cells_top + per_block + 0.55
    heights = [
        LINE_CELLS * n_lines + 1.0 + max(len(knobs[k].rows) for k in pair)
        for pair, n_lines in zip(pairs, lines, strict=True)
    ]
    foot = 0.55 if draws_lines(shown.panel) else 0.1
    canvas = _Canvas(WIDTH, below + sum(heights) + 0.4 * len(heights) + foot)
    canvas.text(0, 0.3, report.data, size=17, colour=INK, weight="bold")
    canvas.text(0, 0.83, report.headline, size=9.5, colour=GREY)
    cells: Cells = []
    for position, number in enumerate(order):
        block, row = divmod(position, per_block)
        left, height = block * (BLOCK + BLOCKS_APART), cells_top + row
        card = report.categories[number] if report.categories else None
        canvas.title(left, height + (0.36 if card else 0.5), titles[number])
        if card is not None:
            poor = card.purity is not None and card.purity < PURE
            canvas.text(left, height + 0.68, _caption(card), 6.8, WARNING if poor else GREY)
        first_real = left + TITLE_CELLS + CASES + MIDDLE
        cells += [(case, left + TITLE_CELLS + k, float(height)) for k, case in enumerate(shown.synthetic[number])]
        cells += [(case, first_real + k, float(height)) for k, case in enumerate(shown.real[number])]
        if not shown.real[number] and report.real is not None:
            canvas.text(first_real + 0.1, height + 0.5, "no real series in it", size=7.5)
        if row == 0:
            canvas.text(left + TITLE_CELLS, cells_top - 0.22, "generated", size=9, colour=INK)
            if report.real is not None:
                what = "real series that Q puts there" if card is not None else "real series"
                canvas.text(first_real, cells_top - 0.22, what, size=9, colour=REAL_INK)
    canvas.rule(top)
    draw_cells(canvas.axes, shown.panel, cells, real=shown.real_cases)
    for k, knob in enumerate(knobs):
        left, height = k % 2 * (BLOCK + BLOCKS_APART), below + sum(heights[: k // 2]) + 0.4 * (k // 2)
        if k % 2 == 0:
            canvas.rule(height - 0.25)
        for line, text in enumerate(sentences[k]):
            canvas.text(left, height + 0.1 + LINE_CELLS * line, text, size=9.5, colour=INK)
        _draw_sweep(canvas, knob, titles, left, height + LINE_CELLS * lines[k // 2] + 0.85)
    if draws_lines(shown.panel):
        draw_legend(canvas.axes, shown.panel.channels, canvas.height - 0.25, WIDTH)
    return canvas.png(130)


def row_titles(report: Report) -> list[str]:
    """What stands before each row of categories, or of a model without any."""
    return [card.title for card in report.categories] or [""]


def _caption(card: CategoryCard) -> str:
    numbered = "" if card.name is None else f"cat {card.number}"
    of_real = "" if card.purity is None else f"{percent(card.purity, digits=0)} {card.majority}"
    return ", ".join(filter(None, (numbered, of_real if len(of_real) < 12 else "")))


def _draw_sweep(canvas: _Canvas, sweep: Sweep, titles: Sequence[str], left: float, top: float) -> None:
    """Rows from ``top`` on, with the values, and the trained range marked, above."""
    first, n_rows = left + TITLE_CELLS, len(sweep.rows)
    inside = [True] * len(sweep.values)
    if sweep.trained is not None:
        low, high = sweep.trained
        inside = [low - 1e-9 <= value <= high + 1e-9 for value in sweep.values]
        if any(inside):
            start, width = inside.index(True), sum(inside)
            canvas.box(first + start, top - 0.68, width, n_rows + 0.72, BAND)
            canvas.text(first + start + width / 2, top - 0.5, "trained range", 7.5, BAND_TEXT, align="center")
    for column, value in enumerate(sweep.values):
        text = f"{value:+.3g}".replace("-", "−") if value else "0"
        canvas.text(first + column + 0.47, top - 0.19, text, 7.5, BAND_TEXT if inside[column] else GREY, align="center")
    for row, (category, _) in enumerate(sweep.rows):
        if category < len(titles):
            canvas.title(first - 0.25, top + row + 0.5, titles[category], align="right")
    cells: Cells = [
        (case, first + column, top + row)
        for row, (_, cases) in enumerate(sweep.rows)
        for column, case in enumerate(cases)
    ]
    draw_cells(canvas.axes, sweep.panel, cells)


class _Canvas:
    """Axes in cells, counted downwards."""

    def __init__(self, width: float, height: float) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.width, self.height = width, height
        margin = 0.12
        self._figure = Figure(
            figsize=((width + 2 * margin) * CELL_INCHES, (height + 2 * margin) * CELL_INCHES), facecolor="white"
        )
        FigureCanvasAgg(self._figure)
        self.axes: Any = self._figure.add_axes((0, 0, 1, 1))
        self.axes.set(xlim=(-margin, width + margin), ylim=(height + margin, -margin))
        self.axes.set_axis_off()

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        colour: str = GREY,
        align: str = "left",
        weight: str = "normal",
        rotation: float = 0,
    ) -> None:
        look = {"fontsize": size, "color": colour, "ha": align, "weight": weight, "rotation": rotation}
        self.axes.text(x, y, text, va="center", parse_math=False, **look)

    def title(self, x: float, y: float, text: str, align: str = "left") -> None:
        """A category's name, as large as fits into its column."""
        shown = text if len(text) <= MAX_TITLE else text[: MAX_TITLE - 1] + "…"
        self.text(x, y, shown, min(10.5, 95 / max(1, len(shown))), align=align, weight="bold")

    def box(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        from matplotlib.patches import FancyBboxPatch

        style = "round,pad=0,rounding_size=0.12"
        self.axes.add_patch(FancyBboxPatch((x - 0.03, y), width, height, style, color=colour, zorder=-3, linewidth=0))

    def rule(self, y: float) -> None:
        self.axes.plot([0, self.width], [y, y], color="#dfe3ea", linewidth=0.8)

    def png(self, dpi: int) -> bytes:
        target = BytesIO()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing")  # a name in letters that the font does not have
            self._figure.savefig(target, format="png", dpi=dpi, metadata={"Software": None})
        return target.getvalue()


def _spread(cases: IntArray) -> list[int]:
    """At most ``CASES`` of them, evenly from first to last."""
    indices = np.linspace(0, len(cases) - 1, min(CASES, len(cases))).round().astype(int)
    spread: list[int] = cases[indices].tolist()
    return spread


def _lengths(panel: Panel, n: int) -> IntArray | None:
    return None if panel.lengths is None else panel.lengths[:n]
