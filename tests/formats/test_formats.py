"""Every readable format gives back what was written: one contract suite over all of them."""

import errno
import io
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tsinfogan.data.columns import ColumnNames, Windows, describe_columns
from tsinfogan.data.panel import Panel, check_trainable
from tsinfogan.errors import DataError, SettingError, UnknownNameError
from tsinfogan.formats import FORMATS, read_panel, write_panel

READABLE = [name for name in FORMATS.names() if FORMATS.get(name).read is not None]
readable = pytest.mark.parametrize("name", READABLE)
NO_IMAGES = ("arff", "ts", "wide")
ANY_NAMES = ("arff", "npz", "ts", "wide")  # a channel's name stands where it cannot be mistaken for a column's
EXTREMES = [1e-45, 1e-38, 3.4028235e38, -0.0, -1.17549435e-38, 16777217.0, 0.1, 1 / 3]


def write(name, path, *pieces, **columns):
    """Writes panels one after another; a column is cut as the panels are."""
    start = 0
    with path.open("wb") as stream:
        writer = FORMATS.get(name).open_writer(stream)
        for piece in pieces:
            writer.write(piece, {k: np.asarray(v)[start : start + piece.n_cases] for k, v in columns.items()})
            start += piece.n_cases
        writer.close()
        assert not stream.closed
    return path


def round_trip(name, directory, *pieces, **columns):
    return read_panel(write(name, directory / f"data{FORMATS.get(name).suffix}", *pieces, **columns))


def assert_same(actual, expected):
    np.testing.assert_array_equal(actual.values.view(np.uint32), expected.values.view(np.uint32))  # tells −0 from 0
    np.testing.assert_array_equal(actual.case_lengths, expected.case_lengths)
    assert (actual.lengths is None) == (expected.lengths is None)
    assert actual.channels == expected.channels
    assert actual.classes == expected.classes
    assert (actual.labels is None) == (expected.labels is None)
    if expected.labels is not None:
        np.testing.assert_array_equal(actual.labels, expected.labels)
    if actual.values.ndim == 3:
        assert actual.time_step == expected.time_step


def unequal(labels=("a", "b", None, "a"), **others):
    rng = np.random.default_rng(0)
    cases = [rng.normal(size=(3, length)) for length in (5, 9, 1, 7)]
    others = {"channels": ("x", "heart rate, bpm", 'Größe "µ"\n2'), "time_step": 0.005, **others}
    return Panel.from_cases(cases, labels=labels, **others)


@readable
def test_unequal_lengths_and_awkward_names(name, tmp_path):
    panel = unequal(labels=['b,"c"', "10", None, "9"])
    assert_same(round_trip(name, tmp_path, panel), panel)


@readable
def test_equal_lengths_without_labels(name, tmp_path):
    panel = Panel.from_arrays(np.random.default_rng(1).normal(size=(4, 2, 30)), time_step=0.1)
    assert_same(round_trip(name, tmp_path, panel), panel)


@readable
def test_extreme_numbers(name, tmp_path):
    panel = Panel.from_arrays(np.array(EXTREMES, np.float32).reshape(2, 1, 4), time_step=1 / 3)
    assert_same(round_trip(name, tmp_path, panel), panel)


@readable
def test_images(name, tmp_path):
    panel = Panel.from_arrays(np.random.default_rng(2).normal(size=(3, 2, 4, 5)), labels=["0", "1", "0"], view="image")
    if name in NO_IMAGES:
        with pytest.raises(DataError, match="holds series, got images; write them as csv, parquet or npz"):
            round_trip(name, tmp_path, panel)
        return
    actual = round_trip(name, tmp_path, panel, cat=[0, 1, 2])
    assert_same(actual, panel)
    assert actual.view == "image"


@readable
def test_pieces_of_different_longest_length_follow_each_other(name, tmp_path):
    panel = unequal()
    pieces = [panel.subset(slice(0, 1)), panel.subset(slice(1, 4))]
    pieces[0] = replace(pieces[0], values=pieces[0].values[:, :, :5], lengths=None)
    assert_same(round_trip(name, tmp_path, *pieces, cat=[3, 1, 2, 0]), panel)


@readable
def test_blocks_within_one_panel_change_nothing(name, tmp_path, monkeypatch):
    monkeypatch.setattr("tsinfogan.formats.blocks.CELLS_PER_BLOCK", 50)
    assert_same(round_trip(name, tmp_path, unequal(), cont0=np.float32([0.1, 1, -2, 0])), unequal())


@readable
def test_codes_are_neither_channels_nor_lost(name, tmp_path):
    columns = {"cat": [1, 2, 3, 4], "cont0": np.float32([0.1, 0.2, -0.3, 1e-20]), "label": ["u", "v", "u", "w"]}
    path = write(name, tmp_path / f"data{FORMATS.get(name).suffix}", unequal(labels=None), **columns)
    panel = read_panel(path)
    assert panel.channels == unequal().channels
    assert [panel.classes[label] for label in panel.labels] == columns["label"]
    names = FORMATS.get(name).column_names(path)
    assert names == ("case", "time", *panel.channels, "cat", "cont0", "label")
    assert describe_columns(names) == (panel.channels, ("cat", "cont0"), True)


@readable
@pytest.mark.parametrize(
    ("origin", "frequency"),
    [
        ("2020-02-28T00:00:00", "D"),
        ("2020-02-28T23:50:00", "10min"),
        ("2020-02-28T23:50:00+00:00", "2h"),
        ("2020-03-01T00:00:00", "MS"),
        ("2019-11-30T12:00:00", "3ME"),
        ("2020-02-28T00:00:00", "B"),
        ("2020-02-28T00:00:00.500", "250ms"),
    ],
)
def test_dates_and_kinds(name, origin, frequency, tmp_path):
    rng = np.random.default_rng(4)
    cases = [np.stack([rng.integers(-9, 9, n), rng.integers(0, 2, n), rng.normal(size=n)]) for n in (7, 9)]
    kinds = ("integer", "boolean", "real")
    panel = Panel.from_cases(cases, kinds=kinds, time_origin=origin, time_frequency=frequency)
    actual = round_trip(name, tmp_path, panel)
    np.testing.assert_array_equal(actual.values, panel.values)
    assert (actual.kinds, actual.time_origin, actual.time_frequency) == (kinds, origin, frequency)
    assert actual.notes == ()


@readable
def test_values_that_are_not_of_their_kind_are_written_as_they_are(name, tmp_path):
    panel = Panel.from_arrays([[[0.5, 1], [0, 2], [3e38, 1]]], kinds=("integer", "boolean", "integer"))
    np.testing.assert_array_equal(round_trip(name, tmp_path, panel).values, panel.values)


@readable
def test_write_panel_goes_by_the_suffix(name, tmp_path):
    path = tmp_path / f"data{FORMATS.get(name).suffix}"
    write_panel(unequal(), path, {"cat": np.arange(4)})
    assert_same(read_panel(path), unequal())


def test_write_panel_knows_the_suffixes(tmp_path):
    with pytest.raises(UnknownNameError, match=r"'\.xls': choose from \.arff, \.arrow, \.csv"):
        write_panel(unequal(), tmp_path / "data.xls")


@readable
def test_channels_are_chosen_in_the_order_asked_for(name, tmp_path):
    panel = unequal(channels=("x", "y", "z"))
    path = write(name, tmp_path / f"data{FORMATS.get(name).suffix}", panel)
    chosen = read_panel(path, ColumnNames(channels=("z", "x")))
    assert chosen.channels == ("z", "x")
    np.testing.assert_array_equal(chosen.values, panel.values[:, [2, 0]])
    with pytest.raises(DataError, match=r"no (column|channel) 'w'"):
        read_panel(path, ColumnNames(channels=("x", "w")))


@readable
def test_every_format_is_cut_into_windows(name, tmp_path):
    path = write(name, tmp_path / f"data{FORMATS.get(name).suffix}", unequal())
    panel = read_panel(path, windows=Windows(5, 2))
    expected = [(case, start) for case, length in enumerate((5, 9, 1, 7)) for start in range(0, length - 4, 2)]
    assert panel.values.shape == (len(expected), 3, 5)
    for values, (case, start) in zip(panel.values, expected, strict=True):
        np.testing.assert_array_equal(values, unequal().case(case)[:, start : start + 5])
    assert [panel.classes[label] for label in panel.labels] == ["ab-a"[case] for case, _ in expected]
    assert "1 of 4 series are shorter than a window" in panel.notes[0]


@readable
def test_names_of_columns_are_for_tables_alone(name, tmp_path):
    path = write(name, tmp_path / f"data{FORMATS.get(name).suffix}", unequal())
    if FORMATS.get(name).is_table:
        assert_same(read_panel(path, ColumnNames(case="case", label="label")), unequal())
        return
    for role in ("case", "time", *(("label",) if name != "npz" else ())):
        with pytest.raises(SettingError, match=f"leave out `columns.{role}`"):
            read_panel(path, ColumnNames(**{role: "id"}))


@readable
def test_a_channel_that_would_read_back_as_something_else_is_refused(name, tmp_path):
    for channel in ("time", "case", "label", "cat", "cont3"):
        panel = Panel.from_arrays(np.zeros((2, 1, 3)), channels=[channel])
        if name in ANY_NAMES:
            assert round_trip(name, tmp_path, panel).channels == (channel,)
            continue
        with pytest.raises(DataError, match=channel):
            round_trip(name, tmp_path, panel)


@readable
def test_one_case_reads_but_does_not_train(name, tmp_path):
    panel = round_trip(name, tmp_path, unequal().subset(slice(1, 2)))
    assert panel.n_cases == 1
    with pytest.raises(DataError, match="one case"):
        check_trainable(panel)


def test_constant_channels_alone_do_not_train():
    values = np.random.default_rng(0).normal(size=(3, 2, 4))
    values[:, 1] = 7
    check_trainable(Panel.from_arrays(values))
    values[:, 0] = 8
    with pytest.raises(DataError, match=r"got 8\.0 everywhere in channel 'ch0'"):
        check_trainable(Panel.from_arrays(values))


@pytest.mark.parametrize("name", ["csv", "parquet"])
def test_tables_say_what_pandas_sees(name, tmp_path):
    panel = unequal(channels=("x", "y", "z"))
    path = write(name, tmp_path / f"data.{name}", panel, cat=[5, 6, 7, 8])
    table = pd.read_csv(path, dtype=dict.fromkeys("xyz", np.float32)) if name == "csv" else pd.read_parquet(path)
    assert list(table) == ["case", "time", "x", "y", "z", "cat", "label"]
    assert table["case"].tolist() == np.repeat(range(4), panel.lengths).tolist()
    assert table["cat"].tolist() == np.repeat([5, 6, 7, 8], panel.lengths).tolist()
    assert table["time"].tolist() == np.concatenate([np.arange(n) * 0.005 for n in panel.lengths]).tolist()
    for case, rows in table.groupby("case"):
        np.testing.assert_array_equal(rows[list("xyz")].to_numpy().T, panel.case(case))
    assert table["label"].isna().tolist() == [case == 2 for case in table["case"]]


def test_csv_has_the_shortest_numbers_and_no_needless_quotes(tmp_path):
    panel = Panel.from_arrays([[[0.1, 2]], [[3e-5, -1]]], channels=["x"], labels=["a", 'b"'], time_step=0.005)
    text = write("csv", tmp_path / "data.csv", panel, cont0=np.float32([0.7, -1])).read_text()
    assert (
        text == 'case,time,x,cont0,label\n0,0,0.1,0.7,a\n0,0.005,2,0.7,a\n1,0,0.00003,-1,"b"""\n1,0.005,-1,-1,"b"""\n'
    )


def test_rows_in_any_order_and_text_ids(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("time,x,case\n10.2,3,b\n0.1,+5,007\n10.0, 1,b\n10.1,2,b\n0.2,6,007\n")
    panel = read_panel(path)
    assert panel.channels == ("x",)
    assert panel.time_step == 0.1
    assert panel.lengths.tolist() == [3, 2]
    np.testing.assert_array_equal(panel.values[:, 0], [[1, 2, 3], [5, 6, np.nan]])


@pytest.mark.parametrize("name", FORMATS.names())
def test_registered_formats_keep_their_promises(name):
    entry = FORMATS.get(name)
    assert entry.suffix in (f".{name}", f".{name}.csv")
    assert entry.summary.endswith(".")
    assert (entry.read is None) == (entry.column_names is None)
    stream = io.BytesIO()
    entry.open_writer(stream).close()
    assert stream.getvalue() == b""
    assert not stream.closed


class Failing(io.RawIOBase):
    def __init__(self, error):
        self.error = error

    def writable(self):
        return True

    def write(self, data):
        raise self.error


@pytest.mark.parametrize("name", FORMATS.names())
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "no space"), BrokenPipeError(errno.EPIPE, "closed")])
def test_a_full_disk_or_closed_pipe_stays_an_os_error(name, error):
    writer = FORMATS.get(name).open_writer(Failing(error))

    def write_all():
        writer.write(unequal(), {})
        writer.close()

    with pytest.raises(type(error)) as caught:
        write_all()
    assert caught.value.errno == error.errno


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_leaves_no_noise_behind():
    """Nor do writers that are thrown away, at once or when the interpreter ends."""
    program = """
import numpy as np
from tsinfogan.formats import FORMATS
from tsinfogan.data.panel import Panel
panel = Panel.from_arrays(np.random.default_rng(0).normal(size=(400, 3, 200)))
for name in FORMATS.names():
    stream = open("/dev/full", "wb", buffering=0)
    writer = FORMATS.get(name).open_writer(stream)
    try:
        writer.write(panel, {})
        writer.close()
    except OSError as error:
        print(name, error.errno)
"""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [f"{name} {errno.ENOSPC}" for name in FORMATS.names()]


def test_csv_needs_no_torch():
    program = "import sys; from tsinfogan.formats import FORMATS; FORMATS.get('csv'); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout.strip() == "False"


def test_unreadable_suffix_lists_the_readable_ones(tmp_path):
    with pytest.raises(DataError, match=r"\*\.arff, \*\.arrow, \*\.feather, \*\.csv, \*\.npz"):
        read_panel(tmp_path / "data.xlsx")


names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)
numbers = st.floats(width=32, allow_nan=False, allow_infinity=False)


@st.composite
def panels(draw):
    channels = draw(st.lists(names, min_size=1, max_size=3, unique=True))
    channels = [channel for channel in channels if describe_columns(["case", "time", channel]).channels] or ["x"]
    lengths = draw(st.lists(st.integers(2, 6), min_size=1, max_size=4))
    cases = [
        draw(st.lists(st.lists(numbers, min_size=n, max_size=n), min_size=(c := len(channels)), max_size=c))
        for n in lengths
    ]
    labels = draw(st.none() | st.lists(st.none() | names, min_size=len(lengths), max_size=len(lengths)))
    if labels is not None and not any(labels):
        labels = None
    return Panel.from_cases(cases, channels=channels, labels=labels, time_step=draw(st.floats(1e-9, 1e9)))


@readable
@given(panel=panels())
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_panel_reads_back(name, tmp_path, panel):
    assert_same(round_trip(name, tmp_path, panel), panel)


@pytest.mark.parametrize("name", ["npz", "parquet"])
def test_time_unit_and_the_step_of_single_points_are_kept(name, tmp_path):
    panel = Panel.from_arrays([[[1.0]], [[2.0]]], time_step=0.25, time_unit="ms")
    actual = round_trip(name, tmp_path, panel)
    assert (actual.time_step, actual.time_unit) == (0.25, "ms")


def test_feather_is_arrow(tmp_path):
    path = write("arrow", tmp_path / "data.feather", unequal(channels=("x", "y", "z")))
    assert_same(read_panel(path), unequal(channels=("x", "y", "z")))
    assert len(pd.read_feather(path)) == 22


def test_large_parquet_is_a_folder_of_files(tmp_path, monkeypatch):
    panel = unequal()
    monkeypatch.setattr("tsinfogan.formats.parquet.MAX_ROWS", 10)
    writer = FORMATS.get("parquet").open_folder(tmp_path / "data.parquet")
    for start, end in ((0, 1), (1, 4)):
        cases = slice(start, end)
        writer.write(panel.subset(cases), {"cat": np.arange(4)[cases]})
    writer.close()
    parts = sorted(path.name for path in (tmp_path / "data.parquet").iterdir())
    assert parts == ["part-00000.parquet", "part-00001.parquet", "part-00002.parquet"]  # 5 | 9 + 1 | 7 rows
    assert_same(read_panel(tmp_path / "data.parquet"), panel)
    (tmp_path / "data.parquet").rename(tmp_path / "folder")
    assert_same(read_panel(tmp_path / "folder"), panel)
    assert pd.read_parquet(tmp_path / "folder").groupby("cat").size().tolist() == [5, 9, 1, 7]


def test_write_panel_makes_a_folder_of_what_is_large(tmp_path, monkeypatch):
    entry = FORMATS.get("parquet")
    monkeypatch.setattr("tsinfogan.formats.parquet.FORMAT", replace(entry, max_rows=10))
    write_panel(unequal(), tmp_path / "data.parquet")
    assert (tmp_path / "data.parquet" / "part-00000.parquet").is_file()
    assert_same(read_panel(tmp_path / "data.parquet"), unequal())


@pytest.mark.parametrize("name", ["arff", "ts"])
def test_other_readers_see_words_and_numbers_alone(name, tmp_path):
    panel = unequal(labels=["a b", "ü,:", None, "?"])
    lines = write(name, tmp_path / f"data.{name}", panel, cat=[5, 6, 7, 8]).read_text().splitlines()
    assert all(line.startswith(("#tsinfogan ", "%tsinfogan ")) == (index == 0) for index, line in enumerate(lines))
    ends = [line.rpartition("," if name == "arff" else ":")[2] for line in lines[-4:]]
    assert ends == ["a%20b", "%C3%BC%2C%3A", "?", "%3F"]
    assert_same(read_panel(tmp_path / f"data.{name}"), panel)
