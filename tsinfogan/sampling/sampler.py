"""Sampling and sweeps: seeded, in passes of constant size, and row k the same however many rows are asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import product, starmap
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tsinfogan.data.panel import FloatArray, IntArray, Panel, encode_labels
from tsinfogan.data.representation import as_html, facts
from tsinfogan.devices import exact_convolutions
from tsinfogan.errors import RunError, SettingError
from tsinfogan.models.codes import LatentSpec
from tsinfogan.models.model import Model
from tsinfogan.sampling.request import CodeRequest, CodeValues
from tsinfogan.sampling.shards import rows_from
from tsinfogan.sampling.threads import in_threads
from tsinfogan.seeding import Stream, generator_at

Result = TypeVar("Result")
ROWS_PER_PASS = 256
"""Rows generated at once. Constant, and every pass is computed whole, so that rounding does not depend on the number of
rows asked for."""
NUMBERS_PER_PASS = 2**25
"""Numbers in a pass, at most: for large cases a pass has fewer rows, which depends on the model only."""


class Sample(NamedTuple):
    """Generated series with their codes.

    Attributes:
        panel: ``n_cases`` series in raw units; labelled if their categories have names.
        columns: ``(n_cases,)`` values of each code by column name, such as ``cat`` and ``cont0``; and ``label``, the
            name of each category, if any has one.
    """

    panel: Panel
    columns: dict[str, NDArray[Any]]

    @classmethod
    def concatenated(cls, parts: Sequence[Sample]) -> Sample:
        """All cases of one or more samples of the same columns."""
        columns = {name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns}
        return cls(Panel.concatenated([part.panel for part in parts]), columns)

    def subset(self, rows: slice | IntArray) -> Sample:
        """Some of the cases."""
        return Sample(self.panel.subset(rows), {name: column[rows] for name, column in self.columns.items()})

    def _repr_html_(self) -> str:
        said = [facts(self.panel)]
        for name, column in self.columns.items():
            if name != "label":
                ends = dict.fromkeys((f"{column.min():.3g}", f"{column.max():.3g}"))
                said.append(f"{name} {' to '.join(ends)}")
        return as_html("; ".join(said), self.panel)


def sample(
    model: Model,
    n: int,
    *,
    cat: CodeValues = None,
    cont: CodeValues = None,
    label: str | Sequence[str] | None = None,
    seed: int = 0,
    first_row: int = 0,
) -> Sample:
    """Generates ``n`` series in raw units.

    Args:
        model: a trained model.
        n: number of series.
        cat: category, or one for each categorical code. None samples it: the first categorical code, if it was
            found without labels, with the class proportions of the training data, all others from their prior.
        cont: value of the continuous codes likewise.
        label: name of a category (:attr:`Model.category_names`) in place of its number, or one for each series.
        seed: the same seed gives the same series.
        first_row: leaves out the series before this one, and does not compute them.

    Returns:
        The series, and their codes by column name.

    Raises:
        SettingError: a value that a code cannot have, too many or too few, a name that no category has, or no row
            from ``first_row`` on.

    Example:
        >>> from tsinfogan import fit, load_dataset, sample
        >>> panel = load_dataset("sines", "train").subset(slice(0, 40))
        >>> model = fit(panel, n_categories=(3,), width=4, settings={"max_steps": 2, "pretraining_steps": 0})
        >>> synthetic = sample(model, 2, cat=1, cont=[0.5, None])
        >>> synthetic.panel.n_cases, synthetic.columns["cat"].tolist(), synthetic.columns["cont0"].tolist()
        (2, [1, 1], [0.5, 0.5])
    """
    request = CodeRequest.of(model, cat, cont, label)
    if not isinstance(label, str | None) and len(label) != n:
        raise SettingError(f"expected a `label` for each of {n} series, got {len(label)}; give one name, or {n}")
    rows = rows_from(first_row, n * request.n_points) if first_row else None
    return Sample.concatenated(list(stream(model, n, request, seed, rows)))


def stream(
    model: Model,
    n: int,
    request: CodeRequest,
    seed: int = 0,
    rows: range | None = None,
    workers: int | None = None,
) -> Iterator[Sample]:
    """Generates series in parts of constant size, of which a few at a time are in memory.

    Row k depends on the model, the request, the seed and k only.

    Args:
        model: a trained model.
        n: number of draws; each gives a series at every point of the request's sweeps.
        request: values of the codes.
        seed: the same seed gives the same series.
        rows: which series to generate, such as ``range(512, 768)``. Default: all.
        workers: passes computed at a time, with one thread each. Default: as many as torch has threads, on a GPU one.

    Raises:
        SettingError: fewer than one series, or ``workers`` on a GPU.
    """
    passes = Passes(model, n, request, seed)
    rows = rows or range(passes.n_rows)
    if workers is None and len(rows) > passes.size and passes.n_side_by_side > 1:
        workers = passes.n_side_by_side
    yield from passes.each(lambda first, kept: passes.generate(first).subset(kept), rows, workers)


@dataclass(frozen=True)
class Passes:
    """The rows of a request, generated in passes of equal size; arguments and errors as of :func:`stream`."""

    model: Model
    n: int
    request: CodeRequest
    seed: int

    def __post_init__(self) -> None:
        if self.n < 1:
            raise SettingError(f"expected at least 1 series, got {self.n}")

    @property
    def n_rows(self) -> int:
        """Series in all passes."""
        return self.n * self.request.n_points

    @cached_property
    def size(self) -> int:
        """Rows of a pass: ``ROWS_PER_PASS``, or a smaller power of two where each holds very many numbers."""
        affordable = max(1, NUMBERS_PER_PASS // self.numbers)
        return min(ROWS_PER_PASS, 1 << (affordable.bit_length() - 1))

    @property
    def n_side_by_side(self) -> int:
        """Passes that may be computed at a time: as many as torch has threads, fewer where they hold many numbers."""
        if self.model.device.type != "cpu":
            return 1
        return max(1, min(torch.get_num_threads(), NUMBERS_PER_PASS // (self.size * self.numbers)))

    def each(self, make: Callable[[int, slice], Result], rows: range, workers: int | None) -> Iterator[Result]:
        """What ``make`` gives for each pass, in order: it gets its first row, and which of its rows are in ``rows``.

        Without ``workers``, one pass after another is computed. Errors are as of :func:`stream`.
        """
        firsts = range(rows.start // self.size * self.size, rows.stop, self.size)
        pieces = [(first, slice(max(rows.start - first, 0), rows.stop - first)) for first in firsts]
        if workers is None:
            return starmap(make, pieces)
        if self.model.device.type != "cpu":
            raise SettingError("a GPU computes one pass after another; leave out `workers`, or choose the device cpu")
        return in_threads(make, pieces, workers)

    @property
    def numbers(self) -> int:
        """Numbers of a case."""
        fitted = self.model.preprocessor
        return fitted.n_channels * (math.prod(fitted.grid) if fitted.lengths is None else fitted.lengths[1])

    @cached_property
    def has_labels(self) -> bool:
        """Whether any row is of a category that has a name; a column of no labels cannot be trained on."""
        names, index = self.model.category_names, self._category
        if not names or index is None:
            return False
        if (asked := self.request.categories or self.request.values[index]) is not None:
            return any(names[int(category)] for category in asked)
        starts = range(0, self.n, ROWS_PER_PASS)  # the first block is nearly always enough
        blocks = (np.arange(start, min(start + ROWS_PER_PASS, self.n)) for start in starts)
        drawn = (self._draw(self.seed, block)[2][index].tolist() for block in blocks)
        return all(names) or any(names[category] for categories in drawn for category in categories)

    def generate(self, first: int, noise_seed: int | None = None) -> Sample:
        """The whole pass from row ``first``, a multiple of :attr:`size`, on; a ``noise_seed`` gives other noise."""
        model, request = self.model, self.request
        draws, point = np.divmod(np.arange(first, first + self.size), len(self._points))  # (size,) each
        noise, injected_noise, codes = self._draw(self.seed, draws)
        if noise_seed is not None:
            noise, injected_noise, _ = self._draw(noise_seed, draws)
        fixed = iter(self._points[point].T)
        values = [  # (size,) each
            drawn if asked is None else torch.from_numpy(next(fixed)).to(drawn.dtype)
            for asked, drawn in zip(request.values, codes, strict=True)
        ]
        if request.categories and self._category is not None:
            values[self._category] = torch.from_numpy(np.take(request.categories, draws, mode="wrap")).long()
        raw, lengths = generated(model, noise, injected_noise, values)
        names = model.settings.latent.columns
        columns: dict[str, NDArray[Any]] = {name: value.numpy() for name, value in zip(names, values, strict=True)}
        if not self.has_labels:
            return Sample(model.card.panel(raw, lengths), columns)
        label_of_category, classes = category_labels(model)
        category = columns[str(model.settings.category_column)]
        columns["label"] = np.array(model.category_names, dtype=object)[category]
        return Sample(replace(model.card, classes=classes).panel(raw, lengths, label_of_category[category]), columns)

    @cached_property
    def _points(self) -> NDArray[np.float64]:
        """``(n_points, n_values)``: values at each point of the sweeps, of which the last varies fastest."""
        return np.array([*product(*(values for values in self.request.values if values))], dtype=np.float64)

    @property
    def _category(self) -> int | None:
        """Index of the first categorical code, whose categories have names."""
        first = self.model.settings.latent.first_category
        return None if first is None else first[0]

    def _draw(self, seed: int, draws: IntArray) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Noise, injected noise and codes of the given draws, whose numbers increase."""
        first, last = int(draws[0]) // ROWS_PER_PASS, int(draws[-1]) // ROWS_PER_PASS
        latent, injected_noise_dim = self.model.sampling_latent, self.model.injected_noise_dim
        blocks = [_block(latent, injected_noise_dim, seed, block) for block in range(first, last + 1)]
        index = torch.from_numpy(draws - first * ROWS_PER_PASS)
        noise, injected_noise, *codes = (torch.cat(parts)[index] for parts in zip(*blocks, strict=True))
        return noise, injected_noise, codes


def generated(
    model: Model, noise: Tensor, injected_noise: Tensor, values: Sequence[Tensor]
) -> tuple[FloatArray, IntArray | None]:
    """Series ``(n, n_channels, *grid)`` in raw units, NaN beyond their ends, and ``(n,)`` lengths unless all are equal.

    Of noise ``(n, noise_dim)`` and ``(n, injected_noise_dim)``, as :func:`draw_noise` gives them, and one ``(n,)``
    tensor a code, all on the CPU; a RunError if the model is damaged.
    """
    latent = model.latent(noise, values)  # (n, latent_size)
    with torch.inference_mode(), exact_convolutions():
        series = model.generator(latent.to(model.device), injected_noise.to(model.device)).float().cpu().numpy()
    if not np.isfinite(series).all():
        raise RunError("the generator gives numbers that are not finite: the model is damaged; train it again")
    return model.preprocessor.inverse(series)


def draw_noise(model: Model, n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Noise ``(n, noise_dim)`` and injected noise ``(n, injected_noise_dim)`` of the first ``n`` series of a seed.

    With these and the codes that were asked for, :func:`generated` gives the series of :func:`sample`.
    """
    noise, injected_noise, _ = Passes(model, n, CodeRequest.of(model), seed)._draw(seed, np.arange(n))
    return noise, injected_noise


@lru_cache(maxsize=2)
def _block(latent: LatentSpec, injected_noise_dim: int, seed: int, block: int) -> tuple[Tensor, ...]:
    """Noise, injected noise and each code of ``ROWS_PER_PASS`` draws."""
    rng = generator_at("cpu", seed, Stream.SAMPLE, block)  # on the CPU: the same draws for every device
    noise, codes = latent.sample(ROWS_PER_PASS, rng)
    return noise, torch.randn(ROWS_PER_PASS, injected_noise_dim, generator=rng), *codes


def category_labels(model: Model) -> tuple[IntArray, tuple[str, ...]]:
    """``(n_categories,)`` label of each category, and the classes that labels count: those of the data.

    If a person named a category otherwise, the names are the classes.
    """
    names, known = model.category_names, model.card.classes
    return encode_labels(np.array(names, dtype=object), known if set(filter(None, names)) <= set(known) else ())
