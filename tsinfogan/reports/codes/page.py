"""The report as one HTML file that needs nothing else: no scripts, no addresses, pictures inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from tsinfogan.reports.codes.cards import CategoryCard, KnobCard, Report
from tsinfogan.reports.codes.words import percent, signed
from tsinfogan.reports.html import image, tiles, whole_page


def render(report: Report, categories: Mapping[int, bytes], knobs: Sequence[bytes]) -> str:
    """The page.

    Args:
        report: what it says.
        categories: a PNG of each category by number; that of a model without categories is number 0.
        knobs: a PNG for each knob.
    """
    parts = [
        f"<header><h1>{escape(report.data)}</h1>",
        f"<p>{escape(report.headline)}.</p>",
        f'<p class="quiet">run <code>{escape(report.run)}</code></p></header>',
        _tiles(report),
        _knobs(report, knobs),
        _categories(report, categories),
        _table(report),
        _bounds(report),
        _figures(report),
        _missing(report),
    ]
    return whole_page(f"{report.data}: what its codes mean", parts)


def _tiles(report: Report) -> str:
    figures, shown = report.figures, []
    for name, words in (
        ("accuracy", "of real series are in the category of their class"),
        ("purity", "of a category’s samples are of one class, on average"),
        ("agreement", "of real series stay in their category when augmented"),
    ):
        if name in figures:
            shown.append((percent(figures[name]), words))
    if "classes_covered" in figures:
        n_classes = len(report.classes)
        shown.append((f"{figures['classes_covered']:.0f} of {n_classes}", "classes have a pure category of their own"))
    changes = [knob.changes for knob in report.knobs if knob.changes is not None]
    if changes:
        shown.append((percent(max(changes)), "of sweeps change the class or category, at the worst knob"))
    return tiles(shown)


def _knobs(report: Report, pictures: Sequence[bytes]) -> str:
    if not report.knobs:
        return ""
    inner = "".join(_knob(knob, picture) for knob, picture in zip(report.knobs, pictures, strict=True))
    return (
        '<section><h2>What each knob does</h2><p class="quiet">Along a row only this knob turns, from −2 to +2; '
        "category and noise are held, other knobs at 0. Figures are from −1 to +1.</p>"
        f'<div class="knobs">{inner}</div></section>'
    )


def _knob(knob: KnobCard, picture: bytes) -> str:
    said = []
    if knob.r2 is not None:
        said.append(f"read back with R² {knob.r2:.2f}")
    if knob.size is not None:
        said.append(f"changes a series by {knob.size:.2g} times the spread within a class")
    return (
        f'<article class="knob"><p><b>{escape(knob.sentence)}</b></p>{image(picture, knob.sentence)}'
        f'<p class="quiet">{escape("; ".join(said))}</p></article>'
    )


def _categories(report: Report, pictures: Mapping[int, bytes]) -> str:
    beside = ' above, <span class="real">real series</span> below' if report.real is not None else ""
    read = f" The real ones are from {escape(report.real)}." if report.real is not None else ""
    if not report.categories:
        inner = f'<article class="card">{image(pictures[0], "samples")}</article>'
        return f'<section><h2>Samples</h2><p class="quiet">Generated{beside}.{read}</p>{inner}</section>'
    inner = "".join(_card(card, pictures[card.number]) for card in report.by_name if card.number in pictures)
    left_out = len(report.categories) - len(pictures)
    more = f" {left_out} more are in report.json alone." if left_out > 0 else ""
    return (
        f'<section><h2>What each category is</h2><p class="quiet">Generated{beside}.{read}{more}</p>'
        f'<div class="cards">{inner}</div></section>'
    )


def _card(card: CategoryCard, picture: bytes) -> str:
    said = []
    if card.n_real is not None and card.share is not None:
        real = f"{percent(card.share)} of real series are here"
        if card.purity is not None:
            real += f", {percent(card.purity)} of them {card.majority}"
        said.append((real, card.purity))
    if card.sample_purity is not None:
        said.append((f"{percent(card.sample_purity)} of samples are {card.sample_class}", card.sample_purity))
    lines = "".join(
        f'<p class="{"quiet bad" if figure is not None and figure < 0.9 else "quiet"}">{escape(text)}</p>'
        for text, figure in said
    )
    number = "" if card.name is None else f'<span class="key">cat {card.number}</span>'
    return (
        f'<article class="card"><header><h3>{escape(card.title)}</h3>{number}</header>'
        f"{image(picture, f'samples of {card.title}')}{lines}</article>"
    )


def _table(report: Report) -> str:
    if not report.table:
        return ""
    head = "".join(f"<th>{escape(name)}</th>" for name in report.classes)
    rows = []
    for card in report.by_name:
        counts = report.table[card.number]
        most = max(max(counts), 1)
        cells = "".join(
            f'<td style="background: rgba(42, 111, 187, {n / most * 0.55:.2f})">{n}</td>'
            if n
            else '<td class="none">·</td>'
            for n in counts
        )
        number = "" if card.name is None else f" <span class='key'>cat {card.number}</span>"
        purity = "–" if card.purity is None else percent(card.purity)
        rows.append(f"<tr><th>{escape(card.title)}{number}</th>{cells}<td>{purity}</td></tr>")
    return (
        '<section><h2>Category and class</h2><p class="quiet">Real series of each class (across) that Q puts in each '
        "category (down); purity is the share of the commonest class.</p>"
        f'<div class="wide"><table><thead><tr><th></th>{head}<th>purity</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div></section>"
    )


def _bounds(report: Report) -> str:
    if not report.bounds:
        return ""
    rows = "".join(
        f"<tr><th>{escape(code.column)}</th><td>{code.kind}</td><td>{_number(code.bound)}</td>"
        f"<td>{_number(code.entropy)}</td>"
        f"<td>{percent(max(0.0, code.bound / code.entropy)) if code.kind == 'categorical' and code.entropy else '–'}"
        "</td></tr>"
        for code in report.bounds
    )
    return (
        '<section><h2>What samples hold of each code</h2><p class="quiet">Lower bound on the mutual information of '
        "code and sample, in nats, against the entropy H(c) of the code. Of a category it can reach H(c) and no more; "
        "of a continuous code it can pass it.</p>"
        '<div class="wide"><table><thead><tr><th>code</th><th>kind</th><th>bound</th><th>H(c)</th><th>share</th></tr>'
        f"</thead><tbody>{rows}</tbody></table></div></section>"
    )


def _figures(report: Report) -> str:
    traits = "".join(
        f"<tr><th>{escape(knob.column)}</th><td>{escape(effect['trait'])}</td>"
        f"<td>{_number(effect['correlation'], sign=True)}</td><td>{_change(effect)}</td>"
        f"<td>{'named' if effect['told'] else ''}</td></tr>"
        for knob in report.knobs
        for effect in knob.effects
    )
    by_trait = (
        '<p class="quiet">Traits: correlation with the knob within a category, and change from −1 to +1. Those of .5 '
        'or more that a person can see are named above.</p><div class="wide"><table><thead><tr><th>knob</th>'
        f"<th>trait</th><th>correlation</th><th>change</th><th></th></tr></thead><tbody>{traits}</tbody></table></div>"
    )
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{_number(v)}</td></tr>" for name, v in report.figures.items())
    all_figures = f'<div class="wide"><table><tbody>{rows}</tbody></table></div>'
    return f"<section><h2>All figures</h2>{by_trait if traits else ''}{all_figures if rows else ''}</section>"


def _missing(report: Report) -> str:
    if not report.missing:
        return ""
    inner = "".join(f"<li>{escape(note)}</li>" for note in report.missing)
    return f"<section><h2>What is not told here</h2><ul>{inner}</ul></section>"


def _number(value: float, sign: bool = False) -> str:
    return signed(value, 2) if sign else f"{value:.3f}".replace("-", "−")


def _change(effect: Mapping[str, object]) -> str:
    value = effect["change"]
    assert isinstance(value, float)
    if effect["change_is"] == "share":
        return f"{signed(value * 100, 0)} %"
    return f"{signed(value, 2)} rad" if effect["change_is"] == "angle" else signed(value, 3)
