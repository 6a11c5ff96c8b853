"""An evaluation for people: its figures as a table, its series in pictures, and both as an HTML page.

:func:`tsinfogan.metrics.compare` computes the figures, :func:`draw_all` draws the series, and :func:`render` writes the
page.
"""

from __future__ import annotations

from tsinfogan.registry import on_demand

__all__, __getattr__ = on_demand(
    __name__, {"page": ("render", "table_rows"), "pictures": ("Picture", "Shown", "draw_all")}
)
