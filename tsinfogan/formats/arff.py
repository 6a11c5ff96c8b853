"""Weka's ``.arff`` as in the UEA archive: all channels as one relational attribute, or one file for each channel."""

from __future__ import annotations

import re
from pathlib import Path

from tsinfogan.data.panel import Panel
from tsinfogan.data.uea import UeaFile, join_channels, parse_arff
from tsinfogan.errors import DataError
from tsinfogan.formats import stem
from tsinfogan.formats._uea import class_words, parsed, texts, uea_format, word

ONE_CHANNEL = re.compile(r"(.*)Dimension([1-9]\d*)(.*)\.arff", re.IGNORECASE | re.DOTALL)
"""Name of the file of one channel, such as ``ToyDimension2_TRAIN.arff``."""


def _text(panel: Panel, words: tuple[str, ...], remark: str) -> str:
    header = [
        f"%{remark}",
        f"@relation {word(panel.name)}",
        "@attribute channels relational",
        *(f"@attribute t{point} numeric" for point in range(panel.grid[0])),
        "@end channels",
        *([f"@attribute class {{{','.join(words)}}}"] if words else []),
        "@data",
    ]
    rows = []
    for case, class_word in enumerate(class_words(panel, words)):
        beyond = ["?"] * (panel.grid[0] - int(panel.case_lengths[case]))
        quoted = '"' + "\\n".join(",".join([*channel, *beyond]) for channel in texts(panel, case)) + '"'
        rows.append(",".join([quoted, *class_word]))
    return "\n".join([*header, *rows, ""])


def _name(path: Path) -> str:
    match = ONE_CHANNEL.fullmatch(path.name)
    return f"{match[1]}{match[3]}" if match else stem(path)


def _joined(path: Path) -> UeaFile:
    """The content of a file, or of one file for each channel: those whose names differ only in the channel's number."""
    match = ONE_CHANNEL.fullmatch(path.name)
    if match is None or not path.parent.is_dir():
        return parsed(path, parse_arff)
    found = (ONE_CHANNEL.fullmatch(other.name) for other in path.parent.iterdir())
    numbers = sorted(int(other[2]) for other in found if other and other.group(1, 3) == match.group(1, 3))
    for index, number in enumerate(numbers, 1):
        if number != index:
            raise DataError(
                f"{path.name}: expected a file for each channel from 1 on beside it, got none for channel {index}; put "
                "it there, or rename the files"
            )
    if len(numbers) < 2:
        return parsed(path, parse_arff)
    word_of_channel = path.name[match.end(1) : match.start(2)]  # as this file writes it
    names = [f"{match[1]}{word_of_channel}{number}{path.name[match.end(2) :]}" for number in numbers]
    return join_channels([parsed(path.with_name(name), parse_arff) for name in names], path.name)


FORMAT = uea_format(
    suffix=".arff",
    summary="Weka's text as in the UEA archive, all channels in one file; held in memory.",
    parse=_joined,
    text=_text,
    name_of=_name,
)
