"""An evaluation as a table of texts, and as one HTML file."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from tsinfogan.metrics.intervals import Estimate
from tsinfogan.metrics.results import CODES, GROUPS, Evaluation, tally
from tsinfogan.reports.evaluation.pictures import Picture
from tsinfogan.reports.html import by_reason, render_page

HEADER = ("group", "measure", "figure", "value", "real series", "verdict")
TITLES = {
    "fidelity": ("Fidelity", "Are synthetic series like real ones?"),
    "utility": ("Utility", "Does a model learn from them what it learns from real ones?"),
    "diversity": ("Diversity", "Do they vary as real ones do, and cover all of these?"),
    "privacy": ("Privacy", "Are they new, or copies of training series?"),
    CODES: ("Codes", "Does the model's code tell what a series is? These figures have no baseline."),
}


def table_rows(found: Evaluation) -> list[tuple[str, ...]]:
    """Texts under ``HEADER``."""
    return [
        (figure.group, figure.measure, figure.name, number(figure.value), number(figure.baseline), figure.verdict)
        for figure in found.results
    ]


def render(found: Evaluation, pictures: Sequence[Picture]) -> str:
    """The page."""
    return render_page(
        "evaluation.html.j2",
        found=found,
        pictures=pictures,
        groups=GROUPS,
        codes=CODES,
        titles=TITLES,
        tiles_shown=list(_tiles(found)),
        left_out=by_reason(found.skipped),
        number=number,
    )


def number(estimate: Estimate | None) -> str:
    """Such as ``0.123 ± 0.010``; without the interval if there is none, and a dash if there is no finite mean."""
    if estimate is None or not math.isfinite(estimate.mean):
        return "–"
    mean, width = estimate.mean, estimate.half_width
    digits = 0 if abs(mean) >= 1000 or (mean.is_integer() and abs(mean) > 1) else 1 if abs(mean) >= 10 else 3
    text = f"{mean:.{digits}f}" + (f" ± {width:.{digits}f}" if math.isfinite(width) else "")
    return text.replace("-", "−")


def _tiles(found: Evaluation) -> Iterator[tuple[str, str]]:
    for group in GROUPS:
        if found_there := tally(figure for figure in found.results if figure.group == group):
            yield found_there[0], f"figures of {group} {found_there[1]}"
