"""What a series is, before any network sees it.

A :class:`Panel` holds the series of one dataset with their labels, time axis and label-preserving augmentations; the
other modules check, cut, match and draw panels. Imports nothing of tsinfogan but ``errors`` and ``seeding``.
"""

from __future__ import annotations

from tsinfogan.registry import on_demand

__all__, __getattr__ = on_demand(
    __name__,
    {
        "augmentations": ("Augmentations",),
        "columns": ("ColumnNames", "Windows"),
        "labels": ("draw_labelled",),
        "matching": ("contingency", "match"),
        "panel": ("Panel",),
        "windows": ("cut_windows", "fill_gaps"),
    },
)
