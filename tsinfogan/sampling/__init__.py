"""From a model to new series, and from series back to codes.

:func:`sample` and :func:`stream` generate series at given codes; :func:`encode` reads codes in real series; the rest
names categories and keeps samples away from training series. Imports ``models`` and the rooms below.
"""

from tsinfogan.registry import on_demand

__all__, __getattr__ = on_demand(
    __name__,
    {
        "inference": ("encode",),
        "memorization": ("TrainingSeries", "stream_apart"),
        "naming": ("matched_names", "renamed"),
        "request": ("CodeRequest",),
        "sampler": ("Sample", "sample", "stream"),
    },
)
