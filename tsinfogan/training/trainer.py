"""A training from first to last step, in three stages that hand over.

1. *Clustering pre-training* (:mod:`tsinfogan.training.pretraining`), where there are categories to find: Q alone
   learns, from real series.
2. *Adversarial training* (:mod:`tsinfogan.training.adversarial`) of generator and discriminator, from the discriminator
   and the pseudo-labels that pre-training hands over. The model that is kept holds running averages of both networks.
3. *Flow matching* (:mod:`tsinfogan.training.flow_matching`), for series: another generator learns to make series with
   the codes that Q reads from real ones. Samples come from it once it is trained.
4. *Calibration* (:mod:`tsinfogan.training.calibration`) after the last step settles how samples are drawn.

Reports, at which progress is shown and checkpoints are written, are the only places where the device is waited for.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from tsinfogan.data.panel import UNLABELLED, Panel
from tsinfogan.errors import DivergedError
from tsinfogan.models.flow import FlowGenerator
from tsinfogan.models.model import Model
from tsinfogan.preprocessing.augmenter import Augmenter
from tsinfogan.training.adversarial import AdversarialStage
from tsinfogan.training.batch import BatchSource, on_device
from tsinfogan.training.calibration import class_proportions, fitted_temperature
from tsinfogan.training.config import Objective, TrainingSettings
from tsinfogan.training.flow_matching import FlowStage
from tsinfogan.training.losses import Stats
from tsinfogan.training.optimization import StepRunner
from tsinfogan.training.pretraining import Pretraining, RealCases, can_pretrain
from tsinfogan.training.ranks import ALONE, Ranks
from tsinfogan.training.spectral import Clustering, cluster

CASES_TO_SCALE_Q = 256
STEADIER = "lower `discriminator_rate` and `generator_rate`, or raise `r1_weight`, and train again"
"""What to do if a training diverged."""
MOMENTS = {"step", "exp_avg", "exp_avg_sq"}
"""What Adam keeps for each parameter."""
HALF_LIFE_SHARE = 0.1
"""Longest half-life of the averages, as a share of the cases of their stage so far (EDM, Karras et al. 2022,
arXiv:2206.00364), so that no average remembers the beginning."""


@dataclass(frozen=True)
class Report:
    """Means over the steps since the last report.

    Attributes:
        step: steps done.
        stats: losses, and ``bound_<column>`` in nats for each code.
        cases_per_s: real cases seen a second.
        elapsed_s: seconds spent training in this process.
    """

    step: int
    stats: dict[str, float]
    cases_per_s: float
    elapsed_s: float

    @property
    def line(self) -> dict[str, float]:
        """All of it by name."""
        return {"step": self.step, "elapsed_s": self.elapsed_s, "cases_per_s": self.cases_per_s, **self.stats}


class Trainer:
    """Trains a model on a panel; ``model`` always holds the averaged networks, ready to sample.

    Args:
        model: what is trained, in place.
        panel: training data with the channels that the model was made for.
        objective: weights of the losses.
        settings: how long and how fast.
        device: where to train; the data is kept there.
        precision: dtype of the networks' products.
        ranks: which of several processes that train together this is.
    """

    def __init__(
        self,
        model: Model,
        panel: Panel,
        objective: Objective,
        settings: TrainingSettings,
        device: torch.device | str = "cpu",
        precision: torch.dtype = torch.float32,
        ranks: Ranks = ALONE,
    ):
        self.model = model.to(torch.device(device))
        self.objective, self.settings, self.precision, self.ranks = objective, settings, precision, ranks
        self.device = self.model.device
        self.tell: Callable[[str, float], None] = lambda what, share: None
        """Is called with what is done beside steps, and the share of it that is done."""
        # The data, as the networks see it.
        self.data = on_device(model.preprocessor.transform(panel), self.device)  # (n, c, *grid)
        self.labels = labels = self._labels(panel)  # (n,)
        self.augmenter = Augmenter.build(model.card.augmentations, model.preprocessor)
        self.batches = BatchSource(model, self.data, labels, self.augmenter, settings.batch_size, settings.seed)
        self._labelled = (labels >= 0).nonzero()[:, 0] if objective.real_code_weight else labels[:0]
        self._drawn: Tensor | None = None  # of the cases, those that adversarial training draws
        # The networks that move, and their averages in the model.
        self._scale_q()
        self.generator = copy.deepcopy(model.generator).train()
        self.discriminator = copy.deepcopy(model.discriminator).train()
        # The stages.
        latent = model.settings.latent
        flow = self.generator if isinstance(self.generator, FlowGenerator) else None
        player = flow.inner if flow else self.generator
        self.adversarial = AdversarialStage(
            player, self.discriminator, latent, objective, settings, self.augmenter, precision
        )
        self.flow = FlowStage(flow, latent, settings, precision) if flow else None
        self.pretraining: Pretraining | None = None
        self._pretrains = settings.adversarial_start > 0 and can_pretrain(objective, self.discriminator, latent)
        self.clustering: Clustering | None = None
        if self._pretrains:
            cases = RealCases(self.data, labels, self.augmenter)
            self._clustered_cases = cases.chosen
            targets = self._clustered(cases) if settings.opening == "convolutions" else None
            self.pretraining = Pretraining(self.discriminator, latent, objective, settings, cases, precision, targets)
            self.adversarial.first_step = settings.adversarial_start
        self.steps_done = 0
        self._run_step = StepRunner(self._tensors, capture=ranks.size == 1)
        # Each rank computes its rows of a batch.
        ranks.split(player, *([flow.velocity_network] if flow else []), *self.discriminator.trunks)
        stages = (self.pretraining, self.flow)
        ranks.average_gradients(
            self.adversarial.generator_optimizer,
            self.adversarial.discriminator_optimizer,
            *(stage.optimizer for stage in stages if stage is not None),
        )

    def _labels(self, panel: Panel) -> Tensor:
        """``(n_cases,)`` known category, or −1; a model that is not labelled never sees one."""
        if self.model.settings.labelled and panel.labels is not None:
            return torch.from_numpy(panel.labels).to(self.device)
        return torch.full((panel.n_cases,), UNLABELLED, device=self.device)

    def _clustered(self, cases: RealCases) -> Tensor:
        """``(n_cases,)`` category of the cases that scoring reads, by spectral clustering, or −1; rank 0 finds it."""
        targets = torch.full_like(self.labels, UNLABELLED)
        if self.ranks.rank:
            return targets
        series = cases.chosen_data[:, : self.data.shape[1] - self.augmenter.n_constant].cpu()
        known = self.labels[cases.chosen].cpu().numpy() if self.objective.real_code_weight else None
        n_categories = self.model.settings.n_categories
        self.clustering = cluster(series, n_categories, self.settings.seed, known)
        targets[cases.chosen] = torch.from_numpy(self.clustering.labels).to(self.device)
        return targets

    def _scale_q(self) -> None:
        """Puts the features of real series that an untrained Q reads on one scale."""
        discriminator = self.model.discriminator
        if discriminator.sizes:
            some = self.data[:CASES_TO_SCALE_Q]
            label = torch.zeros(len(some), discriminator.sizes[0], device=self.device)
            with torch.no_grad():
                discriminator.q.fit(discriminator.recognition_features(some, label))

    # ---- the loop

    def run(self, stop: Callable[[], bool] = lambda: False) -> Iterator[Report]:
        """Trains on to ``max_steps``, or until ``stop()``, and yields a report every ``report_every`` steps.

        Raises:
            DivergedError: a loss stopped being finite; the model is then of no use, an earlier checkpoint is.
        """
        settings = self.settings
        totals: dict[str, Tensor] = {}
        counts: dict[str, int] = {}
        if self.steps_done < settings.max_steps:
            self._follow_first()
        started = last = time.perf_counter()
        last_step = self.steps_done
        stopped = False
        while self.steps_done < settings.max_steps and not stopped:
            for name, value in self.step().items():
                totals[name] = totals[name] + value if name in totals else value.clone()
                counts[name] = counts.get(name, 0) + 1
            stopped = self.ranks.any(stop())
            if self.steps_done % settings.report_every and self.steps_done != settings.max_steps and not stopped:
                continue
            sums = torch.stack(list(totals.values())).tolist()  # the only synchronisation
            stats = {name: total / counts[name] for name, total in zip(totals, sums, strict=True)}
            self._check_finite(stats)
            if self.steps_done == settings.max_steps:
                self.calibrate()
            now = time.perf_counter()
            speed = (self.steps_done - last_step) * settings.batch_size / (now - last)
            yield Report(self.steps_done, stats, speed, now - started)
            totals, counts, last, last_step = {}, {}, time.perf_counter(), self.steps_done

    def step(self) -> Stats:
        """One step of the stage that is due; statistics stay on the device."""
        number = self.steps_done
        if self.pretraining is not None:
            if self.pretraining.prepare(number):
                self._follow_first()
            if number == self.pretraining.n_steps:
                self._hand_over(self.pretraining)
        if self.pretraining is not None:
            stats = self._pretraining_step(self.pretraining, number)
        elif self.flow is not None and number >= self.settings.flow_start:
            stats = self._flow_step(self.flow, number)
        else:
            stats = self._adversarial_step(number)
        return stats

    def _pretraining_step(self, pretraining: Pretraining, number: int) -> Stats:
        """Trunk and heads, or trunk and Q."""
        restarts = pretraining.restarts(number)
        pretraining.set_rates(number)
        among = None if pretraining.targets is None else self._clustered_cases  # which have targets
        batch = self.batches.draw(number, preferred=self._labelled, among=among)
        stats = self._run_step(
            "restart" if restarts else "split-merge", partial(pretraining.step, restarts=restarts), batch
        )
        self.steps_done += 1
        return stats

    def _adversarial_step(self, number: int) -> Stats:
        """The discriminator and, when due, the generator; then the averages."""
        stage = self.adversarial
        phases = stage.phases(number)
        stage.set_rates(number)
        n_injected = int(stage.generator.injected_noise_dim)  # type: ignore[arg-type]
        batch = self.batches.draw(number, n_injected=n_injected, among=self._drawn)
        stats = self._run_step(phases, partial(stage.step, phases=phases), batch)
        self.steps_done += 1
        start = self.settings.adversarial_start if self._pretrains else 0
        networks = [self.generator, self.discriminator]
        self._average(start, [self.model.generator, self.model.discriminator], networks)
        return stats

    def _flow_step(self, stage: FlowStage, number: int) -> Stats:
        """The velocity network, then its average; Q, whose codes it learns from, stays."""
        if number == self.settings.flow_start:
            tell = partial(self.tell, "reading codes")
            stage.begin(self.model.discriminator, self.data, self.labels, self.ranks, tell)
        stage.set_rate(number)
        stats = self._run_step("flow", stage.step, self.batches.draw(number, among=stage.cases))
        self.steps_done += 1
        self._average(self.settings.flow_start, [self.model.generator], [self.generator])
        return stats

    def _hand_over(self, pretraining: Pretraining) -> None:
        """Adversarial training goes on from the best discriminator, and learns to keep its pseudo-labels."""
        best, pseudo_labels = pretraining.result(partial(self.tell, "reading categories"))
        self.ranks.follow([pseudo_labels])
        for network in (self.discriminator, self.model.discriminator):
            network.load_state_dict(best.state_dict())
        self._begin_adversarial(pseudo_labels)

    def _begin_adversarial(self, pseudo_labels: Tensor) -> None:
        drawn = slice(None, None, self.pretraining.apart if self.pretraining else 1)
        self._drawn = torch.arange(len(self.data), device=self.device)[drawn]
        self.pretraining = None
        self.batches.pseudo_labels = pseudo_labels
        self.adversarial.begin(self.data[drawn], pseudo_labels[drawn], windows=self.model.settings.low_rank_head)

    def _follow_first(self) -> None:
        """Has every rank go on from what rank 0 decided, in the last bits too."""
        targets = None if self.pretraining is None else self.pretraining.targets
        self.ranks.follow([*self._tensors().values(), *([] if targets is None else [targets])])

    def _check_finite(self, stats: dict[str, float]) -> None:
        if broken := [name for name, value in stats.items() if not math.isfinite(value)]:
            raise DivergedError(
                f"training diverged before step {self.steps_done}: {', '.join(broken)} is not finite; {STEADIER}"
            )

    @torch.no_grad()
    def _average(self, start: int, averages: Sequence[nn.Module], networks: Sequence[nn.Module]) -> None:
        """Moves the model's networks towards those trained since step ``start``, by exponential averages."""
        settings = self.settings
        n_cases = settings.batch_size * (self.steps_done - start)
        half_life = min(settings.ema_half_life_cases, HALF_LIFE_SHARE * n_cases)
        weight = 1 - 0.5 ** (settings.batch_size / half_life)
        for average, network in zip(averages, networks, strict=True):
            torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), weight)
            for slow, fast in zip(average.buffers(), network.buffers(), strict=True):
                slow.copy_(fast)

    def calibrate(self) -> None:
        """Settles how samples are drawn, and how sure Q is."""
        if self.clustering is not None:
            self.model.agreement = self.clustering.agreement
            self.model.temperature = fitted_temperature(self.model, self.data[self._clustered_cases], self.clustering)
        if self.flow is not None and self.steps_done > self.settings.flow_start:
            for network in (self.flow.generator, self.model.generator):
                network.trained.fill_(True)  # type: ignore[operator]
        if self._pretrains:
            self.model.class_proportions = class_proportions(
                self.model, self.data, partial(self.tell, "counting categories")
            )

    # ---- checkpoints

    def state_dict(self) -> dict[str, Tensor]:
        """Everything that training goes on from, as named tensors."""
        progress = {"steps_done": torch.tensor(self.steps_done), "pseudo_labels": self.batches.pseudo_labels}
        return {**progress, **self._tensors()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Goes on exactly from what :meth:`state_dict` gave, on any device."""
        self.steps_done = int(state["steps_done"])
        if self.steps_done > self.settings.adversarial_start:
            self._begin_adversarial(state["pseudo_labels"].to(self.device))
        for prefix, network in self._networks().items():
            network.load_state_dict(_below(state, prefix))
        if self.pretraining is not None:
            self.pretraining.load_tensors(_below(state, "pretraining"))
        if self.flow is not None and self.steps_done > self.settings.flow_start:
            self.flow.begin(self.model.discriminator, self.data, self.labels, self.ranks)
        for prefix, optimizer in self._optimizers().items():
            parameters = optimizer.param_groups[0]["params"]
            moments: dict[int, dict[str, Tensor]] = {}
            for name, value in _below(state, prefix).items():
                index, field = name.split(".")
                if value.dtype != torch.float32 or (value.ndim and value.shape != parameters[int(index)].shape):
                    raise ValueError(f"{prefix}.{name} is of another shape or type than the weights")
                if value.ndim:  # fused Adam walks parameter and moments in one layout
                    value = torch.empty_like(parameters[int(index)]).copy_(value)
                moments.setdefault(int(index), {})[field] = value
            if any(each.keys() != MOMENTS or each["step"].ndim for each in moments.values()):
                raise ValueError(f"{prefix} lacks moments")
            optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})

    def _tensors(self) -> dict[str, Tensor]:
        """Every tensor that steps change, by name."""
        state: dict[str, Tensor] = {}
        for prefix, network in self._networks().items():
            state |= {f"{prefix}.{name}": value for name, value in network.state_dict().items()}
        if self.pretraining is not None:
            state |= {f"pretraining.{name}": value for name, value in self.pretraining.tensors().items()}
        for prefix, optimizer in self._optimizers().items():
            for index, moments in optimizer.state_dict()["state"].items():
                state |= {f"{prefix}.{index}.{name}": value for name, value in moments.items()}
        return state

    def _networks(self) -> dict[str, nn.Module]:
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "average_generator": self.model.generator,
            "average_discriminator": self.model.discriminator,
        }

    def _optimizers(self) -> dict[str, torch.optim.Adam]:
        if self.pretraining is not None:
            return {"pretraining_optimizer": self.pretraining.optimizer}
        if self.flow is not None and self.steps_done > self.settings.flow_start:
            return {"flow_optimizer": self.flow.optimizer}
        stage = self.adversarial
        return {
            "generator_optimizer": stage.generator_optimizer,
            "discriminator_optimizer": stage.discriminator_optimizer,
        }


def _below(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) + 1 :]: value for name, value in state.items() if name.startswith(f"{prefix}.")}
