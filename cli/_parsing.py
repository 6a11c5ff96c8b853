"""Text of the command line as Python values: settings, choices by channel, augmentations, values of codes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, get_args

from tsinfogan.data.augmentations import Augmentations
from tsinfogan.data.panel import Panel
from tsinfogan.errors import SettingError, UnknownNameError

if TYPE_CHECKING:
    from tsinfogan.preprocessing.preprocessor import Choice

Values = list[float | Sequence[float] | None]
MAX_SWEEP = 10_000
SWEEP_STEPS = 9


def parse_setting(text: str) -> tuple[str, Any]:
    """Reads ``name=value``; refuses unknown names and values of another type."""
    from tsinfogan.training.plan import setting_types

    name, _, value = text.partition("=")
    types = setting_types()
    if name not in types:
        raise UnknownNameError("setting", name, types)
    choices = get_args(types[name])
    if choices and value not in choices:
        raise SettingError(f"setting {name}: expected one of {', '.join(map(str, choices))}, got {value!r}")
    if types[name] is bool:
        if value.lower() not in ("true", "false"):
            raise SettingError(f"setting {name}: expected true or false, got {value!r}")
        return name, value.lower() == "true"
    return name, value if choices else _number(types[name], f"setting {name}", value)


def parse_counts(text: str, option: str, what: str) -> tuple[int, ...]:
    """Whole numbers of 1 or more: ``20``, ``10,10``, or ``none``; an error says ``what`` the ``option`` expects."""
    if text in ("0", "none"):
        return ()
    counts = text.split(",")
    if not all(count.strip().isdecimal() and int(count) > 0 for count in counts):
        raise SettingError(f"expected {what}, or none, in {option}, got {text!r}")
    return tuple(map(int, counts))


def parse_choice(texts: Iterable[str]) -> Choice:
    """Reads what was given for scaling or bounds: ``choice`` for all channels, or ``channel=choice`` for one.

    Which channels and choices exist is checked later, with the data.
    """
    from tsinfogan.preprocessing.preprocessor import OTHERS

    chosen: dict[str, str] = {}
    for text in texts:
        channel, _, choice = text.rpartition("=")
        chosen[channel or OTHERS] = choice
    return chosen[OTHERS] if chosen.keys() == {OTHERS} else chosen or "auto"


def parse_augmentations(panel: Panel, texts: Iterable[str]) -> Panel:
    """``panel`` with other augmentations, each text ``name=value``, or ``none`` for no augmentation at all."""
    chosen = panel.augmentations
    changes: dict[str, Any] = {}
    for text in texts:
        name, _, value = text.partition("=")
        names = [field.name for field in fields(Augmentations)]
        if text == "none":
            chosen, changes = Augmentations(), {}
        elif name not in names:
            raise UnknownNameError("augmentation", name, [*names, "none"])
        elif name.endswith("_channels"):
            channels = value.split(",")
            if strange := [channel for channel in channels if channel not in panel.channels]:
                raise UnknownNameError("channel", strange[0], panel.channels)
            if name == "rotation_channels" and len(channels) != 2:
                raise SettingError(f"augmentation {name}: expected two channels such as x,y, got {value!r}")
            changes[name] = tuple(map(panel.channels.index, channels))
        else:
            changes[name] = _number(float, f"augmentation {name}", value)
    return replace(panel, augmentations=replace(chosen, **changes))


def to_number(text: str, kind: type[int] | type[float] = float) -> float:
    """The number that ``text`` says, or NaN."""
    try:
        return kind(text)
    except ValueError:
        return math.nan


def _number(kind: type[int] | type[float], what: str, text: str) -> float:
    number = to_number(text, kind)
    if not (math.isfinite(number) and number >= 0):
        wanted = {int: "a whole number", float: "a number"}[kind]
        raise SettingError(f"{what}: expected {wanted}, 0 or greater, got {text!r}")
    return number


# ---- values of codes


def parse_codes(cat: str | None, cont: str | None) -> tuple[Values | None, Values | None]:
    """Values of ``--cat`` and ``--cont``, as :meth:`tsinfogan.sampling.request.CodeRequest.of` takes them.

    Each is a comma list with a number, a sweep or ``_`` for each code; ``_`` samples it. A sweep over categories is
    ``first:last``, over values ``first:last`` or ``first:last:steps``.
    """
    return _of_each_code(cat, _categories), _of_each_code(cont, _sweep)


def _of_each_code(text: str | None, read: Callable[[str], Sequence[float]]) -> Values | None:
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    return [None if part == "_" else read(part) for part in parts]


def _categories(text: str) -> Sequence[float]:
    numbers = _numbers(text, "a category such as 3, or a range such as 0:4")
    if len(numbers) == 1:
        return numbers
    if len(numbers) > 2 or not all(isinstance(k, int) for k in numbers) or abs(numbers[0] - numbers[1]) >= MAX_SWEEP:
        raise SettingError(f"expected a category or a range first:last in --cat, got {text!r}")
    first, last = int(numbers[0]), int(numbers[1])
    return range(first, last + 1) if first <= last else range(first, last - 1, -1)


def _sweep(text: str) -> Sequence[float]:
    numbers = _numbers(text, "a number such as 0.5, or a sweep such as -2:2:9")
    if len(numbers) == 1:
        return numbers
    first, last, steps = (*numbers, SWEEP_STEPS)[:3]
    if len(numbers) > 3 or not isinstance(steps, int) or not 2 <= steps <= MAX_SWEEP:
        raise SettingError(f"expected a sweep first:last:steps with 2 or more steps in --cont, got {text!r}")
    import torch

    return torch.linspace(first, last, steps, dtype=torch.float64).tolist()


def _numbers(text: str, expected: str) -> list[float]:
    """The numbers between colons, whole ones as int."""
    numbers = [to_number(part) for part in text.split(":")]
    if not all(map(math.isfinite, numbers)):
        raise SettingError(f"expected {expected}, got {text!r}")
    return [int(number) if number.is_integer() else number for number in numbers]
