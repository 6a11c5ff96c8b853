"""Tab in a shell, examples in ``--help``, and the hint of what comes next."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from tsinfogan.cli import EXAMPLES, app
from tsinfogan.cli._completion import RECIPES, VARIABLE
from tsinfogan.cli._output import hint
from tsinfogan.datasets import DATASETS
from tsinfogan.formats import FORMATS
from tsinfogan.models.backbone import BACKBONES
from tsinfogan.sharing.pretrained import available_pretrained, pretrained_run
from tsinfogan.training import config
from tsinfogan.training.run import list_runs

TSINFOGAN = (sys.executable, "-m", "tsinfogan.cli")


def asked(*words: str, shell: str = "bash", python: tuple[str, ...] = TSINFOGAN) -> subprocess.CompletedProcess[str]:
    """What the shell's function asks when Tab is pressed after ``words``, of which the last is not finished."""
    line = ["tsinfogan", *words]
    variables = {
        VARIABLE: f"complete_{shell}",
        "COMP_WORDS": "\n".join(line),
        "COMP_CWORD": str(len(words)),
        "_TYPER_COMPLETE_ARGS": " ".join(line),
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "_TYPER_COMPLETE_WORD_TO_COMPLETE": words[-1],
    }
    return subprocess.run(python, env={**os.environ, **variables}, capture_output=True, text=True, check=True)


def offered(*words: str) -> list[str]:
    done = asked(*words)
    assert done.stderr == ""
    return [line for line in done.stdout.splitlines() if line]


def test_names_that_are_offered(trained: Path, tmp_path: Path) -> None:
    names = [run.name for run in list_runs(trained)]
    for name, *option in (["sample", "--model"], ["train", "--resume"], ["report"], ["evaluate"], ["runs", "show"]):
        assert offered(name, "--runs", str(trained), *option, "") == names[::-1], name  # the newest first
    assert names[0] in offered("runs", "--runs", str(trained), "show", names[0][:-1])
    assert offered("sample", "--runs", str(trained), "--model", "other") == []
    assert offered("sample", "--runs", str(tmp_path / "nowhere"), "--model", "") == []
    assert offered("sample", "--mod") == ["--model"]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("train", "--dataset"), DATASETS.names()),
        (("datasets", "info"), DATASETS.names()),
        (("sample", "--pretrained"), available_pretrained()),
        (("train", "--recipe"), tuple(config.RECIPES)),
        (("train", "--backbone"), BACKBONES.names()),
        (("sample", "--format"), FORMATS.names()),
        (("encode", "--format"), ("csv", "parquet")),
    ],
    ids=" ".join,
)
def test_choices_that_are_offered(words: tuple[str, ...], names: tuple[str, ...]) -> None:
    assert sorted(offered(*words, "")) == sorted(names)
    assert offered(*words, names[0]) == [name for name in names if name.startswith(names[0])]


def test_recipes_are_those_of_the_library() -> None:
    assert set(RECIPES) == set(config.RECIPES)


def test_names_of_categories(trained: Path, tmp_path: Path) -> None:
    """Of the run that is asked for: classes of a labelled model, else the names that people gave."""
    labelled, found = list_runs(trained)
    runs = tmp_path / "runs"
    shutil.copytree(found.path, runs / "mine")
    shutil.copytree(labelled.path, runs / "classes")
    (runs / "mine" / "names.json").write_text(json.dumps(["fast s", None, "slow s"]))
    label = ("sample", "--runs", str(runs))
    assert offered(*label, "--model", "classes", "--label", "") == ["a", "b", "c"]
    assert offered(*label, "--model", "mine", "--label", "") == ["fast\\ s", "slow\\ s"]
    assert offered(*label, "--model", str(runs / "mine"), "--label", "sl") == ["slow\\ s"]
    assert '"slow s"' in asked(*label, "--model", "mine", "--label", "sl", shell="zsh").stdout
    os.utime(runs / "classes" / "model.safetensors", (2e9, 2e9))
    assert offered(*label, "--label", "") == ["a", "b", "c"]  # of the newest
    names = pretrained_run("letters").names
    assert offered("sample", "--pretrained", "letters", "--label", "") == sorted(set(filter(None, names)))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_names_that_a_shell_could_run_are_not_offered(trained: Path, tmp_path: Path, shell: str) -> None:
    run = tmp_path / "mine"
    shutil.copytree(list_runs(trained)[-1].path, run)
    bad = ["$(touch x)", "`id`", "\\$(id)", "it's", 'say "x"', "a;b", "a|b", "a\nb", "~root"]
    (run / "names.json").write_text(json.dumps(["good", *bad]))
    done = asked("sample", "--runs", str(tmp_path), "--label", "", shell=shell)
    assert set(re.findall(r"\w+", done.stdout)) - {"_arguments"} == {"good"}


@pytest.mark.parametrize(
    "content", [b"", b"[" * 100_000, b'{"plan": 3}', b"\xff", b'{"plan": {"model": {"labelled": 1}}, "card": 3}']
)
def test_damaged_runs_offer_nothing(trained: Path, tmp_path: Path, content: bytes) -> None:
    run = tmp_path / "mine"
    shutil.copytree(list_runs(trained)[-1].path, run)
    (run / "config.json").write_bytes(content)
    (run / "names.json").write_bytes(content)
    assert offered("sample", "--runs", str(tmp_path), "--label", "") == []
    (run / "names.json").unlink()
    os.mkfifo(run / "names.json")  # which nobody ever writes to
    assert offered("sample", "--runs", str(tmp_path), "--label", "") == []


def test_tab_loads_no_torch(trained: Path) -> None:
    python = (TSINFOGAN[0], "-X", "importtime", *TSINFOGAN[1:])
    for words in (
        ("sample", "--runs", str(trained), "--label", ""),
        ("train", "--backbone", ""),
        ("sample", "--format"),
    ):
        loaded = asked(*words, python=python).stderr
        assert "tsinfogan.cli._completion" in loaded
        assert not re.search(r"\| +(torch|pandas|matplotlib)$", loaded, re.MULTILINE)


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_completion_is_installed_and_works_in_bash(trained: Path, tmp_path: Path) -> None:
    """The function that is installed fills COMPREPLY, as the shell would have it."""
    program = tmp_path / "bin" / "tsinfogan"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.join(TSINFOGAN)} "$@"\n')
    program.chmod(0o755)
    home = {**os.environ, "HOME": str(tmp_path), "PATH": f"{program.parent}:{os.environ['PATH']}"}

    def bash(script: str) -> str:
        command = ["bash", "--norc", "-c", f"{script}\ntrue"]  # a last command, or bash makes way for the one before
        return subprocess.run(command, env=home, capture_output=True, text=True, check=True).stdout

    assert "complete " in bash("tsinfogan --show-completion")
    assert "installed" in bash("tsinfogan --install-completion")
    (installed,) = tmp_path.glob(".bash_completions/*")
    assert str(installed) in (tmp_path / ".bashrc").read_text()
    words = f"(tsinfogan sample --runs {trained} --model '')"
    shown = bash(
        f"source {installed}; COMP_WORDS={words}; COMP_CWORD=5; _tsinfogan_completion tsinfogan\n"
        r'printf "%s\n" "${COMPREPLY[@]}"'
    )
    assert shown.split() == [run.name for run in list_runs(trained)][::-1]


def test_examples_in_help_parse(command: Any) -> None:
    shown = command("--help").out.decode()
    root: Any = typer.main.get_command(app)
    lines = [re.split(r" {2,}", line)[0] for line in EXAMPLES.split("\n\n")]
    for line in lines:
        assert line.strip() in shown
        _, name, *words = shlex.split(line)
        if name != "COMMAND":
            root.commands[name].make_context(name, words)
    assert len(lines) > 5


def test_a_hint_is_for_a_person(trained: Path, tmp_path: Path, command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    done = command("sample", "--runs", trained, "-n", 1, "-o", tmp_path / "one.csv")
    assert done.err == ""
    hint("tsinfogan report")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    done = command("sample", "--runs", trained, "-n", 1, "-o", tmp_path / "one.csv")
    name = list_runs(trained)[-1].name
    assert done.err == f"next: tsinfogan evaluate {name} --quick --runs {trained}\n"
    assert command("sample", "--runs", trained, "-n", 1).err == ""  # the series themselves are on stdout
    assert command("datasets", "fetch", "sines").err.endswith("next: tsinfogan train --dataset sines\n")
