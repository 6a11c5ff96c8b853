"""``encode``, ``name`` and ``sample --label`` at the command line: codes with a name, of real and of new series."""

from __future__ import annotations

import errno
import io
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tsinfogan.data.panel import Panel
from tsinfogan.datasets import load_dataset
from tsinfogan.formats import FORMATS, read_panel
from tsinfogan.sampling.inference import encode
from tsinfogan.training.run import NAMES, Run, list_runs

TINY = ("--width", "8", "--batch-size", "8", "--device", "cpu")


def copied(run: Run, folder: Path, names: list[str | None] | None) -> Path:
    shutil.copytree(run.path, folder)
    (folder / NAMES).unlink(missing_ok=True)
    if names:
        Run.open(folder).save_names(names)
    return folder


@pytest.fixture
def named(trained: Path, tmp_path: Path) -> Path:
    """A run of three categories, of which two share a name."""
    return copied(list_runs(trained)[-1], tmp_path / "named", ["a", "b", "a"])


@pytest.fixture
def unnamed(trained: Path, tmp_path: Path) -> Path:
    return copied(list_runs(trained)[-1], tmp_path / "unnamed", None)


def table(outcome) -> pd.DataFrame:
    assert outcome.code == 0, outcome.err
    assert outcome.err == ""
    return pd.read_csv(io.BytesIO(outcome.out))


def write(path: Path, panel: Panel) -> Path:
    with path.open("wb") as stream:
        writer = FORMATS.get("csv").open_writer(stream)
        writer.write(panel, {})
        writer.close()
    return path


# ---- encode


def test_encode_a_file(command, named, small_csv):
    rows = table(command("encode", small_csv, "--model", named, "--device", "cpu"))
    assert rows.columns.tolist() == ["case", "cat", "cat_confidence", "cont0", "cont1", "name", "label"]
    panel = read_panel(small_csv)
    expected = encode(Run.open(named).load_model(), panel)
    assert rows.case.tolist() == list(range(12))
    for column, values in expected.items():
        np.testing.assert_array_equal(rows[column].to_numpy(values.dtype), values)
    assert rows.name.tolist() == ["aba"[category] for category in expected["cat"]]
    assert rows.label.tolist() == list("abc") * 4


def test_without_names_or_labels_there_are_no_such_columns(command, named, unnamed, small_csv, tmp_path):
    panel = read_panel(small_csv)
    bare = write(tmp_path / "bare.csv", Panel(panel.values, panel.channels, lengths=panel.lengths))
    assert table(command("encode", bare, "--model", unnamed)).columns.tolist()[-1] == "cont1"
    assert table(command("encode", bare, "--model", named)).columns.tolist()[-1] == "name"
    assert table(command("encode", small_csv, "--model", unnamed)).columns.tolist()[-1] == "label"


def test_encode_in_other_formats(command, named, small_csv, tmp_path):
    written = command("encode", small_csv, "--model", named)
    for out, option in (("codes.csv", ()), ("codes.parquet", ()), ("codes", ("--format", "parquet"))):
        assert command("encode", small_csv, "--model", named, "-o", tmp_path / out, *option) == (0, b"", "")
    assert (tmp_path / "codes.csv").read_bytes() == written.out
    piped = command("encode", small_csv, "--model", named, "--format", "parquet")
    for parquet in (tmp_path / "codes.parquet", tmp_path / "codes", io.BytesIO(piped.out)):
        pd.testing.assert_frame_equal(pd.read_parquet(parquet), table(written), check_dtype=False, rtol=1e-6)


def test_encode_a_dataset(command, tmp_path):
    assert command("train", "--dataset", "sines", *TINY, "--steps", 1, "--runs", tmp_path).code == 0
    (run,) = list_runs(tmp_path)
    for split in ("train", "test"):
        rows = table(command("encode", "sines", "--split", split, "--runs", tmp_path, "--device", "cpu"))
        panel = load_dataset("sines", split)
        np.testing.assert_allclose(rows.cont0, encode(run.load_model(), panel)["cont0"], rtol=1e-5)
        assert len(rows) == panel.n_cases
    train = command("encode", "sines", "--split", "train", "--runs", tmp_path)
    assert command("encode", "sines", "--runs", tmp_path).out == train.out


def test_several_categorical_codes(command, small_csv, tmp_path):
    train = ("train", "--data", small_csv, *TINY, "--steps", 1, "--cat", "3,2", "--cont", 1, "--runs", tmp_path)
    assert command(*train).code == 0
    columns = ["case", "cat0", "cat0_confidence", "cat1", "cat1_confidence", "cont0", "name", "label"]
    assert table(command("encode", small_csv, "--runs", tmp_path)).columns.tolist() == columns
    name = list_runs(tmp_path)[0].load_model().category_names
    (category,) = [index for index, known in enumerate(name) if known][:1]
    rows = table(command("sample", "--label", name[category], "-n", 30, "--runs", tmp_path))
    assert set(rows.label) == {name[category]}
    assert rows.cat1.nunique() == 2


def test_what_sample_wrote_is_encoded(command, process, named, tmp_path):
    out = tmp_path / "made.csv"
    command("sample", "-n", 40, "--model", named, "-o", out)
    child = process("encode", out, "--model", named)
    codes, err = child.communicate()
    assert (child.returncode, err) == (0, b"")
    rows = pd.read_csv(io.BytesIO(codes))
    assert len(rows) == 40
    assert set(rows.label) == {"a", "b"}


def test_codes_that_q_never_learned_are_not_read(command, small_csv, tmp_path):
    given = ("train", "--data", small_csv, "--recipe", "cgan", "--steps", "2", *TINY, "--runs", tmp_path)
    assert command(*given).code == 0
    outcome = command("encode", small_csv, "--runs", tmp_path)
    assert "Q was not trained to read categories" in outcome.sentence


def bad_panels() -> dict[str, tuple[Panel, str]]:
    values = np.random.default_rng(0).normal(size=(3, 2, 14)).astype(np.float32)
    short = [values[0], values[1, :, :1], values[2]]
    image = Panel(values.reshape(3, 2, 2, 7), ("x", "y"), view="image")
    return {
        "other channels": (Panel(values, ("x", "z")), "expected the channels x, y that the model was trained on"),
        "more channels": (Panel(np.repeat(values, 2, 1), ("x", "y", "z", "w")), "got x, y, z, w"),
        "one point": (Panel.from_cases(short, channels=("x", "y")), "2 or more timepoints, got 1 in case 1"),
        "images": (image, "expected series as the model was trained on, got images"),
    }


@pytest.mark.parametrize("what", list(bad_panels()))
def test_data_that_does_not_fit(what, command, named, tmp_path):
    panel, expected = bad_panels()[what]
    sentence = command("encode", write(tmp_path / "mine.csv", panel), "--model", named).sentence
    assert expected in sentence
    assert "mine: " in sentence


def test_data_of_another_size(command, tmp_path):
    panel = Panel.from_arrays(np.random.default_rng(0).normal(size=(8, 1, 16)))
    data = write(tmp_path / "mine.csv", panel)
    assert command("train", "--data", data, *TINY, "--steps", 1, "--runs", tmp_path / "runs").code == 0
    shorter = write(tmp_path / "shorter.csv", Panel(panel.values[:, :, :9].copy(), panel.channels))
    sentence = command("encode", shorter, "--runs", tmp_path / "runs").sentence
    assert "shorter: expected cases of size 16 as the model was trained on, got 9" in sentence
    lone = write(tmp_path / "lone.csv", panel.subset(slice(1)))
    assert len(table(command("encode", lone, "--runs", tmp_path / "runs"))) == 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nothing.csv"], "there is no such file, and the datasets are char_traj"),
        (["char_tray"], "there is no such file, and the datasets are char_traj"),
        (["x" * 5000], "there is no such file"),
        (["."], "expected a file called *.arff"),
        (["sines", "--split", "valid"], "unknown split 'valid': choose from test, train"),
        (["FILE", "--split", "test"], "is a file; leave it out"),
        (["FILE", "--format", "npz"], "unknown format 'npz': choose from csv, parquet"),
        (["FILE", "-o", "codes.xls"], "unknown file suffix '.xls'"),
        (["FILE", "-o", "no/such/folder/codes.csv"], "no such file or directory"),
        (["FILE", "--model", "mine"], "unknown run 'mine'"),
        (["FILE", "--device", "gpu"], "choose from auto"),
        (["sines"], "expected the channels x, y that the model was trained on"),
        ([], "Missing argument"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_mistakes_with_encode(arguments, expected, command, trained, small_csv, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = [small_csv if word == "FILE" else word for word in arguments]
    assert expected in command("encode", *words, "--runs", trained).sentence
    assert not list(tmp_path.iterdir())


def test_no_run_and_no_codes(command, small_csv, tmp_path):
    assert "`tsinfogan train` first" in command("encode", small_csv, "--runs", tmp_path).sentence
    assert "`tsinfogan train` first" in command("name", "--runs", tmp_path).sentence
    train = ("train", "--data", small_csv, *TINY, "--steps", 1, "--cat", "none", "--cont", 0, "--runs", tmp_path)
    assert command(*train).code == 0
    assert "no codes" in command("encode", small_csv, "--runs", tmp_path).sentence
    assert "no categorical code" in command("name", "--runs", tmp_path).sentence
    assert "no categorical code" in command("name", "--cat", 0, "x", "--runs", tmp_path).sentence
    assert "no category of the model has a name" in command("sample", "--label", "a", "--runs", tmp_path).sentence


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_full_device(process, command, named, small_csv):
    for name in ("csv", "parquet"):
        outcome = command("encode", small_csv, "--format", name, "-o", "/dev/full", "--model", named)
        assert "cannot write /dev/full: no space left on device" in outcome.sentence
    with Path("/dev/full").open("wb") as full:
        child = process("encode", small_csv, "--model", named, stdout=full)
        _, err = child.communicate()
    assert child.returncode == 2
    assert err.decode().startswith("error: cannot write the output: no space left on device")
    assert len(err.splitlines()) == 1


# ---- name


def names_of(run: Path) -> tuple[str | None, ...]:
    return Run.open(run).load_model().category_names


def test_name_a_category(command, process, unnamed):
    assert command("name", "--model", unnamed).out.decode().split() == ["category", "name", "0", "1", "2"]
    child = process("name", "--model", unnamed, "--cat", 2, "fast s")
    out, err = child.communicate()
    assert (child.returncode, out) == (0, b"")
    assert "category 2 of unnamed is called 'fast s'" in err.decode()
    assert names_of(unnamed) == (None, None, "fast s")
    assert command("name", "--model", unnamed).out.decode().splitlines()[-1] == "2         fast s"
    rows = table(command("sample", "--label", "fast s", "--model", unnamed, "-n", 2))
    assert set(rows.cat) == {2}
    assert set(rows.label) == {"fast s"}
    assert command("name", "--model", unnamed, "--cat", 2, "slow s").code == 0
    assert names_of(unnamed) == (None, None, "slow s")
    assert "has no name" in command("name", "--model", unnamed, "--cat", 2, "--clear").err
    assert names_of(unnamed) == ()


def test_classes_are_listed_and_stay(command, trained):
    labelled = list_runs(trained)[0]
    assert command("name", "--model", labelled.path).out.decode().split() == ["category", "name", *"0a1b2c"]
    assert "are the classes a, b, c" in command("name", "--model", labelled.path, "--cat", 0, "x").sentence


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--cat", "3", "x"], "there is no category 3: the model has categories 0 to 2"),
        (["--cat", "-1", "x"], "the model has categories 0 to 2"),
        (["--cat", "two", "x"], "'--cat'"),
        (["--cat", "1", "a"], "the name 'a' is taken by category 0"),
        (["--cat", "1", ""], "expected a name"),
        (["--cat", "1", "  "], "expected a name"),
        (["--cat", "1", "a\nb"], "printable"),
        (["--cat", "1"], "give both, or nothing"),
        (["x"], "give both, or nothing"),
        (["--clear"], "give both, or nothing"),
        (["--cat", "1", "x", "--clear"], "give both, or nothing"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes_with_name(arguments, expected, command, named):
    before = (named / NAMES).read_bytes()
    assert expected in command("name", "--model", named, *arguments).sentence
    assert (named / NAMES).read_bytes() == before


def test_a_full_disk_keeps_the_old_names(command, named, monkeypatch):
    before = (named / NAMES).read_bytes()

    def no_space(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_space)
    sentence = command("name", "--model", named, "--cat", 1, "x").sentence
    assert "names.json: no space left on device; the old names are kept" in sentence
    assert (named / NAMES).read_bytes() == before
    assert not list(named.glob(".*"))


@pytest.mark.parametrize("content", ["", "{", '["a"]', "[1, 2, 3]"])
def test_damaged_names(content, command, named, small_csv):
    (named / NAMES).write_text(content)
    for words in (("sample",), ("encode", small_csv), ("name",)):
        sentence = command(*words, "--model", named).sentence
        assert "names.json" in sentence
        assert "delete it" in sentence


# ---- sample --label


def test_categories_of_one_name_take_turns(command, named):
    def cases(*words: object) -> pd.DataFrame:
        return table(command("sample", "--label", "a", "--model", named, *words)).groupby("case").first()

    assert cases("-n", 5).cat.tolist() == [0, 2, 0, 2, 0]
    assert set(cases("-n", 5).label) == {"a"}
    swept = cases("-n", 2, "--cont", "-1:1:3,_")
    assert swept.cat.tolist() == [0, 0, 0, 2, 2, 2]
    assert swept.cont0.tolist() == [-1, 0, 1] * 2
    few = command("sample", "--label", "a", "--model", named, "-n", 3).out
    assert command("sample", "--label", "a", "--model", named, "-n", 300).out.startswith(few)


def test_a_lone_name_is_its_category(command, named):
    by_name = command("sample", "--label", "b", "--model", named)
    assert by_name.out == command("sample", "--cat", 1, "--model", named).out


def test_mistakes_with_label(command, named, unnamed):
    assert "unknown label 'z': choose from a, b" in command("sample", "--label", "z", "--model", named).sentence
    assert "give one of them" in command("sample", "--label", "a", "--cat", 1, "--model", named).sentence
    sentence = command("sample", "--label", "a", "--model", unnamed).sentence
    assert "name them with `tsinfogan name`, train on data with labels" in sentence


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npz"])
def test_named_samples_train_a_model_with_labels(suffix, command, named, tmp_path):
    out = tmp_path / f"made{suffix}"
    command("sample", "-n", 20, "--model", named, "-o", out)
    panel = read_panel(out)
    assert panel.classes == ("a", "b")
    said = command("train", "--data", out, "--recipe", "cgan", "--dry-run")
    assert said.code == 0
    assert "label with 2 classes" in said.err


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npz"])
@pytest.mark.parametrize("cat", [0, 1, None])
def test_what_is_partly_named_is_read_back(suffix, cat, command, trained, tmp_path):
    """A column ``label`` that is empty in every row would be refused, so it is left out."""
    run = copied(list_runs(trained)[-1], tmp_path / "partly", ["only", None, None])
    choice = () if cat is None else ("--cat", cat)
    command("sample", "-n", 30, "--model", run, "-o", tmp_path / f"made{suffix}", *choice)
    panel = read_panel(tmp_path / f"made{suffix}")
    assert panel.classes == (() if cat == 1 else ("only",))
    if cat is None:
        assert set(panel.labels.tolist()) == {0, -1}
    assert command("train", "--data", tmp_path / f"made{suffix}", "--dry-run").code == 0


def test_series_in_other_units_are_noted(command, named, small_csv, tmp_path):
    panel = read_panel(small_csv)
    usual = command("encode", small_csv, "--model", named)
    assert usual.err == ""
    for factor in (1000, 0.001):
        values = panel.values * np.array([1, factor], np.float32)[:, None]
        file = write(tmp_path / "other.csv", replace(panel, values=values))
        outcome = command("encode", file, "--model", named)
        assert outcome.code == 0
        (note,) = outcome.err.splitlines()
        assert note.startswith(f"note: nine tenths of channel {panel.channels[1]} of other lie between ")
