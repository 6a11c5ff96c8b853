"""Before the game: Q finds categories in real series alone.

An opening trains a freshly initialised trunk and several heads to cluster by consistency under augmentation (as in IIC,
Ji et al. 2019, arXiv:1807.06653). Of all openings, the trunk and head that agree best with themselves go on, and their
categories are mended several times (:mod:`tsinfogan.training.split_merge`): what falls cleanly into two is cut, what is
missed least dissolved, and trunk and head learn on from there. A revision that does not lower the disagreement is
undone. The trunks of the other openings serve as second opinions on where to cut. No label is needed: how little a
clustering disagrees with itself under augmentation tells the good ones (docs/experiments.md). Without this start,
generator and Q settle on categories of their own, which consistency alone does not undo later.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import cast

import torch
from torch import Generator, Tensor, nn

from tsinfogan.data.panel import UNLABELLED
from tsinfogan.models.codes import CategoricalCode, Code
from tsinfogan.models.discriminator import Discriminator, Standardize, fit_head, recognition_head
from tsinfogan.preprocessing.augmenter import Augmenter
from tsinfogan.seeding import Stream, derived_seed, generator_at
from tsinfogan.training.losses import Batch, Objective, Stats, category_agreement, known_code_loss, logit_regularization
from tsinfogan.training.settings import TrainingSettings
from tsinfogan.training.split_merge import revised_targets, teach

MAX_SCORED_CASES = 2000
SCORED_VIEWS, REVISED_VIEWS = 4, 6
CASES_PER_PASS = 256
WARM_UP_STEPS = 10
SCORING, REVISING, TEACHING = 1, 2, 3


def discovers(objective: Objective, discriminator: Discriminator, codes: Sequence[Code]) -> bool:
    """Whether there are categories that consistency can find in real series."""
    finds = any(isinstance(code, CategoricalCode) and code.n_categories > 1 for code in codes)
    return finds and objective.consistency_weight > 0 and discriminator.settings.label_input == "none"


class Discovery(nn.Module):
    """Rival heads on a discriminator's features, the discriminators that the openings ended with, and the best so far.

    Args:
        discriminator: whose trunk is trained along, and which becomes the best discriminator in the end.
        codes: the model's codes.
        objective: weighs consistency, balance and known labels.
        settings: number of heads, openings, revisions and steps.
    """

    least_disagreement: Tensor

    def __init__(
        self, discriminator: Discriminator, codes: Sequence[Code], objective: Objective, settings: TrainingSettings
    ):
        super().__init__()
        self.codes, self.objective, self.settings = tuple(codes), objective, settings
        self.feature_dim = int(discriminator.q[1].in_features)  # type: ignore[arg-type]
        self.heads = nn.ModuleList(
            recognition_head(self.feature_dim, sum(discriminator.sizes)) for _ in range(settings.pretraining_heads)
        )
        self.best = copy.deepcopy(discriminator).requires_grad_(False)
        self.opinions = nn.ModuleList(copy.deepcopy(self.best) for _ in range(settings.n_openings))
        self.register_buffer("least_disagreement", torch.tensor(torch.inf))

    @property
    def revises(self) -> bool:
        """Whether categories are mended: with several categorical codes it is open which should hold what."""
        return sum(isinstance(code, CategoricalCode) for code in self.codes) == 1

    @property
    def _index(self) -> int:
        return next(index for index, code in enumerate(self.codes) if isinstance(code, CategoricalCode))

    def opens(self, number: int) -> bool:
        """Whether step ``number`` belongs to an opening."""
        return number < self.settings.revisions_start

    def rate(self, number: int) -> float:
        """Share of the learning rate in step ``number``: after each revision it rises and falls."""
        if self.opens(number):
            return 1.0
        done, steps = self._since_revision(number), self.settings.revision_steps
        return min(1.0, (done + 1) / WARM_UP_STEPS) * (1 - done / steps)

    def _since_revision(self, number: int) -> int:
        return (number - self.settings.revisions_start) % self.settings.revision_steps

    def loss(
        self, discriminator: Discriminator, batch: Batch, augmenter: Augmenter, opens: bool
    ) -> tuple[Tensor, Stats]:
        """A real case and two augmentations of it shall get one category, and all categories be used.

        Args:
            discriminator: the discriminator whose trunk, and outside openings whose Q, is trained.
            batch: real cases and the draws of their augmentations.
            augmenter: applies those.
            opens: whether the rival heads learn, or Q.
        """
        views = [batch.real, *(augmenter.apply(batch.real, draw) for draw in (batch.real_draw, batch.fake_draw))]
        features = discriminator.recognition_features(torch.cat(views))  # (n_views * n, feature_dim)
        heads = self.heads if opens else [discriminator.q]
        posteriors = [discriminator.posteriors(head, features) for head in heads]
        total = torch.stack([self._disagreement(each, len(views), batch.real_label) for each in posteriors])
        confidence = torch.stack([logit_regularization(self.codes, each) for each in posteriors]).sum()
        weight = self.objective.consistency_weight * self.objective.logit_regularization_weight
        return total.sum() + weight * confidence, {"pretraining": total.detach().min()}

    def turn_to(
        self,
        number: int,
        discriminator: Discriminator,
        optimizer: torch.optim.Optimizer,
        data: Tensor,
        labels: Tensor,
        augmenter: Augmenter,
    ) -> None:
        """What is due before step ``number``: scoring what was learned, a revision, or the next round.

        Args:
            number: the step about to be taken.
            discriminator: changed in place, so that a captured step still finds its weights.
            optimizer: of the discriminator and the heads; forgets its moments when weights are set.
            data: ``(n_cases, c, *grid)``.
            labels: ``(n_cases,)`` known category, or −1.
            augmenter: draws and applies augmentations.
        """
        settings = self.settings
        opening, since = divmod(number, settings.opening_steps)
        if number <= settings.revisions_start and since == 0:
            if opening:
                self._keep_best(discriminator, self.heads, data, labels, augmenter)
                self.opinions[opening - 1].load_state_dict(discriminator.state_dict())
                _forget(optimizer)
            if opening < settings.n_openings:
                self._open(opening, discriminator, data[self._chosen(labels)])
        if number >= settings.revisions_start and settings.n_revisions and self._since_revision(number) == 0:
            if number > settings.revisions_start:
                self._keep_best(discriminator, [discriminator.q], data, labels, augmenter)
            discriminator.load_state_dict(self.best.state_dict())
            if self.revises and number < settings.game_starts:
                self._revise(number, discriminator, data, labels, augmenter)
                _forget(optimizer)

    @torch.no_grad()
    def found(self, data: Tensor, labels: Tensor, augmenter: Augmenter) -> Tensor:
        """``(n_cases,)`` category of the first categorical code that the best discriminator reads in every view, or −1.

        Of many cases only some are read, those that scoring reads too; arguments as in :meth:`turn_to`.
        """
        chosen = self._chosen(labels)
        rng = generator_at(data.device, self.settings.seed, Stream.PRETRAINING, SCORING)
        discriminator = self.best
        features = self._features(discriminator, data[chosen], augmenter, SCORED_VIEWS, rng).flatten(0, 1)
        read = (
            discriminator.posteriors(discriminator.q, features)[self._index].argmax(1).unflatten(0, (SCORED_VIEWS, -1))
        )  # (v, n)
        found = torch.full_like(labels, UNLABELLED)
        found[chosen] = torch.where((read == read[0]).all(0), read[0], UNLABELLED)
        return found

    @torch.no_grad()
    def _keep_best(
        self,
        discriminator: Discriminator,
        heads: Iterable[nn.Module],
        data: Tensor,
        labels: Tensor,
        augmenter: Augmenter,
    ) -> None:
        """Keeps trunk and head if one of the heads disagrees less with itself than the best so far."""
        chosen = self._chosen(labels)
        rng = generator_at(data.device, self.settings.seed, Stream.PRETRAINING, SCORING)  # the same views for all
        features = self._features(discriminator, data[chosen], augmenter, SCORED_VIEWS, rng).flatten(0, 1)
        for head in heads:
            disagreement = self._disagreement(discriminator.posteriors(head, features), SCORED_VIEWS, labels[chosen])
            if disagreement < self.least_disagreement:
                self.least_disagreement.copy_(disagreement)
                self.best.load_state_dict(discriminator.state_dict())
                self.best.q.load_state_dict(head.state_dict())

    def _revise(
        self, number: int, discriminator: Discriminator, data: Tensor, labels: Tensor, augmenter: Augmenter
    ) -> None:
        """Gives Q, whose trunk stays, categories with the merged ones cut and the divided ones dissolved."""
        rng = generator_at(data.device, self.settings.seed, Stream.PRETRAINING, REVISING, number)
        chosen = self._chosen(labels)
        known = labels[chosen] if self.objective.real_code_weight else torch.full_like(chosen, UNLABELLED)
        index = self._index
        state = rng.get_state()
        with torch.no_grad():
            features = self._features(discriminator, data[chosen], augmenter, REVISED_VIEWS, rng)  # (v, n, f)
            logits = discriminator.posteriors(discriminator.q, features.flatten(0, 1))[index].unflatten(
                0, features.shape[:2]
            )
            opinions = [features]
            for other in cast(Iterable[Discriminator], self.opinions):
                rng.set_state(state)  # the same augmentations for all
                opinions.append(self._features(other, data[chosen], augmenter, REVISED_VIEWS, rng))
        evidence = torch.cat([self._standardized(each) for each in opinions], dim=2)  # (v, n, f_total)
        with torch.random.fork_rng(devices=[data.device] if data.device.type == "cuda" else []):
            torch.manual_seed(derived_seed(self.settings.seed, Stream.PRETRAINING, TEACHING, number))
            finer = recognition_head(evidence.shape[2], 2 * logits.shape[2]).to(data.device)
            _reset(discriminator.q)
        fit_head(discriminator.q, features.flatten(0, 1))
        targets = revised_targets(evidence, logits, finer, known, rng)
        teach(discriminator.q, features, targets, rng, first=sum(discriminator.sizes[:index]))

    @staticmethod
    def _standardized(features: Tensor) -> Tensor:
        """``(v, n, f)`` features on one scale, so that every trunk has a say."""
        standardize = Standardize(features.shape[2]).to(features.device)
        standardize.fit(features.flatten(0, 1))
        return standardize(features)  # type: ignore[no-any-return]

    def _features(
        self, discriminator: Discriminator, cases: Tensor, augmenter: Augmenter, n_views: int, rng: Generator
    ) -> Tensor:
        """``(v, n, f)``: features of cases as they are, and of augmentations of them."""
        views = [cases] + [augmenter.apply(cases, augmenter.draw(len(cases), rng)) for _ in range(n_views - 1)]
        return torch.stack(
            [
                torch.cat([discriminator.recognition_features(part) for part in view.split(CASES_PER_PASS)])
                for view in views
            ]
        )

    def _open(self, opening: int, discriminator: Discriminator, cases: Tensor) -> None:
        """A fresh trunk, but for the first opening, and heads that see its features on one scale."""
        if opening:
            device = cases.device
            with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
                torch.manual_seed(derived_seed(self.settings.seed, Stream.PRETRAINING, opening))
                _reset(discriminator)
                _reset(self.heads)
        with torch.no_grad():
            features = torch.cat([discriminator.recognition_features(part) for part in cases.split(CASES_PER_PASS)])
        for head in (*self.heads, discriminator.q):
            fit_head(head, features)

    def _chosen(self, labels: Tensor) -> Tensor:
        """Indices of the cases, or of some of them evenly spread where there are many, the labelled ones among them."""
        n_cases = len(labels)
        spread = torch.linspace(0, n_cases - 1, min(n_cases, MAX_SCORED_CASES), device=labels.device).long()
        chosen: Tensor = torch.cat([spread, (labels >= 0).nonzero()[:MAX_SCORED_CASES, 0]]).unique()
        return chosen

    def _disagreement(self, posteriors: Sequence[Tensor], n_views: int, labels: Tensor) -> Tensor:
        """Inconsistency and imbalance over ``n_views`` views of n cases, view by view, and misread labels ``(n,)``."""
        views = list(zip(*(parameters.chunk(n_views) for parameters in posteriors), strict=True))
        total = self.objective.consistency_weight * category_agreement(self.objective, self.codes, views)
        if self.objective.real_code_weight:
            known = known_code_loss(self.codes[0], posteriors[0], labels.repeat(n_views))
            total = total + self.objective.real_code_weight * known
        return total


def _reset(network: nn.Module) -> None:
    """New weights, in place: a captured step holds their addresses."""
    for module in network.modules():
        if callable(reset := getattr(module, "reset_parameters", None)):
            reset()


def _forget(optimizer: torch.optim.Optimizer) -> None:
    for moments in optimizer.state.values():
        for value in moments.values():
            value.zero_()
