"""A table in long form, and how tests of dialects read what they write."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tsinfogan.data.columns import ColumnNames, Windows
from tsinfogan.data.panel import Panel
from tsinfogan.formats import read_panel

LONG = pd.DataFrame({"case": np.repeat(range(3), 8), "time": [*range(8)] * 3})
LONG["x"] = np.random.default_rng(0).normal(size=24).round(4)
LONG["y"] = np.random.default_rng(1).integers(0, 9, 24) / 4


def read(path: Path, text: str | bytes, columns: ColumnNames | None = None, windows: Windows | None = None) -> Panel:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_panel(path, columns or ColumnNames(), windows)


def same(panel: Panel, table: pd.DataFrame = LONG) -> bool:
    values = table[list(panel.channels)].to_numpy(np.float32).reshape(3, -1, panel.n_channels).swapaxes(1, 2)
    return bool(np.array_equal(panel.values, values))
