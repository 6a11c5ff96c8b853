"""What a network computes for one series, recorded as a program while torch computes it.

Torch hands every operation that reaches its kernels to a mode, with real tensors. Those that depend on the inputs are
lowered to instructions. All others give constants, whose values are known by then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from inspect import signature
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.weak import WeakTensorKeyDictionary

from tsinfogan.sharing._lowering import LOWERINGS
from tsinfogan.sharing._program import Program, Value, unsupported

CONSTANT = frozenset(
    ("empty_like", "full_like", "new_empty", "new_full", "new_ones", "new_zeros", "ones_like", "zeros_like")
)
"""Operations that take nothing from a tensor but its shape."""
RESHAPES = frozenset(("_reshape_alias", "_unsafe_view", "view"))
MOVES = RESHAPES.union(
    ("alias", "clone", "detach", "diagonal", "expand", "flip", "lift_fresh", "permute", "repeat", "roll", "select"),
    ("slice", "split", "split_with_sizes", "squeeze", "t", "transpose", "unbind", "unfold", "unsafe_split"),
    ("unsafe_split_with_sizes", "unsqueeze"),
)
"""Operations that take numbers to other places and compute nothing."""
MOVES_BY_TABLE = frozenset(("gather", "index", "index_select"))
"""So do these, where a constant says which numbers."""


def record(network: nn.Module, inputs: Sequence[Tensor]) -> tuple[Program, list[Value], list[Value]]:
    """The program of what ``network`` computes from inputs like these, where it expects them, and its results.

    A SettingError if there are no instructions for an operation.
    """
    recorder = _Recorder()
    program = recorder.program
    given = [program.new(tensor.shape, tensor.dtype) for tensor in inputs]
    for tensor, value in zip(inputs, given, strict=True):
        recorder.values[tensor] = value
    with torch.no_grad(), _OneHot(), recorder:
        outputs = [recorder.value_of(output) for output in network(*inputs)]
    return program, given, [program.compute("copy", output, output) for output in outputs]


class _OneHot(TorchFunctionMode):
    """Computes one-hot rows by a comparison, as torch would look at the values."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function is not F.one_hot:
            return function(*args, **(kwargs or {}))
        values, n_categories = args
        return (values[..., None] == torch.arange(n_categories)).long()


class _Recorder(TorchDispatchMode):
    """While it is active, operations on the tensors in :attr:`values` become instructions of :attr:`program`."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.program = Program()
        # Where the numbers of a tensor are that depends on the inputs; None if that is not known any more.
        self.values: Any = WeakTensorKeyDictionary()
        self._results: dict[bytes, Any] = {}

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = function.overloadpacket.__name__
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        if name in CONSTANT or not any(tensor in self.values for tensor in tensors):
            return function(*args, **kwargs)
        if not function._schema.is_mutable:
            result = function(*args, **kwargs)
            self._note(result, self._lowered(name, result, args, kwargs))
            return result
        # In place: what the operation that makes a new tensor gives stands for the old one from now on.
        name = name.removesuffix("_")
        if args[0]._is_view() or not hasattr(torch.ops.aten, name):
            raise unsupported(f"{name} in place")
        result = getattr(torch.ops.aten, name)(*args, **kwargs)
        lowered = self._lowered(name, result, args, kwargs)
        function(*args, **kwargs)
        for other in [*self.values]:
            if _overlap(other, args[0]):
                self.values[other] = None
        self._note(args[0], lowered)
        return args[0]

    def value_of(self, leaf: Any) -> Any:
        """The value of a tensor that depends on the inputs; all else as it is."""
        if not isinstance(leaf, Tensor) or leaf not in self.values:
            return leaf
        if self.values[leaf] is None:
            raise unsupported("what is changed in place while other tensors share it")
        return self.values[leaf]

    def _note(self, result: Any, lowered: Any) -> None:
        for tensor, value in [(result, lowered)] if isinstance(result, Tensor) else zip(result, lowered, strict=True):
            self.values[tensor] = value

    def _lowered(self, name: str, result: Any, args: Any, kwargs: Any) -> Any:
        """Values of the results: from new instructions, or from those of an equal operation."""
        args, kwargs = tree_map(self.value_of, (args, kwargs))
        n_values = sum(isinstance(leaf, Value) for leaf in tree_leaves((args, kwargs)))
        if name in RESHAPES:
            return args[0].moved(lambda addresses: addresses.reshape(result.shape))
        if name in MOVES or (name in MOVES_BY_TABLE and n_values == 1 and isinstance(args[0], Value)):
            moved = getattr(torch.ops.aten, name)(args[0].addresses, *args[1:], **kwargs)
            return tree_map(lambda addresses: replace(args[0], addresses=addresses), moved)
        if name not in LOWERINGS:
            raise unsupported(name)
        key = sha256(repr(tree_map(_fingerprint, (name, args, kwargs))).encode()).digest()
        if key not in self._results:
            try:
                call = signature(LOWERINGS[name]).bind(self.program, result, *args, **kwargs)
            except TypeError:
                raise unsupported(f"{name} with all its arguments") from None
            self._results[key] = LOWERINGS[name](*call.args, **call.kwargs)
        return self._results[key]


def _fingerprint(leaf: Any) -> Any:
    """Equal for equal arguments."""
    if isinstance(leaf, Value):
        return leaf.buffer, leaf.dtype, _fingerprint(leaf.addresses)
    if isinstance(leaf, Tensor):
        return leaf.shape, leaf.dtype, sha256(leaf.contiguous().numpy().tobytes()).digest()
    return leaf


def _overlap(left: Tensor, right: Tensor) -> bool:
    """Whether two tensors may share memory."""
    ends = []
    for tensor in (left, right):
        reach = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
        ends.append((tensor.data_ptr(), tensor.data_ptr() + (reach + 1) * tensor.itemsize))
    return max(start for start, _ in ends) < min(end for _, end in ends)
