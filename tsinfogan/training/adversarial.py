"""Adversarial training: generator and discriminator take turns on the terms of :mod:`tsinfogan.training.terms`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from tsinfogan.models.codes import LatentSpec
from tsinfogan.models.discriminator import Discriminator
from tsinfogan.preprocessing.augmenter import Augmenter
from tsinfogan.training.batch import Batch
from tsinfogan.training.config import Objective, TrainingSettings
from tsinfogan.training.losses import Stats
from tsinfogan.training.mixing import ClassMixing, mix
from tsinfogan.training.optimization import decay, descend, make_optimizer, set_rate, warm_up
from tsinfogan.training.terms import (
    DISCRIMINATOR_TERMS,
    GENERATOR_TERMS,
    Setup,
    Step,
    Term,
    View,
    terms_of,
)

GENERATOR_ORDER = (View.JUDGED_GENERATED, View.JUDGED_REAL, View.GENERATED, View.GENERATED_AUGMENTED)
UNMIXED = {View.JUDGED_REAL: View.REAL, View.JUDGED_GENERATED: View.GENERATED}

Value = TypeVar("Value")


class Phases(NamedTuple):
    """What one step does beside moving the discriminator.

    Attributes:
        generator: whether the generator moves.
        recognition: whether Q learns.
        penalty: factor of the terms of phase ``penalty``; 0 in steps without them.
    """

    generator: bool
    recognition: bool
    penalty: int


class AdversarialStage:
    """The two players, an optimizer for each, and the step that moves them.

    Args:
        generator: moved in place.
        discriminator: moved in place, with Q.
        latent: noise and codes.
        objective: weights of the terms.
        settings: rates, and which step does what.
        augmenter: applies augmentations.
        precision: dtype of the networks' products.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: Discriminator,
        latent: LatentSpec,
        objective: Objective,
        settings: TrainingSettings,
        augmenter: Augmenter,
        precision: torch.dtype = torch.float32,
    ):
        self.generator, self.discriminator, self.latent = generator, discriminator, latent
        self.objective, self.settings, self.augmenter, self.precision = objective, settings, augmenter, precision
        self.generator_optimizer = make_optimizer(generator, settings.generator_rate, settings)
        self.discriminator_optimizer = make_optimizer(discriminator, settings.discriminator_rate, settings)
        self.setup = Setup(objective, latent, augmenter)
        self.discriminator_terms = terms_of(DISCRIMINATOR_TERMS, self.setup)
        self.generator_terms = terms_of(GENERATOR_TERMS, self.setup)
        self.mixing: ClassMixing | None = None
        self.first_step: int | None = None

    def begin(self, data: Tensor, category: Tensor, windows: bool) -> None:
        """Has realness judged of mixtures, if that is asked for and possible, and categories balanced as found.

        Spectral clustering finds categories of unequal size, restarts of equal size. Mixing needs a discriminator that
        sees principal components and the category, and a known category of most cases.
        Windows of one recording lie along its path, and a mixture of two places beside it.

        Args:
            data: ``(n_cases, c, *grid)`` real series.
            category: ``(n_cases,)`` pseudo-label of each, or −1.
            windows: whether the series are windows of one recording.
        """
        discriminator = self.discriminator
        if self.settings.opening == "convolutions" and (category >= 0).any():
            counts = category[category >= 0].bincount(minlength=discriminator.sizes[0])
            self.setup = self.setup._replace(proportions=counts / counts.sum())
            self.discriminator_terms = terms_of(DISCRIMINATOR_TERMS, self.setup)
        can_mix = discriminator.principal_components is not None and discriminator.by_category and not windows
        if self.objective.within_class_mixing and can_mix:
            self.mixing = ClassMixing.among(data, category, discriminator.sizes[0])

    def phases(self, step: int) -> Phases:
        """What step number ``step`` does."""
        settings = self.settings
        penalized = any(term.phase == "penalty" for term in (*self.discriminator_terms, *self.generator_terms))
        return Phases(
            generator=(step + 1) % settings.generator_every == 0,
            recognition=(step + 1) % settings.recognition_every == 0,
            penalty=settings.penalty_every if penalized and step % settings.penalty_every == 0 else 0,
        )

    def set_rates(self, step: int) -> None:
        """Sets the rates of step number ``step``; after pre-training, whose weights they must not undo, they rise."""
        factor = decay(step, self.settings.flow_start, self.settings.decay_share)
        if self.first_step is not None:
            factor *= warm_up(step - self.first_step)
        set_rate(self.generator_optimizer, self.settings.generator_rate * factor)
        set_rate(self.discriminator_optimizer, self.settings.discriminator_rate * factor)

    def step(self, batch: Batch, phases: Phases) -> Stats:
        """Moves the discriminator, then, if due, the generator: a plain function of its batch, fit for capture."""
        # The discriminator's turn: the series are cut off from the generator.
        self.discriminator.requires_grad_(True)
        with self._autocast():
            with torch.set_grad_enabled(phases.generator):
                generated = self.generator(batch.latent, batch.injected_noise)  # (n, c, *grid)
            loss, stats = self.discriminator_loss(batch, generated.detach(), phases)
        descend(self.discriminator_optimizer, loss)
        if not phases.generator:
            return stats
        # The generator's turn: the gradient passes through the discriminator and leaves it as it is.
        self.discriminator.requires_grad_(False)
        with self._autocast():
            loss, more = self.generator_loss(batch, generated, phases)
        descend(self.generator_optimizer, loss)
        return stats | more

    def discriminator_loss(self, batch: Batch, generated: Tensor, phases: Phases) -> tuple[Tensor, Stats]:
        """What trunk, D and Q minimise, on generated series ``(n, c, *grid)``, and its statistics."""
        return self._total(self.discriminator_terms, tuple(View), batch, generated, phases)

    def generator_loss(self, batch: Batch, generated: Tensor, phases: Phases) -> tuple[Tensor, Stats]:
        """What the generator minimises, on series ``(n, c, *grid)`` that it generated in this step."""
        return self._total(self.generator_terms, GENERATOR_ORDER, batch, generated, phases)

    def _total(
        self, terms: Sequence[Term], order: Sequence[View], batch: Batch, generated: Tensor, phases: Phases
    ) -> tuple[Tensor, Stats]:
        """The weighted sum of the terms that act in this step."""
        factors = {"always": 1, "recognition": int(phases.recognition), "penalty": phases.penalty}
        acting = [term for term in terms if factors[term.phase]]
        needed = {view for term in acting for view in term.views}
        step = self._read([view for view in order if view in needed], batch, generated)
        total, stats = torch.zeros((), device=generated.device), Stats()
        for term in acting:
            value, reported = term.evaluate(step)
            stats |= reported
            if term.weight:
                total = total + term.weight * factors[term.phase] * value
        return total, stats

    def _read(self, views: Sequence[View], batch: Batch, generated: Tensor) -> Step:
        """Passes views through the discriminator, all at once; those that are judged for realness come first.

        Without mixing, realness is judged of the very series that codes are read from: they pass once.
        """
        labels = self._labels(batch)
        source = {view: view if self.mixing is not None else UNMIXED.get(view, view) for view in views}
        series = {view: self._series(view, batch, generated) for view in dict.fromkeys(source.values())}
        n, n_judged = len(generated), sum(view in UNMIXED for view in views)
        shown = [label for view in series if (label := labels[view]) is not None]
        judged = self.discriminator(
            torch.cat(list(series.values())), torch.cat(shown) if shown else None, n_judged, n_judged * n
        )
        realness = dict(zip(series, judged.realness.split(n), strict=False))  # of the first views alone
        by_view = zip(*(of_code.split(n) for of_code in judged.posteriors), strict=True)
        posteriors = dict(zip(series, by_view, strict=False))  # of none without codes

        def of_views(values: dict[View, Value]) -> dict[View, Value]:
            return {view: values[of] for view, of in source.items() if of in values}

        return Step(
            batch=batch,
            generated=generated,
            generator=self.generator,
            discriminator=self.discriminator,
            series=of_views(series),
            labels=labels,
            realness=of_views(realness),
            posteriors=of_views(posteriors),
        )

    def _series(self, view: View, batch: Batch, generated: Tensor) -> Tensor:
        """The series ``(n, c, *grid)`` of one view."""
        if view is View.REAL_AUGMENTED:
            return self.augmenter.apply(batch.real, batch.real_augmentation)
        if view is View.GENERATED_AUGMENTED:
            return self.augmenter.apply(generated, batch.generated_augmentation)
        if self.mixing is not None and view is View.JUDGED_REAL:
            return mix(batch.real, batch.pseudo_label, self.mixing, batch.real_partner)
        if self.mixing is not None and view is View.JUDGED_GENERATED:
            return mix(generated, batch.codes[0], self.mixing, batch.generated_partner, self.mixing.share)
        return batch.real if view is View.REAL else generated

    def _labels(self, batch: Batch) -> dict[View, Tensor | None]:
        """Encoded label ``(n, K)`` of each view where the discriminator sees one; zeros stand for what Q reads."""
        real: Tensor | None = None
        generated: Tensor | None = None
        if self.discriminator.by_category:
            generated = self.latent.codes[0].encode(batch.codes[0])
            real = torch.zeros_like(generated)
        elif self.discriminator.settings.label_input != "none":
            real, generated = map(self.latent.codes[0].encode, (batch.real_label, batch.codes[0]))
        is_generated = (View.JUDGED_GENERATED, View.GENERATED, View.GENERATED_AUGMENTED)
        return {view: generated if view in is_generated else real for view in View}

    def _autocast(self) -> torch.autocast:
        device = next(self.generator.parameters()).device
        return torch.autocast(device.type, self.precision, enabled=self.precision != torch.float32)
