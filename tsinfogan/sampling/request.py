"""Which values the codes of a sample shall have, as numbers of any kind: Python's, numpy's or torch's."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from numbers import Real
from typing import Any

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from tsinfogan.errors import SettingError
from tsinfogan.models.codes import Code
from tsinfogan.models.model import Model

MAX_VALUE = torch.finfo(torch.float32).max
CodeValues = ArrayLike | Tensor | Sequence[ArrayLike | Tensor | None] | None
"""Values of the categorical or of the continuous codes: one number, or one for each code with None to sample it."""


@dataclass(frozen=True)
class CodeRequest:
    """Which values the codes shall have.

    Attributes:
        values: for each code the values asked for, one or a sweep, or None to sample it.
        categories: values of the first categorical code, in place of those: one a draw, over and over; or empty.
    """

    values: tuple[tuple[float, ...] | None, ...]
    categories: tuple[int, ...] = ()

    @property
    def n_points(self) -> int:
        """Cases generated from each draw: the product of the lengths of all sweeps."""
        return math.prod(len(values) for values in self.values if values)

    @classmethod
    def of(
        cls, model: Model, cat: CodeValues = None, cont: CodeValues = None, label: str | Sequence[str] | None = None
    ) -> CodeRequest:
        """A request in terms of a model's codes.

        Args:
            model: a trained model.
            cat: category, or one for each categorical code; None samples it, several numbers make a sweep.
            cont: value of the continuous codes likewise.
            label: name of a category, or one for each draw, in place of the first categorical code. Categories that
                share a name take turns.

        Raises:
            SettingError: a value that a code cannot have, too many or too few values, label and cat together, or a
                name that no category has.
        """
        if label is not None and cat is not None:
            raise SettingError("`label` and `cat` both choose the category; give one of them")
        latent = model.settings.latent
        cats = iter(_of_each_code("cat", cat, len(latent.categories)))
        conts = iter(_of_each_code("cont", cont, len(latent.continuous)))
        values = tuple(_checked(code, next(cats if code.is_categorical else conts)) for code in latent.codes)
        if label is None:
            return cls(values)
        if isinstance(label, str):
            return cls(values, model.categories_named(label))
        categories = {name: cycle(model.categories_named(name)) for name in dict.fromkeys(label)}
        return cls(values, tuple(next(categories[name]) for name in label))


def _of_each_code(name: str, given: Any, n_codes: int) -> list[Any]:
    """What was given for each of ``n_codes`` codes: a number, a sweep, or None to sample it."""
    if given is None:
        return [None] * n_codes
    values = [given] if _is_single(given) else list(given)
    if len(values) != n_codes:
        raise SettingError(
            f"expected {n_codes} {'value' if n_codes == 1 else 'values'} in `{name}`, one for each "
            f"{'categorical' if name == 'cat' else 'continuous'} code of the model, got {len(values)}"
        )
    return values


def _checked(code: Code, given: Any) -> tuple[float, ...] | None:
    """The values asked of a code, each of which it can have; None for "sample it"."""
    if given is None:
        return None
    values = [given] if _is_single(given) else list(given)
    if not values:
        raise SettingError(f"expected a value in `{code.column}`, or several to sweep over, got none; leave it out")
    return tuple(_number(code, value) for value in values)


def _number(code: Code, value: Any) -> float:
    plain = value.item() if hasattr(value, "item") and _is_single(value) else value
    number = math.nan
    if not isinstance(plain, bool) and isinstance(plain, Real):
        with contextlib.suppress(OverflowError):
            number = float(plain)
    if code.is_categorical and not (number.is_integer() and 0 <= number < code.n_categories):
        expected = f"a category from 0 to {code.n_categories - 1}"
    elif not abs(number) <= MAX_VALUE:
        expected = "a finite number"
    else:
        return number
    raise SettingError(f"expected {expected} in `{code.column}`, got {plain!r}; give such a number")


def _is_single(value: Any) -> bool:
    return isinstance(value, (str, bytes)) or getattr(value, "ndim", None) == 0 or not hasattr(value, "__iter__")
