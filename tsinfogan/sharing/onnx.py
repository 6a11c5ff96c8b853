"""A model as a file of ONNX, which other programs run without this library.

It is checked against torch before it is written, if onnxruntime is installed.
"""

from __future__ import annotations

import copy
import json
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tsinfogan.errors import RunError, SettingError, UnknownNameError
from tsinfogan.models.model import Model
from tsinfogan.sharing._onnx_graphs import looped_model, one_line, plain_model
from tsinfogan.sharing.graph import EncodeGraph, SampleGraph
from tsinfogan.training.files import replacing, writing

PARTS = ("encoder", "generator")
SUFFIX = ".onnx"
TOLERANCE = 1e-4
"""Of a difference from torch, in units of the channel's scale and of the value itself."""
MAX_ROUNDED_SHARE = 0.05
"""Of numbers that rounding takes to the next whole step."""
MIN_TORCH = "2.8"
"""The exporters of versions before it take the number of rows for a constant here and there."""
ADVICE = 'install it by pip install "tsinfogan[onnx]"'
N_ROWS = 64
"""Rows by which a file is checked."""


def export_onnx(model: Model, path: Path | str, what: str = "generator") -> float | None:
    """Writes a part of a model as a file of ONNX, and checks it against torch if onnxruntime is installed.

    The batch size is free. ``generator`` takes ``noise``, ``injected_noise`` and each code by its column name, such as
    ``cat`` and ``cont0``, and gives ``values`` in raw units, NaN beyond the end of a series, and ``lengths``.
    ``encoder`` takes ``values``, and ``lengths`` if it resamples, and gives each code and, as ``cat_probabilities``,
    the probabilities of the categories. The file's metadata names channels, codes and categories.

    Args:
        model: a trained model.
        path: file to write, ending in ``.onnx``.
        what: ``generator`` or ``encoder``.

    Returns:
        The greatest difference from torch, in units of a channel's scale and of the value itself; None if onnxruntime
        is not installed.

    Raises:
        SettingError: another suffix or part, or an encoder for a model whose codes cannot be read.
        RunError: packages are missing, the file cannot be written, or it would not compute what torch does. Then there
            is no file.

    Example:
        >>> from pathlib import Path
        >>> from tsinfogan import fit, load_dataset
        >>> from tsinfogan.sharing.onnx import export_onnx
        >>> panel = load_dataset("sines", "train").subset(slice(0, 40))
        >>> model = fit(panel, n_categories=(3,), width=4, settings={"max_steps": 2, "pretraining_steps": 0})
        >>> difference = export_onnx(model, "model.onnx")
        >>> Path("model.onnx").stat().st_size < 1e6, difference < 1e-4
        (True, True)
    """
    path = Path(path)
    if path.suffix != SUFFIX:
        raise SettingError(f"expected a file whose name ends in {SUFFIX}, got {path.name!r}; name it so")
    if what not in PARTS:
        raise UnknownNameError("part", what, PARTS)
    if model.device.type != "cpu":
        model = copy.deepcopy(model).to(torch.device("cpu"))
    subject = _generator(model) if what == "generator" else _encoder(model)
    _check_packages()
    path = path.resolve()  # behind a link, the file itself is replaced
    with writing(path, "name another file"), replacing(path) as file:
        content = _described(subject.exported(), model, what).SerializeToString()
        difference = subject.difference(content)
        file.write(content)
    return difference


class Precision(NamedTuple):
    """How far an output may be from torch's: ``TOLERANCE`` times ``scale``, and here and there one ``step`` more."""

    scale: NDArray[np.float64] | float = 1.0
    step: NDArray[np.float64] | float = 0.0


class Subject(NamedTuple):
    """What a file computes."""

    network: nn.Module  # in torch
    inputs: dict[str, Tensor]  # some, by name
    outputs: dict[str, Precision]  # by name

    def exported(self) -> Any:
        """The model of ONNX."""
        network = self.network
        if isinstance(network, SampleGraph) and network.carries:
            return looped_model(network, self.inputs, [*self.outputs])
        return plain_model(network, self.inputs, [*self.outputs])

    def difference(self, content: bytes) -> float | None:
        """The greatest difference of what a file computes; a RunError if it is too large, None without onnxruntime."""
        try:
            runtime = import_module("onnxruntime")
        except ImportError:
            return None
        with torch.no_grad():
            wanted = [output.double().numpy() for output in self.network(*self.inputs.values())]
        try:
            session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
            fed = {name: value.numpy() for name, value in self.inputs.items()}
            parts = (slice(1), slice(1, None))  # of two sizes, as any number of rows must do
            runs = [session.run(None, {name: value[rows] for name, value in fed.items()}) for rows in parts]
            given = [np.concatenate(each).astype(np.float64) for each in zip(*runs, strict=True)]
        except Exception as error:  # of several kinds, which onnxruntime does not document
            raise RunError(f"onnxruntime cannot run the model: {one_line(error)}") from None
        if "lengths" in self.outputs:  # a length that was rounded otherwise is told there
            given[0] = np.where((given[1] == wanted[1]).reshape(-1, *(1,) * (given[0].ndim - 1)), given[0], wanted[0])
        return max(map(_difference, self.outputs, self.outputs.values(), wanted, given))


def _difference(name: str, precision: Precision, wanted: NDArray[np.float64], given: NDArray[np.float64]) -> float:
    """The greatest difference of an output, where it is not a step; a RunError if it is too large."""
    apart = np.nan_to_num(np.abs(given - wanted), nan=np.inf)
    apart[np.isnan(wanted) & np.isnan(given)] = 0
    unit = precision.scale + np.nan_to_num(np.abs(wanted))
    near = apart <= TOLERANCE * unit
    if not (apart <= TOLERANCE * unit + precision.step).all() or near.mean() < 1 - MAX_ROUNDED_SHARE:
        raise RunError(
            f"the exported model gives other {name} than torch: expected a difference of at most {TOLERANCE:g}, got "
            f"{(apart / unit).max():.2g}; nothing was written"
        )
    return float((apart / unit)[near].max())


# ---- what is exported


def _generator(model: Model) -> Subject:
    """The generator with preprocessing undone."""
    whole = SampleGraph(model).eval()
    channels = model.preprocessor.channels
    shape = (-1, *(1,) * len(model.preprocessor.grid))
    scale = np.array([channel.scale for channel in channels]).reshape(shape)
    step = np.array([channel.step or float(channel.kind != "real") for channel in channels]).reshape(shape)
    return Subject(whole, _some_inputs(model), {"values": Precision(scale, step), "lengths": Precision(step=1.0)})


def _encoder(model: Model) -> Subject:
    """Q with preprocessing done."""
    network = EncodeGraph(model).eval()
    with torch.no_grad():
        values, lengths = SampleGraph(model)(*_some_inputs(model).values())
    inputs = {"values": values} if model.preprocessor.lengths is None else {"values": values, "lengths": lengths}
    categories = model.settings.latent.categories  # of which two may be as probable as each other
    precisions = {name: Precision(step=np.inf if name in categories else 0.0) for name in network.outputs}
    return Subject(network, inputs, precisions)


def _some_inputs(model: Model) -> dict[str, Tensor]:
    """``N_ROWS`` of noise and codes, the same in every call."""
    rng = torch.Generator().manual_seed(0)
    noise, codes = model.sampling_latent.sample(N_ROWS, rng)
    injected_noise = torch.randn(N_ROWS, model.injected_noise_dim, generator=rng)
    names = ("noise", "injected_noise", *model.settings.latent.columns)
    return dict(zip(names, (noise, injected_noise, *codes), strict=True))


def _described(exported: Any, model: Model, what: str) -> Any:
    """The model of ONNX with metadata, each entry JSON."""
    card, latent = model.card, model.settings.latent
    codes: dict[str, Any] = {
        column: {"kind": code.kind, "range": code.support, "n_categories": code.n_categories or None}
        for column, code in zip(latent.columns, latent.codes, strict=True)
    }
    if category := model.settings.category_column:
        codes[category] |= {"names": model.category_names, "proportions": model.class_proportions}
    about = {
        "tsinfogan": metadata.version("tsinfogan"),
        "part": what,
        "data": card.name,
        "channels": card.channels,
        "offsets": card.offsets,
        "time_step": card.time_step,
        "time_unit": card.time_unit,
        "lengths": model.preprocessor.lengths,
        "codes": codes,
    }
    helper, checker = import_module("onnx.helper"), import_module("onnx.checker")
    helper.set_model_props(exported, {name: json.dumps(value, ensure_ascii=False) for name, value in about.items()})
    try:
        checker.check_model(exported)
    except checker.ValidationError as error:
        raise RunError(f"torch cannot export the model to ONNX: {one_line(error)}") from None
    return exported


def _check_packages() -> None:
    try:
        for name in ("onnx", "onnxscript"):
            import_module(name)
    except ImportError:
        raise RunError(f"an export needs {name}: {ADVICE}") from None
    if torch.__version__ < MIN_TORCH:
        raise RunError(f"an export needs torch {MIN_TORCH} or newer, got {torch.__version__}: {ADVICE}")
