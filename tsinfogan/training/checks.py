"""What ``config.json`` says is checked when a run is opened, so that nothing later meets a value that cannot be.

Types follow from the type hints of the classes that it becomes. A ValueError says what is wrong.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Any, ClassVar, Literal, TypedDict, Union, get_args, get_origin, get_type_hints

import numpy as np

from tsinfogan.data.columns import ColumnNames, Windows
from tsinfogan.data.dates import timestamps
from tsinfogan.devices import Computing
from tsinfogan.models.model import DataCard, ModelSettings
from tsinfogan.preprocessing.preprocessor import Preprocessor
from tsinfogan.preprocessing.scaling import ChannelTransform, QuantileCurve, RobustCurve
from tsinfogan.training.files import read_json
from tsinfogan.training.plan import Plan
from tsinfogan.training.upgrade import upgraded_report

MAX_NUMBERS = 2**26
"""In one case: more do not fit into memory several hundred times."""
MAX_INTEGER = 2**53
LISTS = ("_categories", "_pairs")
"""How the names of lists in a report end; everything else is a number."""
EPOCH = "1970-01-01"


class Origin(TypedDict, total=False):
    """Entries of ``data``: where the series come from and what they are. Others are free."""

    dataset: str
    file: str
    n_cases: int
    fingerprint: str
    columns: ColumnNames
    windows: Windows
    labels_per_class: int
    labelled_cases: list[int]


class Facts(TypedDict, total=False):
    """Entries of ``config.json`` that are for people."""

    created: str
    versions: dict[str, str]
    computing: Computing


def check_types(value: Any, hint: Any, name: str) -> None:
    """Refuses a value that is not of the type ``hint``; numbers must be finite, and text must be text."""
    if hint is Any or get_origin(hint) is ClassVar:
        return
    arguments = get_args(hint)
    if get_origin(hint) in (Union, UnionType):
        kinds = [option for option in arguments if option is not type(None)]
        for option in kinds if value is not None or len(kinds) == len(arguments) else ():
            if option is kinds[-1] or isinstance(value, get_origin(option) or option):
                check_types(value, option, name)
                break
    elif get_origin(hint) is Literal:
        _require(isinstance(value, str) and value in arguments, name, f"one of {', '.join(map(str, arguments))}", value)
    elif get_origin(hint) in (tuple, list):
        _require(isinstance(value, list | tuple), name, "a list", value)
        endless = get_origin(hint) is list or arguments[-1] is ...
        _require(endless or len(value) == len(arguments), name, f"{len(arguments)} values", value)
        for index, each in enumerate(value):
            check_types(each, arguments[0] if endless else arguments[index], f"{name}.{index}")
    elif isinstance(get_origin(hint), type) and issubclass(get_origin(hint), Mapping):
        _require(isinstance(value, Mapping), name, "names with values", value)
        for key, each in value.items():
            check_types(each, arguments[1], f"{name}.{key}")
    elif hint in (int, float):
        _require(type(value) in {int: (int,), float: (int, float)}[hint], name, "a number", value)
        _require(abs(value) <= MAX_INTEGER or (type(value) is float and math.isfinite(value)), name, "finite", value)
    elif hint in (str, bool, type(None)):
        _require(type(value) is hint, name, {str: "text", bool: "true or false"}.get(hint, "nothing"), value)
        if isinstance(value, str):
            value.encode()  # a half of a surrogate pair is a UnicodeEncodeError, which is a ValueError
    elif isinstance(value, Mapping):
        for key, part in _hints(hint).items():
            if key in value:
                check_types(value[key], part, f"{name}.{key}")
    else:
        of_part = is_dataclass(value) or hasattr(value, "_fields")
        _require(of_part, name, getattr(hint, "__name__", "a part"), value)
        names = [field.name for field in fields(value)] if is_dataclass(value) else value._fields
        for key in names:
            check_types(getattr(value, key), _hints(value.__class__)[key], f"{name}.{key}")


def parsed_reports(text: str) -> list[dict[str, Any]]:
    """The reports in ``metrics.jsonl``, without lines that are none."""
    reports = []
    for each in text.splitlines():
        with contextlib.suppress(ValueError, AttributeError):
            line = read_json(each)
            numbers = {name: value for name, value in line.items() if not name.endswith(LISTS)}
            check_types(numbers, dict[str, float], "report")
            check_types(line.get("step"), int, "step")
            reports.append(upgraded_report(line))
    return reports


def parsed_names(text: str, n_categories: int) -> tuple[str | None, ...]:
    """The names of categories in ``names.json``."""
    names = read_json(text)
    check_types(names, list[str | None], "names")
    if "" in names:
        raise ValueError("it is not a list of names")
    if len(names) != n_categories:
        raise ValueError(f"expected {n_categories} names, one per category, got {len(names)}")
    return tuple(names)


def check_config(config: Mapping[str, Any], plan: Plan, card: DataCard, preprocessor: Preprocessor) -> None:
    """Refuses what is of the right type but impossible: sizes that do not fit, limits upside down, unknown dates."""
    check_types(config["data"], Origin, "data")
    _require(isinstance(config["data"], dict), "data", "where the series come from", config["data"])
    check_types({**config}, Facts, "config")
    check_types(ColumnNames.from_dict(config["data"].get("columns", {})), ColumnNames, "data.columns")
    if "windows" in config["data"]:
        Windows(**config["data"]["windows"])
    for part, name in ((plan, "plan"), (card, "card"), (preprocessor, "preprocessor")):
        check_types(part, type(part), name)
    _require(plan.training.seed >= 0, "plan.training.seed", "0 or greater", plan.training.seed)
    n_channels, is_image = len(preprocessor.channels), len(preprocessor.grid) == 2
    longest = preprocessor.lengths[1] if preprocessor.lengths else 1
    sizes = (n_channels, *preprocessor.grid, longest, len(preprocessor.grid))
    size = n_channels * max(math.prod(preprocessor.grid), longest)
    _require(min(sizes) >= 1 and sizes[-1] <= 2 and size <= MAX_NUMBERS, "preprocessor.grid", "a size of a case", sizes)
    if preprocessor.lengths:
        _require(1 <= preprocessor.lengths[0] <= longest and not is_image, "preprocessor.lengths", "an order", longest)
    _require((card.view == "image") == is_image, "card.view", "the view of such a grid", card.view)
    card.panel(np.zeros((1, n_channels, *[1] * len(preprocessor.grid)), np.float32), None)  # refuses what does not fit
    if card.time_frequency or card.time_origin:
        timestamps(card.time_origin or EPOCH, card.time_frequency or "D", 2)
    augmented = (*(card.augmentations.rotation_channels or ()), *card.augmentations.gain_channels)
    _require(all(0 <= index < n_channels for index in augmented), "card.augmentations", "channels", augmented)
    _require(card.view != "pen" or n_channels >= 2, "card.view", "two channels", card.view)
    for index, channel in enumerate(preprocessor.channels):
        _check_channel(channel, f"preprocessor.channels.{index}")
    _check_model(plan.model, card)


def _check_model(settings: ModelSettings, card: DataCard) -> None:
    if settings.labelled:
        n_classes = len(card.classes)
        _require(settings.n_categories == n_classes, "card.classes", f"{settings.n_categories} classes", n_classes)


def _check_channel(channel: ChannelTransform, name: str) -> None:
    _require(1e-38 < channel.scale < 1e38 and channel.step >= 0, name, "a positive scale", channel.scale)
    floor, ceiling = channel.limits
    _require(floor is None or ceiling is None or floor <= ceiling, name, "limits in order", channel.limits)
    if scale := channel.each_series:
        _require(scale.deviation > 0 and scale.ddof in (0, 1), name, "a positive standard deviation", scale)
    curve = channel.curve
    if isinstance(curve, RobustCurve):
        _require(curve.low <= curve.high and curve.spread > 0, name, "a curve that rises", curve)
    if isinstance(curve, QuantileCurve):
        rises = all(len(ends) > 1 and bool((np.diff(ends) > 0).all()) for ends in (curve.values, curve.scores))
        _require(rises and len(curve.values) == len(curve.scores), name, "a curve that rises", curve)


@cache
def _hints(owner: Any) -> dict[str, Any]:
    return get_type_hints(owner)


def _require(condition: bool, name: str, expected: str, got: Any) -> None:
    if not condition:
        raise ValueError(f"{name}: expected {expected}, got {str(got)[:60]}")
