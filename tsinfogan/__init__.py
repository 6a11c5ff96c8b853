"""InfoGAN for time series. Names are loaded on first use, so importing the package costs nothing."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tsinfogan.checkpoint import Run, find_run
    from tsinfogan.datasets import load_dataset
    from tsinfogan.distortions import Distortions
    from tsinfogan.errors import TsInfoGANError
    from tsinfogan.formats import read_panel
    from tsinfogan.model import Model
    from tsinfogan.panel import Panel
    from tsinfogan.plan import make_plan
    from tsinfogan.sessions import fit
    from tsinfogan.synthesis import encode, sample

__version__ = "0.1.0"

__all__ = [
    "Distortions",
    "Model",
    "Panel",
    "Run",
    "TsInfoGANError",
    "encode",
    "find_run",
    "fit",
    "load_dataset",
    "make_plan",
    "read_panel",
    "sample",
]

_HOMES = {
    "Distortions": "distortions",
    "Model": "model",
    "Panel": "panel",
    "Run": "checkpoint",
    "TsInfoGANError": "errors",
    "encode": "synthesis",
    "find_run": "checkpoint",
    "fit": "sessions",
    "load_dataset": "datasets",
    "make_plan": "plan",
    "read_panel": "formats",
    "sample": "synthesis",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
