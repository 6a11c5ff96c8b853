"""A picture of an augmentation study: accuracy over the number of labels, and macro-F1 under class imbalance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tsinfogan.data.plotting import CHANNEL_COLOURS, INK
from tsinfogan.metrics.augmentation.situations import Balanced
from tsinfogan.metrics.augmentation.verdicts import Row, Study, rows
from tsinfogan.reports.canvas import AxesSheet, label

HEIGHT_INCHES = 4.9
MARKERS = "osD^vP*Xh"
METHODS_APART = 0.06
"""Horizontal distance between two methods, where 1 separates two situations."""


def draw_study(study: Study) -> bytes:
    """PNG: each method's mean with its 95 % interval, side by side in each situation; reference methods are hollow."""
    table = rows(study)
    balanced = [one.name for one in study.situations if isinstance(one, Balanced)]
    others = [one.name for one in study.situations if one.name not in balanced]
    parts = [(names, figure) for names, figure in ((balanced, "accuracy"), (others, "macro_f1")) if names]
    sheet = AxesSheet(1, len(parts), HEIGHT_INCHES, [len(names) + 0.6 for names, _ in parts])
    lines: dict[str, Any] = {}
    for axes, (names, figure) in zip(sheet.axes.flat, parts, strict=True):
        _draw(axes, study, [row for row in table if row.situation in names], names, figure)
        for handle, method in zip(*axes.get_legend_handles_labels(), strict=True):
            lines.setdefault(method, handle)
    sheet.figure.legend(lines.values(), lines.keys(), loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    draws = f"{study.settings.n_draws} draws of the labelled ones"
    title = f"{study.data}: a classifier on {study.n_test} test series, {draws}"
    sheet.figure.suptitle(title, x=0.01, ha="left", fontsize=11, color=INK)
    return sheet.png(150)


def _draw(axes: Any, study: Study, table: Sequence[Row], names: Sequence[str], figure: str) -> None:
    methods = [name for name in study.methods if any(row.method == name for row in table)]
    for index, method in enumerate(methods):
        number = list(study.methods).index(method)
        colour, is_reference = CHANNEL_COLOURS[number % len(CHANNEL_COLOURS)], study.methods[method].reference
        estimates = {names.index(row.situation): getattr(row, figure) for row in table if row.method == method}
        shift = (index - (len(methods) - 1) / 2) * METHODS_APART
        axes.errorbar(
            [x + shift for x in estimates],
            [estimate.mean for estimate in estimates.values()],
            yerr=[estimate.half_width for estimate in estimates.values()],
            fmt=MARKERS[number % len(MARKERS)],
            color=colour,
            markerfacecolor="white" if is_reference else colour,
            markersize=5,
            linewidth=1,
            capsize=2,
            label=method + (" (reference)" if is_reference else ""),
        )
    axes.set_xticks(range(len(names)), [name.replace(" per class", "\nper class") for name in names], fontsize=8)
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.grid(axis="y", alpha=0.3)
    label(axes, y={"accuracy": "accuracy on test series", "macro_f1": "macro-F1 on test series"}[figure])
