"""The command line as tests use it: in this process, or for real in one of its own."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from tsinfogan.cli import main
from tsinfogan.data.panel import Panel
from tsinfogan.formats import FORMATS

TINY = ("--width", "8", "--batch-size", "8", "--device", "cpu", "--precision", "float32")


@pytest.fixture(scope="session", autouse=True)
def _hangups_are_heard():
    """Under ``nohup`` they are ignored, by this process and by all that it starts."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def remembered(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of arrays and numbers that gives for the same ones what it gave before."""
    known: dict[str, Any] = {}

    def call(series: Any, *others: Any, **named: Any) -> Any:
        arrays = [np.ascontiguousarray(each) for each in series]
        content = hashlib.sha256(repr(([each.shape for each in arrays], others, named)).encode())
        for each in arrays:
            content.update(each)
        key = content.hexdigest()
        if key not in known:
            known[key] = function(series, *others, **named)
        return known[key]

    return call


@pytest.fixture(scope="session", autouse=True)
def _found_once():
    """The grid for some series, and how many kinds of them there are, takes seconds to find, and many tests need it."""
    from tsinfogan.preprocessing import preprocessor
    from tsinfogan.training import plan

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preprocessor, "choose_grid", remembered(preprocessor.choose_grid))
        patch.setattr(plan, "measure_stability", remembered(plan.measure_stability))
        yield


@pytest.fixture
def brief_splits(monkeypatch):
    """In a split-merge round small networks learn for 300 steps; where it does not matter what they learn, for 20."""
    for name in ("SPLIT_STEPS", "TEACHING_STEPS"):
        monkeypatch.setattr(f"tsinfogan.training.split_merge.{name}", 10)


class Outcome(NamedTuple):
    code: int
    out: bytes
    err: str

    @property
    def sentence(self) -> str:
        """The one sentence that a user's mistake is answered with."""
        *notes, last = self.err.splitlines()
        assert self.code == 2, self.err
        assert last.startswith("error: "), self.err
        assert not any("error" in note or "Traceback" in note for note in notes), self.err
        assert self.out == b""
        return last


def run_in_process(arguments: tuple[object, ...]) -> int:
    before = signal.getsignal(signal.SIGTERM)
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.fixture
def command(capfdbinary, monkeypatch):
    """Runs ``tsinfogan`` in this process."""
    monkeypatch.delenv("TSINFOGAN_RUNS", raising=False)

    def run(*arguments: object) -> Outcome:
        capfdbinary.readouterr()
        code = run_in_process(arguments)
        out, err = capfdbinary.readouterr()
        return Outcome(code, out, err.decode())

    return run


@pytest.fixture
def process():
    """Starts ``tsinfogan`` in a process of its own; what still runs at the end of the test is killed."""
    started = []

    def start(*arguments: object, **others: object) -> subprocess.Popen[bytes]:
        # a shell's background jobs are started with Ctrl-C ignored, and so would be what they start
        heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "preexec_fn": heard, **others}
        words = [sys.executable, "-m", "tsinfogan.cli", *map(str, arguments)]
        child = subprocess.Popen(words, env={**os.environ, "TSINFOGAN_RUNS": "nowhere"}, **pipes)
        started.append(child)
        return child

    yield start
    for child in started:
        child.kill()
        child.wait()
        for pipe in filter(None, (child.stdout, child.stderr)):
            pipe.close()


@pytest.fixture(scope="session")
def small_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve labelled cases of two channels and unequal lengths."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("data") / "small.csv"
    cases = [np.cumsum(rng.normal(size=(2, length)), axis=1) for length in rng.integers(12, 20, 12)]
    with path.open("wb") as stream:
        writer = FORMATS.get("csv").open_writer(stream)
        writer.write(Panel.from_cases(cases, channels=["x", "y"], labels=list("abc") * 4), {})
        writer.close()
    return path


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, small_csv: Path) -> Path:
    """A directory of runs with two in it, the newer one with three categories and two continuous codes."""
    runs = tmp_path_factory.mktemp("runs")
    common = ("train", "--data", small_csv, *TINY, "--steps", 3, "--noise", 4, "--runs", runs)
    for options in (("--recipe", "acgan"), ("--cat", 3)):
        with contextlib.redirect_stderr(io.StringIO()) as said:
            assert run_in_process((*common, *options)) == 0, said.getvalue()
    return runs
