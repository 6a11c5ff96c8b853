"""Pages and pictures for people.

:mod:`~tsinfogan.reports.codes` draws a card for each code of a model, :mod:`~tsinfogan.reports.evaluation` a page of
synthetic beside real series, and :func:`draw_study` a picture of an augmentation study. Pages come from the templates
in ``templates/``. Imports ``metrics`` and the rooms below.
"""

from __future__ import annotations

from tsinfogan.registry import on_demand

__all__, __getattr__ = on_demand(__name__, {"augmentation": ("draw_study",), "html": ("render_page",)})
