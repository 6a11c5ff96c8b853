"""The layout of a long DataFrame, so that other series can be returned in rows of the same kind."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from tsinfogan.data.columns import CASE, LABEL, TIME, ColumnNames
from tsinfogan.data.panel import UNLABELLED, Panel, encode_labels
from tsinfogan.formats.frame import columns_in_index, frame_from_panel

NEW_CASE = re.compile(r"new-(\d+)")
LENGTH_OF_A_DATE = 10


@dataclass(frozen=True)
class FrameLayout:
    """What a DataFrame holds beside its numbers.

    Attributes:
        columns: names of its columns.
        dtypes: of each column, and of each level of the index that stands for one.
        index: columns that the index stands for, each with the name of that level.
        start: time of the first row of every case, if times are numbers.
        classes: name and value of each class in the column of labels.
        dates_as_text: whether times are dates as text, without an hour.
    """

    columns: ColumnNames = field(default=ColumnNames())
    dtypes: tuple[tuple[str, str], ...] = ()
    index: tuple[tuple[str, str | None], ...] = ()
    start: float = 0.0
    classes: tuple[tuple[str, Any], ...] = ()
    dates_as_text: bool = False

    @classmethod
    def of(cls, frame: pd.DataFrame, columns: ColumnNames) -> FrameLayout:
        """The layout of a frame that :func:`tsinfogan.formats.frame.panel_from_frame` understands."""
        held = columns_in_index(frame, columns)
        levels = [None if name is None else str(name) for name in frame.index.names]
        index = tuple(zip(held, levels, strict=False))  # the index may only number the rows
        held |= {str(name): frame.iloc[:, position] for position, name in enumerate(frame.columns)}
        case, time, label = _names(columns)
        start = 0.0
        if pd.api.types.is_numeric_dtype(held[time].dtype):
            begins = pd.Series(np.asarray(held[time])).groupby(np.asarray(held[case])).min()
            start = float(begins.iloc[0]) if (begins == begins.iloc[0]).all() else 0.0
        text = held[time].dtype in (object, "str", "string") and isinstance(held[time][0], str)
        dates_as_text = text and len(held[time][0]) == LENGTH_OF_A_DATE
        dtypes = tuple((name, str(column.dtype)) for name, column in held.items())
        values = pd.unique(pd.Series(held[label]).dropna()).tolist() if label in held else []
        labels, names = encode_labels(values)
        classes = tuple((names[k], value) for k, value in zip(labels, values, strict=True) if k != UNLABELLED)
        return cls(columns, dtypes, index, start, classes, dates_as_text)

    def frame(self, panel: Panel, known_cases: Sequence[Any] = ()) -> pd.DataFrame:
        """The rows of ``panel``, whose cases get other names than ``known_cases``."""
        dtypes = dict(self.dtypes)
        case, time, label = _names(self.columns)
        if label not in dtypes:
            panel = replace(panel, labels=None, classes=())
        frame: pd.DataFrame = frame_from_panel(panel, self.columns)
        names = _new_cases(known_cases, panel.n_cases, dtypes[case])
        frame[case] = pd.Series(names, dtype=object).repeat(panel.case_lengths).to_numpy()
        if pd.api.types.is_numeric_dtype(frame[time].dtype):
            frame[time] += self.start
            if "int" in dtypes[time].lower():
                frame[time] = frame[time].round()
        elif self.dates_as_text:
            frame[time] = frame[time].dt.strftime("%Y-%m-%d")
        if label in frame:
            frame[label] = frame[label].astype(object).map(dict(self.classes))
        frame = frame[[name for name in dtypes if name in frame]]
        frame = frame.astype({str(name): dtypes[name] for name in frame.columns})
        if self.index:
            frame = frame.set_index([column for column, _ in self.index])
            frame.index.names = [name for _, name in self.index]
        return frame

    def joined(self, frame: pd.DataFrame, panel: Panel) -> pd.DataFrame:
        """``frame``, unchanged, followed by the rows of ``panel``."""
        case, _, _ = _names(self.columns)
        levels = [column for column, _ in self.index]
        known = frame.index.get_level_values(levels.index(case)) if case in levels else frame[case]
        new = self.frame(panel, pd.unique(pd.Series(known)).tolist())
        both: pd.DataFrame = pd.concat([frame, new], ignore_index=not self.index)
        for name, dtype in frame.dtypes.items():
            if isinstance(dtype, pd.CategoricalDtype) and both[name].dtype != dtype:
                both[name] = both[name].astype("category")
        return both


def _names(columns: ColumnNames) -> tuple[str, str, str]:
    """Names of the columns of case, time and label."""
    return columns.case or CASE, columns.time or TIME, columns.label or LABEL


def _new_cases(known: Sequence[Any], n: int, dtype: str) -> list[Any]:
    """``n`` names of cases, of the same dtype, that are not among the known ones."""
    if dtype.lower().startswith(("int", "uint", "float")):
        first = int(max(known, default=-1)) + 1
        return list(range(first, first + n))
    numbers = [int(found[1]) for name in known if (found := NEW_CASE.fullmatch(str(name)))]
    first = max(numbers, default=-1) + 1
    return [f"new-{number}" for number in range(first, first + n)]
