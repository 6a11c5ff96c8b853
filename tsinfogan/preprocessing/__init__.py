"""Raw units to what the networks see, and back.

A :class:`Preprocessor` is fitted on training data, scales each channel, and puts series of unequal length on a common
grid; a :class:`Augmenter` applies label-preserving augmentations to what it gives. Imports ``data``.
"""

from __future__ import annotations

from tsinfogan.registry import on_demand

__all__, __getattr__ = on_demand(
    __name__,
    {
        "augmenter": ("Augmenter",),
        "preprocessor": ("Preprocessor",),
        "torch_inverse": ("Units",),
    },
)
