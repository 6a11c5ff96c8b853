"""scikit-learn, imbalanced-learn and PyTorch faces of the library.

:class:`InfoGAN` is an estimator, :class:`InfoGANResampler` evens out rare classes, :class:`SyntheticBatches` mixes
synthetic series into a training loop. Imports ``training`` and the rooms below.
"""

from tsinfogan.registry import on_demand

__all__, __getattr__ = on_demand(
    __name__,
    {
        "batches": ("SyntheticBatches",),
        "infogan": ("InfoGAN",),
        "resampler": ("InfoGANResampler",),
    },
)
