"""What each setting needs: asked for where it cannot act, it is refused; taken, it changes what is trained."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import Any, get_args

import numpy as np
import pytest

from _trainers import images, waves
from tsinfogan.data.augmentations import Augmentations
from tsinfogan.data.panel import Panel
from tsinfogan.errors import SettingError
from tsinfogan.training.needs import NEEDS
from tsinfogan.training.plan import make_plan, setting_types
from tsinfogan.training.session import build_model, make_trainer

pytestmark = pytest.mark.usefixtures("brief_splits")

SMALL = {"max_steps": 16, "batch_size": 8, "report_every": 8, "flow_steps": 0}
SERIES = waves(80, n_timepoints=16)
RECORDING = np.arange(400) + np.random.default_rng(0).normal(size=400)
WINDOWS = Panel.from_arrays(np.lib.stride_tricks.sliding_window_view(RECORDING, 16)[::4, None], name="windows")
SITUATIONS: dict[str, tuple[Panel, dict[str, Any]]] = {
    "all codes": (SERIES, {"n_categories": (2,), "cont_follows": ("amplitude", "time_scale")}),
    "no codes": (SERIES, {"n_categories": (), "n_continuous": 0}),
    "one continuous code": (SERIES, {"n_categories": (), "n_continuous": 1}),
    "one category": (SERIES, {"n_categories": (1,), "n_continuous": 0}),
    "gan": (SERIES, {"recipe": "gan"}),
    "cgan": (SERIES, {"recipe": "cgan"}),
    "acgan": (SERIES, {"recipe": "acgan"}),
    "no augmentations": (replace(SERIES, augmentations=Augmentations()), {}),
    "images": (images(), {}),
    "windows": (WINDOWS, {"n_categories": (2,)}),  # as would be found, again for each test
}
VALUES = {
    "max_steps": 15, "pretraining_steps": 4, "pretraining_restarts": 3, "pretraining_heads": 2, "split_merge_rounds": 2,
    "report_every": 4, "decay_share": 0.6, "ema_half_life_cases": 1, "batch_size": 7, "label_input": "embedding",
    "recognition": "own",
}  # fmt: skip


def other_value(name: str, situation: str = "") -> Any:
    """A value that is not the default, unless the setting is a switch: then on."""
    kind = setting_types()[name]
    if name == "opening" and situation:
        panel, arguments = SITUATIONS[situation]
        taken = make_plan(panel, **arguments).training.opening
        return "restarts" if taken == "convolutions" else "convolutions"
    if name in VALUES:
        return VALUES[name]
    if get_args(kind):
        return get_args(kind)[-1]
    return {bool: True, int: 2, float: 0.3}[kind]


@cache
def trained(situation: str, name: str = "", value: Any = None, n_pretraining: int | None = None) -> list[np.ndarray]:
    """All that comes of a short training with that setting."""
    panel, arguments = SITUATIONS[situation]
    settings = {name: value} if name else {}  # first, as the first that is refused is said
    settings = {**settings, **SMALL, **settings}
    if n_pretraining is not None:
        settings["pretraining_steps"] = n_pretraining
    plan = make_plan(panel, width=4, noise_dim=2, **arguments, settings=settings)
    model = build_model(plan, panel)
    reports = list(make_trainer(plan, model, panel).run())
    networks = [p.detach().numpy() for net in (model.generator, model.discriminator) for p in net.state_dict().values()]
    return [*networks, np.array([report.step for report in reports]), np.array(model.noise_scale)]


def same(some: list[np.ndarray], others: list[np.ndarray]) -> bool:
    return len(some) == len(others) and all(map(np.array_equal, some, others))


@pytest.mark.parametrize(
    ("situation", "name"),
    [(situation, name) for name in setting_types() for situation in (SITUATIONS if name in NEEDS else ["no codes"])],
)
def test_a_setting_has_an_effect_or_is_refused(situation: str, name: str) -> None:
    value = other_value(name, situation)
    n_pretraining = 8 if name in ("pretraining_restarts", "split_merge_rounds") else None  # of few there is one
    try:
        outcome = trained(situation, name, value, n_pretraining)
    except SettingError as error:
        refused = str(error)
    else:
        without = (name, False) if value is True else ("", None)
        assert not same(outcome, trained(situation, *without, n_pretraining))
        return
    assert re.match(rf"`{name}={value}` cannot be used on .*: it needs .*; leave it out", refused)


@pytest.mark.parametrize("name", sorted(NEEDS.keys() & setting_types().keys() - {"penalty_every"}))
def test_every_need_is_met_somewhere_and_not_elsewhere(name: str) -> None:
    def refused(situation: str) -> bool:
        panel, arguments = SITUATIONS[situation]
        try:
            make_plan(panel, **arguments, settings={name: "convolutions" if name == "opening" else other_value(name)})
        except SettingError:
            return True
        return False

    assert {refused(situation) for situation in SITUATIONS} == {True, False}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"settings": {"within_class_mixing": True}}, "needs `pretraining_steps`, which needs two categories or more"),
        ({"settings": {"overlap_weight": 5.0}, "n_continuous": 1}, "needs two continuous codes or more"),
        ({"settings": {"overlap_weight": 5.0, "reward_generator": False}}, "needs `reward_generator`, which is off"),
        ({"settings": {"spread_input": True}}, "needs `category_input`, which needs a categorical code"),
        ({"settings": {"cont_follows_weight": 3.0}}, "needs `cont_follows`"),
        ({"settings": {"real_code_weight": 1.0}}, "needs a recipe whose first category is the label"),
        ({"settings": {"penalty_every": 2, "r1_weight": 0.0}, "n_continuous": 0}, "needs `r1_weight`, `r2_weight` or"),
        ({"posterior_scale": 1.0, "n_continuous": 0}, r"needs a continuous code \(`n_continuous`\)"),
        ({"continuous_prior": "normal", "n_continuous": 0}, "needs a continuous code"),
    ],
)
def test_what_is_asked_for_in_vain(arguments: dict[str, Any], reason: str) -> None:
    with pytest.raises(SettingError, match=f"cannot be used on waves: it {reason}.*; leave it out"):
        make_plan(SERIES, n_categories=(), **arguments)


@pytest.mark.parametrize("name", [name for name, kind in setting_types().items() if kind in (bool, float)])
def test_what_is_switched_off_is_no_request(name: str) -> None:
    if name not in ("generator_rate", "discriminator_rate"):
        for panel, arguments in SITUATIONS.values():
            if "cont_follows" not in arguments:  # which needs consistency
                make_plan(panel, **arguments, settings={name: setting_types()[name](0)})


def test_defaults_that_the_data_does_not_allow_are_noted() -> None:
    def noted(situation: str) -> list[str]:
        panel, arguments = SITUATIONS[situation]
        return [note.split(" (")[0] for note in make_plan(panel, **arguments).notes]

    assert noted("all codes") == ["low_rank_head"]
    assert noted("windows") == ["within_class_mixing"]
    assert noted("images") == ["principal_components", "low_rank_head", "within_class_mixing", "flow_steps"]
    settings = {"principal_components": False, "within_class_mixing": False, "flow_steps": 0}
    assert make_plan(SITUATIONS["images"][0], settings=settings).notes == ()
