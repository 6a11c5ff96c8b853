"""What all stages of a training do with an optimizer: make it, set its rate, take a step, replay that on a GPU."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import torch
from torch import Tensor, nn

from tsinfogan.training.batch import Batch
from tsinfogan.training.config import TrainingSettings
from tsinfogan.training.cuda_graph import CapturedStep
from tsinfogan.training.losses import Stats

WARM_UP_STEPS = 10
"""Steps over which a rate rises: Adam's first steps are as long as its rate, and would undo what was learned before."""


def make_optimizer(network: nn.Module, rate: float, settings: TrainingSettings) -> torch.optim.Adam:
    """Adam over all parameters of a network; on a GPU its rate is a tensor, so that a captured step follows it."""
    device = next(network.parameters()).device
    on_gpu = device.type == "cuda"
    return torch.optim.Adam(
        network.parameters(),
        lr=torch.tensor(rate, device=device) if on_gpu else rate,
        betas=(settings.beta1, settings.beta2),
        fused=device.type in ("cpu", "cuda"),
        capturable=on_gpu,
    )


def set_rate(optimizer: torch.optim.Adam, rate: float) -> None:
    """Sets the learning rate, in place where it is a tensor."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def decay(step: int, n_steps: int, share: float) -> float:
    """Factor of the rates in one of ``n_steps``: 1, then falling linearly to 0 over the last ``share`` of them."""
    left = (n_steps - step) / max(1.0, share * n_steps)
    return min(1.0, max(0.0, left))


def warm_up(steps_since: int, n_steps: int = WARM_UP_STEPS) -> float:
    """Factor of the rates that many steps after a start: rising linearly to 1 within ``n_steps``."""
    return min(1.0, (steps_since + 1) / n_steps)


def descend(optimizer: torch.optim.Adam, loss: Tensor) -> None:
    """One step of an optimizer on a loss."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


def forget_moments(optimizer: torch.optim.Adam) -> None:
    """Sets Adam's moments to zero, in place: the weights that they were of have been replaced."""
    for moments in optimizer.state.values():
        for value in moments.values():
            value.zero_()


class StepRunner:
    """Runs steps, each a plain function of its batch; on a GPU each kind is captured once as a CUDA graph and replayed.

    Args:
        tensors: gives, by name, every tensor that the steps change.
        capture: whether a GPU replays steps; those of several ranks, which talk to each other within, it computes.
    """

    def __init__(self, tensors: Callable[[], dict[str, Tensor]], capture: bool = True):
        self._tensors, self._capture = tensors, capture
        self._captured: dict[Hashable, CapturedStep] = {}

    def __call__(self, kind: Hashable, compute: Callable[[Batch], Stats], batch: Batch) -> Stats:
        """Statistics of ``compute(batch)``; steps of one ``kind`` compute the same."""
        if batch.real.device.type != "cuda" or not self._capture:
            return compute(batch)
        if kind not in self._captured:
            self._captured[kind] = CapturedStep(compute, batch, self._tensors)
        return self._captured[kind](batch)
