"""A run of format 2, and settings by their names of then: read, and of the same use, under the names of today."""

from __future__ import annotations

import inspect
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors import safe_open

from _trainers import waves
from tsinfogan.errors import RunError
from tsinfogan.estimators.infogan import InfoGAN
from tsinfogan.formats import read_panel
from tsinfogan.models.model import Model
from tsinfogan.sampling.inference import encode
from tsinfogan.sampling.sampler import sample
from tsinfogan.training.plan import make_plan, setting_types
from tsinfogan.training.run import METRICS, MODEL, Run
from tsinfogan.training.upgrade import (
    RENAMED,
    RENAMED_REPORTS,
    RENAMED_TENSORS,
    name_in_code,
    upgraded,
    upgraded_report,
)

FIXTURE = Path(__file__).resolve().parents[1] / "fixtures" / "run_of_format_2"
CODES = ["cat", "cont0", "cont1"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.open(shutil.copytree(FIXTURE / "run", tmp_path / "old"))


@pytest.fixture
def model(run: Run) -> Model:
    return run.load_model()


@pytest.mark.parametrize(
    ("file", "asked"),
    [("sampled.csv", {"seed": 4}), ("sampled_cat_1.csv", {"seed": 3, "cat": 1, "cont": (0.5, -1)})],
)
def test_the_same_samples(model: Model, file: str, asked: dict[str, Any]) -> None:
    then = pd.read_csv(FIXTURE / file)
    samples = sample(model, 6, **asked)
    for case, rows in then.groupby("case"):
        values = samples.panel.values[case][:, : len(rows)].T  # (t, c)
        np.testing.assert_allclose(values, rows[list(samples.panel.channels)], rtol=1e-4, atol=1e-4)
        assert [samples.columns[code][case] for code in CODES] == pytest.approx(rows[CODES].iloc[0].tolist(), abs=1e-4)


def test_the_same_codes(model: Model) -> None:
    then = pd.read_csv(FIXTURE / "encoded.csv")
    read = encode(model, read_panel(FIXTURE / "series.csv"))
    np.testing.assert_array_equal(read["cat"], then["cat"])
    for code in CODES[1:]:
        np.testing.assert_allclose(read[code], then[code], atol=1e-4)


def test_its_model_is_written_under_the_names_of_today(run: Run, model: Model) -> None:
    before = sample(model, 3).panel.values
    run.save_model(model)
    with safe_open(run.path / MODEL, "pt") as file:
        assert not [name for name in file.keys() if "critic" in name or "directions" in name]  # noqa: SIM118
    np.testing.assert_array_equal(sample(run.load_model(), 3).panel.values, before)


def test_its_metrics_have_the_names_of_today(run: Run) -> None:
    then = [json.loads(line) for line in (run.path / METRICS).read_text().splitlines()]
    assert any("discovery" in line for line in then)
    assert any("critic" in line for line in then)
    for line, old in zip(run.metrics(), then, strict=True):
        assert line == {RENAMED_REPORTS.get(name, name): value for name, value in old.items()}
        assert upgraded_report({"knob_shear": 1.0}) == {"follows_shear": 1.0}
        assert not line.keys() & RENAMED_REPORTS.keys()


def test_its_plan_builds_the_networks_that_it_describes(run: Run) -> None:
    assert run.plan.model.discriminator.category_input
    assert run.plan.objective.pseudo_label_weight == 1


def test_channels_keep_their_names(run: Run) -> None:
    config = json.loads((FIXTURE / "run" / "config.json").read_text())
    choices = {"levels": "robust", "critic": "standard"}
    config["plan"] |= {"scaling": choices, "bounds": {"blends": "none"}}
    assert upgraded(config)["plan"]["scaling"] == choices
    assert upgraded(config)["plan"]["bounds"] == {"blends": "none"}
    newest = {**config, "format_version": 4}
    assert upgraded(newest) == newest
    assert upgraded({**newest, "format_version": 3}) == newest


@pytest.mark.parametrize(("version", "advice"), [(1, "an older tsinfogan.*train it again"), (5, "a newer.*upgrade")])
def test_other_formats_are_refused(run: Run, version: int, advice: str) -> None:
    (run.path / "config.json").write_text(json.dumps({**run.config, "format_version": version}))
    with pytest.raises(RunError, match=advice):
        Run.open(run.path)


# ---- names


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_every_new_name_exists(old: str, new: str) -> None:
    assert new in setting_types().keys() | inspect.signature(make_plan).parameters.keys()
    assert old not in setting_types()


def test_old_settings_are_taken_and_said() -> None:
    with pytest.warns(FutureWarning, match="`critic_rate` is now called `discriminator_rate`; .* this version only"):
        plan = make_plan(waves(), settings={"critic_rate": 0.125})
    assert plan.training.discriminator_rate == 0.125
    with pytest.warns(FutureWarning, match="`recognition=watching` is now called `recognition=detached`"):
        plan = make_plan(waves(), settings={"recognition": "watching"})
    assert plan.model.discriminator.recognition == "detached"


def test_old_arguments_are_taken_and_said() -> None:
    with pytest.warns(FutureWarning, match="`knobs` is now called `cont_follows`"):
        plan = make_plan(waves(), knobs=("amplitude",))  # type: ignore[call-arg]
    assert plan.objective.cont_follows == ("amplitude",)
    with pytest.warns(FutureWarning, match="`knobs` is now called"):
        estimator = InfoGAN(max_steps=2, settings={"knobs": ("amplitude",)}, device="cpu").fit(waves())
    assert estimator.plan_.objective.cont_follows == ("amplitude",)


@pytest.mark.parametrize(("before", "in_code", "in_file"), RENAMED_TENSORS)
def test_tensors_of_old_files_have_the_names_of_today(before: str, in_code: str, in_file: str) -> None:
    prefix = {"": "", r"pretraining\.": "pretraining."}.get(before, "generator.")
    prefix = "pretraining.best." if before.startswith(r"pretraining\.(best") else prefix
    prefix = "average_generator.inner.blocks.1." if "blocks" in before else prefix
    prefix = "" if before == "(average_)?" else prefix
    for rest in ("", ".0.weight"):
        assert name_in_code(f"{prefix}{in_file}{rest}") == f"{prefix}{in_code}{rest}"
        assert name_in_code(f"{prefix}{in_code}{rest}") == f"{prefix}{in_code}{rest}"
    assert name_in_code("generator.inner.embed.weight") == "generator.inner.embed.weight"
