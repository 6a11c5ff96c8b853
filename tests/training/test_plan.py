"""Plans: every setting is read, written out, and refused in one sentence where it makes no sense."""

from __future__ import annotations

import ast
import json
import math
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest

import tsinfogan
from _trainers import waves
from tsinfogan.cli._parsing import parse_setting
from tsinfogan.data.panel import Panel
from tsinfogan.errors import DataError, SettingError, UnknownNameError
from tsinfogan.models.codes import CategoricalCode, NormalCode, UniformCode
from tsinfogan.training.config import RECIPES, TrainingSettings
from tsinfogan.training.plan import Plan, make_plan, setting_types
from tsinfogan.training.session import build_model, make_trainer


def panel(labels: list[Any] | None = None, n: int = 8, **others: Any) -> Panel:
    labels = labels if labels is not None else ["a", "a", "a", "b", "a", "a", "c", "b"]
    return Panel.from_arrays(np.random.default_rng(0).normal(size=(n, 1, 16)), labels=labels, name="toys", **others)


def unlabelled() -> Panel:
    return Panel.from_arrays(np.random.default_rng(0).normal(size=(8, 1, 16)), name="toys")


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_plan_survives_json(recipe: str) -> None:
    plan = make_plan(
        panel(), recipe=recipe, category_prior="data", posterior_scale=0.5, continuous_prior="normal",
        settings={"r1_weight": 0.25, "recognition": "own", "max_steps": 7},
    )  # fmt: skip
    again = Plan.from_dict(json.loads(json.dumps(plan.to_dict())))
    assert again == plan
    assert (again.objective.r1_weight, again.model.discriminator.recognition, again.training.max_steps) == (
        0.25,
        "own",
        7,
    )


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_can_be_built_and_trained(recipe: str) -> None:
    plan = make_plan(panel(), recipe=recipe, width=4, settings={"batch_size": 4, "pretraining_steps": 0})
    stats = make_trainer(plan, build_model(plan, panel()), panel()).step()
    assert all(math.isfinite(float(value)) for value in stats.values())
    assert {"discriminator", "generator"} <= stats.keys()


def test_recipes_differ_as_their_table_says() -> None:
    plans = {recipe: make_plan(panel(), recipe=recipe) for recipe in RECIPES}
    rewarded = {name for name, plan in plans.items() if plan.objective.reward_generator}
    assert rewarded == {"infogan", "cgan", "acgan", "semi_supervised"}
    assert {name for name, plan in plans.items() if plan.model.labelled} == {"cgan", "acgan", "semi_supervised"}
    assert {name for name, plan in plans.items() if plan.model.discriminator.label_input != "none"} == {"cgan"}
    assert {name for name, plan in plans.items() if plan.objective.real_code_weight} == {"acgan", "semi_supervised"}
    assert plans["gan"].model.discriminator.recognition == "detached"
    assert plans["cgan"].objective.category_weight == 0


# ---- defaults and codes


def test_categories_follow_the_classes() -> None:
    assert make_plan(panel()).model.latent.codes[0] == CategoricalCode(3)
    assert make_plan(unlabelled(), recipe="gan").model.latent.codes[0] == CategoricalCode(10)


def test_codes_are_what_was_asked_for() -> None:
    codes = make_plan(panel(), n_categories=(10, 4), n_continuous=1).model.latent.codes
    assert codes == (CategoricalCode(10), CategoricalCode(4), UniformCode())
    codes = make_plan(panel(), n_categories=(), n_continuous=2, continuous_prior="normal", posterior_scale=1.0)
    assert codes.model.latent.codes == (NormalCode(1.0), NormalCode(1.0))


def test_category_prior_of_the_data() -> None:
    code = make_plan(panel(), category_prior="data").model.latent.codes[0]
    assert isinstance(code, CategoricalCode)
    assert code.probabilities == (5 / 8, 2 / 8, 1 / 8)
    half_known = make_plan(panel(["a", "a", "a", "b", None, None, None, None]), category_prior="data")
    assert half_known.model.latent.codes[0] == CategoricalCode(2, (0.75, 0.25))
    with pytest.raises(SettingError, match=r"needs as many categories as toys has classes \(3\), got \(5,\)"):
        make_plan(panel(), n_categories=(5,), category_prior="data")
    with pytest.raises((SettingError, DataError), match="toys"):
        make_plan(unlabelled(), category_prior="data")


def test_the_grid_chooses_the_backbone() -> None:
    images = Panel(np.random.default_rng(0).uniform(size=(4, 1, 8, 8)).astype(np.float32), ("grey",), view="image")
    assert make_plan(panel()).model.backbone == "conv1d"
    assert make_plan(images).model.backbone == "image"
    with pytest.raises(SettingError, match="'conv1d' is for series but the data holds images"):
        build_model(make_plan(images, backbone="conv1d"), images)


# ---- labels


@pytest.mark.parametrize("recipe", ["cgan", "acgan", "semi_supervised"])
def test_a_labelled_recipe_needs_labels(recipe: str) -> None:
    with pytest.raises(SettingError, match=f"recipe '{recipe}' needs labels but toys has none: add a label column"):
        make_plan(unlabelled(), recipe=recipe)
    with pytest.raises(SettingError, match="needs labels but toys has none"):
        make_plan(panel([None] * 8, classes=("a", "b")), recipe=recipe)


def test_the_label_has_as_many_categories_as_classes() -> None:
    with pytest.raises(SettingError, match="expected 3 categories, one for each class of toys, got 4"):
        make_plan(panel(), recipe="acgan", n_categories=(4,))
    assert make_plan(panel(), recipe="acgan", n_categories=(3, 5)).model.latent.codes[1] == CategoricalCode(5)


def test_a_case_without_label_cannot_be_shown_with_one() -> None:
    some = panel(["a", "b", None, "a", "b", "a", None, "b"])
    with pytest.raises(SettingError, match="it needs the label of every case but 2 of toys have none"):
        make_plan(some, recipe="cgan")
    assert make_plan(some, recipe="semi_supervised").model.labelled
    with pytest.raises(
        SettingError, match=r"`label_input=projection` cannot .* needs a recipe whose first category is"
    ):
        make_plan(panel(), recipe="infogan", settings={"label_input": "projection"})


def test_the_discriminator_goes_by_categories_only_where_real_series_have_some() -> None:
    assert make_plan(panel()).model.discriminator.category_input
    assert not make_plan(panel(), settings={"consistency_weight": 0.0}).model.discriminator.category_input
    assert not make_plan(panel(), settings={"category_input": False}).model.discriminator.category_input
    assert make_plan(panel()).model.discriminator.spread_input
    assert not make_plan(panel(), settings={"category_input": False}).model.discriminator.spread_input
    with pytest.raises(SettingError, match="it needs `category_input`, which is off"):
        make_plan(panel(), settings={"category_input": False, "spread_input": True})
    for others in ({"consistency_weight": 0.0}, {"label_input": "projection"}):
        with pytest.raises(SettingError, match=r"`category_input=True` cannot .* it needs"):
            make_plan(panel(), recipe="semi_supervised", settings={"category_input": True, **others})


def test_codes_follow_augmentations_of_the_panel() -> None:
    assert make_plan(panel(), cont_follows=("amplitude", "time_scale")).objective.cont_follows == (
        "amplitude",
        "time_scale",
    )
    assert Plan.from_dict(make_plan(panel(), cont_follows=("amplitude",)).to_dict()).objective.cont_follows == (
        "amplitude",
    )
    with pytest.raises(
        SettingError, match="unknown augmentation 'shear': choose from amplitude, time_scale, time_shift"
    ):
        make_plan(panel(), cont_follows=("shear",))
    for cont_follows in (("amplitude", "amplitude"), ("amplitude", "time_scale", "time_shift")):
        with pytest.raises(SettingError, match="expected at most 2 different augmentations"):
            make_plan(panel(), cont_follows=cont_follows)
    with pytest.raises(SettingError, match="unknown augmentation 'amplitude'"):
        make_plan(panel(), recipe="gan", cont_follows=("amplitude",))  # nobody shows its Q augmented series
    suggested = ("shear", "amplitude", "time_scale")
    assert make_plan(panel(), suggested_cont_follows=suggested, n_continuous=1).objective.cont_follows == ("amplitude",)
    assert make_plan(panel(), suggested_cont_follows=suggested, cont_follows=()).objective.cont_follows == ()
    assert make_plan(panel(), recipe="gan", suggested_cont_follows=suggested).objective.cont_follows == ()


# ---- settings by name


@pytest.mark.parametrize("recipe", RECIPES)
def test_settings_win_over_the_recipe(recipe: str) -> None:
    plan = make_plan(panel(), recipe=recipe, settings={"category_weight": 0.125, "discriminator_rate": 1e-5})
    assert plan.objective.category_weight == 0.125
    assert plan.training.discriminator_rate == 1e-5


def test_unknown_names_list_the_choices() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown recipe 'infogam': did you mean 'infogan'.*acgan, cgan"):
        make_plan(panel(), recipe="infogam")
    with pytest.raises(UnknownNameError, match=r"unknown backbone 'conv2d': did you mean 'conv1d'.*gru"):
        build_model(make_plan(panel(), backbone="conv2d"), panel())
    with pytest.raises(UnknownNameError, match=r"unknown setting 'r1': .*r1_weight"):
        make_plan(panel(), settings={"r1": 1.0})


def attributes_read() -> set[str]:
    """Names of attributes that the package's code reads, those by ``getattr(…, "name")`` aside."""
    return {
        node.attr
        for path in Path(tsinfogan.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    }


def test_no_setting_is_read_by_nothing() -> None:
    assert not setting_types().keys() - attributes_read()


def test_no_two_parts_have_a_setting_of_the_same_name() -> None:
    """``--set name=value`` names the field alone."""
    plan = make_plan(panel())
    parts = [get_type_hints(type(part)) for part in (plan.training, plan.objective, plan.model.discriminator)]
    assert sum(map(len, parts)) == len(setting_types()) + 1  # cont_follows is an argument of make_plan


def test_every_setting_stands_in_the_tables_with_its_default() -> None:
    page = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()
    stated = dict(re.findall(r"^\| `(\w+)` \| (\S+) \|", page, re.MULTILINE))
    plan = make_plan(waves(80))
    parts = {**asdict(TrainingSettings()), **asdict(plan.objective), **asdict(plan.model.discriminator)}
    assert stated.keys() == setting_types().keys()
    for name, text in stated.items():
        assert parse_setting(f"{name}={text}") == (name, parts[name])
