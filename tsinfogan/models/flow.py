"""A generator by flow matching: a network carries noise to series along the velocity that it learned.

On the straight path ``y_t = (1 − t) e + t y`` from noise e to a real series y, the velocity is y − e. A network v that
sees the codes c which Q reads from that series learns its mean (Lipman et al. 2023, arXiv:2210.02747, equation 23):

    E ‖v(y_t, t, c) − (y − e)‖²

Following v from noise to t = 1 then gives series with the codes c. A step takes one pass of the network.

Series are whitened along their principal components (:mod:`tsinfogan.models.pca`), so that components of little
variance count as much as others, and noise varies along each component as much as whitened series do. So the velocity
that would make normal series with the right covariance is known, and the network learns what is to be added to it.

Of windows of a recording it sees besides when they begin (:mod:`tsinfogan.models.onsets`).
"""

from __future__ import annotations

import itertools
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tsinfogan.models.backbone import DataShape, conform
from tsinfogan.models.layers import convolution, halvings
from tsinfogan.models.onsets import N_NOISE, Onsets
from tsinfogan.models.pca import PrincipalComponents

LATE = 2
"""Times are 1 − u^LATE for u in [0, 1]: late ones, where details are decided, are learned most and stepped finest."""
N_STEPS = 6
"""At these times as exact as ten of one length; samples vary a little more (docs/development/experiments.md)."""
COARSEST, MAX_LEVELS = 8, 6
"""The network halves the grid down to so many points, at most so many times less one."""
FREQUENCIES, HIGHEST_FREQUENCY = 32, 200.0
POSITION_STRENGTH = 0.1
MIN_WIDTH_OF_8_CHANNELS = 16
"""Of the network for windows of a recording, for each 8 channels begun (docs/development/experiments.md)."""


class Block(nn.Module):
    """A residual block of two convolutions, scaled and shifted by time and codes (FiLM); at first the identity."""

    def __init__(self, width: int, embedding_dim: int):
        super().__init__()
        self.norm = nn.GroupNorm(1, width, affine=False)
        self.modulation = nn.Linear(embedding_dim, 2 * width)
        self.conv = convolution(width, width)
        self.out = nn.Conv2d(width, width, 1)
        nn.init.zeros_(self.out.weight)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """``(n, width, 1, t)``, ``(n, embedding_dim)`` to ``(n, width, 1, t)``."""
        gain, bias = self.modulation(embedding)[:, :, None, None].chunk(2, dim=1)
        changed: Tensor = x + self.out(F.silu(self.conv(self.norm(x) * (1 + gain) + bias)))
        return changed


class Velocity(nn.Module):
    """The velocity at ``(y_t, t, c)``: a U-Net of convolutions (Ronneberger et al. 2015, arXiv:1505.04597).

    Args:
        n_in: channels that it sees.
        shape: of the series; it gives as many channels.
        n_given: numbers that it is given beside the series: those that encode the codes, and the onset.
        width: channels of the finest level; coarser ones have twice as many.
    """

    frequencies: Tensor

    def __init__(self, n_in: int, shape: DataShape, n_given: int, width: int):
        super().__init__()
        self.sizes = halvings(shape.grid[0], COARSEST)[::-1][:MAX_LEVELS]  # from fine to coarse
        widths = [width, *[2 * width] * (len(self.sizes) - 1)]
        self.register_buffer("frequencies", torch.logspace(0, math.log10(HIGHEST_FREQUENCY), FREQUENCIES))
        embedding_dim = 4 * width
        self.of_time = nn.Linear(2 * FREQUENCIES, embedding_dim)
        self.of_codes = nn.Linear(n_given, embedding_dim)
        self.embed = nn.Sequential(nn.SiLU(), nn.Linear(embedding_dim, embedding_dim), nn.SiLU())
        self.into = convolution(n_in, width)
        position = torch.randn(width, 1, self.sizes[0])
        if not position.is_meta:  # a product there imports torch's compiler, which takes most of a second
            position *= POSITION_STRENGTH
        self.position = nn.Parameter(position)
        self.finer = nn.ModuleList(Block(size, embedding_dim) for size in widths)
        self.coarser = nn.ModuleList(Block(size, embedding_dim) for size in widths[:-1])
        self.down = nn.ModuleList(convolution(a, b, stride=2) for a, b in itertools.pairwise(widths))
        self.up = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in itertools.pairwise(widths))
        self.out = convolution(width, shape.n_channels)
        nn.init.zeros_(self.out.weight)

    def forward(self, values: Tensor, time: Tensor, given: Tensor) -> Tensor:
        """``(n, n_in, t)``, ``(n,)``, ``(n, n_given)`` to ``(n, n_channels, t)``."""
        phase = time[:, None] * self.frequencies  # (n, f)
        embedding = self.embed(self.of_time(torch.cat([phase.sin(), phase.cos()], dim=1)) + self.of_codes(given))
        x = self.into(values[:, :, None].contiguous(memory_format=torch.channels_last)) + self.position
        # Down: a block at each size, whose output is kept.
        kept = []
        for block, down in zip(self.finer, [*self.down, None], strict=True):
            x = block(x, embedding)
            kept.append(x)
            x = x if down is None else down(x)
        # Up: interpolation, the kept output added, a block.
        for level in reversed(range(len(self.up))):
            x = self.up[level](x).contiguous(memory_format=torch.channels_last)
            x = F.interpolate(x, size=(1, self.sizes[level]), mode="bilinear", align_corners=False) + kept[level]
            x = self.coarser[level](x, embedding)
        return self.out(F.silu(x))[:, :, 0]  # type: ignore[no-any-return]


class FlowGenerator(nn.Module):
    """A generator that carries its injected noise to series; until :attr:`trained`, series are those of ``inner``.

    Args:
        inner: the generator of adversarial training.
        shape: of the series.
        noise_dim: leading numbers of the latent that are noise; those after them encode the codes.
        latent_dim: numbers of the latent.
        width: of the velocity network, which is wider for windows of many channels.
        n_overlapping: if the series are windows of a recording, how many begin within the length of one; 0 if not.
    """

    trained: Tensor

    def __init__(
        self,
        inner: nn.Module,
        shape: DataShape,
        noise_dim: int,
        latent_dim: int,
        width: int,
        n_overlapping: float = 0,
    ):
        super().__init__()
        self.inner, self.shape, self.noise_dim = inner, shape, noise_dim
        self.principal_components = PrincipalComponents(shape.n_varying, shape.grid[0])
        n_seen = shape.n_channels + shape.n_varying
        n_given = n_codes = max(1, latent_dim - noise_dim)
        self.n_own = n_noise = shape.n_varying * shape.grid[0] + shape.n_constant
        self.onsets: Onsets | None = None
        if n_overlapping:
            self.onsets = Onsets(n_codes, n_overlapping)
            n_given, n_noise = n_codes + Onsets.n_features, self.n_own + N_NOISE
            width = max(width, MIN_WIDTH_OF_8_CHANNELS * math.ceil(shape.n_channels / 8))
        self.velocity_network = Velocity(n_seen, shape, n_given, width)
        self.register_buffer("trained", torch.zeros((), dtype=torch.bool))
        self.n_inner = int(inner.injected_noise_dim)  # type: ignore[arg-type]
        self.injected_noise_dim = max(self.n_inner, n_noise)

    def forward(self, latent: Tensor, injected_noise: Tensor) -> Tensor:
        """``(n, latent_dim)``, ``(n, injected_noise_dim)`` to ``(n, n_channels, t)``."""
        return self.carried(latent, injected_noise) if self.trained else self.from_inner(latent, injected_noise)

    def from_inner(self, latent: Tensor, injected_noise: Tensor) -> Tensor:
        """As :meth:`forward` before the network is trained."""
        series: Tensor = self.inner(latent, injected_noise[:, : self.n_inner])
        return series

    def carried(self, latent: Tensor, injected_noise: Tensor) -> Tensor:
        """As :meth:`forward` when the network is trained."""
        values, last, given = self.begin(latent, injected_noise)
        for pace in paces().to(latent.device):
            values, last = self.step(values, last, pace, given)
        return self.end(values)

    def begin(self, latent: Tensor, injected_noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """First values and last slope ``(n, n_channels, t)``, and what else is seen ``(n, n_given)``, to step on with.

        Values over their standard deviation change by what the network adds alone, so no step errs in the rest.
        """
        values = self.source(injected_noise)
        given = self.codes(latent)
        if self.onsets is not None:
            onsets = self.onsets.draw(given, injected_noise[:, self.n_own : self.n_own + N_NOISE])
            given = torch.cat([given, self.onsets.features(onsets)], dim=1)
        return values, torch.zeros_like(values), given

    def step(self, values: Tensor, last: Tensor, pace: Tensor, given: Tensor) -> tuple[Tensor, Tensor]:
        """The next values and slope ``(n, n_channels, t)`` at one of :func:`paces`, a tensor for loops of graphs."""
        time, length, share = pace.unbind()
        deviation = _deviation(time)
        slope = self.added(deviation * values, time.expand(values.shape[0]), given) / deviation
        return values + length * ((1 + share) * slope - share * last), slope

    def end(self, values: Tensor) -> Tensor:
        """The last values as series ``(n, n_channels, t)``."""
        return conform(self.principal_components.settle(values), self.shape)

    def codes(self, latent: Tensor) -> Tensor:
        """``(n, latent_dim)`` to the encoded codes ``(n, n_codes)``; one number that says nothing if there are none."""
        return latent[:, self.noise_dim :] if latent.shape[1] > self.noise_dim else torch.zeros_like(latent[:, :1])

    def source(self, injected_noise: Tensor) -> Tensor:
        """``(n, injected_noise_dim)`` to noise ``(n, n_channels, t)`` that varies as whitened series do."""
        shape = self.shape
        varying, constant = injected_noise[:, : self.n_own].split([self.n_own - shape.n_constant, shape.n_constant], 1)
        noise = torch.cat(
            [varying.view(-1, shape.n_varying, shape.grid[0]), constant[:, :, None].expand(-1, -1, shape.grid[0])], 1
        )
        return self.principal_components.white_noise(noise)

    def added(self, values: Tensor, time: Tensor, given: Tensor) -> Tensor:
        """What the network adds to the velocity of normal series, ``(n, n_channels, t)``.

        It sees whitened ``(n, n_channels, t)`` at ``(n,)`` times, the varying channels on their own scale besides, and
        ``(n, n_given)``. Each constant channel has one velocity.
        """
        seen = torch.cat([values, self.principal_components.color(values)[:, : self.shape.n_varying]], dim=1)
        return conform(self.velocity_network(seen, time, given).float(), self.shape)

    def match(
        self, series: Tensor, latent: Tensor, injected_noise: Tensor, time: Tensor, onsets: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The loss of flow matching, and the series that the velocity leads to if it is followed in one step.

        Args:
            series: ``(n, n_channels, t)`` real ones.
            latent: ``(n, latent_dim)``, of which the codes are read.
            injected_noise: ``(n, injected_noise_dim)``.
            time: ``(n,)``.
            onsets: ``(n,)`` when windows of a recording begin, as shares of it.
        """
        given = self.codes(latent)
        if self.onsets is not None and onsets is not None:
            blurred = self.onsets.blurred(onsets, injected_noise[:, self.n_own])
            given = torch.cat([given, self.onsets.features(blurred)], dim=1)
        target, noise = self.principal_components.whiten(series), self.source(injected_noise)
        share = time[:, None, None]
        values = (1 - share) * noise + share * target
        # Of normal series the velocity is that of the standard deviation √(t² + (1 − t)²).
        normal = (2 * share - 1) / _deviation(share) ** 2 * values
        velocity = normal + self.added(values, time, given)
        error = velocity - (target - noise)
        varying = error[:, : self.shape.n_varying].square().mean()
        # A constant channel is one number, not as many as there are timepoints.
        constant = error[:, self.shape.n_varying :, 0].square().sum(1).mean() / self.n_own
        led_to = self.principal_components.unwhiten(values + (1 - share) * velocity)
        return varying + constant, led_to


def paces() -> Tensor:
    """``(N_STEPS, 3)``: of each step the time, its length, and how much the last slope counts; at first there is none.

    By the second-order method of Adams and Bashforth, which integrates the line through a slope and the one before.
    """
    times = 1 - torch.linspace(1, 0, N_STEPS + 1) ** LATE
    lengths = times.diff()
    shares = torch.cat([torch.zeros(1), lengths[1:] / (2 * lengths[:-1])])
    return torch.stack([times[:-1], lengths, shares], dim=1)


def _deviation(time: Tensor) -> Tensor:
    """Standard deviation on the path, of noise and series of variance 1."""
    return (time**2 + (1 - time) ** 2).sqrt()
