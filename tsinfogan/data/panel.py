"""``Panel``: the data type of every input and output. It is checked here, once, so that no other module has to."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tsinfogan.data.augmentations import CAUTIOUS, Augmentations
from tsinfogan.data.overlap import add_to, each_once, elementwise, pieces
from tsinfogan.errors import DataError

View = Literal["lines", "pen", "image"]
ChannelKind = Literal["real", "integer", "boolean"]
FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

UNLABELLED = -1
RESERVED = re.compile(r"case|time|label|cat\d*|cont\d+")
"""Names of columns in files that are no channels."""
FAR, ENOUGH = 64.0, 1000
"""Values are far from 0 if they are so many times larger than their range; so many tell whether float32 holds them."""


@dataclass(frozen=True, eq=False)
class Panel:
    """A set of multivariate series, or of images, in raw units.

    Attributes:
        values: float32 ``(n_cases, n_channels, n_timepoints)`` for series, ``(n_cases, n_channels, height, width)``
            for images; NaN beyond the end of a case.
        channels: name of each channel.
        lengths: ``(n_cases,)`` timepoints of each case; None if all have ``n_timepoints``.
        labels: ``(n_cases,)`` indices into ``classes``, ``UNLABELLED`` if unknown; or None.
        classes: name of each class.
        factors: ``(n_cases, len(factor_names))`` factors that the series were generated from, if known.
        factor_names: name of each column of ``factors``.
        name: of the data, in messages and names of runs.
        time_step: time between two timepoints, in ``time_unit``.
        time_unit: such as ``"s"``; empty if timepoints are only counted.
        view: how pictures show a case: channels over time, the path of a pen (channels 0 and 1 are its x and y
            velocity), or an image.
        augmentations: random changes that leave the class of a case as it is.
        kinds: kind of the values of each channel, which samples get too; empty if all are real numbers.
        time_origin: date and time of the first timepoint in ISO 8601; empty if time is not a date.
        time_frequency: frequency of dates as an alias of pandas, such as ``"D"`` or ``"MS"``; else empty.
        notes: what was changed when the series were read, one sentence each.
        offsets: of each channel, what was subtracted in float64 because float32 alone would lose digits of it;
            :meth:`raw` adds it again. Empty if nothing was.
        cases: ``(n_cases,)`` the name of each case in the data that it was read from; or None.

    Raises:
        DataError: shapes do not fit, a value inside a case is missing or infinite, or a label is out of range.

    Example:
        >>> from tsinfogan import Panel
        >>> panel = Panel.from_cases([[[0, 1, 2]], [[5, 6]]], labels=["rest", "run"], time_step=0.5, time_unit="s")
        >>> panel.values.shape, panel.case_lengths.tolist(), panel.classes
        ((2, 1, 3), [3, 2], ('rest', 'run'))
    """

    values: FloatArray
    channels: tuple[str, ...]
    lengths: IntArray | None = None
    labels: IntArray | None = None
    classes: tuple[str, ...] = ()
    factors: FloatArray | None = None
    factor_names: tuple[str, ...] = ()
    name: str = "panel"
    time_step: float = 1.0
    time_unit: str = ""
    view: View = "lines"
    augmentations: Augmentations = field(default=CAUTIOUS)
    kinds: tuple[ChannelKind, ...] = ()
    time_origin: str = ""
    time_frequency: str = ""
    notes: tuple[str, ...] = ()
    offsets: tuple[float, ...] = ()
    cases: NDArray[np.object_] | None = None

    def __post_init__(self) -> None:
        shape = self.values.shape
        if self.values.dtype != np.float32 or self.values.ndim not in (3, 4):
            raise DataError(
                f"{self.name}: values must be float32 (n_cases, n_channels, n_timepoints) or "
                f"(n_cases, n_channels, height, width), got {self.values.dtype} {shape}; use Panel.from_arrays"
            )
        if 0 in shape:
            raise DataError(f"{self.name}: values of shape {shape} hold nothing")
        if len(self.channels) != shape[1] or len(set(self.channels)) != shape[1]:
            raise DataError(f"{self.name}: expected {shape[1]} distinct channel names, got {list(self.channels)}")
        if self.kinds and (len(self.kinds) != shape[1] or not set(self.kinds) <= set(get_args(ChannelKind))):
            raise DataError(f"{self.name}: expected {shape[1]} kinds of channel, got {list(self.kinds)}")
        if self.offsets and not (len(self.offsets) == shape[1] and np.isfinite(self.offsets).all()):
            raise DataError(f"{self.name}: expected {shape[1]} finite offsets, got {list(self.offsets)}")
        if self.cases is not None and self.cases.shape != shape[:1]:
            raise DataError(f"{self.name}: expected {shape[0]} names of cases, got {self.cases.shape}")
        if not self.time_step > 0:
            raise DataError(f"{self.name}: time_step must be positive, got {self.time_step}")
        self._check_lengths()
        self._check_labels()
        if (0 if self.factors is None else self.factors.shape[1]) != len(self.factor_names):
            raise DataError(f"{self.name}: factors and factor_names differ in number")

    def _check_lengths(self) -> None:
        lengths, size = self.lengths, self.values.shape[2]
        if lengths is not None:
            if self.values.ndim != 3 or lengths.shape != self.values.shape[:1]:
                raise DataError(f"{self.name}: lengths must be one number for each of {self.n_cases} series")
            if lengths.min() < 1 or lengths.max() > size:
                raise DataError(f"{self.name}: lengths must lie in 1…{size}")
        whole = each_once(self.values) if lengths is None else self.values
        for part in pieces(whole):
            values, beyond = whole[part], np.zeros((1, 1, 1), bool)
            if lengths is not None:
                beyond = (np.arange(size) >= lengths[part, None])[:, None, :]  # (n, 1, t)
                if (beyond & ~np.isnan(values)).any():
                    raise DataError(f"{self.name}: values beyond a case's length must be NaN; use Panel.from_cases")
            if (strange := ~(np.isfinite(values) | beyond)).any():
                where = tuple(map(int, np.argwhere(strange)[0]))
                raise DataError(
                    f"{self.name}: expected finite numbers, got {values[where]} in case {part.start + where[0]}, "
                    f"channel {self.channels[where[1]]!r}, timepoint {[*where[2:]]}; fill or drop missing values"
                )

    def _check_labels(self) -> None:
        if self.labels is None:
            return
        if self.labels.shape != self.values.shape[:1]:
            raise DataError(f"{self.name}: expected {self.n_cases} labels, got {self.labels.shape}")
        if self.labels.min() < UNLABELLED or self.labels.max() >= len(self.classes):
            raise DataError(f"{self.name}: labels must be {UNLABELLED} or an index of the {len(self.classes)} classes")

    @property
    def n_cases(self) -> int:
        return int(self.values.shape[0])

    @property
    def n_channels(self) -> int:
        return int(self.values.shape[1])

    @property
    def grid(self) -> tuple[int, ...]:
        """``(n_timepoints,)`` of the longest series, or ``(height, width)``."""
        return tuple(int(size) for size in self.values.shape[2:])

    @property
    def case_lengths(self) -> IntArray:
        """``(n_cases,)`` timepoints of each series, also if they do not differ."""
        return np.full(self.n_cases, self.grid[0], dtype=np.int64) if self.lengths is None else self.lengths

    @property
    def case_labels(self) -> IntArray:
        """``(n_cases,)`` class of each case, ``UNLABELLED`` where it is unknown, also if there are no labels."""
        return np.full(self.n_cases, UNLABELLED) if self.labels is None else self.labels

    @property
    def class_frequencies(self) -> tuple[float, ...]:
        """Frequency of each class among the labelled cases."""
        known = self.labels[self.labels >= 0] if self.labels is not None else np.zeros(0, np.int64)
        if not known.size:
            raise DataError(f"{self.name}: holds no labels; this setting needs a label column")
        counts = np.bincount(known, minlength=len(self.classes))
        return tuple((counts / counts.sum()).tolist())

    def case(self, index: int) -> FloatArray:
        """``(n_channels, length)`` values of one series without padding, or one image."""
        values: FloatArray = self.values[index]
        return values if self.lengths is None else values[:, : self.lengths[index]]

    def raw(self, channel: int) -> FloatArray | NDArray[np.float64]:
        """``(n_cases, …)`` values of a channel in raw units: float64 if it has an offset."""
        values: FloatArray = self.values[:, channel]
        offset = self.offsets[channel] if self.offsets else 0.0
        if not offset:
            return values
        known = values.astype(str).astype(np.float64)  # of float32, the digits that count
        return np.round(known + offset, _n_decimals(offset))

    @property
    def raw_values(self) -> NDArray[Any]:
        """``values`` in raw units."""
        raw: NDArray[Any] = np.stack([self.raw(channel) for channel in range(self.n_channels)], axis=1)
        return raw

    def with_offsets(self, offsets: Sequence[float]) -> Panel:
        """The same series in raw units, with other offsets, such as those of the series that a model was trained on."""
        ours = self.offsets or (0.0,) * self.n_channels
        theirs = tuple(offsets) or (0.0,) * self.n_channels
        if ours == theirs or len(theirs) != self.n_channels:
            return self
        change = (np.array(ours) - theirs).reshape(-1, *(1,) * len(self.grid))
        values = elementwise(lambda values: (values + change).astype(np.float32), self.values)
        return replace(self, values=values, offsets=tuple(offsets))

    def subset(self, index: slice | IntArray | NDArray[np.bool_]) -> Panel:
        """The cases that ``index`` selects, with their lengths, labels and factors."""
        return replace(
            self,
            values=self.values[index],
            lengths=None if self.lengths is None else self.lengths[index],
            labels=None if self.labels is None else self.labels[index],
            factors=None if self.factors is None else self.factors[index],
            cases=None if self.cases is None else self.cases[index],
        )

    @classmethod
    def concatenated(cls, panels: Sequence[Panel]) -> Panel:
        """All cases of panels with the same channels; every other attribute is that of the first panel."""
        first, longest = panels[0], max(panel.values.shape[2] for panel in panels)
        shape = (sum(panel.n_cases for panel in panels), *first.values.shape[1:2], longest, *first.values.shape[3:])
        values = np.full(shape, np.nan, np.float32)  # (n, c, t) or (n, c, h, w)
        start = 0
        for panel in panels:
            aligned = panel.with_offsets(first.offsets).values
            values[start : start + panel.n_cases, :, : panel.values.shape[2]] = aligned
            start += panel.n_cases
        lengths = np.concatenate([panel.case_lengths for panel in panels])
        labels = [panel.labels for panel in panels if panel.labels is not None]
        factors = [panel.factors for panel in panels if panel.factors is not None]
        cases = [panel.cases for panel in panels if panel.cases is not None]
        return replace(
            first,
            values=values,
            lengths=lengths if values.ndim == 3 and (lengths < longest).any() else None,
            labels=np.concatenate(labels) if labels else None,
            factors=np.concatenate(factors) if factors else None,
            cases=np.concatenate(cases) if len(cases) == len(panels) else None,
        )

    def _repr_html_(self) -> str:
        from tsinfogan.data.representation import as_html, facts

        return as_html(facts(self), self)

    def fingerprint(self) -> str:
        """SHA-256 of values, lengths and channel names, equal if two panels hold the same series."""
        digest = hashlib.sha256(repr((self.channels, self.values.shape, *filter(None, [self.offsets]))).encode())
        add_to(digest, self.values)
        digest.update(self.case_lengths.astype(np.int64).tobytes())
        return digest.hexdigest()

    @classmethod
    def from_arrays(
        cls,
        values: ArrayLike,
        *,
        channels: Sequence[str] | None = None,
        labels: ArrayLike | None = None,
        time_last: bool = True,
        **others: Any,
    ) -> Panel:
        """Builds a panel from one array of series of equal length.

        Args:
            values: ``(n_cases, n_channels, n_timepoints)``, or ``(n_cases, n_timepoints, n_channels)`` with
                ``time_last=False``; any real dtype.
            channels: names; ``ch0, ch1, …`` by default.
            labels: one value for each case; None or NaN if unknown.
            time_last: whether the last axis is time.
            others: further attributes of the panel.

        Raises:
            DataError: the values are not real numbers, or the panel is not valid.
        """
        array = np.asarray(values)
        if not (np.issubdtype(array.dtype, np.number) or array.dtype == bool) or np.iscomplexobj(array):
            raise DataError(f"values must be real numbers, got an array of {array.dtype}")
        if not time_last:
            array = np.moveaxis(array, 1, -1)
        if array.dtype.itemsize > np.float32().itemsize:
            array, others["offsets"] = centred(array)
        array = np.ascontiguousarray(array, dtype=np.float32)
        if channels is None:
            channels = numbered_channels(array.shape[1] if array.ndim > 1 else 0)
        if labels is not None:
            others["labels"], others["classes"] = encode_labels(labels, classes=others.get("classes", ()))
        return cls(array, tuple(channels), **others)

    @classmethod
    def from_cases(cls, cases: Sequence[ArrayLike], **others: Any) -> Panel:
        """Builds a panel from an ``(n_channels, length)`` array for each case; arguments as in :meth:`from_arrays`."""
        arrays = [np.asarray(case) for case in cases]
        if not arrays or any(a.ndim != 2 or a.shape[0] != arrays[0].shape[0] for a in arrays):
            shapes = sorted({a.shape[:-1] or a.shape for a in arrays})
            raise DataError(f"expected (n_channels, length) arrays with the same channels, got leading shapes {shapes}")
        lengths = np.array([a.shape[1] for a in arrays], dtype=np.int64)
        dtype = np.result_type(np.float32, *{array.dtype for array in arrays})
        values = np.full((len(arrays), arrays[0].shape[0], lengths.max()), np.nan, dtype)
        for row, array in zip(values, arrays, strict=True):
            row[:, : array.shape[1]] = array
        if np.ptp(lengths):
            others["lengths"] = lengths
        return cls.from_arrays(values, **others)


def centred(values: NDArray[Any]) -> tuple[NDArray[Any], tuple[float, ...]]:
    """Series less an offset for each channel of which float32 loses digits, and the offsets; none if it loses none.

    Args:
        values: ``(n_cases, n_channels, n_timepoints)``, NaN where missing; images stay as they are.
    """
    if values.ndim != 3 or 0 in values.shape:
        return values, ()
    offsets = tuple(_offset(np.asarray(values[:, channel], np.float64)) for channel in range(values.shape[1]))
    if not any(offsets):
        return values, ()
    less = values - np.array(offsets)[:, None]
    for channel, offset in enumerate(offsets):
        if offset:  # float64 holds so many decimals of the values
            less[:, channel] = np.round(less[:, channel], _n_decimals(offset))
    return less, offsets


def _n_decimals(size: float) -> int:
    """Decimals that float64 surely holds of a number of this size."""
    return max(0, 14 - int(np.ceil(np.log10(abs(size)))))


def _offset(values: NDArray[np.float64]) -> float:
    """A round number near the median if values are far from 0 and float32 rounds them; else 0."""
    some = values[np.isfinite(values)]
    with np.errstate(over="ignore"):
        size, spread = np.abs(some).max(initial=0.0), np.ptp(some) if some.size else 0.0
        held, is_near = some[:ENOUGH].astype(np.float32), size <= FAR * spread
    digits = held.astype(str).astype(np.float64)
    if is_near or ((held == some[:ENOUGH]) | (digits == some[:ENOUGH])).all():
        return 0.0
    return float(np.round(np.median(some), min(15, -int(np.floor(np.log10(spread))))) if spread else some[0])


def check_trainable(panel: Panel) -> None:
    """Refuses a panel that no model can be trained on.

    Raises:
        DataError: there are fewer than two cases, no channel ever changes, or one has a name that no file can hold.
    """
    if panel.n_cases < 2:
        raise DataError(f"{panel.name} holds one case only; training needs at least two, and better some hundred")
    if reserved := [name for name in panel.channels if RESERVED.fullmatch(name)]:
        raise DataError(
            f"{panel.name}: a channel cannot be called {reserved[0]!r}, which means something else in the files of "
            "samples; rename it"
        )
    axes, values = (0, *range(2, panel.values.ndim)), each_once(panel.values)
    if (np.nanmin(values, axis=axes) == np.nanmax(values, axis=axes)).all():
        raise DataError(
            f"{panel.name}: expected at least one channel that changes, got {panel.values[0, 0].flat[0]} everywhere in "
            f"channel {panel.channels[0]!r} and no change in any other; there is nothing to learn"
        )


def numbered_channels(n_channels: int) -> tuple[str, ...]:
    """Default names of channels: ``ch0, ch1, …``."""
    return tuple(f"ch{index}" for index in range(n_channels))


def encode_labels(
    labels: ArrayLike | Sequence[object], classes: Sequence[str] = ()
) -> tuple[IntArray, tuple[str, ...]]:
    """The labels as indices into class names.

    Args:
        labels: ``(n_cases,)`` labels of any type; None, NaN or the empty text if unknown.
        classes: class names; by default the distinct labels, sorted as numbers and then as text.

    Returns:
        ``(n_cases,)`` indices, ``UNLABELLED`` if unknown, and the class names.

    Raises:
        DataError: a label is not among the given ``classes``.
    """
    raw = [_label_text(label) for label in np.asarray(labels, dtype=object)]
    present = {label for label in raw if label is not None}
    if classes and (strange := present - set(classes)):
        raise DataError(f"label {sorted(strange)[0]!r} is not one of the classes {', '.join(classes)}")
    names = tuple(classes) or tuple(sorted(present, key=natural_order))
    index = {name: position for position, name in enumerate(names)}
    codes = np.array([UNLABELLED if label is None else index[label] for label in raw], dtype=np.int64)
    return codes, names


def _label_text(label: Any) -> str | None:
    if label is None or label == "" or label != label:  # NaN differs from itself
        return None
    return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)


def natural_order(name: str) -> tuple[int, float, str]:
    """Key that sorts names: numbers by size, then the others as text."""
    try:
        return (0, float(name), name)
    except ValueError:
        return (1, 0.0, name)
