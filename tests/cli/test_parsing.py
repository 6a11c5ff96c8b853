"""``--cat`` and ``--cont`` become numbers here, or one sentence; what a code can have is the library's to say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsinfogan.cli._parsing import parse_codes, parse_setting
from tsinfogan.errors import SettingError
from tsinfogan.training.plan import setting_types


def plain(values: list[float | Sequence[float] | None] | None) -> list[list[float] | None]:
    assert values is not None
    return [None if value is None else [*value] for value in values]  # type: ignore[misc]


def test_nothing_given_is_nothing_asked() -> None:
    assert parse_codes(None, None) == (None, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3", [[3]]),
        ("_", [None]),
        ("1:3", [[1, 2, 3]]),
        ("3:1, _", [[3, 2, 1], None]),
        ("2:2", [[2]]),
        ("3.0", [[3]]),
        ("1.5", [[1.5]]),
    ],
)
def test_categories(text: str, expected: list[list[float] | None]) -> None:
    assert plain(parse_codes(text, None)[0]) == expected


@pytest.mark.parametrize("text", ["", "a", "two", "0:1:2", "nan", "1:", "0.5:2", "0:1e9", "1,", "1;2"])
def test_what_is_no_category(text: str) -> None:
    with pytest.raises(SettingError, match="expected a category"):
        parse_codes(text, None)


def test_numbers_and_sweeps() -> None:
    assert plain(parse_codes(None, "-0.5, _")[1]) == [[-0.5], None]
    assert plain(parse_codes(None, "-2:2:5")[1]) == [[-2.0, -1.0, 0.0, 1.0, 2.0]]
    assert plain(parse_codes(None, "-2:2")[1]) == [np.linspace(-2, 2, 9).tolist()]


@pytest.mark.parametrize("text", ["", "a", "1:2:1", "1:2:2.5", "1:2:3:4", "inf", "nan:1", "0:1:1e9", "0:1:nan", "0,"])
def test_what_is_no_sweep(text: str) -> None:
    with pytest.raises(SettingError, match="expected a"):
        parse_codes(None, text)


@given(text=st.text(alphabet="0123456789.:-+einfa _,", max_size=12))
def test_finite_numbers_or_a_sentence(text: str) -> None:
    for cat, cont in ((text, None), (None, text)):
        try:
            read = parse_codes(cat, cont)
        except SettingError:
            continue
        values = plain(read[0] if cat is not None else read[1])
        assert values
        assert all(value is None or (value and all(map(math.isfinite, value))) for value in values)


# ---- settings


def test_an_unknown_setting() -> None:
    with pytest.raises(SettingError, match="unknown setting 'discriminator_rates': did you mean 'discriminator_rate'"):
        parse_setting("discriminator_rates=1")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("max_steps=10", 10),
        ("discriminator_rate=1e-3", 1e-3),
        ("reward_generator=false", False),
        ("reward_generator=true", True),
        ("adversarial=relativistic", "relativistic"),
        ("label_input=input_channel", "input_channel"),
        ("r2_weight=3", 3.0),
    ],
)
def test_a_setting_is_read_as_its_type(text: str, expected: object) -> None:
    name, value = parse_setting(text)
    assert name == text.partition("=")[0]
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_steps=1.5", "max_steps: expected a whole number.* got '1.5'"),
        ("max_steps=", "max_steps: expected a whole number"),
        ("max_steps", "max_steps: expected a whole number"),
        ("discriminator_rate=fast", "discriminator_rate: expected a number.* got 'fast'"),
        ("discriminator_rate=nan", "discriminator_rate: expected a number.* got 'nan'"),
        ("reward_generator=1", "reward_generator: expected true or false, got '1'"),
        ("adversarial=wasserstein", "expected one of non_saturating, least_squares, relativistic, got 'wasserstein'"),
        ("recognition=", "expected one of shared, own, detached, got ''"),
    ],
)
def test_a_value_of_another_type(text: str, message: str) -> None:
    with pytest.raises(SettingError, match=message) as e:
        parse_setting(text)
    assert "\n" not in str(e.value)


def test_every_choice_of_every_setting_parses() -> None:
    for name, hint in setting_types().items():
        for choice in get_args(hint):
            assert parse_setting(f"{name}={choice}") == (name, choice)
