"""What a training will take, before its first step: trial steps of each stage, on networks that are thrown away.

Small trainings show within seconds how long they take. Of large ones one wants to know before.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch

from tsinfogan.training.trainer import Trainer

MIN_NUMBERS_PER_BATCH, MIN_POINTS_PER_BATCH = 50_000, 20_000
"""Of all channels, and of one; with fewer of both a step takes a tenth of a second or so. Long series, which come in
smaller batches, have as many points."""


class Forecast(NamedTuple):
    """What is left of a training.

    Attributes:
        seconds: to its end, as fast as the trial steps were.
        peak_mb: most memory that this process has taken so far, trial steps included; none where the system is silent.
    """

    seconds: float
    peak_mb: float | None

    def __str__(self) -> str:
        hours, minutes = divmod(round(self.seconds / 60), 60)
        memory = "" if self.peak_mb is None else f" and {self.peak_mb / 1000:.1f} GB of memory"
        return f"about {hours} h {minutes} min{memory}, by a trial of each stage"


def forecast(trainer: Trainer) -> Forecast | None:
    """Tries the stages that are left; None for small batches, on a GPU, and where several processes train together."""
    n_cases, case = trainer.settings.batch_size, trainer.data[0]
    is_small = n_cases * case.numel() < MIN_NUMBERS_PER_BATCH and n_cases * case[0].numel() < MIN_POINTS_PER_BATCH
    if is_small or trainer.device.type != "cpu" or trainer.ranks.size > 1:
        return None
    shared = [trainer.data, trainer.labels, trainer.batches.data]
    trial: Trainer = copy.deepcopy(trainer, {id(tensor): tensor for tensor in shared})
    settings, done = trainer.settings, trainer.steps_done
    ends = [settings.adversarial_start if trainer.pretraining else 0, settings.flow_start, settings.max_steps]
    starts = [0, *ends[:2]]
    n_steps = [max(0, end - max(done, start)) for start, end in zip(starts, ends, strict=True)]
    tries: list[Callable[[int], Any]] = [partial(_pretrain, trial), trial._adversarial_step, partial(_match, trial)]
    seconds = 0.0
    for n, trial.steps_done, try_step in zip(n_steps, starts, tries, strict=True):
        if n:
            try_step(0)
            n_tried = min(n, math.lcm(settings.penalty_every, settings.generator_every))
            started = time.perf_counter()
            for number in range(n_tried):
                try_step(number)
            seconds += n * (time.perf_counter() - started) / n_tried
    return Forecast(seconds, _peak_mb())


def _pretrain(trial: Trainer, number: int) -> None:
    assert trial.pretraining is not None
    trial._pretraining_step(trial.pretraining, number)


def _match(trial: Trainer, number: int) -> None:
    """A step of flow matching on the cases of one batch, whose codes are soon read."""
    assert trial.flow is not None
    n = min(trial.settings.batch_size, len(trial.data))
    if trial.flow.discriminator is None:
        trial.flow.begin(trial.model.discriminator, trial.data[:n], trial.labels[:n], trial.ranks)
    trial.flow.step(trial.batches.draw(number, among=torch.arange(n)))


def _peak_mb() -> float | None:
    try:
        import resource
        import sys
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)
