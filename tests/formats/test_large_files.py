"""Large files are read in pieces: the same panel as when they are read as a whole, in little more memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import csv as arrow_csv
from pyarrow import parquet as arrow_parquet

from _large import assert_same, outcome, peak_of_reading
from tsinfogan.data.columns import ColumnNames, Windows
from tsinfogan.formats import FORMATS, _pieces, _read_csv, _stored, read_panel
from tsinfogan.formats import parquet as parquet_format

RNG = np.random.default_rng(0)
NAMED = ColumnNames(case="patient", time="t", ignore=("k",))


def long(n: int = 12, t: int = 7) -> pd.DataFrame:
    """Real and whole numbers."""
    size = n * t
    return pd.DataFrame(
        {
            "case": np.repeat(np.arange(n), t),
            "time": np.tile(np.arange(t) / 4, n),
            "x": RNG.normal(size=size).round(3),
            "k": RNG.integers(0, 9, size),
        }
    )


def with_cell(cell: object, column: str = "x", row: int = 9) -> pd.DataFrame:
    table = long()
    table[column] = table[column].astype(object)
    table.loc[row, column] = cell
    return table


def wide(n: int = 15, t: int = 9) -> pd.DataFrame:
    table = pd.DataFrame(RNG.normal(size=(n, t)).round(3), columns=list(map(str, range(t))))
    table.insert(0, "case", [f"c{case}" for case in range(n)])
    return table.assign(label=[*"abc"][:1] * (n // 3) + ["b"] * (n - n // 3))


def padded() -> pd.DataFrame:
    table = wide()
    table.iloc[3, 7:10] = np.nan
    table.iloc[5, 4] = np.nan
    return table


def whole_wide(*cells: object) -> pd.DataFrame:
    table = pd.DataFrame(RNG.integers(0, 50, (15, 9)), columns=[f"t{i}" for i in range(9)]).astype(object)
    for row, cell in enumerate(cells):
        table.iloc[row + 3, row + 2] = cell
    return table


def two_channels() -> pd.DataFrame:
    table = wide(16).drop(columns="label")
    table["case"] = np.repeat(np.arange(8), 2)
    table.insert(1, "channel", ["x", "y"] * 8)
    return table.sample(frac=1, random_state=1)


def dated(form: str) -> pd.DataFrame:
    return long().assign(time=np.tile(pd.date_range("2024-01-20", periods=7, freq="h").strftime(form), 12))


def recording(n: int = 60) -> pd.DataFrame:
    return long(1, n).drop(columns="case")


def late_dots() -> str:
    return long().assign(k=[*[1] * 83, 1.5]).to_csv(index=False).replace(",1.0\n", ",1\n")


PIECEWISE: dict[str, tuple[Callable[[], pd.DataFrame | str], ColumnNames, Windows | None]] = {
    name: (table, *(others or (ColumnNames(), None)))
    for name, (table, *others) in {
        "long": (long,),
        "shuffled rows": (lambda: long().sample(frac=1, random_state=0),),
        "missing values": (lambda: with_cell(""),),
        "missing whole number": (lambda: with_cell("", "k"),),
        "whole numbers with .0 and a gap": (lambda: with_cell(np.nan, "k").astype({"k": float}),),
        "whole numbers in two forms and a gap": (
            lambda: with_cell("2.0", "k", 5).assign(k=lambda rows: rows.k.where(rows.index != 30, "")),
        ),
        "question mark": (lambda: with_cell("?"),),
        "plus sign": (lambda: with_cell("+5"),),
        "blanks": (lambda: with_cell(" 5 "),),
        "number for missing": (lambda: with_cell("-999.0"), ColumnNames(missing=("-999",)), None),
        "text for missing": (lambda: with_cell("broken"), ColumnNames(missing=("broken",)), None),
        "label": (lambda: long().assign(label=lambda rows: np.where(rows.case % 2, "a", "b")),),
        "booleans": (lambda: long().assign(b=lambda rows: rows.x > 0),),
        "codes": (lambda: long().assign(cat=3, cont0=0.5),),
        "constant column": (lambda: long().assign(k=lambda rows: rows.case),),
        "unequal lengths": (lambda: long().iloc[:-3],),
        "absent row": (lambda: long().drop(index=[3]),),
        "iso dates": (lambda: dated("%Y-%m-%dT%H:%M"),),
        "named": (lambda: long().set_axis(["patient", "t", "x", "k"], axis=1), NAMED, None),
        "decimal comma": (lambda: long().to_csv(index=False, sep=";", decimal=","),),
        "decimals come late": (late_dots,),
        "recording": (recording, ColumnNames(), Windows(8, 3)),
        "recording with a gap": (lambda: recording().assign(x=[*[np.nan] * 5, *range(55)]), ColumnNames(), Windows(8)),
        "recording without time": (lambda: recording()[["x", "k"]], ColumnNames(), Windows(8)),
        "labels of rows": (lambda: recording().assign(label=[*"abc"] * 20), ColumnNames(), Windows(8, 3)),
        "wide": (wide,),
        "wide, padded, with a gap": (padded,),
        "wide whole numbers": (whole_wide,),
        "wide, whole but one": (lambda: whole_wide(2.5),),
        "wide whole numbers with a gap": (lambda: whole_wide(""),),
        "wide, two channels": (two_channels,),
        "wide, in windows": (two_channels, ColumnNames(), Windows(4)),
        "no names": (
            lambda: wide().assign(case=[0, 1, 1] * 5).drop(columns="label").to_csv(index=False, header=False),
        ),
    }.items()
}
AS_A_WHOLE: dict[str, Callable[[], pd.DataFrame | str]] = {
    "digits that float32 loses": lambda: long().assign(x=lambda table: table.x + 1e6),
    "uneven times": lambda: long().assign(time=lambda table: table.time**2),
    "other dates": lambda: dated("%d.%m.%Y %H:%M"),
    "word": lambda: with_cell("oops"),
    "infinite": lambda: with_cell("inf"),
    "hexadecimal": lambda: with_cell("0x10"),
    "two rows of a time": lambda: pd.concat([long(), long().tail(1)]),
    "short row": lambda: "case,time,x\n0,0,1\n0,1\n",
    "two columns of a name": lambda: "case,time,x,x\n1,1,1,1\n",
    "no case": recording,
    "no case id": lambda: with_cell("", "case"),
    "labels differ": lambda: long().assign(label=range(84)),
    "empty label": lambda: long().assign(label=""),
    "image": lambda: pd.DataFrame({"case": [0] * 4, "row": [0, 0, 1, 1], "column": [0, 1, 0, 1], "v": range(4)}),
    "no rows": lambda: long().iloc[:0],
}


@pytest.fixture
def count(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Reads files of any size in pieces; then holds whether that went well."""
    went_well: list[bool] = []

    def counted(function: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **named: object) -> object:
            result = function(*arguments, **named)
            went_well.append(result is not None)
            return result

        return call

    for module in (_read_csv, _stored):
        for name in ("series_in_pieces", "wide_in_pieces"):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, counted(getattr(_pieces, name)))
    for module in (_read_csv, parquet_format):
        monkeypatch.setattr(module, "MIN_BYTES", 0)
    for name in ("BLOCK", "LARGE_BLOCK"):
        monkeypatch.setattr(_read_csv, name, 1 << 10)
    monkeypatch.setattr(parquet_format, "ROWS_AT_ONCE", 32)
    return went_well


def written(folder: Path, table: pd.DataFrame | str) -> Path:
    path = folder / "mine.csv"
    path.write_text(table if isinstance(table, str) else table.to_csv(index=False))
    return path


@pytest.mark.parametrize("name", PIECEWISE)
def test_a_usual_file_is_read_in_pieces(
    name: str, tmp_path: Path, count: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    table, columns, windows = PIECEWISE[name]
    path = written(tmp_path, table())
    in_pieces = read_panel(path, columns, windows)
    assert count == [True]
    names = FORMATS.get("csv").column_names(path)
    monkeypatch.setattr(_read_csv, "MIN_BYTES", 1 << 60)
    assert_same(in_pieces, read_panel(path, columns, windows))
    assert FORMATS.get("csv").column_names(path) == names


@pytest.mark.parametrize("name", AS_A_WHOLE)
def test_an_unusual_file_is_read_as_a_whole(
    name: str, tmp_path: Path, count: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, AS_A_WHOLE[name]())
    in_pieces = outcome(path)
    assert True not in count
    monkeypatch.setattr(_read_csv, "MIN_BYTES", 1 << 60)
    assert_same(in_pieces, outcome(path))


def test_parquet_is_read_in_pieces(tmp_path: Path, count: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    tables = [long(), long().sample(frac=1, random_state=0), long().assign(label="a", b=True), with_cell(None, "k")]
    tables[3]["k"] = tables[3]["k"].astype(float)
    tables.append(long().assign(time=np.tile(pd.date_range("2024-01-20", periods=7, freq="h"), 12)))
    folder = tmp_path / "folder"
    folder.mkdir()
    for number, table in enumerate(tables):
        table.to_parquet(tmp_path / f"{number}.parquet", index=False, row_group_size=20)
        long().assign(case=lambda rows, number=number: rows.case + 12 * number).to_parquet(folder / f"{number}.parquet")
    metadata = {"tsinfogan.time_step": "0.5", "tsinfogan.time_unit": "s"}
    stated = pa.Table.from_pandas(long().drop(columns="time").assign(time=0.0).head(1)).replace_schema_metadata(
        metadata
    )
    arrow_parquet.write_table(stated, tmp_path / "stated.parquet")
    paths = [*sorted(tmp_path.glob("*.parquet")), folder]
    in_pieces = [read_panel(path) for path in paths]
    assert count == [True] * 7
    assert (in_pieces[5].time_step, in_pieces[5].time_unit) == (0.5, "s")
    monkeypatch.setattr(parquet_format, "MIN_BYTES", 1 << 60)
    for path, panel in zip(paths, in_pieces, strict=True):
        assert_same(panel, read_panel(path))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
@pytest.mark.parametrize("form", ["long", "wide", "recording"])
def test_peak_memory_is_that_of_the_numbers(form: str, tmp_path: Path) -> None:
    """Read as a whole, the file takes 4 to 18 times its size."""
    n_numbers, n_columns = 4_500_000, 100 if form == "wide" else 10
    numbers = pa.array(RNG.normal(size=n_numbers // n_columns).round(5))
    rows = np.arange(len(numbers))
    index = {"long": {"case": rows // 100, "time": rows % 100}, "wide": {"case": rows}, "recording": {"time": rows}}
    titles = [f"{'' if form == 'wide' else 'ch'}{column}" for column in range(n_columns)]
    table = pa.table({**index[form], **dict.fromkeys(titles, numbers)})
    small, large = tmp_path / "small.csv", tmp_path / f"{form}.csv"
    arrow_csv.write_csv(table.slice(0, 200), small)
    arrow_csv.write_csv(table, large)
    assert large.stat().st_size > _read_csv.MIN_BYTES
    assert peak_of_reading(small, large) < 1.5 * 4 * n_numbers + 100e6
