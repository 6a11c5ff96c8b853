"""An evaluation as a table of texts, and as one HTML file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tsinfogan.metrics.intervals import number
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


def _tiles(found: Evaluation) -> Iterator[tuple[str, str]]:
    for group in GROUPS:
        if found_there := tally(figure for figure in found.results if figure.group == group):
            yield found_there[0], f"figures of {group} {found_there[1]}"
