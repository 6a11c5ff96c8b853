"""An evaluation as a table of texts, and as one HTML file that needs nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

from tsinfogan.metrics.intervals import Estimate
from tsinfogan.metrics.results import CODES, GROUPS, Evaluation, Result
from tsinfogan.reports.evaluation.pictures import Picture
from tsinfogan.reports.html import image, tiles, whole_page

HEADER = ("group", "measure", "figure", "value", "real series", "verdict")
TITLES = {
    "fidelity": ("Fidelity", "Are made series like real ones?"),
    "utility": ("Utility", "Do they teach a model what real ones teach?"),
    "diversity": ("Diversity", "Do they vary as real ones do, and reach all that these reach?"),
    "privacy": ("Privacy", "Are they new, or copies of what the generator has seen?"),
    CODES: ("Codes", "Does the model's code say what a series is? These figures have no floor."),
}
STYLE = """
table.figures { width: 100%; min-width: 40rem; font-size: .9rem; }
.figures td, .figures th { white-space: normal; vertical-align: top; padding: .4rem .6rem .4rem 0; }
.figures td:nth-child(2), .figures td:nth-child(3), .figures th:nth-child(2), .figures th:nth-child(3)
  { white-space: nowrap; }
.figures tbody tr + tr > * { border-top: 1px solid #f0f2f6; }
.figures th:last-child, .figures td:last-child { text-align: left; width: 28%; padding-left: 1rem; }
.figures tbody th { font-weight: 500; width: 40%; }
.figures small { display: block; color: var(--grey); font-size: .8rem; font-weight: 400; }
.figures .pm { color: var(--grey); font-size: .82em; }
.dot { display: inline-block; width: .55em; height: .55em; border-radius: 50%; margin-right: .5em; }
.dot.near { background: #3a9d5d; }
.dot.perhaps { background: #c9ced8; }
.dot.far { background: #d9822b; }
figure { margin: 1.6rem 0 0; }
figure h3 { margin-bottom: .1rem; }
figure img { margin-top: .5rem; }
.warning { border-left: 3px solid var(--bad); padding: .1rem 0 .1rem .9rem; margin: 1rem 0; }
"""


def table_rows(found: Evaluation) -> list[tuple[str, ...]]:
    """Texts under ``HEADER``."""
    return [
        (figure.group, figure.measure, figure.name, number(figure.value), number(figure.baseline), figure.verdict)
        for figure in found.results
    ]


def render(found: Evaluation, pictures: Sequence[Picture]) -> str:
    """The page."""
    kind = "quick evaluation" if found.quick else "evaluation"
    head = (
        f"<header><h1>{escape(found.real_name)}: made against real</h1><p>{escape(found.headline)}.</p>"
        f'<p class="quiet">made by <code>{escape(found.synthetic_name)}</code>; {kind}, seed {found.seed}: '
        f"{escape(_counted(found))}</p></header>"
    )
    warnings = "".join(f'<p class="bad">{escape(text)}.</p>' for text in found.warnings)
    parts = [
        head,
        tiles(_tiles(found)),
        f'<div class="warning"><p><b>Made series may give away training series.</b></p>{warnings}</div>'
        if warnings
        else "",
        _reading(found),
        *(_group(found, group) for group in GROUPS if group != CODES),
        _pictures(pictures),
        _codes(found),
        _list("Notes", found.notes),
        _list("What was left out", _left_out(found)),
    ]
    return whole_page(f"{found.synthetic_name}: how real, useful, varied and safe", parts, STYLE)


def number(estimate: Estimate | None) -> str:
    """Such as ``0.123 ± 0.010``; one computation has no interval, and what is not there is a dash."""
    if estimate is None or not math.isfinite(estimate.mean):
        return "–"
    mean, width = estimate.mean, estimate.half_width
    digits = 0 if abs(mean) >= 1000 or (mean.is_integer() and abs(mean) > 1) else 1 if abs(mean) >= 10 else 3
    text = f"{mean:.{digits}f}" + (f" ± {width:.{digits}f}" if math.isfinite(width) else "")
    return text.replace("-", "−")


def _counted(found: Evaluation) -> str:
    synthetic, seen, reference = (found.counts[name] for name in ("synthetic", "seen", "reference"))
    first = f"{synthetic:,} made series in each repeat, " if synthetic else ""
    return f"{first}{seen:,} real series that the generator may have seen, {reference:,} that it has not"


def _tiles(found: Evaluation) -> Iterable[tuple[str, str]]:
    for group in GROUPS:
        judged = [figure.near for figure in found.results if figure.group == group and figure.near is not None]
        if judged:
            yield f"{sum(judged)} of {len(judged)}", f"figures of {group} are like those of real series, or nearly"


def _group(found: Evaluation, group: str) -> str:
    rows = "".join(_row(figure) for figure in found.results if figure.group == group)
    head = "<th>figure</th><th>made series</th><th>real series</th><th>verdict</th>"
    return _table(group, head, rows)


def _codes(found: Evaluation) -> str:
    """A row for each measure, with all its figures."""
    by_measure: dict[str, list[Result]] = {}
    for figure in found.results:
        if figure.group == CODES:
            by_measure.setdefault(figure.measure, []).append(figure)
    rows = "".join(
        f"<tr><th>{escape(measure)}<small>{escape(figures[0].summary)}</small></th>"
        f"<td>{'<br>'.join(f'{escape(figure.name)}&ensp;{number(figure.value)}' for figure in figures)}</td>"
        f"<td>{escape(figures[0].verdict)}</td></tr>"
        for measure, figures in by_measure.items()
    )
    return _table(CODES, "<th>measure</th><th>figures</th><th></th>", rows)


def _table(group: str, head: str, rows: str) -> str:
    if not rows:
        return ""
    heading, question = TITLES[group]
    return (
        f'<section><h2>{heading}</h2><p class="quiet">{escape(question)}</p><div class="wide"><table class="figures">'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


def _row(figure: Result) -> str:
    baseline = "" if figure.baseline is None else _cell(figure.baseline)
    look = "near" if figure.near else "perhaps" if figure.may_be_chance else "far"
    dot = "" if figure.near is None else f'<span class="dot {look}"></span>'
    return (
        f"<tr><th>{escape(figure.name)}<small>{escape(figure.summary)}</small></th><td>{_cell(figure.value)}</td>"
        f"<td>{baseline}</td><td>{dot}{escape(figure.verdict)}</td></tr>"
    )


def _cell(estimate: Estimate) -> str:
    mean, _, width = number(estimate).partition(" ± ")
    return f'{mean} <span class="pm">± {width}</span>' if width else mean


def _reading(found: Evaluation) -> str:
    if not any(figure.baseline is not None for figure in found.results):
        return ""
    return (
        '<p class="quiet">Beside each figure of made series stands its noise floor: the same figure with real series '
        "in their place, what a perfect generator would get. ± is half of a 95 % interval over repeats, each "
        "with another seed and, as far as there are more, other series. The verdict compares the two.</p>"
    )


def _pictures(pictures: Sequence[Picture]) -> str:
    inner = "".join(
        f'<figure><h3>{escape(picture.heading)}</h3><p class="quiet">{escape(picture.caption)}</p>'
        f"{image(picture.png, picture.heading)}</figure>"
        for picture in pictures
    )
    return (
        '<section><h2>Side by side</h2><p class="quiet"><span class="real">Real series are brown</span>, made ones '
        f"blue.</p>{inner}</section>"
        if inner
        else ""
    )


def _left_out(found: Evaluation) -> list[str]:
    reasons: dict[str, list[str]] = {}
    for name, reason in found.skipped.items():
        reasons.setdefault(reason, []).append(name)
    return [f"{', '.join(names)}: {reason}" for reason, names in reasons.items()]


def _list(heading: str, texts: Sequence[str]) -> str:
    inner = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f"<section><h2>{heading}</h2><ul>{inner}</ul></section>" if inner else ""
