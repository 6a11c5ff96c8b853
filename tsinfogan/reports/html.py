"""What every page of this project shares: one HTML file that needs nothing else, calm to look at.

No scripts, no addresses; pictures stand inside.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from html import escape

STYLE = """
:root { color-scheme: light; --ink: #14213d; --grey: #5b6472; --line: #e3e7ee; --real: #7a3b00; --bad: #b3261e; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.2rem 1.1rem 4rem; max-width: 68rem; color: var(--ink); background: #fff;
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0; letter-spacing: -.015em; }
h2 { font-size: 1.25rem; margin: 3rem 0 .4rem; padding-top: 1.1rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 0; }
p { margin: .35rem 0; max-width: 44rem; }
.quiet, figcaption, .key { color: var(--grey); font-size: .875rem; }
.real { color: var(--real); }
.bad { color: var(--bad); }
img { display: block; width: 100%; height: auto; }
code { font: .86em/1.4 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .8rem; margin: 1.3rem 0; }
.tile { border: 1px solid var(--line); border-radius: .6rem; padding: .7rem .9rem; }
.tile b { display: block; font-size: 1.5rem; line-height: 1.25; font-variant-numeric: tabular-nums; }
.tile span { color: var(--grey); font-size: .82rem; line-height: 1.35; display: block; }
.knobs { display: grid; gap: 2.2rem; }
.knob p { font-size: 1.02rem; }
.knob img { max-width: 46rem; margin-top: .5rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); gap: .9rem; margin-top: 1rem; }
.card { border: 1px solid var(--line); border-radius: .6rem; padding: .7rem .8rem .8rem; }
.card header { display: flex; justify-content: space-between; align-items: baseline; gap: .6rem; }
.card img { margin: .3rem 0; }
.card h3 { overflow-wrap: anywhere; }
.card p { font-size: .85rem; line-height: 1.4; }
.wide { overflow-x: auto; margin-top: .8rem; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .5rem; text-align: right; white-space: nowrap; }
th { font-weight: 600; }
tr > :first-child { text-align: left; position: sticky; left: 0; background: #fff; }
thead th { border-bottom: 1px solid var(--line); color: var(--grey); }
td.none { color: #c9ced8; }
ul { padding-left: 1.2rem; max-width: 44rem; }
@media print { .card, .knob { break-inside: avoid; } }
"""


def whole_page(title: str, parts: Iterable[str], more_style: str = "") -> str:
    """The HTML file.

    Args:
        title: plain text for the window.
        parts: HTML of its sections; empty ones are passed over.
        more_style: CSS of this kind of page beside what all share.
    """
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}{more_style}</style>\n</head>\n<body>\n"
        + "\n".join(filter(None, parts))
        + "\n</body>\n</html>\n"
    )


def tiles(pairs: Iterable[tuple[str, str]]) -> str:
    """A row of large figures, each over what it is, both plain text."""
    inner = "".join(f'<div class="tile"><b>{escape(a)}</b><span>{escape(b)}</span></div>' for a, b in pairs)
    return f'<div class="tiles">{inner}</div>' if inner else ""


def image(png: bytes, text: str) -> str:
    """A picture inside the page, and what is read out in its place."""
    return f'<img alt="{escape(text)}" src="data:image/png;base64,{b64encode(png).decode()}">'
