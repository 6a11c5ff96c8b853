"""Series before any network sees them.

A :class:`Panel` holds the series of one dataset with their labels, time axis and label-preserving augmentations. The
other modules fill gaps, cut windows, choose labels, match categories to classes, and plot. This room imports only
``errors``, ``seeding`` and ``registry``.
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
        "panel": ("Panel", "check_trainable", "encode_labels"),
        "windows": ("Series", "cut_windows", "fill_gaps", "panel_from_series"),
    },
)
