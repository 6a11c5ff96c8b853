"""The recurrent networks that both scores of TimeGAN train, initialized and fed as its authors did, in parallel.

The time of networks this small depends on the number of operations, not on size: ten cost little more than one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from tsinfogan.data.panel import IntArray
from tsinfogan.metrics.samples._unit import Series, unit_series
from tsinfogan.metrics.samples.context import SampleContext
from tsinfogan.preprocessing.scaling import Numbers

NETWORKS, QUICK_NETWORKS = 10, 3
"""A score of TimeGAN is the mean of ten."""
BATCH_SIZE = 128
RATE = 1e-3
CASES_PER_PASS = 500


class Cases:
    """Series ``(n, t, c)`` as networks read them, with 0 in place of NaN beyond a case's length."""

    def __init__(self, series: Series, device: str):
        self.values = torch.from_numpy(np.nan_to_num(series.values, nan=0.0)).to(device)  # (n, t, c)
        self.lengths = torch.from_numpy(series.lengths).to(device)  # (n,)
        self.equal = bool((series.lengths == series.values.shape[1]).all())

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: IntArray) -> Cases:
        """Those of ``(k, m)`` rows, for k networks: all shapes then begin with ``(k, m)``."""
        some = object.__new__(Cases)
        some.values, some.lengths, some.equal = self.values[rows], self.lengths[rows], self.equal
        return some

    def passes(self) -> list[Cases]:
        """All of them, the same for every network, a few at a time."""
        rows = np.arange(len(self))[None]
        return [self[part] for part in np.array_split(rows, -(-len(self) // CASES_PER_PASS), axis=1)]


class RecurrentNetworks(nn.Module):
    """Each one layer of gated recurrent units, half as many as the data has channels but one at least, and an output.

    The unit of Cho et al. (2014), whose gate acts on the state before the candidate's product: TensorFlow's, not
    PyTorch's. Weights start as there: Glorot's uniform for the gates' and for the candidate's kernel, gates half open.
    """

    def __init__(self, n_networks: int, n_inputs: int, n_channels: int, seed: int):
        super().__init__()
        hidden = max(1, n_channels // 2)
        rng = torch.Generator().manual_seed(seed)

        def kernel(n_in: int, n_out: int, fan_in: int) -> nn.Parameter:
            limit = (6 / (fan_in + n_out)) ** 0.5
            return nn.Parameter((2 * torch.rand(n_networks, n_in, n_out, generator=rng) - 1) * limit)

        read = n_inputs + hidden
        self.read_gates, self.read_candidate = kernel(n_inputs, 2 * hidden, read), kernel(n_inputs, hidden, read)
        self.keep_gates, self.keep_candidate = kernel(hidden, 2 * hidden, read), kernel(hidden, hidden, read)
        self.bias_gates = nn.Parameter(torch.ones(n_networks, 1, 2 * hidden))
        self.bias_candidate = nn.Parameter(torch.zeros(n_networks, 1, hidden))
        self.out, self.bias_out = kernel(hidden, 1, hidden), nn.Parameter(torch.zeros(n_networks, 1, 1))

    def states(self, cases: Cases) -> list[Tensor]:
        """The state ``(k, m, hidden)`` after each timepoint of cases ``(k, m)``; a case's last one stays as it is."""
        _, m, length, _ = cases.values.shape
        flat = cases.values.flatten(1, 2)  # (k, m * t, c)
        gates = (flat @ self.read_gates + self.bias_gates).unflatten(1, (m, length)).unbind(2)
        candidates = (flat @ self.read_candidate + self.bias_candidate).unflatten(1, (m, length)).unbind(2)
        state = flat.new_zeros(len(self.out), m, self.out.shape[1])
        states = []
        for t in range(length):
            reset, update = torch.sigmoid(gates[t] + state @ self.keep_gates).chunk(2, dim=2)
            candidate = torch.tanh(candidates[t] + (reset * state) @ self.keep_candidate)
            new = torch.lerp(candidate, state, update)
            state = new if cases.equal else torch.where((t < cases.lengths)[..., None], new, state)
            states.append(state)
        return states

    def last(self, cases: Cases) -> Tensor:
        """Output ``(k, m)`` of the last state."""
        return self._output(self.states(cases)[-1])

    def every(self, cases: Cases) -> Tensor:
        """Output ``(k, m, t)`` at every timepoint; beyond a case's length it means nothing."""
        states = torch.stack(self.states(cases), dim=2)  # (k, m, t, hidden)
        outputs: Tensor = self._output(states.flatten(1, 2)).unflatten(1, states.shape[1:3])
        return outputs

    def _output(self, states: Tensor) -> Tensor:
        return (states @ self.out + self.bias_out)[..., 0]


def mean_score(score: Callable[..., Numbers], context: SampleContext, seed: int, steps: int, quick_steps: int) -> float:
    """Mean of a score over networks, of series on [0, 1]; a quick evaluation takes fewer networks and steps."""
    real = context.real
    synthetic, reference = (unit_series(real, panel).thinned() for panel in (context.synthetic, context.reference))
    networks, steps = (QUICK_NETWORKS, quick_steps) if real.quick else (NETWORKS, steps)
    return float(score(synthetic, reference, networks=networks, seed=seed, steps=steps, device=real.device).mean())


def train(networks: nn.Module, loss: Callable[[], Tensor], steps: int) -> None:
    """So many steps of Adam on what ``loss`` gives, the sum over networks; it draws batches each time."""
    optimizer = torch.optim.Adam(networks.parameters(), RATE)
    for _ in range(steps):
        optimizer.zero_grad(set_to_none=True)
        loss().backward()
        optimizer.step()


def batches_of(n: int, k: int, rng: np.random.Generator) -> IntArray:
    """``(k, 128)`` indices of n cases, different ones for each network; or all n where there are fewer."""
    size = min(n, BATCH_SIZE)
    if size * 8 > n:
        return rng.permuted(np.tile(np.arange(n), (k, 1)), axis=1)[:, :size]
    return np.stack([rng.choice(n, size, replace=False) for _ in range(k)])
