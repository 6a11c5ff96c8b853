"""Code cards: what each category and continuous code of a trained model means, in pictures, words and figures.

:func:`gather` computes a :class:`CodeReport` of a :class:`ReportContext`, :func:`draw_all` draws it, and :func:`render`
writes both as an HTML page.
"""

from __future__ import annotations

from tsinfogan.registry import on_demand

__all__, __getattr__ = on_demand(
    __name__,
    {
        "cards": ("CategoryCard", "CodeReport", "ContinuousCard"),
        "gathering": ("ReportContext", "gather"),
        "page": ("render",),
        "pictures": ("Pictures", "draw_all"),
    },
)
