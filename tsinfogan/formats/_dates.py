"""Dates as text in the forms that people have, as ISO 8601. A form that could mean two dates is refused."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tsinfogan.errors import DataError

ISO = re.compile(r"\d{4}-\d\d(?!\d)")
THREE = re.compile(r"(\d{1,4})([/.-])(\d{1,2})\2(\d{1,4})(?:[ T]+(.*))?")
COMPACT = re.compile(r"((?:1[6-9]|2[01])\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
NAME = f"({'|'.join(MONTHS)})[a-z]*"
NAMED = re.compile(rf"(?:(\d\d?)[ -])?{NAME}[ -]?(\d{{4}})|(\d{{4}})[ -]?{NAME}", re.IGNORECASE)
QUARTER = re.compile(r"(\d{4})[ -]?Q([1-4])|Q([1-4])[ -]?(\d{4})", re.IGNORECASE)
CLOCK = re.compile(r"(\d\d?)[:.](\d\d)(?:[:.](\d\d))?([.,]\d+)?\s*([ap]m)?(.*)", re.IGNORECASE)
PARTS = {"year": "", "month": "/", "day": "/", "hour": " ", "minute": ":", "second": ":"}
"""Columns that together are a date, in order, and what stands before each."""


def is_date(text: str) -> bool:
    """Whether a text is a date in any form but digits alone."""
    text = text.strip()
    if ISO.match(text) or NAMED.fullmatch(text) or QUARTER.fullmatch(text):
        return True
    three = THREE.fullmatch(text)
    return three is not None and 4 in (len(three[1]), len(three[4]))


def iso_dates(texts: Sequence[str], dates: str | None, source: str, name: str) -> tuple[list[str], str] | None:
    """The texts as ISO 8601 and how they were read, if that is a guess; None if one of them is no date.

    ``dates`` is as of :class:`ColumnNames`; messages call the column ``name``.
    """
    if dates == "numbers" or not texts:
        return None
    if all(map(ISO.match, texts)):
        return list(texts), ""
    if found := _all(COMPACT, texts):
        return ["-".join(match.groups()) for match in found], f"numbers such as {texts[0]} are read as dates"
    if found := _all(QUARTER, texts):
        return [f"{m[1] or m[4]}-{3 * int(m[2] or m[3]) - 2:02}-01" for m in found], ""
    if found := _all(NAMED, texts):
        return [_joined(m[3] or m[4], 1 + MONTHS.index((m[2] or m[5]).lower()), m[1] or 1) for m in found], ""
    found = _all(THREE, texts)
    if found and all(len(match[1]) == 4 for match in found):
        return [_joined(match[1], match[3], match[4], match[5]) for match in found], ""
    if not found or not all(len(match[4]) == 4 for match in found):
        return None
    firsts, seconds = (max(int(match[place]) for match in found) for place in (1, 3))
    if dates is None and max(firsts, seconds) <= 12:
        raise DataError(
            f"{source}: dates such as {texts[0]} in column {name!r} may have the day or the month first; say which by "
            "`columns.dates=day_first` or `columns.dates=month_first`"
        )
    day_first = firsts > 12 if dates is None else dates == "day_first"
    day, month = (1, 3) if day_first else (3, 1)
    how = f"dates such as {texts[0]} are read as {'day, month' if day_first else 'month, day'}, year"
    return [_joined(match[4], match[month], match[day], match[5]) for match in found], how


def _all(form: re.Pattern[str], texts: Sequence[str]) -> list[re.Match[str]]:
    """The matches of all texts, or none."""
    if not form.fullmatch(texts[0]):
        return []
    found = [match for text in texts if (match := form.fullmatch(text))]
    return found if len(found) == len(texts) else []


def _joined(year: str, month: str | int, day: str | int, clock: str | None = None) -> str:
    date = f"{year}-{int(month):02}-{int(day):02}"
    if not clock or not (match := CLOCK.fullmatch(clock.strip())):
        return f"{date} {clock}" if clock else date
    half = (match[5] or "").lower()
    hour = int(match[1]) % 12 + 12 * (half == "pm") if half else int(match[1])
    return f"{date} {hour:02}:{match[2]}:{match[3] or '00'}{(match[4] or '').replace(',', '.')}{match[6].strip()}"


def joined_time(table: pa.Table, time: str) -> pa.Table:
    """``table`` with one column called ``time``, such as ``year,month,day``, in place of the columns it lists."""
    names = time.split(",")
    texts = {name.strip().lower(): pc.utf8_trim_whitespace(table[name].cast(pa.string())) for name in names}
    if "year" in texts and texts.keys() <= PARTS.keys():
        texts = {"month": pa.scalar("1"), "day": pa.scalar("1"), "minute": pa.scalar("00"), **texts}
        if "hour" not in texts:
            del texts["minute"]
        padded = {part: pc.utf8_lpad(texts[part], 2, "0") for part in PARTS if part in texts}
        pieces = [piece for part, text in padded.items() for piece in (pa.scalar(PARTS[part]), text)]
        joined = pc.binary_join_element_wise(*pieces, "")
    else:
        joined = pc.binary_join_element_wise(*texts.values(), " ")
    kept = [name for name in table.column_names if name not in names]
    return pa.table([*(table[name] for name in kept), joined], names=[*kept, time])


def seconds_of(texts: Sequence[str]) -> NDArray[np.float64] | None:
    """Times of day and durations, such as ``00:01:30`` or ``90 s``, in seconds; None if a text is neither."""
    if not texts or not re.match(r"\s*[+-]?[\d.]+\s*[:a-zµ]", texts[0]):
        return None
    import pandas as pd

    try:
        seconds = pd.to_timedelta(pd.Series(texts, dtype=object)).dt.total_seconds().to_numpy(np.float64)
    except (ValueError, OverflowError):
        return None
    return seconds if np.isfinite(seconds).all() else None
