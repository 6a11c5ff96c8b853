"""What the columns of a table are called, and how one long recording is cut into cases."""

from __future__ import annotations

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
    """Names of the columns of a table that holds series.

    Attributes:
        case: column that says which series a row belongs to; None is ``case`` where there is such a column.
        time: column of numbers or dates; None is ``time`` where there is such a column.
        label: column of the class of each case; None is ``label`` where there is such a column.
        channels: columns to read, in this order; empty takes every column that is nothing else.

    Raises:
        SettingError: a name stands in two places, or is empty.
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
        """Which of ``case``, ``time``, ``label`` and ``channels`` are given."""
        return tuple(name for name, value in asdict(self).items() if value)

    def to_dict(self) -> dict[str, Any]:
        """What is given, JSON-ready; :meth:`from_dict` is its inverse."""
        given = {name: getattr(self, name) for name in self.named}
        return {name: list(value) if name == "channels" else value for name, value in given.items()}

    @classmethod
    def from_dict(cls, names: Mapping[str, Any]) -> ColumnNames:
        """Rebuilds what :meth:`to_dict` gave."""
        return cls(**names)


USUAL = ColumnNames()
"""The names that are looked for where none is given."""


@dataclass(frozen=True)
class Windows:
    """Cuts each long series into cases of ``length`` timepoints, one every ``stride`` timepoints.

    Raises:
        SettingError: a length below two or a stride below one.
    """

    length: int
    stride: int = 1

    def __post_init__(self) -> None:
        if self.length < MIN_WINDOW or self.stride < 1:
            raise SettingError(
                f"expected windows of {MIN_WINDOW} or more rows every 1 or more rows, got {self.length} every "
                f"{self.stride}"
            )

    def to_dict(self) -> dict[str, int]:
        """JSON-ready; its entries are the arguments."""
        return asdict(self)


class Columns(NamedTuple):
    """What the columns of a long table are taken as."""

    channels: tuple[str, ...]
    codes: tuple[str, ...]
    has_label: bool


def index_columns(names: Sequence[str], columns: ColumnNames = USUAL) -> tuple[str, ...]:
    """``case, time`` for series; ``case, row, column`` for images, which have no time; under their settable names."""
    case, time = columns.case or CASE, columns.time or TIME
    is_image = time not in names and columns.time is None and {"row", "column"} <= set(names)
    return (case, "row", "column") if is_image else (case, time)


def describe_columns(names: Sequence[str], columns: ColumnNames = USUAL) -> Columns:
    """Which of the columns are channels and which are codes, and whether one is the label."""
    label = columns.label or LABEL
    others = {*index_columns(names, columns), label, *columns.channels}
    codes = tuple(name for name in names if CODE.fullmatch(name) and name not in others)
    channels = columns.channels or tuple(name for name in names if name not in {*others, *codes})
    return Columns(channels, codes, label in names and label not in channels)


def check_columns(names: Sequence[str], columns: ColumnNames, source: str) -> None:
    """Refuses names that come twice, and columns that were asked for and are not there.

    Raises:
        DataError: the message calls the table ``source`` and lists its columns.
    """
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"{source} has several columns called {repeated[0]!r}; keep one of them")
    asked = [name for name in (columns.case, columns.time, columns.label, *columns.channels) if name]
    if absent := [name for name in asked if name not in names]:
        raise DataError(f"{source} has no column {absent[0]!r}, only {listed(names)}; check the name")


def listed(names: Sequence[str], most: int = 30) -> str:
    """The names, quoted, the first of very many."""
    return ", ".join(map(repr, names[:most])) + (f" and {len(names) - most} more" if len(names) > most else "")
