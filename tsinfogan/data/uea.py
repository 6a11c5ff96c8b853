"""The text formats of the UEA archive, ``.ts`` and ``.arff``, and of the Monash archive, ``.tsf``.

The formats are described at https://www.aeon-toolkit.org (file specifications) and in the Weka manual. Every parser
returns a :class:`UeaFile`, and :func:`uea_series` turns it into series.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsinfogan.data.columns import is_number
from tsinfogan.data.date_forms import forms_of
from tsinfogan.data.panel import IntArray, encode_labels, numbered_channels
from tsinfogan.data.windows import Series, check_size, ends
from tsinfogan.errors import DataError

Case = tuple[NDArray[np.float64], ...]
"""A ``(length,)`` array for each channel; the lengths may differ, and missing values are NaN."""

REMARK = "tsinfogan "
"""The first word of the comment that holds what these formats have no place for."""
MISSING_LABEL = "?"
FREQUENCIES = {
    "yearly": "12MS", "quarterly": "3MS", "monthly": "MS", "weekly": "7D", "daily": "D", "hourly": "h",
    "half_hourly": "30min", "10_minutes": "10min", "minutely": "min", "4_seconds": "4s",
}  # fmt: skip
"""Those of the Monash archive as aliases of pandas."""
NUMERIC = ("numeric", "real", "integer")
_ATTRIBUTE = re.compile(r"""@attribute\s+(?:'[^']*'|"[^"]*"|\S+)\s+(.+)""", re.IGNORECASE)
_QUOTED = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
_FIELD = re.compile(rf"{_QUOTED}|[^,]+")


@dataclass(frozen=True)
class UeaFile:
    """The content of one file, or of one file for each channel."""

    cases: tuple[Case, ...]
    labels: tuple[str | None, ...] | None  # class name of each case, None if unknown; None if the file has no classes
    classes: tuple[str, ...]  # in the order of the header
    remark: str = ""  # the comment that begins with ``REMARK``, without that word
    notes: tuple[str, ...] = ()  # what was left out, one sentence each


def decode(content: bytes) -> str:
    """The text of UTF-8, or else of Latin-1: comments in the archive use both."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def parse_ts(text: str, source: str) -> UeaFile:
    """Parses a ``.ts`` file: ``:`` between channels, ``,`` between values, the class last, ``?`` or ``NaN`` if missing.

    Messages call the file ``source``. Time stamps are refused, targets of a regression left out.
    """
    header, lines, remark = split_header(text, source, comment="#")
    settings = {key.lower(): value.strip() for key, _, value in (line[1:].partition(" ") for line in header)}
    if settings.get("timestamps", "").lower().startswith("true"):
        raise DataError(f"{source}: values with time stamps are not read; write csv of case,time,<channels…>,label")
    has_target = settings.get("targetlabel", "").lower().startswith("true")
    labelled, *classes = settings.get("classlabel", "false").split() or ["false"]
    has_labels = labelled.lower() == "true"
    rows = [line.split(":") for line in lines]
    _check_fields(rows, max(len(rows[0]), 1 + has_labels + has_target), source)
    labels = tuple(row.pop().strip() for row in rows) if has_labels else None
    notes = (f"{source}: the targets, a number for each case, are left out",) if has_target else ()
    rows = [row[: len(row) - has_target] for row in rows]
    cases = tuple(
        tuple(numbers_in(field, f"{source}: case {case}, channel {channel}") for channel, field in enumerate(row))
        for case, row in enumerate(rows)
    )
    _check_header(settings, cases, source)
    return replace(_labelled(cases, labels, tuple(classes), source, remark), notes=notes)


def parse_tsf(text: str, source: str) -> UeaFile:
    """Parses the Monash archive's ``.tsf``: ``:`` between the attributes of a series and its values.

    The earliest of the first dates and the frequency go into the remark.
    """
    header, lines, _ = split_header(text, source, comment="#")
    settings = dict(pair for line in header if len(pair := line[1:].lower().split(maxsplit=1)) == 2)
    attributes = [words[1] for line in header if (words := line.lower().split())[0] == "@attribute" and words[1:]]
    rows = [line.split(":") for line in lines]
    _check_fields(rows, len(attributes) + 1, source)
    cases = tuple((numbers_in(row[-1], f"{source}: case {index}"),) for index, row in enumerate(rows))
    remark: dict[str, Any] = {"channels": ["value"]}
    frequency = FREQUENCIES.get(settings.get("frequency", ""), "")
    if frequency and "start_timestamp" in attributes:
        date, _, clock = min(row[attributes.index("start_timestamp")] for row in rows).partition(" ")
        origin = f"{date}T{clock.replace('-', ':') or '00:00:00'}"
        if forms_of([origin]) and (date.endswith("-01") or not frequency.endswith("MS")):
            remark |= {"time_origin": origin, "time_frequency": frequency}
    return UeaFile(cases, None, (), json.dumps(remark))


def _check_fields(rows: Sequence[Sequence[str]], n_fields: int, source: str) -> None:
    for index, row in enumerate(rows):
        if len(row) != n_fields:
            raise DataError(f"{source}: expected {n_fields} fields parted by ':' in case {index}, got {len(row)}")


def _check_header(settings: dict[str, str], cases: tuple[Case, ...], source: str) -> None:
    """Raises a DataError if the header of a ``.ts`` file contradicts its data."""
    n_channels, sizes = len(cases[0]), sorted({len(channel) for case in cases for channel in case})
    size = f"{sizes[0]} to {sizes[-1]}" if len(sizes) > 1 else str(sizes[0])
    for name, found in {"dimensions": n_channels, "dimension": n_channels, "serieslength": sizes[-1]}.items():
        if (said := settings.get(name)) is not None and said != str(found):
            raise DataError(f"{source}: the header says @{name} {said[:40]}, its data says {found}; correct one")
    if settings.get("univariate", "").lower() == "true" and n_channels > 1:
        raise DataError(f"{source}: the header says @univariate true, its data has {n_channels} channels; correct it")
    if settings.get("equallength", "").lower() == "true" and len(sizes) > 1:
        raise DataError(f"{source}: the header says @equalLength true, its series have {size} values; correct it")


def parse_arff(text: str, source: str) -> UeaFile:
    r"""Parses an ``.arff`` file: numeric attributes of one channel, or a relational one of all; then the class.

    A relational value is in quotes, with ``\n`` between channels. The class may be absent; ``?`` is missing. Sparse
    ARFF is refused.
    """
    header, lines, remark = split_header(text, source, comment="%")
    kinds = [line for line in header if line.lower().startswith("@attribute")]
    types = [match[1].strip() if (match := _ATTRIBUTE.fullmatch(kind)) else "" for kind in kinds]
    is_relational = bool(types) and types[0].lower() == "relational"
    inner = types[is_relational:]
    nominal = inner.pop() if inner and inner[-1].startswith("{") and inner[-1].endswith("}") else None
    if is_relational and not inner:
        raise DataError(f"{source}: expected numeric attributes within the 'relational' one, got none")
    if not inner or (nominal is None and inner[-1].lower() not in NUMERIC):
        raise DataError(f"{source}: expected numeric attributes and the classes {{…}} as the last one")
    if strange := [kind for kind in inner if kind.lower() not in NUMERIC]:
        raise DataError(f"{source}: expected numeric attributes before the class, got {strange[0][:40]!r}")
    cases: list[Case] = []
    labels: list[str] = []
    for index, line in enumerate(lines):
        fields, label = line, ""
        if nominal is not None:
            fields, comma, last = _without_last(line)
            if not comma:
                raise DataError(f"{source}: expected a class after the last comma of case {index}")
            label = _unquoted(last)
        parts = _unquoted(fields, escapes=False).split("\\n") if is_relational else [fields]
        case = tuple(numbers_in(part, f"{source}: case {index}") for part in parts)
        if wrong := [len(values) for values in case if len(values) != len(inner)]:
            raise DataError(f"{source}: expected {len(inner)} values in case {index}, got {wrong[0]}")
        if len(case) != len(cases[0] if cases else case):
            raise DataError(f"{source}: expected {len(cases[0])} channels in case {index}, got {len(case)}")
        cases.append(case)
        labels.append(label)
    classes = () if nominal is None else tuple(_unquoted(name) for name in _FIELD.findall(nominal[1:-1]))
    return _labelled(tuple(cases), None if nominal is None else tuple(labels), classes, source, remark)


def _without_last(line: str) -> tuple[str, str, str]:
    """What stands before the last field, the comma, and that field, in time that is linear in the line's length.

    The comma is empty if there is none, or if a quote of the last field is not opened.
    """
    quote, start = line[-1:], len(line) - 1
    if quote not in ("'", '"'):
        fields, comma, last = line.rpartition(",")
        return (fields, comma, last) if not {"'", '"'} & set(last) else ("", "", "")
    while (start := line.rfind(quote, 0, start)) > 0:
        n_escapes = 0
        while n_escapes < start and line[start - 1 - n_escapes] == "\\":
            n_escapes += 1
        if n_escapes % 2 == 0:
            break
    fields, comma, blank = line[: max(start, 0)].rpartition(",")
    return (fields, comma, line[start:]) if start > 0 and not blank.strip() else ("", "", "")


def join_channels(files: Sequence[UeaFile], source: str) -> UeaFile:
    """Joins the files of single channels, which must hold the same cases with the same labels."""
    if any(file.labels != files[0].labels or len(file.cases) != len(files[0].cases) for file in files):
        raise DataError(f"{source}: expected the same cases with the same labels in every channel's file")
    cases = tuple(
        tuple(channel for case in parts for channel in case)
        for parts in zip(*(file.cases for file in files), strict=True)
    )
    return UeaFile(cases, files[0].labels, files[0].classes, files[0].remark)


def padded(file: UeaFile, source: str) -> tuple[NDArray[np.float64], IntArray, tuple[str, ...]]:
    """Values ``(n, c, t)``, lengths ``(n,)`` and notes. A case ends with the last value of any channel.

    Missing values before that are NaN. A case without values keeps its whole length. Channels of a case that have fewer
    values than its longest one are taken to be as long in time: they are interpolated.
    """
    sizes = [max(map(len, case)) for case in file.cases]
    shape = len(file.cases), len(file.cases[0]), max(sizes)
    check_size(shape, source, "shorten it", sum(len(channel) for case in file.cases for channel in case))
    values = np.full(shape, np.nan)
    n_stretched = 0
    for rows, case, size in zip(values, file.cases, sizes, strict=True):
        for row, channel in zip(rows, case, strict=True):
            row[: len(channel)] = channel
            if len(channel) < size:
                n_stretched += 1
                row[:size] = np.interp(np.linspace(0, 1, size), np.linspace(0, 1, len(channel)), channel)
    lengths: IntArray = np.minimum(ends(values), sizes)
    notes = (
        f"{source}: {n_stretched} channels have fewer values than the longest of their case and are interpolated to it",
    )
    return np.ascontiguousarray(values[:, :, : lengths.max()]), lengths, notes if n_stretched else ()


def uea_series(file: UeaFile, source: str, remark: Mapping[str, Any], **others: Any) -> Series:
    """The series in a file, whose remark may name ``channels``, ``kinds`` and ``classes``.

    Messages call the file ``source``; ``others`` are further attributes of the panel.
    """
    values, lengths, notes = padded(file, source)
    labels, classes = None, tuple(remark.get("classes", file.classes))
    if file.labels is not None:
        names: dict[str | None, str] = dict(zip(file.classes, classes, strict=True))
        labels, classes = encode_labels([names.get(label) for label in file.labels], classes)
        others["classes"] = classes
    channels = remark.get("channels", numbered_channels(values.shape[1]))
    return Series(values, channels, lengths, labels, remark.get("kinds", ()), notes=file.notes + notes, others=others)


def split_header(text: str, source: str, comment: str) -> tuple[list[str], list[str], str]:
    """The ``@`` lines before ``@data``, the data lines, of which there is at least one, and the remark."""
    raw_lines = [line for raw in text.split("\n") if (line := raw.strip())]
    mark = comment + REMARK
    remark = next((line.removeprefix(mark) for line in raw_lines if line.startswith(mark)), "")
    lines = [line for line in raw_lines if not line.startswith(comment)]
    for number, line in enumerate(lines):
        if line.lower() == "@data":
            if number + 1 == len(lines):
                raise DataError(f"{source}: expected cases after @data, got none; the file may be cut off")
            return lines[:number], lines[number + 1 :], remark
        if not line.startswith("@"):
            break
    raise DataError(f"{source}: expected header lines that start with '@', the last of them @data; got another file")


def numbers_in(text: str, where: str) -> NDArray[np.float64]:
    """``(length,)`` values of comma-separated text."""
    fields = text.replace("?", "nan").split(",")
    try:
        if "_" in text:  # only Python reads 1_000 as a number
            raise ValueError
        values = np.array(list(map(float, fields)), dtype=np.float64)
    except ValueError:
        bad = next(field for field in fields if not is_number(field))
        raise DataError(f"{where}: expected a number or '?', got {bad.strip()[:40]!r}") from None
    if np.isinf(values).any():
        raise DataError(f"{where}: expected finite numbers, got an infinite one")
    return values


def _unquoted(text: str, *, escapes: bool = True) -> str:
    text = text.strip()
    if len(text) < 2 or text[0] != text[-1] or text[0] not in "'\"":
        return text
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if escapes else text[1:-1]


def _labelled(
    cases: tuple[Case, ...], labels: tuple[str, ...] | None, classes: tuple[str, ...], source: str, remark: str
) -> UeaFile:
    if labels is None:
        return UeaFile(cases, None, classes, remark)
    unknown = {MISSING_LABEL} - set(classes)
    if strange := set(labels) - set(classes) - unknown:
        raise DataError(f"{source}: label {min(strange)[:40]!r} is not among the header's {len(classes)} classes")
    return UeaFile(cases, tuple(None if label in unknown else label for label in labels), classes, remark)
