"""From series, as they were read, to a panel: missing values are filled in, and long series cut into windows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tsinfogan.data.columns import USUAL, ColumnNames, Windows, is_number, listed
from tsinfogan.data.mapped import room_for
from tsinfogan.data.overlap import NUMBERS_AT_ONCE, pieces, windows_of
from tsinfogan.data.panel import ChannelKind, FloatArray, IntArray, Panel, centred
from tsinfogan.errors import DataError

Mask = NDArray[np.bool_]

MAX_MISSING = 0.25
"""Largest fraction of a channel's values in one case that may be filled in."""
MAX_SIZE = 1 << 31
"""Most values in a panel of windows that are copies, or of series of which most is padding; they take 8 GiB."""
MAX_PADDING, MIN_PADDED = 20, 1 << 26
"""Largest size of a padded array for each number in it, beyond 256 MiB."""
LISTED = 5
"""Channels named in a note."""


class Filled(NamedTuple):
    """Series without gaps.

    Attributes:
        values: ``(n, c, t)``, NaN only beyond the end of a case.
        missing: ``(n, c, t)`` whether a value was filled in; None if none was.
        notes: one sentence on what was filled in, if anything was.
    """

    values: FloatArray
    missing: Mask | None
    notes: tuple[str, ...]


def fill_gaps(
    values: FloatArray, lengths: IntArray, source: str, channels: Sequence[str], whole: Sequence[bool] = ()
) -> Filled:
    """Fills missing values in: linearly between two values, at the ends of a case by the nearest value.

    Args:
        values: ``(n, c, t)``, NaN where missing and beyond the end of a case.
        lengths: ``(n,)`` timepoints of each case.
        source: name of the data in messages.
        channels: name of each channel.
        whole: whether each channel holds whole numbers, so that new values are rounded; by default, none does.
    """
    inside = np.arange(values.shape[2]) < lengths[:, None]  # (n, t)
    if not any((np.isnan(values[part]) & inside[part, None]).any() for part in pieces(values)):
        return Filled(values, None, ())
    missing = np.isnan(values) & inside[:, None, :]
    values, read = room_for(values.shape), values
    values[...] = read
    for case, channel in np.argwhere(missing.any(2)):
        row, gaps = values[case, channel, : lengths[case]], missing[case, channel, : lengths[case]]
        if gaps.all():
            continue
        filled = np.interp(np.flatnonzero(gaps), np.flatnonzero(~gaps), row[~gaps].astype(np.float64))
        row[gaps] = np.rint(filled) if whole and whole[channel] else filled
    counts = missing.sum((0, 2))
    each = [f"{name!r} {count}" for name, count in zip(channels, counts, strict=True) if count]
    n_cases = int(missing.any((1, 2)).sum())
    note = (
        f"{source}: {counts.sum()} of {inside.sum() * len(channels)} values are missing, in {n_cases} of "
        f"{len(values)} cases, and filled in by linear interpolation (channel "
        f"{', '.join(each[:LISTED])}{', …' if len(each) > LISTED else ''})"
    )
    return Filled(values, missing, (note,))


def refuse_large_gaps(
    filled: Filled, lengths: IntArray, source: str, channels: Sequence[str], cases: Sequence[object] = ()
) -> None:
    """Raises a DataError if more than ``MAX_MISSING`` of a channel's values in a case were missing.

    The message gives the name of the case if there are ``cases``, else its number.
    """
    if filled.missing is None:
        return
    share = filled.missing.sum(2) / lengths[:, None]  # (n, c)
    if (share > MAX_MISSING).any():
        case, channel = map(int, np.argwhere(share > MAX_MISSING)[0])
        name = cases[case] if cases else f"{case}, counted from 0"
        raise DataError(
            f"{source}: {filled.missing[case, channel].sum()} of {lengths[case]} values are missing in case {name}, "
            f"channel {channels[channel]!r}, and at most {MAX_MISSING:.0%} are filled in; fill in or drop the case or "
            "the channel, or leave out the rows after the end of a case"
        )


class Cut(NamedTuple):
    """Windows of series."""

    values: FloatArray  # (n_windows, c, length)
    case: IntArray  # (n_windows,) index of the series that each comes from
    start: IntArray  # (n_windows,) the timepoint of it at which each begins
    notes: tuple[str, ...]  # what is in no window, one sentence each


def cut_windows(filled: Filled, lengths: IntArray, windows: Windows, source: str, channels: Sequence[str]) -> Cut:
    """All windows but those in which more than ``MAX_MISSING`` of a channel's values were missing.

    All windows of one recording that share rows are views of it; of several recordings, or with windows left out, they
    are copies.

    Raises:
        DataError: no series is as long as a window, every window lacks too many values, or the windows take too much
            memory.
    """
    n_of_case = np.maximum(0, (lengths - windows.length) // windows.stride + 1)  # (n,)
    if not n_of_case.any():
        raise DataError(
            f"{source}: expected a series of {windows.length} or more rows for windows of that length, got "
            f"{lengths.max()}; cut shorter windows"
        )
    case = np.repeat(np.arange(len(lengths)), n_of_case)
    start = (np.arange(len(case)) - np.repeat(np.cumsum(n_of_case) - n_of_case, n_of_case)) * windows.stride
    notes = _notes_on_left_out(lengths, n_of_case, windows, source)
    if filled.missing is not None:
        kept = np.ones(len(case), bool)
        for missing in filled.missing.swapaxes(0, 1):  # (n, t) of each channel
            until: IntArray = np.cumsum(missing, axis=1)  # missing values up to each
            n_missing = until[case, start + windows.length - 1] - until[case, start] + missing[case, start]
            kept &= n_missing <= MAX_MISSING * windows.length
        if not kept.any():
            worst = channels[int(filled.missing.sum((0, 2)).argmax())]
            raise DataError(
                f"{source}: in every window of {windows.length} rows more than {MAX_MISSING:.0%} of a channel's "
                f"values are missing, most of them in {worst!r}; fill in or drop that channel"
            )
        if not kept.all():
            notes += (
                f"{source}: {(~kept).sum()} of {len(kept)} windows are left out, because more than {MAX_MISSING:.0%} "
                "of a channel's values are missing in them",
            )
        case, start = case[kept], start[kept]
    n_windows, only = len(case), int(case[0])
    if windows.stride < windows.length and n_windows == n_of_case[only] == n_of_case.sum():
        recording = filled.values[only, :, : lengths[only]]
        return Cut(windows_of(recording, windows.length, windows.stride), case, start, notes)
    check_size((n_windows, filled.values.shape[1], windows.length), source, "lengthen the stride")
    views = np.lib.stride_tricks.sliding_window_view(filled.values, windows.length, axis=2)  # (n, c, s, length)
    return Cut(np.ascontiguousarray(views[case, :, start]), case, start, notes)


def _notes_on_left_out(lengths: IntArray, n_of_case: IntArray, windows: Windows, source: str) -> tuple[str, ...]:
    notes = []
    if short := int((n_of_case == 0).sum()):
        notes.append(f"{source}: {short} of {len(lengths)} series are shorter than a window and left out")
    ends = (n_of_case - 1) * windows.stride + windows.length
    if rest := int((lengths - ends)[n_of_case > 0].sum()):
        notes.append(f"{source}: {rest} rows at the end fill no window and are left out")
    return tuple(notes)


@dataclass(frozen=True)
class Series:
    """Series, which may have gaps, or images, as they were read.

    Attributes:
        values: ``(n, c, t)``, NaN where missing and beyond the end of a case; or ``(n, c, height, width)``. Float64
            keeps the digits of channels far from 0: what float32 cannot hold of these becomes the panel's ``offsets``.
        channels: name of each channel.
        lengths: ``(n,)`` timepoints of each case; None if all have ``t``.
        labels: ``(n,)`` as in a panel; ``(n, t)`` for each timepoint if windows are cut.
        kinds: kind of each channel, if known.
        cases: name of each case in messages, if there are names.
        notes: what was changed so far.
        others: further attributes of the panel.
    """

    values: FloatArray | NDArray[np.float64]
    channels: Sequence[str]
    lengths: IntArray | None = None
    labels: IntArray | None = None
    kinds: Sequence[ChannelKind] = ()
    cases: Sequence[object] = ()
    notes: tuple[str, ...] = ()
    others: Mapping[str, Any] = field(default_factory=dict)


def panel_from_series(
    series: Series, source: str, columns: ColumnNames = USUAL, windows: Windows | None = None
) -> Panel:
    """The last step of every reader: chooses channels, fills gaps, cuts windows, and checks the panel.

    Args:
        series: what was read.
        source: name of the data in messages.
        columns: names the channels to keep, in that order; by default, all are kept.
        windows: cut every series into windows.

    Raises:
        DataError: a channel does not exist, too many values are missing, or the panel is not valid.
    """
    lengths, notes = series.lengths, series.notes
    labels, others = (None, {"classes": ()}) if columns.label == "" else (series.labels, {})
    if absent := [name for name in columns.channels if name not in series.channels]:
        raise DataError(f"{source} has no channel {absent[0]!r}, only {listed(series.channels)}; check the name")
    channels = columns.channels or tuple(name for name in series.channels if name not in columns.ignore)
    chosen = [list(series.channels).index(name) for name in channels]
    if not chosen:
        raise DataError(f"{source} has no channel but {listed(series.channels)}, which are left out; keep one of them")
    kinds = tuple(series.kinds[index] for index in chosen) if series.kinds else ()
    picked = series.values if channels == tuple(series.channels) else series.values[:, chosen]
    values, offsets, said = _in_float32(picked, channels, kinds, columns, source)
    notes += said
    cases = np.array(series.cases, dtype=object) if len(series.cases) else None
    if values.ndim == 3 and _have_valid_lengths(values, lengths):
        sizes = np.full(len(values), values.shape[2], np.int64) if lengths is None else lengths.astype(np.int64)
        filled = fill_gaps(values, sizes, source, channels, [kind != "real" for kind in kinds])
        notes += filled.notes
        if windows is None:
            refuse_large_gaps(filled, sizes, source, channels, series.cases)
            values, lengths = filled.values, sizes if np.ptp(sizes) else None
        else:
            cut = cut_windows(filled, sizes, windows, source, channels)
            labels, kept, said = _labels_of_windows(labels, cut, windows, source)
            values, lengths = cut.values if kept is None else cut.values[kept], None
            cases = None if cases is None else cases[cut.case if kept is None else cut.case[kept]]
            notes += cut.notes + said
    elif windows is not None and values.ndim == 4:
        raise DataError(f"{source} holds images, and windows are cut out of series only; leave the windows out")
    kinds = () if set(kinds) <= {"real"} else kinds
    return Panel(
        values if windows is not None else np.ascontiguousarray(values),
        channels,
        lengths=lengths,
        labels=labels,
        kinds=kinds,
        notes=notes,
        offsets=offsets,
        cases=cases,
        **{**series.others, **others},
    )


def _labels_of_windows(
    labels: IntArray | None, cut: Cut, windows: Windows, source: str
) -> tuple[IntArray | None, Mask | None, tuple[str, ...]]:
    """``(n_kept,)`` labels of the windows that are kept, which these are (None for all), and notes."""
    if labels is None or labels.ndim == 1:
        return None if labels is None else labels[cut.case], None, ()
    from scipy.stats import mode

    changes: IntArray = np.cumsum(np.diff(labels, axis=1, prepend=labels[:, :1]) != 0, axis=1)  # (n, t)
    mixed = changes[cut.case, cut.start + windows.length - 1] > changes[cut.case, cut.start]  # (n_windows,)
    most = labels[cut.case, cut.start]
    if not mixed.any():
        return most, None, ()
    views = np.lib.stride_tricks.sliding_window_view(labels, windows.length, axis=1)
    several = np.flatnonzero(mixed)
    for some in np.array_split(several, -(-8 * several.size * windows.length // NUMBERS_AT_ONCE)):
        most[some] = mode(views[cut.case[some], cut.start[some]], axis=1, keepdims=False).mode
    said = "get the most frequent one" if windows.label_per == "window" else "are left out"
    notes = (f"{source}: {mixed.sum()} of {len(mixed)} windows have rows of several classes and {said}",)
    if windows.label_per == "window":
        return most, None, notes
    if mixed.all():
        raise DataError(f"{source}: every window has rows of several classes; cut shorter windows")
    check_size((int((~mixed).sum()), *cut.values.shape[1:]), source, "lengthen the stride")
    return most[~mixed], ~mixed, notes


def _in_float32(
    values: NDArray[Any], channels: Sequence[str], kinds: Sequence[ChannelKind], columns: ColumnNames, source: str
) -> tuple[FloatArray, tuple[float, ...], tuple[str, ...]]:
    """Values without those that stand for missing ones, the offsets of the panel, and notes on what is rounded."""
    numbers = np.array([text for text in columns.missing if is_number(text)], np.float32)
    if numbers.size and (absent := np.isin(values.astype(np.float32, copy=False), numbers)).any():
        values = np.where(absent, np.nan, values)
    if values.dtype == np.float32:
        return values, (), ()
    less, offsets = centred(values)
    with np.errstate(over="ignore"):
        held: FloatArray = less.astype(np.float32)
    notes = []
    for index, name in enumerate(channels if len(kinds) == len(channels) else ()):
        known = less[:, index][np.isfinite(less[:, index])]
        if kinds[index] == "integer" and (n_rounded := int((known.astype(np.float32) != known).sum())):
            notes.append(
                f"{source}: {n_rounded} whole numbers in column {name!r} have more digits than float32 holds and are "
                "rounded"
            )
    return held, offsets, tuple(notes)


def _have_valid_lengths(values: FloatArray, lengths: IntArray | None) -> bool:
    """Whether values can be filled in; if not, the panel says what is wrong with them or with the lengths."""
    if any(np.isinf(values[part]).any() for part in pieces(values)):
        return False
    if lengths is None:
        return True
    beyond = np.arange(values.shape[2]) >= lengths[:, None]  # (n, t)
    within = lengths.min(initial=1) >= 1 and lengths.max(initial=1) <= values.shape[2]
    return bool(within) and bool(np.isnan(values.transpose(0, 2, 1)[beyond]).all())


def ends(values: NDArray[Any]) -> IntArray:
    """``(n,)`` lengths of the cases of ``(n, c, t)`` values, up to the last that is not NaN; ``t`` if all are NaN."""
    present: NDArray[np.bool_] = np.any(values == values, axis=1)  # (n, t)
    n_absent: IntArray = np.where(present.any(1), present[:, ::-1].argmax(1), 0)  # (n,) at the end
    lengths: IntArray = values.shape[2] - n_absent
    return lengths


def check_size(shape: tuple[int, ...], source: str, advice: str, n_known: int | None = None) -> None:
    """Raises a DataError if an array of this shape holds more than ``MAX_SIZE`` values, or almost nothing but padding.

    ``n_known`` is the number of values that are not padding, if it is known; an array that they fill by half may be of
    any size.
    """
    size, got = math.prod(map(int, shape)), " x ".join(map(str, shape))
    if size > max(MAX_SIZE, 2 * (n_known or 0)):
        raise DataError(f"{source}: expected at most {MAX_SIZE:,} numbers, got {got}; {advice}")
    if n_known is not None and size > MAX_PADDING * n_known + MIN_PADDED:
        raise DataError(
            f"{source}: {n_known:,} numbers would take an array of {got}, because one case is far longer than the "
            f"others; {advice}"
        )
