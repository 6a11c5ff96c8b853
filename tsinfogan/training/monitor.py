"""The collapse monitor: finds unused categories, pairs that share their series, and samples that are all alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import permutations

import torch
from torch import Tensor

from tsinfogan.sampling.inference import augmented_views, evenly_spaced, read_views
from tsinfogan.seeding import Stream, generator_at
from tsinfogan.training.trainer import Trainer

DEAD_SHARE = 0.1
"""A category is unused below this share of the cases that its prior predicts."""
SWAPPED_SHARE = 0.2
"""Two categories share their series if at least this share of the cases of the smaller one change between them under
augmentation. On CharacterTrajectories a letter split in two has .6, similar letters of a good run .1 at most
(docs/choosing.md)."""
ALIKE_SPREAD = 0.5
"""Samples of a category are alike below this share of the spread of its real series. On seventeen datasets, of 56 to
1272 series, the least of any category was .64 at the end (docs/benchmarks.md)."""
MIN_CASES = 8
"""Categories with fewer expected or counted cases are not judged: chance alone could make them look collapsed."""
MAX_CASES = 512
N_VIEWS = 3
N_SAMPLES = 64
MAX_NAMED = 3
REPORTS_BETWEEN = 10


@dataclass(frozen=True)
class Collapse:
    """Categories of one code that collapsed."""

    dead: tuple[int, ...] = ()  # that Q gives to hardly any case
    duplicates: tuple[tuple[int, int], ...] = ()  # between which cases change under augmentation, the worst first
    alike: tuple[int, ...] = ()  # whose samples differ far less than their real series

    def __str__(self) -> str:
        """One line for a person; empty where all is well."""
        parts = [f"categories {a} and {b} share their series" for a, b in self.duplicates[:MAX_NAMED]]
        if (more := len(self.duplicates) - MAX_NAMED) > 0:
            parts.append(f"and {more} more pair{'s' * (more > 1)} of them")
        *first, last = map(str, self.dead or ("",))
        if first:
            parts.append(f"categories {', '.join(first)} and {last} are unused")
        elif last:
            parts.append(f"category {last} is unused")
        if self.alike:
            parts.append(f"samples are alike in {len(self.alike)} categories, such as {self.alike[0]}")
        return "; ".join(parts)


def collapse_of(logits: Tensor, prior: Tensor) -> Collapse:
    """What Q's logits ``(n_views, n, K)`` of real cases in two or more views say, given the prior ``(K,)``."""
    n_views, n_cases, n_categories = logits.shape
    categories = logits.argmax(2)  # (n_views, n)
    size = categories.flatten().bincount(minlength=n_categories) / n_views  # (K,) cases a view
    expected = prior * n_cases
    dead = (size < DEAD_SHARE * expected) & (expected >= MIN_CASES)
    pairs = [categories[a] * n_categories + categories[b] for a, b in permutations(range(n_views), 2)]
    changes = torch.cat(pairs).bincount(minlength=n_categories**2).view(n_categories, n_categories) / len(pairs)
    smaller = torch.minimum(size[:, None], size[None])  # (K, K)
    comparable = (smaller >= MIN_CASES) & ~(dead[:, None] | dead[None])
    share = (2 * changes / smaller.clamp_min(1) * comparable).triu(1)
    duplicates = (share >= SWAPPED_SHARE).nonzero().tolist()
    return Collapse(
        tuple(dead.nonzero().flatten().tolist()),
        tuple(sorted(((a, b) for a, b in duplicates), key=lambda pair: -float(share[pair]))),
    )


def alike_of(generated: Sequence[Tensor], real: Sequence[Tensor]) -> tuple[int, ...]:
    """Categories whose samples are alike, by samples and real series ``(n, c, *grid)`` of each category."""
    return tuple(
        category
        for category, (samples, series) in enumerate(zip(generated, real, strict=True))
        if len(series) >= MIN_CASES and _spread(samples) < ALIKE_SPREAD * _spread(series)
    )


def _spread(values: Tensor) -> float:
    """Standard deviation of ``(n, c, *grid)`` about their mean."""
    return float(values.var(0).sum().sqrt())


class CollapseMonitor:
    """Watches the first categorical code of a training, as the averaged discriminator reads it.

    It reads the same augmented views of some of the training's cases each time.
    """

    def __init__(self, trainer: Trainer):
        self._trainer = trainer
        learns = trainer.objective.consistency_weight > 0 and trainer.model.discriminator.settings.label_input == "none"
        self._category = trainer.model.settings.latent.first_category if learns else None

    def due(self, step: int) -> bool:
        """Whether to look after ``step``: in adversarial training, every tenth report, and at the end of all.

        In flow matching Q stays, and samples do not come from it yet.
        """
        settings = self._trainer.settings
        regular = step <= settings.flow_start and step % (REPORTS_BETWEEN * settings.report_every) == 0
        now = regular or step == settings.max_steps
        return self._category is not None and self._trainer.pretraining is None and now

    def look(self) -> Collapse:
        """How the categories are now."""
        assert self._category is not None
        index, code = self._category
        logits = read_views(self._trainer.model.discriminator, self._views)[index]
        found = collapse_of(logits, code.prior(logits.device))
        settings = self._trainer.settings
        if self._trainer.steps_done < (settings.adversarial_start + settings.flow_start) / 2:
            return found  # samples spread as training goes on
        categories = logits[0].argmax(1)
        real = [self._views[0][categories == k] for k in range(code.n_categories)]
        return replace(found, alike=alike_of([self._samples(index, k) for k in range(code.n_categories)], real))

    @torch.no_grad()
    def _samples(self, index: int, category: int) -> Tensor:
        """``(N_SAMPLES, c, *grid)`` of one category, the same noise each time."""
        model = self._trainer.model
        rng = generator_at(model.device, 0, Stream.VIEWS, category)
        noise, codes = model.settings.latent.sample(N_SAMPLES, rng)
        values = [torch.full_like(each, category) if k == index else each for k, each in enumerate(codes)]
        injected_noise = torch.randn(N_SAMPLES, model.injected_noise_dim, generator=rng, device=model.device)
        return model.generator(model.latent(noise, values), injected_noise).float()  # type: ignore[no-any-return]

    @cached_property
    def _views(self) -> Tensor:
        trainer = self._trainer
        cases = trainer.data[evenly_spaced(len(trainer.data), MAX_CASES).to(trainer.device)]
        return augmented_views(cases, trainer.augmenter, N_VIEWS)
