"""An evaluation of a model: which measures are asked for, and the figures of codes beside those of samples."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from tsinfogan.data.panel import Panel
from tsinfogan.errors import UnknownNameError
from tsinfogan.metrics.classifier import STEPS
from tsinfogan.metrics.codes import CODE_MEASURES
from tsinfogan.metrics.codes.context import CodeContext, evaluate
from tsinfogan.metrics.intervals import Estimate
from tsinfogan.metrics.results import CODES, GROUPS, Evaluation, Result
from tsinfogan.metrics.samples import SAMPLE_MEASURES
from tsinfogan.models.model import Model

SLOW_CODES = ("dci",)
"""Minutes of boosted trees: a quick evaluation leaves them out."""
QUICK_STEPS = 300
"""Steps of the classifier that figures of the codes rest on."""

Tell = Callable[[str], None]


class Measures(NamedTuple):
    """Names of measures: of synthetic series against real ones, and of a model's codes."""

    samples: tuple[str, ...]
    codes: tuple[str, ...]

    @classmethod
    def chosen(cls, asked: Sequence[str] | None = None) -> Measures:
        """Those asked for by name or group, an UnknownNameError for any other word; all by default."""
        samples, codes = SAMPLE_MEASURES.names(), CODE_MEASURES.names()
        if asked is None:
            return cls(samples, codes)
        groups = {name: SAMPLE_MEASURES.get(name).group for name in samples}
        for name in asked:
            if name not in groups and name not in codes and name not in GROUPS:
                raise UnknownNameError("measure", name, [*GROUPS, *groups, *codes])
        return cls(
            tuple(name for name in samples if name in asked or groups[name] in asked),
            tuple(name for name in codes if name in asked or CODES in asked),
        )

    def n_steps(self, quick: bool) -> int:
        """How often an evaluation calls ``tell``, at most."""
        return sum(SAMPLE_MEASURES.get(name).repeats_in(quick) for name in self.samples) + len(self.codes)


def with_codes(
    found: Evaluation, model: Model, train: Panel | None, test: Panel | None, names: Sequence[str], tell: Tell
) -> Evaluation:
    """An evaluation of a model's samples with the figures of its codes added; ``tell`` hears what is computed next."""
    context = CodeContext(model, train, test, found.seed, QUICK_STEPS if found.quick else STEPS)
    results, skipped = list(found.results), dict(found.skipped)
    for name in names:
        tell(f"{CODES}, {name}")
        if found.quick and name in SLOW_CODES:
            skipped[name] = "it takes minutes, and this is a quick evaluation"
            continue
        values, left_out = evaluate(context, [name])
        skipped |= left_out
        summary, better = CODE_MEASURES.get(name).summary, CODE_MEASURES.get(name).better
        results += [
            Result(CODES, name, figure, summary, better, Estimate(value, math.inf), None, f"{better} is better")
            for figure, value in values.items()
            if math.isfinite(value)
        ]
    return replace(found, results=tuple(results), skipped=skipped)
