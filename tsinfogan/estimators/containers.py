"""Arrays, lists and long DataFrames ⇄ ``Panel``: new series are returned in the container of the training series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tsinfogan.data.columns import ColumnNames
from tsinfogan.data.labels import labels_among
from tsinfogan.data.panel import ChannelKind, Panel
from tsinfogan.data.windows import ends
from tsinfogan.errors import DataError
from tsinfogan.estimators.layouts import FrameLayout
from tsinfogan.formats.frame import panel_from_frame

Kind = Literal["panel", "array", "table", "list", "frame"]
Array = NDArray[Any]
SMOOTHER = 2.0
"""Axes are taken as swapped if the mean squared step along the channels is smaller than along time by this factor."""
WANTED = "expected (n_cases, n_channels, n_timepoints)"


@dataclass(frozen=True)
class Container:
    """The container of some series, so that others can be returned in the same kind."""

    kind: Kind = "panel"  # a table is an array ``(n_cases, n_timepoints)`` of one channel, a frame a long DataFrame
    dtype: str = "float32"  # numpy's name of the dtype of the numbers
    time_last: bool = True  # whether the last axis is time
    n_axes: int = 2  # of each array in a list: 2, or 1 for series of one channel
    padded_to: int = 0  # timepoints of an array in which shorter series end with NaN in all channels; else 0
    layout: FrameLayout | None = None  # of a DataFrame

    def packed(self, panel: Panel) -> Any:
        """The series of ``panel`` in a container of this kind; a DataError if they differ in length in one array."""
        if self.kind == "panel":
            return panel
        if self.layout is not None:
            return self.layout.frame(panel)
        if self.kind == "list":
            raw = panel.raw_values
            return [self._case(raw[index][:, :length]) for index, length in enumerate(panel.case_lengths)]
        if panel.lengths is not None and not self.padded_to:
            raise DataError(
                f"{panel.name}: series of {panel.lengths.min()} to {panel.lengths.max()} timepoints do not go into "
                "one array; hand in a list of arrays, and a list comes back"
            )
        values = _as_dtype(panel.raw_values, self.dtype)
        if values.shape[2] < self.padded_to:
            values = np.pad(values, ((0, 0), (0, 0), (0, self.padded_to - values.shape[2])), constant_values=np.nan)
        return values[:, 0] if self.kind == "table" else self._turned(values)

    def joined(self, series: Any, panel: Panel) -> Any:
        """``series``, unchanged, from which this container was read, followed by those of ``panel``."""
        if self.kind == "panel":
            return _joined_panels(series, panel)
        if self.kind == "list":
            return [*series, *self.packed(panel)]
        if self.layout is not None:
            return self.layout.joined(series, panel)
        return np.concatenate([np.asarray(series), self.packed(panel)])

    @property
    def own_classes(self) -> dict[str, Any]:
        """Value of each class in the column of labels, by its name."""
        return {} if self.layout is None else dict(self.layout.classes)

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Container:
        """Rebuilds what ``asdict`` gave, with tuples in place of any lists."""
        layout = settings["layout"] and dict(settings["layout"])
        if layout and (as_text := layout.pop("dates_as_text", None)) is not None:  # of an earlier version
            layout["time_form"] = "%Y-%m-%d" if as_text else ""
        layout = layout and FrameLayout(**{**layout, "columns": ColumnNames(**layout["columns"])})
        return cls(**{**settings, "layout": layout})

    def _turned(self, values: Array) -> Array:
        """``(n, c, t)`` with the axes in the order that they had."""
        return values if self.time_last else np.ascontiguousarray(values.swapaxes(-1, -2))

    def _case(self, values: Array) -> Array:
        values = _as_dtype(values, self.dtype)  # (c, length)
        return values[0] if self.n_axes == 1 else self._turned(values)


def read(series: Any, *, time_last: bool | None = None, columns: ColumnNames | None = None) -> tuple[Panel, Container]:
    """Series as a panel, and their container; series, ``time_last`` and ``columns`` as :class:`InfoGAN` takes them.

    A list may also hold arrays ``(length,)`` of one channel, and the index of a DataFrame case and time. Anything else,
    and values that are no finite numbers, are a DataError.
    """
    if isinstance(series, Panel):
        return series, Container()
    if hasattr(series, "iloc") and hasattr(series, "columns"):
        columns = columns or ColumnNames()
        return panel_from_frame(series, columns), Container("frame", layout=FrameLayout.of(series, columns))
    if hasattr(series, "to_pandas"):
        raise DataError(f"expected series as an array, a list or a DataFrame, got {type(series)}; call its to_pandas()")
    if isinstance(series, (list, tuple)) and series and all(hasattr(case, "ndim") for case in series):
        return _read_list([np.asarray(case) for case in series], time_last)
    try:
        array = np.asarray(series)
    except ValueError:
        raise DataError(
            f"{WANTED}, got sequences of unequal length; hand in a list of arrays (n_channels, length)"
        ) from None
    return _read_array(array, time_last)


def _read_array(array: Array, time_last: bool | None) -> tuple[Panel, Container]:
    dtype = _checked_dtype(array, finite=False)
    kind: Kind = "array"
    if array.ndim == 2:  # without channels, there is no doubt which axis is time
        array, kind, time_last = array[:, None], "table", True
    if array.ndim != 3:
        raise DataError(
            f"{WANTED}, or (n_cases, n_timepoints) for one channel, got {array.ndim} axes {array.shape}. Reshape your "
            "data: one series of one channel is X[None, None]"
        )
    if 0 in array.shape:
        axes = ("case", "timepoint", "channel") if time_last is False else ("case", "channel", "timepoint")
        found = ", ".join(f"{size} {axis}(s)" for size, axis in zip(array.shape, axes, strict=True))
        raise DataError(f"{WANTED}, got an array of shape {array.shape} that holds nothing: {found}")
    if time_last is None and _looks_swapped(array):
        raise DataError(
            f"{WANTED}, got {array.shape}, which looks like (n, time, channel): its values run smoothly along the "
            "second axis and not along the last; give time_last=False if it is, time_last=True if it is not"
        )
    time_last = time_last is not False
    series = array if time_last else array.swapaxes(1, 2)
    lengths = ends(series) if dtype[1] == "f" else np.full(len(series), series.shape[2])
    inside = np.arange(series.shape[2]) < lengths[:, None, None]
    if lengths.max() < series.shape[2] or not np.isfinite(np.where(inside, series, 0)).all():
        _checked_dtype(array)  # names the place
    kinds = _kinds(dtype, series.shape[1])
    if (lengths == series.shape[2]).all():
        return replace(Panel.from_arrays(series, kinds=kinds), name="series"), Container(kind, dtype, time_last)
    panel = Panel.from_cases([case[:, :length] for case, length in zip(series, lengths, strict=True)], kinds=kinds)
    return replace(panel, name="series"), Container(kind, dtype, time_last, padded_to=series.shape[2])


def _read_list(cases: list[Array], time_last: bool | None) -> tuple[Panel, Container]:
    for index, case in enumerate(cases):
        _checked_dtype(case, f"case {index}, counted from 0")
        if case.ndim not in (1, 2) or case.ndim != cases[0].ndim:
            wanted = "(n_channels, length), or (length,) for one channel"
            raise DataError(f"expected arrays {wanted}, got {case.shape} in case {index}, counted from 0")
        if 0 in case.shape:
            raise DataError(f"expected at least one timepoint, got {case.shape} in case {index}, counted from 0")
    n_axes, turned = cases[0].ndim, time_last is False
    oriented = [case[None] if n_axes == 1 else case.T if turned else case for case in cases]  # (c, length) each
    n_channels = len(oriented[0])
    if other := next((index for index, case in enumerate(oriented) if len(case) != n_channels), None):
        advice = "give each case the same channels"
        if len({case.shape[1] for case in oriented}) == 1:
            looks, value = ("(channel, time)", "True") if turned else ("(time, channel)", "False")
            advice = f"it looks like {looks}, so give time_last={value}"
        raise DataError(
            f"expected the same number of channels in each case, got {n_channels} in case 0 and {len(oriented[other])} "
            f"in case {other}; {advice}"
        )
    dtypes = {case.dtype for case in cases}
    dtype = (cases[0].dtype if len(dtypes) == 1 else np.result_type(*dtypes)).str
    panel = Panel.from_cases(oriented, kinds=_kinds(dtype, n_channels))
    return replace(panel, name="series"), Container("list", dtype, not turned, n_axes)


def _joined_panels(panel: Panel, new: Panel) -> Panel:
    """All cases of both. Labels and known factors are those of ``panel``, if it has some."""
    labels = None if panel.labels is None else labels_among(new, panel.classes)
    factors = None
    if panel.factors is not None:
        factors = np.full((new.n_cases, panel.factors.shape[1]), np.nan, np.float32)
    new = replace(new, labels=labels, classes=panel.classes, factors=factors, factor_names=panel.factor_names)
    return Panel.concatenated([panel, new])


def _checked_dtype(array: Array, where: str = "", *, finite: bool = True) -> str:
    """The name of the dtype of an array of real numbers, ``finite`` ones by default; a DataError for any other."""
    position = f" in {where}" if where else ""
    if array.dtype == object:
        got = "a sparse matrix" if hasattr(array.item() if array.ndim == 0 else None, "toarray") else "an object array"
        raise DataError(f"expected an array of numbers, got {got}{position}; convert it, or hand in a list of arrays")
    if np.iscomplexobj(array):
        raise DataError(f"Complex data not supported: expected real numbers, got {array.dtype}{position}")
    if not (np.issubdtype(array.dtype, np.number) or array.dtype == bool):
        raise DataError(f"expected an array of numbers, got one of {array.dtype}{position}; convert it")
    if finite and not np.isfinite(array).all():
        first = ", ".join(map(str, np.argwhere(~np.isfinite(array))[0]))
        raise DataError(f"expected finite numbers, got NaN or inf at [{first}]{position}; fill or drop missing values")
    return str(array.dtype.str)


def _kinds(dtype: str, n_channels: int) -> tuple[ChannelKind, ...]:
    kinds: dict[str, ChannelKind] = {"b": "boolean", "i": "integer", "u": "integer"}
    kind = kinds.get(np.dtype(dtype).kind)
    return (kind,) * n_channels if kind else ()


def _as_dtype(values: Array, dtype: str) -> Array:
    """Values of another dtype: for integers rounded and clipped to its range."""
    target = np.dtype(dtype)
    if target.kind == "b":
        return values > 0.5
    if target.kind in "iu":
        limits = np.iinfo(target)
        values = np.clip(np.rint(values.astype(np.float64)), limits.min, limits.max)
    return values.astype(target)


def _looks_swapped(array: Array) -> bool:
    """Whether an array ``(n, c, t)`` has more channels than timepoints, and is smoother along the channels."""
    if array.shape[1] <= array.shape[2] or array.shape[2] < 2:
        return False
    some = array[:100].astype(np.float64)
    some -= some.mean((0, 1), keepdims=True)  # standardized as if the last axis held the channels
    some /= np.where((spread := some.std((0, 1), keepdims=True)) > 0, spread, 1)
    along = [float(np.mean(np.diff(some, axis=axis) ** 2)) for axis in (1, 2)]
    return SMOOTHER * along[0] < along[1]


def with_tuples(value: Any) -> Any:
    """What JSON gave, with tuples in place of lists, in dictionaries too."""
    if isinstance(value, dict):
        return {name: with_tuples(each) for name, each in value.items()}
    return tuple(map(with_tuples, value)) if isinstance(value, list) else value
