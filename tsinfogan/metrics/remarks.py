"""What a reader must know of two sets of series before any figure: other units, other lengths, labels in one only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tsinfogan.data.panel import FloatArray, Panel
from tsinfogan.errors import DataError

MAX_RATIO = 5.0
"""Spreads that differ by more are told: no generator misses by that much, but another unit does."""
MIDDLE_PERCENT = 5.0, 95.0


def scale_remarks(synthetic: Panel, real: Panel) -> list[str]:
    """A sentence for each channel whose values spread far more or less in one, or do not overlap at all.

    The spread is that of the middle nine tenths, so that a few outliers do not count.
    """
    remarks = []
    for channel, name in enumerate(real.channels):
        low, high = _middle(synthetic.values[:, channel])
        real_low, real_high = _middle(real.values[:, channel])
        spread, real_spread = high - low, real_high - real_low
        both = f"{low:.3g} to {high:.3g} in {synthetic.name}, {real_low:.3g} to {real_high:.3g} in {real.name}"
        ask = "are the units the same?"
        if min(spread, real_spread) > 0 and not 1 / MAX_RATIO <= spread / real_spread <= MAX_RATIO:
            ratio = max(spread / real_spread, real_spread / spread)
            wider = synthetic.name if spread > real_spread else real.name
            remarks.append(f"channel {name} spreads {ratio:.3g} times as far in {wider} ({both}); {ask}")
        elif high < real_low or low > real_high:
            remarks.append(f"the values of channel {name} do not overlap ({both}); {ask}")
    return remarks


def length_remark(synthetic: Panel, real: Panel) -> str | None:
    """How series of unequal length are compared, and which lengths there are; None where all are equal."""
    if real.lengths is None and synthetic.lengths is None:
        return None
    lengths, real_lengths = synthetic.case_lengths, real.case_lengths
    return (
        f"lengths differ ({real_lengths.min()} to {real_lengths.max()} timepoints in real series, {lengths.min()} to "
        f"{lengths.max()} in made ones): measures of whole series see them resampled to one grid, with the duration as "
        "one more channel; those of values alone see every timepoint as it is; nothing is padded"
    )


def label_remark(synthetic: Panel, real: Panel) -> str | None:
    """A sentence where one side alone has labels, or both have but share no class."""
    has, real_has = (panel.labels is not None and bool((panel.labels >= 0).any()) for panel in (synthetic, real))
    if has != real_has:
        with_labels, without = ("synthetic", "real") if has else ("real", "synthetic")
        return f"{with_labels} series have labels, {without} ones have none: measures that need both are left out"
    if has and not set(synthetic.classes) & set(real.classes):
        return (
            f"no class of the made series ({', '.join(synthetic.classes[:5])}) is a class of the real ones "
            f"({', '.join(real.classes[:5])}): measures of classes are left out"
        )
    return None


def in_order_of(panel: Panel, channels: tuple[str, ...]) -> Panel:
    """The same series with their channels in another order.

    Raises:
        DataError: the channels are others.
    """
    if panel.channels == channels:
        return panel
    lacking, further = (set(channels) - set(panel.channels)), (set(panel.channels) - set(channels))
    if lacking or further:
        parts = [f"lacks {', '.join(sorted(lacking))}"] if lacking else []
        parts += [f"has {', '.join(sorted(further))} besides"] if further else []
        raise DataError(
            f"expected the channels {', '.join(channels)} in {panel.name}, which {' and '.join(parts)}; rename its "
            "columns, or choose channels that both have with `columns.channels`"
        )
    order = np.array([panel.channels.index(name) for name in channels])
    kinds = tuple(panel.kinds[position] for position in order) if panel.kinds else ()
    return replace(panel, values=np.ascontiguousarray(panel.values[:, order]), channels=channels, kinds=kinds)


def _middle(values: FloatArray) -> tuple[float, float]:
    low, high = np.nanpercentile(values.astype(np.float64), MIDDLE_PERCENT)
    return float(low), float(high)
