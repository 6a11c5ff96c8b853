"""The two text formats of the UEA archive: ``.ts`` (all channels in one file) and per-channel ``.arff``.

Formats as described at https://www.aeon-toolkit.org (file specifications) and in the Weka manual. Both give the same
thing, :class:`UeaFile`; what a missing value or a short channel means is for the dataset to say.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tsinfogan.errors import DataError

Case = tuple[NDArray[np.float64], ...]
"""One ``(length,)`` array a channel; the lengths may differ, and missing values are NaN."""

_ATTRIBUTE = re.compile(r"""@attribute\s+(?:'[^']*'|"[^"]*"|\S+)\s+(.+)""", re.IGNORECASE)


@dataclass(frozen=True)
class UeaFile:
    """What one file, or one set of per-channel files, holds.

    Attributes:
        cases: the channels of each case.
        labels: class name of each case, or None where the file has no class.
        classes: class names in the order of the header.
    """

    cases: tuple[Case, ...]
    labels: tuple[str, ...] | None
    classes: tuple[str, ...]


def decode(content: bytes) -> str:
    """Text of UTF-8, or of Latin-1 where it is not UTF-8: the archive's comments hold both."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def parse_ts(text: str, source: str) -> UeaFile:
    """Parses a ``.ts`` file: channels parted by ``:``, values by ``,``, the class last, ``?`` or ``NaN`` missing.

    Args:
        text: the whole file.
        source: what the file is called in error messages.

    Raises:
        DataError: the text is not such a file, or holds time stamps or regression targets.
    """
    header, lines = _split_header(text, source, comment="#")
    settings = {key.lower(): value for key, _, value in (line[1:].partition(" ") for line in header)}
    for unsupported in ("timestamps", "targetlabel"):
        if settings.get(unsupported, "").lower().startswith("true"):
            raise DataError(f"{source}: @{unsupported} true is not supported; only plain series with classes are")
    labelled, *classes = settings.get("classlabel", "false").split() or ["false"]
    has_labels = labelled.lower() == "true"
    rows = [line.split(":") for line in lines]
    n_fields = len(rows[0])
    for index, row in enumerate(rows):
        if len(row) != n_fields or n_fields <= has_labels:
            raise DataError(f"{source}: expected {n_fields} fields parted by ':' in case {index}, got {len(row)}")
    labels = tuple(row.pop().strip() for row in rows) if has_labels else None
    cases = tuple(
        tuple(_numbers(field, f"{source}: case {case}, channel {channel}") for channel, field in enumerate(row))
        for case, row in enumerate(rows)
    )
    return _labelled(cases, labels, tuple(classes), source)


def parse_arff(text: str, source: str) -> UeaFile:
    """Parses one channel's ``.arff`` file: numeric attributes, the class last, ``?`` missing.

    Arguments and errors as in :func:`parse_ts`; sparse and relational ARFF is refused.
    """
    header, lines = _split_header(text, source, comment="%")
    kinds = [line for line in header if line.lower().startswith("@attribute")]
    types = [match[1].strip() if (match := _ATTRIBUTE.fullmatch(kind)) else "" for kind in kinds]
    if len(types) < 2 or not re.fullmatch(r"\{.*\}", types[-1]):
        raise DataError(f"{source}: expected numeric attributes and the classes {{…}} as the last one")
    if strange := [kind for kind in types[:-1] if kind.lower() not in ("numeric", "real", "integer")]:
        raise DataError(f"{source}: expected numeric attributes before the class, got {strange[0][:40]!r}")
    cases, labels = [], []
    for index, line in enumerate(lines):
        fields, _, label = line.rpartition(",")
        values = _numbers(fields, f"{source}: case {index}")
        if len(values) != len(types) - 1:
            raise DataError(f"{source}: expected {len(types) - 1} values in case {index}, got {len(values)}")
        cases.append((values,))
        labels.append(_unquoted(label))
    classes = tuple(_unquoted(name) for name in types[-1][1:-1].split(","))
    return _labelled(tuple(cases), tuple(labels), classes, source)


def join_channels(files: Sequence[UeaFile], source: str) -> UeaFile:
    """One file out of one for each channel.

    Raises:
        DataError: the files differ in their cases' number or labels.
    """
    if any(file.labels != files[0].labels or len(file.cases) != len(files[0].cases) for file in files):
        raise DataError(f"{source}: expected the same cases with the same labels in every channel's file")
    cases = tuple(
        tuple(channel for case in parts for channel in case)
        for parts in zip(*(file.cases for file in files), strict=True)
    )
    return UeaFile(cases, files[0].labels, files[0].classes)


def _split_header(text: str, source: str, comment: str) -> tuple[list[str], list[str]]:
    """The header's ``@`` lines but the last, ``@data``; and the data lines, of which there is at least one."""
    lines = [line for raw in text.split("\n") if (line := raw.strip()) and not line.startswith(comment)]
    for number, line in enumerate(lines):
        if line.lower() == "@data":
            if number + 1 == len(lines):
                raise DataError(f"{source}: expected cases after @data, got none; the file may be cut off")
            return lines[:number], lines[number + 1 :]
        if not line.startswith("@"):
            break
    raise DataError(f"{source}: expected header lines that start with '@', the last of them @data; got another file")


def _numbers(text: str, where: str) -> NDArray[np.float64]:
    """``(length,)`` values of a comma list."""
    fields = text.replace("?", "nan").split(",")
    try:
        values = np.array(list(map(float, fields)), dtype=np.float64)
    except ValueError:
        bad = next(field for field in fields if not _is_number(field))
        raise DataError(f"{where}: expected a number or '?', got {bad.strip()[:40]!r}") from None
    if np.isinf(values).any():
        raise DataError(f"{where}: expected finite numbers, got an infinite one")
    return values


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _unquoted(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def _labelled(
    cases: tuple[Case, ...], labels: tuple[str, ...] | None, classes: tuple[str, ...], source: str
) -> UeaFile:
    if labels is not None and (strange := set(labels) - set(classes)):
        raise DataError(f"{source}: label {min(strange)[:40]!r} is not among the header's {len(classes)} classes")
    return UeaFile(cases, labels, classes)
