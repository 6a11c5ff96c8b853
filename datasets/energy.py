"""Energy: a house and its weather, the third dataset of TimeGAN, as all windows of 24 steps of 10 minutes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tsinfogan.data.panel import Panel
from tsinfogan.datasets import Dataset, Split
from tsinfogan.datasets._recordings import TOGETHER, all_windows, parse_rows
from tsinfogan.datasets.sources import Mirror, obtain, read_zip

ROOMS = tuple(f"{what}{room}" for room in range(1, 10) for what in ("T", "RH_"))
WEATHER = ("T_out", "Press_mm_hg", "RH_out", "Windspeed", "Visibility", "Tdewpoint")
COLUMNS = ("Appliances", "lights", *ROOMS, *WEATHER, "rv1", "rv2")
TABLE, N_ROWS = "energydata_complete.csv", 19735
ZIP = "https://archive.ics.uci.edu/static/public/374/appliances+energy+prediction.zip"


def load(split: Split) -> Panel:
    """19,712 windows of 24 steps of ten minutes, 28 channels in raw units, without the date."""
    rows = obtain([Mirror(ZIP, "energydata_complete.zip")], _read)
    return all_windows(rows, split, "energy", COLUMNS, time_step=10.0, time_unit="min", augmentations=TOGETHER)


def _read(path: Path) -> NDArray[np.float64]:
    text = read_zip(path, lambda files: files[TABLE]() if TABLE in files else None, TABLE).decode("utf-8", "replace")
    return parse_rows(text, COLUMNS, first=1, n_rows=N_ROWS, where=f"{TABLE} in {path}")


DATASET = Dataset(
    summary="use of power, climate indoors and weather of a house, 28 channels, as all 19,712 windows of 24 steps",
    source="https://archive.ics.uci.edu/dataset/374/appliances+energy+prediction",
    licence="CC BY 4.0",
    citation="Candanedo, Feldheim, Deramaix: Data driven prediction models of energy use of appliances in a low-energy "
    "house. Energy and Buildings 140 (2017)",
    load=load,
    n_categories=4,
    noise_dim=32,
    splits=("train",),
)
