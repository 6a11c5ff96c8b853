"""How a notebook shows panels and what is made of them. Names come from files, so every text is escaped."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tsinfogan.data.panel import Panel

MAX_CASES, CASES_PER_ROW, MAX_NUMBERS, MAX_ROWS = 16, 8, 2**21, 60


def as_html(sentence: str, panel: Panel | None = None, rows: Sequence[Sequence[str]] = ()) -> str:
    """A piece of HTML: a sentence, then a picture of a panel, then a table whose first row is its head."""
    parts = [f"<p>{escape(sentence)}</p>"]
    if panel is not None:
        parts.append(
            f'<img alt="{escape(sentence)}" src="data:image/png;base64,{b64encode(thumbnails(panel)).decode()}">'
        )
    if rows:
        head, *body = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows[: MAX_ROWS + 1])
        lines = "".join(f"<tr>{cells}</tr>" for cells in body)
        more = f"<p>… and {len(rows) - 1 - MAX_ROWS} more</p>" if len(rows) - 1 > MAX_ROWS else ""
        parts.append(f"<table><thead><tr>{head.replace('td>', 'th>')}</tr></thead><tbody>{lines}</tbody></table>{more}")
    return f"<div>{''.join(parts)}</div>"


def facts(panel: Panel) -> str:
    """A panel in one line."""
    size = " x ".join(map(str, panel.grid)) + (" pixels" if len(panel.grid) == 2 else " timepoints")
    if panel.lengths is not None:
        size = f"{panel.lengths.min()} to {size}"
    some = ", ".join(panel.channels[:MAX_CASES]) + (", …" if panel.n_channels > MAX_CASES else "")
    known = f"; {len(panel.classes)} classes" if panel.labels is not None else ""
    return f"{panel.name}: {panel.n_cases} cases of {size}; channels {some}{known}"


def thumbnails(panel: Panel) -> bytes:
    """Some cases of a panel, from its first to its last, as PNG."""
    from tsinfogan.data.plotting import draw_panel_grid

    affordable = max(1, MAX_NUMBERS // (panel.values[0].size))
    n_shown = min(MAX_CASES, panel.n_cases, affordable)
    some = panel.subset(np.linspace(0, panel.n_cases - 1, n_shown).astype(np.int64))
    target = BytesIO()
    draw_panel_grid(
        some, [("", range(n_shown)[i : i + CASES_PER_ROW]) for i in range(0, n_shown, CASES_PER_ROW)], target
    )
    return target.getvalue()
