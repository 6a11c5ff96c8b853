"""Series go in as people hold them, and others come out in the same way."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsinfogan.data.columns import ColumnNames
from tsinfogan.data.panel import Panel
from tsinfogan.errors import DataError
from tsinfogan.estimators.containers import Container, read, with_tuples
from tsinfogan.estimators.targets import read_targets

DTYPES = ("float64", "float32", "float16", ">f8", "int64", "int8", "uint16", "bool")


def numbers(shape: tuple[int, ...], dtype: str = "float64", seed: int = 0) -> Any:
    """Numbers that float32 holds exactly, so that they can come back as they were."""
    rng = np.random.default_rng(seed)
    high = 2 if dtype == "bool" else 100
    return rng.integers(0, high, shape).astype(dtype)


def equal(some: Any, other: Any) -> bool:
    if isinstance(some, list):
        return isinstance(other, list) and len(some) == len(other) and all(map(equal, some, other))
    return some.dtype == other.dtype and np.array_equal(some, other)


sizes = st.integers(1, 5)


@given(st.sampled_from(DTYPES), sizes, sizes, sizes, st.booleans())
def test_arrays_come_back_as_they_were(dtype: str, n: int, c: int, t: int, time_last: bool) -> None:
    series = numbers((n, c, t), dtype)
    panel, container = read(series, time_last=time_last)
    assert panel.values.shape == ((n, c, t) if time_last else (n, t, c))
    assert equal(container.packed(panel), series)
    assert equal(container.joined(series, panel), np.concatenate([series, series]))
    assert Container.from_dict(with_tuples(json.loads(json.dumps(asdict(container))))) == container


@given(st.sampled_from(DTYPES), sizes, st.lists(sizes, min_size=1, max_size=4), st.booleans())
def test_lists_come_back_as_they_were(dtype: str, c: int, lengths: list[int], time_last: bool) -> None:
    series = [numbers((c, t) if time_last else (t, c), dtype, t) for t in lengths]
    panel, container = read(series, time_last=time_last)
    assert panel.case_lengths.tolist() == lengths
    assert panel.n_channels == c
    assert equal(container.packed(panel), series)
    assert equal(container.joined(series, panel), series + series)


def test_one_channel() -> None:
    table = numbers((3, 7))
    panel, container = read(table)
    assert panel.values.shape == (3, 1, 7)
    assert equal(container.packed(panel), table)
    series = [numbers((4,)), numbers((6,))]
    panel, container = read(series)
    assert panel.n_channels == 1
    assert equal(container.packed(panel), series)
    nested, container = read(table.tolist())
    assert equal(container.packed(nested), table)


def test_whole_numbers_are_rounded_and_held_within_what_the_dtype_holds() -> None:
    _, container = read(np.array([[[0, 255]]], np.uint8))
    synthetic = container.packed(Panel.from_arrays(np.array([[[1.6, -3.0]], [[254.4, 300.0]]])))
    assert synthetic.dtype == np.uint8
    assert synthetic.tolist() == [[[2, 0]], [[254, 255]]]
    _, container = read(np.array([[[True, False]]]))
    assert container.packed(Panel.from_arrays([[[0.7, 0.2]]])).tolist() == [[[True, False]]]


def test_kinds_of_channels() -> None:
    assert read(numbers((2, 3, 4), "int32"))[0].kinds == ("integer",) * 3
    assert read(numbers((2, 4, 3), "bool"), time_last=False)[0].kinds == ("boolean",) * 3
    assert read(numbers((2, 3, 4)))[0].kinds == ()


def test_panels_join() -> None:
    some = Panel.from_arrays(
        numbers((3, 1, 4)), labels=["a", "b", "a"], factors=np.ones((3, 1), np.float32), factor_names=("f",)
    )
    other = Panel.from_arrays(numbers((3, 1, 4)), labels=["b", "c", None])
    panel, container = read(some)
    assert panel is some
    both = container.joined(some, other)
    assert both.n_cases == 6
    assert [both.classes[k] if k >= 0 else None for k in both.labels] == ["a", "b", "a", "b", None, None]
    assert both.factors[:3].tolist() == [[1]] * 3
    assert np.isnan(both.factors[3:]).all()
    assert container.joined(other, Panel.from_arrays(numbers((1, 1, 4)))).labels.tolist() == [0, 1, -1, -1]


def test_unequal_lengths_do_not_go_into_an_array() -> None:
    ragged = Panel.from_cases([np.zeros((1, 3)), np.zeros((1, 5))])
    with pytest.raises(DataError, match="3 to 5 timepoints do not go into one array"):
        read(numbers((2, 1, 5)))[1].packed(ragged)


# ---- long DataFrames

DAYS = pd.date_range("2021-03-01", periods=5)


def frame(times: Any = range(5), cases: Any = range(3), **others: Any) -> pd.DataFrame:
    """Three cases of five rows with a channel of each kind."""
    n = len(cases)
    rows = pd.DataFrame({"case": np.repeat(np.array(cases), 5), "time": pd.Series(list(times) * n)})
    rows["load"] = numbers((5 * n,), "float32")
    rows["count"] = numbers((5 * n,), "int16")
    rows["on"] = numbers((5 * n,), "bool")
    for name, values in others.items():
        rows[name] = np.repeat(np.array(values), 5)
    return rows


FRAMES = {
    "counted": frame(),
    "from 100": frame(range(100, 110, 2)),
    "fractions": frame([0, 0.25, 0.5, 0.75, 1]),
    "dates": frame(DAYS, label=[1, 2, 1]),
    "zone": frame(pd.date_range("2021-03-01", periods=5, freq="h", tz="Europe/Berlin"), label=[True, False, True]),
    "months": frame(pd.date_range("2021-01-01", periods=5, freq="MS"), ["p1", "p2", "p3"], label=[0.0, 1.0, 0.0]),
    "text": frame(DAYS.strftime("%Y-%m-%d"), label=["a", "b", "a"]),
    "two levels": frame(DAYS).rename(columns={"case": "who", "time": "day"}).set_index(["who", "day"]),
    "index of dates": frame(DAYS).rename(columns={"time": "day"}).set_index("day"),
}


@pytest.mark.parametrize("name", FRAMES)
def test_frames_come_back_as_they_were(name: str) -> None:
    given = FRAMES[name]
    before = given.copy()
    panel, container = read(given)
    assert panel.values.shape == (3, 3, 5)
    synthetic = container.packed(panel)
    if "months" not in name:  # cases called by text get new names
        own = given.index.names[0] == "who"  # new cases are numbered on from the last
        last = given.rename(index={k: k + 3 for k in range(3)}, level=0) if own else given.assign(case=given.case + 3)
        pd.testing.assert_frame_equal(synthetic, last)
    both = container.joined(given, panel)
    pd.testing.assert_frame_equal(given, before)
    pd.testing.assert_frame_equal(both.iloc[:15], given)
    assert (both.dtypes == given.dtypes).all()
    flat = both.reset_index() if synthetic.index.nlevels == 2 else both
    assert flat["who" if "who" in flat else "case"].nunique() == 6
    assert both["load"].iloc[15:].tolist() == given["load"].tolist()
    assert Container.from_dict(with_tuples(json.loads(json.dumps(asdict(container))))) == container


def test_cases_that_were_added_twice_have_different_names() -> None:
    given = FRAMES["months"]
    panel, container = read(given)
    thrice = container.joined(container.joined(given, panel), panel)
    names = ["p1", "p2", "p3", "new-0", "new-1", "new-2", "new-3", "new-4", "new-5"]
    assert thrice["case"].unique().tolist() == names


def test_columns_of_other_names() -> None:
    given = FRAMES["dates"].rename(columns={"case": "who", "time": "when", "label": "kind"})
    columns = ColumnNames(case="who", time="when", label="kind", channels=("count", "load"))
    panel, container = read(given, columns=columns)
    assert panel.channels == ("count", "load")
    synthetic = container.packed(panel)
    pd.testing.assert_frame_equal(synthetic, given[synthetic.columns].assign(who=given.who + 3))
    assert set(synthetic.columns) == {"who", "when", "count", "load", "kind"}


def test_labels_leave_a_frame_without_a_column_for_them() -> None:
    panel, container = read(FRAMES["counted"])
    labelled = Panel.from_arrays(panel.values, channels=panel.channels, labels=list("aba"))
    assert "label" not in container.packed(labelled)


def test_categories() -> None:
    given = FRAMES["text"].astype({"label": "category"})
    panel, container = read(given)
    both = container.joined(given, panel)
    assert both["label"].dtype == given["label"].dtype
    assert both["label"].tolist() == given["label"].tolist() * 2


# ---- bad input

time = np.linspace(0, 6, 50)
smooth = np.sin(time[:, None] + np.arange(8)[:, None, None] + [0, 2, 4])  # (8, 50, 3)


def test_axes_that_look_swapped() -> None:
    with pytest.raises(DataError, match=r"got \(8, 50, 3\), which looks like \(n, time, channel\)"):
        read(smooth)
    assert read(smooth, time_last=False)[0].n_channels == 3
    assert read(smooth, time_last=True)[0].n_channels == 50
    assert read(np.moveaxis(smooth, 1, 2))[0].n_channels == 3
    wide = np.random.default_rng(0).normal(size=(6, 60, 9))  # many channels are no mistake
    assert read(wide)[0].n_channels == 60


@pytest.mark.parametrize(
    ("series", "sentence"),
    [
        (np.zeros(5), r"got 1 axes \(5,\)"),
        (np.zeros((2, 2, 2, 2)), "got 4 axes"),
        (np.zeros((0, 1, 5)), r"holds nothing: 0 case\(s\)"),
        (np.array([[[1, None]]], dtype=object), "got an object array"),
        (np.array([["a", "b"]]), "got one of <U1"),
        (np.zeros((2, 1, 3), complex), "Complex data not supported"),
        (np.array([[[1, np.nan]]]), r"got NaN or inf at \[0, 0, 1\]"),
        ([[1, 2], [3]], "got sequences of unequal length"),
        ([np.zeros((2, 5)), np.zeros((3, 5))], r"got 2 in case 0 and 3 in case 1; it looks like \(time, channel\)"),
        ([np.zeros((2, 5)), np.zeros((3, 6))], "got 2 in case 0 and 3 in case 1; give each case the same channels"),
        ([np.zeros((1, 5)), np.zeros(5)], r"got \(5,\) in case 1"),
        ([np.zeros((1, 0))], r"expected at least one timepoint, got \(1, 0\) in case 0"),
        ([np.array(["a"])], "got one of <U1 in case 0"),
        (pd.DataFrame(np.zeros((3, 4))), "no column 'case'"),
    ],
)
def test_bad_input(series: Any, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence) as raised:
        read(series)
    assert "\n" not in str(raised.value)


def test_swapped_lists() -> None:
    cases = [np.zeros((t, 3)) for t in (4, 6)]
    with pytest.raises(DataError, match="give time_last=False"):
        read(cases)
    with pytest.raises(DataError, match="give time_last=True"):
        read([case.T for case in cases], time_last=False)


def test_arrow_tables_are_told_what_to_do() -> None:
    pa = pytest.importorskip("pyarrow")
    with pytest.raises(DataError, match=r"to_pandas\(\)"):
        read(pa.table({"case": [0], "time": [0], "x": [0.0]}))


def test_arrays_whose_series_end_with_nan() -> None:
    given = numbers((4, 2, 9), "float64")
    given[1, :, 6:] = np.nan
    given[3, :, 8:] = np.nan
    panel, container = read(given)
    assert panel.case_lengths.tolist() == [9, 6, 9, 8]
    np.testing.assert_array_equal(container.packed(panel), given)
    np.testing.assert_array_equal(container.packed(panel.subset(np.array([1]))), given[1:2])
    assert container.joined(given, panel).shape == (8, 2, 9)
    turned = given.swapaxes(1, 2)
    panel, container = read(turned, time_last=False)
    np.testing.assert_array_equal(container.packed(panel), turned)
    table, container = read(given[:, 0])
    np.testing.assert_array_equal(container.packed(table), given[:, 0])
    given[1, 0, 3] = np.nan
    with pytest.raises(DataError, match="got NaN or inf at"):
        read(given)


def test_arrays_far_from_0_keep_their_digits() -> None:
    given = (numbers((3, 2, 5), "float64") * 0.1).round(4) + np.array([[4649776.0], [0.0]])
    panel, container = read(given)
    assert np.array_equal(container.packed(panel).round(4), given.round(4))
    listed, container = read(list(given))
    np.testing.assert_allclose(container.packed(listed)[1], given[1], atol=1e-6)


def test_frames_keep_what_they_hold() -> None:
    wide = frame(cases=range(3))[["case", "time", "load"]].rename(columns={"load": 0})
    _, container = read(wide)
    assert container.packed(read(wide)[0]).columns.tolist() == ["case", "time", 0]
    dates = frame(DAYS.strftime("%Y-%m-%dT06:00"))
    assert container_of(dates[dates.case > 0])["time"].iloc[0] == "2021-03-01T06:00"  # its index does not begin at 0
    plain = frame([day.date() for day in DAYS])
    assert container_of(plain)["time"].iloc[0] == DAYS[0].date()
    numbers_ = frame(DAYS.strftime("%Y%m%d").astype(int))
    assert container_of(numbers_)["time"].tolist() == numbers_["time"].tolist()
    small = frame(cases=np.array([125, 126, 127], np.int8)).astype({"case": "int8"})
    assert container_of(small)["case"].unique().tolist() == [128, 129, 130]
    kinds = pd.CategoricalDtype(["b", "a", "c"], ordered=True)
    ordered = frame(label=["a", "b", "a"]).astype({"label": kinds})
    assert container_of(ordered)["label"].dtype == kinds
    prices = frame().assign(load=(np.arange(15) / 100 + 98.71).round(2))
    assert container_of(prices)["load"].tolist() == prices["load"].tolist()
    zoned = frame(pd.date_range("2021-03-26", periods=5, tz="Europe/Berlin"))  # the clock changes on the 28th
    assert container_of(zoned)["time"].tolist() == zoned["time"].tolist()


def test_ids_of_any_kind_get_new_ones() -> None:
    for ids in (
        [True, False],
        pd.date_range("2024", periods=2),
        pd.to_timedelta([1, 2], unit="s"),
        [1.5, 2.5],
        ["a", "b"],
    ):
        new = container_of(frame(cases=ids))["case"]
        assert new.nunique() == 2
        assert not set(new) & set(ids)


def test_a_layout_of_an_earlier_version_is_read() -> None:
    kept = asdict(read(frame(DAYS.strftime("%Y-%m-%d")))[1])
    assert kept["layout"].pop("time_form") == "%Y-%m-%d"
    for name in ("last_case", "own_names", "categories"):
        kept["layout"].pop(name)
    kept["layout"]["dates_as_text"] = True
    kept.pop("padded_to")
    container = Container.from_dict(with_tuples(kept))
    assert container.layout is not None
    assert container.layout.time_form == "%Y-%m-%d"


def test_a_categorical_y_stays_one() -> None:
    y = pd.Categorical(["a", "b", "a"], categories=["b", "a"], ordered=True)
    _, targets = read_targets(y, 3)
    joined = targets.joined(y, ["b", "a"])
    assert joined.tolist() == ["a", "b", "a", "b", "a"]
    assert joined.dtype == y.dtype


def container_of(given: pd.DataFrame) -> pd.DataFrame:
    """The same series in the container that they came in."""
    panel, container = read(given)
    packed: pd.DataFrame = container.packed(panel)
    return packed
