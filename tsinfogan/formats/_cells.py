"""Columns of a table as numbers or dates. A cell that is neither is refused, and the message says where it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tsinfogan.data.columns import is_number
from tsinfogan.data.date_forms import as_iso, is_date
from tsinfogan.data.dates import DAY_NS, ZONE
from tsinfogan.data.panel import ChannelKind, IntArray
from tsinfogan.errors import DataError

MISSING = ("", "?", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "nat", "null", "none")
"""Texts that stand for a missing number, in upper or lower case."""
YEARS = (1678, 2261)
"""The years that int64 nanoseconds since 1970 can express."""
UTC = {"Z", "+00:00", "+0000", "+00"}
MAX_LOOK = 1000
"""Rows that are looked at for a message."""


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

    values: NDArray[np.float64]  # (n_rows,), NaN where missing
    kind: ChannelKind


class Times(NamedTuple):
    """The times of the rows."""

    values: NDArray[np.float64] | IntArray  # (n_rows,) numbers, or dates as nanoseconds since 1970
    zone: str = ""  # time zone that dates were given in; empty for numbers and for dates without a zone
    unit: str = ""  # of numbers, if it is known
    how: str = ""  # how they were read, if that is a guess

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


def read_channel(column: Column, missing: Sequence[str] = ()) -> Numbers:
    """The numbers of a column, each of them finite in float32; ``missing`` are further texts of missing values."""
    cells, is_boolean = column.cells, pa.types.is_boolean(column.cells.type)
    try:
        numbers = _cast(cells.cast(pa.int8()) if is_boolean else cells, pa.float64())
    except pa.ArrowException:
        if not column.is_text:
            raise DataError(
                f"{column.source}: column {column.name!r} holds {cells.type}, expected numbers; "
                f"{_advice(column)}convert or drop it"
            ) from None
        cells, is_boolean = without_words(cells, missing)
        try:
            numbers = _cast(cells, pa.float64())
        except pa.ArrowException:
            numbers = _parsed(column, cells)
    with np.errstate(over="ignore"):
        infinite = np.isinf(numbers.astype(np.float32))
    if infinite.any():
        raise column.refusal("a finite number", int(np.argmax(infinite)), "correct it, or leave it empty")
    if not is_boolean and _are_integers(column, cells, numbers):
        return Numbers(numbers, "integer")
    return Numbers(numbers, "boolean" if is_boolean else "real")


def _cast(cells: pa.Array, kind: Any) -> NDArray[Any]:
    numbers: NDArray[Any] = cells.cast(kind, safe=False).to_numpy(zero_copy_only=False)
    return numbers


def without_words(cells: pa.Array, missing: Sequence[str] = ()) -> tuple[pa.Array, bool]:
    """Texts trimmed, null where missing, ``true`` as 1 and ``false`` as 0; and whether all were true or false."""
    trimmed = pc.utf8_trim_whitespace(cells)
    lower = pc.utf8_lower(trimmed)
    words = [*MISSING, *(text.strip().lower() for text in missing)]
    absent = pc.is_in(lower, value_set=pa.array(words, lower.type))
    truths = pc.is_in(lower, value_set=pa.array(["true", "false"], lower.type))
    is_boolean = bool(pc.all(pc.or_(truths, absent)).as_py() and pc.any(truths).as_py())
    text = pc.if_else(pc.equal(lower, "true"), "1", "0").cast(trimmed.type) if is_boolean else trimmed
    return pc.if_else(absent, pa.scalar(None, trimmed.type), text), is_boolean


def _parsed(column: Column, cells: pa.Array) -> NDArray[np.float64]:
    """The numbers of trimmed texts by Python, which is slower than Arrow but reads plus signs."""
    numbers = list(map(_number, cells.to_pylist()))
    if None in numbers:
        raise column.refusal("a number", numbers.index(None), f"{_advice(column)}correct it or drop the column")
    return np.array(numbers, np.float64)


def _number(text: str | None) -> float | None:
    if text is None or text.strip().lower() in MISSING:
        return np.nan
    return float(text) if is_number(text) else None


def _advice(column: Column) -> str:
    """What a column that is read as a channel may be instead."""
    known = column.cells.drop_null() if column.is_text else []
    if pa.types.is_temporal(column.cells.type) or (len(known) and is_date(known[0].as_py())):
        return f"name it as the time column (`columns.time={column.name}`), "
    if not column.is_text:
        return ""
    if 1 < len(pc.unique(column.cells)) * 3 <= len(column.cells):
        return (
            f"name it as the label (`columns.label={column.name}`) or leave it out (`columns.ignore={column.name}`), "
        )
    return "say which text is a missing value (`columns.missing`), "


def _are_integers(column: Column, cells: pa.Array, numbers: NDArray[np.float64]) -> bool:
    """Whether all are whole, and written so."""
    if not column.is_text and not pa.types.is_floating(cells.type):
        return bool(pa.types.is_integer(cells.type))
    known = numbers[~np.isnan(numbers)]
    if not len(known) or (np.rint(known) != known).any():
        return False
    if not column.is_text:
        return len(known) < len(numbers)
    return written_whole([cells], len(known) < len(numbers))


def written_whole(texts: Iterable[pa.Array], gappy: bool) -> bool:
    """Whether whole numbers, null where missing, are written as such; ``gappy`` says whether some are missing.

    All may be written like ``3``. ``3.0`` is what pandas writes of whole numbers with a gap.
    """
    forms = [r"^\s*[+-]?\d+\s*$", *([r"^\s*[+-]?\d+\.0\s*$"] if gappy else [])]
    for cells in texts:
        forms = [form for form in forms if pc.all(pc.match_substring_regex(cells, form)).as_py() is not False]
    return bool(forms)


# ---- times


def read_times(column: Column, dates: str | None = None) -> Times:
    """The numbers or dates of a column, which may not hold both; ``dates`` as of :class:`ColumnNames`."""
    cells = column.cells
    absent: NDArray[np.bool_] = cells.is_null().to_numpy(zero_copy_only=False)
    if pa.types.is_timestamp(cells.type) or pa.types.is_date(cells.type):
        times = _typed_dates(column)
    elif pa.types.is_duration(cells.type):
        nanoseconds = cells.cast(pa.duration("ns")).cast(pa.int64()).fill_null(0)
        times = Times(nanoseconds.to_numpy(zero_copy_only=False) / 1e9, unit="s")
    else:
        times = _text_times(column, dates) or Times(_time_numbers(column))
        absent = np.zeros(1, bool) if times.are_dates else ~np.isfinite(times.values)
    if absent.any():
        raise column.refusal("a time", int(np.argmax(absent)), "fill it in")
    if times.are_dates and len(times.values) and int(times.values.max()) - int(times.values.min()) >= 1 << 63:
        raise DataError(
            f"{column.source}: the dates in column {column.name!r} span more than 292 years; give years as numbers"
        )
    return times


def _typed_dates(column: Column) -> Times:
    cells, zone = column.cells, getattr(column.cells.type, "tz", None) or ""
    try:
        cells = cells.cast(pa.timestamp("ns", zone or None), safe=True)
    except pa.ArrowException:
        raise DataError(
            f"{column.source}: column {column.name!r} holds dates beyond the years {YEARS[0]} to {YEARS[1]}; shift them"
        ) from None

    def nanoseconds(dates: pa.Array) -> IntArray:
        values: IntArray = dates.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
        return values

    with suppress(pa.ArrowException):  # a zone that this machine does not know
        if zone not in ("", "UTC"):
            return _by_calendar(nanoseconds(cells), nanoseconds(pc.local_timestamp(cells)), zone)
    return Times(nanoseconds(cells), zone)


def _by_calendar(utc: IntArray, local: IntArray, zone: str) -> Times:
    """Dates as they are on the local calendar if all have one time of day there, else as they are in UTC."""
    days = local // DAY_NS
    if len(local) and not np.ptp(local - days * DAY_NS) and np.ptp(days):
        return Times(local, how=f"dates of zone {zone} are taken as dates of the local calendar, without zone")
    return Times(utc, zone)


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
    if None not in numbers or np.nan in numbers:  # an empty cell is told first
        return np.array([0.0 if number is None else number for number in numbers])
    odd, expected = numbers.index(None), "a number" if numbers.count(None) < len(numbers) else ""
    if is_date(texts[0] or "") and not all(dates := [is_date(text or "") for text in texts[:MAX_LOOK]]):
        odd, expected = dates.index(False), "a date"
    advice = "write all times as numbers, or all as dates such as 2020-01-31 09:00"
    raise column.refusal(f"{expected} as in other rows" if expected else "a number or a date", odd, advice)


def _text_times(column: Column, dates: str | None) -> Times | None:
    """Dates or durations, each distinct text parsed once; None if the column holds other text, or numbers."""
    if not column.is_text and not pa.types.is_integer(column.cells.type):
        return None
    text = column.cells if column.is_text else column.cells.cast(pa.string())
    coded = pc.utf8_trim_whitespace(text).fill_null("").dictionary_encode()
    texts, index = coded.dictionary.to_pylist(), coded.indices.to_numpy(zero_copy_only=False)
    found = as_iso(texts, dates, column.source, column.name)
    if found is None:
        seconds = _seconds(texts)
        return None if seconds is None else Times(seconds[index], unit="s")
    iso, how = found
    zones = [zone[0] if (zone := ZONE.search(text[10:])) else "" for text in iso]
    if not all(zones) and any(zones):
        raise DataError(
            f"{column.source}: some dates in column {column.name!r} have a time zone and some have none; give all one"
        )
    utc, known = _nanoseconds(iso)
    if not known.all():
        expected = f"a date such as 2020-01-31 09:00, of the years {YEARS[0]} to {YEARS[1]}"
        raise column.refusal(expected, int(np.argmin(known[index])), "correct it")
    if (offsets := set(zones) - {""}) <= UTC:
        return Times(utc[index], "UTC" if offsets else "", how=how)
    local, _ = _nanoseconds([text.removesuffix(zone) for text, zone in zip(iso, zones, strict=True)])
    return _by_calendar(utc[index], local[index], ", ".join(sorted(offsets)[:3]))


def _nanoseconds(iso: Sequence[str]) -> tuple[IntArray, NDArray[np.bool_]]:
    """``(n,)`` dates in UTC as nanoseconds since 1970, and which of them exist and are of ``YEARS``."""
    import pandas as pd

    try:
        parsed = pd.to_datetime(pd.Series(iso, dtype=object), format="ISO8601", utc=True, errors="coerce")
        known = parsed.dt.year.between(*YEARS).to_numpy()
        return parsed.dt.tz_localize(None).to_numpy("datetime64[ns]").astype(np.int64), known
    except (ValueError, OverflowError, AttributeError):
        return np.zeros(len(iso), np.int64), np.zeros(len(iso), bool)


def _seconds(texts: Sequence[str]) -> NDArray[np.float64] | None:
    """Times of day and durations, such as ``00:01:30`` or ``90 s``, in seconds; None if a text is neither."""
    if not texts or not re.match(r"[+-]?[\d.]+\s*[:a-zµ]", texts[0]):
        return None
    import pandas as pd

    try:
        seconds = pd.to_timedelta(pd.Series(texts, dtype=object)).dt.total_seconds().to_numpy(np.float64)
    except (ValueError, OverflowError):
        return None
    return seconds if np.isfinite(seconds).all() else None


def joined_time(table: pa.Table, time: str) -> pa.Table:
    """``table`` with one column called ``time``, such as ``year,month,day``, in place of the columns it lists."""
    names = time.split(",")
    parts = {name.strip().lower(): table[name] for name in names}
    if "year" in parts:
        import pandas as pd

        numbers = {part: pd.to_numeric(column.to_pandas(), errors="coerce") for part, column in parts.items()}
        joined = pa.array(pd.to_datetime(pd.DataFrame({"month": 1, "day": 1} | numbers), errors="coerce"))
    else:
        texts = [pc.utf8_trim_whitespace(column.cast(pa.string())) for column in parts.values()]
        joined = pc.binary_join_element_wise(*texts, " ")
    kept = [name for name in table.column_names if name not in names]
    return pa.table([*(table[name] for name in kept), joined], names=[*kept, time])
