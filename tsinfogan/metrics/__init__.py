"""Figures, no pictures.

``codes`` measures what the codes of a model mean, ``samples`` how real, useful, varied and private synthetic series
are, ``augmentation`` whether they help a classifier. Imports ``training`` and the rooms below.
"""

from tsinfogan.registry import on_demand

__all__, __getattr__ = on_demand(
    __name__,
    {
        "augmentation.study": ("augment_study",),
        "codes.context": ("CodeContext", "evaluate"),
        "comparison": ("compare",),
        "intervals": ("Estimate", "estimate"),
        "results": ("Evaluation", "Result"),
    },
)
