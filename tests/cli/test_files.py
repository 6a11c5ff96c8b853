"""Files of all shapes at the command line: named columns, windows, notes, and runs that find them again."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tsinfogan.formats import read_panel
from tsinfogan.training.run import list_runs

TINY = ("--width", "4", "--batch-size", "8", "--device", "cpu", "--steps", "2", "--noise", "4")
ASKED = ("--time-column", "date", "--channels", "load,on", "--window", 12, "--stride", 4)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four hundred hours of two channels and a text that nobody asks for."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"date": pd.date_range("2020-01-31", periods=400, freq="h").astype(str)})
    frame["load"] = np.cumsum(rng.integers(-3, 4, 400))
    frame["on"] = rng.integers(0, 2, 400).astype(bool)
    frame["remark"] = "fine"
    frame.loc[7, "load"] = np.nan
    path = tmp_path_factory.mktemp("data") / "recording.csv"
    frame.astype({"load": "Int64"}).to_csv(path, index=False)
    return path


def test_train_resume_sample_encode_and_report(command, recording, tmp_path):
    outcome = command("train", "--data", recording, *ASKED, *TINY, "--cat", 2, "--runs", tmp_path / "runs")
    assert outcome.code == 0, outcome.err
    said = outcome.err.splitlines()
    assert said[0] == (
        "note: recording.csv: 1 of 800 values are missing, in 1 of 1 cases, and filled in by linear interpolation "
        "(channel 'load' 1)"
    )
    assert "channels load, on; dates every h from 2020-01-31T00:00:00 on; 98 windows of 12 rows" in outcome.err
    (run,) = list_runs(tmp_path / "runs")
    assert run.data["columns"] == {"time": "date", "channels": ["load", "on"]}
    assert run.data["windows"] == {"length": 12, "stride": 4, "label_per": "window"}

    resumed = command("train", "--resume", "last", "--runs", tmp_path / "runs")
    assert "is finished" in resumed.sentence  # and not: its data is another

    out = tmp_path / "out.csv"
    assert command("sample", "-n", 4, "-o", out, "--runs", tmp_path / "runs").code == 0
    synthetic = pd.read_csv(out, parse_dates=["time"])
    assert list(synthetic)[:4] == ["case", "time", "load", "on"]
    assert synthetic[synthetic.case == 0].time.tolist() == pd.date_range("2020-01-31", periods=12, freq="h").tolist()
    panel = read_panel(out)
    assert (panel.n_cases, panel.time_frequency) == (4, "h")

    for source, n_cases in ((recording, 98), (out, 4)):  # as in training, where the file has such columns
        encoded = command("encode", source, "--runs", tmp_path / "runs")
        assert encoded.code == 0, encoded.err
        assert len(encoded.out.splitlines()) == 1 + n_cases
    other = command("encode", recording, "--window", 12, "--stride", 12, "--runs", tmp_path / "runs")
    assert len(other.out.splitlines()) == 1 + 33
    assert "note: recording.csv: 4 rows at the end fill no window and are left out" in other.err

    reported = command("report", "--data", recording, "--runs", tmp_path / "runs", "--out", tmp_path / "report")
    assert reported.code == 0, reported.err
    assert "no longer" not in reported.err


def test_an_interrupted_run_finds_its_windows_again(command, recording, tmp_path, monkeypatch):
    from tsinfogan.cli import _running

    monkeypatch.setattr(_running, "stop_signals", lambda: nullcontext([2]))
    stopped = command("train", "--data", recording, *ASKED, *TINY, "--runs", tmp_path)
    assert stopped.code != 0
    monkeypatch.undo()
    resumed = command("train", "--resume", "last", "--runs", tmp_path, "--device", "cpu")
    assert resumed.code == 0, resumed.err
    assert "to step 2" in resumed.err


def test_a_dry_run_says_how_the_file_is_read(command, recording):
    outcome = command("train", "--data", recording, *ASKED, *TINY, "--dry-run")
    resolved = json.loads(outcome.out)
    assert resolved["data"]["windows"] == {"length": 12, "stride": 4, "label_per": "window"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--window", 12], "got '2020-01-31 00:00:00' in row 1 of the data, column 'date'; name it as the time column"),
        (["--time-column", "date"], "--case-column), or cut one long recording into windows (--window)"),
        ([*ASKED[:4], "--window", 500], "a series of 500 or more rows"),
        ([*ASKED[:4], "--window", 1], "windows of 2 or more rows"),
        ([*ASKED[:4], "--window", 12, "--stride", 0], "every 1 or more rows, got 12 every 0"),
        ([*ASKED[:4], "--stride", 2], "--stride says where windows begin"),
        (["--time-column", "when", "--window", 12], "no column 'when'"),
        (["--case-column", "a", "--time-column", "a"], "'a' is named twice"),
        (["--channels", "load,load", "--window", 12], "'load' is named twice"),
        (["--channels", "load,", "--window", 12], "expected names of columns"),
        ([*ASKED[:2], "--window", 12], "got 'fine' in date 2020-01-31 00:00:00, column 'remark'"),
    ],
)
def test_mistakes(arguments, expected, command, recording, tmp_path):
    assert expected in command("train", "--data", recording, *arguments, "--runs", tmp_path).sentence
    assert not list(tmp_path.iterdir())


def test_options_that_do_not_apply_are_refused(command, tmp_path, trained):
    ts = tmp_path / "mine.ts"
    ts.write_text("@classLabel true a\n@data\n1,2:a\n3,4:a\n")
    for words in (("train", "--data", ts), ("encode", ts)):
        said = command(*words, "--time-column", "date", "--runs", trained).sentence
        assert "mine.ts: a .ts file has no time column that could be called 'date'; leave out --time-column" in said
    said = command("train", "--dataset", "sines", "--window", 12, "--runs", tmp_path).sentence
    assert "--window says how a file is read but sines is a dataset" in said
    said = command("encode", "sines", "--channels", "a", "--runs", trained).sentence
    assert "--channels says how a file is read but sines is a dataset" in said
    assert "name the file with --data" in command("report", "--window", 12, "--runs", trained).sentence


def test_many_rows_of_parquet_become_a_folder(command, trained, tmp_path, monkeypatch):
    from tsinfogan.formats import parquet

    whole, parts = tmp_path / "whole.parquet", tmp_path / "parts.parquet"
    assert command("sample", "-n", 300, "-o", whole, "--runs", trained).code == 0
    monkeypatch.setattr(parquet, "MAX_ROWS", 2000)
    monkeypatch.setattr(parquet, "FORMAT", replace(parquet.FORMAT, max_rows=2000))
    assert command("sample", "-n", 300, "-o", parts, "--runs", trained).code == 0
    assert len(list(parts.iterdir())) > 1
    np.testing.assert_array_equal(read_panel(parts).values, read_panel(whole).values)
    assert "is a file; delete it" in command("sample", "-n", 300, "-o", whole, "--runs", trained).sentence
    assert sorted(path.name for path in tmp_path.iterdir()) == ["parts.parquet", "whole.parquet"]
    again = command("sample", "-n", 300, "-o", parts, "--runs", trained).sentence
    assert "is a directory" in again


def test_an_output_named_like_a_folder_leaves_the_folder_alone(command, trained, tmp_path):
    for name in ("out.csv", ".other.csv.partial"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "precious").write_text("kept")
    assert "is a directory" in command("sample", "-o", tmp_path / "out.csv", "--runs", trained).sentence
    assert command("sample", "-o", tmp_path / "other.csv", "--runs", trained).code == 0
    assert [path.read_text() for path in sorted(tmp_path.glob("*/precious"))] == ["kept", "kept"]


@pytest.mark.parametrize("suffix", [".csv", ".wide.csv", ".parquet", ".arrow", ".npz", ".ts", ".arff"])
def test_every_format_is_trained_on(suffix, command, trained, tmp_path):
    out = tmp_path / f"made{suffix}"
    assert command("sample", "-n", 12, "-o", out, "--runs", trained).code == 0
    outcome = command("train", "--data", out, *TINY, "--runs", tmp_path / "runs")
    assert outcome.code == 0, outcome.err
    assert "codes, which training ignores, cat, cont0, cont1" in outcome.err
    assert "channels x, y" in outcome.err
