"""Flow matching: after adversarial training, a generator learns to carry noise to the real series of given codes.

The averaged discriminator's Q reads the codes of every real series once, on the scale of their prior
(:mod:`tsinfogan.models.code_scale`). They are what the generator is given with that series, or codes that are drawn, if
few of its category are nearer to them (:mod:`tsinfogan.training.known_codes`). The bound on I(c; x), as in adversarial
training, makes sure that the generator does not ignore what small difference a code makes: Q, which stays as it is,
reads the codes again from the series that a velocity leads to.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from tsinfogan.models.codes import LatentSpec
from tsinfogan.models.discriminator import Discriminator
from tsinfogan.models.flow import LATE, FlowGenerator
from tsinfogan.sampling.inference import posteriors
from tsinfogan.training.batch import Batch
from tsinfogan.training.config import TrainingSettings
from tsinfogan.training.known_codes import KnownCodes
from tsinfogan.training.losses import Stats
from tsinfogan.training.optimization import decay, descend, make_optimizer, set_rate, warm_up
from tsinfogan.training.ranks import ALONE, Ranks

WARM_UP_STEPS = 100
BOUND_WEIGHT = 0.1
"""Of windows of a recording it is only reported: they follow their codes by their onsets, and are told more easily
where it counts (docs/development/experiments.md)."""
DOUBTFUL_SHARE = 0.1
"""Share of the series that are left out: those whose category Q is least sure of, nearly all of its errors among them.
Their codes would be learned as they were read, and samples of a category be of another kind now and then. Of windows of
a recording none are: they are what lies between two kinds, and would be lacking."""
MIN_CASES = 20_000
"""Real series whose codes are read at least, if there are so many; more are where the steps draw more."""
FIRST_READ = 0.3
"""The bound counts from this time on: what an earlier velocity leads to is a mean of many series."""


class FlowStage:
    """The velocity network, its optimizer, and the step that moves it.

    Args:
        generator: whose velocity network is moved in place.
        latent: noise and codes.
        settings: its rate.
        precision: dtype of the network's products.
    """

    def __init__(
        self,
        generator: FlowGenerator,
        latent: LatentSpec,
        settings: TrainingSettings,
        precision: torch.dtype = torch.float32,
    ):
        self.generator, self.latent, self.settings, self.precision = generator, latent, settings, precision
        self.optimizer = make_optimizer(generator.velocity_network, settings.generator_rate, settings)
        self.discriminator: Discriminator | None = None
        self.values: list[Tensor] = []
        self.known: KnownCodes | None = None
        self.onsets: Tensor | None = None
        self.cases: Tensor | None = None
        self.apart = 1

    def begin(
        self,
        discriminator: Discriminator,
        data: Tensor,
        labels: Tensor,
        ranks: Ranks = ALONE,
        tell: Callable[[float], None] = lambda share: None,
    ) -> None:
        """Reads the codes of real series ``(n, c, t)``; of one with a label ``(n,)``, not −1, that is the first.

        Continuous codes are put on the scale of their prior first, in the given discriminator too. Of more series than
        the steps draw, evenly spaced ones are read. :attr:`cases` are then those to learn from.
        ``tell`` is called with the share that is read.
        """
        n_cases = len(data)
        self.apart = -(-n_cases // max(MIN_CASES, self.settings.batch_size * self.settings.flow_steps))
        data, labels = data[:: self.apart], labels[:: self.apart]
        read = self._read(discriminator, data, ranks, tell)
        self.discriminator = copy.deepcopy(discriminator).requires_grad_(False)
        ranks.split(*self.discriminator.trunks)
        self.values = [  # (n,) each
            code.estimate(parameters) for code, parameters in zip(self.latent.codes, read, strict=True)
        ]
        onsets = self.generator.onsets
        if onsets is None and (first := self.latent.first_category) is not None:
            confidence = read[first[0]].softmax(1).amax(1)  # (n,)
            ranks.follow([confidence])  # all find the same cases
            confidence[labels >= 0] = 1
            least = confidence.kthvalue(1 + int(DOUBTFUL_SHARE * len(data))).values
            self.cases = (confidence >= least).nonzero()[:, 0] * self.apart
        elif self.apart > 1:
            self.cases = torch.arange(len(data), device=data.device) * self.apart
        if (labels >= 0).any():
            self.values[0] = torch.where(labels >= 0, labels, self.values[0])
        if onsets is not None:
            self.onsets = torch.arange(len(data), device=data.device) * self.apart / n_cases  # (n,)
            encoded = self.generator.codes(self._encode(self.values, data))
            onsets.fit(encoded, self._are_categories().to(data.device), n_cases)
        elif self.latent.continuous:
            learned = slice(None) if self.cases is None else self.cases // self.apart
            self.known = KnownCodes(self.latent.codes, [values[learned] for values in self.values])

    def _encode(self, values: Sequence[Tensor], series: Tensor) -> Tensor:
        """``(n, latent_dim)`` of each code's ``(n,)`` values, on the device of ``series``; noise, not seen, is 0."""
        return self.latent.encode(torch.zeros(len(series), self.latent.noise_dim, device=series.device), values)

    def _read(
        self, discriminator: Discriminator, data: Tensor, ranks: Ranks, tell: Callable[[float], None]
    ) -> list[Tensor]:
        """Posteriors of each code in ``(n, c, t)``, on the scale of the codes' priors, which is fitted before."""
        scale = discriminator.code_scale
        if scale is not None:
            scale.reset()
        read = [parameters.to(data.device) for parameters in posteriors(discriminator, data, tell)]
        ranks.follow(read)
        if scale is None:
            return read
        scale.fit(tuple(read))
        return list(scale(tuple(read)))

    def _are_categories(self) -> Tensor:
        """Which of the numbers that encode the codes are categories; of the one that stands for no codes, not."""
        codes = self.latent.codes
        sizes = torch.tensor([code.encoded_size for code in codes] or [1])
        return torch.tensor([code.is_categorical for code in codes] or [False]).repeat_interleave(sizes)

    def set_rate(self, step: int) -> None:
        """Sets the rate of step number ``step`` of the training."""
        first, last = self.settings.flow_start, self.settings.max_steps
        factor = decay(step - first, last - first, self.settings.decay_share) * warm_up(step - first, WARM_UP_STEPS)
        set_rate(self.optimizer, self.settings.generator_rate * factor)

    def step(self, batch: Batch) -> Stats:
        """Moves the velocity network: a plain function of its batch, fit for capture."""
        time = 1 - batch.time**LATE
        row = batch.case // self.apart
        with torch.autocast(batch.real.device.type, self.precision, enabled=self.precision != torch.float32):
            onsets = None if self.onsets is None else self.onsets[row]
            values = [values[row] for values in self.values]
            if self.known is not None:
                values = self.known.filled(values, batch.codes)
            latent = self._encode(values, batch.real)
            loss, series = self.generator.match(batch.real, latent, batch.injected_noise, time, onsets)
            bounds = self._bounds(series if onsets is None else series.detach(), time, values)
        total = loss - BOUND_WEIGHT * sum(bounds, torch.zeros((), device=loss.device))
        descend(self.optimizer, total)
        named = zip(self.latent.columns, bounds, strict=True)
        return {"flow": loss.detach(), **{f"bound_{column}": bound.detach() for column, bound in named}}

    def _bounds(self, series: Tensor, time: Tensor, values: Sequence[Tensor]) -> list[Tensor]:
        """The bound on I(c; x) of each code in nats, of ``(n, c, t)`` at ``(n,)`` times, led to by ``(n,)`` values."""
        if not self.latent.codes:
            return []
        discriminator = self.discriminator
        assert discriminator is not None
        read = discriminator.posteriors(discriminator.q, discriminator.recognition_features(series))
        weight = (time > FIRST_READ).float()
        weight = weight / weight.sum().clamp_min(1)
        return [
            (weight * code.log_prob(parameters, value)).sum() + code.entropy
            for code, parameters, value in zip(self.latent.codes, read, values, strict=True)
        ]
