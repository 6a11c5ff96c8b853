"""What a user does at the command line, done."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys

import numpy as np
import pandas as pd

from tsinfogan.formats import read_panel
from tsinfogan.training.run import MODEL, list_runs

COMMANDS = [
    [],
    ["train"],
    ["sample"],
    ["encode"],
    ["evaluate"],
    ["augment-study"],
    ["report"],
    ["name"],
    ["datasets"],
    ["datasets", "list"],
    ["datasets", "info"],
    ["datasets", "fetch"],
    ["runs"],
    ["runs", "list"],
    ["runs", "show"],
]
TINY = ("--width", "8", "--batch-size", "8", "--device", "cpu")


def test_help_needs_no_torch():
    program = (
        "import sys; from tsinfogan.cli import main\n"
        f"for words in {COMMANDS!r}:\n"
        "    try: main([*words, '--help'])\n"
        "    except SystemExit as end: assert end.code == 0, words\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


def test_no_command_is_a_question_for_help(command):
    assert command().out == command("--help").out
    assert re.fullmatch(rb"tsinfogan \S+\n", command("--version").out)


def test_train_with_defaults_then_sample(command, tmp_path):
    outcome = command("train", *TINY, "--steps", 1, "--runs", tmp_path)
    assert outcome.code == 0
    assert outcome.out == b""
    assert "pen_strokes: 2000 cases" in outcome.err
    assert "cat of 20" in outcome.err
    assert "step 1/1" in outcome.err
    (run,) = list_runs(tmp_path)
    assert (run.path / "samples.png").read_bytes().startswith(b"\x89PNG")
    suggested = re.search(r"sample it with: tsinfogan (.*) > out.csv", outcome.err).group(1)
    assert command(*shlex.split(suggested)).out.startswith(b"case,time,x,y,force,cat,cont0,cont1")


def test_dry_run_trains_nothing(command, small_csv, tmp_path):
    arguments = ["--cat", "4,5", "--cont", "1", "--noise", "3", "--continuous-prior", "normal", "--posterior", "fixed"]
    arguments += ["--adversarial", "least_squares", "--generator-every", "2", "--recognition", "own", "--seed", "7"]
    arguments += ["--set", "r2_weight=0.5", "--augment", "none", "--augment", "noise=0.2"]
    arguments += ["--augment", "rotation_channels=y,x", "--backbone", "mlp"]
    outcome = command("train", "--data", small_csv, "--dry-run", "--runs", tmp_path / "runs", *arguments)
    assert not (tmp_path / "runs").exists()
    resolved = json.loads(outcome.out)
    plan = resolved["plan"]
    codes = plan["model"]["latent"]["codes"]
    assert [code["kind"] for code in codes] == ["categorical", "categorical", "normal"]
    assert [code.get("n_categories") for code in codes] == [4, 5, None]
    assert codes[2]["posterior_scale"] == 1.0
    assert plan["model"]["latent"]["noise_dim"] == 3
    assert plan["model"]["backbone"] == "mlp"
    assert plan["model"]["discriminator"]["recognition"] == "own"
    assert plan["objective"]["adversarial"] == "least_squares"
    assert plan["objective"]["r2_weight"] == 0.5
    assert plan["training"]["generator_every"] == 2
    assert plan["training"]["seed"] == 7
    strengths = {name: value for name, value in resolved["augmentations"].items() if value}
    assert strengths == {"noise": 0.2, "rotation_channels": [1, 0]}
    assert "channels x, y; label with 3 classes" in outcome.err


def test_defaults_without_effect_are_said(command, small_csv, tmp_path):
    few = ("train", "--data", small_csv, "--runs", tmp_path)  # 12 cases of 38 numbers: too few for a PCA
    for more in (("--dry-run",), (*TINY, "--steps", 2)):
        said = command(*few, *more).err
        assert said.count("not used  ") == 1
        assert re.search(r"^not used  .*principal_components", said, re.MULTILINE)
    asked = command(*few, "--dry-run", "--set", "principal_components=true").sentence
    assert "--set principal_components=True" in asked


def test_dataset_suggests_the_codes(command):
    plan = json.loads(command("train", "--dataset", "sines", "--dry-run").out)["plan"]
    assert [code.get("n_categories") for code in plan["model"]["latent"]["codes"]] == [4, None, None]
    assert plan["model"]["latent"]["noise_dim"] == 32


def table(outcome) -> pd.DataFrame:
    assert outcome.code == 0, outcome.err
    assert outcome.err == ""
    return pd.read_csv(io.BytesIO(outcome.out))


def test_codes_stand_where_they_are_asked_to(command, trained):
    rows = table(command("sample", "--cat", 2, "--cont", "-1,0.5", "-n", 3, "--runs", trained))
    assert rows.columns.tolist() == ["case", "time", "x", "y", "cat", "cont0", "cont1", "label"]
    assert rows.case.unique().tolist() == [0, 1, 2]
    assert set(map(tuple, rows[["cat", "cont0", "cont1"]].to_numpy())) == {(2, -1, 0.5)}


def test_codes_not_given_are_drawn(command, trained):
    rows = table(command("sample", "-n", 50, "--cont", "_,0.25", "--runs", trained)).groupby("case").first()
    assert set(rows.cat) == {0, 1, 2}
    assert rows.cont0.nunique() == 50
    assert set(rows.cont1) == {0.25}
    assert len(table(command("sample", "--runs", trained)).case.unique()) == 10


def test_sweep(command, trained):
    rows = table(command("sample", "--cat", "0:1", "--cont=-2:2:5,0", "--runs", trained)).groupby("case").first()
    assert rows.cat.tolist() == [0] * 5 + [1] * 5
    assert rows.cont0.tolist() == [-2, -1, 0, 1, 2] * 2
    twice = table(command("sample", "--cat", "0:1", "--cont", "-2:2:5,0", "-n", 2, "--runs", trained))
    assert twice.case.nunique() == 20
    pd.testing.assert_frame_equal(twice[twice.case < 10].groupby("case").first(), rows)


def test_row_k_depends_on_seed_and_k_alone(command, trained, tmp_path):
    few = command("sample", "-n", 3, "--runs", trained).out
    many = command("sample", "-n", 300, "--runs", trained).out
    assert many.startswith(few)
    assert command("sample", "-n", 300, "--runs", trained, "--seed", 0).out == many
    assert command("sample", "-n", 3, "--runs", trained, "--seed", 1).out != few
    out = tmp_path / "few.csv"
    command("sample", "-n", 3, "--runs", trained, "-o", out)
    assert out.read_bytes() == few
    panel = read_panel(out)
    for name in ("parquet", "npz"):
        other = tmp_path / f"few.{name}"
        assert command("sample", "-n", 3, "--runs", trained, "-o", other) == (0, b"", "")
        np.testing.assert_array_equal(read_panel(other).values, panel.values)


def test_format_goes_before_the_suffix(command, trained, tmp_path):
    command("sample", "-n", 2, "--runs", trained, "--format", "png", "-o", tmp_path / "mine.csv")
    assert (tmp_path / "mine.csv").read_bytes().startswith(b"\x89PNG")
    assert command("sample", "-n", 2, "--runs", trained, "--format", "parquet").out.startswith(b"PAR1")


def test_labels_by_name(command, trained):
    labelled = list_runs(trained)[0]
    assert labelled.plan.recipe == "acgan"
    rows = table(command("sample", "--label", "b", "--model", labelled.path))
    assert set(rows.label) == {"b"}
    assert set(rows.cat) == {1}
    assert "choose from a, b, c" in command("sample", "--label", "d", "--model", labelled.path).sentence
    assert "give one of them" in command("sample", "--label", "a", "--cat", 1, "--model", labelled.path).sentence


def test_train_reads_what_sample_wrote(command, trained, tmp_path):
    out = tmp_path / "made.csv"
    command("sample", "-n", 20, "--runs", trained, "-o", out)
    panel = read_panel(out)
    first = command("train", "--data", out, "--dry-run")
    assert "channels x, y; codes, which training ignores, cat, cont0, cont1" in first.err
    assert command("train", "--data", out, *TINY, "--steps", 1, "--runs", tmp_path / "runs").code == 0
    (run,) = list_runs(tmp_path / "runs")
    assert run.data["fingerprint"] == panel.fingerprint()


def test_runs(command, trained):
    listed = command("runs", "--runs", trained).out.decode().splitlines()
    assert len(listed) == 3
    assert command("runs", "list", "--runs", trained).out.decode().splitlines() == listed
    for run, line in zip(list_runs(trained), listed[1:], strict=True):
        assert line.startswith(run.name)
        assert "3/3" in line
        shown = command("runs", "show", run.name, "--runs", trained).out.decode()
        assert re.search(r"^plan.training.max_steps +3$", shown, re.MULTILINE)
        assert re.search(r"^last report.cases_per_s +\S+$", shown, re.MULTILINE)


def test_no_runs_is_no_mistake(command, tmp_path, monkeypatch):
    monkeypatch.setenv("TSINFOGAN_RUNS", str(tmp_path / "mine"))
    code, out, err = command("runs")
    assert (code, out) == (0, b"")
    assert f"no runs in {tmp_path / 'mine'}" in err


def test_datasets(command):
    listed = command("datasets").out.decode()
    assert command("datasets", "list").out.decode() == listed
    title, *names = [line.split()[0] for line in listed.splitlines()]
    assert title == "name"
    assert {"char_traj", "mnist", "pen_strokes"} <= set(names)
    assert names == sorted(names)
    told = command("datasets", "info", "char_traj").out.decode()
    assert all(re.search(rf"^{field} +\S", told, re.MULTILINE) for field in ("source", "licence", "citation", "codes"))
    code, out, err = command("datasets", "fetch", "pen_strokes")
    assert (code, out) == (0, b"")
    assert "pen_strokes is ready" in err


def test_interrupted_several_times_ends_the_same(process, command, small_csv, tmp_path):
    options = ["train", "--data", small_csv, *TINY, "--steps", 100, "--cat", 3]
    options += ["--set", "report_every=1", "--set", "pretraining_steps=20", "--set", "split_merge_rounds=1"]
    assert command(*options, "--runs", tmp_path / "whole").code == 0
    (whole,) = list_runs(tmp_path / "whole")
    name = None
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)):
        again = ["train", "--resume", name, "--device", "cpu"] if name else options
        child = process(*again, "--runs", tmp_path / "parts")
        while not child.stderr.readline().startswith(b"step "):
            assert child.poll() is None
        child.send_signal(number)
        said = child.stderr.read().decode()
        assert child.wait() == code
        advice = re.search(r"stopped after step \d+ and saved; go on with `tsinfogan (.*)`\n$", said).group(1)
        (run,) = list_runs(tmp_path / "parts")
        name = run.name
        assert shlex.split(advice) == ["train", "--resume", name, "--runs", str(tmp_path / "parts")]
    outcome = command("train", "--resume", "last", "--runs", tmp_path / "parts", "--device", "cpu")
    assert outcome.code == 0
    assert "from step" in outcome.err
    for file in (MODEL, "samples.png"):
        assert (run.path / file).read_bytes() == (whole.path / file).read_bytes()
    assert [line["step"] for line in run.metrics()][-1] == 100


def test_a_terminal_shows_progress_and_is_spared_binary_data(process, small_csv, trained, tmp_path):
    ours, theirs = pty.openpty()
    child = process("sample", "--format", "npz", "--runs", trained, stdout=theirs)
    assert b"give -o FILE" in child.communicate()[1]
    assert child.returncode == 2
    child = process("train", "--data", small_csv, *TINY, "--steps", 2, "--runs", tmp_path, stderr=theirs)
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 4096):
            shown += piece
    except OSError:  # the other side is closed
        pass
    os.close(ours)
    assert child.wait() == 0
    assert b"2/2" in shown
    assert b"bounds" in shown


def test_sampling_imports_neither_the_compiler_of_torch_nor_scikit_learn():
    """Each takes most of a second, and so long nobody sees a series; the model is one by flow matching."""
    program = (
        "import sys; from tsinfogan.cli import main\n"
        "try: main(['sample', '--pretrained', 'letters', '-n', '1', '-o', '/dev/null'])\n"
        "except SystemExit as end: print(end.code, *sorted({'torch._dynamo', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0"]
