"""Tables in memory: what a panel gives is what it is made of again, whichever way a data frame is indexed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsinfogan.data.columns import ColumnNames, Windows
from tsinfogan.data.panel import Panel
from tsinfogan.errors import DataError, TsInfoGANError
from tsinfogan.formats.frame import frame_from_panel, panel_from_frame

NAMES = ColumnNames("id", "when", "y")


def synthetic(**others: object) -> Panel:
    rng = np.random.default_rng(0)
    cases = [np.stack([rng.normal(size=n), rng.integers(0, 9, n)]) for n in (3, 6, 1)]
    return Panel.from_cases(cases, channels=("hr", "n"), labels=["a", None, "b"], kinds=("real", "integer"), **others)


def assert_same(actual: Panel, expected: Panel) -> None:
    np.testing.assert_array_equal(actual.values, expected.values)
    np.testing.assert_array_equal(actual.case_lengths, expected.case_lengths)
    np.testing.assert_array_equal(actual.labels, expected.labels)  # type: ignore[arg-type]
    for name in ("channels", "classes", "kinds", "time_origin", "time_frequency", "notes"):
        assert getattr(actual, name) == getattr(expected, name), name


@pytest.mark.parametrize("columns", [ColumnNames(), NAMES])
@pytest.mark.parametrize("time", [{}, {"time_origin": "2020-01-01T00:00:00", "time_frequency": "MS"}])
def test_a_panel_comes_back(columns: ColumnNames, time: dict[str, str]) -> None:
    panel = synthetic(**time)
    frame = frame_from_panel(panel, columns, {"cat": np.array([4, 5, 6])})
    named = [columns.case or "case", columns.time or "time", "hr", "n", "cat", columns.label or "label"]
    assert list(frame) == named
    assert frame["n"].dtype == np.int64
    assert np.issubdtype(frame[named[1]].dtype, np.datetime64) == bool(time)
    assert frame["cat"].tolist() == [4] * 3 + [5] * 6 + [6]
    assert_same(panel_from_frame(frame, columns), panel)
    assert_same(panel_from_frame(pa.Table.from_pandas(frame), columns), panel)
    assert_same(panel_from_frame(frame.sample(frac=1, random_state=1).sort_values(named[0]), columns), panel)


def test_channels_are_chosen_and_ordered() -> None:
    frame = frame_from_panel(synthetic(), ColumnNames(channels=("n", "hr")))
    assert list(frame) == ["case", "time", "n", "hr", "label"]
    assert list(frame_from_panel(synthetic(), ColumnNames(channels=("n",)))) == ["case", "time", "n", "label"]
    with pytest.raises(DataError, match="no column 'z'"):
        frame_from_panel(synthetic(), ColumnNames(channels=("z",)))
    with pytest.raises(DataError, match="'hr' would stand for two things"):
        frame_from_panel(synthetic(), ColumnNames(case="hr"))


@pytest.mark.parametrize("columns", [ColumnNames(), NAMES])
def test_an_index_of_case_and_time_is_the_columns(columns: ColumnNames) -> None:
    frame = frame_from_panel(synthetic(), columns)
    index = list(frame.columns[:2])
    assert_same(panel_from_frame(frame.set_index(index), columns), synthetic())
    nameless = frame.set_index(index)
    nameless.index = nameless.index.set_names([None, None])
    assert_same(panel_from_frame(nameless, columns), synthetic())
    assert_same(panel_from_frame(frame.set_index(index[0]), columns), synthetic())


def test_an_index_of_dates_is_the_time_of_a_recording() -> None:
    frame = pd.DataFrame({"x": np.arange(10.0)}, pd.date_range("2020-01-31", periods=10, freq="ME"))
    for each in (
        frame,
        frame.to_period("M").to_timestamp("M", how="end").rename_axis("date"),
        frame.rename_axis("time"),
    ):
        panel = panel_from_frame(each, windows=Windows(4, 2), name="sales")
        assert (panel.name, panel.time_frequency) == ("sales", "ME")
        assert panel.values[:, 0].tolist() == [[s, s + 1, s + 2, s + 3] for s in (0, 2, 4, 6)]
    periods = panel_from_frame(frame.to_period("M"), windows=Windows(4))
    assert (periods.time_origin, periods.time_frequency) == ("2020-01-01T00:00:00", "MS")
    numbered = panel_from_frame(frame.reset_index(drop=True), windows=Windows(4, 2))
    assert (numbered.time_frequency, numbered.n_cases) == ("", 4)


def test_types_of_pandas_are_understood() -> None:
    frame = pd.DataFrame(
        {
            "case": pd.Categorical(["b", "b", "b", "b", "a", "a", "a", "a"]),
            "time": pd.date_range("2020", periods=4, tz="UTC").tolist() * 2,
            "i": pd.array([1, None, 3, 4, 5, 6, 7, 8], dtype="Int64"),
            "f": pd.array([1.5] * 8, dtype="Float32"),
            "b": pd.array([True, False, None, True] * 2, dtype="boolean"),
            "t": ["1", "2", "", "4"] * 2,
            3: np.arange(8, dtype=np.uint8),
        }
    )
    panel = panel_from_frame(frame)
    assert panel.channels == ("i", "f", "b", "t", "3")
    assert panel.kinds == ("integer", "real", "boolean", "integer", "integer")
    assert panel.case(0)[0].tolist() == [1, 2, 3, 4]
    assert panel.case(0)[3].tolist() == [1, 2, 3, 4]
    assert (panel.time_origin, panel.time_frequency) == ("2020-01-01T00:00:00+00:00", "D")
    assert "5 of 40 values are missing" in panel.notes[0]


def test_images() -> None:
    panel = Panel.from_arrays(np.arange(24.0).reshape(2, 1, 3, 4), view="image")
    assert_same(panel_from_frame(frame_from_panel(panel)), panel)


BASE = pd.DataFrame({"case": [1, 1, 2, 2], "time": [0, 1, 0, 1], "x": [1.0, 2, 3, 4]})


@pytest.mark.parametrize(
    ("frame", "complaint"),
    [
        (BASE.assign(x=[1, "a", 2, 3]), "mine: column 'x' holds int and str, expected values of one type"),
        (BASE.assign(x=["1", "a", "2", "3"]), "got 'a' in case 1, time 1, column 'x'"),
        (BASE.assign(x=[1j, 0, 0, 0]), "column 'x' holds"),
        (BASE.assign(x=[{}, {}, {}, {}]), "column 'x' holds"),
        (BASE.assign(x=pd.date_range("2020", periods=4)), "`columns.time=x`"),
        (BASE.assign(x=np.inf), "finite number, got inf in case 1"),
        (BASE.assign(time=[0, 1, 0, None]), "a time, got"),
        (BASE.assign(time=[0, 0, 0, 1]), "two rows for case 1, time 0"),
        (pd.concat([BASE, BASE[["x"]]], axis=1), "several columns called 'x'"),
        (BASE.drop(columns="case"), "no column 'case'"),
        (BASE.drop(columns="time"), "no column 'time'"),
        (BASE.iloc[:0], "no rows"),
        (BASE.set_index(["case", "time", "x"]), "3 levels"),
        (BASE.set_index(["case", "time"]).assign(case=1), "several columns called 'case'"),
        (pd.concat([BASE], axis=1, keys=["a"]), "one level of column names, got 2"),
        (BASE.to_numpy(), "expected a pandas.DataFrame or a pyarrow.Table, got ndarray"),
        (pa.table({"case": [1], "time": [[1]], "x": [1]}), "'time' holds list"),
    ],
)
def test_what_is_wrong_is_one_sentence(frame: pd.DataFrame, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint) as caught:
        panel_from_frame(frame, name="mine")
    assert str(caught.value).startswith("mine")
    assert "\n" not in str(caught.value)


objects = st.one_of(
    st.none(), st.integers(), st.floats(), st.booleans(), st.text(max_size=3), st.dates(), st.datetimes(),
    st.binary(max_size=2), st.timedeltas(), st.complex_numbers(), st.lists(st.integers(), max_size=2),
    st.decimals(allow_nan=False),
)  # fmt: skip


@given(
    columns=st.dictionaries(
        st.sampled_from(["case", "time", "x", "label", "row", "column", "cat"]),
        st.one_of(st.lists(objects, min_size=4, max_size=4), st.lists(st.integers(0, 3), min_size=4, max_size=4)),
    ),
    windows=st.none() | st.just(Windows(2)),
)
@settings(deadline=None, max_examples=150)
def test_any_objects_are_read_or_refused_in_a_sentence(
    columns: dict[str, list[object]], windows: Windows | None
) -> None:
    frame = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})
    try:
        said = panel_from_frame(frame, windows=windows, name="mine").notes
    except TsInfoGANError as error:
        said = (str(error),)
    assert all(sentence.startswith("mine") and "\n" not in sentence for sentence in said)


def test_cases_may_be_called_by_dates_that_python_does_not_know() -> None:
    days = pa.array([0, 0, -(10**17), -(10**17)], pa.timestamp("us"))  # the year -1199
    table = pa.table({"case": days, "time": [0, 1, 0, 1], "x": [1.0, 2, 3, 4]})
    assert panel_from_frame(table).values.tolist() == [[[1, 2]], [[3, 4]]]
    with pytest.raises(DataError, match="-1199"):
        panel_from_frame(table.set_column(1, "time", [[0, 1, 0, None]]))
