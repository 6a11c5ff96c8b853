"""Which difference from real series a figure could have found, with these series and so many repeats."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from tsinfogan.metrics.intervals import CONFIDENCE
from tsinfogan.metrics.samples import Better, FigureSpec

POWER = 0.8
MIN_FIGURE = 1e-9  # 0 has no logarithm


class Counts(NamedTuple):
    """Numbers of different series that a figure rests on."""

    synthetic: int  # in all repeats
    baseline: int  # real ones in their place
    reference: int
    halved: int  # real ones that halves are taken from
    apart: bool  # whether a half is compared with the other half


class Chance(NamedTuple):
    """What chance does to the difference of a figure from its baseline; that of logarithms where 1 is best."""

    half_width: float  # half of its two-sided 95 % interval
    # The smallest true difference outside that interval with a probability of 80 % (Bloom 1995, Eval. Review 19:547).
    detectable: float


def badness(better: Better, figure: float) -> float:
    """The figure on a scale on which more is worse."""
    return {"lower": figure, "higher": -figure}[better] if better != "one" else abs(math.log(max(figure, MIN_FIGURE)))


def chance_of(
    spec: FigureSpec, values: Sequence[float], baselines: Sequence[float], halves: Sequence[float], counts: Counts
) -> Chance:
    """What chance does to a figure: the most that the spread of repeats, that of halves and the counts tell.

    Of ``(r,)`` values and baselines, one a repeat, and ``(k,)`` figures of random halves of the real series, or none.
    Infinite if repeats are the only source, and there is one only or all are of the same series.
    """
    figures = [np.asarray(each, np.float64) for each in (values, baselines, halves)]
    errors = [*_of_counts(spec, float(figures[0].mean()), float(figures[1].mean()), counts)]
    if spec.better == "one":
        figures = [np.log(np.maximum(each, MIN_FIGURE)) for each in figures]
    errors += _of_halves(figures[2], counts)
    if len(values) > 1 and (errors or counts.synthetic > counts.baseline):
        errors.append(_of_repeats(figures[0], figures[1], alone=not errors))
    if not errors:
        return Chance(math.inf, math.inf)
    sizes, degrees = np.array(errors).T
    widths = sizes * t.ppf((1 + CONFIDENCE) / 2, degrees)
    return Chance(float(widths.max()), float((widths + sizes * t.ppf(POWER, degrees)).max()))


# ---- standard errors of the difference, each with its degrees of freedom


def _of_halves(halves: NDArray[np.float64], counts: Counts) -> Iterator[tuple[float, float]]:
    """Of the choice of series: halves of n vary as independent sets of n do (Shao & Wu 1989, Ann. Stat. 17:1176).

    Where a half is compared with the other half, chance that raises one lowers the other: the variance is four times as
    large. Half of that is kept, as the baseline is the mean of a few such halves.
    """
    if len(halves) > 1:
        sets = (counts.halved / counts.synthetic + counts.halved / counts.baseline) / (2 if counts.apart else 1)
        yield float(halves.std(ddof=1)) * math.sqrt(sets), len(halves) - 1


def _of_counts(spec: FigureSpec, value: float, baseline: float, counts: Counts) -> Iterator[tuple[float, float]]:
    """Of a share of n series, with Laplace's rule of succession: none of 60 does not prove that there are none."""
    if spec.share_of is None:
        return
    n, m = (counts.reference,) * 2 if spec.share_of == "reference" else (counts.synthetic, counts.baseline)
    if spec.share_of == "both":
        value, baseline, n, m = 0.5 + value, 0.5 + baseline, *(2 * min(side, counts.reference) for side in (n, m))
    share = (value * n + 1) / (n + 2)
    yield math.sqrt(share * (1 - share) / n + max(baseline * (1 - baseline), 0.0) / m), math.inf


def _of_repeats(values: NDArray[np.float64], baselines: NDArray[np.float64], *, alone: bool) -> tuple[float, float]:
    """Of two means, with the degrees of freedom of Welch and Satterthwaite.

    ``alone``: repeats of the baseline share their series, so chance moves its mean as much as one draw of synthetic
    series, where nothing else tells what the choice of series does.
    """
    variances = [side.var(ddof=1) / len(side) for side in (values, baselines)]
    if alone:
        variances[1] = max(variances[1], values.var(ddof=1))
    total = sum(variances)
    return math.sqrt(total), (len(values) - 1) * total**2 / sum(np.square(variances)) if total > 0 else math.inf
