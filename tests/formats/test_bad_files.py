"""Whatever is wrong with a file, the user gets one sentence that says where and what to do; never a traceback."""

import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tsinfogan.data.panel import Panel
from tsinfogan.errors import DataError, TsInfoGANError
from tsinfogan.formats import FORMATS, read_panel

GOOD = "case,time,x,label\n1,0,1,a\n1,1,2,a\n2,0,3,b\n2,1,4,b\n"

DATED = "case,time,x\n1,2020-01-01,1\n1,2020-01-02,2\n2,2020-01-01,3\n2,2020-01-02,4\n"

BAD_TEXTS = {
    "empty": ("", "is empty"),
    "header only": ("case,time,x\n", "no rows"),
    "no case": ("id,time,x\n1,0,1\n", r"no column 'case'.*'id', 'time', 'x'"),
    "no time": ("case,t,x\n1,0,1\n", r"no column 'time'.*'case', 't', 'x'"),
    "a decimal or a thousand": ("case\ttime\tx\n1\t0\t1,500\n", r"1,500 may be a thousand .*`columns\.decimal=,`"),
    "a day or a month": (DATED.replace("2020-01-", "03/").replace("03/0", "03/04/200"), r"`columns\.dates=day_first`"),
    "other rates": (
        "case,time,x\n" + "".join(f"{case},{row * step},1\n" for case, step in ((1, 1), (2, 0.1)) for row in range(9)),
        r"a step of 0\.1 at case 2, time 0\.0 and of 1 at case 1, time 0",
    ),
    "half a wide table": ("a,b,c,d,e,f,g,h,i\n1,2,3,4,5,6,7,8,9\n", r"`columns\.layout=wide`"),
    "no channel": ("case,time,cat,label\n1,0,3,a\n", "no channel"),
    "repeated column": ("case,time,x,x\n1,0,1,1\n", "several columns called 'x'"),
    "text in a channel": (GOOD.replace("1,1,2", "1,1,two"), r"'two' in case 1, time 1, column 'x'"),
    "a number to Python only": (GOOD.replace("1,1,2", "1,1,2_0"), r"'2_0' in case 1, time 1, column 'x'"),
    "a date among numbers": (GOOD.replace("1,1,2", "1,2020-01-01,2"), r"a number as .*'2020-01-01'.*column 'time'"),
    "a number among dates": (DATED.replace("2020-01-02", "7"), r"a date as in other rows, got '7' in case 1.*'time'"),
    "no such date": (DATED.replace("2020-01-02", "2020-02-30"), r"got '2020-02-30' in case 1, .*column 'time'"),
    "a date long ago": (DATED.replace("2020-01-02", "0020-01-02"), r"years 1678 to 2261, got '0020-01-02'"),
    "half a zone": (DATED.replace("2020-01-02", "2020-01-02T00:00Z"), "some have none"),
    "no date": (DATED.replace("2020-01-02", ""), "a time, got an empty cell in case 1, .*column 'time'"),
    "date as a channel": (DATED.replace("case,time,x", "case,x,time"), r"`columns\.time=x`"),
    "half empty": (GOOD.replace("2,1,4", "2,1,"), r"1 of 2 values are missing in case 2, channel 'x', and at most 25%"),
    "half NaN": (GOOD.replace("2,1,4", "2,1,NaN"), r"1 of 2 values are missing in case 2, channel 'x'"),
    "half of the rows absent": (
        "case,time,x\n1,0,1\n1,1,2\n1,2,3\n1,6,4\n1,7,4\n",
        r"3 of 8 values are missing in case 1",
    ),
    "infinity": (GOOD.replace("2,1,4", "2,1,-inf"), r"'-inf' in case 2, time 1, column 'x'"),
    "beyond float32": (GOOD.replace("2,1,4", "2,1,1e39"), r"'1e39' in case 2, time 1, column 'x'"),
    "empty time": (GOOD.replace("2,1,4", "2,,4"), r"an empty cell in case 2, .*column 'time'"),
    "empty case": (GOOD.replace("2,0,3", ",0,3"), "no case id in row 3"),
    "time twice": (GOOD.replace("2,1,4", "2,0,4"), "two rows for case 2, time 0"),
    "gap": ("case,time,x\n1,0,1\n1,1,2\n1,2,2\n2,0,3\n2,1,4\n2,99,5\n", "a gap of 98 steps before case 2, time 99"),
    "no names": ("1,0,1\n1,1,2\n", "the first line, got numbers, 1, 0, 1"),
    "words and numbers": (GOOD.replace("1,1,2", "1,1,true"), "got 'true' in case 1, time 1, column 'x'"),
    "wide, a row short": ("case,channel,0,1\n1,x,1,2\n1,y,1,2\n2,x,1,2\n", "got 0 for case 2, channel 'y'"),
    "wide, a row twice": ("case,channel,0,1\n1,x,1,2\n1,x,1,2\n", "got 2 for case 1, channel 'x'"),
    "wide, no channel": ("case,channel,0,1\n1,,1,2\n", "no channel in row 1"),
    "wide, text": ("case,channel,0,1\n1,x,1,two\n", "got 'two' in case 1, time 1, column 'x'"),
    "wide, two labels": ("case,channel,label,0,1\n1,x,a,1,2\n1,y,b,1,2\n", "'a' and then 'b' in case 1"),
    "wide, time twice": ("case,0,0.0,1\n1,5,1,2\n", "two columns for time 0.0"),
    "wide, no rows": ("case,0,1\n", "no rows"),
    "empty label": (GOOD.replace("a\n", "\n").replace("b\n", "\n"), "'label' that is empty"),
    "changing label": (GOOD.replace("2,1,4,b", "2,1,4,c"), r"'b' and then 'c' in case 2, time 1"),
    "ragged": (GOOD.replace("2,0,3,b", "2,0,3"), r"Row #4.*Expected 4 columns, got 3"),
    "missing pixel": ("case,row,column,x\n1,0,0,1\n1,0,1,2\n1,1,0,3\n", "2 × 2 pixels in each of 1 cases"),
    "half a pixel": ("case,row,column,x\n1,0,0,1\n1,0.5,0,2\n", "pixels"),
}


@pytest.mark.parametrize("what", BAD_TEXTS)
def test_bad_csv(what, tmp_path):
    text, message = BAD_TEXTS[what]
    path = tmp_path / "mine.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        read_panel(path)
    sentence = str(caught.value)
    assert "mine.csv" in sentence
    assert "\n" not in sentence


def test_the_good_file_is_good(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(GOOD)
    assert read_panel(path).values.tolist() == [[[1, 2]], [[3, 4]]]
    path.write_text(GOOD, encoding="utf-8-sig")
    assert read_panel(path).classes == ("a", "b")


def test_half_of_the_labels_may_be_missing(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(GOOD.replace("b\n", "\n"))
    assert read_panel(path).labels.tolist() == [0, -1]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_other_encodings_are_named(encoding, tmp_path):
    for text in (GOOD.replace("b\n", "ä\n"), GOOD.replace("x", "ä")):
        path = tmp_path / "mine.csv"
        path.write_bytes(text.encode(encoding))
        with pytest.raises(DataError, match=r"mine\.csv is not UTF-8"):
            read_panel(path)


READABLE = [name for name in FORMATS.names() if FORMATS.get(name).read is not None]


@pytest.mark.parametrize("name", READABLE)
def test_no_file_there(name, tmp_path):
    path = tmp_path / f"data.{name}"
    entry = FORMATS.get(name)
    for look in (entry.read, entry.column_names):
        with pytest.raises(DataError, match="there is no file"):
            look(path)
    path.mkdir()
    for look in (entry.read, entry.column_names):
        with pytest.raises(DataError, match="is a directory"):
            look(path)
    (tmp_path / f"empty.{name}").touch()
    for look in (entry.read, entry.column_names):
        with pytest.raises(DataError, match="is empty"):
            look(tmp_path / f"empty.{name}")


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("x", ["1", "two", "3", "4"], "'two' in case 1, time 1"),
        ("x", [1.0, None, 3.0, 4.0], "1 of 2 values are missing in case 1, channel 'x'"),
        ("x", [1.0, np.inf, 3.0, 4.0], "inf in case 1, time 1"),
        ("x", pd.date_range("2020", periods=4), "holds timestamp"),
        ("x", [[1], [2], [3], [4]], "holds list"),
        ("time", [[0], [1], [2], [3]], "seconds"),
        ("time", [True, False, True, False], "holds bool"),
        ("time", [0.0, 0.0, 0.0, 1.0], "two rows for case 1, time 0"),
        ("case", [1, None, 2, 2], "no case id in row 2"),
        ("case", [[1], [1], [2], [2]], "'case' holds list"),
        ("label", [1, 2, 1, 1], "1 and then 2 in case 1"),
    ],
)
def test_bad_parquet(column, values, message, tmp_path):
    table = pd.DataFrame({"case": [1, 1, 2, 2], "time": [0.0, 1.0, 0.0, 1.0], "x": [1, 2, 3, 4]})
    table[column] = values
    table.to_parquet(tmp_path / "mine.parquet")
    with pytest.raises(DataError, match=message):
        read_panel(tmp_path / "mine.parquet")


def test_lists_in_the_cells_of_parquet_are_named(tmp_path):
    pd.DataFrame({"case": [0, 1], "x": [[0.0, 1.0], [2.0, 3.0]]}).to_parquet(tmp_path / "lists.parquet")
    with pytest.raises(DataError, match=r"column 'x' holds lists.*by explode of pandas"):
        read_panel(tmp_path / "lists.parquet")


def test_parquet_of_pandas_with_categories_and_integers(tmp_path):
    table = pd.DataFrame({"case": pd.Categorical(list("bbaa")), "time": [0, 1, 0, 1], "x": [1, 2, 3, 4]})
    table["label"] = [1.0, 1.0, np.nan, np.nan]
    table.to_parquet(tmp_path / "mine.parquet")
    panel = read_panel(tmp_path / "mine.parquet")
    assert panel.values.tolist() == [[[1, 2]], [[3, 4]]]
    assert (panel.classes, panel.labels.tolist()) == (("1",), [0, -1])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros(3)}, "no array 'values', only x"),
        ({"values": np.zeros(3)}, r"float64 \(3,\)"),
        ({"values": np.zeros((2, 24, 6))}, r"may be .* `columns\.layout=nct` or `columns\.layout=ntc`"),
        ({"values": np.array([["a"]])}, "transpose or convert"),
        ({"values": np.array([{}])}, "Python objects"),
        ({"values": np.array([[[1, np.nan, 3]]])}, "1 of 3 values are missing in case 0, .*, channel 'ch0'"),
        ({"values": np.array([[[1, np.inf, 3]]])}, "got inf in case 0, channel 'ch0'"),
        ({"values": np.full((2, 1, 3), np.nan)}, "3 of 3 values are missing in case 0"),
        ({"values": np.zeros((2, 1, 3)), "kinds": np.array(["odd"])}, "expected 1 of real, integer, boolean"),
        ({"values": np.zeros((2, 1, 3)), "../../values": np.zeros(1)}, "leads out of it"),
        ({"values": np.zeros((2, 1, 3)), "lengths": np.array([1.5, 2])}, "whole numbers in 'lengths'"),
        ({"values": np.zeros((2, 1, 3)), "lengths": np.array([0, 4])}, "lengths must lie"),
        ({"values": np.zeros((2, 1, 3)), "channels": np.array(["a", "b"])}, "1 distinct channel names"),
        ({"values": np.zeros((2, 1, 3)), "label": np.array(["a"])}, "2 values in 'label'"),
        ({"values": np.zeros((2, 1, 3)), "label": np.array(["", ""])}, "'label' that is empty"),
        ({"values": np.zeros((2, 1, 3)), "time_step": np.array("a")}, "time_step"),
    ],
)
def test_bad_npz(arrays, message, tmp_path):
    np.savez(tmp_path / "mine.npz", **arrays)
    with pytest.raises(DataError, match=message):
        read_panel(tmp_path / "mine.npz")


def written(name):
    stream = io.BytesIO()
    panel = Panel.from_arrays(np.arange(12.0).reshape(2, 2, 3), labels=["a", "b"])
    writer = FORMATS.get(name).open_writer(stream)
    writer.write(panel, {"cat": np.array([0, 1])})
    writer.close()
    return stream.getvalue()


def read_or_refuse(name, path, content):
    path.write_bytes(content)
    for look in (FORMATS.get(name).read, FORMATS.get(name).column_names):
        assert path.stem in sentence_of(look, path)


def sentence_of(look, path):
    """What a refusal says; anything but a refusal or success gets through and fails the test."""
    try:
        look(path)
    except TsInfoGANError as error:
        return str(error)
    return path.stem


relaxed = settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("name", READABLE)
@given(junk=st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")))
@relaxed
def test_junk_is_refused_in_a_sentence(name, tmp_path, junk):
    read_or_refuse(name, tmp_path / f"junk.{name}", junk)


@pytest.mark.parametrize("name", READABLE)
@given(data=st.data())
@relaxed
def test_damage_is_refused_in_a_sentence(name, tmp_path, data):
    content = bytearray(written(name))
    start = data.draw(st.integers(0, len(content) - 1))
    content[start : start + data.draw(st.integers(0, 20))] = data.draw(st.binary(max_size=20))
    read_or_refuse(name, tmp_path / f"damaged.{name}", bytes(content))


cells = st.sampled_from(
    ["", "0", "1", "2", "-1", "1e400", "5e-324", "nan", "a", '"', '"b"', " ", "1e308", "-1e308", "\r"]
)
header = st.lists(st.sampled_from(["case", "time", "row", "column", "x", "y", "cat", "label", ""]), max_size=6)


@given(names=header, rows=st.lists(st.lists(cells, max_size=6), max_size=6), fit=st.booleans())
@relaxed
def test_tables_of_nearly_right_cells(tmp_path, names, rows, fit):
    if fit:
        rows = [(row + ["0"] * 6)[: len(names)] for row in rows]
    text = "\n".join(",".join(row) for row in [names, *rows])
    read_or_refuse("csv", tmp_path / "near.csv", text.encode())


@pytest.mark.parametrize("name", READABLE)
def test_a_file_cut_short_is_refused(name, tmp_path):
    content = written(name)
    for end in range(1, len(content), max(1, len(content) // 60)):
        read_or_refuse(name, tmp_path / f"cut.{name}", content[:end])
