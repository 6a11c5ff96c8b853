"""Dates, values far from 0, missing values and columns in files as other programs write them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, settings

from _dialects import LONG, read
from tsinfogan.data.columns import ColumnNames, Windows
from tsinfogan.data.panel import Panel, check_trainable
from tsinfogan.errors import DataError
from tsinfogan.formats import read_panel, write_panel

relaxed = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


# ---- dates and times


@pytest.mark.parametrize(
    ("form", "frequency"),
    [
        ("%Y/%m/%d", "D"),
        ("%d/%m/%Y", "D"),
        ("%m/%d/%Y", "D"),
        ("%d.%m.%Y %H:%M", "h"),
        ("%d/%m/%Y %H.%M.%S", "h"),
        ("%m/%d/%Y %I:%M %p", "h"),
        ("%Y%m%d", "D"),
        ("%Y %b", "MS"),
        ("%B %Y", "MS"),
        ("%d-%b-%Y", "D"),
    ],
)
def test_forms_of_dates(form: str, frequency: str, tmp_path: Path) -> None:
    dates = pd.date_range("2023-01-30", periods=40, freq=frequency)
    text = pd.DataFrame({"when": dates.strftime(form), "x": range(40)}).to_csv(index=False)
    panel = read(tmp_path / "mine.csv", text, ColumnNames(time="when"), Windows(8))
    assert (panel.time_origin, panel.time_frequency) == (dates[0].isoformat(), frequency)
    if form == "%Y%m%d":
        with pytest.raises(DataError, match="gap"):
            read(tmp_path / "mine.csv", text, ColumnNames(time="when", dates="numbers"), Windows(8))
        frame = pd.DataFrame({"when": dates.strftime(form).astype(int), "x": range(40)})
        frame.to_parquet(tmp_path / "mine.parquet")
        assert read_panel(tmp_path / "mine.parquet", ColumnNames(time="when"), Windows(8)).time_frequency == "D"


def test_a_date_that_could_be_two_is_asked_for(tmp_path: Path) -> None:
    text = "case,time,x\n" + "".join(f"{case},0{day}/01/2024,1\n" for case in (1, 2) for day in range(1, 8))
    with pytest.raises(DataError, match=r"`columns\.dates=day_first` or `columns\.dates=month_first`"):
        read(tmp_path / "mine.csv", text)
    assert read(tmp_path / "mine.csv", text, ColumnNames(dates="day_first")).time_frequency == "D"
    assert read(tmp_path / "mine.csv", text, ColumnNames(dates="month_first")).time_frequency == "MS"


def test_quarters_clocks_and_durations(tmp_path: Path) -> None:
    def with_times(times: list[str]) -> Panel:
        rows = "".join(f"{time},{row}\n" for row, time in enumerate(times))
        return read(tmp_path / "mine.csv", f"time,x\n{rows}", windows=Windows(3))

    assert with_times([f"{year} Q{k}" for year in (1970, 1971) for k in range(1, 5)]).time_frequency == "3MS"
    for times in (
        [f"00:{k:02}:30" for k in range(9)],
        [f"{k * 60} s" for k in range(9)],
        [f"{k} min" for k in range(9)],
    ):
        panel = with_times(times)
        assert (panel.time_step, panel.time_unit) == (60, "s")
    table = pd.DataFrame({"time": pd.to_timedelta(np.arange(9) * 2, unit="s"), "x": range(9)})
    table.to_parquet(tmp_path / "mine.parquet")
    panel = read_panel(tmp_path / "mine.parquet", windows=Windows(3))
    assert (panel.time_step, panel.time_unit) == (2, "s")


@pytest.mark.parametrize("parts", [("year", "month"), ("Year", "Month", "Day", "Hour"), ("Date", "Time")])
def test_times_in_several_columns(parts: tuple[str, ...], tmp_path: Path) -> None:
    frequency = "MS" if len(parts) == 2 and parts[0] == "year" else "h"
    dates = pd.date_range("2023-12-01", periods=30, freq=frequency)
    columns: dict[str, Any] = {}
    if "Date" in parts:
        dates += pd.Timedelta(days=20)
        columns = {"Date": dates.strftime("%d/%m/%Y"), "Time": dates.strftime("%H.%M.%S")}
    else:
        columns = {part: getattr(dates, part.lower()) for part in parts}
    text = pd.DataFrame({**columns, "x": range(30)}).to_csv(index=False)
    panel = read(tmp_path / "mine.csv", text, ColumnNames(time=",".join(parts)), Windows(6))
    assert panel.channels == ("x",)
    assert (panel.time_origin, panel.time_frequency) == (dates[0].isoformat(), frequency)
    with pytest.raises(DataError, match="no column 'when'"):
        read(tmp_path / "mine.csv", text, ColumnNames(time=f"{parts[0]},when"), Windows(6))


ZONED = {
    "business days, New York": (pd.bdate_range("2023-01-02", periods=400, tz="America/New_York"), "B"),
    "days, Berlin": (pd.date_range("2024-01-01", periods=200, tz="Europe/Berlin"), "D"),
    "months, Berlin": (pd.date_range("2015-01-01", periods=120, freq="MS", tz="Europe/Berlin"), "MS"),
    "weeks, Sydney": (pd.date_range("2020-01-06", periods=150, freq="W-MON", tz="Australia/Sydney"), "7D"),
}


@pytest.mark.parametrize("name", ZONED)
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_local_midnights_are_days_of_the_local_calendar(name: str, suffix: str, tmp_path: Path) -> None:
    dates, frequency = ZONED[name]
    table = pd.DataFrame({"time": dates, "x": np.arange(len(dates)) / 2})
    path = tmp_path / f"mine.{suffix}"
    table.to_csv(path, index=False) if suffix == "csv" else table.to_parquet(path)
    panel = read_panel(path, windows=Windows(12))
    assert (panel.time_origin, panel.time_frequency) == (dates[0].tz_localize(None).isoformat(), frequency)
    assert panel.n_cases == len(dates) - 11
    assert len(panel.notes) == 1
    assert "local calendar" in panel.notes[0]


def test_an_hour_that_exists_twice(tmp_path: Path) -> None:
    dates = pd.date_range("2024-10-26 20:00", periods=16, freq="h", tz="Europe/Berlin")
    naive = pd.DataFrame({"case": 1, "time": dates.tz_localize(None), "x": range(16)})
    with pytest.raises(DataError, match=r"02:00:00; keep one .* if clocks went back an hour here, .* offset"):
        read(tmp_path / "mine.csv", naive.to_csv(index=False))
    panel = read(tmp_path / "mine.csv", naive.assign(time=dates).to_csv(index=False))
    assert (panel.time_frequency, panel.grid) == ("h", (16,))


def test_gaps_are_told_in_the_unit_of_the_data(tmp_path: Path) -> None:
    dates = [*pd.date_range("2024-01-01", periods=9), pd.Timestamp("2026-01-01")]
    text = pd.DataFrame({"time": dates, "x": range(10)}).to_csv(index=False)
    with pytest.raises(DataError, match=r"a step of about 1 d, as in most places, got a gap of 723 steps"):
        read(tmp_path / "mine.csv", text, windows=Windows(3))


# ---- channels far from 0


@pytest.mark.parametrize("suffix", [".csv", ".wide.csv", ".parquet", ".arrow", ".npz", ".ts", ".arff"])
def test_digits_of_channels_far_from_0_are_kept(suffix: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    raw = np.stack(
        [
            4649776 + rng.normal(size=(20, 16)).cumsum(1).round(3),
            52.52 + (rng.normal(size=(20, 16)) / 1000).round(6),
            1.7e9 + np.arange(320.0).reshape(20, 16),
            rng.normal(size=(20, 16)).round(4),
        ],
        axis=1,
    ).round(6)
    kinds: Any = ("real", "real", "integer", "real")
    panel = Panel.from_arrays(raw, channels=["northing", "latitude", "seconds", "x"], kinds=kinds)
    assert [bool(offset) for offset in panel.offsets] == [True, True, True, False]
    write_panel(panel, tmp_path / f"mine{suffix}")
    back = read_panel(tmp_path / f"mine{suffix}")
    for channel in range(4):
        np.testing.assert_array_equal(
            panel.raw(channel).astype(str), raw[:, channel].astype(panel.raw(channel).dtype).astype(str)
        )
        np.testing.assert_array_equal(back.raw(channel), panel.raw(channel))
    assert back.notes == ()
    shifted = back.with_offsets((4649000.0, 52.0, 1.7e9, 0.0))
    np.testing.assert_allclose(shifted.raw(0), raw[:, 0], atol=1e-4)


# ---- missing values, columns to leave out, labels


def test_sentinels_and_columns_to_leave_out(tmp_path: Path) -> None:
    text = LONG.assign(note="fine", z=[-200, *range(23)]).to_csv(index=False)
    columns = ColumnNames(ignore=("note",), missing=("-200", "?", "<1"))
    panel = read(tmp_path / "mine.csv", text, columns)
    assert panel.channels == ("x", "y", "z")
    assert panel.values[0, 2, 0] == panel.values[0, 2, 1] == 0
    assert panel.kinds == ("real", "real", "integer")
    text = LONG.assign(y=["<1", *LONG.y[1:]]).to_csv(index=False)
    with pytest.raises(DataError, match=r"got '<1' in case 0, .*`columns\.missing`"):
        read(tmp_path / "mine.csv", text)
    assert (
        "1 of 48 values are missing" in read(tmp_path / "mine.csv", text, columns=ColumnNames(missing=("<1",))).notes[0]
    )
    with pytest.raises(DataError, match="no column 'nothing'"):
        read(tmp_path / "mine.csv", text, ColumnNames(ignore=("nothing",)))
    words = LONG.assign(state=["on", "off"] * 12).to_csv(index=False)
    with pytest.raises(DataError, match=r"`columns\.label=state`.*`columns\.ignore=state`"):
        read(tmp_path / "mine.csv", words)


def test_whole_numbers_that_pandas_wrote_with_a_gap(tmp_path: Path) -> None:
    table = LONG.assign(n=[np.nan, *range(23)])
    assert read(tmp_path / "mine.csv", table.to_csv(index=False)).kinds == ("real", "real", "integer")
    table.to_parquet(tmp_path / "mine.parquet")
    assert read_panel(tmp_path / "mine.parquet").kinds == ("real", "real", "integer")


def test_labels_of_rows(tmp_path: Path) -> None:
    table = pd.DataFrame({"label": [*"aaaaaabbbb"], "x": range(10)})
    text = table.to_csv(index=False)
    panel = read(tmp_path / "mine.csv", text, windows=Windows(4, 2))
    assert [panel.classes[k] for k in panel.case_labels] == ["a", "a", "a", "b"]  # two of each: the first
    assert "1 of 4 windows have rows of several classes and get the most frequent one" in panel.notes[-1]
    pure = read(tmp_path / "mine.csv", text, windows=Windows(4, 2, "row"))
    assert pure.values[:, 0, 0].tolist() == [0, 2, 6]
    assert [pure.classes[k] for k in pure.case_labels] == ["a", "a", "b"]
    with pytest.raises(DataError, match="cut shorter windows"):
        read(tmp_path / "mine.csv", "label,x\n" + "a,1\nb,2\n" * 5, windows=Windows(4, 2, "row"))
    numbers = "label,x\n" + "1,1\n2,2\n" * 5
    assert read(tmp_path / "mine.csv", numbers, ColumnNames(label=""), Windows(4)).channels == ("label", "x")


def test_a_column_that_is_one_value_in_each_case_is_said(tmp_path: Path) -> None:
    panel = read(tmp_path / "mine.csv", LONG.assign(age=LONG.case + 20).to_csv(index=False))
    assert "column 'age' never changes within a case" in panel.notes[-1]


def test_a_channel_that_no_file_can_hold_is_not_trained_on(tmp_path: Path) -> None:
    text = LONG.rename(columns={"x": "cat"}).to_csv(index=False)
    panel = read(tmp_path / "mine.csv", text, ColumnNames(channels=("cat", "y")))
    with pytest.raises(DataError, match="cannot be called 'cat'"):
        check_trainable(panel)


# ---- the collection of cases, if it is there


@pytest.mark.parametrize("folder", ["files", "files/stand_ins"])
def test_the_collection_is_read_or_refused_in_a_sentence(folder: str) -> None:
    root = os.environ.get("TSINFOGAN_CASES")  # a folder of awkward files
    if not root:
        pytest.skip("TSINFOGAN_CASES names no folder")
    for path in sorted((Path(root) / folder).iterdir()):
        try:
            said = list(read_panel(path).notes)
        except DataError as error:
            said = [str(error)]
        assert all("\n" not in sentence for sentence in said)
