"""The UEA and UCR archives' ``.ts``: one case a line, channels separated by colons, the class last."""

from __future__ import annotations

from functools import partial

from tsinfogan.data.panel import Panel
from tsinfogan.data.uea import parse_ts
from tsinfogan.formats._uea import parsed, texts, token_of, uea_format, word


def _text(panel: Panel, tokens: tuple[str, ...], remark: str) -> str:
    labelled = panel.labels is not None and len(tokens) > 0
    header = [
        f"#{remark}",
        f"@problemName {word(panel.name)}",
        "@timeStamps false",
        "@missing false",
        f"@univariate {str(panel.n_channels == 1).lower()}",
        f"@dimensions {panel.n_channels}",
        f"@equalLength {str(panel.lengths is None).lower()}",
        *([f"@seriesLength {panel.grid[0]}"] if panel.lengths is None else []),
        f"@classLabel {' '.join(['true', *tokens]) if labelled else 'false'}",
        "@data",
    ]
    rows = []
    for case in range(panel.n_cases):
        fields = [",".join(channel) for channel in texts(panel, case)]
        rows.append(":".join([*fields, token_of(panel, tokens, case)] if labelled else fields))
    return "\n".join([*header, *rows, ""])


FORMAT = uea_format(
    suffix=".ts",
    summary="The UEA and UCR archives' text, one case a line; held in memory.",
    parse=partial(parsed, parse=parse_ts),
    text=_text,
)
