"""Columns of a table as numbers or dates. A cell that is neither is refused, and the message says where it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tsinfogan.data.columns import is_number
from tsinfogan.data.dates import ZONE
from tsinfogan.data.panel import ChannelKind, FloatArray, IntArray
from tsinfogan.errors import DataError

MISSING = ("", "?", "na", "n/a", "nan", "null", "none")
"""Texts that stand for a missing number, in upper or lower case."""
WHOLE_IN_FLOAT32 = 1 << 24
"""Float32 holds every whole number up to this one."""
DATE = re.compile(r"\d{4}-\d\d(?!\d)")
YEARS = (1678, 2261)
"""The years that int64 nanoseconds since 1970 can express."""


@dataclass(frozen=True)
class Column:
    """One column of a table and how messages refer to it."""

    cells: pa.Array  # as :func:`plain` gives them
    name: str
    source: str  # name of the file or table
    where: Callable[[int], str]  # describes a row, for instance ``case 3, time 0.01``

    @property
    def is_text(self) -> bool:
        """Whether the cells are text."""
        return bool(pa.types.is_string(self.cells.type) or pa.types.is_large_string(self.cells.type))

    def refusal(self, expected: str, row: int, advice: str) -> DataError:
        """The error for one cell."""
        value = self.cells[row].as_py()
        text = "an empty cell" if value is None or value == "" else repr(value)
        text = text if len(text) <= 60 else f"{text[:60]}…"
        return DataError(
            f"{self.source}: expected {expected}, got {text} in {self.where(row)}, column {self.name!r}; {advice}"
        )


class Numbers(NamedTuple):
    """The numbers of one channel."""

    values: FloatArray  # (n_rows,), NaN where missing
    kind: ChannelKind
    n_rounded: int  # how many whole numbers float32 cannot hold


class Times(NamedTuple):
    """The times of the rows."""

    values: NDArray[np.float64] | IntArray  # (n_rows,) numbers, or dates as nanoseconds since 1970
    zone: str = ""  # time zone that dates were given in; empty for numbers and for dates without a zone

    @property
    def are_dates(self) -> bool:
        """Whether the times are dates."""
        return self.values.dtype == np.int64


def plain(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """The column in one chunk, without dictionary encoding."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    chunk = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return pa.concat_arrays(chunk.chunks) if isinstance(chunk, pa.ChunkedArray) else chunk


def in_python(column: pa.ChunkedArray | pa.Array) -> list[Any]:
    """The values as Python objects; as text if a date lies beyond Python's years, 1 to 9999."""
    try:
        values: list[Any] = column.to_pylist()
    except (OverflowError, ValueError):
        values = column.cast(pa.string()).to_pylist()
    return values


def factors(column: pa.ChunkedArray, name: str, source: str, required: str | None = None) -> tuple[list[Any], IntArray]:
    """The distinct values of a column in order of appearance, and the index ``(n_rows,)`` of each row's value.

    The index of a missing value is −1; it is refused if messages call the values ``required``.
    """
    try:
        coded = plain(column).dictionary_encode()
    except pa.ArrowException:
        raise DataError(f"{source}: column {name!r} holds {column.type}, expected numbers or text") from None
    values = in_python(coded.dictionary)
    missing = np.array([value in (None, "") or value != value for value in values], bool)
    index = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    index[np.append(missing, True)[index]] = -1
    if required is not None and (index < 0).any():
        raise DataError(f"{source} has no {required} in row {int(np.argmin(index)) + 1} of the data; fill it in")
    return values, index


# ---- channels


def read_channel(column: Column) -> Numbers:
    """The numbers of a column, each of them finite."""
    cells, is_boolean = column.cells, pa.types.is_boolean(column.cells.type)
    try:
        numbers: FloatArray = _cast(cells, pa.float32())
    except pa.ArrowException:
        if not column.is_text:
            raise DataError(
                f"{column.source}: column {column.name!r} holds {cells.type}, expected numbers; "
                f"{_advice(column)}convert or drop it"
            ) from None
        cells, is_boolean = _without_words(cells)
        try:
            numbers = _cast(cells, pa.float32())
        except pa.ArrowException:
            numbers = _parsed(column, cells)
    if (infinite := np.isinf(numbers)).any():
        raise column.refusal("a finite number", int(np.argmax(infinite)), "correct it, or leave it empty")
    if not is_boolean and _are_integers(column, cells, numbers):
        return Numbers(numbers, "integer", _n_rounded(cells, numbers))
    return Numbers(numbers, "boolean" if is_boolean else "real", 0)


def _cast(cells: pa.Array, kind: Any) -> NDArray[Any]:
    numbers: NDArray[Any] = cells.cast(kind, safe=False).to_numpy(zero_copy_only=False)
    return numbers


def _without_words(cells: pa.Array) -> tuple[pa.Array, bool]:
    """The texts trimmed, null where missing, ``true`` as 1 and ``false`` as 0; and whether all were true or false."""
    trimmed = pc.utf8_trim_whitespace(cells)
    lower = pc.utf8_lower(trimmed)
    missing = pc.is_in(lower, value_set=pa.array(MISSING, lower.type))
    words = pc.is_in(lower, value_set=pa.array(["true", "false"], lower.type))
    is_boolean = bool(pc.all(pc.or_(words, missing)).as_py() and pc.any(words).as_py())
    text = pc.if_else(pc.equal(lower, "true"), "1", "0").cast(trimmed.type) if is_boolean else trimmed
    return pc.if_else(missing, pa.scalar(None, trimmed.type), text), is_boolean


def _parsed(column: Column, cells: pa.Array) -> FloatArray:
    """The numbers of trimmed texts by Python, which is slower than Arrow but reads plus signs."""
    numbers = list(map(_number, cells.to_pylist()))
    if None in numbers:
        raise column.refusal("a number", numbers.index(None), f"{_advice(column)}correct it or drop the column")
    with np.errstate(over="ignore"):
        wide = np.array(numbers, np.float64)
        return np.where(np.abs(wide) > np.finfo(np.float32).max, np.copysign(np.inf, wide), wide).astype(np.float32)


def _number(text: str | None) -> float | None:
    if text is None or text.strip().lower() in MISSING:
        return np.nan
    return float(text) if is_number(text) else None


def _advice(column: Column) -> str:
    """A hint for a column of dates that is read as a channel."""
    dates = pa.types.is_temporal(column.cells.type)
    if column.is_text:
        known = column.cells.drop_null()
        dates = len(known) > 0 and bool(DATE.match(known[0].as_py()))
    return f"name it as the time column (`columns.time={column.name}`), " if dates else ""


def _are_integers(column: Column, cells: pa.Array, numbers: FloatArray) -> bool:
    if not column.is_text:
        return bool(pa.types.is_integer(cells.type))
    known = numbers[~np.isnan(numbers)]
    if not len(known) or (np.rint(known) != known).any():
        return False
    return bool(pc.all(pc.match_substring_regex(cells, r"^\s*[+-]?\d+\s*$")).as_py())


def _n_rounded(cells: pa.Array, numbers: FloatArray) -> int:
    if not np.nanmax(np.abs(numbers), initial=0) >= WHOLE_IN_FLOAT32:
        return 0
    exact = [None if value is None else int(value) for value in cells.to_pylist()]
    return sum(whole is not None and whole != held for whole, held in zip(exact, numbers.tolist(), strict=True))


# ---- times


def read_times(column: Column) -> Times:
    """The numbers or dates of a column, which may not hold both."""
    cells, zone = column.cells, ""
    values: NDArray[np.float64] | IntArray
    if pa.types.is_timestamp(cells.type) or pa.types.is_date(cells.type):
        zone = getattr(cells.type, "tz", None) or ""
        try:
            nanoseconds = cells.cast(pa.timestamp("ns", zone or None), safe=True).cast(pa.int64())
        except pa.ArrowException:
            raise DataError(
                f"{column.source}: column {column.name!r} holds dates beyond the years {YEARS[0]} to {YEARS[1]}; "
                "shift them"
            ) from None
        values = nanoseconds.fill_null(0).to_numpy(zero_copy_only=False)
        absent = cells.is_null().to_numpy(zero_copy_only=False)
    else:
        if column.is_text and (dates := _dates(column)) is not None:
            return dates
        values = _time_numbers(column)
        absent = ~np.isfinite(values)
    if absent.any():
        raise column.refusal("a time", int(np.argmax(absent)), "fill it in")
    return Times(values, zone)


def _time_numbers(column: Column) -> NDArray[np.float64]:
    try:
        if not pa.types.is_boolean(column.cells.type):
            return _cast(column.cells, pa.float64())
    except pa.ArrowException:
        pass
    if not column.is_text:
        raise DataError(
            f"{column.source}: column {column.name!r} holds {column.cells.type}, expected numbers or dates; convert it "
            "to seconds"
        )
    texts = column.cells.to_pylist()
    numbers = list(map(_number, texts))
    if None not in numbers or np.nan in numbers:
        return np.array([0.0 if number is None else number for number in numbers])
    dates = [bool(DATE.match(text)) for text in texts]
    odd, wanted = (dates.index(False), "date") if sum(dates) * 2 >= len(dates) else (numbers.index(None), "number")
    advice = "write all times as numbers, or all as dates such as 2020-01-31 09:00"
    raise column.refusal(f"a {wanted} as in other rows", odd, advice)


def _dates(column: Column) -> Times | None:
    """Dates in ISO 8601, each distinct text parsed once; None if the column holds other text."""
    coded = pc.utf8_trim_whitespace(column.cells).fill_null("").dictionary_encode()
    texts = coded.dictionary.to_pylist()
    if not all(map(DATE.match, texts)):
        return None
    import pandas as pd

    zones = [zone[0] if (zone := ZONE.search(text[10:])) else "" for text in texts]
    if not all(zones) and any(zones):
        raise DataError(
            f"{column.source}: some dates in column {column.name!r} have a time zone and some have none; give all one"
        )
    try:
        parsed = pd.to_datetime(pd.Series(texts, dtype=object), format="ISO8601", utc=True, errors="coerce")
        known = parsed.dt.year.between(*YEARS).to_numpy()
    except (ValueError, OverflowError, AttributeError):
        known = np.zeros(len(texts), bool)
    index = coded.indices.to_numpy(zero_copy_only=False)
    if not known.all():
        expected = f"a date such as 2020-01-31 09:00, of the years {YEARS[0]} to {YEARS[1]}"
        raise column.refusal(expected, int(np.argmin(known[index])), "correct it")
    values: IntArray = parsed.dt.tz_localize(None).to_numpy("datetime64[ns]").astype(np.int64)[index]
    offsets = set(zones) - {""}
    utc = {"Z", "+00:00", "+0000", "+00"}
    return Times(values, "" if not offsets else "UTC" if offsets <= utc else ", ".join(sorted(offsets)[:3]))
