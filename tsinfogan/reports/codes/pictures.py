"""Pictures of a report: each category beside the real series in it, and each continuous code varied over its range."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap

import numpy as np

from tsinfogan.data.panel import IntArray, Panel
from tsinfogan.data.plotting import GREY, INK, LINE, REAL_INK, CellCanvas, Cells, cells_from, draw_cells, draws_lines
from tsinfogan.metrics.codes.purity import PURE
from tsinfogan.reports.codes.cards import CategoryCard, CodeReport
from tsinfogan.reports.codes.effects import percent
from tsinfogan.reports.codes.gathering import ReportContext

MAX_CATEGORIES = 40
"""Categories drawn; the figures of further ones are in the JSON."""
CASES = 5
"""Synthetic, and real, cases shown of a category; and categories shown of a sweep."""
SWEEP_LOW, SWEEP_HIGH, SWEEP_STEPS = -2.0, 2.0, 9
TITLE_CELLS, MIDDLE = 1.7, 0.25
BLOCK = TITLE_CELLS + 2 * CASES + MIDDLE
BLOCKS_APART = 0.6
LINE_CELLS = 0.36
MAX_TITLE = 16
BAND, BAND_TEXT, WARNING = "#dbe7f6", "#2a5a9b", "#b3261e"


@dataclass(frozen=True)
class Pictures:
    """All pictures of a report, as PNG."""

    categories: Mapping[int, bytes]  # by number; that of a model without categories is number 0
    sweeps: tuple[bytes, ...]  # one for each continuous code
    sheet: bytes  # everything in one picture


@dataclass(frozen=True)
class Gallery:
    """The cases shown of each category, by their indices; one row if there are no categories."""

    panel: Panel  # of all of them, synthetic and real
    synthetic: tuple[tuple[int, ...], ...]
    real: tuple[tuple[int, ...], ...]

    @property
    def real_cases(self) -> frozenset[int]:
        """Indices of all real cases."""
        return frozenset(case for row in self.real for case in row)


@dataclass(frozen=True)
class Sweep:
    """One continuous code varied, all else held."""

    panel: Panel
    rows: tuple[tuple[int, range], ...]  # number of each category shown, and its cases, from the first value on
    values: tuple[float, ...]  # of the code in each column
    trained: tuple[float, float] | None  # range of the code in training, None for a prior without bounds


def draw_all(context: ReportContext, report: CodeReport) -> Pictures:
    """Draws the categories, the sweeps and the sheet."""
    shown, swept = gallery(context), sweeps(context, report)
    titles = [card.title for card in report.categories] or [""]
    return Pictures(
        {number: _category_picture(shown, number) for number in _drawn(report)},
        tuple(_sweep_picture(sweep, titles) for sweep in swept),
        _sheet(report, shown, swept, titles),
    )


def gallery(context: ReportContext) -> Gallery:
    """The first samples of every category, and real series spread evenly over those in it."""
    subject, real, card = context.subject, context.real, context.subject.model.card
    n = max(1, subject.categories)
    samples = subject.samples(CASES).panel.subset(slice(CASES * n))
    panels = [card.panel(samples.values, samples.lengths)]
    rows = [tuple(range(k, CASES * n, n)) for k in range(n)]
    real_rows: list[tuple[int, ...]] = [()] * n
    categories = context.real_categories if subject.categories or real is None else np.zeros(real.n_cases, np.int64)
    if real is not None and categories is not None:
        chosen = [_spread(np.flatnonzero(categories == k)) for k in range(n)]
        if picked := [case for row in chosen for case in row]:
            cases = real.subset(np.array(picked))
            panels.append(card.panel(cases.values, cases.lengths))
            ends = CASES * n + np.cumsum([0, *map(len, chosen)])
            real_rows = [tuple(range(a, b)) for a, b in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)]
    return Gallery(Panel.concatenated(panels), tuple(rows), tuple(real_rows))


def sweeps(context: ReportContext, report: CodeReport) -> list[Sweep]:
    """A sweep of each continuous code, the others at 0, for categories spread evenly over all in order of name."""
    subject = context.subject
    order = [card.number for card in report.by_name]
    swept_values = tuple(np.linspace(SWEEP_LOW, SWEEP_HIGH, SWEEP_STEPS).tolist())
    found = []
    for index in subject.continuous.values():
        swept = subject.sweeps(index, SWEEP_STEPS, SWEEP_LOW, SWEEP_HIGH, 1)
        n_sweeps = swept.panel.n_cases // SWEEP_STEPS
        chosen = _spread(np.array(order or range(n_sweeps)))
        rows = tuple((k, range(k * SWEEP_STEPS, (k + 1) * SWEEP_STEPS)) for k in chosen)
        trained = subject.model.settings.latent.codes[index].support
        found.append(Sweep(swept.panel, rows, swept_values, trained))
    return found


def _category_picture(shown: Gallery, number: int) -> bytes:
    """One category: synthetic cases above, real ones below."""
    left = 0.34
    canvas = CellCanvas(CASES + left, 1 + bool(shown.real[number]))
    cells: Cells = []
    both = (shown.synthetic[number], "synthetic", INK), (shown.real[number], "real", REAL_INK)
    for row, (cases, what, colour) in enumerate(both):
        cells += cells_from(cases, left, row)
        if cases:
            canvas.text(left / 2, row + 0.5, what, 7, color=colour, ha="center", rotation=90)
    draw_cells(canvas.axes, shown.panel, cells, real=shown.real_cases, scaled_by=range(shown.panel.n_cases))
    return canvas.png(160)


def _sweep_picture(sweep: Sweep, titles: Sequence[str]) -> bytes:
    """One continuous code: a row per category, a column per value."""
    top, foot = 0.75, 0.5 if draws_lines(sweep.panel) else 0.0
    canvas = CellCanvas(TITLE_CELLS + SWEEP_STEPS, top + len(sweep.rows) + foot)
    _draw_sweep(canvas, sweep, titles, 0.0, top)
    if foot:
        canvas.legend(sweep.panel.channels, canvas.height - foot / 2, TITLE_CELLS)
    return canvas.png(160)


def _sheet(report: CodeReport, shown: Gallery, swept: Sequence[Sweep], titles: Sequence[str]) -> bytes:
    """Everything in one picture: the categories in two blocks, and below them the sweeps, two beside each other."""
    sentences = [wrap(card.sentence, 104) for card in report.continuous]
    pairs = [range(first, min(first + 2, len(swept))) for first in range(0, len(swept), 2)]
    n_lines = [max(len(sentences[k]) for k in pair) for pair in pairs]
    n_rows = [max(len(swept[k].rows) for k in pair) for pair in pairs]
    heights = [LINE_CELLS * lines + 1.4 + rows for lines, rows in zip(n_lines, n_rows, strict=True)]
    top = 1.75
    sweeps_top = top + -(-len(_drawn(report)) // 2) + 0.55
    foot = 0.55 if draws_lines(shown.panel) else 0.1
    canvas = CellCanvas(2 * BLOCK + BLOCKS_APART, sweeps_top + sum(heights) + foot)
    canvas.text(0, 0.3, report.data, 17, color=INK, weight="bold")
    canvas.text(0, 0.83, report.headline, 9.5)
    _rule(canvas, 1.1)
    _draw_categories(canvas, report, shown, titles, top)
    for k, sweep in enumerate(swept):
        left, height = k % 2 * (BLOCK + BLOCKS_APART), sweeps_top + sum(heights[: k // 2])
        if k % 2 == 0:
            _rule(canvas, height - 0.25)
        for line, text in enumerate(sentences[k]):
            canvas.text(left, height + 0.1 + LINE_CELLS * line, text, 9.5, color=INK)
        _draw_sweep(canvas, sweep, titles, left, height + LINE_CELLS * n_lines[k // 2] + 0.85)
    if draws_lines(shown.panel):
        canvas.legend(shown.panel.channels, canvas.height - 0.25)
    return canvas.png(130)


def _drawn(report: CodeReport) -> list[int]:
    """Numbers of the categories that are drawn, in reading order; 0 stands for a model without categories."""
    return [card.number for card in report.by_name][:MAX_CATEGORIES] or [0]


def _draw_categories(canvas: CellCanvas, report: CodeReport, shown: Gallery, titles: Sequence[str], top: float) -> None:
    """Rows from ``top`` on, in two blocks: title, synthetic cases, real cases."""
    order = _drawn(report)
    rows_per_block = -(-len(order) // 2)
    cells: Cells = []
    for index, number in enumerate(order):
        block, row = divmod(index, rows_per_block)
        left, height = block * (BLOCK + BLOCKS_APART), top + row
        first, first_real = left + TITLE_CELLS, left + TITLE_CELLS + CASES + MIDDLE
        card = report.categories[number] if report.categories else None
        _title(canvas, left, height + (0.36 if card else 0.5), titles[number])
        if card is not None:
            is_impure = card.purity is not None and card.purity < PURE
            canvas.text(left, height + 0.68, _caption(card), 6.8, color=WARNING if is_impure else GREY)
        cells += cells_from(shown.synthetic[number], first, height)
        cells += cells_from(shown.real[number], first_real, height)
        if not shown.real[number] and report.real is not None:
            canvas.text(first_real + 0.1, height + 0.5, "no real series in it", 7.5)
        if row == 0:
            canvas.text(first, top - 0.22, "synthetic", 9, color=INK)
            if report.real is not None:
                what = "real series that Q puts there" if card is not None else "real series"
                canvas.text(first_real, top - 0.22, what, 9, color=REAL_INK)
    draw_cells(canvas.axes, shown.panel, cells, real=shown.real_cases)


def _draw_sweep(canvas: CellCanvas, sweep: Sweep, titles: Sequence[str], left: float, top: float) -> None:
    """Rows from ``top`` on, with the values, and the trained range marked, above."""
    from matplotlib.patches import FancyBboxPatch

    first = left + TITLE_CELLS
    low, high = sweep.trained or (-np.inf, np.inf)
    inside = [low - 1e-9 <= value <= high + 1e-9 for value in sweep.values]
    if sweep.trained is not None and any(inside):
        start, width = first + inside.index(True), sum(inside)
        style = "round,pad=0,rounding_size=0.12"
        corner, height = (start - 0.03, top - 0.68), len(sweep.rows) + 0.72
        canvas.axes.add_patch(FancyBboxPatch(corner, width, height, style, color=BAND, zorder=-3, linewidth=0))
        canvas.text(start + width / 2, top - 0.5, "trained range", 7.5, color=BAND_TEXT, ha="center")
    for column, value in enumerate(sweep.values):
        text = f"{value:+.3g}".replace("-", "−") if value else "0"
        colour = BAND_TEXT if inside[column] else GREY
        canvas.text(first + column + 0.47, top - 0.19, text, 7.5, color=colour, ha="center")
    cells: Cells = []
    for row, (category, cases) in enumerate(sweep.rows):
        cells += cells_from(cases, first, top + row)
        if category < len(titles):
            _title(canvas, first - 0.25, top + row + 0.5, titles[category], ha="right")
    draw_cells(canvas.axes, sweep.panel, cells)


def _title(canvas: CellCanvas, x: float, y: float, text: str, ha: str = "left") -> None:
    """A category's name, as large as fits into its column."""
    shown = text if len(text) <= MAX_TITLE else text[: MAX_TITLE - 1] + "…"
    canvas.text(x, y, shown, min(10.5, 95 / max(1, len(shown))), color=GREY, ha=ha, weight="bold")


def _caption(card: CategoryCard) -> str:
    number = "" if card.name is None else f"cat {card.number}"
    of_real = "" if card.purity is None else f"{percent(card.purity, digits=0)} {card.majority}"
    return ", ".join(filter(None, (number, of_real if len(of_real) < 12 else "")))


def _rule(canvas: CellCanvas, y: float) -> None:
    canvas.axes.plot([0, canvas.width], [y, y], color=LINE, linewidth=0.8)


def _spread(cases: IntArray) -> list[int]:
    """At most ``CASES`` of them, evenly from first to last."""
    indices = np.linspace(0, len(cases) - 1, min(CASES, len(cases))).round().astype(int)
    spread: list[int] = cases[indices].tolist()
    return spread
