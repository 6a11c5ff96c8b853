"""A training step captured once as a CUDA graph and replayed: small networks spend most of a step on launches."""

from __future__ import annotations

import gc
from collections.abc import Callable

import torch
from torch import Tensor

from tsinfogan.training.batch import Batch
from tsinfogan.training.losses import Stats

WARM_UP_STEPS = 3


class CapturedStep:
    """A step as a CUDA graph over static inputs.

    Args:
        compute: the step as a plain function of its batch, without randomness or synchronisation.
        batch: an example of its input.
        state: gives, by name, every tensor that ``compute`` changes. Changes during capture are undone; tensors that
            were created during capture, Adam's moments, are set to zero, their initial value.
    """

    def __init__(self, compute: Callable[[Batch], Stats], batch: Batch, state: Callable[[], dict[str, Tensor]]):
        self.inputs = Batch(*map(_clone, batch))  # type: ignore[arg-type]
        before = {name: value.clone() for name, value in state().items()}
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP_STEPS):
                compute(self.inputs)
        torch.cuda.current_stream().wait_stream(side)
        gc.collect()  # the graph of an earlier training, freed during the capture, would break it off
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph, capture_error_mode="thread_local"):  # other threads may go on computing
            self.stats = compute(self.inputs)
        with torch.no_grad():
            for name, value in state().items():
                value.copy_(before[name]) if name in before else value.zero_()

    def __call__(self, batch: Batch) -> Stats:
        """Computes on ``batch``; the statistics are overwritten by the next call."""
        for static, fresh in zip(_tensors(self.inputs), _tensors(batch), strict=True):
            static.copy_(fresh)
        self.graph.replay()
        return self.stats


def _tensors(batch: Batch) -> list[Tensor]:
    return [tensor for field in batch for tensor in (field if isinstance(field, tuple) else (field,))]


def _clone(field: Tensor | tuple[Tensor, ...]) -> Tensor | tuple[Tensor, ...]:
    return tuple(t.clone() for t in field) if isinstance(field, tuple) else field.clone()
