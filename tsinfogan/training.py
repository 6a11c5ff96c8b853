"""The training loop: a step, and an iterator of reports that progress display and checkpoints consume."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tsinfogan.errors import DivergedError, SettingError
from tsinfogan.model import Model
from tsinfogan.objectives import Batch, Objective, Stats
from tsinfogan.panel import UNLABELLED, Panel
from tsinfogan.phases import Phases, critic_loss, generator_loss
from tsinfogan.seeding import generator_at
from tsinfogan.transforms import Distorter

DATA_STREAM, STEP_STREAM = 1, 2


@dataclass(frozen=True)
class TrainingSettings:
    """How long and how fast to train.

    Attributes:
        max_steps: optimisation steps of the critic.
        batch_size: cases a step, real and generated each.
        generator_rate: learning rate of the generator.
        critic_rate: learning rate of trunk, D and Q.
        beta1: first moment decay of Adam.
        beta2: second moment decay of Adam.
        decay_share: last share of the steps, in which learning rates fall linearly to zero.
        generator_every: the generator moves in every so-many-th step of the critic.
        recognition_every: Q learns in every so-many-th step of the critic.
        penalty_every: gradient penalties are applied in every so-many-th step, as many times stronger.
        ema_half_life_cases: cases after which a weight's share in the averaged networks has halved.
        report_every: steps between two reports.
        seed: everything random follows from it.
    """

    max_steps: int = 2500
    batch_size: int = 128
    generator_rate: float = 1e-3
    critic_rate: float = 5e-4
    beta1: float = 0.5
    beta2: float = 0.99
    decay_share: float = 0.3
    generator_every: int = 1
    recognition_every: int = 1
    penalty_every: int = 4
    ema_half_life_cases: int = 10_000
    report_every: int = 25
    seed: int = 0

    def __post_init__(self) -> None:
        for name in (
            "max_steps",
            "batch_size",
            "generator_every",
            "recognition_every",
            "penalty_every",
            "report_every",
        ):
            if getattr(self, name) < 1:
                raise SettingError(f"{name} must be at least 1, got {getattr(self, name)}")
        if min(self.generator_rate, self.critic_rate) <= 0:
            raise SettingError("learning rates must be positive")


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
        self.distorter = Distorter.build(model.card.distortions, model.preprocessor)
        self.generator = copy.deepcopy(model.generator).train()
        self.critic = copy.deepcopy(model.critic).train()
        self.generator_optimizer = self._optimizer(self.generator, settings.generator_rate)
        self.critic_optimizer = self._optimizer(self.critic, settings.critic_rate)
        self.steps_done = 0
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.long)
        self._captured: dict[Phases, _CapturedStep] = {}

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
                    f"training diverged before step {self.steps_done}: {broken} is not finite; lower --critic-rate and "
                    "--generator-rate, or raise --r1-weight, and train again"
                )
            now = time.perf_counter()
            speed = (self.steps_done - last_step) * settings.batch_size / (now - last)
            yield Report(self.steps_done, stats, speed, now - started)
            totals, counts, last, last_step = {}, {}, time.perf_counter(), self.steps_done

    def step(self) -> Stats:
        """One step of the critic and, when due, of the generator; statistics stay on the device."""
        settings, number = self.settings, self.steps_done
        objective = self.objective
        phases = Phases(
            generator=(number + 1) % settings.generator_every == 0,
            recognition=(number + 1) % settings.recognition_every == 0,
            penalty=settings.penalty_every
            if number % settings.penalty_every == 0 and (objective.r1_weight or objective.r2_weight)
            else 0,
        )
        self._set_rates()
        batch = self._draw(number)
        if self.device.type == "cuda":
            if phases not in self._captured:
                self._captured[phases] = _CapturedStep(self, phases, batch)
            stats = self._captured[phases](batch)
        else:
            stats = self._compute(batch, phases)
        self.steps_done += 1
        return stats

    def _set_rates(self) -> None:
        settings = self.settings
        left = (settings.max_steps - self.steps_done) / max(1.0, settings.decay_share * settings.max_steps)
        factor = min(1.0, max(0.0, left))
        for optimizer, rate in (
            (self.generator_optimizer, settings.generator_rate),
            (self.critic_optimizer, settings.critic_rate),
        ):
            for group in optimizer.param_groups:
                if isinstance(group["lr"], Tensor):
                    group["lr"].fill_(rate * factor)
                else:
                    group["lr"] = rate * factor

    def _draw(self, number: int) -> Batch:
        """All that is random in step ``number``: it depends on the seed and the number alone."""
        n = self.settings.batch_size
        rng = generator_at(self.device, self.settings.seed, STEP_STREAM, number)
        index = self._next_cases(number)
        latent_spec = self.model.settings.latent
        noise, codes = latent_spec.sample(n, rng)
        return Batch(
            real=self.data[index],
            real_label=self.labels[index],
            latent=latent_spec.encode(noise, codes),
            texture=torch.randn(n, self.model.texture_dim, generator=rng, device=self.device),
            codes=codes,
            real_draw=self.distorter.draw(n, rng),
            fake_draw=self.distorter.draw(n, rng),
        )

    def _next_cases(self, number: int) -> Tensor:
        """Indices ``(batch_size,)``: every case once an epoch, in an order that the seed and the epoch decide."""
        n_cases, n = len(self.data), self.settings.batch_size
        chosen: list[Tensor] = []
        place, end = number * n, (number + 1) * n
        while place < end:
            epoch, first = divmod(place, n_cases)
            if epoch != self._epoch:
                order = torch.randperm(n_cases, generator=generator_at("cpu", self.settings.seed, DATA_STREAM, epoch))
                self._epoch, self._order = epoch, order.to(self.device)
            chosen.append(self._order[first : first + end - place])
            place += len(chosen[-1])
        return torch.cat(chosen)

    def _compute(self, batch: Batch, phases: Phases) -> Stats:
        """The step as a plain function of its batch: fit for capture."""
        codes = self.model.settings.latent.codes
        with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
            with torch.set_grad_enabled(phases.generator):
                fake = self.generator(batch.latent, batch.texture)  # (n, c, *grid)
            self.critic.requires_grad_(True)
            loss, stats = critic_loss(self.objective, self.critic, codes, batch, fake.detach(), self.distorter, phases)
        self.critic_optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.critic_optimizer.step()
        if phases.generator:
            self.critic.requires_grad_(False)
            with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
                loss, more = generator_loss(self.objective, self.critic, codes, batch, fake, self.distorter)
            self.generator_optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self.generator_optimizer.step()
            stats |= more
        self._average()
        return stats

    @torch.no_grad()
    def _average(self) -> None:
        weight = 1 - 0.5 ** (self.settings.batch_size / self.settings.ema_half_life_cases)
        for average, network in ((self.model.generator, self.generator), (self.model.critic, self.critic)):
            torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), weight)
            for slow, fast in zip(average.buffers(), network.buffers(), strict=True):
                slow.copy_(fast)

    def state_dict(self) -> dict[str, Tensor]:
        """Everything that training goes on from, as named tensors."""
        state = {"steps_done": torch.tensor(self.steps_done)}
        for prefix, network in self._networks().items():
            state |= {f"{prefix}.{name}": value for name, value in network.state_dict().items()}
        for prefix, optimizer in self._optimizers().items():
            for index, moments in optimizer.state_dict()["state"].items():
                state |= {f"{prefix}.{index}.{name}": value for name, value in moments.items()}
        return state

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Goes on exactly from what :meth:`state_dict` gave, on any device."""
        self.steps_done = int(state["steps_done"])
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
        return {
            "generator": self.generator,
            "critic": self.critic,
            "average_generator": self.model.generator,
            "average_critic": self.model.critic,
        }

    def _optimizers(self) -> dict[str, torch.optim.Adam]:
        return {"generator_optimizer": self.generator_optimizer, "critic_optimizer": self.critic_optimizer}


class _CapturedStep:
    """A step recorded once as a CUDA graph and replayed on new batches: no launch overhead on small networks."""

    WARM_UP_STEPS = 3

    def __init__(self, trainer: Trainer, phases: Phases, batch: Batch):
        self.inputs = _map_batch(torch.clone, batch)
        before = {name: value.clone() for name, value in trainer.state_dict().items()}
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(self.WARM_UP_STEPS):
                trainer._compute(self.inputs, phases)
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        trainer.critic_optimizer.zero_grad(set_to_none=True)
        trainer.generator_optimizer.zero_grad(set_to_none=True)
        with torch.cuda.graph(self.graph):
            self.stats = trainer._compute(self.inputs, phases)
        restore_in_place(trainer, before)

    def __call__(self, batch: Batch) -> Stats:
        for static, fresh in zip(_tensors(self.inputs), _tensors(batch), strict=True):
            static.copy_(fresh)
        self.graph.replay()
        return self.stats


@torch.no_grad()
def restore_in_place(trainer: Trainer, state: dict[str, Tensor]) -> None:
    """Writes ``state`` into the trainer's own tensors, whose addresses a captured graph holds.

    Moments that ``state`` lacks, because the first steps came after it, become zero: Adam's start.
    """
    for name, value in trainer.state_dict().items():
        if name != "steps_done":
            value.copy_(state[name]) if name in state else value.zero_()


def _tensors(batch: Batch) -> list[Tensor]:
    return [t for field in batch for t in (field if isinstance(field, tuple) else (field,))]


def _map_batch(function: object, batch: Batch) -> Batch:
    return Batch(*(tuple(map(function, f)) if isinstance(f, tuple) else function(f) for f in batch))  # type: ignore


def _below(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) + 1 :]: value for name, value in state.items() if name.startswith(f"{prefix}.")}
