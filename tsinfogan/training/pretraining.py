"""Clustering pre-training: Q finds categories in real series alone, before adversarial training begins.

1. *Restarts.* A freshly initialised trunk with several heads is trained to give a series and its augmentations one
   category, and to use all categories (IIC, Ji et al. 2019, arXiv:1807.06653); this is repeated with fresh weights.
   The trunk and head with the least disagreement over augmented views are kept.
2. *Split-merge rounds.* Categories that hold two clusters are split, redundant ones merged
   (:mod:`tsinfogan.training.split_merge`), and trunk and head learn on. A round that does not lower the disagreement is
   undone. Features of the trunks of all restarts vote on where to split.
3. *Hand-over.* The best discriminator goes on to adversarial training, with the pseudo-labels that it gives the
   training series.

No label is needed: among restarts on one dataset, low disagreement under augmentation goes with high accuracy
(docs/development/experiments.md). That holds where it is known which augmentations leave a series what it is. Where it
is not, a clustering that hardly disagrees with itself under weak augmentations has proved nothing: then the categories
come from spectral clustering (:mod:`tsinfogan.training.spectral`), and trunk and Q learn these, without restarts and
rounds. Without this stage generator and Q agree on categories of their own, which consistency alone does not undo
later.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, cast

import torch
from torch import Generator, Tensor, nn

from tsinfogan.data.panel import UNLABELLED
from tsinfogan.models.codes import LatentSpec
from tsinfogan.models.discriminator import Discriminator
from tsinfogan.models.heads import RecognitionHead, Standardize
from tsinfogan.preprocessing.augmenter import Augmenter
from tsinfogan.sampling.inference import augmented_views, evenly_spaced, view_features
from tsinfogan.seeding import Stream, derived_seed, generator_at
from tsinfogan.training.batch import Batch
from tsinfogan.training.config import Objective, TrainingSettings
from tsinfogan.training.losses import Stats, category_agreement, known_code_loss, logit_regularization
from tsinfogan.training.optimization import decay, descend, forget_moments, make_optimizer, set_rate, warm_up
from tsinfogan.training.split_merge import revised_targets, teach

MAX_SCORED_CASES = 2000
SCORED_VIEWS, SPLIT_VIEWS = 4, 6
SCORING, SPLITTING, TEACHING = 1, 2, 3
"""Random numbers of pre-training, beside those of its restarts."""


class PretrainingResult(NamedTuple):
    """What pre-training hands over.

    Attributes:
        discriminator: the one with the least disagreement.
        pseudo_labels: ``(n_cases,)`` category of the first categorical code that it reads in every view, or −1.
    """

    discriminator: Discriminator
    pseudo_labels: Tensor


def can_pretrain(objective: Objective, discriminator: Discriminator, latent: LatentSpec) -> bool:
    """Whether there are categories that consistency can find in real series."""
    has_categories = any(code.n_categories > 1 for code in latent.codes)
    return has_categories and objective.consistency_weight > 0 and discriminator.settings.label_input == "none"


class Pretraining:
    """The stage before adversarial training: heads, optimizer, schedule, and the best discriminator so far.

    Args:
        discriminator: trained in place.
        latent: the model's codes.
        objective: weights of consistency, balance and known labels.
        settings: numbers of steps, restarts, heads and rounds.
        cases: real series and what is known of them.
        precision: dtype of the networks' products.
        targets: ``(n_cases,)`` category to be learned, or −1; None to find categories by restarts.
    """

    def __init__(
        self,
        discriminator: Discriminator,
        latent: LatentSpec,
        objective: Objective,
        settings: TrainingSettings,
        cases: RealCases,
        precision: torch.dtype = torch.float32,
        targets: Tensor | None = None,
    ):
        self.discriminator, self.codes, self.objective, self.settings = discriminator, latent.codes, objective, settings
        self.cases, self.precision, self.targets = cases, precision, targets
        self.n_steps = settings.adversarial_start
        # Adversarial training draws every case, or of more than its steps need evenly spaced ones, if none has a label.
        n_drawn = settings.batch_size * (settings.flow_start - settings.adversarial_start)
        self.apart = 1 if objective.real_code_weight else -(-len(cases.labels) // max(MAX_SCORED_CASES, n_drawn))
        categories = list(latent.categories.values())
        self._category = categories[0]
        self._splits = len(categories) == 1  # with several codes it is open which of them should hold what
        device = cases.data.device
        feature_dim = discriminator.q.feature_dim
        with _seeded(settings.seed, Stream.PRETRAINING, device=device):
            n_heads = 1 if targets is not None else settings.pretraining_heads
            n_parameters = sum(discriminator.sizes)
            heads = nn.ModuleList(RecognitionHead(feature_dim, n_parameters) for _ in range(n_heads))
        self.heads = heads.to(device)
        self.best = copy.deepcopy(discriminator).requires_grad_(False)
        self.ensemble = nn.ModuleList(copy.deepcopy(self.best) for _ in range(settings.n_restarts))
        self.min_disagreement = torch.tensor(torch.inf, device=device)
        trained = nn.ModuleList([discriminator, self.heads])
        self.optimizer = make_optimizer(trained, settings.discriminator_rate, settings)

    # ---- the schedule

    def restarts(self, step: int) -> bool:
        """Whether a step belongs to a restart, whose heads learn; later Q learns."""
        return step < self.settings.split_merge_start

    def set_rates(self, step: int) -> None:
        """Sets the rate of step number ``step``: in each split-merge round it rises, then falls to 0.

        With targets it falls to 0 by the end. Once they are learned, gradients are next to none and Adam's
        steps leap now and then, which later steps mend; the last steps have none after them.
        """
        settings = self.settings
        end = settings.flow_start if self.targets is None else settings.adversarial_start
        factor = decay(step, end, settings.decay_share)
        if not self.restarts(step):
            since = self._since_split(step)
            factor *= warm_up(since) * (1 - since / self.settings.split_merge_steps)
        set_rate(self.optimizer, self.settings.discriminator_rate * factor)

    def prepare(self, step: int) -> bool:
        """Does what is due before a step: scores what was learned, restarts, or splits and merges. Whether that was.

        Networks are changed in place, so that a captured step still finds its weights.
        """
        settings = self.settings
        restart, since = divmod(step, settings.restart_steps)
        restarts = step <= settings.split_merge_start and since == 0
        if restarts:
            if restart:
                self._keep_best(self.heads)
                self.ensemble[restart - 1].load_state_dict(self.discriminator.state_dict())
                forget_moments(self.optimizer)
            if restart < settings.n_restarts:
                self._restart(restart)
        rounds = step >= settings.split_merge_start and settings.n_split_merge_rounds > 0
        rounds = rounds and self._since_split(step) == 0
        if rounds:
            if step > settings.split_merge_start:
                self._keep_best([self.discriminator.q])
            self.discriminator.load_state_dict(self.best.state_dict())
            if self._splits and step < settings.adversarial_start:
                self._split_and_merge(step)
                forget_moments(self.optimizer)
        return restarts or rounds

    def _since_split(self, step: int) -> int:
        return (step - self.settings.split_merge_start) % self.settings.split_merge_steps

    # ---- a step

    def step(self, batch: Batch, restarts: bool) -> Stats:
        """Trains trunk and heads, or trunk and Q: a plain function of its batch, fit for capture."""
        with torch.autocast(batch.real.device.type, self.precision, enabled=self.precision != torch.float32):
            loss, stats = self.loss(batch, restarts)
        descend(self.optimizer, loss)
        return stats

    def loss(self, batch: Batch, restarts: bool) -> tuple[Tensor, Stats]:
        """Disagreement over a real case and two augmentations of it, plus logit regularization, summed over heads.

        Args:
            batch: real cases and the random numbers of their augmentations.
            restarts: whether the heads learn, or Q.
        """
        augmentations = (batch.real_augmentation, batch.generated_augmentation)
        views = [batch.real, *(self.cases.augmenter.apply(batch.real, draws) for draws in augmentations)]
        features = self.discriminator.recognition_features(torch.cat(views))  # (n_views * n, feature_dim)
        heads = self.heads if restarts else [self.discriminator.q]
        posteriors = [self.discriminator.posteriors(head, features) for head in heads]
        total = torch.stack([self._disagreement(each, len(views), batch.real_label, batch.case) for each in posteriors])
        regularization = torch.stack([logit_regularization(self.codes, each) for each in posteriors]).sum()
        weight = self.objective.consistency_weight * self.objective.logit_regularization_weight
        return total.sum() + weight * regularization, {"pretraining": total.detach().min()}

    def _disagreement(self, posteriors: Sequence[Tensor], n_views: int, labels: Tensor, index: Tensor) -> Tensor:
        """Inconsistency and imbalance over ``n_views`` views of n cases, view by view, and misread labels ``(n,)``.

        Where there are targets, disagreement with these in every view. ``index`` ``(n,)`` says which cases these are.
        """
        if self.targets is not None:
            target, category = self.targets[index].repeat(n_views), self._category
            return known_code_loss(self.codes[category], posteriors[category], target)
        views = list(zip(*(parameters.chunk(n_views) for parameters in posteriors), strict=True))
        total = self.objective.consistency_weight * category_agreement(self.objective, self.codes, views)
        if self.objective.real_code_weight:
            known = known_code_loss(self.codes[0], posteriors[0], labels.repeat(n_views))
            total = total + self.objective.real_code_weight * known
        return total

    # ---- restarts, scores, split-merge rounds

    def _restart(self, restart: int) -> None:
        """Fresh weights of trunk and heads, but for the first restart; heads see the features on one scale."""
        if restart:
            with _seeded(self.settings.seed, Stream.PRETRAINING, restart, device=self.cases.data.device):
                _reset(self.discriminator)
                _reset(self.heads)
        with torch.no_grad():
            features = view_features(self.discriminator, self.cases.chosen_data[None])[0]
        for head in cast(Iterable[RecognitionHead], (*self.heads, self.discriminator.q)):
            head.fit(features)

    @torch.no_grad()
    def _keep_best(self, heads: Iterable[nn.Module]) -> None:
        """Keeps trunk and head if one of the heads has less disagreement than the best so far."""
        views = self.cases.views(SCORED_VIEWS, self._draws(SCORING))  # the same augmentations each time
        features = view_features(self.discriminator, views).flatten(0, 1)
        chosen = self.cases.chosen
        labels = self.cases.labels[chosen]
        for head in heads:
            posteriors = self.discriminator.posteriors(head, features)
            disagreement = self._disagreement(posteriors, SCORED_VIEWS, labels, chosen)
            if disagreement < self.min_disagreement:
                self.min_disagreement.copy_(disagreement)
                self.best.load_state_dict(self.discriminator.state_dict())
                self.best.q.load_state_dict(head.state_dict())

    def _split_and_merge(self, step: int) -> None:
        """Gives Q, whose trunk stays, new categories: those that hold two clusters split, redundant ones merged."""
        discriminator, category, seed = self.discriminator, self._category, self.settings.seed
        rng = self._draws(SPLITTING, step)
        chosen, labels = self.cases.chosen, self.cases.labels
        known = labels[chosen] if self.objective.real_code_weight else torch.full_like(chosen, UNLABELLED)
        views = self.cases.views(SPLIT_VIEWS, rng)
        with torch.no_grad():
            features = view_features(discriminator, views)  # (v, n, f)
            logits = discriminator.posteriors(discriminator.q, features.flatten(0, 1))[category]
            logits = logits.unflatten(0, features.shape[:2])  # (v, n, K)
            others = [view_features(other, views) for other in cast(Iterable[Discriminator], self.ensemble)]
        evidence = torch.cat([_standardized(each) for each in (features, *others)], dim=2)  # (v, n, f_total)
        with _seeded(seed, Stream.PRETRAINING, TEACHING, step, device=chosen.device):
            finer = RecognitionHead(evidence.shape[2], 2 * logits.shape[2]).to(chosen.device)
            _reset(discriminator.q)
        discriminator.q.fit(features.flatten(0, 1))
        targets = revised_targets(evidence, logits, finer, known, rng)
        teach(discriminator.q, features, targets, rng, first=sum(discriminator.sizes[:category]))

    def _draws(self, *index: int) -> Generator:
        return generator_at(self.cases.data.device, self.settings.seed, Stream.PRETRAINING, *index)

    # ---- the result, and what a checkpoint keeps

    @torch.no_grad()
    def result(self, tell: Callable[[float], None] = lambda share: None) -> PretrainingResult:
        """The best discriminator, and its pseudo-labels of the cases that adversarial training draws.

        Its Q sees features on one scale anew: the trunk may have made them ten times as large, and Q would leap with
        every step. ``tell`` is called with the share of the cases that is done.
        """
        labels, rng = torch.full_like(self.cases.labels, UNLABELLED), self._draws(SCORING)
        every = torch.arange(0, len(labels), self.apart, device=labels.device)
        for index, some in enumerate(every.split(MAX_SCORED_CASES)):
            tell(index * MAX_SCORED_CASES / len(every))
            views = augmented_views(self.cases.data[some], self.cases.augmenter, SCORED_VIEWS, rng)
            features = view_features(self.best, views).flatten(0, 1)
            predicted = self.best.posteriors(self.best.q, features)[self._category].argmax(1)
            predicted = predicted.unflatten(0, (SCORED_VIEWS, -1))  # (v, n)
            agreed = (predicted == predicted[0]).all(0)
            labels[some] = torch.where(agreed, predicted[0], UNLABELLED)
        self.best.q.rescale(view_features(self.best, self.cases.chosen_data[None])[0])
        return PretrainingResult(self.best, labels)

    def tensors(self) -> dict[str, Tensor]:
        """By name, what the stage owns beside the discriminator and the optimizer's moments."""
        networks = nn.ModuleDict({"heads": self.heads, "best": self.best, "ensemble": self.ensemble})
        return {**networks.state_dict(), "min_disagreement": self.min_disagreement}

    def load_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """The inverse of :meth:`tensors`."""
        for name, value in self.tensors().items():
            value.copy_(tensors[name])


class RealCases:
    """Real series that pre-training learns and scores on.

    Args:
        data: ``(n_cases, c, *grid)`` as the networks see them.
        labels: ``(n_cases,)`` known category, or −1.
        augmenter: draws and applies augmentations.
    """

    def __init__(self, data: Tensor, labels: Tensor, augmenter: Augmenter):
        self.data, self.labels, self.augmenter = data, labels, augmenter
        n_cases = len(labels)
        spread = evenly_spaced(n_cases, MAX_SCORED_CASES, labels.device)
        labelled = (labels >= 0).nonzero()[:MAX_SCORED_CASES, 0]
        self.chosen: Tensor = torch.cat([spread, labelled]).unique()
        """Indices of the cases that are scored: of many, some evenly spaced, and the labelled ones."""

    @property
    def chosen_data(self) -> Tensor:
        """``(n, c, *grid)``."""
        return self.data[self.chosen]

    def views(self, n_views: int, generator: Generator) -> Tensor:
        """``(n_views, n, c, *grid)``: the chosen cases as they are, then augmentations of them."""
        return augmented_views(self.chosen_data, self.augmenter, n_views, generator)


def _standardized(features: Tensor) -> Tensor:
    """``(v, n, f)`` features on one scale, so that every trunk counts alike."""
    standardize = Standardize(features.shape[2]).to(features.device)
    standardize.fit(features.flatten(0, 1))
    return standardize(features)  # type: ignore[no-any-return]


@contextlib.contextmanager
def _seeded(seed: int, *index: int, device: torch.device) -> Iterator[None]:
    """Runs a block whose random numbers, global in torch's initialisers, follow from the seed and leave no trace."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(derived_seed(seed, *index))
        yield


def _reset(network: nn.Module) -> None:
    """New weights, in place: a captured step holds their addresses."""
    for module in network.modules():
        if callable(reset := getattr(module, "reset_parameters", None)):
            reset()
