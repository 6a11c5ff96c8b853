"""Panels in the archive's text formats. What those have no place for stands in a comment that other readers pass over.

The comment is JSON: names of channels and classes, kinds, time, and the values that belong to whole cases.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, get_args
from urllib.parse import quote

import numpy as np
import pyarrow as pa

from tsinfogan.data.columns import CASE, CODE, LABEL, TIME, ColumnNames, Windows
from tsinfogan.data.panel import ChannelKind, FloatArray, Panel, encode_labels
from tsinfogan.data.uea import MISSING_LABEL, REMARK, UeaFile, decode, padded
from tsinfogan.errors import DataError
from tsinfogan.formats import CaseColumns
from tsinfogan.formats._series import panel_from_series
from tsinfogan.formats._table import opened
from tsinfogan.formats.blocks import case_array, number_array, with_label

TIME_FIELDS = ("time_step", "time_unit", "time_origin", "time_frequency")


def parsed(path: Path, parse: Callable[[str, str], UeaFile]) -> UeaFile:
    """What a file holds.

    Raises:
        DataError: it cannot be read or parsed.
    """
    with opened(path) as stream:
        return parse(decode(stream.read()), path.name)


def panel_of(file: UeaFile, path: Path, name: str, columns: ColumnNames, windows: Windows | None) -> Panel:
    """The panel that a file holds; arguments as of a format's ``read``.

    Raises:
        DataError: the remark does not fit the data, or a gap is too large.
    """
    remark = _remark(file, path)
    values, lengths = padded(file)
    classes = tuple(remark.get("classes", file.classes))
    labels = None
    if file.labels is not None:
        names = dict(zip(file.classes, classes, strict=True))
        of_case: list[Any] = [None if label is None else names[label] for label in file.labels]
        labels, classes = encode_labels(of_case, classes)
    return panel_from_series(
        values,
        tuple(remark.get("channels", (f"ch{index}" for index in range(values.shape[1])))),
        source=path.name,
        columns=columns,
        windows=windows,
        lengths=lengths if np.ptp(lengths) else None,
        labels=labels,
        kinds=tuple(remark.get("kinds", ())),
        classes=classes if labels is not None else (),
        name=name,
        **{field: remark[field] for field in TIME_FIELDS if field in remark},
    )


def names_of(file: UeaFile, path: Path) -> tuple[str, ...]:
    """``case, time``, the channels and the case columns, as the other formats name them."""
    remark = _remark(file, path)
    channels = remark.get("channels", [f"ch{index}" for index in range(len(file.cases[0]))])
    return (CASE, TIME, *channels, *remark.get("columns", {}), *([LABEL] if file.labels is not None else []))


class UeaWriter:
    """Keeps all pieces and writes them at close, because the header says how long and of which classes they are.

    Args:
        stream: to write to.
        suffix: of the format, for messages.
        text: gives the file of a panel, with a token for each class and the remark.
    """

    def __init__(self, stream: BinaryIO, suffix: str, text: Callable[[Panel, tuple[str, ...], str], str]) -> None:
        self._stream, self._suffix, self._text = stream, suffix, text
        self._panels: list[Panel] = []
        self._columns: list[CaseColumns] = []

    def write(self, panel: Panel, columns: CaseColumns) -> None:
        """Keeps the cases of ``panel`` for :meth:`close`.

        Raises:
            DataError: they are images, or a case column would be read back as something else.
        """
        if panel.values.ndim == 4:
            raise DataError(f"a {self._suffix} file holds series, got images; write them as csv, parquet or npz")
        if strange := [name for name in columns if name != LABEL and not CODE.fullmatch(name)]:
            raise DataError(f"case columns are called cat…, cont… or {LABEL}, got {strange[0]!r}")
        self._panels.append(panel)
        self._columns.append(with_label(panel, columns))

    def close(self) -> None:
        """Writes the file; one of which nothing was written stays empty."""
        if self._panels:
            columns = {name: np.concatenate([np.asarray(c[name]) for c in self._columns]) for name in self._columns[0]}
            panel, tokens = _labelled(Panel.concatenated(self._panels), columns.pop(LABEL, None))
            self._stream.write(self._text(panel, tokens, _remark_of(panel, tokens, columns)).encode())
        self._stream.flush()


def texts(panel: Panel, case: int) -> list[list[str]]:
    """Values of one case as text, a list a channel."""
    values: FloatArray = np.ascontiguousarray(panel.case(case))
    flat = number_array(values.ravel()).cast(pa.string()).to_pylist()
    return [flat[start : start + values.shape[1]] for start in range(0, len(flat), values.shape[1])]


def token_of(panel: Panel, tokens: tuple[str, ...], case: int) -> str:
    """Class of a labelled panel's case, as the file has it."""
    assert panel.labels is not None
    return tokens[panel.labels[case]] if panel.labels[case] >= 0 else MISSING_LABEL


def word(text: str) -> str:
    """A text without spaces, commas, colons and quotes: what is special stands as ``%`` and its code."""
    plain = text.replace(".", "").isalnum() and text.isascii()
    return text if plain else quote(text, safe="+") or "_"


def _labelled(panel: Panel, label: Any) -> tuple[Panel, tuple[str, ...]]:
    """The panel with these labels, and a distinct word for each of its classes."""
    from dataclasses import replace

    if label is None:
        return replace(panel, labels=None, classes=()), ()
    names: list[Any] = [None if name is None else str(name) for name in case_array(label).to_pylist()]
    known = panel.classes if set(filter(None, names)) <= set(panel.classes) else ()
    labels, classes = encode_labels(names, known)
    return replace(panel, labels=labels, classes=classes), tuple(map(word, classes))


def _remark_of(panel: Panel, tokens: tuple[str, ...], columns: CaseColumns) -> str:
    held: dict[str, Any] = {"channels": panel.channels, "kinds": panel.kinds}
    held |= {field: getattr(panel, field) for field in TIME_FIELDS}
    if panel.classes != tokens:
        held["classes"] = panel.classes
    if columns:
        held["columns"] = {name: case_array(values).to_pylist() for name, values in columns.items()}
    return REMARK + json.dumps({name: value for name, value in held.items() if value}, allow_nan=False)


def _remark(file: UeaFile, path: Path) -> Mapping[str, Any]:
    """What a remark holds, as far as it can be used; an empty one where there is none."""
    if not file.remark:
        return {}
    try:
        held = json.loads(file.remark)
        wanted: dict[str, Any] = {"channels": len(file.cases[0]), "kinds": len(file.cases[0])}
        wanted["classes"] = len(file.classes)
        for name, n in wanted.items():
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
