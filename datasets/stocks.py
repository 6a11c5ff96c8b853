"""Stocks: daily prices of one share, the second dataset of TimeGAN, as all windows of 24 trading days."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tsinfogan.data.panel import Panel
from tsinfogan.datasets import Dataset, Split
from tsinfogan.datasets._recordings import TOGETHER, all_windows, parse_rows
from tsinfogan.datasets.sources import Mirror, obtain, read_file

COLUMNS = ("Open", "High", "Low", "Close", "Adj_Close", "Volume")
N_ROWS = 3685
MIRROR = Mirror(
    "https://raw.githubusercontent.com/jsyoon0823/TimeGAN/8f6181cb9b9d2fa0c930cd902411d9ac8a308e07/data/stock_data.csv",
    "stock_data.csv",
    "sha256:134b8a00eb4eefa3242dd7ae85144082da80dedf75a1a656d5d08f97cd95277a",
)


def load(split: Split) -> Panel:
    """3662 windows of 24 trading days: prices in dollars, volume in shares; the oldest first."""
    rows = obtain([MIRROR], _read)
    return all_windows(rows, split, "stocks", COLUMNS, time_unit="trading day", augmentations=TOGETHER)


def _read(path: Path) -> NDArray[np.float64]:
    text = read_file(path).decode("utf-8", "replace")
    return parse_rows(text, COLUMNS, first=0, n_rows=N_ROWS, where=str(path))


DATASET = Dataset(
    summary="daily prices and volume of one share, 2004 to 2019, as all 3662 windows of 24 days, as in TimeGAN",
    source="https://github.com/jsyoon0823/TimeGAN, data/stock_data.csv",
    licence="prices of Yahoo Finance, whose terms hold; the file's repository is under Apache 2.0",
    citation="Yoon, Jarrett, van der Schaar: Time-series Generative Adversarial Networks. NeurIPS 32 (2019)",
    load=load,
    n_categories=4,
    noise_dim=32,
    splits=("train",),
)
