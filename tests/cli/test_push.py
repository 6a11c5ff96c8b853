"""``tsinfogan push``, and sampling from models that are not in the directory of runs."""

from __future__ import annotations

import io

import pandas as pd
import pytest

from _hub import READER, running_hub, use_hub
from tsinfogan import find_run

REPO, ADDRESS = "ada/letters", "hf://ada/letters"


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with running_hub() as hub:
        use_hub(monkeypatch, hub.address, tmp_path)
        yield hub


def test_push_and_sample(hub, trained, process, command, monkeypatch, tmp_path):
    name = find_run(trained).name
    for variable, value in {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path)}.items():  # of the child
        monkeypatch.setenv(variable, value)
    out, err = process("push", name, REPO, "--runs", trained).communicate(timeout=100)
    assert out.decode() == f"{hub.address}/{REPO}\n", err
    assert b"what `tsinfogan report" in err
    assert len(hub.repositories[REPO].files["samples.png"]) > 1000
    assert f"tsinfogan sample --model {ADDRESS}".encode() in err
    asked = ("-n", 3, "--cat", 2, "--seed", 4)
    done = command("sample", "--model", ADDRESS, *asked)
    assert done.code == 0, done.err
    assert done.out == command("sample", "--runs", trained, "--model", name, *asked).out


def test_push_with_the_wrong_token(hub, trained, command, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", READER)
    refused = command("push", find_run(trained).name, REPO, "--runs", trained).sentence
    assert refused.startswith(f"error: the hub refused {ADDRESS} (403), since the token is missing")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("sample", "--model", "hf://ada"), "expected a repository of a hub as user/name"),
        (("sample", "--pretrained", "nonsense"), "unknown pretrained model 'nonsense': choose from letters"),
        (("sample", "--pretrained", "letters", "--model", "x"), "--model and --pretrained both name a model; give one"),
        (("sample", "--pretrained", "letters", "--label", "ä"), "unknown label 'ä'"),
        (("push", "nowhere", REPO), "unknown run 'nowhere'"),
        (("name", "--cat", 1, "b", "--model", ADDRESS), f"{ADDRESS} is only read, and this command writes into"),
        (("report", ADDRESS), "writes into the run's folder; name another one with --out"),
    ],
)
def test_sentences(command, arguments, expected, tmp_path):
    assert expected in command(*arguments, "--runs", tmp_path).sentence


def test_a_pretrained_model_needs_no_runs(command, tmp_path):
    done = command("sample", "--pretrained", "letters", "--label", "a", "-n", 4, "--runs", tmp_path / "none")
    assert done.code == 0, done.err
    rows = pd.read_csv(io.BytesIO(done.out))
    assert rows.case.nunique() == 4
    assert set(rows.label) == {"a"}
    assert not list(tmp_path.iterdir())
