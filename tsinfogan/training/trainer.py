"""The training loop: a step, and an iterator of reports that progress display and checkpoints consume."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from tsinfogan.data.panel import UNLABELLED, Panel
from tsinfogan.errors import DivergedError
from tsinfogan.models.discriminator import fit_head
from tsinfogan.models.model import Model
from tsinfogan.preprocessing.augmenter import Augmenter
from tsinfogan.seeding import Stream, derived_seed, generator_at
from tsinfogan.training.class_proportions import class_proportions
from tsinfogan.training.cuda_graph import CapturedStep
from tsinfogan.training.losses import Batch, Objective, Stats, overlap_loss
from tsinfogan.training.mixing import DRAWS_PER_CASE, ClassMixing
from tsinfogan.training.noise_calibration import fitted_noise_scale
from tsinfogan.training.pretraining import WARM_UP_STEPS, Discovery, discovers
from tsinfogan.training.settings import TrainingSettings
from tsinfogan.training.steps import Phases, code_changes, discriminator_loss, generator_loss

SETTLING_CASES = 256
HALF_LIFE_SHARE = 0.1
"""Of the cases of the game so far, as in EDM (Karras et al. 2022, arXiv:2206.00364), so that no average remembers the
beginning."""
LABELLED_SHARE = 4
"""In discovery one in so many cases of a batch is a labelled one, however few there are."""


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
        objective: the losses.
        settings: how long and how fast.
        device: where to train; the data is kept there.
        precision: dtype of the networks' products.
    """

    def __init__(
        self,
        model: Model,
        panel: Panel,
        objective: Objective,
        settings: TrainingSettings,
        device: torch.device | str = "cpu",
        precision: torch.dtype = torch.float32,
    ):
        self.model = model.to(torch.device(device))
        self.objective, self.settings, self.precision = objective, settings, precision
        self.device = self.model.device
        self.data = torch.from_numpy(model.preprocessor.transform(panel)).to(self.device)  # (n, c, *grid)
        use_labels = model.settings.labelled and panel.labels is not None
        labels = torch.from_numpy(panel.labels) if use_labels else torch.full((panel.n_cases,), UNLABELLED)
        self.labels = labels.to(self.device)
        wanted = use_labels and objective.real_code_weight > 0
        self._pseudo_labels = torch.full_like(self.labels, UNLABELLED)
        self._mixing: ClassMixing | None = None
        self._labelled = (self.labels >= 0).nonzero()[:, 0] if wanted else self.labels[:0]
        self.augmenter = Augmenter.build(model.card.augmentations, model.preprocessor)
        self._settle_q()
        self.generator = copy.deepcopy(model.generator).train()
        self.discriminator = copy.deepcopy(model.discriminator).train()
        self.generator_optimizer = self._optimizer(self.generator, settings.generator_rate)
        self.discriminator_optimizer = self._optimizer(self.discriminator, settings.discriminator_rate)
        self.discovery: Discovery | None = None
        codes = model.settings.latent.codes
        n_continuous = sum(code.column == "cont" for code in codes)
        self._overlaps = objective.overlap_weight > 0 and objective.reward_generator and n_continuous > 1
        self._discovers = settings.game_starts > 0 and discovers(objective, self.discriminator, codes)
        if self._discovers:
            with torch.random.fork_rng(devices=[]):
                torch.default_generator.manual_seed(derived_seed(settings.seed, Stream.PRETRAINING))
                self.discovery = Discovery(self.discriminator, codes, objective, settings).to(self.device)
            self.discovery_optimizer = self._optimizer(
                nn.ModuleList([self.discriminator, self.discovery.heads]), settings.discriminator_rate
            )
        self.steps_done = 0
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.long)
        self._captured: dict[Phases | str, CapturedStep] = {}

    def _settle_q(self) -> None:
        """Puts what an untrained Q sees of real series on one scale."""
        discriminator = self.model.discriminator
        if discriminator.sizes:
            some = self.data[:SETTLING_CASES]
            label = torch.zeros(len(some), discriminator.sizes[0], device=self.device)
            with torch.no_grad():
                fit_head(discriminator.q, discriminator.recognition_features(some, label))

    def _optimizer(self, network: nn.Module, rate: float) -> torch.optim.Adam:
        on_gpu = self.device.type == "cuda"
        return torch.optim.Adam(
            network.parameters(),
            lr=torch.tensor(rate, device=self.device) if on_gpu else rate,
            betas=(self.settings.beta1, self.settings.beta2),
            fused=self.device.type in ("cpu", "cuda"),
            capturable=on_gpu,
        )

    def run(self, stop: Callable[[], bool] = lambda: False) -> Iterator[Report]:
        """Trains on to ``max_steps``, or until ``stop()``, and yields a report every ``report_every`` steps.

        Raises:
            DivergedError: a loss stopped being finite; the model is then of no use, an earlier checkpoint is.
        """
        settings = self.settings
        totals: dict[str, Tensor] = {}
        counts: dict[str, int] = {}
        started = last = time.perf_counter()
        last_step = self.steps_done
        stopped = False
        while self.steps_done < settings.max_steps and not stopped:
            for name, value in self.step().items():
                totals[name] = totals[name] + value if name in totals else value.clone()
                counts[name] = counts.get(name, 0) + 1
            stopped = stop()
            if self.steps_done % settings.report_every and self.steps_done != settings.max_steps and not stopped:
                continue
            sums = torch.stack(list(totals.values())).tolist()  # the only synchronisation
            stats = {name: total / counts[name] for name, total in zip(totals, sums, strict=True)}
            if not all(math.isfinite(value) for value in stats.values()):
                broken = ", ".join(name for name, value in stats.items() if not math.isfinite(value))
                raise DivergedError(
                    f"training diverged before step {self.steps_done}: {broken} is not finite; lower --discriminator-rate and "
                    "--generator-rate, or raise --r1-weight, and train again"
                )
            if self.steps_done == settings.max_steps:
                self._finish()
            now = time.perf_counter()
            speed = (self.steps_done - last_step) * settings.batch_size / (now - last)
            yield Report(self.steps_done, stats, speed, now - started)
            totals, counts, last, last_step = {}, {}, time.perf_counter(), self.steps_done

    def _finish(self) -> None:
        """Settles how samples are drawn."""
        if self._discovers:
            self.model.class_proportions = class_proportions(self.model, self.data)
        if self.settings.calibrate_noise and self._mixing is not None:
            self.model.noise_scale = fitted_noise_scale(self.model, self.data, self.settings.seed)

    def step(self) -> Stats:
        """One step of the discriminator and, when due, of the generator; statistics stay on the device."""
        compute, stage = self._due(self.steps_done)
        self._set_rates()
        batch = self._draw(self.steps_done)
        if self.device.type == "cuda":
            if stage not in self._captured:
                self._captured[stage] = CapturedStep(compute, batch, self._tensors)
            compute = self._captured[stage]
        stats = compute(batch)
        self.steps_done += 1
        if self.discovery is None:
            self._average()
        return stats

    def _due(self, number: int) -> tuple[Callable[[Batch], Stats], Phases | str]:
        """What step ``number`` computes, and a name for it; sees to what must happen before."""
        if self.discovery is not None:
            self.discovery.turn_to(
                number, self.discriminator, self.discovery_optimizer, self.data, self.labels, self.augmenter
            )
            if number < self.settings.game_starts:
                opens = self.discovery.opens(number)
                return partial(self._discover, opens=opens), "opening" if opens else "revision"
            for discriminator in (self.discriminator, self.model.discriminator):
                discriminator.load_state_dict(self.discovery.best.state_dict())
            self._pseudo_labels = self.discovery.found(self.data, self.labels, self.augmenter)
            self.discovery = None
            self._mixing = self._known_mixing()
        phases = self._phases(number)
        return partial(self._play, phases=phases), phases

    def _known_mixing(self) -> ClassMixing | None:
        discriminator, windows = self.discriminator, self.model.settings.low_rank_head
        if (
            not self.objective.within_class_mixing
            or discriminator.principal_components is None
            or not discriminator.by_category
            or windows
        ):
            return None  # windows of a recording lie along its path, and a blend of two places beside it
        return ClassMixing.among(self.data, self._pseudo_labels, self.discriminator.sizes[0])

    def _phases(self, number: int) -> Phases:
        settings, objective = self.settings, self.objective
        penalised = number % settings.penalty_every == 0 and (
            objective.r1_weight or objective.r2_weight or self._overlaps
        )
        return Phases(
            generator=(number + 1) % settings.generator_every == 0,
            recognition=(number + 1) % settings.recognition_every == 0,
            penalty=settings.penalty_every if penalised else 0,
        )

    def _set_rates(self) -> None:
        settings = self.settings
        left = (settings.max_steps - self.steps_done) / max(1.0, settings.decay_share * settings.max_steps)
        factor = min(1.0, max(0.0, left))
        if self.discovery is not None and self.steps_done < settings.game_starts:
            factor *= self.discovery.rate(self.steps_done)
        elif self._discovers:  # Adam's first steps are whole ones, and would shake what discovery found
            factor *= min(1.0, (self.steps_done - settings.game_starts + 1) / WARM_UP_STEPS)
        for name, optimizer in self._optimizers().items():
            rate = settings.generator_rate if name == "generator_optimizer" else settings.discriminator_rate
            for group in optimizer.param_groups:
                if isinstance(group["lr"], Tensor):
                    group["lr"].fill_(rate * factor)
                else:
                    group["lr"] = rate * factor

    def _draw(self, number: int) -> Batch:
        """All that is random in step ``number``: it depends on the seed and the number alone."""
        n = self.settings.batch_size
        rng = generator_at(self.device, self.settings.seed, Stream.STEP, number)
        index = self._next_cases(number)
        if self.discovery is not None and len(self._labelled):
            extra = torch.randint(len(self._labelled), (n // LABELLED_SHARE,), generator=rng, device=self.device)
            index = torch.cat([self._labelled[extra], index[len(extra) :]])
        latent_spec = self.model.settings.latent
        noise, codes = latent_spec.sample(n, rng)
        return Batch(
            real=self.data[index],
            real_label=self.labels[index],
            pseudo_label=self._pseudo_labels[index],
            latent=latent_spec.encode(noise, codes),
            injected_noise=torch.randn(n, self.model.injected_noise_dim, generator=rng, device=self.device),
            codes=codes,
            real_draw=self.augmenter.draw(n, rng),
            fake_draw=self.augmenter.draw(n, rng),
            real_mixing=torch.rand(n, DRAWS_PER_CASE, generator=rng, device=self.device),
            fake_mixing=torch.rand(n, DRAWS_PER_CASE, generator=rng, device=self.device),
        )

    def _next_cases(self, number: int) -> Tensor:
        """Indices ``(batch_size,)``: every case once an epoch, in an order that the seed and the epoch decide."""
        n_cases, n = len(self.data), self.settings.batch_size
        chosen: list[Tensor] = []
        position, end = number * n, (number + 1) * n
        while position < end:
            epoch, first = divmod(position, n_cases)
            if epoch != self._epoch:
                order = torch.randperm(n_cases, generator=generator_at("cpu", self.settings.seed, Stream.DATA, epoch))
                self._epoch, self._order = epoch, order.to(self.device)
            chosen.append(self._order[first : first + end - position])
            position += len(chosen[-1])
        return torch.cat(chosen)

    def _discover(self, batch: Batch, opens: bool) -> Stats:
        """A step before the game, as a plain function of its batch."""
        assert self.discovery is not None
        with self._precise():
            loss, stats = self.discovery.loss(self.discriminator, batch, self.augmenter, opens)
        self._descend(self.discovery_optimizer, loss)
        return stats

    def _play(self, batch: Batch, phases: Phases) -> Stats:
        """A step of the game, as a plain function of its batch: fit for capture."""
        codes = self.model.settings.latent.codes
        self.discriminator.requires_grad_(True)
        with self._precise():
            with torch.set_grad_enabled(phases.generator):
                fake = self.generator(batch.latent, batch.injected_noise)  # (n, c, *grid)
            loss, stats = discriminator_loss(
                self.objective, self.discriminator, codes, batch, fake.detach(), self.augmenter, phases, self._mixing
            )
        self._descend(self.discriminator_optimizer, loss)
        if phases.generator:
            self.discriminator.requires_grad_(False)
            with self._precise():
                loss, more = generator_loss(
                    self.objective, self.discriminator, codes, batch, fake, self.augmenter, self._mixing
                )
                if phases.penalty and self._overlaps:
                    latent, n = self.model.settings.latent, -(-len(fake) // 2)
                    overlap = overlap_loss(code_changes(self.generator, latent, batch, fake, n))
                    loss = loss + self.objective.overlap_weight * phases.penalty * overlap
                    more["overlap"] = overlap.detach()
            self._descend(self.generator_optimizer, loss)
            stats |= more
        return stats

    def _precise(self) -> torch.autocast:
        return torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32)

    @staticmethod
    def _descend(optimizer: torch.optim.Adam, loss: Tensor) -> None:
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    @torch.no_grad()
    def _average(self) -> None:
        settings = self.settings
        n_cases = settings.batch_size * (self.steps_done - settings.game_starts * self._discovers)  # of the game so far
        half_life = min(settings.ema_half_life_cases, HALF_LIFE_SHARE * n_cases)
        weight = 1 - 0.5 ** (settings.batch_size / half_life)
        for average, network in (
            (self.model.generator, self.generator),
            (self.model.discriminator, self.discriminator),
        ):
            torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), weight)
            for slow, fast in zip(average.buffers(), network.buffers(), strict=True):
                slow.copy_(fast)

    def state_dict(self) -> dict[str, Tensor]:
        """Everything that training goes on from, as named tensors."""
        return {"steps_done": torch.tensor(self.steps_done), "found": self._pseudo_labels, **self._tensors()}

    def _tensors(self) -> dict[str, Tensor]:
        state: dict[str, Tensor] = {}
        for prefix, network in self._networks().items():
            state |= {f"{prefix}.{name}": value for name, value in network.state_dict().items()}
        for prefix, optimizer in self._optimizers().items():
            for index, moments in optimizer.state_dict()["state"].items():
                state |= {f"{prefix}.{index}.{name}": value for name, value in moments.items()}
        return state

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Goes on exactly from what :meth:`state_dict` gave, on any device."""
        self.steps_done = int(state["steps_done"])
        self._pseudo_labels.copy_(state["found"])
        if self.steps_done > self.settings.game_starts:
            self.discovery = None
            self._mixing = self._known_mixing()
        for prefix, network in self._networks().items():
            network.load_state_dict(_below(state, prefix))
        for prefix, optimizer in self._optimizers().items():
            parameters = optimizer.param_groups[0]["params"]
            moments: dict[int, dict[str, Tensor]] = {}
            for name, value in _below(state, prefix).items():
                index, field = name.split(".")
                if value.ndim:  # fused Adam walks parameter and moments in one layout
                    value = torch.empty_like(parameters[int(index)]).copy_(value)
                moments.setdefault(int(index), {})[field] = value
            optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})

    def _networks(self) -> dict[str, nn.Module]:
        networks = {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "average_generator": self.model.generator,
            "average_discriminator": self.model.discriminator,
        }
        return networks if self.discovery is None else {**networks, "discovery": self.discovery}

    def _optimizers(self) -> dict[str, torch.optim.Adam]:
        if self.discovery is not None:
            return {"discovery_optimizer": self.discovery_optimizer}
        return {
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
        }


def _below(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) + 1 :]: value for name, value in state.items() if name.startswith(f"{prefix}.")}
