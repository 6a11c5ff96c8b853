"""Dates that follow a frequency are those that pandas makes, and are found to follow it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tsinfogan.data.dates import calendar_positions, fixed_frequency, is_zoned, origin_text, step_and_unit, timestamps
from tsinfogan.errors import DataError

FREQUENCIES = ["D", "2D", "h", "36h", "10min", "90s", "250ms", "3us", "7ns", "MS", "5MS", "ME", "3ME", "B", "12MS"]


@pytest.mark.parametrize("frequency", FREQUENCIES)
@pytest.mark.parametrize("start", ["2020-01-31", "2019-02-28T11:30:00"])
def test_dates_are_those_of_pandas(frequency: str, start: str) -> None:
    expected = pd.date_range(start, periods=40, freq=frequency)
    got = timestamps(expected[0].isoformat(), frequency, 40)
    np.testing.assert_array_equal(got.astype("datetime64[ns]"), expected.to_numpy("datetime64[ns]"))
    if frequency.endswith(("MS", "ME", "B")):
        time = expected.to_numpy("datetime64[ns]").astype(np.int64)
        found = calendar_positions(time, np.full(40, time[0]), np.arange(1, 40))
        assert found is not None
        assert found[1] == frequency
        np.testing.assert_array_equal(found[0], np.arange(40))


@pytest.mark.parametrize("frequency", ["W-SUN", "QS-OCT", "bh"])
def test_what_only_pandas_knows_is_asked_of_it(frequency: str) -> None:
    expected = pd.date_range("2020-01-15 10:00", periods=5, freq=frequency)
    np.testing.assert_array_equal(timestamps("2020-01-15T10:00", frequency, 5), expected.to_numpy())


def test_a_month_that_begins_in_its_middle_is_what_pandas_makes_of_it() -> None:
    for frequency in ("MS", "ME", "B"):
        expected = pd.date_range("2020-02-15", periods=3, freq=frequency).to_numpy()
        np.testing.assert_array_equal(timestamps("2020-02-15", frequency, 3), expected)


@pytest.mark.parametrize("frequency", ["D", "h", "10min", "W"])
def test_dates_without_a_calendar_have_none(frequency: str) -> None:
    time = pd.date_range("2020-01-01", periods=40, freq=frequency).to_numpy("datetime64[ns]").astype(np.int64)
    assert calendar_positions(time, np.full(40, time[0]), np.arange(1, 40)) is None


def test_a_working_week_is_days() -> None:
    time = pd.date_range("2020-01-06", periods=5, freq="D").to_numpy("datetime64[ns]").astype(np.int64)
    assert calendar_positions(time, np.full(5, time[0]), np.arange(1, 5)) is None


@pytest.mark.parametrize(
    ("step_ns", "frequency", "step", "unit"),
    [
        (86_400 * 10**9, "D", 1, "d"),
        (7 * 86_400 * 10**9, "7D", 7, "d"),
        (36 * 3600 * 10**9, "36h", 1.5, "d"),
        (600 * 10**9, "10min", 10, "min"),
        (90 * 10**9, "90s", 1.5, "min"),
        (5_000_000, "5ms", 0.005, "s"),
        (1, "ns", 1e-9, "s"),
    ],
)
def test_fixed_steps(step_ns: int, frequency: str, step: float, unit: str) -> None:
    assert fixed_frequency(step_ns) == frequency
    assert pd.Timedelta(step_ns, "ns") == pd.Timedelta(pd.tseries.frequencies.to_offset(frequency).nanos, "ns")
    assert step_and_unit(step_ns) == (step, unit)


@pytest.mark.parametrize(
    "text",
    ["2020-01-31T09:00:00", "2020-01-31T09:00:00.250", "1969-12-31T23:59:59.999999999", "2020-01-31T09:00:00+00:00"],
)
def test_an_origin_is_what_it_was(text: str) -> None:
    zoned = text.endswith("+00:00")
    assert is_zoned(text) == zoned
    first = timestamps(text, "ns", 1)[0].astype("datetime64[ns]").astype(np.int64)
    assert origin_text(int(first), zoned) == text


def test_other_zones_are_converted() -> None:
    for text in ("2020-01-01T00:30:00+01:00", "2019-12-31T23:30:00Z", "2019-12-31 19:00:00-0430"):
        assert timestamps(text, "D", 1)[0] == np.datetime64("2019-12-31T23:30:00")


@pytest.mark.parametrize(("origin", "frequency"), [("soon", "D"), ("2020-13-01", "D"), ("2020", "often"), ("2020", "")])
def test_what_cannot_be_understood_is_one_sentence(origin: str, frequency: str) -> None:
    with pytest.raises(DataError, match=r"expected a (date and time|frequency) such as") as caught:
        timestamps(origin, frequency, 3)
    assert "\n" not in str(caught.value)
