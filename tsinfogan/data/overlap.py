"""Windows of one recording without a copy: all are views of it, and together take no more memory than it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

NUMBERS_AT_ONCE = 1 << 22
"""Numbers that are looked at in one piece."""
ENOUGH_NUMBERS, ENOUGH_CASES = 1 << 22, 1 << 10
"""Numbers of a channel that are measured, of very many; and cases that they are of at least, if there are so many."""
MIN_WHOLE_SERIES = 8
"""However long they are, so many are looked at as a whole."""
MAX_HASHED = 1 << 31
"""Numbers of windows that share rows that are hashed; of more, those of the recording are."""

Values = NDArray[Any]


class Recording(NamedTuple):
    """What windows are views of."""

    values: Values  # (c, t) from the beginning of the first window to the end of the last
    stride: int  # rows from the beginning of one window to that of the next


def windows_of(recording: Values, length: int, stride: int) -> Values:
    """All windows ``(n_windows, c, length)`` of a recording ``(c, t)``, as views; see :class:`Windows`."""
    rows = np.ascontiguousarray(recording)
    step, shape = rows.itemsize, (1 + (rows.shape[1] - length) // stride, len(rows), length)
    return as_strided(rows, shape, (stride * step, rows.strides[0], step))


def recording_of(values: Values) -> Recording | None:
    """The recording that windows ``(n, c, length)`` which share rows are views of; None of any other array."""
    if values.ndim != 3 or len(values) < 2:
        return None
    (step, rest), (n, n_channels, length) = divmod(values.strides[0], values.itemsize), values.shape
    if rest or not 0 < step < length or values.strides[2] != values.itemsize:
        return None
    return Recording(as_strided(values, (n_channels, (n - 1) * step + length), values.strides[1:]), step)


def stride_of(values: Values) -> int | None:
    """Rows from the beginning of one case of ``(n, c, t)`` to that of the next, where they share what lies between.

    So do all windows of a recording in their order, as views or copies; None of other cases.
    """
    if (recording := recording_of(values)) is not None:
        return recording.stride
    if values.ndim != 3 or len(values) < 2:
        return None
    for stride in range(1, values.shape[2]):
        if np.array_equal(values[1, :, :-stride], values[0, :, stride:]):
            goes_on = (_goes_on(values[part.start : part.stop + 1], stride) for part in pieces(values))
            return stride if all(goes_on) else None
    return None


def _goes_on(values: Values, stride: int) -> bool:
    return np.array_equal(values[1:, :, :-stride], values[:-1, :, stride:])


def elementwise(function: Callable[[Values], Values], values: Values) -> Values:
    """``function`` of values ``(n, c, …)``, which changes each for itself; of windows, each row is changed once."""
    recording = recording_of(values)
    if recording is None:
        return function(values)
    return windows_of(function(recording.values[None])[0], values.shape[2], recording.stride)


def each_once(values: Values) -> Values:
    """``(n, c, …)`` values, of windows those of the recording ``(1, c, t)``: for what does not depend on how often."""
    recording = recording_of(values)
    return values if recording is None else recording.values[None]


def measured(values: Values, channel: int) -> Values:
    """The numbers of a channel that it is measured on: all, or of very many evenly spaced ones.

    The least and the greatest of all are then the last two. NaN is no number.
    """
    n, size, numbers = len(values), values[0, 0].size, values[:, channel]
    if n * size <= ENOUGH_NUMBERS:
        return numbers
    cases = np.linspace(0, n - 1, min(n, max(ENOUGH_CASES, ENOUGH_NUMBERS // size))).astype(np.int64)
    some = numbers[cases, ..., :: -(-len(cases) * size // ENOUGH_NUMBERS)]
    every = each_once(values)[:, channel]
    return np.append(some, [np.nanmin(every), np.nanmax(every)])


def whole_series(values: Values, channel: int) -> Values:
    """``(n, t)`` series of a channel: all, or of very many or long ones evenly spaced ones."""
    n_most = max(MIN_WHOLE_SERIES, min(ENOUGH_CASES, ENOUGH_NUMBERS // values[0, 0].size))
    cases = np.linspace(0, len(values) - 1, min(len(values), n_most)).astype(np.int64)
    series: Values = values[cases, channel]
    return series


def pieces(values: Values) -> Iterator[slice]:
    """Slices of the cases of ``(n, c, …)`` values, of some million numbers each."""
    n_rows = max(1, NUMBERS_AT_ONCE // max(1, values[:1].size))
    return (slice(start, start + n_rows) for start in range(0, len(values), n_rows))


def add_to(digest: Any, values: Values) -> None:
    """Updates a hash by the bytes of ``values``, in pieces."""
    values = each_once(values) if values.size > MAX_HASHED else values
    for part in pieces(values):
        digest.update(np.ascontiguousarray(values[part]).data)
