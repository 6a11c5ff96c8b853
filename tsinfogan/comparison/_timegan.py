"""The recurrent network that both scores of TimeGAN train, started and fed as its authors did."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tsinfogan.comparison._unit import Series
from tsinfogan.panel import IntArray

BATCH_SIZE = 128
RATE = 1e-3
CASES_PER_PASS = 2000


class Cases:
    """Series as a network reads them, 0 beyond a case's length.

    Args:
        series: ``(n, t, c)`` with NaN there.
        device: where the network is.
    """

    def __init__(self, series: Series, device: str):
        self.values = torch.from_numpy(np.nan_to_num(series.values, nan=0.0)).to(device)  # (n, t, c)
        self.lengths = torch.from_numpy(series.lengths)  # (n,), on the CPU, where packing wants them
        self.equal = bool((series.lengths == series.values.shape[1]).all())

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: IntArray) -> Cases:
        some = object.__new__(Cases)
        some.values, some.lengths, some.equal = self.values[rows], self.lengths[rows], self.equal
        return some

    def passes(self) -> list[Cases]:
        """All of them, a few at a time."""
        return [self[rows] for rows in np.array_split(np.arange(len(self)), -(-len(self) // CASES_PER_PASS))]


class RecurrentNetwork(nn.Module):
    """One layer of gated recurrent units, half as many as the data has channels but one at least, and a linear output.

    Args:
        n_inputs: channels that it reads.
        n_channels: channels of the data.
    """

    def __init__(self, n_inputs: int, n_channels: int):
        super().__init__()
        hidden = max(1, n_channels // 2)
        self.gru = nn.GRU(n_inputs, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 1)
        with torch.no_grad():  # as TensorFlow's cells start: Glorot's uniform for each kernel, gates half open
            fans = torch.tensor([3, 3, 2]).repeat_interleave(hidden) * hidden + n_inputs
            limits = (6 / fans).sqrt()[:, None]
            inner = dict(self.gru.named_parameters())
            for name in ("weight_ih_l0", "weight_hh_l0"):
                inner[name].copy_((2 * torch.rand_like(inner[name]) - 1) * limits)
            inner["bias_ih_l0"].copy_((torch.arange(3 * hidden) < 2 * hidden).float())
            nn.init.zeros_(inner["bias_hh_l0"])
            nn.init.xavier_uniform_(self.out.weight)
            nn.init.zeros_(self.out.bias)

    def last(self, cases: Cases) -> Tensor:
        """Output ``(n,)`` of the last state."""
        _, state = self.gru(cases.values if cases.equal else _packed(cases))
        outputs: Tensor = self.out(state[0])[:, 0]
        return outputs

    def every(self, cases: Cases) -> Tensor:
        """Output ``(n, t)`` at every timepoint; beyond a case's length it means nothing."""
        if cases.equal:
            states, _ = self.gru(cases.values)
        else:
            packed, _ = self.gru(_packed(cases))
            states, _ = pad_packed_sequence(packed, batch_first=True, total_length=cases.values.shape[1])
        outputs: Tensor = self.out(states)[..., 0]
        return outputs


def build(n_inputs: int, n_channels: int, seed: int, device: str) -> RecurrentNetwork:
    """A fresh network, the same for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return RecurrentNetwork(n_inputs, n_channels).to(device)


def train(network: nn.Module, loss: Callable[[], Tensor], steps: int) -> None:
    """So many steps of Adam on what ``loss`` gives, which draws a batch each time."""
    optimizer = torch.optim.Adam(network.parameters(), RATE)
    for _ in range(steps):
        optimizer.zero_grad(set_to_none=True)
        loss().backward()
        optimizer.step()


def batch_of(n: int, rng: np.random.Generator) -> IntArray:
    """``(128,)`` different ones of n cases, or all where there are fewer."""
    return rng.choice(n, min(n, BATCH_SIZE), replace=False)


def _packed(cases: Cases) -> nn.utils.rnn.PackedSequence:
    return pack_padded_sequence(cases.values, cases.lengths, batch_first=True, enforce_sorted=False)
