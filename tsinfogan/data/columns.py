"""Names of the columns of a table, and how one long recording is cut into cases."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from tsinfogan.errors import DataError, SettingError

CASE, TIME, LABEL, CHANNEL = "case", "time", "label", "channel"
CODE = re.compile(r"cat\d*|cont\d+")
MIN_WINDOW = 2


@dataclass(frozen=True)
class ColumnNames:
    """Names of the columns of a table of series. A column that is not named is looked for under its usual name.

    Attributes:
        case: column that tells which case a row belongs to; usually ``case``.
        time: column of numbers or dates; usually ``time``.
        label: column of the class of each case; usually ``label``.
        channels: columns to read as channels, in this order; by default all columns that are nothing else.

    Raises:
        SettingError: a name is empty or given twice.

    Example:
        >>> from tsinfogan import ColumnNames
        >>> ColumnNames(case="patient", channels=("heart_rate", "pressure")).to_dict()
        {'case': 'patient', 'channels': ['heart_rate', 'pressure']}
    """

    case: str | None = None
    time: str | None = None
    label: str | None = None
    channels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "channels", tuple(self.channels))
        names = [name for name in (self.case, self.time, self.label, *self.channels) if name is not None]
        if not all(isinstance(name, str) and name for name in names):
            raise SettingError(f"expected names of columns, got {names}; leave out what has no column")
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise SettingError(f"column {repeated[0]!r} is named twice; give it one meaning")

    @property
    def named(self) -> tuple[str, ...]:
        """Those of ``case``, ``time``, ``label`` and ``channels`` that are given."""
        return tuple(name for name, value in asdict(self).items() if value)

    def to_dict(self) -> dict[str, Any]:
        """The given names as JSON can hold them; :meth:`from_dict` is the inverse."""
        given = {name: getattr(self, name) for name in self.named}
        return {name: list(value) if name == "channels" else value for name, value in given.items()}

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

    Raises:
        SettingError: the length or the stride is too small.

    Example:
        >>> import numpy as np, pandas as pd
        >>> from tsinfogan import Windows, panel_from_frame
        >>> panel_from_frame(pd.DataFrame({"x": np.arange(10.0)}), windows=Windows(4, stride=3)).values[:, 0, 0]
        array([0., 3., 6.], dtype=float32)
    """

    length: int
    stride: int = 1

    def __post_init__(self) -> None:
        if self.length < MIN_WINDOW or self.stride < 1:
            got = f"{self.length} every {self.stride}"
            raise SettingError(f"expected windows of {MIN_WINDOW} or more rows every 1 or more rows, got {got}")

    def to_dict(self) -> dict[str, int]:
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
    label = columns.label or LABEL
    others = {*index_columns(names, columns), label, *columns.channels}
    codes = tuple(name for name in names if CODE.fullmatch(name) and name not in others)
    channels = columns.channels or tuple(name for name in names if name not in {*others, *codes})
    return Columns(channels, codes, label in names and label not in channels)


def check_columns(names: Sequence[str], columns: ColumnNames, source: str) -> None:
    """Refuses the header of ``source`` if two columns have one name, or if a named column does not exist."""
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"{source} has several columns called {repeated[0]!r}; keep one of them")
    asked = [name for name in (columns.case, columns.time, columns.label, *columns.channels) if name]
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
