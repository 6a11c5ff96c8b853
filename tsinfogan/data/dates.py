"""Dates: the frequency that they follow, and the dates that follow from a frequency.

Dates are int64 nanoseconds since 1970, in UTC if they have a time zone. A frequency is an alias of pandas: a multiple
of ``D``, ``h``, ``min``, ``s``, ``ms``, ``us`` or ``ns``, of months (``MS`` first days, ``ME`` last days), or ``B``,
Monday to Friday. Other aliases are left to pandas, which is imported only for them because it loads slowly.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsinfogan.errors import DataError

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
Dates = NDArray[np.datetime64]

UNITS_NS = {"D": 86_400 * 10**9, "h": 3_600 * 10**9, "min": 60 * 10**9, "s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
"""Nanoseconds of each fixed step, longest first."""
DAY_NS = UNITS_NS["D"]
SATURDAY = 5
ALIAS = re.compile(r"(\d*)(D|h|min|s|ms|us|ns|MS|ME|B)")
ZONE = re.compile(r"(Z|[+-]\d\d(:?\d\d)?)$")


def fixed_frequency(step_ns: int) -> str:
    """Alias of a step of fixed length, such as ``10min``."""
    unit = next(unit for unit, size in UNITS_NS.items() if step_ns % size == 0)
    count = step_ns // UNITS_NS[unit]
    return unit if count == 1 else f"{count}{unit}"


def step_and_unit(step_ns: float) -> tuple[float, str]:
    """A step in the longest unit of ``d``, ``h``, ``min`` and ``s`` that is not longer than it, else in ``s``."""
    for unit in ("D", "h", "min"):
        if step_ns >= UNITS_NS[unit]:
            return step_ns / UNITS_NS[unit], unit.lower()
    return step_ns / UNITS_NS["s"], "s"


def calendar_positions(time: IntArray, begin: IntArray, inner: IntArray) -> tuple[FloatArray, str] | None:
    """Position of each date on a calendar of months or working days, and its frequency; None if no such calendar fits.

    ``time`` holds the ``(n_rows,)`` dates, sorted within each case, and ``begin`` the first date of each row's case;
    ``inner`` are the rows, at least one, that are not the first of their case.
    """
    days = time // DAY_NS
    if np.ptp(time - days * DAY_NS):
        return None
    dates, first = days.astype("datetime64[D]"), (begin // DAY_NS).astype("datetime64[D]")
    for alias, shift in (("MS", 0), ("ME", 1)):
        shifted = dates + shift
        months = shifted.astype("datetime64[M]")
        if (months.astype("datetime64[D]") == shifted).all():
            passed = (months - (first + shift).astype("datetime64[M]")).astype(np.int64)
            step = int(np.gcd.reduce(passed[inner] - passed[inner - 1]))
            return passed / step, alias if step == 1 else f"{step}{alias}"
    gaps = days[inner] - days[inner - 1]
    weekdays = (days + 3) % 7  # the first of January 1970 was a Thursday; Monday is 0
    if (weekdays < SATURDAY).all() and np.median(gaps) == 1 and (weekdays[inner] < weekdays[inner - 1]).any():
        return np.busday_count(first, dates).astype(np.float64), "B"
    return None


def origin_text(first_ns: int, zoned: bool) -> str:
    """A date in ISO 8601, with ``+00:00`` if it has a time zone, and with no more digits than it needs."""
    date = np.datetime64(first_ns, "ns")
    unit: Any = next(unit for unit in ("s", "ms", "us", "ns") if date.astype(f"datetime64[{unit}]") == date)
    return f"{np.datetime_as_string(date, unit=unit)}{'+00:00' if zoned else ''}"


def is_zoned(text: str) -> bool:
    """Whether the text of a date and time ends with a time zone."""
    return bool(ZONE.search(text[10:]))


def timestamps(origin: str, frequency: str, n: int) -> Dates:
    """``(n,)`` dates from ``origin`` on, as ``datetime64[s]`` if all are whole seconds, else ``datetime64[ns]``."""
    first, several = _parsed(origin), max(n, 2)  # one date alone does not show how fine the step is
    match = ALIAS.fullmatch(frequency)
    dates = _steps(first, int(match[1] or 1), match[2], several) if match else None
    if dates is None:
        dates = _by_pandas(first, frequency, several)
    seconds = dates.astype("datetime64[s]")
    return (seconds if (seconds == dates).all() else dates)[:n]


def _steps(first: np.datetime64, count: int, unit: str, n: int) -> Dates | None:
    """``(n,)`` dates, every ``count`` units; None if ``first`` is not a date of that calendar."""
    indices = np.arange(n) * count
    days: Dates
    day = first.astype("datetime64[D]")
    if unit in UNITS_NS:
        return np.asarray(first + (indices * UNITS_NS[unit]).astype("timedelta64[ns]"))
    if unit == "B":
        if not np.is_busday(day):
            return None
        days = np.busday_offset(day, indices)
    else:
        shifted = day + (unit == "ME")
        month = shifted.astype("datetime64[M]")
        if month.astype("datetime64[D]") != shifted:
            return None
        days = (month + indices).astype("datetime64[D]") - (unit == "ME")
    return np.asarray(days.astype("datetime64[ns]") + (first - day))


def _by_pandas(first: np.datetime64, frequency: str, n: int) -> Dates:
    import pandas as pd

    try:
        return pd.date_range(first, periods=n, freq=frequency).to_numpy("datetime64[ns]")
    except (ValueError, OverflowError) as error:
        raise DataError(f"expected a frequency such as D, 10min or MS, got {frequency!r}: {error}") from None


def _parsed(origin: str) -> np.datetime64:
    try:
        zone = ZONE.search(origin[10:])
        if zone is None:
            return np.datetime64(origin, "ns")
        plain = np.datetime64(origin[: -len(zone[0])], "ns")
        digits = zone[0].strip("Z+-").replace(":", "").ljust(4, "0")
        ahead = np.timedelta64(60 * int(digits[:2]) + int(digits[2:]), "m")
        utc: np.datetime64 = plain + ahead if zone[0].startswith("-") else plain - ahead
        return utc
    except ValueError:
        raise DataError(f"expected a date and time such as 2020-01-31T09:00:00, got {origin!r}") from None
