"""Entries by name: modules of a package, entry points of other packages, and objects."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sklearn.base import clone

from _trainers import waves
from tsinfogan.errors import RunError, SettingError, UnknownNameError
from tsinfogan.estimators.infogan import InfoGAN
from tsinfogan.models.backbone import BACKBONES, Backbone
from tsinfogan.registry import _entry_points
from tsinfogan.training.plan import make_plan
from tsinfogan.training.run import Run
from tsinfogan.training.session import build_model

OWN = replace(BACKBONES.get("mlp"), name="own")


@pytest.fixture(autouse=True)
def afresh() -> Iterator[None]:
    """Entry points are looked up anew, and what a test registers is gone after it."""
    _entry_points.cache_clear()
    yield
    _entry_points.cache_clear()
    BACKBONES._registered.clear()


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package whose backbones are a good one, one that cannot be imported, a number, and one named as ours."""
    folder = tmp_path / "extension-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: extension\nVersion: 1.0\n")
    lines = "good = extension:GOOD\nbroken = extension_broken:IT\nnumber = extension:NUMBER\nmlp = extension:NUMBER\n"
    (folder / "entry_points.txt").write_text(f"[tsinfogan.backbones]\n{lines}")
    source = "from tsinfogan.models.backbones.mlp import BACKBONE as GOOD\nNUMBER = 3\n"
    (tmp_path / "extension.py").write_text(source)
    (tmp_path / "extension_broken.py").write_text("import nothing_of_that_name\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "extension", raising=False)


@pytest.mark.usefixtures("plugins")
def test_entries_of_other_packages() -> None:
    assert {"good", "broken", "number", "conv1d"} <= set(BACKBONES.names())
    assert BACKBONES.get("good") is BACKBONES.get("mlp")  # of equal names ours comes first
    with pytest.raises(SettingError, match=r"backbone 'broken' .* extension_broken:IT .*nothing_of_that_name.*update"):
        BACKBONES.get("broken")
    with pytest.raises(SettingError, match=r"'number' of extension:NUMBER: .*a Backbone, got int"):
        BACKBONES.get("number")


def test_objects() -> None:
    assert BACKBONES.get(OWN) is OWN
    with pytest.raises(SettingError, match="expected a backbone by name or as an object, a Backbone, got int"):
        BACKBONES.get(3)  # type: ignore[arg-type]
    assert "own" not in BACKBONES.names()
    assert BACKBONES.register("anything") == "anything"
    assert BACKBONES.register(OWN) == "own"
    assert BACKBONES.get("own") is OWN
    other = replace(OWN, width=3)
    BACKBONES.register(other)  # a cell of a notebook that is run again
    assert BACKBONES.get("own") is other


@pytest.mark.parametrize(("backbone", "reason"), [(replace(OWN, name=""), "none"), (replace(OWN, name="gru"), "'gru'")])
def test_an_object_needs_a_name_of_its_own(backbone: Backbone, reason: str) -> None:
    with pytest.raises(SettingError, match=f"{reason}.*set name"):
        make_plan(waves(), backbone=backbone)


def test_an_estimator_takes_an_object_and_keeps_its_name(tmp_path: Path) -> None:
    values = waves().values
    settings = {"pretraining_steps": 0, "width": 4}
    fitted = clone(InfoGAN(backbone=OWN, n_categories=2, max_steps=1, settings=settings)).fit(values)
    fitted.save(tmp_path / "run")
    again = InfoGAN.load(tmp_path / "run")
    assert again.backbone == "own"
    assert again.sample(2).shape == (2, *values.shape[1:])


def test_a_run_finds_its_backbone_by_name(tmp_path: Path) -> None:
    panel = waves()
    plan = make_plan(panel, backbone=OWN, width=4)
    model = build_model(plan, panel)
    run = Run.create(tmp_path, plan, model, {})
    run.save_model(model)
    again = Run.open(run.path)
    assert again.load_model().generator.state_dict().keys() == model.generator.state_dict().keys()
    BACKBONES._registered.clear()  # as in another process
    with pytest.raises(RunError, match=r"needs .* tsinfogan\.backbones, .*unknown backbone 'own': .*gru"):
        again.load_model()
    with pytest.raises(UnknownNameError, match="unknown backbone 'own'"):
        BACKBONES.get("own")
