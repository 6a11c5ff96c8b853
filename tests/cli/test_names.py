"""Names: old ones that still work, and parameters of the library as the command line calls them."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from tsinfogan.cli import OLD_OPTIONS, OLD_VALUES, app, under_new_names
from tsinfogan.cli._errors import MARKED, OPTIONS, in_options
from tsinfogan.metrics.augmentation.methods import METHODS
from tsinfogan.training.plan import setting_types
from tsinfogan.training.upgrade import RENAMED

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = typer.main.get_command(app).commands
KNOWN = {name for command in COMMANDS.values() for parameter in command.params for name in parameter.opts}


def messages() -> Iterator[str]:
    """Every formatted text of the library, with ``{}`` for values, and every constant text that is raised.

    Those of the estimators are left out: no command calls them.
    """
    for folder in ("tsinfogan", "datasets"):
        for path in (path for path in (ROOT / folder).rglob("*.py") if path.parent.name != "estimators"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.JoinedStr):
                    yield "".join(str(v.value) if isinstance(v, ast.Constant) else "{}" for v in node.values)
                elif isinstance(node, ast.Raise):
                    texts = (n.value for n in ast.walk(node) if isinstance(n, ast.Constant))
                    yield from (text for text in texts if isinstance(text, str))


def test_parameters_in_messages_have_options() -> None:
    marked = {match[1] for text in messages() for match in MARKED.finditer(text)}
    assert len(marked) >= 8
    assert marked - {"config.json", "metrics.jsonl"} <= OPTIONS.keys() | setting_types().keys()


def test_options_for_parameters_exist() -> None:
    assert {option.partition(" ")[0] for option in OPTIONS.values()} <= KNOWN
    assert set(OLD_OPTIONS.values()) <= KNOWN
    assert not OLD_OPTIONS.keys() & KNOWN


def test_messages_in_options() -> None:
    assert in_options("give more `n_continuous`") == "give more --cont"
    assert in_options("train with `recipe=infogan` (`columns.time=my day`)") == (
        "train with --recipe infogan (--time-column 'my day')"
    )
    assert in_options("`posterior_scale=1.0` has no effect") == "--posterior fixed has no effect"
    assert in_options("raise `r2_weight`, or `penalty_every=1`") == "raise r2_weight, or --set penalty_every=1"
    assert in_options("run `tsinfogan train` on `config.json`") == "run `tsinfogan train` on `config.json`"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("train --critic-rate 1e-4", "train --discriminator-rate 1e-4"),
        ("train --critic-rate=1e-4", "train --discriminator-rate=1e-4"),
        ("train --knob shear --knob=scale", "train --cont-follows shear --cont-follows=scale"),
        ("train --distort none", "train --augment none"),
        ("augment-study --made 5 --method distort", "augment-study --synthetic 5 --method classical"),
        ("train --set blends=false", "train --set within_class_mixing=false"),
        ("train --set=critic_rate=1", "train --set=discriminator_rate=1"),
        ("train --recognition watching", "train --recognition detached"),
        ("train --set recognition=watching", "train --set recognition=detached"),
    ],
)
def test_old_names(old: str, new: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert under_new_names(old.split()) == new.split()
    assert capsys.readouterr().err.count("\n") == 1
    assert under_new_names(new.split()) == new.split()
    assert capsys.readouterr().err == ""


def test_other_words_stay(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["encode", "blends=1", "--out", "distort", "watching", "--", "--knob"]
    assert under_new_names(words) == words
    assert capsys.readouterr().err == ""


def test_new_names_are_names_of_today() -> None:
    assert set(RENAMED.values()) <= {*setting_types(), "cont_follows", "suggested_cont_follows"}
    assert set(OLD_VALUES["--method"].values()) <= set(METHODS.names())


def test_an_old_name_is_noted_once(command, small_csv) -> None:
    old = ("--knob", "amplitude", "--set", "critic_rate=1e-4", "--set", "critic_rate=2e-4")
    outcome = command("train", "--data", small_csv, "--dry-run", *old, "--distort", "amplitude=0.2")
    assert outcome.code == 0
    plan = json.loads(outcome.out)["plan"]
    assert plan["training"]["discriminator_rate"] == 2e-4
    assert plan["objective"]["cont_follows"] == ["amplitude"]
    assert outcome.err.count("is now") == 4
    assert outcome.err.count("note: ") == 1
    help_text = command("train", "--help").out.decode()
    assert not any(f"{name} " in help_text for name in OLD_OPTIONS)
