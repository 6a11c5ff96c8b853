"""Adversarial training: generator and discriminator take turns on the terms of :mod:`tsinfogan.training.terms`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

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
    Reading,
    Setup,
    Step,
    Term,
    View,
    terms_of,
)

DISCRIMINATOR_ORDER = tuple(View)
GENERATOR_ORDER = (View.JUDGED_GENERATED, View.JUDGED_REAL, View.GENERATED, View.GENERATED_AUGMENTED)
"""In which order views are read in one pass; those judged for realness come first."""
UNMIXED = {View.JUDGED_REAL: View.REAL, View.JUDGED_GENERATED: View.GENERATED}


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
        setup = Setup(objective, latent, augmenter)
        self.discriminator_terms = terms_of(DISCRIMINATOR_TERMS, setup)
        self.generator_terms = terms_of(GENERATOR_TERMS, setup)
        self.mixing: ClassMixing | None = None
        self.first_step: int | None = None

    def mix_within_classes(self, data: Tensor, category: Tensor) -> None:
        """Has realness judged of random mixtures of two series of a category, where that is asked for and can be done.

        It takes a discriminator that sees principal components and the category, and a known category of most cases.

        Args:
            data: ``(n_cases, c, *grid)`` real series.
            category: ``(n_cases,)`` pseudo-label of each, or −1.
        """
        discriminator = self.discriminator
        can_mix = discriminator.principal_components is not None and discriminator.by_category
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
        factor = decay(self.settings, step)
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
        return self._total(self.discriminator_terms, DISCRIMINATOR_ORDER, batch, generated, phases)

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
            value, reported = term.value(step)
            stats |= reported
            if term.weight:
                total = total + term.weight * factors[term.phase] * value
        return total, stats

    def _read(self, views: Sequence[View], batch: Batch, generated: Tensor) -> Step:
        """Passes views through the discriminator, all at once; those that are judged for realness come first.

        Without mixing, realness is judged of the very series that codes are read from: they pass once.
        """
        real_label, generated_label = self._labels(batch)
        labels = {view: real_label if view.is_real else generated_label for view in View}
        source = {view: view if self.mixing is not None else UNMIXED.get(view, view) for view in views}
        series = {view: self._series(view, batch, generated) for view in dict.fromkeys(source.values())}
        n, n_judged = len(generated), sum(view in UNMIXED for view in views)
        shown = [label for view in series if (label := labels[view]) is not None]
        judged = self.discriminator(
            torch.cat(list(series.values())), torch.cat(shown) if shown else None, n_judged, n_judged * n
        )
        realness = dict(zip(series, judged.realness.split(n), strict=False))  # of the first views alone
        posteriors = dict(
            zip(series, zip(*(of_code.split(n) for of_code in judged.posteriors), strict=True), strict=False)
        )
        readings = {view: Reading(realness.get(of), posteriors.get(of, ())) for view, of in source.items()}
        shared = {view: series[of] for view, of in source.items()}
        return Step(batch, generated, self.generator, self.discriminator, shared, labels, readings)

    def _series(self, view: View, batch: Batch, generated: Tensor) -> Tensor:
        """The series ``(n, c, *grid)`` of one view."""
        if view is View.REAL_AUGMENTED:
            return self.augmenter.apply(batch.real, batch.real_augmentation)
        if view is View.GENERATED_AUGMENTED:
            return self.augmenter.apply(generated, batch.generated_augmentation)
        if self.mixing is not None and view is View.JUDGED_REAL:
            return mix(batch.real, batch.pseudo_label, self.mixing, batch.real_mixing)
        if self.mixing is not None and view is View.JUDGED_GENERATED:
            return mix(generated, batch.codes[0], self.mixing, batch.generated_mixing, self.mixing.share)
        return batch.real if view is View.REAL else generated

    def _labels(self, batch: Batch) -> tuple[Tensor | None, Tensor | None]:
        """Encoded labels ``(n, K)`` of real and of generated cases, where the discriminator sees them.

        A row of zeros stands for the category that Q reads.
        """
        if self.discriminator.by_category:
            drawn = self.latent.codes[0].encode(batch.codes[0])
            return torch.zeros_like(drawn), drawn
        if self.discriminator.settings.label_input == "none":
            return None, None
        label = self.latent.codes[0]
        return label.encode(batch.real_label), label.encode(batch.codes[0])

    def _autocast(self) -> torch.autocast:
        device = next(self.generator.parameters()).device
        return torch.autocast(device.type, self.precision, enabled=self.precision != torch.float32)
