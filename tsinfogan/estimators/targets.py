"""The classes in ``y`` ⇄ the labels of a panel: values of any kind in ``y``, names and indices in the panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from tsinfogan.data.panel import UNLABELLED, IntArray, Panel
from tsinfogan.errors import DataError, UnknownNameError


@dataclass(frozen=True)
class Targets:
    """The classes of ``y``: the name of each in the panel, its value in ``y``, and the dtype of ``y`` for numpy."""

    names: tuple[str, ...] = ()
    values: tuple[Any, ...] = ()
    dtype: str = "object"

    @property
    def classes(self) -> NDArray[Any]:
        """``(n_classes,)`` values in ``y``."""
        classes = np.empty(len(self.values), dtype=self.dtype)
        classes[:] = self.values
        return classes

    def name(self, value: Any) -> str:
        """Name in the panel of the class ``value``, which may be that name itself; or an UnknownNameError."""
        text = self.names[self.values.index(value)] if value in self.values else str(value)
        if text not in self.names:
            raise UnknownNameError("label", text, self.names)
        return text

    def joined(self, y: Any, names: Sequence[str]) -> Any:
        """``y`` followed by the values of the classes with these names, in the container of ``y``."""
        new = self.classes[[self.names.index(name) for name in names]]
        if hasattr(y, "iloc"):
            added = pd.Series(new.tolist(), dtype=y.dtype, name=y.name)
            return pd.concat([y, added], ignore_index=True)
        if hasattr(y, "categories"):
            return pd.Categorical([*y, *new.tolist()], dtype=y.dtype)
        if isinstance(y, (list, tuple)):
            return [*y, *new.tolist()]
        old = np.asarray(y)
        return np.concatenate([old, new.astype(old.dtype).reshape(-1, *old.shape[1:])])


def read_targets(y: ArrayLike, n_cases: int, unlabelled: Any = None) -> tuple[IntArray, Targets]:
    """Indices ``(n_cases,)`` of classes, ``UNLABELLED`` where unknown, and the classes in the order of their values.

    A value is text, a whole number or a boolean, else a DataError; it is unknown if it is None, NaN or ``unlabelled``.
    """
    array = np.asarray(y)
    if isinstance(y, (list, tuple)) and array.dtype.kind == "U":
        array = np.array(y, dtype=object)  # numpy would have made text of numbers
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise DataError(f"expected y of ({n_cases},), one class for each series, got an array of {array.shape}")
    if len(array) != n_cases:
        raise DataError(f"expected y with one class for each of {n_cases} series, got {len(array)}")
    unknown = pd.isna(array) | (array == "") if array.dtype.kind in "OUST" else pd.isna(array)
    if unlabelled is not None:
        unknown = unknown | (array == unlabelled)
    known = array[~unknown]
    if array.dtype.kind == "f" and (continuous := known[known != np.rint(known)]).size:
        raise DataError(f"y holds continuous values such as {continuous[0]}, and classes are expected; leave y out")
    distinct = set(known.tolist())
    if strange := [value for value in distinct if not isinstance(value, (str, int, float, bool))]:
        raise DataError(f"expected text, whole numbers or booleans in y, got a {type(strange[0]).__name__}")
    if len({isinstance(value, str) for value in distinct}) > 1:
        raise DataError("y holds both text and numbers; make all of it text")
    values = sorted(distinct)
    position = {value: index for index, value in enumerate(values)}
    labels = np.full(n_cases, UNLABELLED)
    labels[~unknown] = [position[value] for value in known.tolist()]
    dtype = "object" if array.dtype.kind in "OT" else array.dtype.str
    return labels, Targets(tuple(map(_name, values)), tuple(values), dtype)


def labelled(
    panel: Panel, y: ArrayLike | None, unlabelled: Any = None, own: Mapping[str, Any] | None = None
) -> tuple[Panel, Targets]:
    """``panel`` with the labels in ``y``, or its own if that is None, and their classes; see :func:`read_targets`.

    ``own`` is the value of each of the panel's own classes, if it is not the name.
    """
    if y is None:
        if panel.labels is None or not (panel.labels >= 0).any():
            return replace(panel, labels=None, classes=()), Targets()
        values = tuple((own or {}).get(name, name) for name in panel.classes)
        return panel, Targets(panel.classes, values, np.array(values).dtype.str)
    labels, targets = read_targets(y, panel.n_cases, unlabelled)
    if not targets.names:
        return replace(panel, labels=None, classes=()), targets
    return replace(panel, labels=labels, classes=targets.names), targets


def _name(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) else str(value)
