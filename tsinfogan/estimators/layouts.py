"""The layout of a long DataFrame, so that other series can be returned in rows of the same kind."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tsinfogan.data.columns import CASE, LABEL, TIME, ColumnNames
from tsinfogan.data.date_forms import forms_of
from tsinfogan.data.panel import UNLABELLED, Panel, encode_labels
from tsinfogan.errors import DataError
from tsinfogan.formats.frame import columns_in_index, frame_from_panel

NEW_CASE = re.compile(r"new-(\d+)")
SHIFT: Any = "shift_forward"
AS_DATE = "date"
"""In place of a form: times are ``datetime.date``."""


@dataclass(frozen=True)
class FrameLayout:
    """What a DataFrame holds beside its numbers."""

    columns: ColumnNames = field(default=ColumnNames())  # names of its columns
    dtypes: tuple[tuple[str, str], ...] = ()  # of each column, and of each level of the index that stands for one
    index: tuple[tuple[str, str | None], ...] = ()  # columns that the index stands for, each with the name of its level
    start: float = 0.0  # time of the first row of every case, if times are numbers
    classes: tuple[tuple[str, Any], ...] = ()  # name and value of each class in the column of labels
    time_form: str = ""  # form of dates that are text or whole numbers, as of ``strftime``, or ``AS_DATE``; else empty
    last_case: int = -1  # the greatest id of a case, if ids are numbers; new cases come after it
    own_names: tuple[tuple[str, Any], ...] = ()  # columns whose names are no text, by what they are called here
    categories: tuple[Any, ...] = ()  # of a column of labels that is categorical
    ordered: bool = False  # whether these are

    @classmethod
    def of(cls, frame: pd.DataFrame, columns: ColumnNames) -> FrameLayout:
        """The layout of a frame that :func:`tsinfogan.formats.frame.panel_from_frame` understands."""
        held = columns_in_index(frame, columns)
        levels = [None if name is None else str(name) for name in frame.index.names]
        index = tuple(zip(held, levels, strict=False))  # the index may only number the rows
        held |= {str(name): frame.iloc[:, position] for position, name in enumerate(frame.columns)}
        case, time, label = _names(columns)
        if time not in held:
            raise DataError(f"expected the time of a DataFrame in one column or in its index, got none called {time!r}")
        start = 0.0
        time_form = _form_of(held[time])
        if not time_form and pd.api.types.is_numeric_dtype(held[time].dtype):
            begins = pd.Series(np.asarray(held[time])).groupby(np.asarray(held[case])).min()
            start = float(begins.iloc[0]) if (begins == begins.iloc[0]).all() else 0.0
        values = pd.unique(pd.Series(held[label]).dropna()).tolist() if label in held else []
        labels, names = encode_labels(values)
        kind = held[label].dtype if label in held and isinstance(held[label].dtype, pd.CategoricalDtype) else None
        return cls(
            columns,
            dtypes=tuple((name, str(column.dtype)) for name, column in held.items()),
            index=index,
            start=start,
            classes=tuple((names[k], value) for k, value in zip(labels, values, strict=True) if k != UNLABELLED),
            time_form=time_form,
            last_case=int(held[case].max()) if pd.api.types.is_numeric_dtype(held[case].dtype) else -1,
            own_names=tuple((str(name), name) for name in frame.columns.tolist() if not isinstance(name, str)),
            categories=() if kind is None else tuple(kind.categories.tolist()),
            ordered=kind is not None and bool(kind.ordered),
        )

    def frame(self, panel: Panel, known_cases: Sequence[Any] = ()) -> pd.DataFrame:
        """The rows of ``panel``, whose cases get other names than ``known_cases`` and those of the training series."""
        dtypes = dict(self.dtypes)
        case, time, label = _names(self.columns)
        if label not in dtypes:
            panel = replace(panel, labels=None, classes=())
        frame: pd.DataFrame = frame_from_panel(panel, replace(self.columns, channels=()))
        names = _new_cases(known_cases, self.last_case, panel.n_cases, dtypes[case])
        frame[case] = names.repeat(panel.case_lengths)
        if pd.api.types.is_numeric_dtype(frame[time].dtype):
            frame[time] += self.start
            if "int" in dtypes[time].lower():
                frame[time] = frame[time].round()
        elif self.time_form:
            dates = frame[time].dt
            frame[time] = dates.date if self.time_form == AS_DATE else dates.strftime(self.time_form)
        if label in frame:
            frame[label] = frame[label].astype(object).map(dict(self.classes))
        frame = frame[[name for name in dtypes if name in frame]]
        if self.categories and label in frame:
            frame[label] = pd.Categorical(frame[label], categories=list(self.categories), ordered=self.ordered)
        for name in set(frame.columns) - ({label} if self.categories else set()):
            # New cases may have names that the dtype of the others does not hold.
            with suppress(TypeError, ValueError, AttributeError):
                as_numbers = name == case and names.dtype != object
                frame[name] = _as_dtype(frame[name], names.dtype if as_numbers else dtypes[str(name)])
        if self.index:
            frame = frame.set_index([column for column, _ in self.index])
            frame.index.names = [name for _, name in self.index]
        renamed: pd.DataFrame = frame.rename(columns=dict(self.own_names))
        return renamed

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
    return columns.case or CASE, columns.time or TIME, LABEL if columns.label is None else columns.label


def _form_of(times: Any) -> str:
    """The form of dates that are text, whole numbers such as 20240131, or ``datetime.date``; empty for others."""
    first = next(iter(times), None)
    if isinstance(first, dt.date) and not isinstance(first, dt.datetime):
        return AS_DATE
    text = str(first)
    if not isinstance(first, str) and not text.isdigit():
        return ""
    for form in forms_of([text]):
        parsed = pd.to_datetime(text, format=form, errors="coerce")
        if not pd.isna(parsed) and parsed.strftime(form) == text:
            return form
    return ""


def _new_cases(known: Sequence[Any], last: int, n: int, dtype: str) -> NDArray[Any]:
    """``n`` names of cases, of the same dtype if it can hold them, that are not among the known ones."""
    if dtype.lower().startswith(("int", "uint", "float", "bool")):
        ids = int(max([last, *known])) + 1 + np.arange(n)
        kind = np.dtype(dtype.lower().replace("bool", "int"))
        fits = kind.kind == "f" or not n or ids[-1] <= np.iinfo(kind).max
        return np.asarray(ids.astype(kind) if fits else ids)
    numbers = [int(found[1]) for name in known if (found := NEW_CASE.fullmatch(str(name)))]
    first = max(numbers, default=-1) + 1
    return np.array([f"new-{number}" for number in range(first, first + n)], dtype=object)


def _as_dtype(values: pd.Series, dtype: Any) -> pd.Series:
    """Values of another dtype: float32 as float64 by the digits that count, dates with or without a time zone."""
    if values.dtype == np.float32 and str(dtype).lower() == "float64":
        values = values.astype(str).astype(np.float64)
    if isinstance(kind := pd.api.types.pandas_dtype(dtype), pd.DatetimeTZDtype):
        if values.dt.tz is None:
            values = values.dt.tz_localize("UTC" if kind.tz is None else kind.tz, ambiguous=True, nonexistent=SHIFT)
        values = values.dt.tz_convert(kind.tz)
    elif pd.api.types.is_datetime64_any_dtype(kind) and getattr(values.dt, "tz", None) is not None:
        values = values.dt.tz_localize(None)
    return values.astype(kind)
