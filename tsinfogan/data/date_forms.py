"""Forms in which people write dates as text. A date that could be two is refused."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from tsinfogan.errors import DataError

ISO = re.compile(r"\d{4}-\d\d(?!\d)")
COMPACT = "%Y%m%d"
DAYS = (
    *("%Y-%m-%d", "%Y-%m", "%Y/%m/%d", "%Y.%m.%d", "%Y %b", "%b %Y", "%B %Y", "%d-%b-%Y", "%d %b %Y"),
    *("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%m.%d.%Y", "%d-%m-%Y", "%m-%d-%Y"),
)
CLOCKS = ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%H.%M.%S", "%I:%M %p", "%I:%M:%S %p", "%H:%M:%SZ", "%H:%M:%S+00:00")
MONTH = "(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
PARTS = {
    "%Y": r"\d{4}", "%m": "(0?[1-9]|1[0-2])", "%b": MONTH, "%B": f"{MONTH}[a-z]*", "%d": r"(0?[1-9]|[12]\d|3[01])",
    "%H": r"\d\d?", "%I": r"\d\d?", "%M": r"\d\d", "%S": r"\d\d", "%f": r"\d{1,9}", "%p": "[ap]m",
}  # fmt: skip
QUARTER = re.compile(r"(\d{4})[ -]?Q([1-4])", re.IGNORECASE)


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    """What each form looks like; eight digits are a date of the years 1600 to 2199 only."""
    forms = [*DAYS, *(f"{day}{gap}{clock}" for day in DAYS for gap in " T" for clock in CLOCKS)]
    looks = {form: re.sub("%[a-zA-Z]", lambda part: PARTS[part[0]], re.escape(form)) for form in forms}
    looks[COMPACT] = r"(1[6-9]|2[01])\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])"
    return {form: re.compile(look, re.IGNORECASE) for form, look in looks.items()}


def forms_of(texts: Sequence[str]) -> list[str]:
    """The forms, as ``strptime`` takes them, that all the texts may have."""
    return [form for form, look in _patterns().items() if look.fullmatch(texts[0]) and all(map(look.fullmatch, texts))]


def is_date(text: str) -> bool:
    """Whether a text is a date in any form but digits alone."""
    text = text.strip()
    return bool(ISO.match(text) or QUARTER.fullmatch(text) or (not text.isdigit() and forms_of([text])))


def as_iso(texts: Sequence[str], dates: str | None, source: str, name: str) -> tuple[Sequence[str], str] | None:
    """The texts as ISO 8601 and how they were read, if that is a guess; None if they are no dates.

    ``dates`` is as of :class:`ColumnNames`; messages call the column ``name`` of ``source``.

    Raises:
        DataError: day and month could be in either order, and ``dates`` does not say which.
    """
    if not texts or dates == "numbers":
        return None
    if all(map(ISO.match, texts)):
        return texts, ""
    if all(quarters := [QUARTER.fullmatch(text) for text in texts]):
        return [f"{quarter[1]}-{3 * int(quarter[2]) - 2:02}" for quarter in quarters if quarter], ""
    forms = forms_of(texts)
    if len(forms) > 1 and {form[:2] for form in forms} == {"%d", "%m"}:
        if dates is None:
            raise DataError(
                f"{source}: dates such as {texts[0]} in column {name!r} may have the day or the month first; say which "
                "by `columns.dates=day_first` or `columns.dates=month_first`"
            )
        forms = [form for form in forms if form.startswith("%d" if dates == "day_first" else "%m")]
    if not forms:
        return None
    import pandas as pd

    parsed = pd.to_datetime(pd.Series(texts, dtype=object), format=forms[0], errors="coerce").astype(str).tolist()
    return parsed, f"dates such as {texts[0]} are read as {parsed[0]}"
