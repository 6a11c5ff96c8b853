"""From a model and real series to the cards: everything is measured here, once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from tsinfogan.data.matching import contingency
from tsinfogan.data.panel import IntArray, Panel
from tsinfogan.metrics.codes.context import CodeContext, evaluate
from tsinfogan.metrics.codes.flips import flip_share
from tsinfogan.metrics.codes.purity import SAMPLES_PER_CATEGORY
from tsinfogan.models.codes import CategoricalCode
from tsinfogan.reports.codes.cards import CategoryCard, CodeBound, KnobCard, Report
from tsinfogan.reports.codes.effects import effects, named
from tsinfogan.reports.codes.traits import measure
from tsinfogan.reports.codes.words import category_title, sentence
from tsinfogan.sampling.inference import encode
from tsinfogan.sampling.sampler import Sample

MEASURES = ("accuracy", "purity", "flips", "readback", "bound", "effects", "overlap", "agreement", "usage")
DRAWS_WITH_TRAITS, SWEEPS_WITH_TRAITS = 40, 25
"""Cases of each category whose traits are measured."""


@dataclass(frozen=True)
class Material:
    """What a report is made of.

    Attributes:
        run: name of the run.
        subject: the model, with the real series at hand.
        notes: what is already known to be missing, a sentence each.
    """

    run: str
    subject: CodeContext
    notes: tuple[str, ...] = ()

    @property
    def reads_categories(self) -> bool:
        """Whether Q was trained to read categories."""
        return self.subject.model.settings.why_unreadable is None

    @property
    def real(self) -> Panel | None:
        """The real series that are shown and counted, if any."""
        subject = self.subject
        return subject.test if subject.test is not None else subject.train

    @property
    def placed(self) -> IntArray | None:
        """``(n,)`` category of each real series: as Q reads it, or by its label where Q cannot; -1 for none."""
        real = self.real
        if real is None or not self.subject.categories:
            return None
        if self.reads_categories:
            return self.subject.read_categories
        return real.labels if self.subject.model.settings.labelled else None


def gather(material: Material, progress: Callable[[str], None] = lambda text: None) -> Report:
    """All figures and sentences.

    Args:
        material: what to report on.
        progress: is told what comes next.
    """
    subject, model = material.subject, material.subject.model
    notes = list(material.notes)
    figures: dict[str, float] = {}
    skipped: dict[str, list[str]] = {}
    for name in MEASURES:
        progress(f"measuring {name}")
        found, left_out = evaluate(subject, [name])
        figures.update(found)
        for measure_name, reason in left_out.items():
            skipped.setdefault(reason, []).append(measure_name)
    notes += [f"{', '.join(left_out)}: left out, since {reason}" for reason, left_out in skipped.items()]
    progress("telling what each code does")
    labelled = not any("flips" in left_out for left_out in skipped.values())
    table = _table(material)
    latent = model.settings.latent
    return Report(
        run=material.run,
        data=model.card.name,
        real=_real_words(material),
        categories=_category_cards(material, table, labelled),
        knobs=tuple(_knob_card(subject, column, figures, material.reads_categories) for column in subject.continuous),
        bounds=tuple(
            CodeBound(column, code.kind, figures[f"bound_{column}"], code.entropy)
            for column, code in zip(latent.columns, latent.codes, strict=True)
            if not (isinstance(code, CategoricalCode) and not material.reads_categories)
        ),
        classes=() if table is None or material.real is None else material.real.classes,
        table=() if table is None else tuple(map(tuple, table.tolist())),
        figures=figures,
        missing=tuple(notes),
    )


def _real_words(material: Material) -> str | None:
    real = material.real
    if real is None:
        return None
    return f"{real.n_cases:,} {'training' if material.subject.test is None else 'held-out'} series of {real.name}"


def _table(material: Material) -> IntArray | None:
    """``(n_categories, n_classes)`` labelled real series; None where Q or labels say nothing."""
    real, placed = material.real, material.placed
    if real is None or placed is None or real.labels is None or not material.reads_categories:
        return None
    known = real.labels >= 0
    if not known.any():
        return None
    return contingency(placed[known], real.labels[known], material.subject.categories, len(real.classes))


def _category_cards(material: Material, table: IntArray | None, labelled: bool) -> tuple[CategoryCard, ...]:
    subject, real, placed = material.subject, material.real, material.placed
    if not subject.categories:
        return ()
    names = subject.model.category_names or (None,) * subject.categories
    prior = subject.category_prior.tolist()
    cards = [CategoryCard(k, name, category_title(k, name), prior[k]) for k, name in enumerate(names)]
    if placed is not None and real is not None:
        counts = np.bincount(placed[placed >= 0], minlength=subject.categories).tolist()
        cards = [replace(card, n_real=n, share=n / real.n_cases) for card, n in zip(cards, counts, strict=True)]
    if table is not None and real is not None:
        cards = [_with_majority(card, table[card.number], real.classes) for card in cards]
    if labelled:
        synthetic, classes = subject.samples(SAMPLES_PER_CATEGORY), (subject.train or subject.real).classes
        told = subject.classifier.predict(subject.grid_values(synthetic.panel))
        seen = contingency(synthetic.columns[subject.category_column], told, subject.categories, len(classes))
        cards = [
            replace(
                card,
                sample_class=classes[int(seen[card.number].argmax())],
                sample_purity=float(seen[card.number].max() / seen[card.number].sum()),
            )
            for card in cards
        ]
    return tuple(cards)


def _with_majority(card: CategoryCard, counts: IntArray, classes: tuple[str, ...]) -> CategoryCard:
    if not counts.any():
        return card
    return replace(card, majority=classes[int(counts.argmax())], purity=float(counts.max() / counts.sum()))


def _knob_card(subject: CodeContext, column: str, figures: dict[str, float], reads_categories: bool) -> KnobCard:
    groups = max(1, subject.categories)
    drawn = _first(subject.samples(SAMPLES_PER_CATEGORY), DRAWS_WITH_TRAITS * (subject.categories or 10))
    swept = subject.sweeps(subject.continuous[column])
    steps = np.unique(swept.columns[column]).size
    kept = SWEEPS_WITH_TRAITS * (subject.categories or 10) * steps
    low, high = (_every(_first(swept, kept), at, steps) for at in (0, steps - 1))
    found = effects(
        drawn.columns[column].astype(np.float64),
        _categories(subject, drawn),
        measure(drawn.panel),
        measure(low.panel),
        measure(high.panel),
        _categories(subject, low),
    )
    told = named(found)
    changes, of_what = figures.get(f"flips_{column}"), "class"
    if changes is None and groups > 1 and reads_categories:  # without labels, Q is asked
        read = encode(subject.model, swept.panel)[subject.category_column]
        changes, of_what = flip_share(read.reshape(-1, steps)), "category that Q reads"
    return KnobCard(
        column=column,
        sentence=sentence(column, found, changes, of_what),
        effects=tuple(
            {
                "trait": effect.trait.name,
                "correlation": effect.correlation,
                "change": effect.change,
                "change_is": effect.trait.change,
                "told": effect in told,
            }
            for effect in found
        ),
        changes=changes,
        r2=figures.get(f"r2_{column}"),
        size=figures.get(f"effect_{column}"),
    )


def _categories(subject: CodeContext, synthetic: Sample) -> IntArray:
    if not subject.categories:
        return np.zeros(synthetic.panel.n_cases, np.int64)
    categories: IntArray = synthetic.columns[subject.category_column]
    return categories


def _first(synthetic: Sample, n: int) -> Sample:
    return Sample(synthetic.panel.subset(slice(n)), {name: column[:n] for name, column in synthetic.columns.items()})


def _every(synthetic: Sample, first: int, step: int) -> Sample:
    at = slice(first, None, step)
    return Sample(synthetic.panel.subset(at), {name: column[at] for name, column in synthetic.columns.items()})
