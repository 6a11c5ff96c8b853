"""From a column of a table to numbers or dates; what is neither is named with its row."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tsinfogan.data.dates import ZONE
from tsinfogan.data.panel import ChannelKind, FloatArray, IntArray
from tsinfogan.errors import DataError

MISSING = ("", "?", "na", "n/a", "nan", "null", "none")
"""Texts that stand for a missing number, in capitals or not."""
WHOLE_IN_FLOAT32 = 1 << 24
DATE = re.compile(r"\d{4}-\d\d(?!\d)")
YEARS = (1678, 2261)
"""What fits into nanoseconds since 1970."""

Where = Callable[[int], str]
"""Gives a row in words, such as ``case 3, time 0.01``."""


class Numbers(NamedTuple):
    """One channel's column.

    Attributes:
        values: ``(n_rows,)`` float32, NaN where missing.
        kind: what the column holds.
        n_rounded: how many whole numbers float32 cannot hold.
    """

    values: FloatArray
    kind: ChannelKind
    n_rounded: int


class Times(NamedTuple):
    """The time column.

    Attributes:
        values: ``(n_rows,)`` float64 numbers, or int64 nanoseconds since 1970 of dates.
        zone: of dates, ``UTC`` or what they were converted from; empty for numbers and for dates without one.
    """

    values: NDArray[np.float64] | IntArray
    zone: str = ""

    @property
    def are_dates(self) -> bool:
        """Whether they are dates."""
        return self.values.dtype == np.int64


def plain(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """One chunk, without dictionaries."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    chunk = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return pa.concat_arrays(chunk.chunks) if isinstance(chunk, pa.ChunkedArray) else chunk


def in_python(column: pa.ChunkedArray | pa.Array) -> list[Any]:
    """Values as Python has them; dates beyond its years, 1 to 9999, as texts."""
    try:
        values: list[Any] = column.to_pylist()
    except (OverflowError, ValueError):
        values = column.cast(pa.string()).to_pylist()
    return values


def read_channel(column: pa.Array, source: str, name: str, where: Where) -> Numbers:
    """The numbers of a column.

    Raises:
        DataError: a cell is no finite number, or the column holds something else.
    """
    column = plain(column)
    is_boolean = pa.types.is_boolean(column.type)
    try:
        numbers: FloatArray = _float(column, pa.float32())
    except pa.ArrowException:
        if not is_text(column):
            raise DataError(
                f"{source}: column {name!r} holds {column.type}, expected numbers; "
                f"{_advice(column, name)}convert or drop it"
            ) from None
        column, is_boolean = _without_words(column)
        try:
            numbers = _float(column, pa.float32())
        except pa.ArrowException:
            numbers = _by_hand(column, source, name, where).astype(np.float32)
    infinite = np.isinf(numbers)
    if infinite.any():
        row = int(np.argmax(infinite))
        raise DataError(
            f"{source}: expected a finite number, got {shown(column[row].as_py())} in {where(row)}, column {name!r}; "
            "correct it, or leave it empty"
        )
    if is_boolean:
        return Numbers(numbers, "boolean", 0)
    if not _holds_integers(column, numbers):
        return Numbers(numbers, "real", 0)
    return Numbers(numbers, "integer", _n_rounded(column, numbers))


def read_times(column: pa.Array, source: str, name: str, where: Where) -> Times:
    """The numbers or dates of a column.

    Raises:
        DataError: a cell is missing, or neither, or the column holds both.
    """
    column = plain(column)
    zone = (getattr(column.type, "tz", None) or "") if pa.types.is_timestamp(column.type) else ""
    values: NDArray[np.float64] | IntArray
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        try:
            nanoseconds = column.cast(pa.timestamp("ns", zone or None), safe=True).cast(pa.int64())
        except pa.ArrowException:
            raise DataError(
                f"{source}: column {name!r} holds dates beyond the years {YEARS[0]} to {YEARS[1]}; shift them"
            ) from None
        values = nanoseconds.fill_null(0).to_numpy(zero_copy_only=False)
        absent = column.is_null().to_numpy(zero_copy_only=False)
    else:
        if is_text(column) and (dates := _dates(column, source, name, where)) is not None:
            return dates
        values = _time_numbers(column, source, name, where)
        absent = ~np.isfinite(values)
    if absent.any():
        row = int(np.argmax(absent))
        raise DataError(
            f"{source}: expected a time, got {shown(column[row].as_py())} in {where(row)}, column {name!r}; fill it in"
        )
    return Times(values, zone)


def is_text(column: pa.Array) -> bool:
    """Whether a column holds text."""
    return bool(pa.types.is_string(column.type) or pa.types.is_large_string(column.type))


def shown(value: object) -> str:
    """A cell in a message."""
    if value is None or value == "":
        return "an empty cell"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def _float(column: pa.Array, kind: Any) -> NDArray[Any]:
    numbers: NDArray[Any] = column.cast(kind, safe=False).to_numpy(zero_copy_only=False)
    return numbers


def _without_words(column: pa.Array) -> tuple[pa.Array, bool]:
    """The column without spaces, null where missing, ``true`` as 1; and whether it held only true and false."""
    trimmed = pc.utf8_trim_whitespace(column)
    lower = pc.utf8_lower(trimmed)
    missing = pc.is_in(lower, value_set=pa.array(MISSING, lower.type))
    words = pc.is_in(lower, value_set=pa.array(["true", "false"], lower.type))
    is_boolean = bool(pc.all(pc.or_(words, missing)).as_py() and pc.any(words).as_py())
    text = pc.if_else(pc.equal(lower, "true"), "1", "0").cast(trimmed.type) if is_boolean else trimmed
    return pc.if_else(missing, pa.scalar(None, trimmed.type), text), is_boolean


def _by_hand(column: pa.Array, source: str, name: str, where: Where) -> NDArray[np.float64]:
    """Slow and forgiving, of plus signs; names the first text that is no number."""
    texts = column.to_pylist()
    numbers = [_number(text) for text in texts]
    if None in numbers:
        row = numbers.index(None)
        raise DataError(
            f"{source}: expected a number, got {shown(texts[row])} in {where(row)}, column {name!r}; "
            f"{_advice(column, name)}correct it or drop the column"
        )
    with np.errstate(over="ignore"):
        wide = np.array(numbers, np.float64)
        return np.where(np.abs(wide) > np.finfo(np.float32).max, np.copysign(np.inf, wide), wide)


def _number(text: str | None) -> float | None:
    if text is None or text.strip().lower() in MISSING:
        return np.nan
    try:
        return None if "_" in text else float(text)  # Python alone takes 1_000 for a number
    except ValueError:
        return None


def _advice(column: pa.Array, name: str) -> str:
    """A hint where a column of dates stands among the channels."""
    dates = pa.types.is_temporal(column.type)
    if is_text(column):
        known = column.drop_null()
        dates = len(known) > 0 and bool(DATE.match(known[0].as_py()))
    return f"name it as the time column (`columns.time={name}`), " if dates else ""


def _holds_integers(column: pa.Array, numbers: FloatArray) -> bool:
    if not is_text(column):
        return bool(pa.types.is_integer(column.type))
    known = numbers[~np.isnan(numbers)]
    if not len(known) or (np.rint(known) != known).any():
        return False
    return bool(pc.all(pc.match_substring_regex(column, r"^\s*[+-]?\d+\s*$")).as_py())


def _n_rounded(column: pa.Array, numbers: FloatArray) -> int:
    if not np.nanmax(np.abs(numbers), initial=0) >= WHOLE_IN_FLOAT32:
        return 0
    exact = [None if value is None else int(value) for value in column.to_pylist()]
    pairs = zip(exact, numbers.tolist(), strict=True)
    return sum(whole is not None and whole != rounded for whole, rounded in pairs)


def _time_numbers(column: pa.Array, source: str, name: str, where: Where) -> NDArray[np.float64]:
    try:
        if not pa.types.is_boolean(column.type):
            return _float(column, pa.float64())
        raise pa.ArrowInvalid("truth values")
    except pa.ArrowException:
        if not is_text(column):
            raise DataError(
                f"{source}: column {name!r} holds {column.type}, expected numbers or dates; convert it to seconds"
            ) from None
    texts = column.to_pylist()
    numbers = [_number(text) for text in texts]
    if None not in numbers or np.nan in numbers:
        return np.array([0.0 if number is None else number for number in numbers])
    dates = [bool(DATE.match(text)) for text in texts]
    odd, wanted = (dates.index(False), "date") if sum(dates) * 2 >= len(dates) else (numbers.index(None), "number")
    raise DataError(
        f"{source}: expected a {wanted} as in other rows, got {shown(texts[odd])} in {where(odd)}, column {name!r}; "
        "write all times as numbers, or all as dates such as 2020-01-31 09:00"
    )


def _dates(column: pa.Array, source: str, name: str, where: Where) -> Times | None:
    """Dates of text as ISO 8601 has them, or None where it holds something else too."""
    texts = pc.utf8_trim_whitespace(column).fill_null("").to_pylist()
    if not all(map(DATE.match, texts)):
        return None
    import pandas as pd

    zones = [zone[0] if (zone := ZONE.search(text[10:])) else "" for text in texts]
    if not all(zones) and any(zones):
        raise DataError(f"{source}: some dates in column {name!r} have a time zone and some have none; give all one")
    try:
        parsed = pd.to_datetime(pd.Series(texts, dtype=object), format="ISO8601", utc=True, errors="coerce")
        known = parsed.dt.year.between(*YEARS).to_numpy()
    except (ValueError, OverflowError, AttributeError):
        known = np.zeros(len(texts), bool)
    if not known.all():
        row = int(np.argmin(known))
        raise DataError(
            f"{source}: expected a date such as 2020-01-31 09:00, of the years {YEARS[0]} to {YEARS[1]}, got "
            f"{shown(texts[row])} in {where(row)}, column {name!r}; correct it"
        )
    values: IntArray = parsed.dt.tz_localize(None).to_numpy("datetime64[ns]").astype(np.int64)
    offsets = set(zones) - {""}
    utc = {"Z", "+00:00", "+0000", "+00"}
    return Times(values, "" if not offsets else "UTC" if offsets <= utc else ", ".join(sorted(offsets)[:3]))
