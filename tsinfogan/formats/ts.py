"""The UEA and UCR archives' ``.ts``: one case a line, channels separated by colons, the class last."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from tsinfogan.data.columns import CASE, LABEL, TIME, USUAL, ColumnNames, Windows
from tsinfogan.data.panel import Panel
from tsinfogan.data.uea import decode, parse_ts, split_header
from tsinfogan.errors import DataError
from tsinfogan.formats import opened
from tsinfogan.formats._table import panel_from_table
from tsinfogan.formats._uea import class_words, parsed, texts, uea_format, word


def _text(panel: Panel, words: tuple[str, ...], remark: str) -> str:
    header = [
        f"#{remark}",
        f"@problemName {word(panel.name)}",
        "@timeStamps false",
        "@missing false",
        f"@univariate {str(panel.n_channels == 1).lower()}",
        f"@dimensions {panel.n_channels}",
        f"@equalLength {str(panel.lengths is None).lower()}",
        *([f"@seriesLength {panel.grid[0]}"] if panel.lengths is None else []),
        f"@classLabel {' '.join(['true', *words]) if words else 'false'}",
        "@data",
    ]
    rows = [
        ":".join([*map(",".join, texts(panel, case)), *class_word])
        for case, class_word in enumerate(class_words(panel, words))
    ]
    return "\n".join([*header, *rows, ""])


def _read(path: Path, columns: ColumnNames = USUAL, windows: Windows | None = None) -> Panel:
    with opened(path) as stream:
        text = decode(stream.read())
    if not re.search(r"^@timestamps\s+true", text, re.IGNORECASE | re.MULTILINE):
        return PLAIN.read(path, columns, windows)  # type: ignore[misc]
    header, lines, _ = split_header(text, path.name, comment="#")
    rows: list[dict[str, Any]] = []
    has_class = any(line.lower().startswith("@classlabel true") for line in header)
    for case, line in enumerate(lines):
        series, _, label = line.rpartition(":") if has_class else (line, "", "")
        for channel, field in enumerate(re.split(r"\)\s*:\s*\(", series)):
            for stamp in re.split(r"\)\s*,\s*\(", field.strip().strip("()")):
                time, comma, value = stamp.rpartition(",")
                if not comma:
                    raise DataError(f"{path.name}: expected (time,value) in case {case}, got {stamp[:40]!r}")
                rows.append(
                    {CASE: case, TIME: time.strip(), "channel": f"ch{channel}", "value": value, LABEL: label.strip()}
                )
    import pandas as pd

    index = [CASE, TIME, *([LABEL] if has_class else [])]
    frame = pd.DataFrame(rows).drop_duplicates([CASE, TIME, "channel"])
    long = frame.pivot_table("value", index, "channel", aggfunc="first").reset_index()
    table = pa.table(
        {
            str(name): pa.array(values.astype(str).where(values.notna(), None), pa.string())
            for name, values in long.items()
        }
    )
    return panel_from_table(table, path, columns=columns, windows=windows)


PLAIN = uea_format(
    suffix=".ts",
    summary="The UEA and UCR archives' text, one case a line; held in memory.",
    parse=partial(parsed, parse=parse_ts),
    text=_text,
)
FORMAT = replace(PLAIN, read=_read)
