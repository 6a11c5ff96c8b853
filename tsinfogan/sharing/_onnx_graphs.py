"""Graphs of ONNX: as torch exports them, then under short names, with a loop where a network is applied repeatedly.

The exporter's own names say where the source files lie, and those of results can be the ones that inputs are to have.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tsinfogan.errors import RunError
from tsinfogan.models.flow import paces
from tsinfogan.sharing.graph import SampleGraph

N_ROWS = 3
"""Rows that a graph is exported with; torch would take a smaller number for a fixed one."""
MAX_ROWS = 2**30
FLOAT = 1
"""Of the types of ONNX."""


def one_line(error: Exception) -> str:
    """What an error of another package says, cut to a length that can be read."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def plain_model(network: nn.Module, inputs: Mapping[str, Tensor], outputs: Sequence[str]) -> Any:
    """A model of ONNX of a network, from some inputs by name, of ``N_ROWS`` or more, and the names of its outputs."""
    part, graph = _exported(network, network, inputs), _Graph("t")
    graph.take_over(part.graph, [*inputs], outputs)
    return graph.model(part, part.graph.input, part.graph.output)


def looped_model(whole: SampleGraph, inputs: Mapping[str, Tensor], outputs: Sequence[str]) -> Any:
    """The same of a generator by flow matching, each part of which is exported alone."""
    helper, numpy_helper = import_module("onnx.helper"), import_module("onnx.numpy_helper")
    with torch.no_grad():
        values, last, codes = whole.begin(*inputs.values())
    every = paces()
    seen = {"values": values, "last": last, "pace": every[0], "codes": codes}
    start, step = _exported(whole, whole.begin, inputs), _exported(whole, whole.generator.step, seen)
    end = _exported(whole, whole.end, {"values": values})

    # The loop keeps its constants inside: onnxruntime computes half as much again with those of the graph around it.
    graph, body = _Graph("t"), _Graph("s")
    first, slope, encoded = graph.take_over(start.graph, [*inputs])
    within = [body.fresh() for _ in range(3)]
    given = body.take_over(step.graph, [*within, encoded])
    ends = ([helper.make_tensor_value_info(name, FLOAT, None) for name in each] for each in (within, given))
    loop = helper.make_graph(body.nodes, "step", *ends, initializer=body.used_constants)
    pace, carried, slope_at_end = (graph.fresh() for _ in range(3))
    graph.constants.append(numpy_helper.from_array(every.numpy(), pace))
    results = [carried, slope_at_end]
    graph.nodes.append(helper.make_node("Scan", [first, slope, pace], results, "steps", body=loop, num_scan_inputs=1))
    graph.take_over(end.graph, [carried], outputs)
    return graph.model(end, start.graph.input, end.graph.output)


def _exported(network: nn.Module, compute: Callable[..., Any], inputs: Mapping[str, Tensor]) -> Any:
    """What a network computes, as torch exports it for any number of rows, which a vector ``pace`` does not have."""
    batch = torch.export.Dim("batch", min=1, max=MAX_ROWS)
    rows = {"inputs": tuple({} if name == "pace" else {0: batch} for name in inputs)}
    some = tuple(value[:N_ROWS] for value in inputs.values())
    names = [f"input {index}" for index in range(len(inputs))]
    whole = _Positional(network, compute).eval()
    with torch.no_grad(), _silent():
        try:
            program = torch.onnx.export(
                _traced(whole, some, rows), input_names=names, dynamo=True, optimize=True, verbose=False
            )
        except Exception as error:  # of many kinds; a network from elsewhere may compute what ONNX has no words for
            raise RunError(f"torch cannot export the model to ONNX: {one_line(error)}") from error
    assert program is not None
    model = program.model_proto
    _upsample_by_products(model.graph)
    return model


def _traced(network: nn.Module, inputs: tuple[Tensor, ...], rows: dict[str, Any]) -> torch.export.ExportedProgram:
    """What a network does with any number of ``rows``."""
    try:
        return torch.export.export(network, inputs, dynamic_shapes=rows, strict=False)
    except Exception:
        # Where a network asks for len(x), it gets a constant, unless Python itself is followed, which takes longer.
        return torch.export.export(network, inputs, dynamic_shapes=rows, strict=True)


class _Positional(nn.Module):
    """What a network computes from inputs that have no names, so that those of all networks are described alike."""

    def __init__(self, network: nn.Module, compute: Callable[..., Any]) -> None:
        super().__init__()
        self.network, self.compute = network, compute

    def forward(self, *inputs: Tensor) -> Any:
        return self.compute(*inputs)


@contextmanager
def _silent() -> Iterator[None]:
    """Without what torch says about itself, and about packages that nothing here needs."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _upsample_by_products(graph: Any) -> None:
    """Multiplies by a matrix where torch resizes linearly along the last axis; onnxruntime computes that faster."""
    helper, numpy_helper = import_module("onnx.helper"), import_module("onnx.numpy_helper")
    shapes = {info.name: [dim.dim_value for dim in info.type.tensor_type.shape.dim] for info in graph.value_info}
    for node in graph.node:
        if node.op_type != "Resize" or not {node.input[0], node.output[0]} <= shapes.keys():
            continue
        start, end = shapes[node.input[0]], shapes[node.output[0]]
        how = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        is_linear = how["mode"] == b"linear" and how["coordinate_transformation_mode"] == b"half_pixel"
        if is_linear and start[:-1] == end[:-1] and start[-1] and end[-1]:
            matrix = F.interpolate(torch.eye(start[-1])[:, None], size=end[-1], mode="linear")[:, 0]
            graph.initializer.append(numpy_helper.from_array(matrix.numpy(), f"{node.output[0]} by"))
            node.CopyFrom(helper.make_node("MatMul", [node.input[0], f"{node.output[0]} by"], node.output))


class _Graph:
    """Graphs that become one, with short names for everything that begin alike; of equal constants there is one."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.known: dict[bytes, str] = {}
        self.n_given = 0

    def fresh(self) -> str:
        """A name that nothing has."""
        self.n_given += 1
        return f"{self.prefix}{self.n_given}"

    def take_over(self, graph: Any, inputs: Sequence[str], outputs: Sequence[str] = ()) -> list[str]:
        """Adds the nodes of a graph, whose inputs and outputs are from now on called so; the names of its outputs."""
        helper, names = import_module("onnx.helper"), {"": ""}
        for infos, wanted in ((graph.input, inputs), (graph.output, outputs or [self.fresh() for _ in graph.output])):
            for info, name in zip(infos, wanted, strict=True):
                names[info.name] = info.name = name
                info.ClearField("metadata_props")
        for tensor in graph.initializer:
            old, tensor.name = tensor.name, ""
            content = tensor.SerializeToString()
            if content not in self.known:
                self.known[content] = tensor.name = self.fresh()
                self.constants.append(tensor)
            names[old] = self.known[content]
        for node in graph.node:
            names |= {output: self.fresh() for output in node.output if output not in names}
            ends = [[names[name] for name in each] for each in (node.input, node.output)]
            self.nodes.append(helper.make_node(node.op_type, *ends, name=ends[1][0], domain=node.domain))
            self.nodes[-1].attribute.extend(node.attribute)
        return [info.name for info in graph.output]

    @property
    def used_constants(self) -> list[Any]:
        """Those that a node reads."""
        read = {name for node in self.nodes for name in node.input}
        return [constant for constant in self.constants if constant.name in read]

    def model(self, like: Any, inputs: Sequence[Any], outputs: Sequence[Any]) -> Any:
        """A model of ONNX of the same versions as ``like``."""
        helper = import_module("onnx.helper")
        graph = helper.make_graph(self.nodes, "tsinfogan", inputs, outputs, initializer=self.used_constants)
        versions = {"opset_imports": like.opset_import, "ir_version": like.ir_version}
        return helper.make_model(graph, producer_name="tsinfogan", **versions)
