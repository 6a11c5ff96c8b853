"""``--cat`` and ``--cont`` become numbers here, or one sentence; what a code can have is the library's to say."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsinfogan.cli._parsing import parse_codes
from tsinfogan.errors import SettingError


def plain(values: list[float | Sequence[float] | None] | None) -> list[list[float] | None]:
    assert values is not None
    return [None if value is None else [*value] for value in values]  # type: ignore[misc]


def test_nothing_given_is_nothing_asked() -> None:
    assert parse_codes(None, None) == (None, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3", [[3]]),
        ("_", [None]),
        ("1:3", [[1, 2, 3]]),
        ("3:1, _", [[3, 2, 1], None]),
        ("2:2", [[2]]),
        ("3.0", [[3]]),
        ("1.5", [[1.5]]),
    ],
)
def test_categories(text: str, expected: list[list[float] | None]) -> None:
    assert plain(parse_codes(text, None)[0]) == expected


@pytest.mark.parametrize("text", ["", "a", "two", "0:1:2", "nan", "1:", "0.5:2", "0:1e9", "1,", "1;2"])
def test_what_is_no_category(text: str) -> None:
    with pytest.raises(SettingError, match="expected a category"):
        parse_codes(text, None)


def test_numbers_and_sweeps() -> None:
    assert plain(parse_codes(None, "-0.5, _")[1]) == [[-0.5], None]
    assert plain(parse_codes(None, "-2:2:5")[1]) == [[-2.0, -1.0, 0.0, 1.0, 2.0]]
    assert plain(parse_codes(None, "-2:2")[1]) == [np.linspace(-2, 2, 9).tolist()]


@pytest.mark.parametrize("text", ["", "a", "1:2:1", "1:2:2.5", "1:2:3:4", "inf", "nan:1", "0:1:1e9", "0:1:nan", "0,"])
def test_what_is_no_sweep(text: str) -> None:
    with pytest.raises(SettingError, match="expected a"):
        parse_codes(None, text)


@given(text=st.text(alphabet="0123456789.:-+einfa _,", max_size=12))
def test_finite_numbers_or_a_sentence(text: str) -> None:
    for cat, cont in ((text, None), (None, text)):
        try:
            read = parse_codes(cat, cont)
        except SettingError:
            continue
        values = plain(read[0] if cat is not None else read[1])
        assert values
        assert all(value is None or (value and all(map(math.isfinite, value))) for value in values)
