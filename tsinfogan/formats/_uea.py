"""Panels in the text formats of the UEA archive, ``.ts`` and ``.arff``.

What these formats have no place for is kept in a comment, the remark, which other programs ignore. It is JSON: names of
channels and classes, kinds, time, and the case columns.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, get_args
from urllib.parse import quote

import pyarrow as pa
from numpy.typing import NDArray

from tsinfogan.data.columns import CASE, LABEL, TIME, USUAL, ColumnNames, Windows
from tsinfogan.data.panel import ChannelKind, Panel, encode_labels, numbered_channels
from tsinfogan.data.uea import MISSING_LABEL, REMARK, UeaFile, decode, uea_series
from tsinfogan.data.windows import panel_from_series
from tsinfogan.errors import DataError
from tsinfogan.formats import CaseColumns, Format, opened, stem
from tsinfogan.formats.blocks import BufferingWriter, case_array, number_array, raw_case

TIME_FIELDS = ("time_step", "time_unit", "time_origin", "time_frequency")


def uea_format(
    suffix: str,
    summary: str,
    parse: Callable[[Path], UeaFile],
    text: Callable[[Panel, tuple[str, ...], str], str],
    name_of: Callable[[Path], str] = stem,
) -> Format:
    """One of the archive's text formats.

    ``parse`` reads a file, ``text`` gives the content of a file from the panel, a word for each class, and the remark,
    and ``name_of`` the name of the panel in a file.
    """

    def column_names(path: Path) -> tuple[str, ...]:
        file = parse(path)
        remark = _remark(file, path)
        channels = remark.get("channels", numbered_channels(len(file.cases[0])))
        return (CASE, TIME, *channels, *remark.get("columns", {}), *([LABEL] if file.labels is not None else []))

    def read(path: Path, columns: ColumnNames = USUAL, windows: Windows | None = None) -> Panel:
        file = parse(path)
        remark = _remark(file, path)
        time = {field: remark[field] for field in TIME_FIELDS if field in remark}
        return panel_from_series(
            uea_series(file, path.name, remark, name=name_of(path), **time), path.name, columns, windows
        )

    def content(panel: Panel, columns: dict[str, NDArray[Any]]) -> bytes:
        others = {name: values for name, values in columns.items() if name != LABEL}
        panel, words = _labelled(panel, columns.get(LABEL))
        return text(panel, words, _remark_of(panel, words, others)).encode()

    return Format(
        suffix,
        summary,
        open_writer=partial(BufferingWriter, encode=content, series_only=suffix),
        read=read,
        column_names=column_names,
        binary=False,
        is_table=False,
    )


def parsed(path: Path, parse: Callable[[str, str], UeaFile]) -> UeaFile:
    """The content of one file."""
    with opened(path) as stream:
        return parse(decode(stream.read()), path.name)


def texts(panel: Panel, case: int) -> list[list[str]]:
    """The values of one case as text, one list for each channel."""
    return [number_array(channel).cast(pa.string()).to_pylist() for channel in raw_case(panel, case)]


def class_words(panel: Panel, words: tuple[str, ...]) -> list[list[str]]:
    """The word for the class of each case, in a list that is empty if there are no classes."""
    if panel.labels is None or not words:
        return [[]] * panel.n_cases
    return [[words[label] if label >= 0 else MISSING_LABEL] for label in panel.labels]


def word(text: str) -> str:
    """The text without spaces, commas, colons and quotes: special characters are percent-encoded."""
    plain = text.replace(".", "").isalnum() and text.isascii()
    return text if plain else quote(text, safe="+") or "_"


def _labelled(panel: Panel, label: Any) -> tuple[Panel, tuple[str, ...]]:
    """The panel with these labels, and a word for each of its classes."""
    if label is None:
        return replace(panel, labels=None, classes=()), ()
    names = [None if name is None else str(name) for name in case_array(label).to_pylist()]
    known = panel.classes if set(filter(None, names)) <= set(panel.classes) else ()
    labels, classes = encode_labels(names, known)
    return replace(panel, labels=labels, classes=classes), tuple(map(word, classes))


def _remark_of(panel: Panel, words: tuple[str, ...], columns: CaseColumns) -> str:
    held: dict[str, Any] = {"channels": panel.channels, "kinds": panel.kinds}
    held |= {field: getattr(panel, field) for field in TIME_FIELDS}
    if panel.classes != words:
        held["classes"] = panel.classes
    if columns:
        held["columns"] = {name: case_array(values).to_pylist() for name, values in columns.items()}
    return REMARK + json.dumps({name: value for name, value in held.items() if value}, allow_nan=False)


def _remark(file: UeaFile, path: Path) -> Mapping[str, Any]:
    """The content of a file's remark, checked; empty if there is none."""
    if not file.remark:
        return {}
    try:
        held = json.loads(file.remark)
        n_channels = len(file.cases[0])
        for name, n in {"channels": n_channels, "kinds": n_channels, "classes": len(file.classes)}.items():
            if name in held and not (len(held[name]) == n and all(isinstance(text, str) for text in held[name])):
                raise ValueError(f"expected {n} {name}")
        if len(set(held.get("classes", ()))) != len(held.get("classes", ())):
            raise ValueError("expected distinct classes")
        if not set(held.get("kinds", ())) <= set(get_args(ChannelKind)):
            raise ValueError("unknown kinds")
        held["time_step"] = float(held.get("time_step", 1.0))
        if not all(isinstance(held.get(name, ""), str) for name in TIME_FIELDS[1:]):
            raise ValueError("expected texts of the time")
        if not all(isinstance(name, str) for name in dict(held.get("columns", {}))):
            raise ValueError("expected columns")
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise DataError(
            f"{path.name}: its comment '{REMARK.strip()}' does not fit its data ({error}); correct or delete it"
        ) from None
    return dict(held)
