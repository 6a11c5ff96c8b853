"""Values of codes are numbers of any kind: what equals a valid value gives the same rows, all else is refused."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from tests.sampling.test_sampler import build, walks
from tsinfogan.errors import SettingError
from tsinfogan.models.model import Model
from tsinfogan.sampling.inference import encode
from tsinfogan.sampling.request import CodeRequest
from tsinfogan.sampling.sampler import sample

MODEL = build(walks())
TWO_CATEGORIES = build(walks(), n_categories=(3, 2), n_continuous=1)
KINDS = (int, float, Fraction, np.int8, np.uint8, np.int64, np.float16, np.float32, np.float64, np.longdouble, np.array)
TENSORS = (
    torch.tensor,
    lambda x: torch.tensor(x, dtype=torch.float64),
    lambda x: torch.tensor(x, dtype=torch.bfloat16),
)


def asked(model: Model = MODEL, **given: Any) -> tuple[tuple[float, ...] | None, ...]:
    return CodeRequest.of(model, **given).values


# ---- numbers of any kind


@given(category=st.integers(0, 2), kind=st.sampled_from((*KINDS, *TENSORS)), single=st.booleans())
def test_any_number_that_equals_a_category_is_it(category: int, kind: Any, single: bool) -> None:
    value = kind(category)
    assert asked(cat=value if single else [value]) == ((float(category),), None, None)


@given(eighths=st.integers(-80, 80), kind=st.sampled_from((*KINDS[1:3], *KINDS[6:], *TENSORS)))
def test_any_number_that_equals_a_value_is_it(eighths: int, kind: Any) -> None:
    value = eighths / 8  # exact in all of them
    assert asked(cont=[kind(value), None]) == (None, (value,), None)


@given(values=st.lists(st.floats(-4, 4, width=16), min_size=2, max_size=2))
def test_sequences_of_any_kind(values: list[float]) -> None:
    kinds = (list, tuple, np.array, lambda x: np.array(x, np.float16), torch.tensor, pd.Series, iter)
    for kind in kinds:
        assert asked(cont=kind(values)) == (None, (values[0],), (values[1],))


@pytest.mark.parametrize(
    ("given_values", "plain"),
    [
        ({"cat": np.int64(2)}, {"cat": 2}),
        ({"cat": torch.tensor(2)}, {"cat": 2}),
        ({"cat": encode(MODEL, walks())["cat"][0]}, {"cat": int(encode(MODEL, walks())["cat"][0])}),
        ({"cont": np.array([0.5, -1])}, {"cont": [0.5, -1]}),
        ({"cont": [np.float32(0.5), None]}, {"cont": [0.5, None]}),
        ({"cont": torch.tensor([0.5, -1])}, {"cont": [0.5, -1]}),
        ({"cat": [None], "cont": [None, None]}, {}),
    ],
)
def test_equal_values_give_the_same_rows(given_values: dict[str, Any], plain: dict[str, Any]) -> None:
    one, other = sample(MODEL, 3, **given_values), sample(MODEL, 3, **plain)
    np.testing.assert_array_equal(one.panel.values, other.panel.values)
    for name, column in other.columns.items():
        np.testing.assert_array_equal(one.columns[name], column)


def test_codes_that_q_reads_can_be_asked_for() -> None:
    codes = encode(TWO_CATEGORIES, walks())
    cat, cont = [codes[name][3] for name in ("cat0", "cat1")], codes["cont0"][3]
    columns = sample(TWO_CATEGORIES, 1, cat=cat, cont=cont).columns
    assert [columns[name][0] for name in ("cat0", "cat1", "cont0")] == [*cat, cont]


def test_sweeps() -> None:
    request = CodeRequest.of(MODEL, [range(3)], [np.linspace(-1, 1, 5), None])
    assert request.values == ((0, 1, 2), (-1, -0.5, 0, 0.5, 1), None)
    assert request.n_points == 15


# ---- what is refused


@pytest.mark.parametrize(
    ("cat", "message"),
    [
        *(
            (value, rf"expected a category from 0 to 2 in `cat`, got {got}")
            for value, got in [
                (3, "3"),
                (-1, "-1"),
                (1.5, "1.5"),
                (np.float32(0.5), "0.5"),
                (math.nan, "nan"),
                (math.inf, "inf"),
                (10**400, "1000"),
                (True, "True"),
                (np.bool_(1), "True"),
                (torch.tensor(True), "True"),
                ("1", "'1'"),
                (np.str_("1"), "'1'"),
                (b"1", "b'1'"),
                (1j, "1j"),
                (Decimal(1), "Decimal"),
                ([[1, None]], "None"),
                ([[1, [2]]], r"\[2\]"),
            ]
        ),
        ([1, 1], "expected 1 value in `cat`, one for each categorical code of the model, got 2"),
        ([], "expected 1 value in `cat`, .* got 0"),
        ([[]], "expected a value in `cat`, or several to sweep over, got none"),
    ],
)
def test_what_is_no_category(cat: Any, message: str) -> None:
    with pytest.raises(SettingError, match=message) as e:
        CodeRequest.of(MODEL, cat)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(
    ("cont", "message"),
    [
        (0, "expected 2 values in `cont`, one for each continuous code of the model, got 1"),
        (np.zeros(3), "expected 2 values in `cont`.* got 3"),
        ([0, math.nan], "expected a finite number in `cont`, got nan"),
        ([0, 1e39], "expected a finite number in `cont`, got 1e.39"),
        ([np.float64("-inf"), 0], "expected a finite number in `cont`, got -inf"),
        ([False, 0], "expected a finite number in `cont`, got False"),
        (["0.5", 0], "expected a finite number in `cont`, got '0.5'"),
    ],
)
def test_what_is_no_value(cont: Any, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        CodeRequest.of(MODEL, cont=cont)


@given(value=st.one_of(st.floats(), st.integers(), st.booleans(), st.text(max_size=3), st.complex_numbers()))
@example(value=2.0)
def test_a_category_or_a_sentence(value: Any) -> None:
    valid = not isinstance(value, (bool, str)) and value in (0, 1, 2)
    if valid and not isinstance(value, complex):
        assert asked(cat=value)[0] == (value,)
    else:
        with pytest.raises(SettingError, match="expected a category from 0 to 2 in `cat`"):
            asked(cat=value)


def test_one_label_for_each_series() -> None:
    model = build(walks(), recipe="acgan")
    assert sample(model, 3, label=["c", "a", "c"]).columns["cat"].tolist() == [2, 0, 2]
    assert sample(model, 2, label=np.array(["c", "a"])).columns["cat"].tolist() == [2, 0]
    with pytest.raises(SettingError, match="expected a `label` for each of 3 series, got 2"):
        sample(model, 3, label=["c", "a"])
