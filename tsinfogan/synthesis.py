"""Sampling, sweeps and encoding: seeded, streamed, and row k the same however many rows are asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tsinfogan.codes import LatentSpec
from tsinfogan.errors import DataError, SettingError
from tsinfogan.model import Model
from tsinfogan.panel import IntArray, Panel
from tsinfogan.seeding import generator_at

ROWS_PER_PASS = 256
"""Rows generated at once. Fixed, and every pass is computed whole: rounding then never depends on how many rows are
asked for."""
SAMPLE_STREAM = 3


class Sample(NamedTuple):
    """Generated cases and, by column name, the ``(n_cases,)`` codes that made them (and ``label`` where known)."""

    panel: Panel
    columns: dict[str, NDArray[Any]]


@dataclass(frozen=True)
class CodeRequest:
    """Where the codes are to stand.

    Attributes:
        places: for each code the values asked for, one or a sweep, or None to draw it from its prior.
    """

    places: tuple[tuple[float, ...] | None, ...]

    @property
    def n_points(self) -> int:
        """Cases made of each draw: the product of all sweeps."""
        return math.prod(len(place) for place in self.places if place)

    @classmethod
    def parse(cls, latent: LatentSpec, cat: str | None = None, cont: str | None = None) -> CodeRequest:
        """Reads ``--cat`` and ``--cont``: a comma list with one place a code, ``_`` for "draw it", or sweeps.

        Raises:
            SettingError: too many or too few places, not a number, or not a value of that code.
        """
        texts = {"cat": _places(cat), "cont": _places(cont)}
        for column, given in texts.items():
            n_codes = sum(code.column == column for code in latent.codes)
            if given is not None and len(given) != n_codes:
                raise SettingError(
                    f"expected {n_codes} {'place' if n_codes == 1 else 'places'} in --{column}, one for each code of "
                    f"the model, got {len(given)}; separate them by commas and write _ to draw one"
                )
        places: list[tuple[float, ...] | None] = []
        for code in latent.codes:
            given = texts[code.column]
            text = "_" if given is None else given.pop(0)
            places.append(None if text == "_" else code.parse(text))
        return cls(tuple(places))


def sample(
    model: Model,
    n: int,
    *,
    cat: int | Sequence[int | None] | None = None,
    cont: float | Sequence[float | None] | None = None,
    seed: int = 0,
) -> Sample:
    """``n`` new cases in raw units.

    Args:
        model: a trained model.
        n: number of cases.
        cat: category, or one for each categorical code; None draws it from its prior.
        cont: value of the continuous codes likewise.
        seed: the same seed gives the same cases.

    Raises:
        SettingError: a value that a code cannot take, or too many or too few.
    """
    request = CodeRequest.parse(model.settings.latent, _as_text(cat), _as_text(cont))
    parts = list(stream(model, n, request, seed))
    columns = {name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns}
    return Sample(Panel.concatenated([part.panel for part in parts]), columns)


def stream(model: Model, n: int, request: CodeRequest, seed: int = 0) -> Iterator[Sample]:
    """The same in pieces of constant size; ``n`` counts draws, each made at every point of the request's sweeps.

    Row k depends on the model, the request, the seed and k alone.
    """
    if n < 1:
        raise SettingError(f"expected at least 1 series, got {n}")
    points = list(product(*(place for place in request.places if place)))  # one tuple of fixed values each
    total = n * request.n_points
    for first in range(0, total, ROWS_PER_PASS):
        rows = np.arange(first, first + ROWS_PER_PASS)
        part = _generate(model, rows, points, request, seed)
        yield part if first + ROWS_PER_PASS <= total else _head(part, total - first)


def encode(model: Model, panel: Panel) -> dict[str, NDArray[Any]]:
    """What Q reads in real cases: each code's most probable value, and ``cat_confidence``, by column name.

    Raises:
        DataError: the panel has other channels or another grid than the model was trained on.
    """
    check_fits(model, panel)
    values = torch.from_numpy(model.preprocessor.transform(panel))
    columns: dict[str, list[Tensor]] = {}
    with torch.no_grad():
        for part in values.split(ROWS_PER_PASS):
            label = None
            if model.critic.settings.label_input != "none":
                label = torch.zeros(len(part), model.settings.latent.codes[0].encoded_size, device=model.device)
            posteriors = model.critic(part.to(model.device), label).posteriors
            latent = model.settings.latent
            for column, code, parameters in zip(latent.columns, latent.codes, posteriors, strict=True):
                columns.setdefault(column, []).append(code.estimate(parameters))
                if code.column == "cat":
                    columns.setdefault(f"{column}_confidence", []).append(parameters.softmax(1).amax(1))
    return {name: torch.cat(parts).cpu().numpy() for name, parts in columns.items()}


def check_fits(model: Model, panel: Panel) -> None:
    """Raises a DataError unless ``panel`` has the channels, and for equal lengths the grid, of the model's data."""
    card, preprocessor = model.card, model.preprocessor
    if panel.channels != card.channels:
        raise DataError(
            f"{panel.name}: expected the channels {', '.join(card.channels)} that the model was trained on, "
            f"got {', '.join(panel.channels)}"
        )
    if preprocessor.lengths is None and (panel.lengths is not None or panel.grid != preprocessor.grid):
        raise DataError(
            f"{panel.name}: expected cases of size {preprocessor.grid} as the model was trained on, got {panel.grid}"
        )


def _generate(model: Model, rows: IntArray, points: list[tuple[float, ...]], request: CodeRequest, seed: int) -> Sample:
    latent_spec = model.settings.latent
    draws, point = np.divmod(rows, len(points))
    noise, texture, codes = _draws(latent_spec, model.texture_dim, seed, draws)
    fixed = iter(np.array(points, dtype=np.float64)[point].T)
    values = [
        drawn if place is None else torch.from_numpy(next(fixed)).to(drawn.dtype)
        for place, drawn in zip(request.places, codes, strict=True)
    ]
    latent = latent_spec.encode(noise, values)
    with torch.inference_mode(), torch.backends.cudnn.flags(allow_tf32=False):
        generated = model.generator(latent.to(model.device), texture.to(model.device)).float().cpu().numpy()
    raw, lengths = model.preprocessor.inverse(generated)
    columns: dict[str, NDArray[Any]] = {
        name: value.numpy() for name, value in zip(latent_spec.columns, values, strict=True)
    }
    labels = columns["cat" if "cat" in columns else "cat0"] if model.settings.labelled else None
    if labels is not None:
        columns["label"] = np.array(model.card.classes, dtype=object)[labels]
    return Sample(model.card.panel(raw, lengths, labels), columns)


def _draws(latent: LatentSpec, texture_dim: int, seed: int, draws: IntArray) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Noise, texture and prior codes of the given draws, whose numbers increase."""
    blocks = [
        _block(latent, texture_dim, seed, block)
        for block in range(int(draws[0]) // ROWS_PER_PASS, int(draws[-1]) // ROWS_PER_PASS + 1)
    ]
    index = torch.from_numpy(draws - draws[0] // ROWS_PER_PASS * ROWS_PER_PASS)
    noise, texture, *codes = (torch.cat(parts)[index] for parts in zip(*blocks, strict=True))
    return noise, texture, codes


@lru_cache(maxsize=2)
def _block(latent: LatentSpec, texture_dim: int, seed: int, block: int) -> tuple[Tensor, ...]:
    rng = generator_at("cpu", seed, SAMPLE_STREAM, block)  # on the CPU: the same draws for every device
    noise, codes = latent.sample(ROWS_PER_PASS, rng)
    return noise, torch.randn(ROWS_PER_PASS, texture_dim, generator=rng), *codes


def _head(part: Sample, n: int) -> Sample:
    return Sample(part.panel.subset(slice(n)), {name: column[:n] for name, column in part.columns.items()})


def _places(text: str | None) -> list[str] | None:
    return None if text is None else [place.strip() for place in text.split(",")]


def _as_text(value: float | Sequence[float | None] | None) -> str | None:
    if value is None:
        return None
    places = value if isinstance(value, Sequence) else [value]
    return ",".join("_" if place is None else repr(place) for place in places)
