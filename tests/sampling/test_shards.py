"""Pieces of a sample: joined in order they are the whole, and no piece computes what lies before it."""

from __future__ import annotations

import threading
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.sampling.test_sampler import build, rows, same, walks
from tsinfogan.errors import SettingError
from tsinfogan.formats import FORMATS, read_panel
from tsinfogan.models.model import Model
from tsinfogan.sampling.request import CodeRequest
from tsinfogan.sampling.sampler import ROWS_PER_PASS, Passes, Sample, sample, stream
from tsinfogan.sampling.shards import cut, rows_from, shard_rows

N = 2 * ROWS_PER_PASS + 40


@pytest.fixture(scope="module")
def model() -> Model:
    return build(walks())


# ---- which rows


@given(st.integers(1, 5000), st.integers(1, 40), st.sampled_from([1, 8, 256]))
def test_pieces_are_all_rows_in_order(n_rows: int, n_shards: int, pass_size: int) -> None:
    n_shards = min(n_shards, n_rows)
    pieces = [shard_rows(k, n_shards, n_rows, pass_size) for k in range(1, n_shards + 1)]
    assert [row for piece in pieces for row in piece] == list(range(n_rows))
    assert all(pieces), "none is empty"
    n_passes = -(-n_rows // pass_size)
    unit = pass_size if n_passes >= n_shards else 1
    assert all(piece.stop % unit == 0 for piece in pieces[:-1])
    sizes = [-(-len(piece) // unit) for piece in pieces]
    assert max(sizes) - min(sizes) <= 1


@given(st.integers(0, 3000), st.integers(1, 3000), st.integers(1, 700))
def test_parts_are_all_rows_in_order(start: int, n: int, part_size: int) -> None:
    parts = cut(range(start, start + n), part_size)
    assert [row for part in parts for row in part] == list(range(start, start + n))
    assert all(left.stop == right.start and left.stop % part_size == 0 for left, right in pairwise(parts))
    assert all(0 < len(part) <= part_size for part in parts)


def test_rows_that_there_are_not() -> None:
    assert rows_from(9, 10) == range(9, 10)
    for first_row in (-1, 10):
        with pytest.raises(SettingError, match=f"`first_row` from 0 to 9, the last of 10 series, got {first_row}"):
            rows_from(first_row, 10)
    for shard in (0, 5):
        with pytest.raises(SettingError, match=f"from 1/4 to 4/4, got {shard}/4"):
            shard_rows(shard, 4, 1000, 256)
    with pytest.raises(SettingError, match="at most 3 pieces"):
        shard_rows(1, 4, 3, 256)


# ---- what is computed


def taken(part: Sample, of: range) -> list[np.ndarray]:
    return rows(part, slice(of.start, of.stop))


@pytest.mark.parametrize("asked", [{}, {"cat": 1}, {"cont": [(-1, 0, 1), None]}])
def test_some_rows_are_those_of_all(asked: dict[str, object], model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    request = CodeRequest.of(model, **asked)  # type: ignore[arg-type]
    draws = -(-N // request.n_points)
    whole = Sample.concatenated(list(stream(model, draws, request, seed=2)))
    begun: list[int] = []
    generate = Passes.generate
    monkeypatch.setattr(Passes, "generate", lambda *a: begun.append(a[1]) or generate(*a))
    for some in (range(ROWS_PER_PASS - 3, ROWS_PER_PASS + 5), range(ROWS_PER_PASS, N), range(N - 1, N)):
        begun.clear()
        part = Sample.concatenated(list(stream(model, draws, request, 2, some, workers=1)))
        assert same(rows(part, slice(None)), taken(whole, some))
        assert begun == [k for k in (0, 256, 512) if k + ROWS_PER_PASS > some.start and k < some.stop]


def test_sampling_from_a_row_on(model: Model) -> None:
    tail = sample(model, 300, seed=1, first_row=297)
    assert same(rows(tail, slice(None)), taken(sample(model, 300, seed=1), range(297, 300)))
    with pytest.raises(SettingError, match="`first_row` from 0 to 299"):
        sample(model, 300, first_row=300)


def test_as_many_threads_as_workers(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has one thread of torch, and three passes meet only where there are three workers."""
    request, together = CodeRequest.of(model), threading.Barrier(3)
    threads: set[int] = set()
    generate = Passes.generate

    def noting(passes: Passes, first: int) -> Sample:
        threads.add(threading.get_ident())
        assert torch.get_num_threads() == 1
        if len(torch_workers) == 3:
            together.wait(30)
        return generate(passes, first)

    monkeypatch.setattr(Passes, "generate", noting)
    for torch_workers in ([1], [1, 2, 3]):
        threads.clear()
        parts = list(stream(model, N, request, workers=len(torch_workers)))
        assert sum(part.panel.n_cases for part in parts) == N
        assert len(threads) == len(torch_workers)
        assert threading.get_ident() not in threads


def test_a_gpu_has_no_workers(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Model, "device", torch.device("cuda"))
    with pytest.raises(SettingError, match="leave out `workers`"):
        next(stream(model, 9, CodeRequest.of(model), workers=2))


# ---- the command


ASKED: list[list[object]] = [
    ["-n", N],
    ["-n", N // 3 + 1, "--cont", "-1:1:3,_", "--cat", "2", "--seed", 7],
    ["-n", 90, "--min-distance", "0.4", "--workers", 2],
    ["-n", 5, "--label", "a"],
]


@pytest.mark.parametrize(
    ("shape", "asked"),
    [*product(["csv", "parquet"], ASKED), *product(["wide.csv", "arrow", "npz"], ASKED[:1])],
)
def test_files_join(shape: str, asked: list[object], command, trained, tmp_path: Path) -> None:
    def written(name: str, *more: object) -> Path:
        done = command("sample", "--runs", trained, *asked, *more, "-o", tmp_path / f"{name}.{shape}")
        assert done.code == 0, done.err
        return tmp_path / f"{name}.{shape}"

    whole = written("whole")
    pieces = [written(f"piece-{k}", "--shard", f"{k}/3") for k in (1, 2, 3)]
    last = written("last", "--first-row", 2)
    if shape.endswith("csv"):
        (header, *lines), *others = (path.read_text().splitlines(keepends=True) for path in (whole, *pieces, last))
        assert all(other[0] == header for other in others), "each piece can be read alone"
        assert [line for other in others[:3] for line in other[1:]] == lines
        assert others[3][1:] == [line for line in lines if line.split(",")[0] not in ("0", "1")]
    elif shape == "npz":
        arrays = [np.load(path)["values"] for path in (whole, *pieces, last)]
        assert np.array_equal(np.concatenate(arrays[1:4]), arrays[0], equal_nan=True)
        assert np.array_equal(arrays[4], arrays[0][2:], equal_nan=True)
    else:
        whole_table, *tables, last_table = map(table, (whole, *pieces, last))
        assert pa.concat_tables(tables).equals(whole_table)
        assert last_table["case"][0].as_py() == 2
        assert last_table.equals(whole_table.slice(len(whole_table) - len(last_table)))
    if shape == "parquet":
        (folder := tmp_path / "joined").mkdir()
        for path in pieces:
            path.rename(folder / path.name)
        assert pq.read_table(folder).equals(whole_table)
        assert np.array_equal(read_panel(folder).values, read_panel(whole).values, equal_nan=True)


def table(path: Path) -> pa.Table:
    return pq.read_table(path) if path.suffix == ".parquet" else pa.ipc.open_file(path).read_all()


def test_a_folder_of_parquet_files_goes_on_counting(tmp_path: Path) -> None:
    writer = FORMATS.get("parquet").open_folder(tmp_path, first_case=40)
    writer.write(walks(), {})
    writer.close()
    assert np.unique(pq.read_table(tmp_path)["case"]).tolist() == list(range(40, 52))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (["--shard", "0/4"], "expected a --shard from 1/4 to 4/4, got 0/4"),
        (["--shard", "5/4"], "got 5/4"),
        (["--shard", "x/y"], "expected one of several pieces in --shard, such as 3/16, got 'x/y'"),
        (["--shard", "3"], "got '3'"),
        (["--shard", "1/0"], "got '1/0'"),
        (["--shard", "1/11"], "expected at most 10 pieces in --shard, one a series, got 11"),
        (["--first-row", 10], "expected --first-row from 0 to 9, the last of 10 series, got 10"),
        (["--first-row", -1], "'--first-row': Input should be greater than or equal to 0"),
        (["--first-row", 3, "--shard", "1/2"], "--first-row and --shard both choose rows; give one of them"),
        (["--workers", 0], "'--workers': Input should be greater than or equal to 1"),
        (["--ray"], "--ray writes a folder; name it with -o"),
    ],
)
def test_mistakes(asked: list[object], expected: str, command, trained) -> None:
    assert expected in command("sample", "--runs", trained, *asked).sentence


def test_what_ray_does_not_heed(command, trained, tmp_path: Path) -> None:
    for asked in (["--workers", 2], ["--min-distance", "auto"], ["--format", "csv"], ["--device", "cuda"]):
        done = command("sample", "--runs", trained, "--ray", *asked, "-o", tmp_path / "new")
        assert f"{asked[0]} does not go with --ray" in done.sentence
    assert "a new folder" in command("sample", "--runs", trained, "--ray", "-o", tmp_path).sentence
    assert not list(tmp_path.iterdir())
