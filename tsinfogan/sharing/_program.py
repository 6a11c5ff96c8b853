"""A program for an interpreter that has one memory and knows loops over numbers and matrix products, but no tensors.

Every shape is known, so an instruction says which elements of which buffers it reads and writes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch
from torch import Tensor

from tsinfogan.errors import SettingError

MAX_DEPTH = 512
"""Entries of columns that are multiplied and added up in one go."""
TILE_ROWS = 8
"""Rows of a matrix that the interpreter multiplies at once."""
Sizes = tuple[int, ...]


@dataclass(frozen=True)
class Value:
    """Where the numbers of a tensor are."""

    buffer: int  # index of the buffer
    addresses: Tensor  # int64, of the tensor's shape: the element of the buffer that holds each number
    dtype: torch.dtype  # of the tensor. Numbers of float32 are kept as such, all others as float64

    @property
    def shape(self) -> torch.Size:
        return self.addresses.shape

    def moved(self, move: Callable[[Tensor], Tensor]) -> Value:
        """The numbers that ``move`` takes out of a tensor, in its order."""
        return replace(self, addresses=move(self.addresses))


Given = Value | Tensor | float
"""An operand: computed, constant or a number."""


def unsupported(name: str) -> SettingError:
    """The error for an operation that has no instructions."""
    return SettingError(f"a page cannot compute {name} by itself; have `tsinfogan explore` serve it, without a file")


class Operand(NamedTuple):
    """Elements of a buffer for the points of a grid, ``strides`` apart along its axes."""

    buffer: int
    offset: int
    strides: Sizes


class Loop(NamedTuple):
    """An operation on numbers at each point of a grid."""

    op: str  # its name
    sizes: Sizes  # of the grid
    operands: Sequence[Operand]  # what it writes, then what it reads
    stride: int  # of ``take``, between the entries of a table

    @property
    def written(self) -> int:
        return self.operands[0].buffer

    @property
    def read(self) -> list[int]:
        return [operand.buffer for operand in self.operands[1:]]


class Product(NamedTuple):
    """A matrix times columns, plus a bias."""

    packed: int  # buffer of the matrix, in tiles
    bias: int  # buffer of a number a row
    depth: tuple[Sizes, Sizes]  # sizes of the axes of a column, and the strides of a column along them
    sizes: Sizes  # of the grid of columns
    columns: Operand  # where columns begin
    results: Operand  # where the first row of the results is
    row_stride: int  # from one row of the results to the next

    @property
    def written(self) -> int:
        return self.results.buffer

    @property
    def read(self) -> list[int]:
        return [self.packed, self.bias, self.columns.buffer]


Instruction = Loop | Product


class Packed(NamedTuple):
    """A constant ``(rows, *depth)`` that the interpreter orders once: tiles of rows, in a tile depth by depth."""

    rows: int
    depth: Sizes
    matrix: Operand


@dataclass(frozen=True)
class Buffer:
    """Some of the memory: ``size`` numbers of 64 bits or of 32, with the content that a constant has."""

    size: int
    is_wide: bool = False
    content: bytes | Packed | None = None


@dataclass
class Program:
    """Instructions in the order of computation, and the buffers that they use."""

    buffers: list[Buffer] = field(default_factory=list)
    instructions: list[Instruction] = field(default_factory=list)
    constants: dict[Buffer, int] = field(default_factory=dict)
    """Buffers that hold constants, by what they hold: nothing is stored twice."""

    def new(self, shape: Sequence[int], dtype: torch.dtype, n_spare: int = 0) -> Value:
        """A value in a buffer of its own, which has ``n_spare`` numbers after it."""
        size = math.prod(shape)
        self.buffers.append(Buffer(size + n_spare, dtype != torch.float32))
        return Value(len(self.buffers) - 1, torch.arange(size).view(tuple(shape)), dtype)

    def value(self, given: Given, dtype: torch.dtype = torch.float64) -> Value:
        """Where an operand is; ``dtype`` is that of a number. Transposed or expanded, a constant is still the same."""
        if isinstance(given, Value):
            return given
        tensor = given.detach() if isinstance(given, Tensor) else torch.tensor(given, dtype=dtype)
        once = tensor[tuple(slice(0, None if stride else 1) for stride in tensor.stride())]
        order = sorted(range(once.ndim), key=lambda axis: -once.stride()[axis])
        kept = once.permute(order).to(torch.float32 if once.dtype == torch.float32 else torch.float64)
        content = kept.contiguous().numpy().tobytes()
        buffer = self._constant(Buffer(kept.numel(), kept.dtype == torch.float64, content))
        back = [order.index(axis) for axis in range(once.ndim)]
        addresses = torch.arange(kept.numel()).view(kept.shape).permute(back)
        return Value(buffer, addresses.expand(tensor.shape), tensor.dtype)

    def _constant(self, buffer: Buffer) -> int:
        if buffer not in self.constants:
            self.constants[buffer] = len(self.buffers)
            self.buffers.append(buffer)
        return self.constants[buffer]

    def compute(self, op: str, like: Value | Tensor, *given: Given) -> Value:
        """A new value with the shape and dtype of ``like``; beside a tensor of float32, numbers are of float32 too."""
        dtypes = [each.dtype for each in given if not isinstance(each, (int, float))] or [like.dtype]
        dtype = torch.float32 if torch.float32 in dtypes else torch.float64
        return self.loop(op, self.new(like.shape, like.dtype), *(self.value(each, dtype) for each in given))

    def loop(self, op: str, out: Value, *given: Value, stride: int = 0) -> Value:
        """Lets ``op`` write ``out`` from values that are broadcast to its shape; returns ``out``."""
        read = [self.strided(value.moved(lambda addresses: addresses.expand(out.shape))) for value in given]
        if out.addresses.numel():
            self.instructions.append(Loop(op, *_grid(out, *read), stride))
        return out

    def take(self, like: Value | Tensor, index: Value, start: Value, stride: int) -> Value:
        """A new value of which each number is ``index * stride`` elements behind ``start``."""
        return self.loop("take", self.new(like.shape, like.dtype), index, start, stride=stride)

    def product(self, matrix: Value, bias: Tensor | None, columns: Value) -> Value:
        """A constant ``(rows, *depth)`` times ``(*depth, *columns)`` and a bias ``(rows,)``: ``(rows, *columns)``."""
        rows, n_depth = matrix.shape[0], len(matrix.shape) - 1
        if matrix.shape[1:].numel() > MAX_DEPTH and (half := matrix.shape[1] // 2):
            # The interpreter adds one number after the other, so rounding errors of a long sum would add up too.
            parts = []
            for part, its_bias in ((slice(half), bias), (slice(half, None), None)):
                some = replace(matrix, addresses=matrix.addresses[:, part])
                parts.append(self.product(some, its_bias, replace(columns, addresses=columns.addresses[part])))
            return self.compute("add", parts[0], *parts)
        columns = self.strided(columns)
        shape, n_columns = columns.shape[n_depth:], columns.shape[n_depth:].numel()
        n_padded = -(-rows // TILE_ROWS) * TILE_ROWS
        out = self.new((rows, *shape), torch.float32, n_spare=(n_padded - rows) * n_columns)
        first_column = columns.moved(lambda addresses: addresses.reshape(*matrix.shape[1:], -1)[..., 0])
        depth, (source, along) = _grid(matrix.moved(lambda addresses: addresses[0]), first_column)
        row_strides = strides_of(matrix.addresses)[:1] if rows > 1 else (0,)
        packed = Packed(rows, depth, source._replace(strides=row_strides + source.strides))
        padded_bias = torch.zeros(n_padded)
        if bias is not None:
            padded_bias[:rows] = bias
        firsts = columns.moved(lambda addresses: addresses[(0,) * n_depth]), out.moved(lambda addresses: addresses[0])
        sizes, (begins, results) = _grid(*firsts)
        buffer = self._constant(Buffer(n_padded * math.prod(depth), content=packed))
        bias_buffer = self.value(padded_bias).buffer
        self.instructions.append(
            Product(buffer, bias_buffer, (depth, along.strides), sizes, begins, results, n_columns)
        )
        return out

    def strided(self, value: Value) -> Value:
        """``value`` with even strides along each axis: itself, or a copy by a table of addresses."""
        addresses = value.addresses
        if has_strides(addresses):
            return value
        uneven = [axis for axis in range(addresses.ndim) if not has_strides(_along(addresses, axis))]
        first = addresses[(slice(0, 1),) * addresses.ndim]
        start, index = addresses, addresses - first
        for axis in range(addresses.ndim):
            start = start.narrow(axis, 0, 1) if axis in uneven else start
            index = index if axis in uneven else index.narrow(axis, 0, 1)
        if not torch.equal(start + index, addresses):
            start, index = first, addresses - first
        return self.take(value, self.value(index.double()), replace(value, addresses=start), 1)


def _along(addresses: Tensor, axis: int) -> Tensor:
    """The addresses along one axis, at the beginning of the others."""
    return addresses[tuple(slice(None) if other == axis else 0 for other in range(addresses.ndim))]


def strides_of(addresses: Tensor) -> Sizes:
    """The distance between the first two addresses along each axis; 0 where there is one only."""
    lines = [_along(addresses, axis) for axis in range(addresses.ndim)]
    return tuple(int(line[1] - line[0]) if len(line) > 1 else 0 for line in lines)


def has_strides(addresses: Tensor) -> bool:
    """Whether addresses are as far apart everywhere as at the beginning."""
    if not addresses.numel():
        return True
    expected = addresses[(0,) * addresses.ndim]
    for stride, size in zip(strides_of(addresses), addresses.shape, strict=True):
        expected = expected[..., None] + stride * torch.arange(size)
    return torch.equal(expected, addresses)


def _grid(*values: Value) -> tuple[Sizes, list[Operand]]:
    """Sizes and operands of a loop over values of one shape that have strides; axes are merged where they can be."""
    sizes: list[int] = []
    strides: list[tuple[int, ...]] = []  # along each axis, of every value
    shape = values[0].shape
    for size, along in zip(shape, zip(*(strides_of(value.addresses) for value in values), strict=True), strict=False):
        if size == 1:
            continue
        if sizes and all(outer == inner * size for outer, inner in zip(strides[-1], along, strict=True)):
            sizes[-1] *= size
            strides[-1] = along
        else:
            sizes.append(size)
            strides.append(along)
    operands = []
    for index, value in enumerate(values):
        offset = int(value.addresses[(0,) * len(shape)])
        operands.append(Operand(value.buffer, offset, tuple(along[index] for along in strides)))
    return tuple(sizes), operands
