"""Sampling, sweeps and encoding: seeded, streamed, and row k the same however many rows are asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import cycle, product
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tsinfogan.data.panel import FloatArray, IntArray, Panel, encode_labels
from tsinfogan.errors import DataError, SettingError
from tsinfogan.models.codes import LatentSpec
from tsinfogan.models.model import Model
from tsinfogan.seeding import Stream, generator_at

ROWS_PER_PASS = 256
"""Rows generated at once. Fixed, and every pass is computed whole: rounding then never depends on how many rows are
asked for."""
NUMBERS_PER_PASS = 2**25
"""Numbers of a pass, where cases are large: then it has fewer rows, by the model alone."""


class Sample(NamedTuple):
    """Generated cases and, by column name, the ``(n_cases,)`` codes that made them.

    Where a case's category has a name, the column ``label`` and the panel's labels say so.
    """

    panel: Panel
    columns: dict[str, NDArray[Any]]


@dataclass(frozen=True)
class CodeRequest:
    """Where the codes are to stand.

    Attributes:
        places: for each code the values asked for, one or a sweep, or None to draw it from its prior.
        turns: categories of the first categorical code that take turns, draw by draw, in place of its prior; or empty.
    """

    indices: tuple[tuple[float, ...] | None, ...]
    turns: tuple[int, ...] = ()

    @property
    def n_points(self) -> int:
        """Cases made of each draw: the product of all sweeps."""
        return math.prod(len(position) for position in self.indices if position)

    @classmethod
    def parse(cls, latent: LatentSpec, cat: str | None = None, cont: str | None = None) -> CodeRequest:
        """Reads ``cat`` and ``cont``: a comma list with one place a code, ``_`` for "draw it", or sweeps.

        Raises:
            SettingError: too many or too few places, not a number, or not a value of that code.
        """
        texts = {"cat": _indices(cat), "cont": _indices(cont)}
        for column, given in texts.items():
            n_codes = sum(code.column == column for code in latent.codes)
            if given is not None and len(given) != n_codes:
                raise SettingError(
                    f"expected {n_codes} {'place' if n_codes == 1 else 'places'} in `{column}`, one for each code of "
                    f"the model, got {len(given)}; separate them by commas and write _ to draw one"
                )
        indices: list[tuple[float, ...] | None] = []
        for code in latent.codes:
            given = texts[code.column]
            text = "_" if given is None else given.pop(0)
            indices.append(None if text == "_" else code.parse(text))
        return cls(tuple(indices))

    @classmethod
    def of(cls, model: Model, cat: str | None = None, cont: str | None = None, label: str | None = None) -> CodeRequest:
        """As :meth:`parse`, or with the name of a category as ``label`` in place of ``cat``.

        Categories that share the name take turns, draw by draw.

        Raises:
            SettingError: as :meth:`parse`; label and cat together; a name that no category has.
        """
        if label is not None and cat is not None:
            raise SettingError("`label` and `cat` both choose the category; give one of them")
        request = cls.parse(model.settings.latent, cat, cont)
        return request if label is None else replace(request, turns=model.categories_named(label))


def sample(
    model: Model,
    n: int,
    *,
    cat: int | Sequence[int | None] | None = None,
    cont: float | Sequence[float | None] | None = None,
    label: str | Sequence[str] | None = None,
    seed: int = 0,
) -> Sample:
    """``n`` new cases in raw units.

    Args:
        model: a trained model.
        n: number of cases.
        cat: category, or one for each categorical code; None draws it from its prior, the first one, where training
            found its categories, as often as the training data holds them.
        cont: value of the continuous codes likewise.
        label: name of a category (:attr:`Model.category_names`) in place of its number, or one for each case.
        seed: the same seed gives the same cases.

    Raises:
        SettingError: a value that a code cannot take, too many or too few, or a name that no category has.
    """
    names = label if label is None or isinstance(label, str) else [*label]
    request = CodeRequest.of(model, _as_text(cat), _as_text(cont), names if isinstance(names, str) else None)
    if isinstance(names, list):
        if len(names) != n or cat is not None:
            raise SettingError(f"expected one label for each of {n} series and no category, got {len(names)} labels")
        request = replace(request, turns=_turns(model, names))
    parts = list(stream(model, n, request, seed))
    columns = {name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns}
    return Sample(Panel.concatenated([part.panel for part in parts]), columns)


def stream(model: Model, n: int, request: CodeRequest, seed: int = 0) -> Iterator[Sample]:
    """The same in pieces of constant size; ``n`` counts draws, each made at every point of the request's sweeps.

    Row k depends on the model, the request, the seed and k alone. The column ``label`` is left out where it would be
    empty in every row, since a file with such a column is refused as training data.
    """
    if n < 1:
        raise SettingError(f"expected at least 1 series, got {n}")
    points = list(product(*(position for position in request.indices if position)))  # one tuple of fixed values each
    total = n * request.n_points
    is_named = _is_named(model, n, request, seed)
    n_rows = rows_per_pass(model)
    for first in range(0, total, n_rows):
        part = _generate(model, np.arange(first, first + n_rows), points, request, seed, is_named)
        yield part if first + n_rows <= total else _head(part, total - first)


def redrawn(model: Model, first: int, request: CodeRequest, seed: int, noise_seed: int, is_named: bool) -> Sample:
    """The piece of :func:`stream` that begins at row ``first``, whole, with the same codes and other noise.

    Args:
        model: a trained model.
        first: a multiple of :func:`rows_per_pass`.
        request: where the codes stand.
        seed: codes follow from it.
        noise_seed: noise follows from it.
        is_named: whether there is a column ``label``.
    """
    points = list(product(*(position for position in request.indices if position)))
    rows = np.arange(first, first + rows_per_pass(model))
    return _generate(model, rows, points, request, seed, is_named, noise_seed)


def rows_per_pass(model: Model) -> int:
    """Rows generated at once: ``ROWS_PER_PASS``, or a power of two below where each holds very many numbers."""
    fitted = model.preprocessor
    numbers = fitted.n_channels * (math.prod(fitted.grid) if fitted.lengths is None else fitted.lengths[1])
    affordable = max(1, NUMBERS_PER_PASS // numbers)
    return min(ROWS_PER_PASS, 1 << (affordable.bit_length() - 1))


def encode(model: Model, panel: Panel) -> dict[str, NDArray[Any]]:
    """What Q reads in real cases: each code's most probable value, and ``cat_confidence``, by column name.

    Raises:
        DataError: the panel has other channels or another grid than the model was trained on, or too short a series.
        SettingError: the model's Q was not trained (:attr:`ModelSettings.why_unreadable`).
    """
    columns: dict[str, NDArray[Any]] = {}
    latent = model.settings.latent
    for column, code, parameters in zip(latent.columns, latent.codes, read_codes(model, panel), strict=True):
        columns[column] = code.estimate(parameters).numpy()
        if code.column == "cat":
            columns[f"{column}_confidence"] = parameters.softmax(1).amax(1).numpy()
    return columns


def read_codes(model: Model, panel: Panel) -> tuple[Tensor, ...]:
    """Parameters ``(n, n_parameters)`` of Q's posterior of each code; errors as :func:`encode`."""
    if reason := model.settings.why_unreadable:
        raise SettingError(f"{reason}; train with recipe infogan, semi_supervised or acgan to read codes in series")
    check_fits(model, panel)
    return posteriors(model, model.preprocessor.transform(panel))


def posteriors(model: Model, values: FloatArray) -> tuple[Tensor, ...]:
    """Parameters ``(n, n_parameters)`` of Q's posterior of each code, for network arrays ``(n, c, *grid)``."""
    parts = []
    with torch.no_grad():
        for part in torch.from_numpy(values).split(ROWS_PER_PASS):
            label = None
            if model.discriminator.settings.label_input != "none":
                label = torch.zeros(len(part), model.settings.latent.codes[0].encoded_size, device=model.device)
            parts.append(model.discriminator(part.to(model.device), label).posteriors)
    return tuple(torch.cat(of_one_code).cpu() for of_one_code in zip(*parts, strict=True))


def check_fits(model: Model, panel: Panel) -> None:
    """Raises a DataError unless ``panel`` has the channels, and for equal lengths the grid, of the model's data.

    A series of one point has no shape that could be read: it is refused, unless the model was trained on such.
    """
    card, preprocessor = model.card, model.preprocessor
    if panel.channels != card.channels:
        raise DataError(
            f"{panel.name}: expected the channels {', '.join(card.channels)} that the model was trained on, "
            f"got {', '.join(panel.channels)}"
        )
    if len(panel.grid) != len(preprocessor.grid):
        kinds = {1: "series", 2: "images"}
        raise DataError(
            f"{panel.name}: expected {kinds[len(preprocessor.grid)]} as the model was trained on, "
            f"got {kinds[len(panel.grid)]}"
        )
    if preprocessor.lengths is None and (panel.lengths is not None or panel.grid != preprocessor.grid):
        raise DataError(
            f"{panel.name}: expected cases of size {_size(preprocessor.grid)} as the model was trained on, "
            f"got {_size(panel.grid)}; cut, pad or resample them"
        )
    shortest = int(panel.case_lengths.argmin())
    if preprocessor.lengths is not None and panel.case_lengths[shortest] < min(2, preprocessor.lengths[0]):
        raise DataError(
            f"{panel.name}: expected series of 2 or more timepoints, got {panel.case_lengths[shortest]} in case "
            f"{shortest}, counted from 0; leave it out"
        )


def _generate(
    model: Model,
    rows: IntArray,
    points: list[tuple[float, ...]],
    request: CodeRequest,
    seed: int,
    is_named: bool,
    noise_seed: int | None = None,
) -> Sample:
    latent_spec = model.sampling_latent
    draws, point = np.divmod(rows, len(points))
    noise, injected_noise, codes = _draws(latent_spec, model.injected_noise_dim, seed, draws)
    if noise_seed is not None:
        noise, injected_noise, _ = _draws(latent_spec, model.injected_noise_dim, noise_seed, draws)
    fixed = iter(np.array(points, dtype=np.float64)[point].T)
    values = [
        drawn if position is None else torch.from_numpy(next(fixed)).to(drawn.dtype)
        for position, drawn in zip(request.indices, codes, strict=True)
    ]
    if request.turns:
        turns = [request.turns[turn] for turn in (draws % len(request.turns)).tolist()]
        values[_category_place(model)] = torch.tensor(turns)
    latent = model.latent(noise, values)
    with torch.inference_mode(), torch.backends.cudnn.flags(allow_tf32=False):
        generated = model.generator(latent.to(model.device), injected_noise.to(model.device)).float().cpu().numpy()
    raw, lengths = model.preprocessor.inverse(generated)
    columns: dict[str, NDArray[Any]] = {
        name: value.numpy() for name, value in zip(latent_spec.columns, values, strict=True)
    }
    if not is_named:
        return Sample(model.card.panel(raw, lengths), columns)
    names, known = np.array(model.category_names, dtype=object), model.card.classes  # (n_categories,)
    # A name that is no class of the data makes the names the classes.
    of_category, classes = encode_labels(names, known if set(filter(None, names)) <= set(known) else ())
    category = columns[str(model.settings.category_column)]
    columns["label"] = names[category]
    return Sample(replace(model.card, classes=classes).panel(raw, lengths, of_category[category]), columns)


def _is_named(model: Model, n: int, request: CodeRequest, seed: int) -> bool:
    """Whether any of the cases of ``n`` draws is of a category that has a name."""
    names = model.category_names
    if not names:
        return False
    position = _category_place(model)
    if (asked := request.turns or request.indices[position]) is not None:
        return any(names[int(category)] for category in asked)
    starts = range(0, n, ROWS_PER_PASS)  # nearly always the first block tells
    draws = (np.arange(start, min(start + ROWS_PER_PASS, n)) for start in starts)
    drawn = (
        _draws(model.sampling_latent, model.injected_noise_dim, seed, block)[2][position].tolist() for block in draws
    )
    return all(names) or any(names[category] for categories in drawn for category in categories)


def _turns(model: Model, labels: Sequence[str]) -> tuple[int, ...]:
    """A category for each label; those that share a name take turns."""
    categories = {name: cycle(model.categories_named(name)) for name in dict.fromkeys(labels)}
    return tuple(next(categories[name]) for name in labels)


def _category_place(model: Model) -> int:
    """Position of the first categorical code, whose categories have names."""
    return model.settings.latent.columns.index(str(model.settings.category_column))


def _draws(
    latent: LatentSpec, injected_noise_dim: int, seed: int, draws: IntArray
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Noise, texture and prior codes of the given draws, whose numbers increase."""
    blocks = [
        _block(latent, injected_noise_dim, seed, block)
        for block in range(int(draws[0]) // ROWS_PER_PASS, int(draws[-1]) // ROWS_PER_PASS + 1)
    ]
    index = torch.from_numpy(draws - draws[0] // ROWS_PER_PASS * ROWS_PER_PASS)
    noise, injected_noise, *codes = (torch.cat(parts)[index] for parts in zip(*blocks, strict=True))
    return noise, injected_noise, codes


@lru_cache(maxsize=2)
def _block(latent: LatentSpec, injected_noise_dim: int, seed: int, block: int) -> tuple[Tensor, ...]:
    rng = generator_at("cpu", seed, Stream.SAMPLE, block)  # on the CPU: the same draws for every device
    noise, codes = latent.sample(ROWS_PER_PASS, rng)
    return noise, torch.randn(ROWS_PER_PASS, injected_noise_dim, generator=rng), *codes


def _head(part: Sample, n: int) -> Sample:
    return Sample(part.panel.subset(slice(n)), {name: column[:n] for name, column in part.columns.items()})


def _size(grid: tuple[int, ...]) -> str:
    return " x ".join(map(str, grid))


def _indices(text: str | None) -> list[str] | None:
    return None if text is None else [position.strip() for position in text.split(",")]


def _as_text(value: float | Sequence[float | None] | None) -> str | None:
    if value is None:
        return None
    indices = value if isinstance(value, Sequence) else [value]
    return ",".join("_" if position is None else repr(position) for position in indices)
