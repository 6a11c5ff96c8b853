"""What is checked and noted of synthetic and real series before any figure: channels, lengths, units, labels."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from tsinfogan.data.labels import labels_among
from tsinfogan.data.panel import FloatArray, Panel
from tsinfogan.errors import DataError
from tsinfogan.metrics.results import Result
from tsinfogan.metrics.samples import SAMPLE_MEASURES
from tsinfogan.metrics.samples.context import RealData, SampleContext
from tsinfogan.metrics.samples.spread import class_spreads
from tsinfogan.models.model import Model
from tsinfogan.sampling.inference import encode

DISCRIMINATORS = "discriminator", "convolutions"
"""Figures that are |0.5 − accuracy| of a classifier that tells synthetic from real series."""
AT_FULL_LENGTH = "convolutions"
MAX_RATIO = 5.0
"""A greater ratio of spreads is noted: another unit is likelier than a generator that is so far off."""
MIDDLE_PERCENT = 5.0, 95.0
MIN_SPREAD = 0.8
"""A category whose samples have less of the spread of its real series is noted, unless that may be chance."""


def in_order_of(panel: Panel, seen: Panel) -> Panel:
    """The same series with the order and the offsets of the channels of ``seen``; a DataError if they have others."""
    channels = seen.channels
    if panel.channels == channels:
        return panel.with_offsets(seen.offsets)
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
    offsets = tuple(panel.offsets[position] for position in order) if panel.offsets else ()
    values = np.ascontiguousarray(panel.values[:, order])
    return replace(panel, values=values, channels=channels, kinds=kinds, offsets=offsets).with_offsets(seen.offsets)


def check_comparable(synthetic: Model | Panel, seen: Panel, reference: Panel | None) -> None:
    """Raises a DataError unless all are of the same channels and kind, and of equal length where they must be."""
    if isinstance(synthetic, Model) and synthetic.card.channels != seen.channels:
        raise DataError(
            f"expected the channels {', '.join(seen.channels)} of {seen.name} in the model, "
            f"got {', '.join(synthetic.card.channels)}; rename them, or choose some with `columns.channels`"
        )
    panels = [panel for panel in (synthetic, reference) if isinstance(panel, Panel)]
    for panel in panels:
        if len(panel.grid) != len(seen.grid):
            raise DataError(f"{panel.name} and {seen.name} cannot be compared: one holds series, the other images")
        if seen.lengths is None and (panel.lengths is not None or panel.grid != seen.grid):
            raise DataError(
                f"all series of {seen.name} have {seen.grid[0]} timepoints, those of {panel.name} "
                f"{panel.case_lengths.min()} to {panel.case_lengths.max()}; cut or resample them to the same length"
            )


def remarks(synthetic: Panel, real: Panel) -> Iterator[str]:
    """A sentence for whatever makes the two look unlike before any measure does."""
    yield from scale_remarks(synthetic, real)
    yield from filter(None, (label_remark(synthetic, real), length_remark(synthetic, real)))


def scale_remarks(synthetic: Panel, real: Panel) -> list[str]:
    """A sentence for each channel whose spread differs much between the two, or whose values do not overlap.

    The spread is that of the middle nine tenths, so that a few outliers do not count.
    """
    found = []
    for channel, name in enumerate(real.channels):
        offset = real.offsets[channel] if real.offsets else 0.0
        low, high = (end + offset for end in _middle(synthetic.values[:, channel]))
        real_low, real_high = (end + offset for end in _middle(real.values[:, channel]))
        spread, real_spread = high - low, real_high - real_low
        both = f"{low:.3g} to {high:.3g} in {synthetic.name}, {real_low:.3g} to {real_high:.3g} in {real.name}"
        ask = "are the units the same?"
        if min(spread, real_spread) > 0 and not 1 / MAX_RATIO <= spread / real_spread <= MAX_RATIO:
            ratio = max(spread / real_spread, real_spread / spread)
            wider = synthetic.name if spread > real_spread else real.name
            found.append(f"channel {name} spreads {ratio:.3g} times as far in {wider} ({both}); {ask}")
        elif high < real_low or low > real_high:
            found.append(f"the values of channel {name} do not overlap ({both}); {ask}")
    return found


def length_remark(synthetic: Panel, real: Panel) -> str | None:
    """How series of unequal length are compared, and which lengths there are; None where all are equal."""
    if real.lengths is None and synthetic.lengths is None:
        return None
    lengths, real_lengths = synthetic.case_lengths, real.case_lengths
    return (
        f"lengths differ ({real_lengths.min()} to {real_lengths.max()} timepoints in real series, {lengths.min()} to "
        f"{lengths.max()} in synthetic ones): measures of whole series resample them to one grid and take the duration "
        "as one more channel; measures of values alone read every timepoint as it is; nothing is padded"
    )


def label_remark(synthetic: Panel, real: Panel) -> str | None:
    """A sentence where one side alone has labels, or both have but share no class."""
    has, real_has = ((panel.case_labels >= 0).any() for panel in (synthetic, real))
    if has != real_has:
        with_labels, without = ("synthetic", "real") if has else ("real", "synthetic")
        return f"{with_labels} series have labels, {without} ones have none: measures that need both are left out"
    if has and not set(synthetic.classes) & set(real.classes):
        return (
            f"no class of the synthetic series ({', '.join(synthetic.classes[:5])}) is a class of the real ones "
            f"({', '.join(real.classes[:5])}): measures of classes are left out"
        )
    return None


def identical_to(synthetic: Panel, seen: Panel, reference: Panel | None) -> str | None:
    """A sentence where the synthetic series are the real ones."""
    real = [seen] if reference is None else [seen, reference]
    same = next((panel for panel in real if panel.fingerprint() == synthetic.fingerprint()), None)
    return None if same is None else f"{synthetic.name} and {same.name} hold identical series"


def category_remark(model: Model | None, context: SampleContext) -> list[str]:
    """A sentence where synthetic series of a category are much more alike than its training series: a collapse.

    Categories are those that Q reads in both; without a model or its categories, they are the classes.
    """
    seen, word = context.real.seen, "class"
    kinds = [context.synthetic_labels, labels_among(seen, seen.classes)]
    if model and (first := model.settings.latent.first_category) and not model.settings.why_unreadable:
        word, column = "category", model.settings.latent.columns[first[0]]
        kinds = [encode(model, panel)[column].astype(np.int64) for panel in (context.synthetic, seen)]
    alike = []
    for kind, spread in class_spreads(context.synthetic_points, kinds[0], context.real.seen_points, kinds[1]).items():
        error = math.sqrt(sum(0.5 / (side == kind).sum() for side in kinds))  # of ln of the ratio of two spreads
        if spread < MIN_SPREAD * math.exp(-2 * error):
            alike.append(f"{seen.classes[kind] if word == 'class' else kind} ({spread:.2f})")
    if not alike:
        return []
    return [
        f"synthetic series of {word} {', '.join(alike)} are much more alike than real ones; in brackets their spread "
        "over that of real ones, which should be 0.8 to 1.2: the generator may have collapsed"
    ]


def discriminator_remarks(results: Sequence[Result], model: Model | None, real: RealData) -> list[str]:
    """Which discriminator is the sharpest, and how well the one at full length tells what preprocessing alone does."""
    named = [result for result in results if result.name in DISCRIMINATORS]
    if not named:
        return []
    sharpest = max(named, key=lambda result: result.value.mean)
    found = [
        f"the sharpest discriminator is {sharpest.measure}, right for {_right(sharpest.value.mean)} of series, where "
        "chance is 50 %"
    ]
    if model is not None and AT_FULL_LENGTH in [result.name for result in named]:
        values, lengths = model.preprocessor.inverse(model.preprocessor.transform(real.seen))
        through = SampleContext.of(real, model.card.panel(values, lengths))
        share = SAMPLE_MEASURES.get(AT_FULL_LENGTH).compute(through, real.seed)[AT_FULL_LENGTH]
        found.append(
            f"of training series that only went through the model's preprocessing and back, {AT_FULL_LENGTH} is right "
            f"for {_right(share)}: that much no generator can avoid"
        )
    return found


def _right(from_chance: float) -> str:
    return f"{50 + 100 * from_chance:.0f} %"


def _middle(values: FloatArray) -> tuple[float, float]:
    low, high = np.nanpercentile(values.astype(np.float64), MIDDLE_PERCENT)
    return float(low), float(high)
