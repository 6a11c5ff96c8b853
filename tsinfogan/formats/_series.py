"""The last steps of every reader: choose channels, fill gaps, cut windows, check, and give a panel."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tsinfogan.data.columns import USUAL, ColumnNames, Windows, listed
from tsinfogan.data.panel import ChannelKind, FloatArray, IntArray, Panel
from tsinfogan.data.windows import Filled, cut_windows, fill_gaps, refuse_large_gaps
from tsinfogan.errors import DataError


def panel_from_series(
    values: FloatArray,
    channels: Sequence[str],
    *,
    source: str,
    columns: ColumnNames = USUAL,
    windows: Windows | None = None,
    lengths: IntArray | None = None,
    labels: IntArray | None = None,
    kinds: Sequence[ChannelKind] = (),
    cases: Sequence[object] = (),
    notes: tuple[str, ...] = (),
    **others: Any,
) -> Panel:
    """The panel of series that may have gaps, or of images.

    Args:
        values: float32 ``(n, c, t)``, NaN where missing and beyond a case's length; or ``(n, c, height, width)``.
        channels: name of each channel.
        source: what the data is called in messages.
        columns: its ``channels`` are kept, in that order; all where it names none.
        windows: cut the series so.
        lengths: ``(n,)``, or None where all have ``t`` timepoints.
        labels: ``(n,)`` as a panel has them.
        kinds: of each channel, or empty.
        cases: name of each case in messages, or empty.
        notes: what was changed so far.
        others: further attributes of the panel.

    Raises:
        DataError: a channel is not there, a gap is too large, or the panel is not valid.
    """
    if columns.channels:
        if absent := [name for name in columns.channels if name not in channels]:
            raise DataError(f"{source} has no channel {absent[0]!r}, only {listed(channels)}; check the name")
        chosen = [list(channels).index(name) for name in columns.channels]
        values, channels = values[:, chosen], columns.channels
        kinds = [kinds[position] for position in chosen] if kinds else ()
    kinds = () if all(kind == "real" for kind in kinds) else tuple(kinds)
    if values.ndim == 3 and _are_valid(lengths, values):
        sizes = np.full(len(values), values.shape[2], np.int64) if lengths is None else lengths.astype(np.int64)
        filled = fill_gaps(values, sizes, source, channels, [kind != "real" for kind in kinds])
        if windows is None:
            refuse_large_gaps(filled, sizes, source, channels, cases)
            values, lengths = filled.values, sizes if np.ptp(sizes) else None
        else:
            cut = cut_windows(filled, sizes, windows, source, channels)
            values, lengths, labels = cut.values, None, None if labels is None else labels[cut.case]
            filled = Filled(values, None, (*filled.notes, *cut.notes))
        notes += filled.notes
    elif windows is not None:
        raise DataError(f"{source} holds images, and windows are cut out of series only; leave the windows out")
    return Panel(values, tuple(channels), lengths=lengths, labels=labels, kinds=kinds, notes=notes, **others)


def _are_valid(lengths: IntArray | None, values: FloatArray) -> bool:
    """Whether lengths are such as can be gone by; the panel says what is wrong where they are not."""
    if np.isinf(values).any():
        return False
    if lengths is None:
        return True
    beyond = np.arange(values.shape[2]) >= lengths[:, None]  # (n, t)
    within = lengths.min(initial=1) >= 1 and lengths.max(initial=1) <= values.shape[2]
    return bool(within) and bool(np.isnan(values.transpose(0, 2, 1)[beyond]).all())


def stem(source: Path | str) -> str:
    """What a panel of a file is called: the file's name without its suffix."""
    return source if isinstance(source, str) else source.stem.removesuffix(".wide") or source.name
