"""TS2Vec: an encoder of whole series that learns from them without labels (Yue et al., AAAI 2022, arXiv:2106.10466)."""

from __future__ import annotations

from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tsinfogan.data.panel import FloatArray
from tsinfogan.seeding import derived_seed, generator_at

HIDDEN = 64
DEPTH = 10
OUTPUT = 320
KERNEL = 3
DROPOUT = 0.1
KEPT = 0.5
"""Share of timepoints that are not masked in training."""
INSTANCE_WEIGHT = 0.5
"""α of equation 3: the rest is the temporal contrast's."""
BATCH_SIZE = 8
RATE = 1e-3
FEW_VALUES, FEW_STEPS, MANY_STEPS = 100_000, 200, 600
MIN_CROP = 2
CASES_PER_PASS = 256


class DilatedConvolution(nn.Module):
    """Over time on ``(n, c, t)``, with as many timepoints out as in."""

    def __init__(self, n_in: int, n_out: int, dilation: int):
        super().__init__()
        self.conv = nn.Conv1d(n_in, n_out, KERNEL, dilation=dilation, padding=dilation)

    def forward(self, x: Tensor) -> Tensor:
        """``(n, n_in, t)`` to ``(n, n_out, t)``."""
        if self.conv.dilation[0] < x.shape[2]:
            return self.conv(x)  # type: ignore[no-any-return]
        middle = self.conv.weight[:, :, KERNEL // 2]  # the other taps see nothing but padding
        return torch.einsum("oi,nit->not", middle, x) + self.conv.bias[:, None]  # type: ignore[index]


class Block(nn.Module):
    """Two dilated convolutions, each after a GELU, beside a way around them."""

    def __init__(self, n_in: int, n_out: int, dilation: int):
        super().__init__()
        self.first = DilatedConvolution(n_in, n_out, dilation)
        self.second = DilatedConvolution(n_out, n_out, dilation)
        self.around = nn.Conv1d(n_in, n_out, 1) if n_in != n_out else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """``(n, n_in, t)`` to ``(n, n_out, t)``."""
        inner = self.second(F.gelu(self.first(F.gelu(x))))
        return inner + self.around(x)  # type: ignore[no-any-return]


class Encoder(nn.Module):
    """A vector for every timepoint: projection, mask, dilated convolutions (section 3.2)."""

    def __init__(self, n_channels: int):
        super().__init__()
        self.project = nn.Linear(n_channels, HIDDEN)
        widths = [HIDDEN] * DEPTH + [OUTPUT]
        self.blocks = nn.Sequential(
            *(Block(a, b, 2**level) for level, (a, b) in enumerate(zip([HIDDEN, *widths[:-1]], widths, strict=True)))
        )

    def forward(self, values: Tensor, kept: Tensor | None = None) -> Tensor:
        """Values ``(n, t, c)`` to ``(n, t, OUTPUT)``; a timepoint without a value enters as if not ``kept``."""
        known = values.isfinite().all(2)
        x = self.project(values.nan_to_num())
        x = x * (known if kept is None else known & kept)[..., None]
        return self.blocks(x.transpose(1, 2)).transpose(1, 2)  # type: ignore[no-any-return]

    @torch.no_grad()
    def encode(self, values: FloatArray) -> FloatArray:
        """``(n, OUTPUT)`` of series ``(n, t, c)``: the greatest over a case's timepoints, however many."""
        found, device = [], self.project.weight.device
        for part in torch.from_numpy(values).split(CASES_PER_PASS):
            known = part.isfinite().all(2).to(device)
            each = self(part.to(device)).masked_fill(~known[..., None], -torch.inf)
            found.append(each.amax(1).cpu())
        return torch.cat(found).numpy()


def fit(values: FloatArray, *, seed: int = 0, steps: int | None = None, device: str = "cpu") -> Encoder:
    """An encoder that has learned from float32 series ``(n, t, c)``, NaN beyond a case's length.

    By default it takes 200 steps, or 600 for more than 100,000 values.
    """
    steps = steps or (FEW_STEPS if values.size <= FEW_VALUES else MANY_STEPS)
    cases = torch.from_numpy(values)
    rng = generator_at("cpu", seed, 0)
    n = min(BATCH_SIZE, len(cases))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derived_seed(seed, 1))
        encoder = Encoder(values.shape[2]).to(device)
    average = deepcopy(encoder).requires_grad_(False)  # of the weights of all steps alike
    optimizer = torch.optim.AdamW(encoder.parameters(), RATE)
    order = torch.empty(0, dtype=torch.long)
    for step in range(steps):
        if len(order) < n:  # the rest of an epoch that fills no batch is left out
            order = torch.randperm(len(cases), generator=rng)
        chosen, order = order[:n], order[n:]
        *crops, overlap = overlapping_crops(cases[chosen], rng)
        one, other = (_seen(encoder, crop.to(device), rng) for crop in crops)
        optimizer.zero_grad(set_to_none=True)
        hierarchical_loss(one[:, -overlap:], other[:, :overlap]).backward()
        optimizer.step()
        torch._foreach_lerp_(list(average.parameters()), list(encoder.parameters()), 1 / (step + 1))
    return average.eval()


def overlapping_crops(cases: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor, int]:
    """Two crops of series ``(n, t, c)`` and the number of timepoints at the first's end that begin the second.

    Both begin at the same timepoint in all cases, but for a random shift of each case (section 3.2, random cropping).
    """

    def between(low: int, high: int, n: int = 1) -> Tensor:
        return torch.randint(low, high + 1, (n,), generator=rng)

    length = cases.shape[1]
    overlap = int(between(min(MIN_CROP, length), length))
    left = int(between(0, length - overlap))
    right = left + overlap
    start, end = int(between(0, left)), int(between(right, length))
    shift = between(-start, length - end, len(cases))
    first, second = (
        cases[torch.arange(len(cases))[:, None], shift[:, None] + torch.arange(*ends)]
        for ends in ((start, right), (left, end))
    )
    return first, second, overlap


def hierarchical_loss(one: Tensor, other: Tensor) -> Tensor:
    """Algorithm 1: both contrasts at every scale of time, each half as fine as the one before; mean over scales.

    Both sides ``(n, t, f)`` are the same timepoints of the same cases, seen in different contexts.
    """
    losses = []
    while True:
        n, length = one.shape[:2]
        loss = one.new_zeros(())
        if n > 1:
            loss = loss + INSTANCE_WEIGHT * contrast(one.transpose(0, 1), other.transpose(0, 1))
        if length > 1:
            loss = loss + (1 - INSTANCE_WEIGHT) * contrast(one, other)
        losses.append(loss)
        if length == 1:
            return torch.stack(losses).mean()
        one, other = (F.max_pool1d(side.transpose(1, 2), 2).transpose(1, 2) for side in (one, other))


def contrast(one: Tensor, other: Tensor) -> Tensor:
    """− log of the share of a vector's own counterpart among all other vectors of both sides, within each row.

    Both sides are ``(rows, m, f)``. Over timepoints this is equation 1, over cases equation 2.
    """
    m = one.shape[1]
    both = torch.cat([one, other], dim=1)  # (rows, 2m, f)
    itself = torch.eye(2 * m, dtype=torch.bool, device=one.device)
    likeness = (both @ both.transpose(1, 2)).masked_fill(itself, -torch.inf)
    counterpart = torch.arange(2 * m, device=one.device).roll(m)
    return F.cross_entropy(likeness.flatten(0, 1), counterpart.repeat(len(one)))


def _seen(encoder: Encoder, crop: Tensor, rng: torch.Generator) -> Tensor:
    """One view of a crop: some timepoints masked, then dropout on the encoder's output."""
    kept = torch.rand(crop.shape[:2], generator=rng) < KEPT
    seen: Tensor = encoder(crop, kept.to(crop.device))
    dropped = torch.rand(seen.shape, generator=rng) < DROPOUT
    return seen.masked_fill(dropped.to(seen.device), 0) / (1 - DROPOUT)
