"""InfoGAN for time series. Names are loaded on first use, so importing the package costs nothing."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tsinfogan.data.augmentations import Augmentations
    from tsinfogan.data.columns import ColumnNames, Windows
    from tsinfogan.data.panel import Panel
    from tsinfogan.datasets import load_dataset
    from tsinfogan.errors import TsInfoGANError
    from tsinfogan.estimators.batches import SyntheticBatches
    from tsinfogan.estimators.infogan import InfoGAN
    from tsinfogan.estimators.resampler import InfoGANResampler
    from tsinfogan.formats import read_panel, write_panel
    from tsinfogan.formats.frame import frame_from_panel, panel_from_frame
    from tsinfogan.metrics.augmentation.study import augment_study
    from tsinfogan.metrics.comparison import compare
    from tsinfogan.models.model import Model
    from tsinfogan.sampling.inference import encode
    from tsinfogan.sampling.sampler import sample
    from tsinfogan.training.plan import make_plan
    from tsinfogan.training.run import Run, find_run
    from tsinfogan.training.session import fit

__version__ = "0.1.0"

__all__ = [
    "Augmentations",
    "ColumnNames",
    "InfoGAN",
    "InfoGANResampler",
    "Model",
    "Panel",
    "Run",
    "SyntheticBatches",
    "TsInfoGANError",
    "Windows",
    "augment_study",
    "compare",
    "encode",
    "find_run",
    "fit",
    "frame_from_panel",
    "load_dataset",
    "make_plan",
    "panel_from_frame",
    "read_panel",
    "sample",
    "write_panel",
]

_HOMES = {
    "ColumnNames": "data.columns",
    "Augmentations": "data.augmentations",
    "InfoGAN": "estimators.infogan",
    "InfoGANResampler": "estimators.resampler",
    "Model": "models.model",
    "Panel": "data.panel",
    "Run": "training.run",
    "SyntheticBatches": "estimators.batches",
    "TsInfoGANError": "errors",
    "Windows": "data.columns",
    "augment_study": "metrics.augmentation.study",
    "compare": "metrics.comparison",
    "encode": "sampling.inference",
    "find_run": "training.run",
    "fit": "training.session",
    "frame_from_panel": "formats.frame",
    "load_dataset": "datasets",
    "make_plan": "training.plan",
    "panel_from_frame": "formats.frame",
    "read_panel": "formats",
    "sample": "sampling.sampler",
    "write_panel": "formats",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
