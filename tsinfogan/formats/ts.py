"""The UEA and UCR archives' ``.ts``: one case a line, channels separated by colons, the class last."""

from __future__ import annotations

from pathlib import Path

from tsinfogan.data.panel import Panel
from tsinfogan.data.uea import UeaFile, parse_ts, parse_tsf
from tsinfogan.formats import without_compression
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


def _parse(path: Path) -> UeaFile:
    is_monash = without_compression(path.name.lower()).endswith(".tsf")
    return parsed(path, parse_tsf if is_monash else parse_ts)


FORMAT = uea_format(
    suffix=".ts",
    summary="The UEA and UCR archives' text, one case a line; held in memory.",
    parse=_parse,
    text=_text,
)
