"""``CodeContext``: a trained model, the real series it is measured on, and what measures share, computed once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tsinfogan.data.panel import FloatArray, IntArray, Panel
from tsinfogan.errors import DataError
from tsinfogan.metrics.classifier import STEPS, Classifier, ClassifierSettings, fit_to_panel
from tsinfogan.metrics.codes import CODE_MEASURES, CodeMeasure
from tsinfogan.models.codes import CategoricalCode
from tsinfogan.models.model import Model
from tsinfogan.preprocessing.augmenter import Augmenter
from tsinfogan.sampling.inference import augmented_views, check_fits, encode, evenly_spaced, posteriors, read_views
from tsinfogan.sampling.request import CodeRequest
from tsinfogan.sampling.sampler import Sample, stream
from tsinfogan.seeding import Stream, generator_at

CASES_WITHOUT_CATEGORIES = 10
"""A model without categories is asked for as many cases as this number of categories would give."""
DRAWN_SAMPLES = 2000
SWEEP_STEPS = 9
SWEEPS_PER_CATEGORY = 50
MAX_AUGMENTED_CASES = 2000
VIEWS = 4


@dataclass(frozen=True, eq=False)
class CodeContext:
    """A model and the real series to measure it on. The first categorical code counts; others are drawn.

    Attributes:
        model: a trained model.
        train: real series that a classifier may learn from, or None.
        test: held-out real series, or None.
        seed: everything random follows from it.
        classifier_steps: optimization steps of the classifier.

    Raises:
        DataError: series with other channels or another grid than the model was trained on.
    """

    model: Model
    train: Panel | None = None
    test: Panel | None = None
    seed: int = 0
    classifier_steps: int = STEPS
    _synthetic: dict[tuple[Any, ...], Sample] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        for panel in (self.train, self.test):
            if panel is not None:
                check_fits(self.model, panel)

    # ---- the model

    @property
    def _category(self) -> tuple[int, CategoricalCode] | None:
        return self.model.settings.latent.first_category

    @property
    def categories(self) -> int:
        """K of the first categorical code, 0 without one."""
        return self._category[1].n_categories if self._category else 0

    @property
    def category_prior(self) -> FloatArray:
        """``(K,)`` probability of each category."""
        assert self._category
        return self._category[1].prior(torch.device("cpu")).numpy()

    @property
    def category_column(self) -> str:
        """Name of the first categorical code: ``cat`` or ``cat0``."""
        assert self._category
        return self.model.settings.latent.columns[self._category[0]]

    @property
    def continuous(self) -> dict[str, int]:
        """Index among the model's codes of each continuous one, by column name."""
        return self.model.settings.latent.continuous

    # ---- the real series

    @property
    def real(self) -> Panel:
        """The held-out series, or those of training where none are at hand."""
        panel = self.train if self.test is None else self.test
        if panel is None:
            raise DataError("expected real series to measure the model on, got none; name a dataset or a file")
        return panel

    @cached_property
    def real_values(self) -> FloatArray:
        """``(n, c, *grid)`` what the networks see of ``real``."""
        return self.grid_values(self.real)

    @cached_property
    def encoded(self) -> dict[str, NDArray[Any]]:
        """What Q reads in ``real``, by column name."""
        return encode(self.model, self.real)

    @property
    def read_categories(self) -> IntArray:
        """``(n,)`` category that Q gives each case of ``real``."""
        return self.encoded[self.category_column]

    @cached_property
    def views(self) -> FloatArray:
        """``(VIEWS, n, K)`` Q's logits of real cases as they are, then of random augmentations of the same cases."""
        assert self._category
        chosen = evenly_spaced(self.real.n_cases, MAX_AUGMENTED_CASES)
        cases = torch.from_numpy(self.real_values)[chosen]
        augmenter = Augmenter.build(self.real.augmentations, self.model.preprocessor)
        views = augmented_views(cases, augmenter, VIEWS, generator_at("cpu", self.seed, Stream.CODE_VIEWS))
        return read_views(self.model.discriminator, views)[self._category[0]].numpy()

    @property
    def _training(self) -> Panel:
        return self.real if self.train is None else self.train

    @cached_property
    def classifier(self) -> Classifier:
        """Predicts the class; trained on the labelled cases of ``train``, or else of ``test``."""
        panel = self._training
        if not (panel.case_labels >= 0).any():
            raise DataError(f"{panel.name}: expected labels to train a classifier with, got none; add a label column")
        settings = ClassifierSettings(self.seed, self.classifier_steps, device=self.model.device)
        return fit_to_panel(panel, self.model.preprocessor, settings)

    # ---- generated series

    def grid_values(self, panel: Panel) -> FloatArray:
        """``(n, c, *grid)`` what the networks see of a panel, real or generated."""
        return self.model.preprocessor.transform(panel)

    def samples(self, n_per_category: int, cont: float | None = None) -> Sample:
        """``n_per_category`` cases of every category, that of a row in its column; ten times as many if there are none.

        All continuous codes are ``cont``; None draws them from their prior.
        """
        continuous = self.continuous.values()
        indices = [(cont,) if index in continuous and cont is not None else None for index in self._indices]
        return self._of_every_category(n_per_category, indices)

    @cached_property
    def read_back(self) -> tuple[dict[str, NDArray[Any]], dict[str, FloatArray]]:
        """Codes of samples drawn from the prior, and what Q reads there: ``(n, n_parameters)``, by column name."""
        synthetic = self._generated_at(DRAWN_SAMPLES, [None for _ in self._indices])
        columns = self.model.settings.latent.columns
        read = posteriors(self.model.discriminator, torch.from_numpy(self.grid_values(synthetic.panel)))
        return synthetic.columns, {name: parameters.numpy() for name, parameters in zip(columns, read, strict=True)}

    def sweep_values(self, code_index: int) -> FloatArray:
        """``(n_sweeps, steps, c, *grid)`` what the networks see of :meth:`sweeps`, at its defaults."""
        values = self.grid_values(self.sweeps(code_index).panel)
        return values.reshape(-1, SWEEP_STEPS, *values.shape[1:])

    def sweeps(
        self,
        code_index: int,
        steps: int = SWEEP_STEPS,
        low: float = -1.0,
        high: float = 1.0,
        n_per_category: int = SWEEPS_PER_CATEGORY,
    ) -> Sample:
        """Cases with one continuous code swept from ``low`` to ``high``, the others at 0, all else constant.

        The draws are the same whichever code is swept. Rows are in the order (draw, category, step), step fastest,
        so classes of them reshape to ``(-1, steps)``. ``code_index`` is as in :attr:`continuous`; a model without
        categories makes ten times ``n_per_category`` sweeps.
        """
        swept = tuple(np.linspace(low, high, steps).tolist())
        continuous = self.continuous.values()
        indices = [swept if p == code_index else (0.0,) if p in continuous else None for p in self._indices]
        synthetic = self._of_every_category(n_per_category, indices)
        draw = np.arange(synthetic.panel.n_cases) // (steps * max(1, self.categories))
        kept = [draw, synthetic.columns[self.category_column]] if self.categories else [draw]
        order = np.lexsort((synthetic.columns[self.model.settings.latent.columns[code_index]], *reversed(kept)))
        return synthetic.subset(order)

    @property
    def _indices(self) -> range:
        return range(len(self.model.settings.latent.codes))

    def _of_every_category(self, n: int, held: Sequence[tuple[float, ...] | None]) -> Sample:
        indices = list(held)
        if self._category:
            indices[self._category[0]] = tuple(float(k) for k in range(self.categories))
        return self._generated_at(n if self._category else n * CASES_WITHOUT_CATEGORIES, indices)

    def _generated_at(self, n: int, indices: Sequence[tuple[float, ...] | None]) -> Sample:
        key = (n, *indices)
        if key not in self._synthetic:
            by_priors = replace(self.model, class_proportions=())  # what is measured of codes is defined by these
            parts = stream(by_priors, n, CodeRequest(tuple(indices)), self.seed)
            self._synthetic[key] = Sample.concatenated(list(parts))
        return self._synthetic[key]

    # ---- what can be measured

    def missing(self, measure: CodeMeasure) -> str | None:
        """Why ``measure`` cannot be computed, in a sentence; None where it can."""
        known = [panel for panel in (self.train, self.test) if panel is not None]
        real = known[-1] if known else None
        labelled = bool(known) and all((panel.case_labels >= 0).any() for panel in (self.real, self._training))
        lacking = {
            "categories": None if self.categories else "the model has no categories",
            "continuous": None if self.continuous else "the model has no continuous codes",
            "recognition": self.model.settings.why_unreadable,
            "series": None if real else "there are no real series at hand",
            "labels": None if labelled else "no real series with labels are at hand",
            "factors": None if real and real.factor_names else "no real series with known factors are at hand",
        }
        return next((reason for need, reason in lacking.items() if reason and need in measure.needs), None)


def evaluate(
    context: CodeContext,
    names: Iterable[str | CodeMeasure] | None = None,
    tell: Callable[[str], None] = lambda name: None,
) -> tuple[dict[str, float], dict[str, str]]:
    """All figures by name, and by measure the reason why it was left out.

    Args:
        context: what is measured.
        names: measures by name or as objects; all by default.
        tell: is called with the name of each measure before it is computed.

    Raises:
        UnknownNameError: no such measure.
    """
    figures: dict[str, float] = {}
    skipped: dict[str, str] = {}
    for name, measure in CODE_MEASURES.chosen(names).items():
        tell(name)
        reason = context.missing(measure)
        measured = {} if reason else measure.compute(context)
        figures.update(measured)
        if not measured:
            skipped[name] = reason or "the model has too few codes for it"
    return figures, skipped
