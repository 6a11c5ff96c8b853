"""From an estimator's parameters to a seed, a plan and JSON, and back."""

from __future__ import annotations

import inspect
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from tsinfogan.data.columns import ColumnNames
from tsinfogan.data.labels import several_classes
from tsinfogan.data.panel import Panel
from tsinfogan.errors import SettingError
from tsinfogan.models.backbone import BACKBONES
from tsinfogan.training.plan import Plan, make_plan
from tsinfogan.training.upgrade import new_names

SEEDS = 2**31
"""Upper limit of drawn seeds."""
OWN_PARAMETERS = ("n_categories", "n_continuous", "noise_dim", "backbone", "recipe", "max_steps")
"""Arguments of :func:`make_plan` that are parameters of an estimator, and so no settings."""


def seed_of(random_state: Any) -> int:
    """The seed for a ``random_state``: an int itself, the next number of a generator, or for None a new one."""
    if random_state is None:
        return secrets.randbelow(SEEDS)
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(SEEDS))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(SEEDS))
    if isinstance(random_state, (int, np.integer)) and random_state >= 0:
        return int(random_state)
    raise SettingError(f"expected an int, 0 or greater, a RandomState or None as random_state, got {random_state!r}")


def plan_of(parameters: Mapping[str, Any], panel: Panel, seed: int) -> Plan:
    """The plan for ``panel`` of an estimator's parameters, as ``get_params`` gives them; else a SettingError."""
    others = new_names(parameters["settings"] or {})
    if twice := sorted({*OWN_PARAMETERS, "seed", "random_state"} & set(others)):
        own = "random_state" if twice[0] == "seed" else twice[0]
        raise SettingError(f"settings: {twice[0]!r} has a parameter of its own; give {own}=… instead")
    arguments = {name: others.pop(name) for name in inspect.signature(make_plan).parameters if name in others}
    settings = {**others, **arguments.pop("settings", {}), "seed": seed}
    if parameters["max_steps"] is not None:
        settings["max_steps"] = parameters["max_steps"]
    sizes = _sizes(parameters["n_categories"])
    return make_plan(
        panel,
        recipe=_recipe(parameters["recipe"], panel, sizes),
        n_categories=sizes,
        **{name: parameters[name] for name in ("backbone", "n_continuous", "noise_dim")},
        settings=settings,
        **arguments,
    )


def parameters_to_dict(parameters: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """JSON-ready parameters, with the seed in place of a generator; :func:`parameters_from_dict` is the inverse."""
    columns, random_state = parameters["columns"], parameters["random_state"]
    plain = random_state is None or isinstance(random_state, (int, np.integer))
    return {
        **parameters,
        "columns": columns and asdict(columns),
        "random_state": (None if random_state is None else int(random_state)) if plain else seed,
        "settings": None if parameters["settings"] is None else dict(parameters["settings"]),
        "backbone": parameters["backbone"] and BACKBONES.register(parameters["backbone"]),
    }


def parameters_from_dict(kept: Mapping[str, Any]) -> dict[str, Any]:
    """Rebuilds what :func:`parameters_to_dict` was given, of its result with tuples in place of any lists."""
    return {**kept, "columns": kept["columns"] and ColumnNames(**kept["columns"])}


def parameters_of(plan: Plan) -> dict[str, Any]:
    """The parameters of an estimator that match a run of the command line best."""
    codes = plan.model.latent.codes
    sizes = tuple(code.n_categories for code in codes if code.is_categorical)
    return {
        "n_categories": sizes,
        "n_continuous": len(codes) - len(sizes),
        "noise_dim": plan.model.latent.noise_dim,
        "backbone": plan.model.backbone,
        "recipe": plan.recipe,
        "max_steps": plan.training.max_steps,
        "random_state": plan.training.seed,
    }


def _recipe(recipe: str, panel: Panel, sizes: tuple[int, ...] | None) -> str:
    """``auto`` becomes semi_supervised if labels of two classes are known, and there is a category for each class."""
    if recipe != "auto":
        return recipe
    is_matched = sizes is None or sizes[:1] == (len(panel.classes),)
    return "semi_supervised" if is_matched and several_classes(panel) else "infogan"


def _sizes(n_categories: int | Sequence[int] | None) -> tuple[int, ...] | None:
    if n_categories is None:
        return None
    if isinstance(n_categories, (int, np.integer)):
        return (int(n_categories),) if n_categories else ()
    return tuple(map(int, n_categories))
