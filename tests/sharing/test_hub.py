"""Uploads to a stand-in for a hub, and downloads from it, through the real huggingface_hub."""

from __future__ import annotations

import json
import pickle
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open

from _hub import READER, Repository, running_hub, use_hub
from tsinfogan import Run, find_run, sample
from tsinfogan.errors import RunError, SettingError
from tsinfogan.sharing import hub as hub_module
from tsinfogan.sharing.card import hub_card
from tsinfogan.sharing.hub import fetched_run, push
from tsinfogan.sharing.pretrained import load_pretrained
from tsinfogan.training.run import list_runs

constants = pytest.importorskip("huggingface_hub.constants", reason="needs the extra hub")

REPO, ADDRESS = "ada/letters", "hf://ada/letters"


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with running_hub() as hub:
        use_hub(monkeypatch, hub.address, tmp_path / "cache")
        monkeypatch.setattr(hub_module, "picture", lambda model: b"\x89PNG")  # drawing takes half a second
        yield hub


@pytest.fixture
def run(trained) -> Run:
    return find_run(trained)


def test_what_is_pushed_samples_the_same(hub, run):
    page = push(run, REPO)
    assert page == f"{hub.address}/{REPO}"
    hub.requests.clear()
    fetched = load_pretrained(ADDRESS)
    files = {request.rpartition("/")[2] for request in hub.requests if "/resolve/" in request}
    assert files == {"config.json", "model.safetensors", "names.json"}
    expected, got = (sample(model, 7, cat=1, seed=3) for model in (run.load_model(), fetched))
    np.testing.assert_array_equal(got.panel.values, expected.panel.values)
    assert got.panel.channels == expected.panel.channels
    assert fetched.category_names == run.load_model().category_names


def test_a_labelled_model_keeps_its_classes(hub, trained):
    run = list_runs(trained)[0]
    assert run.plan.recipe == "acgan"
    push(run, REPO)
    assert load_pretrained(ADDRESS).category_names == run.load_model().category_names == ("a", "b", "c")


def test_pushed_files(hub, run, tmp_path):
    push(run, REPO)
    files = hub.repositories[REPO].files
    assert files.keys() == {"config.json", "model.safetensors", "names.json", "samples.png", "README.md"}
    path = tmp_path / "model.safetensors"
    path.write_bytes(files["model.safetensors"])
    with safe_open(path, "pt") as file:
        assert not [name for name in file.keys() if name.startswith("training.")]  # noqa: SIM118
    folder = str(Path(run.data["file"]).parent)
    assert json.loads(files["config.json"])["data"]["file"] == "small.csv"
    assert not any(folder.encode() in content for content in files.values())
    assert not hub.repositories[REPO].private


def test_a_private_push_never_lands_in_public(hub, run):
    push(run, "ada/secret", private=True)
    assert hub.repositories["ada/secret"].private
    hub.repositories["ada/open"] = Repository(commits={"0" * 40: {}})
    with pytest.raises(RunError, match="ada/open exists and is public"):
        push(run, "ada/open", private=True)
    assert hub.repositories["ada/open"].files == {}


def test_revisions(hub, run):
    n = run.plan.model.n_categories
    before = dict(hub.repositories)
    push(run, REPO)
    (first,) = hub.repositories[REPO].commits.keys() - {"0" * 40}
    files = {**hub.repositories[REPO].files, "names.json": json.dumps(["new"] * n).encode()}
    hub.repositories[REPO].commit(files)
    assert before == {}
    assert fetched_run(ADDRESS).names == ("new",) * n
    assert fetched_run(f"{ADDRESS}@{first}").names != ("new",) * n
    with pytest.raises(RunError, match="ada/letters has no revision 'v9' on the hub"):
        fetched_run(f"{ADDRESS}@v9")


def test_an_unfinished_run_is_not_pushed(hub, run, tmp_path):
    plan = {**run.config["plan"], "training": {**run.config["plan"]["training"], "max_steps": 900}}
    folder = tmp_path / "unfinished"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes((run.path / "model.safetensors").read_bytes())
    with pytest.raises(RunError, match="run unfinished is not finished: 3 of 900 steps are done; go on with"):
        push(Run(folder, run.config).with_config({"plan": plan}), REPO)
    assert hub.requests == []


@pytest.mark.parametrize(
    "name", ["letters", "hf://letters", "a/b/c", "ada/letters@", "ada/a letter", "", "hf://", "/x"]
)
def test_names_that_cannot_be(hub, run, name):
    for ask in (lambda: push(run, name), lambda: fetched_run(name)):
        with pytest.raises(SettingError, match="expected a repository of a hub as user/name"):
            ask()
    assert hub.requests == []


def test_names_that_the_hub_forbids(hub, run):
    with pytest.raises(SettingError, match="hf://ada/a--b cannot be the name of a repository"):
        push(run, "ada/a--b")
    with pytest.raises(SettingError, match="leave the revision out"):
        push(run, "ada/letters@main")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (401, "the hub refused hf://ada/letters .401., since the token is missing, wrong or may not do this; log in"),
        (403, "the hub refused hf://ada/letters .403., since the token"),
        (404, "the hub has no model ada/letters|the hub answered 404"),
        (500, "the hub answered 500 for hf://ada/letters"),
    ],
)
def test_answers_that_are_errors(hub, run, status, expected):
    hub.status = status
    for ask in (lambda: fetched_run(ADDRESS), lambda: push(run, REPO)):
        with pytest.raises(RunError, match=expected):
            ask()


@pytest.mark.parametrize(("token", "status"), [(READER, 403), ("hf_wrong", 401), ("", 401)])
def test_tokens_that_may_not_write(hub, run, monkeypatch, token, status):
    monkeypatch.setenv("HF_TOKEN", token)
    for private in (False, True):
        with pytest.raises(RunError, match=rf"the hub refused hf://ada/letters \({status}\), .*`hf auth login`"):
            push(run, REPO, private=private)
    assert hub.repositories == {}


def test_missing_and_hidden_models(hub, run, monkeypatch):
    push(run, "ada/secret", private=True)
    monkeypatch.setenv("HF_TOKEN", READER)
    for name in ("ada/secret", "ada/nothing"):
        with pytest.raises(
            RunError, match=f"the hub has no model {name}, or only a private one; check the name, or log"
        ):
            fetched_run(f"hf://{name}")


def test_without_a_network_the_cache_is_enough(hub, run, monkeypatch, tmp_path):
    push(run, REPO)
    expected = fetched_run(ADDRESS).names
    use_hub(monkeypatch, "http://127.0.0.1:9", tmp_path / "cache")
    assert fetched_run(ADDRESS).names == expected
    with pytest.raises(RunError, match=r"cannot reach the hub for hf://ada/other .*check the network"):
        fetched_run("hf://ada/other")
    with pytest.raises(RunError, match=r"cannot reach the hub for hf://ada/other .*check the network"):
        push(run, "ada/other")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert fetched_run(ADDRESS).names == expected
    for ask in (lambda: fetched_run("hf://ada/other"), lambda: push(run, "ada/other")):
        with pytest.raises(RunError, match="hf://ada/other needs the hub, which HF_HUB_OFFLINE keeps from being asked"):
            ask()


class Trap:
    def __reduce__(self):
        return print, ("executed",)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"config.json": b'{"architectures": ["Bert"]}'},
            "hf://ada/letters holds no run that can be used: hf://ada/letters is not",
        ),
        ({"config.json": None}, "hf://ada/letters holds no run of tsinfogan: it has no config.json"),
        ({"model.safetensors": None}, "hf://ada/letters holds no run of tsinfogan: it has no model.safetensors"),
        ({"model.safetensors": pickle.dumps(Trap())}, "model.safetensors of run .* is damaged"),
        ({"names.json": b"[1]"}, "names.json of run .* is damaged"),
    ],
)
def test_what_others_uploaded(hub, run, change, expected, capsys):
    push(run, REPO)
    files = {**hub.repositories[REPO].files, "pytorch_model.bin": pickle.dumps(Trap()), "run.py": b"", **change}
    hub.repositories[REPO].commit({name: content for name, content in files.items() if content is not None})
    with pytest.raises(RunError, match=expected):
        load_pretrained(ADDRESS)
    assert "executed" not in capsys.readouterr().out
    assert not any("pytorch_model" in request or "run.py" in request for request in hub.requests)


def test_without_huggingface_hub(monkeypatch, run):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    for ask in (lambda: fetched_run(ADDRESS), lambda: push(run, REPO)):
        with pytest.raises(RunError, match=r'pip install "tsinfogan\[hub\]"'):
            ask()


def card_of(run: Run, **data: object) -> tuple[dict[str, object], str]:
    """The metadata of a card, and its text."""
    yaml = pytest.importorskip("yaml")
    changed = Run(run.path, {**run.config, "data": {**run.config["data"], **data}})
    _, metadata, text = hub_card(changed, run.load_model(), ADDRESS).split("---\n", 2)
    return yaml.safe_load(metadata), text


def test_card_of_a_users_file(run):
    metadata, text = card_of(run)
    assert metadata["library_name"] == "tsinfogan"
    assert "time-series" in metadata["tags"]
    assert metadata["pipeline_tag"] == "other"
    assert "license" not in metadata
    assert "tsinfogan sample --model hf://ada/letters" in text
    assert "whoever uploaded this model has to state it" in text
    assert "bound on I(cat; x)" in text


def test_python_of_a_card_runs(hub, run):
    push(run, REPO)
    (block,) = re.findall(r"^```python\n(.*?)^```$", hub.repositories[REPO].files["README.md"].decode(), re.M | re.S)
    found: dict[str, Any] = {}
    exec(block, found)
    assert found["synthetic"].panel.n_cases == 100


def test_card_names_the_licence_of_a_dataset(run):
    metadata, text = card_of(run, dataset="char_traj")
    assert metadata["license"] == "cc-by-4.0"
    assert "CC BY 4.0" in text
    metadata, text = card_of(run, dataset="stocks")
    assert "license" not in metadata
    assert "terms hold" in text


@pytest.mark.parametrize("damage", [b"", b"[]", b'{"figures": {"accuracy": "x"}}', b'{"figures": {"accuracy": null}}'])
def test_card_takes_figures_from_a_report(run, tmp_path, damage):
    folder = tmp_path / "run"
    folder.mkdir()
    for path in run.path.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    report = {"figures": {"accuracy": 0.987, "other": 3}, "continuous": [{"sentence": "cont0: 14 % wider"}]}
    (folder / "report.json").write_text(json.dumps(report))
    _, text = card_of(Run.open(folder))
    assert "| 0.987 |" in text
    assert "- cont0: 14 % wider" in text
    (folder / "report.json").write_bytes(damage)
    assert "## Limits" in card_of(Run.open(folder))[1]
