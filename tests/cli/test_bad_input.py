"""Every mistake that a user can make at the command line: one sentence, exit code 2, nothing lost."""

from __future__ import annotations

import errno
import itertools
import json
import os
import resource
import shutil
from pathlib import Path

import pytest
import torch

from tsinfogan.datasets import char_traj, mnist, sources
from tsinfogan.errors import DivergedError
from tsinfogan.formats import FORMATS, read_panel
from tsinfogan.training.plan import make_plan
from tsinfogan.training.run import CONFIG, MODEL, Run, list_runs
from tsinfogan.training.session import Session

NOWHERE = "http://127.0.0.1:9/"


def words(value: object) -> str:
    """Name of a case of a test: its arguments."""
    return " ".join(value) if isinstance(value, list) else ""


@pytest.fixture
def newest(trained: Path) -> Path:
    return list_runs(trained)[-1].path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_no_run_yet(command, tmp_path):
    assert "`tsinfogan train` first" in command("sample", "--runs", tmp_path / "runs").sentence
    assert "`tsinfogan train` first" in command("train", "--resume", "last", "--runs", tmp_path).sentence
    assert "there are none yet" in command("sample", "--model", "mine", "--runs", tmp_path).sentence


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["sample", "--model", "mine"], "unknown run 'mine'"),
        (["sample", "--format", "cvs"], "unknown format 'cvs': did you mean 'csv'? choose from arff, arrow, csv"),
        (["sample", "-o", "out.xls"], "unknown file suffix '.xls'"),
        (["sample", "--cat", "3"], "a category from 0 to 2"),
        (["sample", "--cat", "-1"], "a category from 0 to 2"),
        (["sample", "--cat", "0.5"], "a category from 0 to 2"),
        (["sample", "--cat", "a"], "'a'"),
        (["sample", "--cat", "0,1"], "expected 1 value in --cat"),
        (["sample", "--cont", "1"], "expected 2 values in --cont"),
        (["sample", "--cont", "1,2,3"], "expected 2 values in --cont"),
        (["sample", "--cont", "1,two"], "expected a number"),
        (["sample", "--cont", "1,nan"], "expected a number"),
        (["sample", "--cont", "1,"], "expected a number"),
        (["sample", "--cont", "-1:1:1,0"], "2 or more steps"),
        (["sample", "--label", "z"], "unknown label 'z': choose from"),
        (["sample", "--label", "a", "--cat", "0"], "give one of them"),
        (["sample", "-n", "0"], "'-n'"),
        (["sample", "-n", "many"], "'-n'"),
        (["sample", "--seed", "-1"], "'--seed'"),
        (["sample", "--device", "gpu"], "choose from auto"),
        (["sample", "-o", "no/such/folder/out.csv"], "no such file or directory"),
        (["sample", "-o", ".."], "is a directory"),
        (["runs", "show", "mine"], "unknown run 'mine'"),
        (["train", "--resume", "mine"], "unknown run 'mine'"),
        (["train", "--resume", "last"], "is finished"),
        (["train", "--resume", "last", "--steps", "9"], "got 'steps'"),
    ],
    ids=words,
)
def test_mistakes_with_a_run(arguments, expected, command, trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = {run.name: contents(run.path) for run in list_runs(trained)}
    assert expected in command(*arguments, "--runs", trained).sentence
    assert {run.name: contents(run.path) for run in list_runs(trained)} == before
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--backbone", "conv2d"], "unknown backbone 'conv2d': did you mean 'conv1d'? choose from conv1d"),
        (["--backbone", "image"], "is for images but the data holds series"),
        (["--recipe", "wgan"], "unknown recipe 'wgan'"),
        (["--cat", "ten"], "numbers of categories"),
        (["--cat", "3,-1"], "numbers of categories"),
        (["--cont", "-1"], "'--cont'"),
        (["--cont", "two"], "'--cont'"),
        (["--width", "0"], "'--width'"),
        (["--width", "9" * 20], "expected a --width of at most 16384"),
        (["--noise", "9" * 20], "expected at most 65536 noise dimensions"),
        (["--seeds", "9" * 20], "1000 are the most"),
        (["--cat", "none", "--cont", "0", "--noise", "0"], "a generator needs some input"),
        (["--recipe", "acgan", "--cat", "5"], "expected 3 categories"),
        (["--category-prior", "data", "--cat", "5"], "classes (3)"),
        (["--category-prior", "flat"], "unknown prior 'flat'"),
        (["--continuous-prior", "beta"], "unknown prior 'beta'"),
        (["--posterior", "free"], "unknown posterior 'free'"),
        (["--adversarial", "hinge"], "non_saturating, least_squares"),
        (["--recognition", "none"], "shared, own, detached"),
        (["--label-input", "text"], "projection"),
        (["--label-input", "projection", "--cat", "none"], "--label-input projection cannot be used"),
        (["--posterior", "fixed", "--cont", "0"], "--posterior fixed cannot be used"),
        (["--steps", "0"], "max_steps must be at least 1"),
        (["--steps", "many"], "'--steps'"),
        (["--seed", "-1"], "0 or greater"),
        (["--r1-weight", "nan"], "0 or greater"),
        (["--discriminator-rate", "0"], "must be positive"),
        (["--set", "r3_weight=1"], "unknown setting 'r3_weight'"),
        (["--set", "r2_weight"], "expected a number"),
        (["--set", "beta1=much"], "expected a number"),
        (["--set", "reward_generator=1"], "true or false"),
        (["--augment", "time=1"], "unknown augmentation 'time'"),
        (["--augment", "noise=loud"], "expected a number"),
        (["--augment", "rotation_channels=x,z"], "unknown channel 'z'"),
        (["--augment", "rotation_channels=x"], "two channels"),
        (["--cont-follows", "shear"], "'shear'"),
        (["--cont-follows", "amplitude", "--cont-follows", "amplitude"], "different"),
        (["--set", "cont_follows=amplitude"], "unknown setting 'cont_follows'"),
        (["--device", "gpu"], "choose from auto"),
        (["--precision", "float8"], "choose from auto"),
        (["--dataset", "sines"], "--dataset and --data"),
        (["--speed", "9"], "--speed"),
        (["extra"], "extra"),
    ],
    ids=words,
)
def test_mistakes_in_a_plan(arguments, expected, command, small_csv, tmp_path):
    assert expected in command("train", "--data", small_csv, "--runs", tmp_path / "runs", *arguments).sentence
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["train", "--dataset", "char_tray"], "unknown dataset 'char_tray': did you mean 'char_traj'?"),
        (["datasets", "info", "letters"], "unknown dataset 'letters'"),
        (["datasets", "fetch", "letters"], "unknown dataset 'letters'"),
        (["datasets", "info"], "Missing argument"),
        (["trian"], "trian"),
    ],
    ids=words,
)
def test_other_mistakes(arguments, expected, command):
    assert expected in command(*arguments).sentence


GOOD = "case,time,x,label\n1,0,1,a\n1,1,2,a\n2,0,3,b\n2,1,4,b\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    {
        "empty": ("", "is empty"),
        "no rows": ("case,time,x\n", "no rows"),
        "columns missing": ("id,x\n1,2\n", "no column 'case'"),
        "no channel": ("case,time\n1,0\n", "no channel"),
        "text in a channel": (GOOD.replace("1,1,2", "1,1,two"), "'two' in case 1, time 1"),
        "NaN": (GOOD.replace("2,1,4", "2,1,nan"), "1 of 2 values are missing in case 2, channel 'x'"),
        "infinity": (GOOD.replace("2,1,4", "2,1,inf"), "case 2, time 1"),
        "time twice": (GOOD.replace("2,1,4", "2,0,4"), "two rows for case 2, time 0"),
        "one case": ("case,time,x\n1,0,1\n1,1,2\n", "one case only"),
        "constant": ("case,time,x\n1,0,5\n1,1,5\n2,0,5\n2,1,5\n", "got 5.0 everywhere in channel 'x'"),
        "empty label": (GOOD.replace("a\n", "\n").replace("b\n", "\n"), "'label' that is empty"),
    }.values(),
    ids=lambda value: None if "\n" in value else value,
)
def test_bad_csv(text, expected, command, tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(text)
    outcome = command("train", "--data", path, "--runs", tmp_path / "runs")
    assert expected in outcome.sentence
    assert path.name.split(".")[0] in outcome.sentence
    assert not (tmp_path / "runs").exists()


def test_data_of_no_known_kind(command, tmp_path):
    (tmp_path / "mine.xls").touch()
    assert "*.csv" in command("train", "--data", tmp_path / "mine.xls").sentence
    assert "there is no file" in command("train", "--data", tmp_path / "mine.csv").sentence


@pytest.fixture
def empty_machine(monkeypatch, tmp_path):
    monkeypatch.delenv("TSINFOGAN_DATA", raising=False)
    monkeypatch.setenv("TSINFOGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    here = tuple(sources.Mirror(NOWHERE + mirror.file_name, mirror.file_name) for mirror in char_traj.MIRRORS)
    monkeypatch.setattr(char_traj, "MIRRORS", here)
    monkeypatch.setattr(mnist, "FOLDERS", (NOWHERE,))
    return tmp_path / "cache"


@pytest.mark.parametrize("name", ["char_traj", "mnist"])
def test_no_network(name, command, empty_machine):
    for arguments in (("datasets", "fetch", name), ("train", "--dataset", name)):
        sentence = command(*arguments).sentence
        assert "no connection" in sentence
        assert "TSINFOGAN_DATA" in sentence
        assert "pen_strokes" in sentence


@pytest.mark.parametrize("name", ["char_traj", "mnist"])
def test_a_download_that_does_not_match(name, command, empty_machine, monkeypatch):
    monkeypatch.setattr(sources, "_transfer", lambda url, path: path.write_bytes(b"please log in"))
    assert "could not fetch" in command("datasets", "fetch", name).sentence
    assert not list(empty_machine.iterdir())


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


DAMAGE = {
    "half a model": (lambda run: truncate(run / MODEL), "is damaged"),
    "an empty model": (lambda run: (run / MODEL).write_bytes(b""), "is damaged"),
    "the weights of another model": (lambda run: edit(run, lambda c: c["plan"]["model"].update(width=9)), "is damaged"),
    "no model": (lambda run: (run / MODEL).unlink(), "stopped before its first checkpoint"),
    "half a configuration": (lambda run: truncate(run / CONFIG), "it is damaged"),
    "a list for configuration": (lambda run: (run / CONFIG).write_text("[]"), "it is damaged"),
    "a binary configuration": (lambda run: (run / CONFIG).write_bytes(b"\xff\xfe\x00"), "it is damaged"),
    "a configuration without a plan": (lambda run: edit(run, lambda config: config.pop("plan")), "is damaged"),
    "a plan of another kind": (lambda run: edit(run, lambda config: config.update(plan=3)), "is damaged"),
    "an unknown setting": (lambda run: edit(run, lambda c: c["plan"]["training"].update(x=1)), "is damaged"),
    "a newer version": (lambda run: edit(run, lambda config: config.update(format_version=99)), "upgrade tsinfogan"),
    "not a run": (lambda run: (run / CONFIG).unlink(), "is not a readable run directory"),
}


def edit(run: Path, change) -> None:
    config = json.loads((run / CONFIG).read_text())
    change(config)
    (run / CONFIG).write_text(json.dumps(config))


@pytest.mark.parametrize("what", DAMAGE)
def test_damaged_run(what, command, newest, tmp_path):
    damage, expected = DAMAGE[what]
    shutil.copytree(newest, tmp_path / "broken")
    damage(tmp_path / "broken")
    sentence = command("sample", "--model", "broken", "--runs", tmp_path).sentence
    assert expected in sentence
    assert "broken" in sentence
    listed = command("runs", "--runs", tmp_path)
    assert listed.code == 0
    assert listed.err.count("passed over") <= 1


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda run: truncate(run / MODEL), "is damaged"),
        (lambda run: Run.open(run).save_model(Run.open(run).load_model()), "holds a model only"),
        (lambda run: edit(run, lambda config: config.pop("data")), "is damaged"),
        (lambda run: edit(run, lambda config: config["data"].pop("file")), "in Python"),
        (lambda run: edit(run, lambda config: config["data"].update(fingerprint="")), "other values"),
    ],
    ids=["half a checkpoint", "a model only", "no data", "data from Python", "other data"],
)
def test_damaged_run_does_not_go_on(damage, expected, command, newest, tmp_path):
    shutil.copytree(newest, tmp_path / "broken")
    damage(tmp_path / "broken")
    assert expected in command("train", "--resume", "broken", "--runs", tmp_path).sentence


def test_a_broken_report_does_not_hide_the_others(command, newest, tmp_path):
    shutil.copytree(newest, tmp_path / "run")
    with (tmp_path / "run" / "metrics.jsonl").open("ab") as file:
        file.write(b'{"step": 4\xff')
    assert b"3/3" in command("runs", "list", "--runs", tmp_path).out


def test_runs_cannot_be_kept_there(command, small_csv, tmp_path):
    (tmp_path / "file").touch()
    sentence = command("train", "--data", small_csv, "--runs", tmp_path / "file" / "runs").sentence
    assert "choose another directory (--runs)" in sentence


@pytest.fixture
def interrupted(small_csv, tmp_path):
    """Starts a training that stops, saved, after one step of ten."""

    def start(**settings: object) -> Path:
        panel = read_panel(small_csv)
        fast = {"max_steps": 10, "batch_size": 8, "report_every": 1, **settings}
        plan = make_plan(panel, n_categories=(3,), noise_dim=4, width=8, settings=fast)
        device = torch.device("cpu")
        session = Session.start(tmp_path, plan, panel, {"file": str(small_csv)}, device, torch.float32)
        list(session.train(stop=lambda: True))
        assert not session.finished
        return session.run.path

    return start


def test_disk_full_while_saving(command, interrupted, monkeypatch):
    run = interrupted()
    before = contents(run)

    n_writes = itertools.count()

    def no_space(_descriptor: int) -> None:
        if next(n_writes) > 0:  # the first are the reports so far, when training is taken up
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_space)
    outcome = command("train", "--resume", run.name, "--runs", run.parent, "--device", "cpu")
    assert outcome.code == 2
    assert outcome.err.splitlines()[-1].startswith(f"error: cannot write {run / MODEL}: no space left on device")
    after = contents(run)
    assert after.keys() == before.keys()
    assert after[MODEL] == before[MODEL]
    monkeypatch.undo()
    assert command("train", "--resume", run, "--device", "cpu").code == 0


def test_weights_that_broke_in_the_last_step_are_not_kept(interrupted, small_csv):
    run = Run.open(interrupted())
    device = torch.device("cpu")
    session = Session.resume(run, read_panel(small_csv), device, torch.float32)
    before = contents(run.path)
    reports = session.train()
    next(reports)
    next(session.trainer.model.generator.parameters()).data.fill_(torch.nan)
    with pytest.raises(DivergedError, match="weights are not finite"):
        list(reports)
    assert contents(run.path)[MODEL] == before[MODEL]


def test_divergence_keeps_the_last_checkpoint(command, interrupted):
    run = interrupted(discriminator_rate=1e12)
    before = contents(run)
    outcome = command("train", "--resume", run.name, "--runs", run.parent, "--device", "cpu")
    assert outcome.code == 2
    last = outcome.err.splitlines()[-1]
    assert last.startswith("error: training diverged")
    assert "--discriminator-rate" in last
    assert "Traceback" not in outcome.err
    assert contents(run)[MODEL] == before[MODEL]


def test_disk_full_while_sampling(process, trained, tmp_path):
    out = tmp_path / "out.csv"
    out.write_text("old")
    child = process(
        "sample", "-n", 20_000, "-o", out, "--runs", trained,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
    )  # fmt: skip
    _, err = child.communicate()
    assert child.returncode == 2
    assert err.decode().startswith(f"error: cannot write {out}: ")
    assert len(err.splitlines()) == 1
    assert contents(tmp_path) == {out.name: b"old"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_full_device(process, command, trained):
    for name in FORMATS.names():
        outcome = command("sample", "--format", name, "-o", "/dev/full", "--runs", trained)
        assert "cannot write /dev/full: no space left on device" in outcome.sentence
    with Path("/dev/full").open("wb") as full:
        child = process("sample", "--runs", trained, stdout=full)
        _, err = child.communicate()
    assert child.returncode == 2
    assert err.decode().startswith("error: cannot write the output: no space left on device")
    assert len(err.splitlines()) == 1


def test_closed_pipe_ends_quietly(process, trained):
    child = process("sample", "-n", 20_000, "--runs", trained)
    assert child.stdout.readline() == b"case,time,x,y,cat,cont0,cont1,label\n"
    child.stdout.close()
    assert child.stderr.read() == b""
    assert child.wait() == 0
