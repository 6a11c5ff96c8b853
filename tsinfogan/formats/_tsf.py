"""The Monash archive's ``.tsf``: one series a line, after attributes of it such as its name and its first date."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tsinfogan.data.columns import USUAL, ColumnNames, Windows
from tsinfogan.data.panel import Panel
from tsinfogan.data.uea import UeaFile, decode, numbers_in, split_header, uea_series
from tsinfogan.data.windows import panel_from_series
from tsinfogan.errors import DataError
from tsinfogan.formats import Format, opened
from tsinfogan.formats._table import stem
from tsinfogan.formats.csv import CsvWriter

FREQUENCIES = {
    "yearly": "12MS", "quarterly": "3MS", "monthly": "MS", "weekly": "7D", "daily": "D", "hourly": "h",
    "half_hourly": "30min", "10_minutes": "10min", "minutely": "min", "4_seconds": "4s",
}  # fmt: skip
"""The frequencies of the archive as aliases of pandas."""
CHANNEL = "value"


def read(path: Path, columns: ColumnNames = USUAL, windows: Windows | None = None) -> Panel:
    """The panel of one channel in a file. All series are dated from the first date on."""
    with opened(path) as stream:
        header, lines, _ = split_header(decode(stream.read()), path.name, comment="#")
    attributes = [line.split()[1].lower() for line in header if line.lower().startswith("@attribute ")]
    stated = dict(line[1:].lower().split(maxsplit=1) for line in header if len(line.split()) > 1)
    rows = [line.split(":") for line in lines]
    for index, row in enumerate(rows):
        if len(row) != len(attributes) + 1:
            raise DataError(
                f"{path.name}: expected {len(attributes) + 1} fields parted by ':' in case {index}, got {len(row)}"
            )
    cases = tuple((numbers_in(row[-1], f"{path.name}: case {index}"),) for index, row in enumerate(rows))
    frequency = FREQUENCIES.get(stated.get("frequency", ""), "")
    time = {}
    if frequency and "start_timestamp" in attributes:
        begins = np.array([_date(row[attributes.index("start_timestamp")]) for row in rows])
        is_month = (begins.astype("datetime64[M]") == begins).all()
        if not np.isnat(begins).any() and (is_month or not frequency.endswith("MS")):
            time = {"time_origin": str(begins.min()), "time_frequency": frequency}
    series = uea_series(UeaFile(cases, None, ()), path.name, {"channels": (CHANNEL,)}, name=stem(path), **time)
    return panel_from_series(series, path.name, columns, windows)


def _date(text: str) -> np.datetime64:
    date, _, clock = text.strip().partition(" ")
    try:
        return np.datetime64(f"{date}T{clock.replace('-', ':') or '00:00:00'}", "s")
    except ValueError:
        return np.datetime64("NaT", "s")


def column_names(path: Path) -> tuple[str, ...]:
    """``case, time`` and the one channel."""
    with opened(path):
        return ("case", "time", CHANNEL)


READS = Format(
    suffix=".tsf",
    summary="The Monash archive's text, one series a line.",
    open_writer=CsvWriter,
    read=read,
    column_names=column_names,
    binary=False,
    is_table=False,
)
