"""Lowerings of what moves or adds up numbers: parts, tables, sums, products, convolutions, interpolation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from tsinfogan.sharing._program import Given, Program, Value, strides_of, unsupported

Lowering = Callable[..., Any]


def concatenated(program: Program, result: Tensor, parts: Sequence[Given], dim: int = 0) -> Value:
    """``torch.cat``."""
    out = program.new(result.shape, result.dtype)
    values = [value for value in map(program.value, parts) if value.shape != (0,)]
    pieces = out.addresses.split([value.shape[dim] for value in values], dim)
    for addresses, value in zip(pieces, values, strict=True):
        program.loop("copy", replace(out, addresses=addresses), value)
    return out


def stacked(program: Program, result: Tensor, parts: Sequence[Given], dim: int = 0) -> Value:
    """``torch.stack``."""
    dim %= result.ndim
    values = [program.value(part).moved(lambda addresses: addresses.unsqueeze(dim)) for part in parts]
    return concatenated(program, result, values, dim)


def padded(program: Program, result: Tensor, given: Value, pad: Sequence[int], value: float = 0) -> Value:
    """``torch.constant_pad_nd``, which crops where ``pad`` is negative."""
    out = program.compute("copy", result, value)
    inside, kept = out.addresses, given.addresses
    for axis, (before, after) in enumerate(zip(pad[::2], pad[1::2], strict=True), start=1):
        inside = inside.narrow(-axis, max(0, before), inside.shape[-axis] - max(0, before) - max(0, after))
        kept = kept.narrow(-axis, max(0, -before), kept.shape[-axis] + min(0, before) + min(0, after))
    program.loop("copy", replace(out, addresses=inside), replace(given, addresses=kept))
    return out


def gathered(program: Program, result: Tensor, given: Given, dim: int, index: Value, **_: Any) -> Value:
    """``torch.gather`` by a computed index."""
    source = program.strided(program.value(given))
    start = source.addresses.narrow(dim, 0, 1)
    for axis, size in enumerate(index.shape):
        start = start if axis == dim % len(index.shape) else start.narrow(axis, 0, size)
    return program.take(result, index, replace(source, addresses=start), strides_of(source.addresses)[dim])


def indexed(program: Program, result: Tensor, given: Given, indices: Sequence[Value | None]) -> Value:
    """``given[…, index, …]`` by one computed index."""
    (axis, index), *others = [(axis, index) for axis, index in enumerate(indices) if index is not None]
    if others or not isinstance(index, Value):
        raise unsupported("index by several tensors")
    source = program.strided(program.value(given))
    start = source.addresses.select(axis, 0)
    before, after = start.shape[:axis], start.shape[axis:]
    start = start.reshape(*before, *(1,) * len(index.shape), *after)
    index = index.moved(lambda addresses: addresses.reshape(*addresses.shape, *(1,) * len(after)))
    return program.take(result, index, replace(source, addresses=start), strides_of(source.addresses)[axis])


def summed(program: Program, given: Value, axes: Sequence[int], factor: Given = 1.0) -> Value:
    """The sum along ``axes``, which keep size 1, of ``given`` times ``factor``, in float64."""
    shape = [1 if axis in axes else size for axis, size in enumerate(given.shape)]
    out = program.loop("copy", program.new(shape, torch.float64), program.value(0.0))
    order = sorted(range(len(shape)), key=lambda axis: axis in axes)  # an interpreter is fast along the last axis

    def ordered(value: Value) -> Value:
        return value.moved(lambda addresses: addresses.expand(given.shape).permute(order))

    program.loop("dot", ordered(out), ordered(given), ordered(program.value(factor)))
    return out


def multiplied(program: Program, result: Tensor, left: Given, right: Given, bias: Given | None = None) -> Value:
    """``left @ right + bias``."""
    if isinstance(right, Tensor) and isinstance(left, Value) and not isinstance(bias, (Value, float)):
        columns = left.moved(lambda addresses: addresses.T)
        return program.product(program.value(right.T), bias, columns).moved(lambda addresses: addresses.T)
    if isinstance(left, Tensor):
        product = program.product(program.value(left), None, program.value(right))
    else:
        rows = program.value(left).moved(lambda addresses: addresses[:, None].expand(-1, result.shape[1], -1))
        columns = program.value(right).moved(lambda addresses: addresses.T[None])
        total = summed(program, rows, [2], columns).moved(lambda addresses: addresses[..., 0])
        product = program.compute("copy", result, total)
    return product if bias is None else program.compute("add", result, product, bias)


def multiplied_and_added(
    program: Program, result: Tensor, bias: Given, left: Given, right: Given, *, beta: float = 1, alpha: float = 1
) -> Value:
    """``torch.addmm``."""
    if (alpha, beta) != (1, 1):
        raise unsupported("addmm with factors")
    return multiplied(program, result, left, right, bias)


def multiplied_in_batches(program: Program, result: Tensor, left: Any, right: Any) -> Value:
    """``torch.bmm``."""

    def entry(given: Value | Tensor, index: int) -> Value | Tensor:
        return given[index] if isinstance(given, Tensor) else given.moved(lambda addresses: addresses[index])

    parts = [multiplied(program, each, entry(left, i), entry(right, i)) for i, each in enumerate(result)]
    return stacked(program, result, parts)


def convolved(program: Program, result: Tensor, given: Value, weight: Given, bias: Any, *settings: Any) -> Value:
    """Plain and transposed convolutions of any number of axes, as products with strided views of the input."""
    strides, padding, dilation, is_transposed, spare, n_groups = settings
    if n_groups != 1 or not isinstance(weight, Tensor) or isinstance(bias, Value):
        raise unsupported("convolution of groups, or by computed weights")
    n_axes, kernel = len(given.shape) - 2, weight.shape[2:]
    pad = [(size, size) for size in padding]
    if is_transposed:
        # A plain one with the kernel reversed, over numbers that have zeros between them.
        reach = [apart * (size - 1) for apart, size in zip(dilation, kernel, strict=True)]
        pad = [(r - p, r - p + more) for r, p, more in zip(reach, padding, spare, strict=True)]
        weight = weight.transpose(0, 1).flip([axis + 2 for axis in range(n_axes)])
        sizes = [(size - 1) * stride + 1 for size, stride in zip(given.shape[2:], strides, strict=True)]
        apart = program.compute("copy", torch.empty(*given.shape[:2], *sizes), 0.0)
        grid = (slice(None), slice(None), *(slice(None, None, stride) for stride in strides))
        program.loop("copy", replace(apart, addresses=apart.addresses[grid]), given)
        given, strides = apart, [1] * n_axes
    if any(any(ends) for ends in pad):
        sizes = [size + sum(ends) for size, ends in zip(given.shape[2:], pad, strict=True)]
        ends = [end for pair in reversed(pad) for end in pair]
        given = padded(program, torch.empty(*given.shape[:2], *sizes), given, ends)
    addresses = given.addresses.transpose(0, 1)  # (c, n, *grid)
    for axis, (size, stride, apart) in enumerate(zip(kernel, strides, dilation, strict=True), start=2):
        addresses = addresses.unfold(axis, apart * (size - 1) + 1, stride)[..., ::apart]
    axes = range(n_axes)
    columns = addresses.movedim([2 + n_axes + axis for axis in axes], [1 + axis for axis in axes])
    product = program.product(program.value(weight), bias, replace(given, addresses=columns))  # (c_out, n, *grid)
    return product.moved(lambda addresses: addresses.transpose(0, 1))


def interpolated(op: Any) -> Lowering:
    """Linear interpolation along all axes but the first two, one after the other."""

    def lower(program: Program, result: Tensor, given: Value, *settings: Any) -> Value:
        for axis in range(2, result.ndim):
            # What becomes of 0, 1, 2, … are the positions at which values are wanted.
            line = torch.arange(given.shape[axis], dtype=torch.float64).view(-1, *(1,) * (result.ndim - axis - 1))
            positions = op(line.expand(1, 1, *given.shape[2:]), *settings).movedim(axis, 0).flatten(1)[:, 0]
            if torch.equal(positions, line.flatten()):
                continue
            before = positions.floor().long()
            share = (positions - before).float().view(-1, *line.shape[1:])
            left = replace(given, addresses=given.addresses.index_select(axis, before))
            after = (before + 1).clamp_max(len(line) - 1)
            right = replace(given, addresses=given.addresses.index_select(axis, after))
            rise = program.compute("sub", left, right, left)
            given = program.compute("add", left, left, program.compute("mul", rise, rise, share))
        return given

    return lower
