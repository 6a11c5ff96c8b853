"""Pictures of made series beside real ones: samples, values, memory, durations, maps, and who is near to whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tsinfogan.data.panel import Panel
from tsinfogan.data.plotting import draw_cells, draw_legend, draws_lines
from tsinfogan.reports.evaluation.curves import autocorrelation, channel_values, spectrum
from tsinfogan.reports.evaluation.drawing import (
    REAL,
    REAL_PALE,
    SYNTHETIC,
    CellSheet,
    Sheet,
    cells_of,
    densities,
    labels,
    legend,
    title,
)
from tsinfogan.sampling.memorization import TrainingSeries, flat, nearest

CELLS_ACROSS, CELL_ROWS = 15, 2
MAX_CHANNELS = 6
LINES = 40
POINTS = 500
NEIGHBOURS, NEIGHBOUR_RANKS = 14, 2
ONE_CHANNEL_COLUMNS = 3
PERPLEXITY = 30.0


@dataclass(frozen=True)
class Picture:
    """One picture of the page.

    Attributes:
        heading: what it shows.
        caption: how to read it, one or two sentences.
        png: the picture.
    """

    heading: str
    caption: str
    png: bytes


@dataclass(frozen=True, eq=False)
class Shown:
    """The series that are drawn.

    Attributes:
        synthetic: made series.
        seen: real series that the generator has seen, or that stand for these.
        reference: real series that it has not.
        seed: which of them are drawn follows from it.
    """

    synthetic: Panel
    seen: Panel
    reference: Panel
    seed: int = 0

    def chosen(self, panel: Panel, n: int) -> Panel:
        """``n`` of them at random, or all."""
        order = np.random.default_rng(self.seed).permutation(panel.n_cases)[:n]
        return panel.subset(order)


def draw_all(shown: Shown, tell: Callable[[str], None] = lambda text: None) -> list[Picture]:
    """Every picture that such series can have."""
    synthetic, reference = (
        replace(panel, view=shown.seen.view, time_step=shown.seen.time_step)
        for panel in (shown.synthetic, shown.reference)
    )
    shown = replace(shown, synthetic=synthetic, reference=reference)
    training_series = TrainingSeries(shown.seen)
    grids = Grids(training_series, shown)
    drawn = []
    for make in (_samples, _overlaid, _distributions, _memory, _durations, _maps, _neighbours):
        tell(f"drawing {make.__name__.strip('_')}")
        drawn += [picture for picture in make(shown, grids) if picture is not None]
    return drawn


class Grids:
    """What networks see of the series: scaled channels on one grid."""

    def __init__(self, training_series: TrainingSeries, shown: Shown) -> None:
        self.training_series = training_series
        fitted = training_series.preprocessor
        self.synthetic, self.seen, self.reference = (
            fitted.transform(panel) for panel in (shown.synthetic, shown.seen, shown.reference)
        )
        self.n_channels = fitted.n_channels


def _samples(shown: Shown, grids: Grids) -> Iterator[Picture]:
    n = CELLS_ACROSS * CELL_ROWS
    real, synthetic = shown.chosen(shown.reference, n), shown.chosen(shown.synthetic, n)
    both = Panel.concatenated([_bare(real), _bare(synthetic)])
    rows = [-(-panel.n_cases // CELLS_ACROSS) for panel in (real, synthetic)]
    foot = 0.45 if draws_lines(both) else 0.0
    head, gap = 0.4, 0.55
    second = head + rows[0] + gap
    sheet = CellSheet(CELLS_ACROSS, second + rows[1] + foot)
    sheet.text(0.05, head / 2, "real, unseen", real=True)
    sheet.text(0.05, second - head / 2 - 0.03, "synthetic")
    real_cases, synthetic_cases = range(real.n_cases), range(real.n_cases, both.n_cases)
    cells = cells_of(real_cases, CELLS_ACROSS, 0, head) + cells_of(synthetic_cases, CELLS_ACROSS, 0, second)
    draw_cells(sheet.axes, both, cells, real=frozenset(real_cases), scaled_by=_scaled_by(both, real_cases))
    if foot:
        draw_legend(sheet.axes, both.channels, second + rows[1] + foot / 2, CELLS_ACROSS)
    yield Picture("Samples", "Drawn at random; nobody chose them. One scale for all.", sheet.png())


def _overlaid(shown: Shown, grids: Grids) -> Iterator[Picture]:
    if len(shown.synthetic.grid) != 1:
        return
    from matplotlib.collections import LineCollection

    real, synthetic = shown.chosen(shown.reference, LINES), shown.chosen(shown.synthetic, LINES)
    sheet, all_axes = _per_channel(shown.seen, 2.2)
    order = np.random.default_rng(shown.seed).permutation(real.n_cases + synthetic.n_cases)  # neither hides the other
    for channel, axes in all_axes:
        lines, colours = [], []
        for panel, colour in ((real, REAL), (synthetic, SYNTHETIC)):
            for case in range(panel.n_cases):
                values = panel.case(case)[channel]
                lines.append(np.column_stack([np.arange(len(values)) * shown.seen.time_step, values]))
                colours.append(colour)
        drawn = LineCollection(
            [lines[index] for index in order], colors=[colours[index] for index in order], linewidths=0.6, alpha=0.55
        )
        axes.add_collection(drawn)
        axes.autoscale_view()
        title(axes, shown.seen.channels[channel])
        labels(axes, f"time{f', {shown.seen.time_unit}' if shown.seen.time_unit else ''}")
    axes = all_axes[0][1]
    axes.plot([], [], color=REAL, label="real, unseen")
    axes.plot([], [], color=SYNTHETIC, label="synthetic")
    legend(axes)
    caption = (
        f"{real.n_cases} real and {synthetic.n_cases} made series on one another, each to its own end.{_more(shown)}"
    )
    yield Picture("Overlaid", caption, sheet.png())


def _distributions(shown: Shown, grids: Grids) -> Iterator[Picture]:
    sheet, all_axes = _per_channel(shown.seen, 2.0)
    for channel, axes in all_axes:
        real, synthetic = (channel_values(panel, channel) for panel in (shown.reference, shown.synthetic))
        low, high = np.quantile(np.concatenate([real, synthetic]), [0.001, 0.999])
        edges = np.linspace(low, high if high > low else low + 1, 61)
        densities(axes, real, synthetic, edges)
        title(axes, shown.seen.channels[channel])
    legend(all_axes[0][1])
    caption = "Values of each channel at all times: of real series filled, of made ones a line. "
    caption += f"A bar far above the rest is cut off.{_more(shown)}"
    yield Picture("Values", caption, sheet.png())


def _memory(shown: Shown, grids: Grids) -> Iterator[Picture]:
    if len(shown.synthetic.grid) != 1 or grids.synthetic.shape[2] < 4:
        return
    channels = range(min(shown.synthetic.n_channels, MAX_CHANNELS, 4))
    sheet = Sheet(2, max(2, len(channels)), 2.1)
    for row, (of, what, unit) in enumerate(
        ((autocorrelation, "autocorrelation", "lag, grid points"), (spectrum, "amplitude", "cycles in a series"))
    ):
        for axes in sheet.rows[row][len(channels) :]:
            axes.set_axis_off()
        for channel in channels:
            axes = sheet.rows[row][channel]
            real, synthetic = (of(values[:, channel]) for values in (grids.reference, grids.synthetic))  # (n, lags)
            first = row  # a lag from 0 on, a cycle from 1 on
            x = np.arange(first, first + real.shape[1])
            low, high = np.quantile(real, [0.1, 0.9], axis=0)
            axes.fill_between(x, low, high, color=REAL_PALE, linewidth=0, label="real, 10 to 90 %")
            axes.plot(x, real.mean(axis=0), color=REAL, linewidth=1.3, label="real, mean")
            axes.plot(x, synthetic.mean(axis=0), color=SYNTHETIC, linewidth=1.3, label="made, mean")
            title(axes, f"{shown.seen.channels[channel]}: {what}")
            labels(axes, unit)
            if what == "amplitude":
                axes.set_yscale("log")
                axes.set_ylim(max(real.mean(axis=0).max() * 1e-4, 1e-9))
    legend(sheet.rows[0][0])
    resampled = ", series of unequal length resampled to one grid" if grids.training_series.preprocessor.lengths else ""
    caption = f"How far a channel remembers itself, and how much of each frequency it holds{resampled}."
    yield Picture("Autocorrelation and spectrum", caption, sheet.png())


def _durations(shown: Shown, grids: Grids) -> Iterator[Picture]:
    if shown.seen.lengths is None:
        return
    sheet = Sheet(1, 1, 2.0)
    axes = sheet.rows[0][0]
    step = shown.seen.time_step
    real, synthetic = (panel.case_lengths * step for panel in (shown.reference, shown.synthetic))
    low, high = min(real.min(), synthetic.min()), max(real.max(), synthetic.max())
    n_bins = int(min(40, max(5, round((high - low) / step))))
    densities(axes, real, synthetic, np.linspace(low, high + step, n_bins + 1))
    labels(axes, f"duration{f', {shown.seen.time_unit}' if shown.seen.time_unit else ', timepoints'}")
    legend(axes)
    yield Picture("Durations", "How long series are.", sheet.png())


def _maps(shown: Shown, grids: Grids) -> Iterator[Picture]:
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    rng = np.random.default_rng(shown.seed)
    parts = [flat(values)[rng.permutation(len(values))[:POINTS]] for values in (grids.reference, grids.synthetic)]
    both = np.concatenate(parts).astype(np.float64)  # (n, c * points)
    n = len(both)
    if n < 5:
        return
    is_real = np.arange(n) < len(parts[0])
    n_components = min(50, n - 1, both.shape[1])
    pca = PCA(n_components, svd_solver="full").fit(both[is_real]) if is_real.sum() > n_components else None
    pca = pca or PCA(n_components, svd_solver="full").fit(both)
    reduced = pca.transform(both)
    sheet = Sheet(1, 2, 4.4)
    indices = [reduced[:, :2] if n_components > 1 else np.column_stack([reduced, np.zeros(n)])]
    perplexity = min(PERPLEXITY, (n - 1) / 3)
    indices.append(
        TSNE(2, perplexity=perplexity, init="random", random_state=shown.seed, max_iter=500).fit_transform(reduced)
    )
    order = rng.permutation(n)  # neither hides the other
    colours = np.where(is_real, REAL, SYNTHETIC)[order]
    for axes, at, name in zip(sheet.rows[0], indices, ("PCA", "t-SNE"), strict=True):
        axes.scatter(*at[order].T, s=9, c=colours, alpha=0.65, linewidths=0)
        axes.set(xticks=[], yticks=[])
        title(axes, name)
    share = float(pca.explained_variance_ratio_[:2].sum())
    for colour, name in ((REAL, "real, unseen"), (SYNTHETIC, "synthetic")):
        sheet.rows[0][0].scatter([], [], s=14, color=colour, label=name)
    legend(sheet.rows[0][0])
    caption = (
        f"Each point is a series, near to those that are like it. The first two principal components hold {share:.0%} "
        "of the variance of real series. t-SNE keeps neighbours together; its distances between groups mean nothing."
    )
    yield Picture("Maps", caption, sheet.png())


def _neighbours(shown: Shown, grids: Grids) -> Iterator[Picture]:
    ranks = min(NEIGHBOUR_RANKS, shown.seen.n_cases)
    synthetic = shown.chosen(shown.synthetic, NEIGHBOURS)
    fitted, others = grids.training_series.preprocessor, flat(grids.seen)
    distances, indices = nearest(flat(fitted.transform(synthetic)), others, ranks)
    usual = float(np.median(nearest(flat(grids.reference), others, 1)[0]))
    both = Panel.concatenated(
        [_bare(synthetic), *(_bare(shown.seen.subset(indices[:, rank])) for rank in range(ranks))]
    )
    n, left = synthetic.n_cases, 1.3
    sheet = CellSheet(left + n, 1.4 + ranks)
    cells = cells_of(range(n), n, left, 0)
    sheet.text(0, 0.5, "synthetic")
    for rank in range(ranks):
        cells += cells_of(range(n * (rank + 1), n * (rank + 2)), n, left, 1.4 + rank)
        sheet.text(0, 1.9 + rank, ("nearest", "second")[rank], real=True)
    for column in range(n):
        sheet.text(left + column + 0.47, 1.18, f"{distances[column, 0]:.2f}", middle=True, size=7)
    real_cases = range(n, both.n_cases)
    draw_cells(sheet.axes, both, cells, real=frozenset(real_cases), scaled_by=_scaled_by(both, real_cases))
    caption = (
        f"Samples drawn at random, each above the real series of the training set that are nearest to it, with the "
        f"distance in standard deviations; for unseen real series the median is {usual:.2f}. A sample that is far "
        "nearer than that may be a copy."
    )
    yield Picture("Nearest training series", caption, sheet.png())


# ---- parts


def _per_channel(panel: Panel, row_inches: float) -> tuple[Sheet, list[tuple[int, Any]]]:
    """Axes for the first channels, unused ones hidden."""
    n = min(panel.n_channels, MAX_CHANNELS)
    columns = min(ONE_CHANNEL_COLUMNS, n)
    sheet = Sheet(-(-n // columns), columns, row_inches)
    for axes in sheet.all[n:]:
        axes.set_axis_off()
    return sheet, list(enumerate(sheet.all[:n]))


def _scaled_by(both: Panel, real: range) -> range:
    """Real cases set the scale, but for lines, which would leave their cells where made ones go farther."""
    return range(both.n_cases) if draws_lines(both) else real


def _more(shown: Shown) -> str:
    further = shown.seen.n_channels - MAX_CHANNELS
    return f" {further} further channels are not drawn." if further > 0 else ""


def _bare(panel: Panel) -> Panel:
    """Without labels and factors, which pictures do not need and panels may not share."""
    return replace(panel, labels=None, classes=(), factors=None, factor_names=(), kinds=(), notes=())
