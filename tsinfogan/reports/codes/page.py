"""The report as one HTML file."""

from __future__ import annotations

from collections.abc import Iterator

from tsinfogan.metrics.codes.purity import PURE
from tsinfogan.reports.codes.cards import CodeReport
from tsinfogan.reports.codes.effects import percent, signed
from tsinfogan.reports.codes.pictures import Pictures
from tsinfogan.reports.html import render_page


def render(report: CodeReport, pictures: Pictures) -> str:
    """The page."""
    return render_page(
        "codes.html.j2",
        report=report,
        pictures=pictures,
        tiles_shown=list(_tiles(report)),
        n_undrawn=max(0, len(report.categories) - len(pictures.categories)),
        min_purity=PURE,
        percent=percent,
        signed=signed,
    )


def _tiles(report: CodeReport) -> Iterator[tuple[str, str]]:
    """The main figures, and what each is."""
    figures = report.figures
    for name, words in (
        ("accuracy", "of real series are in the category of their class"),
        ("purity", "of a category’s samples are of one class, on average"),
        ("agreement", "of real series stay in their category when augmented"),
    ):
        if name in figures:
            yield percent(figures[name]), words
    if "classes_covered" in figures:
        covered = f"{figures['classes_covered']:.0f} of {len(report.classes)}"
        yield covered, "classes have a pure category of their own"
    if "doubt" in figures:
        yield f"{figures['doubt']:.2f}", "doubt in the categories: 0 if clusterings of any part of the series agree"
    if changes := [card.changes for card in report.continuous if card.changes is not None]:
        yield percent(max(changes)), "of sweeps change the class or category, at the worst knob"
