"""A run that version 0.1.0 wrote is sampled from, read with, listed and reported on as ever."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

FIXTURE = Path(__file__).resolve().parents[1] / "fixtures" / "run_of_format_2"


@pytest.fixture
def old_run(tmp_path, monkeypatch) -> Path:
    """A copy of the run; the file that it was trained on lies in the current folder."""
    shutil.copytree(FIXTURE / "run", tmp_path / "runs" / "old")
    shutil.copy(FIXTURE / "series.csv", tmp_path / "waves.csv")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs" / "old"


@pytest.mark.parametrize(
    ("arguments", "file"),
    [
        (["sample", "--model", "old", "-n", 6, "--seed", 4], "sampled.csv"),
        (["sample", "--model", "old", "-n", 6, "--seed", 3, "--cat", 1, "--cont", "0.5,-1"], "sampled_cat_1.csv"),
        (["encode", FIXTURE / "series.csv", "--model", "old"], "encoded.csv"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_same_output_as_then(arguments, file, command, old_run):
    done = command(*arguments, "--device", "cpu")
    assert done.code == 0, done.err
    ours, theirs = (pd.read_csv(text) for text in (io.BytesIO(done.out), FIXTURE / file))
    pd.testing.assert_frame_equal(ours, theirs, rtol=1e-4, atol=1e-5)  # other machines round otherwise


def test_it_is_listed_and_shown(command, old_run):
    listed = command("runs").out.decode()
    assert all(word in listed for word in ("old", "waves.csv", "infogan", "conv1d", "60/60", "cat 0."))
    shown = command("runs", "show", "old").out.decode()
    assert "discriminator_rate" in shown
    assert "critic_rate" not in shown
    names = command("name", "--model", "old").out.decode().split()
    assert names == ["category", "name", *(word for pair in enumerate("acb") for word in map(str, pair))]


def test_it_is_reported_on(command, old_run):
    done = command("report", "old", "--device", "cpu")
    assert done.code == 0, done.err
    report = json.loads((old_run / "report.json").read_text())
    assert report["data"].startswith("waves")
    assert b"3 categories" in done.out


def test_it_cannot_go_on_with_other_data(command, old_run):
    assert "waves holds other values than it was trained on" in command("train", "--resume", "old").sentence
