"""Tables of all shapes: named columns, windows of one recording, dates, missing values and uneven times."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tsinfogan.data.columns import ColumnNames, Windows
from tsinfogan.data.panel import Panel
from tsinfogan.errors import DataError, SettingError, TsInfoGANError
from tsinfogan.formats import read_panel

relaxed = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(folder: Path, text: str, columns: ColumnNames | None = None, windows: Windows | None = None) -> Panel:
    path = folder / "mine.csv"
    path.write_text(text)
    return read_panel(path, columns or ColumnNames(), windows)


def recording(n: int, time: list[object] | None = None) -> str:
    rows = [f"{'' if time is None else f'{time[row]},'}{row},{row / 2}" for row in range(n)]
    return "\n".join([f"{'' if time is None else 'date,'}a,b", *rows]) + "\n"


# ---- names


def test_columns_may_be_called_anything(tmp_path: Path) -> None:
    text = "id,when,y,hr,note,spo2,label\n1,0,u,60,x,9,5\n1,1,u,61,y,8,6\n2,0,v,62,z,7,7\n2,1,v,63,z,6,8\n"
    panel = read(tmp_path, text, ColumnNames("id", "when", "y", ("spo2", "hr")))
    assert panel.channels == ("spo2", "hr")
    assert panel.values.tolist() == [[[9, 8], [60, 61]], [[7, 6], [62, 63]]]
    assert (panel.classes, panel.labels.tolist()) == (("u", "v"), [0, 1])  # type: ignore[union-attr]
    assert panel.notes == ()
    panel = read(tmp_path, text.replace(",note", ",cat"), ColumnNames("id", "when", "y"))
    assert panel.channels == ("hr", "spo2", "label")  # a column that is called so is a channel where another is named


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        (ColumnNames(case="id"), "no column 'id', only 'case', 'time', 'x'"),
        (ColumnNames(time="date"), "no column 'date'"),
        (ColumnNames(label="y"), "no column 'y'"),
        (ColumnNames(channels=("x", "z")), "no column 'z'"),
    ],
)
def test_a_column_that_is_not_there_is_named(columns: ColumnNames, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=complaint):
        read(tmp_path, "case,time,x\n1,0,1\n1,1,2\n", columns)


@pytest.mark.parametrize("arguments", [{"case": "a", "time": "a"}, {"case": ""}, {"channels": ("a", "a")}])
def test_names_must_make_sense(arguments: dict[str, object]) -> None:
    with pytest.raises(SettingError):
        ColumnNames(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("columns", [ColumnNames(), ColumnNames("a", None, "b"), ColumnNames(channels=("x", "y"))])
def test_names_are_kept_as_json(columns: ColumnNames) -> None:
    assert ColumnNames.from_dict(columns.to_dict()) == columns


# ---- one long recording


def test_a_recording_is_cut_into_windows(tmp_path: Path) -> None:
    panel = read(tmp_path, recording(10), windows=Windows(4, 3))
    np.testing.assert_array_equal(panel.values[:, 0], [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9]])
    np.testing.assert_array_equal(panel.values[:, 1], panel.values[:, 0] / 2)
    assert panel.kinds == ("integer", "real")
    assert (panel.time_step, panel.lengths, panel.notes) == (1, None, ())
    panel = read(tmp_path, recording(11), windows=Windows(4, 3))
    assert (panel.n_cases, panel.notes) == (3, ("mine.csv: 1 rows at the end fill no window and are left out",))


def test_a_recording_needs_windows_that_fit(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no column 'case'.*`columns\.case`.*`windows`"):
        read(tmp_path, recording(10))
    with pytest.raises(DataError, match="a series of 11 or more rows for windows of that length, got 10"):
        read(tmp_path, recording(10), windows=Windows(11))
    assert read(tmp_path, recording(10), windows=Windows(10, 99)).n_cases == 1
    for length, stride in ((1, 1), (0, 1), (5, 0), (-3, 1)):
        with pytest.raises(SettingError, match="windows of 2 or more rows"):
            Windows(length, stride)


def test_too_many_windows_to_hold_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tsinfogan.data.windows.MAX_SIZE", 100)
    assert read(tmp_path, recording(20), windows=Windows(5)).values.shape == (16, 2, 5)  # which are views
    two = "case,x\n" + "".join(f"{case},{row}\n" for case in range(2) for row in range(15))
    with pytest.raises(DataError, match=r"at most 100 numbers, got 22 x 1 x 5; lengthen the stride"):
        read(tmp_path, two, windows=Windows(5))
    assert read(tmp_path, two, windows=Windows(5, 4)).n_cases == 6


def test_a_file_may_hold_any_number_of_values_but_not_of_padding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tsinfogan.data.windows.MAX_SIZE", 100)
    equal = "case,time,x\n" + "".join(f"{case},{row},{row}\n" for case in range(9) for row in range(30))
    assert read(tmp_path, equal).values.shape == (9, 1, 30)
    short = "".join(f"{case},{row},{row}\n" for case in range(10, 19) for row in range(3))
    with pytest.raises(DataError, match="expected at most 100 numbers, got 10 x 1 x 30"):
        read(tmp_path, "case,time,x\n" + "".join(f"0,{row},{row}\n" for row in range(30)) + short)


def test_windows_stay_within_cases(tmp_path: Path) -> None:
    text = "case,time,x,label\n" + "".join(
        f"{case},{row},{10 * case + row},{case}\n" for case in (1, 2) for row in range(4)
    )
    panel = read(tmp_path, text, windows=Windows(3))
    assert panel.values[:, 0].tolist() == [[10, 11, 12], [11, 12, 13], [20, 21, 22], [21, 22, 23]]
    assert panel.labels.tolist() == [0, 0, 1, 1]  # type: ignore[union-attr]


def test_windows_are_not_cut_out_of_images(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds images"):
        read(tmp_path, "case,row,column,x\n1,0,0,1\n1,0,1,2\n", windows=Windows(2))


def test_rows_of_a_recording_are_sorted_by_time(tmp_path: Path) -> None:
    text = "date,x\n2020-01-03,3\n2020-01-01,1\n2020-01-02,2\n2020-01-04,4\n"
    panel = read(tmp_path, text, ColumnNames(time="date"), Windows(2))
    assert panel.values[:, 0].tolist() == [[1, 2], [2, 3], [3, 4]]
    assert (panel.time_origin, panel.time_frequency) == ("2020-01-01T00:00:00", "D")


# ---- dates


@pytest.mark.parametrize("frequency", ["D", "7D", "10min", "h", "90s", "250ms", "MS", "2MS", "ME", "3ME", "B", "12MS"])
@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S.%fZ"])
def test_dates_of_a_calendar(frequency: str, form: str, tmp_path: Path) -> None:
    dates = pd.date_range("2019-11-27 08:00", periods=40, freq=frequency)
    panel = read(tmp_path, recording(40, list(dates.strftime(form))), ColumnNames(time="date"), Windows(20))
    zone = "+00:00" if form.endswith("Z") else ""
    assert panel.time_origin == f"{dates[0].isoformat()}{zone}"
    assert panel.time_frequency == frequency
    assert panel.notes == ()
    assert panel.time_step > 0
    assert panel.time_unit in ("d", "h", "min", "s")


def test_only_dates_without_a_time_of_day(tmp_path: Path) -> None:
    dates = [f"2020-{month:02}-01" for month in (1, 2, 3)]
    panel = read(tmp_path, recording(3, list(dates)), ColumnNames(time="date"), Windows(2))
    assert (panel.time_origin, panel.time_frequency) == ("2020-01-01T00:00:00", "MS")


def test_holidays_of_business_days_are_missing_values(tmp_path: Path) -> None:
    dates = [str(day.date()) for day in pd.date_range("2020-03-02", periods=30, freq="B")]
    rows = recording(30, list(dates)).splitlines()
    panel = read(tmp_path, "\n".join(rows[:12] + rows[13:]), ColumnNames(time="date", channels=("b",)), Windows(10))
    assert panel.time_frequency == "B"
    np.testing.assert_array_equal(panel.values[0, 0], np.arange(10) / 2)  # filled in on the line that it is on
    np.testing.assert_array_equal(panel.values[20, 0], np.arange(20, 30) / 2)
    assert any("1 rows are absent" in note for note in panel.notes)
    assert any("1 of 30 values are missing" in note for note in panel.notes)


def test_other_zones_are_converted_to_utc(tmp_path: Path) -> None:
    dates = [f"2020-01-01T0{hour}:00+01:00" for hour in range(1, 6)]
    panel = read(tmp_path, recording(5, list(dates)), ColumnNames(time="date"), Windows(2))
    assert (panel.time_origin, panel.time_frequency) == ("2020-01-01T00:00:00+00:00", "h")
    assert panel.notes == ("mine.csv: dates of zone +01:00 are converted to UTC",)


def test_summer_time_is_no_gap(tmp_path: Path) -> None:
    days = pd.date_range("2020-03-20", periods=20, freq="D", tz="Europe/Paris")
    pd.DataFrame({"date": days, "x": np.arange(20.0)}).to_parquet(tmp_path / "mine.parquet")
    panel = read_panel(tmp_path / "mine.parquet", ColumnNames(time="date"), Windows(5))
    assert panel.time_frequency == "D"
    assert panel.time_origin == "2020-03-20T00:00:00"
    assert panel.notes == (
        "mine.parquet: dates of zone Europe/Paris are taken as dates of the local calendar, without zone",
    )


def test_cases_that_begin_on_other_days_are_said(tmp_path: Path) -> None:
    text = "case,time,x\n1,2020-01-01,1\n1,2020-01-02,2\n2,2020-02-01,3\n2,2020-02-02,4\n"
    panel = read(tmp_path, text)
    assert panel.time_origin == "2020-01-01T00:00:00"
    assert "begin between 2020-01-01T00:00:00 and 2020-02-01T00:00:00" in panel.notes[0]


# ---- missing values and uneven times


def test_missing_values_are_interpolated_and_counted(tmp_path: Path) -> None:
    cells = ["", "1", "2", "NA", "4", "5", "6", "7", "8", "null"]
    text = "case,time,x,y\n" + "".join(f"1,{row},{cell},{row % 2}\n" for row, cell in enumerate(cells))
    panel = read(tmp_path, text.replace("NA", "3"))
    assert panel.case(0)[0].tolist() == [1, 1, 2, 3, 4, 5, 6, 7, 8, 8]  # nearest at the ends
    assert panel.kinds == ("integer", "integer")
    (note,) = panel.notes
    assert "2 of 20 values are missing, in 1 of 1 cases" in note
    assert "'x' 2" in note
    with pytest.raises(DataError, match="3 of 10 values are missing in case 1, channel 'x', and at most 25%"):
        read(tmp_path, text)


def test_whole_numbers_and_truth_values_are_filled_in_as_such(tmp_path: Path) -> None:
    rows = ["0,true", "3,True", ",", "4,false", "5,FALSE", "6,false", "7,true", "8,true"]
    panel = read(tmp_path, "case,time,n,b\n" + "".join(f"1,{time},{row}\n" for time, row in enumerate(rows)))
    assert panel.kinds == ("integer", "boolean")
    assert panel.case(0)[0].tolist() == [0, 3, 4, 4, 5, 6, 7, 8]
    assert set(panel.case(0)[1].tolist()) == {0, 1}


def test_windows_with_large_gaps_are_left_out(tmp_path: Path) -> None:
    cells = [str(row) if not 10 <= row < 14 else "" for row in range(40)]
    panel = read(
        tmp_path, "x,y\n" + "".join(f"{cell},{row}\n" for row, cell in enumerate(cells)), windows=Windows(8, 4)
    )
    starts = [start for start in range(0, 33, 4) if len({*range(start, start + 8)} & {10, 11, 12, 13}) <= 2]
    assert panel.values[:, 1, 0].tolist() == starts
    assert any("1 of 9 windows are left out" in note for note in panel.notes)
    with pytest.raises(DataError, match=r"in every window of 4 rows more than 25% .* most of them in 'x'"):
        read(tmp_path, "x,y\n" + "1,2\n,2\n,2\n1,3\n" * 3, windows=Windows(4))


def test_absent_rows_are_missing_values(tmp_path: Path) -> None:
    text = "case,time,x\n" + "".join(f"1,{row * 0.5},{row}\n" for row in range(12) if row not in (3, 7))
    panel = read(tmp_path, text)
    assert panel.case(0).tolist() == [list(range(12))]
    assert panel.time_step == 0.5
    assert "2 rows are absent at a regular step of 0.5" in panel.notes[0]


def test_uneven_times_are_resampled(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    time = np.cumsum(rng.uniform(0.5, 1.5, 60))
    time -= time[0]
    panel = read(tmp_path, "case,time,x\n" + "".join(f"1,{at},{3 * at + 1}\n" for at in time))
    grid = np.arange(panel.grid[0]) * panel.time_step
    inside = grid <= time[-1]
    np.testing.assert_allclose(panel.case(0)[0][inside], (3 * grid + 1)[inside], rtol=1e-5)
    assert panel.time_step == pytest.approx(np.median(np.diff(time)))
    assert abs(grid[-1] - time[-1]) <= panel.time_step / 2
    assert "resampled linearly to the median step" in panel.notes[0]


def test_uneven_dates_are_resampled(tmp_path: Path) -> None:
    seconds = [0, 60, 130, 170, 240, 300, 380, 420]
    dates = [str(pd.Timestamp("2020-01-01") + pd.Timedelta(seconds=at)) for at in seconds]
    panel = read(tmp_path, recording(8, list(dates)), ColumnNames(time="date"), Windows(5))
    assert (panel.time_origin, panel.time_frequency) == ("2020-01-01T00:00:00", "min")
    assert "60" in panel.notes[0] or "min" in panel.notes[0]


def test_a_clock_that_jitters_is_said_and_rounding_is_not(tmp_path: Path) -> None:
    rounded = read(tmp_path, "case,time,x\n" + "".join(f"1,{row / 3:.6f},{row}\n" for row in range(30)))
    assert rounded.notes == ()
    jittered = read(tmp_path, "case,time,x\n" + "".join(f"1,{row + 0.05 * (row % 2)},{row}\n" for row in range(30)))
    assert jittered.case(0).tolist() == rounded.case(0).tolist() == [list(range(30))]
    assert "times are off a regular step of 1.0" in jittered.notes[0]


def test_times_that_start_elsewhere_are_said(tmp_path: Path) -> None:
    panel = read(tmp_path, "case,time,x\n1,5,1\n1,6,2\n2,7,1\n2,8,2\n")
    assert panel.notes == ("mine.csv: time is counted from the first row of each case, which stands at 5 to 7",)


def test_numbers_that_float32_rounds_are_said(tmp_path: Path) -> None:
    panel = read(tmp_path, "case,time,x\n1,0,16777217\n1,1,16777216\n1,2,5\n")
    assert "1 whole numbers in column 'x' have more digits than float32 holds" in panel.notes[0]


# ---- whatever comes, it is a sentence; and nothing changes in silence


@st.composite
def tables(draw: st.DrawFn) -> tuple[pd.DataFrame, bool, bool]:
    """A regular table with rows and cells taken out, and whether there are such rows and such cells."""
    n_cases, n_rows = draw(st.integers(1, 3)), draw(st.integers(4, 16))
    step = draw(st.sampled_from([1, 0.005, 7.5, "D", "h", "MS", "B"]))
    if isinstance(step, str):
        time = pd.Series(pd.date_range("2020-01-01", periods=n_rows, freq=step)).astype(str)
    else:
        time = pd.Series(np.arange(n_rows) * step)
    values = np.arange(n_cases * n_rows) * 0.25
    table = pd.DataFrame({"case": np.repeat(np.arange(n_cases), n_rows), "time": [*time] * n_cases, "x": values})
    table["y"] = -values
    inner = st.integers(1, n_rows - 2)
    gone = {(draw(st.integers(0, n_cases - 1)), draw(inner)) for _ in range(draw(st.integers(0, 2)))}
    blank = {(draw(st.integers(0, n_cases - 1)), draw(inner)) for _ in range(draw(st.integers(0, 2)))} - gone
    for case, row in blank:
        table.loc[case * n_rows + row, "x"] = np.nan
    table = table.drop(index=[case * n_rows + row for case, row in gone])
    order = np.random.default_rng(draw(st.integers(0, 9))).permutation(len(table))
    return table.iloc[order], bool(gone), bool(blank)


@given(tables())
@relaxed
def test_what_is_there_stays_and_what_is_filled_in_is_said(
    tmp_path: Path, drawn: tuple[pd.DataFrame, bool, bool]
) -> None:
    table, gone, blank = drawn
    path = tmp_path / "mine.csv"
    table.to_csv(path, index=False)
    try:
        panel, refusal = read_panel(path), ""
    except DataError as error:
        panel, refusal = None, str(error)
    if panel is None:
        assert gone or blank
        assert any(words in refusal for words in ("values are missing", "a gap of"))
        return
    if blank or not gone:  # rows that are not there do not show where those that are lie evenly
        assert bool(panel.notes) == blank or gone
    if not any("uneven" in note for note in panel.notes):
        found = {round(float(value), 4) for value in panel.values[:, 0].ravel() if np.isfinite(value)}
        assert {round(float(value), 4) for value in table["x"].dropna()} <= found
    np.testing.assert_array_equal(np.isfinite(panel.values[:, 1]), np.isfinite(panel.values[:, 0]))


cells = st.sampled_from(
    ["", "0", "1", "2", "2.5", "-1", "1e400", "nan", "a", "true", "?", " ", "2020-01-01", "2020-01-02",
     "2020-01-05T10:00", "2020-01-01T00:00Z", "9999-12-31", "0001-01-01", "2020-02-30", "1e308", "-1e308", "16777217",
     "1_0", "\u00e9"]
)  # fmt: skip
names = st.sampled_from(
    ["case", "time", "date", "row", "column", "channel", "x", "y", "cat", "label", "0", "1", "2020-01-01"]
)
asked = st.builds(
    ColumnNames,
    case=st.none() | st.just("id"),
    time=st.none() | st.just("date"),
    label=st.none() | st.just("y"),
    channels=st.just(()) | st.just(("x",)),
)


@given(
    header=st.lists(names, min_size=1, max_size=6, unique=True),
    rows=st.lists(st.lists(cells, min_size=6, max_size=6), max_size=8),
    columns=asked,
    windows=st.none() | st.builds(Windows, st.integers(2, 4), st.integers(1, 3)),
)
@relaxed
def test_any_table_is_read_or_refused_in_a_sentence(
    tmp_path: Path, header: list[str], rows: list[list[str]], columns: ColumnNames, windows: Windows | None
) -> None:
    text = "\n".join(",".join(row[: len(header)]) for row in [header, *rows])
    try:
        said = [*read(tmp_path, text, columns, windows).notes]
    except TsInfoGANError as error:
        said = [str(error)]
    assert all(sentence.startswith("mine.csv") and "\n" not in sentence for sentence in said)


# ---- real files


@pytest.fixture
def real() -> Path:
    folder = os.environ.get("TSINFOGAN_DATA")
    if not folder:
        pytest.skip("TSINFOGAN_DATA names no folder")
    return Path(folder)


def test_the_energy_recording(real: Path, tmp_path: Path) -> None:
    archive = real / "appliances_energy" / "energydata_complete.zip"
    if not archive.exists():
        pytest.skip("the energy recording is not there")
    path = tmp_path / "energy.csv"
    path.write_bytes(zipfile.ZipFile(archive).read("energydata_complete.csv"))
    panel = read_panel(path, ColumnNames(time="date"), Windows(24, 24))
    assert panel.values.shape == (19735 // 24, 28, 24)
    assert (panel.time_origin, panel.time_frequency) == ("2016-01-11T17:00:00", "10min")
    assert (panel.time_step, panel.time_unit) == (10, "min")
    assert panel.channels[:2] == ("Appliances", "lights")
    assert panel.kinds[:3] == ("integer", "integer", "real")
    assert panel.values[0, 0, :3].tolist() == [60, 60, 50]


def test_the_stock_recording(real: Path) -> None:
    path = real / "timegan" / "stock_data.csv"
    if not path.exists():
        pytest.skip("the stock recording is not there")
    panel = read_panel(path, windows=Windows(24))
    assert panel.values.shape == (3685 - 23, 6, 24)
    np.testing.assert_array_equal(panel.values[1:, :, :-1], panel.values[:-1, :, 1:])
