"""InfoGAN for time series. Names are loaded on first use, so importing the package costs nothing."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tsinfogan.augmentation.study import augment_study
    from tsinfogan.balancing import InfoGANResampler
    from tsinfogan.checkpoint import Run, find_run
    from tsinfogan.columns import ColumnNames, Windows
    from tsinfogan.comparing import compare
    from tsinfogan.datasets import load_dataset
    from tsinfogan.distortions import Distortions
    from tsinfogan.errors import TsInfoGANError
    from tsinfogan.estimator import InfoGAN
    from tsinfogan.formats import read_panel, write_panel
    from tsinfogan.frames import frame_from_panel, panel_from_frame
    from tsinfogan.loading import SyntheticBatches
    from tsinfogan.model import Model
    from tsinfogan.panel import Panel
    from tsinfogan.plan import make_plan
    from tsinfogan.sessions import fit
    from tsinfogan.synthesis import encode, sample

__version__ = "0.1.0"

__all__ = [
    "ColumnNames",
    "Distortions",
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
    "ColumnNames": "columns",
    "Distortions": "distortions",
    "InfoGAN": "estimator",
    "InfoGANResampler": "balancing",
    "Model": "model",
    "Panel": "panel",
    "Run": "checkpoint",
    "SyntheticBatches": "loading",
    "TsInfoGANError": "errors",
    "Windows": "columns",
    "augment_study": "augmentation.study",
    "compare": "comparing",
    "encode": "synthesis",
    "find_run": "checkpoint",
    "fit": "sessions",
    "frame_from_panel": "frames",
    "load_dataset": "datasets",
    "make_plan": "plan",
    "panel_from_frame": "frames",
    "read_panel": "formats",
    "sample": "synthesis",
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
