"""Raw units to what the networks see, and back.

A :class:`Preprocessor` is fitted on training data: it scales each channel by a :class:`ChannelTransform` and puts
series of unequal length on a common grid. An :class:`Augmenter` applies label-preserving augmentations to the result;
:class:`Units` inverts the preprocessing on any device. Imports ``data``.
"""

from __future__ import annotations

from tsinfogan.registry import on_demand

__all__, __getattr__ = on_demand(
    __name__,
    {
        "augmenter": ("Augmenter",),
        "preprocessor": ("Preprocessor",),
        "scaling": ("ChannelTransform",),
        "torch_inverse": ("Units",),
    },
)
