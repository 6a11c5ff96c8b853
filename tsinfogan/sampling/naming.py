"""Names of categories: those of the classes that they match, or those that a person gives. For people only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tsinfogan.data.matching import contingency, match
from tsinfogan.data.panel import Panel
from tsinfogan.errors import SettingError
from tsinfogan.models.model import Model
from tsinfogan.sampling.inference import encode

MAX_CASES, CASES_AT_ONCE = 1 << 16, 1 << 13
"""Labelled cases that names are taken from, of more evenly spaced ones; and how many are read at once."""


def matched_names(
    model: Model, panel: Panel, tell: Callable[[float], None] = lambda share: None
) -> tuple[str | None, ...]:
    """Class name of each category of the first categorical code, by what Q reads in the labelled cases of ``panel``.

    Classes and categories are matched one to one (:func:`tsinfogan.data.matching.match`). Further categories, and a
    category none of whose cases is of its match, are called after the class of most of their cases; without cases,
    None. ``tell`` is called with the share that is done.

    Returns:
        One name a category, or nothing where there is nothing to match: no labels, no categories, or a model whose
        categories are the classes anyway.

    Raises:
        DataError: the panel does not fit the model.
    """
    column = model.settings.category_column
    if column is None or model.settings.labelled or panel.labels is None or not (panel.labels >= 0).any():
        return ()
    known = np.flatnonzero(panel.labels >= 0)
    known = known[:: -(-len(known) // MAX_CASES)]
    read = []
    for start in range(0, len(known), CASES_AT_ONCE):
        tell(start / len(known))
        read.append(encode(model, panel.subset(known[start : start + CASES_AT_ONCE]))[column])
    categories = np.concatenate(read)
    labels, sizes = panel.labels[known], (model.settings.n_categories, len(panel.classes))
    table = contingency(categories, labels, *sizes)
    matched = match(categories, labels, *sizes)
    matched = np.where(table[np.arange(sizes[0]), matched] > 0, matched, table.argmax(1))
    return tuple(panel.classes[k] if table[row].any() else None for row, k in enumerate(matched))


def renamed(model: Model, category: int, name: str | None) -> tuple[str | None, ...]:
    """The names of ``model`` with another one for ``category``; None takes its name away.

    Raises:
        SettingError: the categories are classes, there is no such category, or the name is empty, unprintable or that
            of another category.
    """
    n_categories = model.settings.n_categories
    if model.settings.labelled:
        raise SettingError(
            f"the categories of this model are the classes {', '.join(model.card.classes)} that it was trained on, so "
            "they have their names; rename the labels of the data and train again"
        )
    if not 0 <= category < n_categories:
        there = f"categories 0 to {n_categories - 1}" if n_categories else "no categorical code"
        raise SettingError(f"there is no category {category}: the model has {there}; name another one")
    names = [*model.names] or [None] * n_categories
    if name is not None:
        name = name.strip()
        if not name or not name.isprintable():
            raise SettingError(f"expected a name of printable characters for category {category}, got {name!r}")
        if taken := [other for other, known in enumerate(names) if known == name and other != category]:
            raise SettingError(
                f"the name {name!r} is taken by category {taken[0]}; choose another, or take it from "
                f"category {taken[0]} first"
            )
    names[category] = name
    return tuple(names)
