"""The collapse monitor: finds unused categories, and pairs that share their series, without labels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import permutations

import torch
from torch import Tensor

from tsinfogan.sampling.inference import augmented_views, evenly_spaced, read_views
from tsinfogan.training.trainer import Trainer

DEAD_SHARE = 0.1
"""A category is unused below this share of the cases that its prior predicts."""
SWAPPED_SHARE = 0.2
"""Two categories share their series if at least this share of the cases of the smaller one change between them under
augmentation. On CharacterTrajectories a letter split in two has .6, similar letters of a good run .1 at most
(docs/choosing.md)."""
MIN_CASES = 8
"""Categories with fewer expected or counted cases are not judged: chance alone could make them look collapsed."""
MAX_CASES = 512
N_VIEWS = 3
MAX_NAMED = 3
REPORTS_BETWEEN = 10


@dataclass(frozen=True)
class Collapse:
    """Categories of one code that collapsed."""

    dead: tuple[int, ...] = ()  # that Q gives to hardly any case
    duplicates: tuple[tuple[int, int], ...] = ()  # between which cases change under augmentation, the worst first

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


class CollapseMonitor:
    """Watches the first categorical code of a training, as the averaged discriminator reads it.

    It reads the same augmented views of some of the training's cases each time.
    """

    def __init__(self, trainer: Trainer):
        self._trainer = trainer
        learns = trainer.objective.consistency_weight > 0 and trainer.model.discriminator.settings.label_input == "none"
        self._category = trainer.model.settings.latent.first_category if learns else None

    def due(self, step: int) -> bool:
        """Whether to look after ``step``: in adversarial training, every tenth report, and at the end."""
        settings = self._trainer.settings
        now = step % (REPORTS_BETWEEN * settings.report_every) == 0 or step == settings.max_steps
        return self._category is not None and self._trainer.pretraining is None and now

    def look(self) -> Collapse:
        """How the categories are now."""
        assert self._category is not None
        index, code = self._category
        logits = read_views(self._trainer.model.discriminator, self._views)[index]
        return collapse_of(logits, code.prior(logits.device))

    @cached_property
    def _views(self) -> Tensor:
        trainer = self._trainer
        cases = trainer.data[evenly_spaced(len(trainer.data), MAX_CASES).to(trainer.device)]
        return augmented_views(cases, trainer.augmenter, N_VIEWS)
