"""A trained model for a browser: what it computes as a program, and the interpreter that runs it in a page.

The interpreter ``templates/runtime.js`` is a plain script with a single global::

    const runtime = await TsInfoGANRuntime.load(program, weightsBase64, wasmBase64);
    const { values, length } = runtime.run(noise, injectedNoise, codes);

Most of the work is done by ``templates/product.wasm``, whose source is ``product.wat`` beside it. Where a browser
cannot run that, the script does it more slowly. After a change of the source, the package wasmtime assembles it::

    Path("product.wasm").write_bytes(wasmtime.wat2wasm(Path("product.wat").read_text()))
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from tsinfogan.models.model import Model
from tsinfogan.sharing._program import Buffer, Instruction, Loop, Operand, Packed, Value
from tsinfogan.sharing._recorder import record
from tsinfogan.sharing.graph import SampleGraph

ALIGNMENT = 16
"""Bytes of which every offset in the memory is a multiple."""


@dataclass(frozen=True)
class BrowserProgram:
    """What a browser needs to sample a model, one series at a time."""

    instructions: dict[str, Any]  # JSON-ready, for ``TsInfoGANRuntime.load``
    weights: bytes  # constants, little-endian
    shape: tuple[int, ...]  # of the values: ``(n_channels, greatest length)``, or ``(n_channels, height, width)``


def browser_program(model: Model) -> BrowserProgram:
    """Everything that :func:`tsinfogan.sample` computes from noise and codes, as a program for a browser.

    A SettingError if the model computes something that there are no instructions for.
    """
    model = replace(model, generator=copy.deepcopy(model.generator).cpu().eval())
    latent = model.settings.latent
    noise, injected_noise = torch.zeros(1, latent.noise_dim), torch.zeros(1, model.injected_noise_dim)
    codes = [torch.zeros(1, dtype=torch.int64 if code.is_categorical else torch.float32) for code in latent.codes]
    program, inputs, results = record(SampleGraph(model), [noise, injected_noise, *codes])
    values, length = results
    instructions = _needed(program.instructions, [value.buffer for value in results])
    memory = _Memory(program.buffers)
    weights = memory.place_constants(instructions)
    memory.place_others(instructions, inputs, results)
    written = {
        "memory": memory.size,
        "packed": memory.packed(),
        "inputs": [memory.whole(value) for value in inputs],
        "values": [*memory.whole(values), values.addresses.numel()],
        "length": memory.whole(length),
        "instructions": [memory.instruction(each) for each in instructions],
    }
    return BrowserProgram(written, weights, tuple(values.shape[1:]))


def _needed(instructions: Sequence[Instruction], buffers: Sequence[int]) -> list[Instruction]:
    """The instructions on which the content of these buffers depends."""
    needed, kept = set(buffers), []
    for instruction in reversed(instructions):
        if instruction.written in needed:
            needed.update(instruction.read)
            kept.append(instruction)
    return kept[::-1]


class _Memory:
    """Where each buffer begins, in bytes, and the program in terms of this memory.

    Constants come first, then those in tiles. All other buffers share what follows.
    """

    def __init__(self, buffers: Sequence[Buffer]) -> None:
        self.buffers, self.size = buffers, 0
        self.begins: dict[int, int] = {}

    def _n_bytes(self, buffer: int) -> int:
        size = self.buffers[buffer].size * (8 if self.buffers[buffer].is_wide else 4)
        return -(-size // ALIGNMENT) * ALIGNMENT

    def place_constants(self, instructions: Sequence[Instruction]) -> bytes:
        """Places the constants that are needed; returns those that are not in tiles."""
        read = dict.fromkeys(buffer for instruction in instructions for buffer in instruction.read)
        contents = {buffer: self.buffers[buffer].content for buffer in read}
        tiles = {buffer: content for buffer, content in contents.items() if isinstance(content, Packed)}
        sources = [packed.matrix.buffer for packed in tiles.values()]
        parts = []
        for buffer in dict.fromkeys([*read, *sources]):
            content = self.buffers[buffer].content
            if isinstance(content, bytes):
                parts.append(content.ljust(self._n_bytes(buffer), b"\0"))
                self._place(buffer, self.size)
        for buffer in tiles:
            self._place(buffer, self.size)
        return b"".join(parts)

    def place_others(self, instructions: Sequence[Instruction], inputs: list[Value], results: list[Value]) -> None:
        """Places buffers one after the other, each where none is that is still needed."""
        begin, ends = [value.buffer for value in inputs], [value.buffer for value in results]
        uses = [begin, *([each.written, *each.read] for each in instructions), ends]
        last = {buffer: time for time, buffers in enumerate(uses) for buffer in buffers}
        live: set[int] = set()
        start = self.size
        for time, buffers in enumerate(uses):
            live = {buffer for buffer in live if last[buffer] >= time}
            for buffer in dict.fromkeys(buffers):
                if buffer in self.begins:
                    continue
                free = start
                for other in sorted(live, key=self.begins.__getitem__):
                    if free + self._n_bytes(buffer) <= self.begins[other]:
                        break
                    free = max(free, self.begins[other] + self._n_bytes(other))
                self._place(buffer, free)
                live.add(buffer)

    def _place(self, buffer: int, begin: int) -> None:
        self.begins[buffer] = begin
        self.size = max(self.size, begin + self._n_bytes(buffer))

    def _operand(self, operand: Operand) -> list[int]:
        """``[is_wide, offset, *strides]``, in elements."""
        is_wide = self.buffers[operand.buffer].is_wide
        return [int(is_wide), self.begins[operand.buffer] // (8 if is_wide else 4) + operand.offset, *operand.strides]

    def whole(self, value: Value) -> list[int]:
        """``[is_wide, offset]``."""
        return self._operand(Operand(value.buffer, 0, ()))

    def packed(self) -> list[list[Any]]:
        """``[offset, rows, sizes of depth, matrix]`` of each constant in tiles."""
        placed = [(self.begins[buffer] // 4, self.buffers[buffer].content) for buffer in self.begins]
        return [
            [offset, content.rows, content.depth, self._operand(content.matrix)]
            for offset, content in placed
            if isinstance(content, Packed)
        ]

    def instruction(self, instruction: Instruction) -> list[Any]:
        """``[op, sizes, operands, stride]``, or the same and more of a product."""
        if isinstance(instruction, Loop):
            operands = [self._operand(operand) for operand in instruction.operands]
            return [instruction.op, [*instruction.sizes], operands, *filter(None, [instruction.stride])]
        depth, strides = instruction.depth
        operands = [self._operand(instruction.columns), self._operand(instruction.results)]
        packed, bias = (self.begins[buffer] // 4 for buffer in (instruction.packed, instruction.bias))
        n_rows = self.buffers[instruction.bias].size
        return [
            "product",
            [*instruction.sizes],
            operands,
            packed,
            bias,
            n_rows,
            [*depth],
            [*strides],
            instruction.row_stride,
        ]
