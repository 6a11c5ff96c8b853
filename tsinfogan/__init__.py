"""InfoGAN for time series. Names are loaded on first use, so importing the package costs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsinfogan.registry import on_demand

if TYPE_CHECKING:
    from tsinfogan.data.augmentations import Augmentations as Augmentations
    from tsinfogan.data.columns import ColumnNames as ColumnNames
    from tsinfogan.data.columns import Windows as Windows
    from tsinfogan.data.panel import Panel as Panel
    from tsinfogan.datasets import load_dataset as load_dataset
    from tsinfogan.errors import TsInfoGANError as TsInfoGANError
    from tsinfogan.estimators.batches import SyntheticBatches as SyntheticBatches
    from tsinfogan.estimators.infogan import InfoGAN as InfoGAN
    from tsinfogan.estimators.resampler import InfoGANResampler as InfoGANResampler
    from tsinfogan.formats import read_panel as read_panel
    from tsinfogan.formats import write_panel as write_panel
    from tsinfogan.formats.frame import frame_from_panel as frame_from_panel
    from tsinfogan.formats.frame import panel_from_frame as panel_from_frame
    from tsinfogan.metrics.augmentation.study import augment_study as augment_study
    from tsinfogan.metrics.comparison import compare as compare
    from tsinfogan.models.model import Model as Model
    from tsinfogan.sampling.inference import encode as encode
    from tsinfogan.sampling.sampler import sample as sample
    from tsinfogan.sharing.pretrained import load_pretrained as load_pretrained
    from tsinfogan.training.plan import make_plan as make_plan
    from tsinfogan.training.run import Run as Run
    from tsinfogan.training.run import find_run as find_run
    from tsinfogan.training.session import fit as fit

__version__ = "0.1.0"

__all__, __getattr__ = on_demand(
    __name__,
    {
        "data.augmentations": ("Augmentations",),
        "data.columns": ("ColumnNames", "Windows"),
        "data.panel": ("Panel",),
        "datasets": ("load_dataset",),
        "errors": ("TsInfoGANError",),
        "estimators.batches": ("SyntheticBatches",),
        "estimators.infogan": ("InfoGAN",),
        "estimators.resampler": ("InfoGANResampler",),
        "formats": ("read_panel", "write_panel"),
        "formats.frame": ("frame_from_panel", "panel_from_frame"),
        "metrics.augmentation.study": ("augment_study",),
        "metrics.comparison": ("compare",),
        "models.model": ("Model",),
        "sampling.inference": ("encode",),
        "sampling.sampler": ("sample",),
        "sharing.pretrained": ("load_pretrained",),
        "training.plan": ("make_plan",),
        "training.run": ("Run", "find_run"),
        "training.session": ("fit",),
    },
)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
