"""Files in the shapes that people have: dialects of text, dates, headers, folders and arrays of other programs."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from _dialects import LONG, read, same
from tsinfogan.data.columns import ColumnNames, Windows
from tsinfogan.data.panel import Panel
from tsinfogan.errors import DataError
from tsinfogan.formats import read_panel, write_panel

relaxed = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


# ---- delimiters, decimals, compression


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("decimal", [".", ","])
def test_dialects(delimiter: str, decimal: str, tmp_path: Path) -> None:
    if delimiter == decimal:
        return
    panel = read(tmp_path / "mine.csv", LONG.to_csv(index=False, sep=delimiter, decimal=decimal))
    assert same(panel)
    assert panel.channels == ("x", "y")
    assert bool(panel.notes) == (delimiter != "," or decimal != ".")
    columns = ColumnNames(delimiter=delimiter, decimal=decimal)
    assert same(read(tmp_path / "mine.txt", LONG.to_csv(index=False, sep=delimiter, decimal=decimal), columns))


@given(
    values=st.lists(st.lists(st.floats(-1e6, 1e6, width=32), min_size=3, max_size=3), min_size=2, max_size=9),
    delimiter=st.sampled_from([";", "\t", "|"]),
    decimal=st.sampled_from([".", ","]),
)
@relaxed
def test_any_numbers_in_any_dialect(values: list[list[float]], delimiter: str, decimal: str, tmp_path: Path) -> None:
    table = pd.DataFrame(values, columns=["a", "b", "c"])
    said = ColumnNames(delimiter=delimiter, decimal=decimal)
    text = table.to_csv(index=False, sep=delimiter, decimal=decimal)
    panel = read(tmp_path / "mine.csv", text, said, Windows(2, 1))
    np.testing.assert_array_equal(panel.values[:, :, 0], table.to_numpy(np.float32)[:-1])
    try:
        found = read(tmp_path / "mine.csv", text, windows=Windows(2, 1))
    except DataError as error:  # 1,500 may be a thousand
        assert "columns.decimal" in str(error)  # noqa: PT017
        return
    np.testing.assert_array_equal(found.values, panel.values)


def packed(kind: str, content: bytes) -> bytes:
    if kind == ".zip":
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("mine.csv", content)
        return stream.getvalue()
    if kind == ".zst":
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, "zstd") as out:
            out.write(content)
        return sink.getvalue().to_pybytes()
    return {".gz": gzip.compress, ".bz2": bz2.compress}[kind](content)


@pytest.mark.parametrize("kind", [".gz", ".zst", ".zip", ".bz2"])
def test_compressed_files(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = LONG.to_csv(index=False).encode()
    path = tmp_path / f"mine.csv{kind}"
    panel = read(path, packed(kind, content))
    assert same(panel)
    assert panel.name == "mine"
    with pytest.raises(DataError, match=rf"mine\.csv{kind} (is not a readable {kind} file|is empty|is not)"):
        read(path, packed(kind, content)[:-30])
    with pytest.raises(DataError, match="is empty"):
        read(path, packed(kind, b""))
    monkeypatch.setattr("tsinfogan.formats.MIN_BOMB", 1 << 20)
    with pytest.raises(DataError, match="far more than its size suggests"):
        read(path, packed(kind, bytes(1 << 22)))


def test_blanks_and_comments(tmp_path: Path) -> None:
    text = LONG.to_csv(index=False, sep=" ").replace(" ", "   ")
    assert same(read(tmp_path / "mine.txt", text))
    with_comment = "# made by a logger, on Monday\n# second line\n" + LONG.to_csv(index=False)
    panel = read(tmp_path / "mine.csv", with_comment)
    assert same(panel)
    assert "2 lines of comment" in panel.notes[0]


def test_very_long_columns_of_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tsinfogan.formats._text.LARGE", 1)  # as if there were more than 2 GiB
    table = LONG.assign(
        label=["a"] * 8 + ["b"] * 16, on=[True, False, None] * 8, time=[*pd.bdate_range("2024", periods=8)] * 3
    )
    panel = read(tmp_path / "mine.csv", table.to_csv(index=False), ColumnNames(channels=("x", "y"), missing=("-1",)))
    assert same(panel)
    assert (panel.classes, panel.time_frequency) == (("a", "b"), "B")
    wide = pd.DataFrame(series()).assign(label=["a", "b"] * 6)
    assert read(tmp_path / "mine.csv", wide.to_csv(index=False)).values.shape == (12, 1, 20)
    assert same(read(tmp_path / "mine.csv", LONG.to_csv(index=False, sep=";", decimal=",")))


def test_json_lines(tmp_path: Path) -> None:
    lines = "".join(json.dumps(row) + "\n" for row in LONG.to_dict("records"))
    assert same(read(tmp_path / "mine.jsonl", lines))
    with pytest.raises(DataError, match="not readable as JSON lines"):
        read(tmp_path / "mine.ndjson", lines + "{")


# ---- headers


def test_names_and_columns_without_names(tmp_path: Path) -> None:
    panel = read(tmp_path / "mine.csv", LONG.to_csv(index=False).replace("x,", " x ,").replace("time", " time"))
    assert panel.channels == ("x", "y")
    panel = read(tmp_path / "mine.csv", LONG.to_csv())
    assert same(panel)
    assert "1 columns without a name are left out" in panel.notes[0]
    trailing = "\n".join(f"{line};;" for line in LONG.to_csv(index=False, sep=";").split())
    assert same(read(tmp_path / "mine.csv", trailing))
    only_rows = "\n".join(line + ("," if row else "") for row, line in enumerate(LONG.to_csv(index=False).split()))
    assert same(read(tmp_path / "mine.csv", only_rows))
    dated = pd.DataFrame({"x": range(9)}, pd.date_range("2024-01-01", periods=9))
    panel = read(tmp_path / "mine.csv", dated.to_csv(), windows=Windows(3))
    assert (panel.channels, panel.time_frequency) == (("x",), "D")
    assert "holds dates, so it is taken as the time" in panel.notes[0]


def test_a_quoted_name_keeps_its_blanks(tmp_path: Path) -> None:
    panel = Panel.from_arrays(np.arange(8.0).reshape(2, 1, 4), channels=[" x "])
    write_panel(panel, tmp_path / "mine.csv")
    assert read_panel(tmp_path / "mine.csv").channels == (" x ",)


def test_headers_of_several_rows(tmp_path: Path) -> None:
    days = pd.bdate_range("2024-01-01", periods=30)
    levels = pd.MultiIndex.from_product([["Close", "Volume"], ["ABC", "XYZ"]], names=["Price", "Ticker"])
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(30, 4)), days.rename("Date"), levels)
    for frame, channels in (
        (table, ("Close ABC", "Close XYZ", "Volume ABC", "Volume XYZ")),
        (table.xs("ABC", axis=1, level=1, drop_level=False), ("Close", "Volume")),
    ):
        panel = read(tmp_path / "mine.csv", frame.to_csv(), ColumnNames(time="Date"), Windows(5))
        assert panel.channels == channels
        assert panel.time_frequency == "B"
        np.testing.assert_allclose(panel.values[0], frame.to_numpy()[:5].T, rtol=1e-6)
    header, *rows = LONG.to_csv(index=False).splitlines()
    panel = read(tmp_path / "mine.csv", "\n".join([header, "-,s,m/s,mV", *rows]).replace("-,s", "id,s"))
    assert same(panel)
    assert "left out of them: id, s, m/s, mV" in panel.notes[0]
    first = "\n".join([header.replace("case", "label"), *("a" + row[1:] for row in rows[:8])])
    assert read(tmp_path / "mine.csv", first, windows=Windows(8)).n_cases == 1  # a first row of words is data


# ---- a row is a series


def series(n: int = 12, length: int = 20) -> np.ndarray[Any, Any]:
    return np.sin(np.arange(length) / 3 + np.arange(n)[:, None]).round(5)


def test_json_lines_in_another_encoding_are_refused(tmp_path: Path) -> None:
    line = '{"case": "%s", "time": %d, "x": 1.5}\n'
    text = "".join(line % (case, time) for case in ("é", "b") for time in range(4))
    (tmp_path / "mine.jsonl").write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=r"mine.jsonl is not UTF-8 text"):
        read_panel(tmp_path / "mine.jsonl")


@pytest.mark.parametrize("form", ["%d", "%.7e"])
@pytest.mark.parametrize("delimiter", ["\t", "  ", ",", " "])
def test_ucr_text(form: str, delimiter: str, tmp_path: Path) -> None:
    labels = np.arange(12) % 3 - 1
    lines = [delimiter.join([form % label, *map(str, row)]) for label, row in zip(labels, series(), strict=True)]
    panel = read(tmp_path / "Toy_TRAIN.txt", "\n".join(lines))
    np.testing.assert_array_equal(panel.values[:, 0], series().astype(np.float32))
    assert panel.classes == ("-1", "0", "1")
    assert panel.labels is not None
    assert panel.labels.tolist() == (labels + 1).tolist()
    assert any("its first number as the class" in note for note in panel.notes)
    if delimiter != "  ":  # a separator at the end of each line
        ended = read(tmp_path / "Toy_TRAIN.txt", "".join(line + delimiter + "\n" for line in lines))
        np.testing.assert_array_equal(ended.values, panel.values)
    if delimiter == "\t":
        columns = ColumnNames(delimiter=delimiter, decimal=",")
        commas = read(tmp_path / "Toy_TRAIN.txt", "\n".join(lines).replace(".", ","), columns)
        np.testing.assert_array_equal(commas.values, panel.values)
    plain = read(tmp_path / "Toy_TRAIN.txt", "\n".join(lines), ColumnNames(label="", layout="wide"))
    assert plain.values.shape == (12, 1, 21)


def test_wide_tables(tmp_path: Path) -> None:
    table = pd.DataFrame(series())
    expected = series().astype(np.float32)
    for names in (range(20), [f"t{k}" for k in range(20)], [f"time_{k}" for k in range(20)]):
        panel = read(tmp_path / "mine.csv", table.set_axis(list(names), axis=1).to_csv(index=False))
        np.testing.assert_array_equal(panel.values[:, 0], expected)
    columns = [f"V{k + 1}" for k in range(21)]
    m4 = pd.concat([pd.Series([f"Y{k}" for k in range(12)]), table], axis=1).set_axis(columns, axis=1)
    with pytest.raises(DataError, match=r"`columns.layout=wide` \(with `columns.case=V1` if that names it\)"):
        read(tmp_path / "mine.csv", m4.to_csv(index=False))
    panel = read(tmp_path / "mine.csv", m4.to_csv(index=False), ColumnNames(case="V1", layout="wide"))
    np.testing.assert_array_equal(panel.values[:, 0], expected)
    assert panel.cases is not None
    assert panel.cases.tolist() == [f"Y{k}" for k in range(12)]
    other = table.set_axis([f"ch{k}" for k in range(20)], axis=1).to_csv(index=False)
    with pytest.raises(DataError, match=r"each row is a series, `columns.layout=wide`"):
        read(tmp_path / "mine.csv", other)
    np.testing.assert_array_equal(read(tmp_path / "mine.csv", other, ColumnNames(layout="wide")).values[:, 0], expected)
    bare = "\n".join(",".join(map(str, row)) for row in series())
    with pytest.raises(DataError, match=r"got numbers.*`columns.layout=wide`"):
        read(tmp_path / "mine.csv", bare)
    assert read(tmp_path / "mine.csv", bare, ColumnNames(layout="wide")).values.shape == (12, 1, 20)
    recording = read(tmp_path / "mine.csv", table.to_csv(index=False), windows=Windows(4))
    assert recording.n_channels == 20  # columns that pandas numbered


def test_monash_tsf(tmp_path: Path) -> None:
    text = (
        "# a comment\n@relation toy\n@attribute series_name string\n@attribute start_timestamp date\n"
        "@frequency monthly\n@missing true\n@equallength false\n@data\n"
        "T1:1990-02-01 00-00-00:1,2,?,4,5,6,7,8\nT2:1991-02-01 00-00-00:1,2,3,4.5\n"
    )
    panel = read(tmp_path / "toy.tsf", text)
    assert panel.case_lengths.tolist() == [8, 4]
    assert panel.case(0).tolist() == [[1, 2, 3, 4, 5, 6, 7, 8]]
    assert (panel.time_origin, panel.time_frequency) == ("1990-02-01T00:00:00", "MS")
    with pytest.raises(DataError, match="expected 3 fields parted by ':' in case 1"):
        read(tmp_path / "toy.tsf", text.replace("T2:", ""))
    odd = read(tmp_path / "toy.tsf", text.replace("@data", "@\x85\x00\n@attribute \x85\n@data"))
    np.testing.assert_array_equal(odd.values, panel.values)


# ---- folders and arrays


def test_a_folder_of_recordings(tmp_path: Path) -> None:
    folder = tmp_path / "walks"
    folder.mkdir()
    for case, rows in LONG.groupby("case"):
        rows.drop(columns="case").head(8 - int(str(case))).to_csv(folder / f"walk_{case}.csv.gz", index=False)
    panel = read_panel(folder)
    assert panel.cases is not None
    assert panel.cases.tolist() == ["walk_0", "walk_1", "walk_2"]
    assert panel.case_lengths.tolist() == [8, 7, 6]
    assert panel.name == "walks"
    LONG.drop(columns="case").rename(columns={"x": "z"}).to_csv(folder / "walk_3.csv", index=False)
    with pytest.raises(DataError, match=r"the same columns in each, .* got time, z, y in walk_3\.csv"):
        read_panel(folder)
    LONG.to_csv(folder / "walk_3.csv", index=False)
    with pytest.raises(DataError, match="each file is one case"):
        read_panel(folder, ColumnNames(channels=("x",)))


def test_arrays_of_other_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).normal(size=(5, 2, 9)).astype(np.float32)
    np.save(tmp_path / "mine.npy", values)
    np.testing.assert_array_equal(read_panel(tmp_path / "mine.npy").values, values)
    np.save(tmp_path / "mine.npy", values[:, 0])
    np.testing.assert_array_equal(read_panel(tmp_path / "mine.npy").values, values[:, :1])
    ended = values.copy()
    ended[1, :, 6:] = np.nan
    np.savez(tmp_path / "mine.npz", X=ended, y=np.array([1, 0, 1, 1, 0]), subject=np.arange(5))
    panel = read_panel(tmp_path / "mine.npz")
    assert panel.case_lengths.tolist() == [9, 6, 9, 9, 9]
    assert (panel.classes, panel.case_labels.tolist()) == (("0", "1"), [1, 0, 1, 1, 0])
    assert [
        note for note in panel.notes if "'X' is taken" in note or "'y' is taken" in note or "'subject' is not" in note
    ]
    assert read_panel(tmp_path / "mine.npz", ColumnNames(label="subject")).classes == tuple("01234")
    assert read_panel(tmp_path / "mine.npz", ColumnNames(label="")).labels is None
    np.savez(tmp_path / "mine.npz", values=values.swapaxes(1, 2))
    with pytest.raises(DataError, match=r"`columns\.layout=nct` or `columns\.layout=ntc`"):
        read_panel(tmp_path / "mine.npz")
    np.testing.assert_array_equal(read_panel(tmp_path / "mine.npz", ColumnNames(layout="ntc")).values, values)
    monkeypatch.setattr("tsinfogan.formats.npz.MIN_BOMB", 1 << 20)
    np.savez_compressed(tmp_path / "bomb.npz", values=np.zeros((1, 1, 1 << 20)))
    with pytest.raises(DataError, match="far more than its size suggests"):
        read_panel(tmp_path / "bomb.npz")
