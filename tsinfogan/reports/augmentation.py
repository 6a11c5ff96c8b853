"""A picture of a study: accuracy over the number of labels, and what counts under imbalance."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from tsinfogan.data.plotting import CHANNEL_COLOURS, GREY, INK
from tsinfogan.metrics.augmentation.situations import Balanced
from tsinfogan.metrics.augmentation.verdicts import Row, Study, rows

WIDTH, HEIGHT, DPI = 10.5, 5.0, 150
MARKERS = "osD^vP*Xh"
APART = 0.06


def draw_study(study: Study) -> bytes:
    """PNG: each method's figure with its 95 % interval, side by side in every situation; references are hollow."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    table = rows(study)
    balanced = [one.name for one in study.situations if isinstance(one, Balanced)]
    others = [one.name for one in study.situations if one.name not in balanced]
    parts = [(names, figure) for names, figure in ((balanced, "accuracy"), (others, "macro_f1")) if names]
    figure = Figure(figsize=(WIDTH, HEIGHT), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    widths = [len(names) + 0.6 for names, _ in parts]
    all_axes: Any = figure.subplots(1, len(parts), width_ratios=widths, squeeze=False)[0]
    for axes, (names, counted) in zip(all_axes, parts, strict=True):
        _draw(axes, study, [row for row in table if row.situation in names], names, counted)
    handles: dict[str, Any] = {}
    for axes in all_axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    title = (
        f"{study.data}: a classifier on {study.n_test} test series, {study.settings.n_draws} draws of the labelled ones"
    )
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, color=INK)
    target = BytesIO()
    figure.savefig(target, format="png", dpi=DPI, metadata={"Software": None})
    return target.getvalue()


def _draw(axes: Any, study: Study, table: list[Row], names: list[str], counted: str) -> None:
    methods = [name for name in study.methods if any(row.method == name for row in table)]
    for position, method in enumerate(methods):
        number = list(study.methods).index(method)
        colour = CHANNEL_COLOURS[number % len(CHANNEL_COLOURS)]
        shift = (position - (len(methods) - 1) / 2) * APART
        mine = {row.situation: getattr(row, counted) for row in table if row.method == method}
        here = [spot for spot, name in enumerate(names) if name in mine]
        axes.errorbar(
            [spot + shift for spot in here],
            [mine[names[spot]].mean for spot in here],
            yerr=[mine[names[spot]].half_width for spot in here],
            fmt=MARKERS[number % len(MARKERS)],
            color=colour,
            markerfacecolor="white" if study.methods[method].reference else colour,
            markersize=5,
            linewidth=1,
            capsize=2,
            label=method + (" (reference)" if study.methods[method].reference else ""),
        )
    axes.set_xticks(range(len(names)), [name.replace(" per class", "\nper class") for name in names], fontsize=8)
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_ylabel({"accuracy": "accuracy on test series", "macro_f1": "macro-F1 on test series"}[counted], fontsize=9)
    axes.tick_params(colors=GREY, labelsize=8)
    axes.grid(axis="y", alpha=0.3)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
