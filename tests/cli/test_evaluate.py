"""``tsinfogan evaluate``: figures of runs and of files, what is remarked on, and a sentence for every mistake."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from _pages import Page, is_whole
from _trainers import walks, waves
from tsinfogan.data.panel import Panel
from tsinfogan.errors import DataError, UnknownNameError
from tsinfogan.formats import write_panel
from tsinfogan.metrics.evaluation import Measures
from tsinfogan.metrics.remarks import in_order_of, label_remark, length_remark, scale_remarks
from tsinfogan.metrics.samples import SAMPLE_MEASURES
from tsinfogan.training.run import list_runs

FILES = ["evaluation.html", "evaluation.json"]
FAST = ("--only", "marginals", "--quick", "--device", "cpu")


@pytest.fixture
def written(tmp_path):
    """Writes a panel as a file of its own."""

    def write(name: str, panel: Panel) -> Path:
        path = tmp_path / name
        write_panel(panel, path)
        return path

    return write


@pytest.fixture
def two(written) -> tuple[object, ...]:
    return "--real", written("real.csv", walks()), "--fake", written("fake.csv", walks(30, 1))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Files without a folder go into one that is thrown away."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


@pytest.fixture
def undrawn(monkeypatch):
    """Pictures take a second, and here figures are looked at."""
    monkeypatch.setattr("tsinfogan.reports.evaluation.pictures.draw_all", lambda shown, tell: [])


def written_here() -> dict:
    return json.loads(Path("evaluation.json").read_text())


# ---- the command


def test_two_files_need_no_model(command, two):
    done = command("evaluate", *two, "--only", "marginals,correlations", "--quick", "--device", "cpu")
    assert done.code == 0, done.err
    lines = done.out.decode().splitlines()
    assert lines[0].split()[:4] == ["group", "measure", "figure", "value"]
    assert [line.split()[1] for line in lines[1:]] == ["correlations", "marginals"]
    assert all("±" in line for line in lines[1:])
    assert all("cannot tell: a difference below" in line for line in lines[1:])  # of 20 series
    assert "0 of 2 figures are like those of real series, or nearly; 2 cannot tell" in done.err
    assert done.err.count("correlations (1 of ") == done.err.count("marginals (6 of ") == 1
    assert sorted(path.name for path in Path().iterdir()) == FILES
    found = written_here()
    assert {row["measure"] for row in found["rows"]} == {"marginals", "correlations"}
    assert all(row["baseline"] is not None and row["verdict"] for row in found["rows"])
    assert found["synthetic_name"] == "fake.csv"
    assert found["counts"] == {"synthetic": 20, "seen": 20, "reference": 20}
    assert any("one set of real series was given" in note for note in found["notes"])
    assert not any("the same" in note for note in found["notes"])
    text = Path("evaluation.html").read_text()
    page = Page(text)
    is_whole(page, text)
    assert page.tags.count("img") == 7
    assert "marginal_w1" in page.text


def test_the_same_seed_gives_the_same_files(command, two):
    kept = []
    for seed in (0, 0, 1):
        assert command("evaluate", *two, *FAST, "--seed", seed).code == 0
        kept.append({name: Path(name).read_bytes() for name in FILES})
    assert kept[0] == kept[1]
    assert kept[0][FILES[1]] != kept[2][FILES[1]]


@pytest.mark.usefixtures("undrawn")
def test_a_run_with_its_codes(command, trained, tmp_path):
    runs = tmp_path / "runs"
    newest = list_runs(trained)[-1].path
    shutil.copytree(newest, runs / newest.name)
    done = command("evaluate", "--runs", runs, "--only", "marginals,readback,mig", "--quick", "--device", "cpu")
    assert done.code == 0, done.err
    found = json.loads((runs / newest.name / "evaluation.json").read_text())
    assert [row["name"] for row in found["rows"]] == ["r2_cont0", "r2_cont1"]
    assert all(row["group"] == "codes" and row["baseline"] is None for row in found["rows"])
    assert found["synthetic_name"] == newest.name
    assert found["skipped"]["marginals"] == "it needs 10 series of each kind, and there are 6"
    assert "known factors" in found["skipped"]["mig"]
    assert "marginals is left out: it needs 10 series of each kind, and there are 6" in done.err
    assert not list(Path().iterdir())


@pytest.mark.usefixtures("undrawn")
def test_a_run_with_other_real_series_and_with_other_made_ones(command, trained, written):
    real, test, fake = (written(f"{name}.csv", walks(30, seed)) for seed, name in enumerate(("real", "test", "fake")))
    run = ("evaluate", "--runs", trained, *FAST, "--out", ".")
    assert command(*run, "--real", real, "--test", test).code == 0
    found = written_here()
    assert found["counts"] == {"synthetic": 30, "seen": 30, "reference": 30}
    assert found["synthetic_name"] == list_runs(trained)[-1].name
    done = command("evaluate", "--runs", trained, *FAST, "--fake", fake, "--test", test)
    assert done.code == 0, done.err
    assert written_here()["counts"] == {"synthetic": 12, "seen": 12, "reference": 30}
    assert written_here()["synthetic_name"] == "fake.csv"


@pytest.mark.usefixtures("undrawn")
def test_a_dataset_in_place_of_a_file(command, written, monkeypatch):
    monkeypatch.setattr("tsinfogan.datasets.load_dataset", lambda name, split="train": walks(20, seed=len(split)))
    fake = written("fake.csv", walks(20))
    done = command("evaluate", "--real", "pen_strokes", "--fake", fake, *FAST)
    assert done.code == 0, done.err
    assert written_here()["counts"]["reference"] == 20
    assert "every repeat measures the same 20 synthetic series" in done.err
    refused = command("evaluate", "--real", "pen_strokes", "--fake", fake, "--window", 5).sentence
    assert "pen_strokes is a dataset; leave it out" in refused.replace("'", "")


@pytest.mark.usefixtures("undrawn")
def test_a_dataset_without_held_out_series(command, written, monkeypatch):
    def load(name, split="train"):
        if split == "test":
            raise DataError("there is no test split")
        return walks(24)

    monkeypatch.setattr("tsinfogan.datasets.load_dataset", load)
    done = command("evaluate", "--real", "pen_strokes", "--fake", written("fake.csv", walks(20)), *FAST)
    assert done.code == 0, done.err
    assert "note: there are no held-out series: there is no test split" in done.err
    assert written_here()["counts"] == {"synthetic": 12, "seen": 12, "reference": 12}


@pytest.mark.usefixtures("undrawn")
def test_windows_of_one_recording(command, written, tmp_path):
    rows = [f"{time},{np.sin(time / 3):.4f}" for time in range(60)]
    for name in ("real.csv", "fake.csv"):
        (tmp_path / name).write_text("time,x\n" + "\n".join(rows) + "\n")
    done = command("evaluate", "--real", tmp_path / "real.csv", "--fake", tmp_path / "fake.csv", "--window", 8, *FAST)
    assert done.code == 0, done.err
    assert "note: windows overlap" in done.err


def test_a_terminal_shows_a_bar(process, two):
    ours, theirs = pty.openpty()
    child = process("evaluate", *two, *FAST, stderr=theirs)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # the other side is closed
        while piece := os.read(ours, 4096):
            shown += piece
    os.close(ours)
    assert child.wait() == 0
    assert b"marginals" in child.stdout.read()
    assert b"drawing maps" in shown
    assert b"/12" in shown


def test_names_and_groups():
    comparisons, codes = Measures.chosen(None)
    assert comparisons == SAMPLE_MEASURES.names()
    assert "purity" in codes
    assert Measures.chosen(["codes"]) == ((), codes)
    fidelity, none = Measures.chosen(["fidelity", "marginals"])
    assert "marginals" in fidelity
    assert none == ()
    with pytest.raises(UnknownNameError, match="codes"):
        Measures.chosen(["code"])


# ---- what is strange and goes on


@pytest.mark.usefixtures("undrawn")
def test_identical_files_are_evaluated_and_said_to_be(command, written):
    done = command("evaluate", "--real", written("a.csv", walks()), "--fake", written("b.csv", walks()), *FAST)
    assert done.code == 0, done.err
    assert "hold identical series" in done.err
    assert "identical" in Page(Path("evaluation.html").read_text()).text


@pytest.mark.usefixtures("undrawn")
def test_other_units_are_told_with_their_factor(command, written):
    fake = written("fake.csv", walks(30, 1, scale=1000))
    done = command("evaluate", "--real", written("real.csv", walks()), "--fake", fake, *FAST)
    assert done.code == 0, done.err
    (said,) = re.findall(r"channel x spreads (\d+) times as far in fake", done.err)
    assert 500 < int(said) < 2000
    assert "are the units the same?" in done.err


@pytest.mark.usefixtures("undrawn")
def test_labels_in_one_only(command, written, monkeypatch):
    of_labels = replace(SAMPLE_MEASURES.get("marginals"), needs=frozenset({"labels"}))
    monkeypatch.setattr("tsinfogan.metrics.samples.marginals.SAMPLE_MEASURE", of_labels)
    real, fake = written("real.csv", walks()), written("fake.csv", walks(30, 1, labelled=False))
    done = command("evaluate", "--real", real, "--fake", fake, "--only", "marginals,correlations", "--quick")
    assert done.code == 0, done.err
    assert "real series have labels, synthetic ones have none" in done.err
    assert "marginals is left out: real and synthetic series do not both have labels" in done.err
    assert [row["measure"] for row in written_here()["rows"]] == ["correlations"]


@pytest.mark.usefixtures("undrawn")
def test_channels_in_another_order_are_put_in_order(command, written):
    panel = walks()
    turned = replace(panel, values=np.ascontiguousarray(panel.values[:, ::-1]), channels=("y", "x"))
    done = command("evaluate", "--real", written("a.csv", panel), "--fake", written("b.csv", turned), *FAST)
    assert done.code == 0, done.err
    assert "identical" in done.err


def test_remarks_say_nothing_where_nothing_is_strange():
    assert scale_remarks(walks(seed=1), walks()) == []
    assert label_remark(walks(seed=1), walks()) is None
    assert length_remark(waves(), waves()) is None
    assert in_order_of(walks(), walks()).fingerprint() == walks().fingerprint()


def test_remarks():
    panel = waves(24)
    shifted = replace(panel, values=panel.values + 100, name="shifted")
    (said,) = scale_remarks(shifted, panel)
    assert "do not overlap" in said
    assert "in shifted" in said
    wider = replace(panel, values=panel.values * 1000, name="wider")
    assert "spreads 1e+03 times as far in wider" in scale_remarks(wider, panel)[0]
    assert "spreads 1e+03 times as far in wider" in scale_remarks(panel, wider)[0]
    assert "16 to 28 timepoints" in str(length_remark(walks(), walks()))
    others = replace(walks(), classes=("e", "f", "g", "h"))
    assert "no class of the synthetic series" in str(label_remark(others, walks()))
    with pytest.raises(DataError, match="has y besides"):
        in_order_of(walks(), replace(walks(), values=walks().values[:, :1], channels=("x",)))


# ---- what is refused


def test_other_channels_are_named(command, written):
    one = walks().values[:, :1]
    fake = written("fake.csv", replace(walks(), values=one, channels=("x",)))
    sentence = command("evaluate", "--real", written("real.csv", walks()), "--fake", fake, *FAST).sentence
    assert "expected the channels x, y in fake, which lacks y" in sentence
    renamed = written("renamed.csv", replace(walks(), channels=("x", "z")))
    sentence = command("evaluate", "--real", written("real.csv", walks()), "--fake", renamed, *FAST).sentence
    assert "lacks y and has z besides" in sentence


def test_other_lengths_are_told(command, written):
    real, fake = written("real.csv", waves(24)), written("fake.csv", waves(24, n_timepoints=30))
    sentence = command("evaluate", "--real", real, "--fake", fake, *FAST).sentence
    assert "all series of real have 32 timepoints, those of fake 30 to 30" in sentence


def test_missing_values(command, written, tmp_path):
    bad = written("bad.csv", walks())
    lines = bad.read_text().splitlines()
    for position in range(2, 9):
        parts = lines[position].split(",")
        parts[lines[0].split(",").index("x")] = "nan"
        lines[position] = ",".join(parts)
    bad.write_text("\n".join(lines) + "\n")
    real = written("real.csv", walks())
    for arguments in (("--real", real, "--fake", bad), ("--real", bad, "--fake", real)):
        assert "values are missing in case" in command("evaluate", *arguments, *FAST).sentence
    assert not list(Path().iterdir())


def test_too_few_series(command, written):
    real, fake = written("real.csv", walks(6)), written("fake.csv", walks(30, 1))
    assert "expected 8 real series or more" in command("evaluate", "--real", real, "--fake", fake, *FAST).sentence


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--only", "marginal"], "unknown measure 'marginal': did you mean 'marginals'? choose from"),
        (["--only", ""], "unknown measure ''"),
        (["--seed", "-1"], "'--seed'"),
        (["--device", "gpu"], "choose from auto"),
        (["--window", "8"], "name one with --real"),
        (["--fake", "no.csv"], "'no.csv', which does not exist"),
        (["--test", "no.csv"], "'no.csv', which does not exist"),
        (["--real", "no.csv"], "expected a file or a dataset, got 'no.csv'"),
        (["mine"], "unknown run 'mine'"),
        (["mine", "--real", "a.csv", "--fake", "b.csv"], "one too many"),
        (["--out", "/dev/null/x"], "cannot write"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes(arguments, expected, command, trained):
    assert expected in command("evaluate", "--runs", trained, "--only", "readback", *arguments).sentence
    assert not list(Path().iterdir())


def test_no_run_and_no_files(command, written, tmp_path):
    sentence = command("evaluate", "--runs", tmp_path / "none").sentence
    assert "`tsinfogan train` first" in sentence
    assert sentence.endswith("or name files with --real and --fake")
    fake = written("fake.csv", walks())
    assert command("evaluate", "--runs", tmp_path / "none", "--fake", fake).sentence.endswith(
        "or name files with --real"
    )


def test_a_run_whose_series_are_gone(command, small_csv, written, tmp_path):
    copy = tmp_path / "small.csv"
    shutil.copy(small_csv, copy)
    runs = tmp_path / "runs"
    options = ("--width", 8, "--batch-size", 8, "--device", "cpu", "--steps", 1, "--runs", runs)
    assert command("train", "--data", copy, *options).code == 0
    copy.unlink()
    sentence = command("evaluate", "--runs", runs, *FAST).sentence
    assert "small.csv is no longer there" in sentence
    assert "name real series with --real" in sentence
