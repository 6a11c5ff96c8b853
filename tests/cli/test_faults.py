"""What a terminal, a spreadsheet, a signal or a damaged folder does to the command line."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import subprocess
import sys
import termios
from pathlib import Path

import pandas as pd
import pytest

from tsinfogan.cli._output import for_spreadsheet, opened_output, printable
from tsinfogan.cli._signals import ending_signals
from tsinfogan.formats import read_panel
from tsinfogan.training.files import lock
from tsinfogan.training.run import CONFIG, list_runs

TINY = ("--width", "8", "--batch-size", "8", "--device", "cpu")
ESCAPE = "\x1b[31mred"


def rows(*, channel: str = "x", labels: tuple[str, str] = ("a", "b")) -> str:
    values = [(case, time, (case + 1) * (time + 0.5) % 3.7, labels[case % 2]) for case in range(8) for time in range(9)]
    return f"case,time,{channel},label\n" + "".join(f"{c},{t},{v},{label}\n" for c, t, v, label in values)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.csv"
    path.write_text(rows())
    return path


# ---- ends


def test_the_program_ends_in_order_with_the_right_code(tmp_path: Path) -> None:
    program = (
        "import atexit; atexit.register(print, 'at exit', end='')\n"
        "from tsinfogan.cli import main; print('begun'); main()"
    )
    (tmp_path / "bad.csv").write_text("case,time,x\n1,0,5\n1,1,5\n2,0,5\n2,1,5\n")
    for arguments, code in ((["--version"], 0), (["train", "--data", "bad.csv", "--dry-run"], 2)):
        words = [sys.executable, "-c", program, *arguments]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert done.returncode == code, done.stderr
        assert done.stdout.startswith("begun")
        assert done.stdout.endswith("at exit"), "exit functions run, and what they print arrives"
        assert len(done.stderr.splitlines()) == (code == 2)


@pytest.mark.parametrize(
    "arguments",
    [("runs", "show"), ("runs", "list", "--runs"), ("evaluate",), ("sample", "--runs"), ("train", "--data")],
    ids=" ".join,
)
def test_a_name_that_no_file_can_have_is_a_sentence(command, arguments) -> None:
    outcome = command(*arguments, "ä" * 300)
    assert outcome.code == 2
    assert re.fullmatch(r"error: [^\n]*ää[^\n]*\n", outcome.err)


def test_a_bug_keeps_its_traceback(tmp_path: Path) -> None:
    program = "import tsinfogan.cli as cli\ncli._run = lambda arguments: 1 / 0\ncli.main()"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr


def test_a_closed_terminal_saves_a_training(process, file, tmp_path):
    ours, theirs = pty.openpty()

    def own_terminal() -> None:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    arguments = ("train", "--data", file, *TINY, "--steps", 100_000, "--cat", 2, "--set", "report_every=1")
    child = process(
        *arguments, "--set", "pretraining_steps=0", "--runs", tmp_path / "runs",
        stdin=theirs, stdout=theirs, stderr=theirs, preexec_fn=own_terminal,
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    while b"bounds" not in shown:
        shown += os.read(ours, 4096)
    os.close(ours)  # the terminal is gone: SIGHUP
    assert child.wait(300) == 129
    (run,) = list_runs(tmp_path / "runs")
    assert run.steps_done


def test_a_signal_that_is_ignored_stays_so() -> None:
    program = (
        "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "from tsinfogan.cli._signals import end_at_signals, stop_signals\n"
        "end_at_signals()\nwith stop_signals(): pass\n"
        "assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=300)
    assert len(ending_signals()) == 2


def test_what_is_sampled_from_an_unfinished_run_is_said(process, command, file, tmp_path):
    runs = ("--runs", tmp_path / "r")
    endless = ("--steps", 100_000, "--cat", 2, "--set", "report_every=1", "--set", "pretraining_steps=0")
    child = process("train", "--data", file, *TINY, *endless, *runs)
    while not child.stderr.readline().startswith(b"step "):
        assert child.poll() is None
    (run,) = list_runs(tmp_path / "r")
    assert "is being trained by another process" in command("train", "--resume", "last", *runs).sentence
    assert "first checkpoint" in command("sample", "--model", run.name, *runs).sentence
    child.terminate()
    assert child.wait(300) == 143
    said = f"this is its model after {run.steps_done} of 100000 steps"
    done = command("sample", "-n", 1, *runs)
    assert done.code == 0
    assert f"run {run.name} was stopped before its end: {said}" in done.err
    held = lock(run.path)
    assert f"run {run.name} is still in training: {said}" in command("name", *runs).err
    del held


def test_a_bad_folder_is_named_once(command, trained, tmp_path):
    runs = tmp_path / "runs"
    runs.symlink_to(trained)
    (trained / "zz").mkdir()
    (trained / "zz" / CONFIG).write_text("[" * 200_000)
    try:
        for arguments in (("sample", "-n", 1), ("runs",), ("name",)):
            done = command(*arguments, "--runs", runs)
            assert done.code == 0
            assert done.err.count("zz is not a readable run directory") == 1, done.err
    finally:
        (trained / "zz" / CONFIG).unlink()
        (trained / "zz").rmdir()


# ---- names


def test_control_characters_are_spelled_out(command, tmp_path, monkeypatch):
    assert printable("plain – ü\n\t") == "plain – ü\n\t"
    assert printable("\x1b[2J\x9b\u202e\x00") == r"\x1b[2J\x9b\u202e\x00"
    path = tmp_path / "mine.csv"
    path.write_text(rows(channel=ESCAPE, labels=(ESCAPE, "b")))
    done = command("train", "--data", path, *TINY, "--steps", 2, "--cat", 2, "--runs", tmp_path / "runs")
    assert done.code == 0, done.err
    assert "\x1b" not in done.err
    assert r"channels \x1b[31mred" in done.err
    for arguments in (("runs", "show", list_runs(tmp_path / "runs")[0].name), ("name",)):
        shown = command(*arguments, "--runs", tmp_path / "runs")
        assert shown.code == 0
        assert b"\x1b" not in shown.out
        assert b"[31mred" in shown.out
    assert r"\x1b[31m" in command("sample", "--label", "\x1b[31m", "--runs", tmp_path / "runs").sentence
    sampled = command("sample", "-n", 2, "--runs", tmp_path / "runs").out
    assert ESCAPE.encode() in sampled, "data keep the name"

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    with opened_output(None, binary=False) as stream:
        stream.write(memoryview(sampled))
    assert terminal.getvalue().startswith(r"case,time,\x1b[31mred,")


def test_names_that_a_spreadsheet_would_run(command, tmp_path):
    assert for_spreadsheet(["-1", "+2.5", "a", None, "=1+1", "@x", "-", "-a"], safe=True) == {
        name: f"'{name}" for name in ("=1+1", "@x", "-", "-a")
    }
    path, runs = tmp_path / "mine.csv", tmp_path / "runs"
    path.write_text(rows(channel="=cmd()", labels=("@a", "-1")))
    assert command("train", "--data", path, *TINY, "--steps", 2, "--recipe", "acgan", "--runs", runs).code == 0
    plain = command("sample", "-n", 9, "-o", tmp_path / "plain.csv", "--runs", runs)
    assert plain.err.count("--spreadsheet-safe") == 1
    assert read_panel(tmp_path / "plain.csv").channels == ("=cmd()",)
    safe = command("sample", "-n", 9, "--spreadsheet-safe", "--runs", runs)
    assert safe.err == ""
    table = pd.read_csv(io.BytesIO(safe.out), dtype={"label": str})
    assert "'=cmd()" in table.columns
    assert set(table.label) <= {"'@a", "-1"}
    codes = command("encode", path, "--spreadsheet-safe", "--runs", runs)
    assert set(pd.read_csv(io.BytesIO(codes.out), dtype=str).label) == {"'@a", "-1"}
    assert command("sample", "-n", 2, "-o", tmp_path / "x.npz", "--runs", runs).err == ""
