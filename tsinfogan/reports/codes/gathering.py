"""From a model and real series to a report: every figure is computed here, once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from tsinfogan.data.matching import contingency
from tsinfogan.data.panel import IntArray, Panel
from tsinfogan.metrics.codes.context import CodeContext, evaluate
from tsinfogan.metrics.codes.flips import flip_share
from tsinfogan.metrics.codes.purity import SAMPLES_PER_CATEGORY
from tsinfogan.reports.codes.cards import CategoryCard, CodeBound, CodeReport, ContinuousCard
from tsinfogan.reports.codes.effects import effects, named, sentence
from tsinfogan.reports.codes.traits import measure
from tsinfogan.reports.html import by_reason
from tsinfogan.sampling.inference import encode
from tsinfogan.sampling.sampler import Sample

MEASURES = ("accuracy", "purity", "flips", "readback", "bound", "effects", "overlap", "agreement", "usage")
DRAWS_WITH_TRAITS, SWEEPS_WITH_TRAITS = 40, 25
"""Cases of each category whose traits are measured."""


@dataclass(frozen=True)
class ReportContext:
    """What a report is about."""

    run: str  # name of the run
    subject: CodeContext  # the model, with the real series at hand
    notes: tuple[str, ...] = ()  # what is already known to be missing, a sentence each

    @property
    def reads_categories(self) -> bool:
        """Whether Q was trained to read categories."""
        return self.subject.model.settings.why_unreadable is None

    @property
    def real(self) -> Panel | None:
        """The real series that are shown and counted, if any."""
        return self.subject.train if self.subject.test is None else self.subject.test

    @property
    def real_categories(self) -> IntArray | None:
        """``(n,)`` category of each real series as Q reads it, or its label if Q cannot; -1 for none."""
        real = self.real
        if real is None or not self.subject.categories:
            return None
        if self.reads_categories:
            return self.subject.read_categories
        return real.labels if self.subject.model.settings.labelled else None

    @property
    def table(self) -> IntArray | None:
        """``(n_categories, n_classes)`` counts of labelled real series; None without labels or if Q cannot read."""
        real, categories = self.real, self.real_categories
        if real is None or categories is None or real.labels is None or not self.reads_categories:
            return None
        known = real.labels >= 0
        if not known.any():
            return None
        return contingency(categories[known], real.labels[known], self.subject.categories, len(real.classes))


def gather(context: ReportContext, progress: Callable[[str], None] = lambda text: None) -> CodeReport:
    """Computes all figures and sentences; ``progress`` is called with the name of each step before it begins."""
    subject, model, real, table = context.subject, context.subject.model, context.real, context.table
    figures, skipped = evaluate(subject, MEASURES, lambda name: progress(f"measuring {name}"))
    if model.doubt is not None:
        figures["doubt"] = model.doubt
    progress("measuring what each code does")
    latent, which = model.settings.latent, "training" if subject.test is None else "held-out"
    return CodeReport(
        run=context.run,
        data=model.card.name,
        real=None if real is None else f"{real.n_cases:,} {which} series of {real.name}",
        categories=_category_cards(context, is_labelled="flips" not in skipped) if subject.categories else (),
        continuous=tuple(_continuous_card(context, column, figures) for column in subject.continuous),
        bounds=tuple(
            CodeBound(column, code.kind, figures[f"bound_{column}"], code.entropy)
            for column, code in zip(latent.columns, latent.codes, strict=True)
            if context.reads_categories or not code.is_categorical
        ),
        classes=() if table is None or real is None else real.classes,
        table=() if table is None else tuple(map(tuple, table.tolist())),
        figures=figures,
        missing=(*context.notes, *by_reason(skipped, ": left out, since ")),
    )


def _category_cards(context: ReportContext, *, is_labelled: bool) -> tuple[CategoryCard, ...]:
    subject, real, categories, table = context.subject, context.real, context.real_categories, context.table
    names = subject.model.category_names or (None,) * subject.categories
    priors = subject.category_prior.tolist()
    cards = [CategoryCard(k, name, prior) for k, (name, prior) in enumerate(zip(names, priors, strict=True))]
    if categories is not None and real is not None:
        counts = np.bincount(categories[categories >= 0], minlength=subject.categories).tolist()
        cards = [replace(card, n_real=n, share=n / real.n_cases) for card, n in zip(cards, counts, strict=True)]
    if table is not None and real is not None:
        for k in np.flatnonzero(table.any(1)).tolist():
            majority, purity = _majority(table[k], real.classes)
            cards[k] = replace(cards[k], majority=majority, purity=purity)
    if is_labelled:
        samples, classes = subject.samples(SAMPLES_PER_CATEGORY), (subject.train or subject.real).classes
        predicted = subject.classifier.predict(subject.grid_values(samples.panel))
        by_class = contingency(samples.columns[subject.category_column], predicted, subject.categories, len(classes))
        for k, row in enumerate(by_class):
            majority, purity = _majority(row, classes)
            cards[k] = replace(cards[k], sample_class=majority, sample_purity=purity)
    return tuple(cards)


def _majority(counts: IntArray, classes: tuple[str, ...]) -> tuple[str, float]:
    """The commonest class by ``(n_classes,)`` counts, and its share."""
    return classes[int(counts.argmax())], float(counts.max() / counts.sum())


def _continuous_card(context: ReportContext, column: str, figures: dict[str, float]) -> ContinuousCard:
    subject = context.subject
    n_groups = subject.categories or 10
    drawn = subject.samples(SAMPLES_PER_CATEGORY).subset(slice(DRAWS_WITH_TRAITS * n_groups))
    swept = subject.sweeps(subject.continuous[column])
    n_steps = np.unique(swept.columns[column]).size
    end = SWEEPS_WITH_TRAITS * n_groups * n_steps
    low, high = (swept.subset(slice(first, end, n_steps)) for first in (0, n_steps - 1))
    found = effects(
        drawn.columns[column].astype(np.float64),
        _categories(subject, drawn),
        measure(drawn.panel),
        measure(low.panel),
        measure(high.panel),
        _categories(subject, low),
    )
    changes, of_what = figures.get(f"flips_{column}"), "class"
    if changes is None and subject.categories > 1 and context.reads_categories:  # without labels, Q is asked
        read = encode(subject.model, swept.panel)[subject.category_column]
        changes, of_what = flip_share(read.reshape(-1, n_steps)), "category that Q reads"
    in_sentence = named(found)
    return ContinuousCard(
        column=column,
        sentence=sentence(column, found, changes, of_what),
        effects=tuple(
            {
                "trait": effect.trait.name,
                "correlation": effect.correlation,
                "change": effect.change,
                "change_is": effect.trait.change,
                "named": effect in in_sentence,
            }
            for effect in found
        ),
        changes=changes,
        r2=figures.get(f"r2_{column}"),
        size=figures.get(f"effect_{column}"),
    )


def _categories(subject: CodeContext, samples: Sample) -> IntArray:
    if not subject.categories:
        return np.zeros(samples.panel.n_cases, np.int64)
    return samples.columns[subject.category_column]
