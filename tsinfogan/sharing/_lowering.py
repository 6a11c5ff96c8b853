"""Operations of torch as instructions of a program.

A lowering gets the program, what torch computed (for its shape and dtype), and the operation's own arguments, in which
a tensor that depends on the inputs is a :class:`Value`. It returns the value of the result.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from tsinfogan.sharing._linear import (
    Lowering,
    concatenated,
    convolved,
    gathered,
    indexed,
    interpolated,
    multiplied,
    multiplied_and_added,
    multiplied_in_batches,
    padded,
    stacked,
    summed,
)
from tsinfogan.sharing._program import Given, Program, Value, unsupported

# ---- number by number


def _numberwise(op: str) -> Lowering:
    return lambda program, result, *given: program.compute(op, result, *given)


def _with_number(op: str, number: float) -> Lowering:
    return lambda program, result, given: program.compute(op, result, given, number)


def _added(op: str, *, swapped: bool = False) -> Lowering:
    def lower(program: Program, result: Tensor, left: Given, right: Given, alpha: float = 1) -> Value:
        left, right = (right, left) if swapped else (left, right)
        if alpha != 1:
            right = program.compute("mul", result, right, alpha)
        return program.compute(op, result, left, right)

    return lower


def _power(program: Program, result: Tensor, base: Given, exponent: Given) -> Value:
    if isinstance(exponent, (int, float)) and exponent == 2:
        return program.compute("mul", result, base, base)
    return program.compute("pow", result, base, exponent)


def _inverse(program: Program, result: Value | Tensor, given: Given) -> Value:
    return program.compute("div", result, 1.0, given)


def _inverse_root(program: Program, result: Value | Tensor, given: Value) -> Value:
    return _inverse(program, result, program.compute("sqrt", given, given))


def _clamp(program: Program, result: Tensor, given: Value, min: Given | None = None, max: Given | None = None) -> Value:
    for op, bound in (("max", min), ("min", max)):
        given = given if bound is None else program.compute(op, result, given, bound)
    return given


def _leaky(program: Program, result: Tensor, given: Value, slope: float = 0.01) -> Value:
    return program.compute("leaky", result, given, slope)


def _masked_fill(program: Program, result: Tensor, given: Given, mask: Given, number: Given) -> Value:
    return program.compute("where", result, mask, number, given)


def _copied(program: Program, result: Tensor, given: Given, source: Given | None = None, *_: Any, **__: Any) -> Value:
    """Another dtype, or the numbers of another tensor."""
    source = program.value(given if source is None else source)
    if source.dtype == result.dtype:
        return source.moved(lambda addresses: addresses.expand(result.shape))
    if result.dtype == torch.bool:
        return program.compute("ne", result, source, 0.0)
    to_whole = source.dtype.is_floating_point and not result.dtype.is_floating_point
    return program.compute("trunc" if to_whole else "copy", result, source)


# ---- sums and norms


def _reduced(*, is_mean: bool) -> Lowering:
    def lower(program: Program, result: Tensor, given: Value, dim: Any = None, *_: Any, **__: Any) -> Value:
        axes = [dim] if isinstance(dim, int) else dim or range(len(given.shape))
        axes = [axis % max(1, len(given.shape)) for axis in axes]
        total = summed(program, given, axes).moved(lambda addresses: addresses.view(result.shape))
        count = math.prod(given.shape[axis] for axis in axes) if is_mean else 1
        return program.compute("div", result, total, float(count))

    return lower


def _normalized(program: Program, given: Value, axes: Sequence[int], epsilon: float) -> Value:
    """``given`` less its mean along ``axes``, over its standard deviation."""
    like = torch.empty([1 if axis in axes else size for axis, size in enumerate(given.shape)])
    count = float(math.prod(given.shape[axis] for axis in axes))
    mean = program.compute("div", like, summed(program, given, axes), count)
    centred = program.compute("sub", given, given, mean)
    total = summed(program, centred, axes, centred)
    variance = program.compute("add", total, program.compute("div", total, total, count), epsilon)
    return program.compute("mul", given, centred, _inverse_root(program, like, variance))


def _scaled(program: Program, given: Value, weight: Given | None, bias: Given | None, shape: Sequence[int]) -> Value:
    """``given * weight + bias``, where both are of ``shape``."""
    for op, each in (("mul", weight), ("add", bias)):
        if each is not None:
            factor = program.value(each).moved(lambda addresses: addresses.reshape(shape))
            given = program.compute(op, given, given, factor)
    return given


def _group_norm(program: Program, result: Any, given: Value, weight: Any, bias: Any, *sizes: Any) -> tuple[Any, ...]:
    n, n_channels, _, n_groups, epsilon = sizes
    grouped = given.moved(lambda addresses: addresses.reshape(n, n_groups, -1))
    normal = _normalized(program, grouped, [2], epsilon).moved(lambda addresses: addresses.view(given.shape))
    return _scaled(program, normal, weight, bias, [1, n_channels, *(1,) * (len(given.shape) - 2)]), None, None


def _layer_norm(program: Program, result: Any, given: Value, shape: Any, *others: Any) -> tuple[Any, ...]:
    weight, bias, epsilon = others
    axes = range(len(given.shape) - len(shape), len(given.shape))
    return _scaled(program, _normalized(program, given, axes, epsilon), weight, bias, shape), None, None


def _batch_norm(program: Program, result: Any, given: Value, *others: Any) -> tuple[Any, ...]:
    weight, bias, mean, variance, *is_training, _, epsilon = others
    if any(is_training) or mean is None:
        raise unsupported("batch_norm of a batch")
    factor = (variance + epsilon).rsqrt() * (1 if weight is None else weight)
    shift = (0 if bias is None else bias) - mean * factor
    return _scaled(program, given, factor, shift, [1, -1, *(1,) * (len(given.shape) - 2)]), None, None


LOWERINGS: dict[str, Lowering] = {
    **{op: _numberwise(op) for op in ("abs", "ceil", "cos", "div", "eq", "exp", "expm1", "floor", "ge", "gt", "le")},
    **{op: _numberwise(op) for op in ("log", "log1p", "lt", "mul", "ne", "neg", "round", "sigmoid", "sign", "silu")},
    **{op: _numberwise(op) for op in ("sin", "sqrt", "tanh", "trunc", "where")},
    "_native_batch_norm_legit_no_training": _batch_norm,
    "_to_copy": _copied,
    "add": _added("add"),
    "addmm": multiplied_and_added,
    "bmm": multiplied_in_batches,
    "cat": concatenated,
    "clamp": _clamp,
    "clamp_max": _numberwise("min"),
    "clamp_min": _numberwise("max"),
    "constant_pad_nd": padded,
    "convolution": convolved,
    "copy": _copied,
    "gather": gathered,
    "index": indexed,
    "leaky_relu": _leaky,
    "logical_not": _with_number("eq", 0.0),
    "masked_fill": _masked_fill,
    "maximum": _numberwise("max"),
    "mean": _reduced(is_mean=True),
    "minimum": _numberwise("min"),
    "mm": multiplied,
    "native_batch_norm": _batch_norm,
    "native_group_norm": _group_norm,
    "native_layer_norm": _layer_norm,
    "pow": _power,
    "reciprocal": _inverse,
    "relu": _with_number("max", 0.0),
    "rsqrt": _inverse_root,
    "rsub": _added("sub", swapped=True),
    "stack": stacked,
    "sub": _added("sub"),
    "sum": _reduced(is_mean=False),
    "upsample_bilinear2d": interpolated(torch.ops.aten.upsample_bilinear2d),
    "upsample_linear1d": interpolated(torch.ops.aten.upsample_linear1d),
}
"""Lowerings by the name of the operation."""
