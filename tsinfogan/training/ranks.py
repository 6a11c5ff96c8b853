"""One training by several processes, its ranks, which ``torchrun`` starts: each computes its rows of every batch.

Every rank holds all weights and draws the same whole batch. The networks that take the time, generators and trunks, see
a rank's rows of their inputs, and give the rows of all ranks. Whatever comes between, every loss included, each rank
computes of the whole batch, as one process alone would. So no loss has to be a mean over cases, and several ranks train
as one does, but for the order of sums.

A whole tensor has its true gradient on every rank. That of the rows of one rank is as many times larger as there are
ranks, and so is what it adds to the gradient of a weight. The mean over ranks is then right for every weight, whether
it saw rows, whole batches or both.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from tsinfogan.devices import choose_device
from tsinfogan.errors import RankError, SettingError

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


@dataclass(frozen=True)
class Ranks:
    """Which of how many processes of one training this is. Alone, none of its methods does anything.

    Attributes:
        rank: number of this process; 0 decides, writes and speaks.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    def split(self, *networks: nn.Module) -> None:
        """Has each network compute this rank's rows of its inputs ``(n, …)`` and give the output ``(n, …)`` of all.

        Batch norm within still sees whole batches; nothing else in a network may depend on the rest of the batch.
        """
        for network in networks if self.size > 1 else ():
            part = _Part(self)
            network.register_forward_pre_hook(part.rows_in)
            network.register_forward_hook(part.whole_out)
            for module in network.modules():
                if isinstance(module, BATCH_NORMS):
                    module.register_forward_pre_hook(part.whole_in)
                    module.register_forward_hook(part.rows_out)

    def average_gradients(self, *optimizers: torch.optim.Optimizer) -> None:
        """Has each optimizer step along the mean over ranks of the gradients."""
        for optimizer in optimizers if self.size > 1 else ():
            optimizer.register_step_pre_hook(self._average)

    def _average(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        # In the order of memory, whatever the layout: gradients lie as densely as their weights.
        gradients = [w.grad.as_strided((w.numel(),), (1,)) for w in weights if w.grad is not None]
        flat = torch.cat(gradients).div_(self.size)
        with _joint():
            dist.all_reduce(flat)
        torch._foreach_copy_(gradients, flat.split([len(each) for each in gradients]))

    @torch.no_grad()
    def follow(self, tensors: Iterable[Tensor]) -> None:
        """Gives tensors, in place, the values that they have on rank 0."""
        for tensor in tensors if self.size > 1 else ():
            flat = tensor.flatten().clone().view(torch.uint8)
            with _joint():
                dist.broadcast(flat, 0)
            tensor.copy_(flat.view(tensor.dtype).view_as(tensor))

    def tell(self, text: str = "") -> str:
        """What rank 0 says."""
        content = torch.tensor([*text.encode()], dtype=torch.uint8)
        length = torch.tensor([len(content)])
        self.follow([length])
        content = content if self.rank == 0 else torch.zeros(int(length), dtype=torch.uint8)
        self.follow([content])
        return bytes(content.tolist()).decode()

    def any(self, flag: bool) -> bool:
        """Whether ``flag`` is true on any rank."""
        if self.size == 1:
            return flag
        flags = torch.tensor([float(flag)])  # never on a GPU, which would be waited for
        with _joint():
            dist.all_reduce(flags)
        return bool(flags)


ALONE = Ranks()


@contextmanager
def joined(device: str = "auto") -> Iterator[Ranks]:
    """The ranks of which this process is one, as long as the block lasts; ``ALONE`` if ``torchrun`` did not start it.

    They talk by gloo between processors and by nccl between GPUs, of which each has its own.

    Raises:
        SettingError: there are fewer CUDA GPUs than ranks on this machine.
    """
    if not dist.is_available() or not dist.is_torchelastic_launched() or os.environ["WORLD_SIZE"] == "1":
        yield ALONE
        return
    on_gpu = choose_device(device).type != "cpu"
    if on_gpu:
        index, n_gpus = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if index >= n_gpus:
            raise SettingError(
                f"expected a CUDA GPU for each process, got process {index + 1} on a machine with {n_gpus} of them; "
                "start fewer processes, or give `device=cpu`"
            )
        torch.cuda.set_device(index)
    dist.init_process_group("cpu:gloo,cuda:nccl" if on_gpu else "gloo")
    try:
        yield Ranks(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()


@contextmanager
def _joint() -> Iterator[None]:
    """What all ranks do together, and none can do once another one has ended."""
    try:
        yield
    except RuntimeError as error:
        raise RankError(
            "another process of this training has ended, and so this one ends; a checkpoint that it wrote is kept: go "
            "on with `resume`"
        ) from error


class _Part:
    """The hooks of one network."""

    def __init__(self, ranks: Ranks):
        self.ranks, self.n = ranks, 0

    def rows_in(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        self.n = len(inputs[0])
        return tuple(_rows(each, self.ranks) for each in inputs)

    def whole_out(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        return _whole(output, self.n, self.ranks)

    def whole_in(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(_whole(each, self.n, self.ranks) for each in inputs)

    def rows_out(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        return _rows(output, self.ranks)


def _rows(whole: Tensor, ranks: Ranks) -> Tensor:
    """Of a whole tensor ``(n, …)`` this rank's rows ``(⌈n / size⌉, …)``, zeros where there are no more."""
    return _Rows.apply(whole, ranks)  # type: ignore[no-any-return, no-untyped-call]


def _whole(rows: Tensor, n: int, ranks: Ranks) -> Tensor:
    """The whole tensor ``(n, …)`` of which each rank has its rows."""
    return _Whole.apply(rows, n, ranks)  # type: ignore[no-any-return, no-untyped-call]


class _Rows(torch.autograd.Function):
    """Its gradient is put together again, so that there is one of any order."""

    @staticmethod
    def forward(ctx: Any, whole: Tensor, ranks: Ranks) -> Tensor:
        ctx.n, ctx.ranks = len(whole), ranks
        n_rows = -(-len(whole) // ranks.size)
        rows = whole[ranks.rank * n_rows : (ranks.rank + 1) * n_rows]
        return F.pad(rows, [0, 0] * (whole.ndim - 1) + [0, n_rows - len(rows)])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return _whole(gradients[0], ctx.n, ctx.ranks) / ctx.ranks.size, None


class _Whole(torch.autograd.Function):
    """The other way round."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, n: int, ranks: Ranks) -> Tensor:
        ctx.ranks = ranks
        whole = rows.new_empty((ranks.size * len(rows), *rows.shape[1:]))
        with _joint():
            dist.all_gather(list(whole.chunk(ranks.size)), rows.contiguous())
        return whole[:n]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return _rows(gradients[0], ctx.ranks) * ctx.ranks.size, None, None
