"""Names of the columns of a table, and how one long recording is cut into cases."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from tsinfogan.errors import DataError, SettingError

CASE, TIME, LABEL, CHANNEL = "case", "time", "label", "channel"
CODE = re.compile(r"cat\d*|cont\d+")
MIN_WINDOW = 2
LISTS = ("channels", "ignore", "missing")
CHOICES = {
    "dates": ("day_first", "month_first", "numbers"),
    "layout": ("long", "wide", "nct", "ntc"),
    "decimal": (".", ","),
}


@dataclass(frozen=True)
class ColumnNames:
    """Names of the columns of a table of series, and how its cells are read where that is not to be guessed.

    A column that is not named is looked for under its usual name.

    Attributes:
        case: column that tells which case a row belongs to; usually ``case``.
        time: column of numbers or dates; usually ``time``. Several that are one time together: ``year,month,day``.
        label: column of the class of each case; usually ``label``. The empty text if no column is.
        channels: columns to read as channels, in this order; by default all columns that are nothing else.
        ignore: columns to leave out.
        missing: texts, or numbers as text, that stand for a missing value, beside empty cells, ``NaN`` and the like.
        dates: ``day_first`` or ``month_first`` for dates such as 03/04/2024, ``numbers`` if times are no dates.
        layout: ``long`` if each row of a table is a timepoint, ``wide`` if it is a series. Of arrays, the order of
            axes: ``nct`` for case, channel, time, ``ntc`` for case, time, channel.
        delimiter: what separates columns in a text file.
        decimal: ``.`` or ``,`` in numbers.

    Raises:
        SettingError: a name is empty or given twice, or a choice does not exist.

    Example:
        >>> from tsinfogan import ColumnNames
        >>> ColumnNames(case="patient", channels=("heart_rate", "pressure")).to_dict()
        {'case': 'patient', 'channels': ['heart_rate', 'pressure']}
    """

    case: str | None = None
    time: str | None = None
    label: str | None = None
    channels: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    dates: str | None = None
    layout: str | None = None
    delimiter: str | None = None
    decimal: str | None = None

    def __post_init__(self) -> None:
        for name in LISTS:
            object.__setattr__(self, name, tuple(getattr(self, name)))
        names = [
            name
            for name in (self.case, self.time, self.label or None, *self.channels, *self.ignore)
            if name is not None
        ]
        if not all(isinstance(name, str) and name for name in names):
            raise SettingError(f"expected names of columns, got {names}; leave out what has no column")
        if repeated := sorted(name for name, n in Counter(names).items() if n > 1):
            raise SettingError(f"column {repeated[0]!r} is named twice; give it one meaning")
        for choice, known in CHOICES.items():
            if (value := getattr(self, choice)) not in (None, *known):
                raise SettingError(f"expected `columns.{choice}` to be one of {', '.join(known)}, got {value!r}")
        if self.delimiter is not None and not (len(self.delimiter) == 1 and self.delimiter not in '"\r\n'):
            raise SettingError(f"expected one character as `columns.delimiter`, got {self.delimiter!r}")

    @property
    def named(self) -> tuple[str, ...]:
        """The attributes that are given."""
        return tuple(name for name, value in asdict(self).items() if value not in (None, ()))

    def to_dict(self) -> dict[str, Any]:
        """What is given as JSON can hold it; :meth:`from_dict` is the inverse."""
        given = {name: getattr(self, name) for name in self.named}
        return {name: list(value) if name in LISTS else value for name, value in given.items()}

    @classmethod
    def from_dict(cls, names: Mapping[str, Any]) -> ColumnNames:
        """The inverse of :meth:`to_dict`."""
        return cls(**names)


USUAL = ColumnNames()
"""The usual names."""


@dataclass(frozen=True)
class Windows:
    """How long series are cut into windows: cases of ``length`` timepoints that begin every ``stride`` timepoints.

    Attributes:
        length: timepoints in a window, at least 2.
        stride: timepoints from the beginning of one window to that of the next, at least 1.
        label_per: where rows of a window have several labels, ``window`` gives it the most frequent one, and ``row``
            leaves it out.

    Raises:
        SettingError: the length or the stride is too small, or there is no such choice.

    Example:
        >>> import numpy as np, pandas as pd
        >>> from tsinfogan import Windows, panel_from_frame
        >>> panel_from_frame(pd.DataFrame({"x": np.arange(10.0)}), windows=Windows(4, stride=3)).values[:, 0, 0]
        array([0., 3., 6.], dtype=float32)
    """

    length: int
    stride: int = 1
    label_per: str = "window"

    def __post_init__(self) -> None:
        if self.label_per not in ("window", "row"):
            raise SettingError(f"expected `windows.label_per` to be window or row, got {self.label_per!r}")
        if self.length < MIN_WINDOW or self.stride < 1:
            got = f"{self.length} every {self.stride}"
            raise SettingError(f"expected windows of {MIN_WINDOW} or more rows every 1 or more rows, got {got}")

    def to_dict(self) -> dict[str, Any]:
        """The arguments by name, as JSON can hold them."""
        return asdict(self)


class Columns(NamedTuple):
    """The roles of the columns of a long table."""

    channels: tuple[str, ...]
    codes: tuple[str, ...]
    has_label: bool


def index_columns(names: Sequence[str], columns: ColumnNames = USUAL) -> tuple[str, ...]:
    """The columns that tell rows apart, by their names: ``case, time`` of series, ``case, row, column`` of images."""
    case, time = columns.case or CASE, columns.time or TIME
    is_image = time not in names and columns.time is None and {"row", "column"} <= set(names)
    return (case, "row", "column") if is_image else (case, time)


def describe_columns(names: Sequence[str], columns: ColumnNames = USUAL) -> Columns:
    """Which columns are channels, which are codes, and whether one is the label."""
    label = LABEL if columns.label is None else columns.label
    others = {*index_columns(names, columns), label, *columns.channels}
    codes = tuple(name for name in names if CODE.fullmatch(name) and name not in others)
    channels = columns.channels or tuple(name for name in names if name not in {*others, *codes, *columns.ignore})
    return Columns(channels, codes, label in names and label not in channels)


def check_columns(names: Sequence[str], columns: ColumnNames, source: str) -> None:
    """Refuses the header of ``source`` if two columns have one name, or if a named column does not exist."""
    if repeated := sorted(name for name, n in Counter(names).items() if n > 1):
        raise DataError(f"{source} has several columns called {repeated[0]!r}; keep one of them")
    time = columns.time.split(",") if columns.time and columns.time not in names else [columns.time]
    asked = [name for name in (columns.case, *time, columns.label, *columns.channels, *columns.ignore) if name]
    if absent := [name for name in asked if name not in names]:
        raise DataError(f"{source} has no column {absent[0]!r}, only {listed(names)}; check the name")


def is_number(text: str, *, finite: bool = False) -> bool:
    """Whether a text is a number; with ``finite``, whether it is a finite one."""
    try:
        number = float(text)
    except ValueError:
        return False
    return "_" not in text and (math.isfinite(number) or not finite)  # only Python reads 1_000 as a number


def listed(names: Sequence[str], most: int = 30) -> str:
    """The names in quotes, for a message; only the first ``most`` of them."""
    return ", ".join(map(repr, names[:most])) + (f" and {len(names) - most} more" if len(names) > most else "")
