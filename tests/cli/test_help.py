"""``--help`` says of every option what can be chosen and what is taken otherwise, as the library has it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import asdict, fields
from typing import Any, get_args

import pytest
import typer

from tsinfogan.cli import app
from tsinfogan.cli.train import SETTING_OPTIONS
from tsinfogan.data.augmentations import CAUTIOUS
from tsinfogan.datasets import Split
from tsinfogan.devices import DEVICES, PRECISIONS
from tsinfogan.formats import FORMATS
from tsinfogan.metrics.augmentation import study
from tsinfogan.metrics.augmentation.methods import METHODS
from tsinfogan.models.backbone import BACKBONES
from tsinfogan.models.discriminator import LabelInput, Recognition
from tsinfogan.preprocessing.augmenter import FOLLOWABLE
from tsinfogan.training.config import RECIPES, Adversarial, TrainingSettings
from tsinfogan.training.plan import DEFAULT_CATEGORIES, CategoryPrior, Prior, make_plan, setting_types


def parameters(command: Any = None, name: str = "") -> Iterator[Any]:
    """Every option and argument of every command."""
    command = command or typer.main.get_command(app)
    yield from (pytest.param(one, id=f"{name} {one.name}".strip()) for one in command.params)
    for inner, other in getattr(command, "commands", {}).items():
        yield from parameters(other, f"{name} {inner}".strip())


EVERY = {param.id: param.values[0] for param in parameters()}
TRAIN = {one.name: one for one in typer.main.get_command(app).commands["train"].params}

CHOICES = {
    "train recipe": RECIPES,
    "train continuous_prior": get_args(Prior),
    "train category_prior": get_args(CategoryPrior),
    "train posterior": ("learned", "fixed"),
    "train scaling": ("auto", "standard", "robust", "quantile"),
    "train bounds": ("auto", "observed", "none"),
    "train backbone": BACKBONES.names(),
    "train recognition": get_args(Recognition),
    "train label_input": get_args(LabelInput),
    "train adversarial": get_args(Adversarial),
    "train cont_follows": (*FOLLOWABLE, "none"),
    "train precision": PRECISIONS,
    "export what": ("generator", "encoder"),
    "train device": DEVICES,
    "train data": [name for name in FORMATS.names() if FORMATS.get(name).read and name != "wide"],
    "sample format_name": FORMATS.names(),
    "sample device": DEVICES,
    "encode split": get_args(Split),
    "encode format_name": ("csv", "parquet"),
    "evaluate only": ("fidelity", "utility", "diversity", "privacy", "codes"),
    "augment-study method": METHODS.names(),
    "augment-study format_name": ("csv", "json"),
}


@pytest.mark.parametrize("parameter", list(parameters()))
def test_every_option_names_its_default(parameter: Any) -> None:
    assert parameter.help
    shown = parameter.default is not None or "Default: " in parameter.help  # typer shows a default that is a value
    assert parameter.required or parameter.is_eager or getattr(parameter, "is_flag", False) or shown
    assert "suits" not in parameter.help


@pytest.mark.parametrize("name", CHOICES)
def test_every_choice_is_named(name: str) -> None:
    assert set(CHOICES[name]) <= set(re.findall(r"\w+", EVERY[name].help))


def default_in(help_text: str) -> str:
    return help_text.rpartition("Default: ")[2]


@pytest.mark.parametrize("option", SETTING_OPTIONS)
def test_defaults_of_settings_are_those_of_the_recipes_and_backbones(option: str) -> None:
    setting = SETTING_OPTIONS[option]
    assert setting in setting_types()
    values = set()
    for recipe in RECIPES.values():
        for name in BACKBONES.names():
            chosen, own = recipe(), BACKBONES.get(name).settings
            parts = (chosen.objective, chosen.discriminator, TrainingSettings())
            known = {field.name: getattr(part, field.name) for part in parts for field in fields(part)}
            values.add({**known, **own}[setting])
    named = re.findall(r"[\w.]+\w", default_in(TRAIN[option].help)) + re.findall(r"\d+", default_in(TRAIN[option].help))
    texts = {f"{value:g}" if isinstance(value, float) else str(value) for value in values}
    assert texts <= set(named)


def test_other_defaults_of_train() -> None:
    plan = inspect.signature(make_plan).parameters
    assert str(plan["n_continuous"].default) in default_in(TRAIN["cont"].help)
    assert str(plan["noise_dim"].default) in default_in(TRAIN["noise"].help)
    assert str(DEFAULT_CATEGORIES) in default_in(TRAIN["cat"].help)
    for name in ("continuous_prior", "category_prior"):
        assert TRAIN[name].default == plan[name].default
    widths = {name: BACKBONES.get(name).width for name in BACKBONES.names()}
    assert (
        default_in(TRAIN["width"].help) == f"{widths.pop('mlp')} for mlp, {set(widths.values()).pop()} for the others."
    )
    assert len(set(widths.values())) == 1
    strengths = {name: value for name, value in asdict(CAUTIOUS).items() if value}
    assert ", ".join(f"{name}={value}" for name, value in strengths.items()) in TRAIN["augmentations"].help


def test_defaults_of_augment_study() -> None:
    library = inspect.signature(study.augment_study).parameters
    for option, name in {
        "imbalance": "imbalance",
        "draws": "n_draws",
        "synthetic": "synthetic",
        "steps": "steps",
    }.items():
        assert EVERY[f"augment-study {option}"].default == library[name].default
    assert EVERY["augment-study labels"].default == ",".join(map(str, library["labels"].default))
