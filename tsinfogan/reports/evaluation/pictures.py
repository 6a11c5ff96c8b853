"""Pictures of synthetic series beside real ones.

Samples, series laid over one another, values, autocorrelation and spectrum, durations, maps and nearest neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsinfogan.data.panel import FloatArray, Panel
from tsinfogan.data.plotting import INK, REAL_INK, CellCanvas, cells_from, draw_cells, draws_lines
from tsinfogan.reports.canvas import REAL, REAL_PALE, SYNTHETIC, AxesSheet, densities, label, legend
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
    """One picture of the page."""

    heading: str  # what it shows
    caption: str  # how to read it, one or two sentences
    png: bytes  # the picture


@dataclass(frozen=True, eq=False)
class Shown:
    """The series that are drawn."""

    synthetic: Panel  # generated series
    seen: Panel  # real series that the generator was trained on, or others in their stead
    reference: Panel  # real series that it was not trained on
    seed: int = 0  # decides which of them are drawn

    @cached_property
    def training_series(self) -> TrainingSeries:
        """The seen series, as distances to them are measured."""
        return TrainingSeries(self.seen)

    @cached_property
    def grids(self) -> tuple[FloatArray, FloatArray]:
        """``(n, c, *grid)`` scaled channels of the reference and the synthetic series, all on one grid."""
        transform = self.training_series.preprocessor.transform
        return transform(self.reference), transform(self.synthetic)

    def chosen(self, panel: Panel, n: int) -> Panel:
        """``n`` cases at random, or all if there are fewer."""
        order = np.random.default_rng(self.seed).permutation(panel.n_cases)[:n]
        return panel.subset(order)


def draw_all(shown: Shown, tell: Callable[[str], None] = lambda text: None) -> list[Picture]:
    """Every picture that suits the series; ``tell`` is called with the name of each before it is drawn."""
    look: dict[str, Any] = {"view": shown.seen.view, "time_step": shown.seen.time_step}
    shown = replace(shown, synthetic=replace(shown.synthetic, **look), reference=replace(shown.reference, **look))
    drawn: list[Picture] = []
    for draw in (_samples, _overlaid, _distributions, _autocorrelation, _durations, _maps, _neighbours):
        tell(f"drawing {draw.__name__.strip('_')}")
        drawn += draw(shown)
    return drawn


def _samples(shown: Shown) -> Iterator[Picture]:
    n = CELLS_ACROSS * CELL_ROWS
    real, synthetic = shown.chosen(shown.reference, n), shown.chosen(shown.synthetic, n)
    both = Panel.concatenated([_bare(real), _bare(synthetic)])
    real_cases, synthetic_cases = range(real.n_cases), range(real.n_cases, both.n_cases)
    real_rows, synthetic_rows = (-(-panel.n_cases // CELLS_ACROSS) for panel in (real, synthetic))
    head, gap, foot = 0.4, 0.55, 0.45 if draws_lines(both) else 0.0
    second = head + real_rows + gap
    canvas = CellCanvas(CELLS_ACROSS, second + synthetic_rows + foot)
    canvas.text(0.05, head / 2, "real, unseen", color=REAL_INK)
    canvas.text(0.05, second - head / 2 - 0.03, "synthetic", color=INK)
    cells = cells_from(real_cases, 0, head, CELLS_ACROSS) + cells_from(synthetic_cases, 0, second, CELLS_ACROSS)
    draw_cells(canvas.axes, both, cells, real=real_cases, scaled_by=_scaled_by(both, real_cases))
    if foot:
        canvas.legend(both.channels, canvas.height - foot / 2)
    yield Picture("Samples", "Chosen at random. One scale for all.", canvas.png())


def _overlaid(shown: Shown) -> Iterator[Picture]:
    if len(shown.synthetic.grid) != 1:
        return
    from matplotlib.collections import LineCollection

    real, synthetic = shown.chosen(shown.reference, LINES), shown.chosen(shown.synthetic, LINES)
    both = Panel.concatenated([_bare(real), _bare(synthetic)])
    order = np.random.default_rng(shown.seed).permutation(both.n_cases)  # neither hides the other
    colours = [REAL if case < real.n_cases else SYNTHETIC for case in order]
    sheet, all_axes = _per_channel(shown.seen, 2.2)
    for channel, axes in all_axes:
        raw = both.raw(channel)
        values = [raw[case, : both.case_lengths[case]] for case in order]
        lines = [np.column_stack([np.arange(len(row)) * shown.seen.time_step, row]) for row in values]
        axes.add_collection(LineCollection(lines, colors=colours, linewidths=0.6, alpha=0.55))
        axes.autoscale_view()
        label(axes, shown.seen.channels[channel], f"time{f', {shown.seen.time_unit}' if shown.seen.time_unit else ''}")
    axes = all_axes[0][1]
    axes.plot([], [], color=REAL, label="real, unseen")
    axes.plot([], [], color=SYNTHETIC, label="synthetic")
    legend(axes)
    caption = f"{real.n_cases} real and {synthetic.n_cases} synthetic series over one another.{_more(shown)}"
    yield Picture("Overlaid", caption, sheet.png())


def _distributions(shown: Shown) -> Iterator[Picture]:
    sheet, all_axes = _per_channel(shown.seen, 2.0)
    for channel, axes in all_axes:
        real, synthetic = (channel_values(panel, channel) for panel in (shown.reference, shown.synthetic))
        low, high = np.quantile(np.concatenate([real, synthetic]), [0.001, 0.999])
        edges = np.linspace(low, high if high > low else low + 1, 61)
        densities(axes, real, synthetic, edges)
        label(axes, shown.seen.channels[channel])
    legend(all_axes[0][1])
    caption = "Values of each channel at all times: real series filled, synthetic ones as a line. "
    caption += f"A bar far above the others is cut off.{_more(shown)}"
    yield Picture("Values", caption, sheet.png())


def _autocorrelation(shown: Shown) -> Iterator[Picture]:
    if len(shown.synthetic.grid) != 1 or shown.grids[1].shape[2] < 4:
        return
    channels = range(min(shown.synthetic.n_channels, MAX_CHANNELS, 4))
    sheet = AxesSheet(2, max(2, len(channels)), 2.1)
    for row, (of, what, unit) in enumerate(
        ((autocorrelation, "autocorrelation", "lag, grid points"), (spectrum, "amplitude", "cycles in a series"))
    ):
        for axes in sheet.axes[row, len(channels) :]:
            axes.set_axis_off()
        for channel in channels:
            axes = sheet.axes[row, channel]
            real, synthetic = (of(values[:, channel]) for values in shown.grids)  # (n, lags)
            x = np.arange(row, row + real.shape[1])  # lags start at 0, cycles at 1
            low, high = np.quantile(real, [0.1, 0.9], axis=0)
            axes.fill_between(x, low, high, color=REAL_PALE, linewidth=0, label="real, 10 to 90 %")
            axes.plot(x, real.mean(axis=0), color=REAL, linewidth=1.3, label="real, mean")
            axes.plot(x, synthetic.mean(axis=0), color=SYNTHETIC, linewidth=1.3, label="synthetic, mean")
            label(axes, f"{shown.seen.channels[channel]}: {what}", unit)
            if what == "amplitude":
                axes.set_yscale("log")
                axes.set_ylim(max(real.mean(axis=0).max() * 1e-4, 1e-9))
    legend(sheet.axes[0, 0])
    resampled = ", series resampled to one grid" if shown.training_series.preprocessor.lengths else ""
    caption = f"Autocorrelation of each channel, and its amplitude at each frequency{resampled}."
    yield Picture("Autocorrelation and spectrum", caption, sheet.png())


def _durations(shown: Shown) -> Iterator[Picture]:
    if shown.seen.lengths is None:
        return
    sheet = AxesSheet(1, 1, 2.0)
    (axes,) = sheet.axes.flat
    step = shown.seen.time_step
    real, synthetic = (panel.case_lengths * step for panel in (shown.reference, shown.synthetic))
    low, high = min(real.min(), synthetic.min()), max(real.max(), synthetic.max())
    n_bins = int(min(40, max(5, round((high - low) / step))))
    densities(axes, real, synthetic, np.linspace(low, high + step, n_bins + 1))
    label(axes, x=f"duration{f', {shown.seen.time_unit}' if shown.seen.time_unit else ', timepoints'}")
    legend(axes)
    yield Picture("Durations", "Durations of the series.", sheet.png())


def _maps(shown: Shown) -> Iterator[Picture]:
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    rng = np.random.default_rng(shown.seed)
    parts = [flat(values)[rng.permutation(len(values))[:POINTS]] for values in shown.grids]
    both = np.concatenate(parts).astype(np.float64)  # (n, c * points)
    n = len(both)
    if n < 5:
        return
    is_real = np.arange(n) < len(parts[0])
    n_components = min(50, n - 1, both.shape[1])
    pca = PCA(n_components, svd_solver="full").fit(both[is_real] if is_real.sum() > n_components else both)
    reduced = pca.transform(both)
    sheet = AxesSheet(1, 2, 4.4)
    principal = reduced[:, :2] if n_components > 1 else np.column_stack([reduced, np.zeros(n)])  # (n, 2)
    perplexity = min(PERPLEXITY, (n - 1) / 3)
    tsne = TSNE(2, perplexity=perplexity, init="random", random_state=shown.seed, max_iter=500).fit_transform(reduced)
    order = rng.permutation(n)  # neither hides the other
    colours = np.where(is_real, REAL, SYNTHETIC)[order]
    for axes, points, name in zip(sheet.axes[0], (principal, tsne), ("PCA", "t-SNE"), strict=True):
        axes.scatter(*points[order].T, s=9, c=colours, alpha=0.65, linewidths=0)
        axes.set(xticks=[], yticks=[])
        label(axes, name)
    share = float(pca.explained_variance_ratio_[:2].sum())
    for colour, name in ((REAL, "real, unseen"), (SYNTHETIC, "synthetic")):
        sheet.axes[0, 0].scatter([], [], s=14, color=colour, label=name)
    legend(sheet.axes[0, 0])
    caption = (
        f"Each point is a series; similar series lie close. The first two principal components explain {share:.0%} "
        "of the variance of real series. t-SNE keeps neighbours together; its distances between groups mean nothing."
    )
    yield Picture("Maps", caption, sheet.png())


def _neighbours(shown: Shown) -> Iterator[Picture]:
    ranks = min(NEIGHBOUR_RANKS, shown.seen.n_cases)
    synthetic = shown.chosen(shown.synthetic, NEIGHBOURS)
    transform = shown.training_series.preprocessor.transform
    others = flat(transform(shown.seen))
    distances, indices = nearest(flat(transform(synthetic)), others, ranks)
    usual = float(np.median(shown.training_series.distances(shown.reference)))
    both = Panel.concatenated([_bare(synthetic), *(_bare(shown.seen.subset(column)) for column in indices.T)])
    n, left = synthetic.n_cases, 1.3
    canvas = CellCanvas(left + n, 1.4 + ranks)
    cells = cells_from(range(both.n_cases), left, 0, n)
    cells = [(case, x, y + 0.4 if y else y) for case, x, y in cells]  # room for the distances under the first row
    canvas.text(0, 0.5, "synthetic", color=INK)
    for rank in range(ranks):
        canvas.text(0, 1.9 + rank, ("nearest", "second")[rank], color=REAL_INK)
    for column in range(n):
        canvas.text(left + column + 0.47, 1.18, f"{distances[column, 0]:.2f}", 7, ha="center")
    real_cases = range(n, both.n_cases)
    draw_cells(canvas.axes, both, cells, real=real_cases, scaled_by=_scaled_by(both, real_cases))
    caption = (
        "Random samples; below each, the training series nearest to it, with the distance in standard deviations. The "
        f"median for unseen real series is {usual:.2f}. A sample much nearer than that may be a copy."
    )
    yield Picture("Nearest training series", caption, canvas.png())


# ---- curves


def channel_values(panel: Panel, channel: int) -> FloatArray | NDArray[np.float64]:
    """``(n,)`` every value of a channel, at all times of all series."""
    values = panel.raw(channel).ravel()
    return values[np.isfinite(values)]


def autocorrelation(values: FloatArray) -> FloatArray:
    """``(n, lags)`` of ``(n, t)``, by the biased estimate; 0 for a constant series."""
    centred = values.astype(np.float64) - values.mean(axis=1, keepdims=True)
    t = centred.shape[1]
    powers = np.abs(np.fft.rfft(centred, 2 * t, axis=1)) ** 2
    products = np.fft.irfft(powers, axis=1)[:, : max(2, t // 2)]
    variance = products[:, :1]
    return (products / np.where(variance > 0, variance, 1)).astype(np.float32)


def spectrum(values: FloatArray) -> FloatArray:
    """``(n, t // 2)`` amplitudes of ``(n, t)``, from one cycle per series on."""
    amplitudes: FloatArray = np.abs(np.fft.rfft(values, axis=1)[:, 1:]) / values.shape[1]
    return amplitudes


# ---- parts


def _per_channel(panel: Panel, row_inches: float) -> tuple[AxesSheet, list[tuple[int, Any]]]:
    """Axes for the first channels, unused ones hidden."""
    n = min(panel.n_channels, MAX_CHANNELS)
    columns = min(ONE_CHANNEL_COLUMNS, n)
    sheet = AxesSheet(-(-n // columns), columns, row_inches)
    for axes in sheet.axes.flat[n:]:
        axes.set_axis_off()
    return sheet, list(enumerate(sheet.axes.flat[:n]))


def _scaled_by(both: Panel, real: range) -> range:
    """Real cases set the scale; for lines all do, since synthetic ones that go farther would leave their cells."""
    return range(both.n_cases) if draws_lines(both) else real


def _more(shown: Shown) -> str:
    further = shown.seen.n_channels - MAX_CHANNELS
    return f" {further} further channels are not drawn." if further > 0 else ""


def _bare(panel: Panel) -> Panel:
    """The panel without labels and factors, so that panels with different ones can be concatenated."""
    return replace(panel, labels=None, classes=(), factors=None, factor_names=(), kinds=(), notes=())
