"""Command lines as a careless or hostile person types them: the program's own options with good and bad values."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from tsinfogan.cli import app

SANDBOX = "sandbox"
"""The folder that each command line runs in a copy of."""
FILES = {
    "empty.csv": b"",
    "broken.csv": b'case,time,x\na,0,1\na,1\n"a,2,3\n',
    "words.csv": b"case,time,x\na,0,one\na,1,two\n",
    "binary.csv": bytes(range(256)) * 8,
    "config.json": b"{}",
}
GOOD: dict[str, tuple[str, ...]] = {
    "--dataset": ("pen_strokes", "sines"),
    "--data": ("good.csv",),
    "--real": ("good.csv",),
    "--fake": ("good.csv", "other.csv"),
    "--test": ("other.csv",),
    "source": ("good.csv", "good.csv", "sines"),
    "text": ("a", "b"),
    "name": ("last", "pen_strokes"),
    "run": ("last",),
    "--model": ("last",),
    "--resume": ("last",),
    "--case-column": ("case",),
    "--time-column": ("time",),
    "--label-column": ("label",),
    "--channels": ("x", "x,y", "y,x"),
    "--window": ("4", "8"),
    "--stride": ("1", "4"),
    "--cat": ("0", "1", "2", "3", "0:2", "2,2", "none"),
    "--cont": ("0", "0.5,-1", "2", "-1:1:3", "any"),
    "--label": ("a", "b"),
    "--noise": ("2",),
    "--width": ("2", "4"),
    "--steps": ("1", "2"),
    "--batch-size": ("4", "8"),
    "--seeds": ("1", "2"),
    "--set": ("report_every=1", "r1_weight=0"),
    "--recipe": ("infogan", "gan", "cgan", "acgan"),
    "--backbone": ("conv1d", "gru", "mlp"),
    "--scaling": ("standard", "none"),
    "--format": ("csv", "npz", "png", "parquet"),
    "-n": ("1", "3"),
    "--only": ("purity", "spectrum"),
    "--device": ("cpu",),
    "--precision": ("float32", "bf16"),
    "--runs": ("runs",),
    "-o": ("out.csv", "out.npz", "out.png", "folder"),
    "--out": ("page.html",),
    "--split": ("train", "test"),
    "--method": ("classical",),
}
BAD = (
    *(
        "",
        " ",
        "x",
        "-1",
        "0",
        "-0.5",
        "1.5",
        "nan",
        "inf",
        "1e400",
        "99999999999999999999",
        "1,,2",
        "1:2:3:4",
        ",",
        "=",
    ),
    *(
        "a=b=c",
        "=1+1",
        "../..",
        "missing/deep/file.csv",
        "folder",
        "last",
        "none",
        "auto",
        "time",
        "\x1b[31mred",
        "a\nb",
    ),
    *("\udcff", "ä" * 300, "a" * 5000, "%s%n", "{0}", "[bold]", "--", "-", *FILES),
)
FIRST = {
    "train": ("--width", "4", "--batch-size", "8", "--steps", "2", "--set", "pretraining_steps=0"),
    "augment-study": ("--steps", "1", "--draws", "1"),
    "evaluate": ("--quick",),
}
"""Given before the drawn options, which come after and count, so that a command line that works is soon done."""
RARE = ("augment-study", "evaluate", "report", "datasets")
"""Commands that take seconds when they work."""


def fill(folder: Path, data: Path) -> None:
    """Puts files, good and bad, beside the runs of ``folder``."""
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    for name in ("good.csv", "other.csv"):
        shutil.copy(data, folder / name)
    (folder / "folder").mkdir()


def vector(rng: random.Random) -> list[str]:
    """The words after ``tsinfogan``."""
    commands = list(_commands(typer.main.get_command(app), []))
    path, parameters = rng.choices(commands, [0.1 if path[0] in RARE else 1.0 for path, _ in commands])[0]
    words = [*path, *FIRST.get(path[0], ())]
    if path[0] == "train" and rng.random() < 0.7:
        words.append("--dry-run")
    places = [each for each in parameters if each.param_type_name == "argument"]
    options = [each for each in parameters if each.param_type_name == "option"]
    words += [_value(each.name, rng) for each in places if rng.random() < 0.9]
    if path[0] == "train":
        words += rng.choice((["--data", "good.csv"], ["--dataset", "sines"], []))
    for option in rng.choices(options, k=rng.randrange(5)) if options else ():
        name = rng.choice(option.opts)
        if option.is_flag:
            words.append(name)
        elif rng.random() < 0.2:
            words.append(f"{name}={_value(name, rng)}")
        else:
            words += [name, _value(name, rng)]
    if rng.random() < 0.1:
        words.insert(
            rng.randrange(len(words) + 1), rng.choice((*BAD, "--help", "--unknown", "--version", "-q", "more"))
        )
    if rng.random() < 0.05:
        words.pop()
    return words


def _value(name: str, rng: random.Random) -> str:
    return rng.choice(GOOD[name]) if name in GOOD and rng.random() < 0.6 else rng.choice(BAD)


def _commands(command: Any, path: list[str]) -> Iterator[tuple[list[str], list[Any]]]:
    """Path and parameters of every command."""
    if not hasattr(command, "commands"):
        yield path, command.params
        return
    for name, part in command.commands.items():
        yield from _commands(part, [*path, name])
