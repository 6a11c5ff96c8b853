"""``SyntheticBatches``: an endless supply of new series for a training loop in PyTorch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from tsinfogan.data.panel import UNLABELLED, Panel, encode_labels
from tsinfogan.errors import SettingError
from tsinfogan.estimators.containers import read
from tsinfogan.estimators.targets import labelled
from tsinfogan.models.model import Model
from tsinfogan.preprocessing.torch_inverse import Units
from tsinfogan.sampling.inference import check_fits
from tsinfogan.seeding import Stream, generator_at

if TYPE_CHECKING:
    from tsinfogan.estimators.infogan import InfoGAN

MAX_WORKERS = 1023


class SyntheticBatches(IterableDataset[tuple[Tensor, Tensor]]):
    """Batches ``(values, labels)`` of new series, made where the model is: nothing passes through the host.

    ``values`` is float32 ``(batch_size, n_channels, *grid)``. Where lengths differ, series are on the model's common
    grid and a last channel holds the length. ``labels`` is int64 ``(batch_size,)``: index into :attr:`classes`,
    or the category where categories have no names, or -1 where neither is known.

    Categories are as common among new series as :func:`tsinfogan.sampling.sampler.sample` makes them.

    Batch k of pass e depends on the model, the seed, e and k alone, so any number of workers gives the same batches in
    the same order; for ``DataLoader(batches, batch_size=None, num_workers=…)``. Each pass is new.

    Args:
        source: a :class:`Model` or a fitted :class:`InfoGAN`. What it is trained to further is used at once.
        batch_size: series in a batch.
        n_batches: batches in a pass; None is without end, or with ``real`` such that each real series comes once.
        real: series that are mixed in, as ``source`` takes them.
        y: their classes; by default the labels that ``real`` itself holds.
        real_share: share of real series in a batch. They are its first :attr:`n_real`, in a new order each pass.
        raw: False gives values as the networks see them: scaled, and the length as the networks know it.
        seed: everything random follows from it.

    Attributes:
        classes: name of each label; empty where labels are categories.
        n_real: real series in a batch.
        n_batches: batches in a pass, or None.

    Raises:
        SettingError: numbers that make no sense.
        DataError: ``real`` is not like the training series.
    """

    def __init__(
        self,
        source: Model | InfoGAN,
        batch_size: int = 128,
        *,
        n_batches: int | None = None,
        real: Any = None,
        y: ArrayLike | None = None,
        real_share: float = 0.5,
        raw: bool = True,
        seed: int = 0,
    ) -> None:
        if not isinstance(source, Model):
            check_is_fitted(source, "model_")
        model: Model = source if isinstance(source, Model) else source.model_
        if batch_size < 1 or (n_batches is not None and n_batches < 1) or not 0 < real_share <= 1:
            raise SettingError(
                "expected a batch_size and n_batches of 1 or more and a real_share above 0 and up to 1, got "
                f"{batch_size}, {n_batches} and {real_share}"
            )
        self.model, self.batch_size, self.seed = model, batch_size, seed
        self.classes, class_of_category = _classes(model)
        self._class_of_category = class_of_category.to(model.device)
        self._units = Units(model.preprocessor, model.device) if raw else None
        self.n_real, self.n_batches = 0, n_batches
        if real is not None:
            panel = labelled(read(real).panel, y)[0] if isinstance(source, Model) else source.to_panel(real, y)
            self._real, self._real_labels = self._prepared(panel)
            self.n_real = max(1, round(real_share * batch_size))
            self.n_batches = n_batches or -(-panel.n_cases // self.n_real)
        # shared with the workers, who live for one pass or for all: each counts its passes in a place of its own
        self._passes = torch.zeros(1 + MAX_WORKERS, dtype=torch.long).share_memory_()
        self._order: tuple[tuple[int, int], Tensor] | None = None

    def set_epoch(self, epoch: int) -> None:
        """Has the next pass be number ``epoch``; without it passes are counted from 0."""
        self._passes.fill_(epoch)

    def __len__(self) -> int:
        if self.n_batches is None:
            raise TypeError("these batches have no end; give n_batches")
        return self.n_batches

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        worker = get_worker_info()
        if worker is not None and self.model.device.type != "cpu":
            raise SettingError(
                f"the model is on {self.model.device}, where workers cannot make anything: expected num_workers=0, "
                f"which is fastest there, got {worker.num_workers}"
            )
        position, first, step = (0, 0, 1) if worker is None else (1 + worker.id, worker.id, worker.num_workers)
        epoch = int(self._passes[position])
        self._passes[position] += 1
        return self._pass(epoch, first, step)

    def _pass(self, epoch: int, first: int, step: int) -> Iterator[tuple[Tensor, Tensor]]:
        number = first
        while self.n_batches is None or number < self.n_batches:
            yield self.batch(epoch, number)
            number += step

    @torch.no_grad()
    def batch(self, epoch: int, number: int) -> tuple[Tensor, Tensor]:
        """Batch ``number`` of pass ``epoch``, both counted from 0."""
        parts = []
        if self.n_real:
            rows = self._real_rows(epoch, number)
            parts.append((self._real[rows], self._real_labels[rows]))
        if self.n_real < self.batch_size:
            parts.append(self._new(self.batch_size - self.n_real, epoch, number))
        values, labels = (torch.cat(each) for each in zip(*parts, strict=True))
        return values, labels

    def _new(self, n: int, epoch: int, number: int) -> tuple[Tensor, Tensor]:
        """Values and labels of ``n`` new series."""
        model, latent = self.model, self.model.sampling_latent
        rng = generator_at(model.device, self.seed, Stream.BATCH, epoch, number)
        noise, codes = latent.sample(n, rng)
        injected_noise = torch.randn(n, model.injected_noise_dim, generator=rng, device=model.device)
        values = model.generator(model.latent(noise, codes), injected_noise).float().contiguous()
        column = model.settings.category_column
        if column is None:
            labels = torch.full((n,), UNLABELLED, device=model.device)
        else:
            labels = self._class_of_category[codes[latent.columns.index(column)]]
        return values if self._units is None else self._units(values), labels

    def _prepared(self, panel: Panel) -> tuple[Tensor, Tensor]:
        """Values and labels of real series, as those that are made, on the device."""
        check_fits(self.model, panel)
        device = self.model.device
        if self._units is not None and self.model.preprocessor.lengths is None:
            values = torch.from_numpy(np.ascontiguousarray(panel.values)).to(device)
        else:
            values = torch.from_numpy(self.model.preprocessor.transform(panel)).to(device)
            values = values if self._units is None else self._units(values)
        labels = np.full(panel.n_cases, UNLABELLED)
        if panel.labels is not None and self.classes:
            position = {name: index for index, name in enumerate(self.classes)}
            known = np.array([position.get(name, UNLABELLED) for name in panel.classes] + [UNLABELLED])
            labels = known[panel.labels]
        return values, torch.from_numpy(labels).to(device)

    def _real_rows(self, epoch: int, number: int) -> Tensor:
        """``(n_real,)`` places of real series: none comes again before all have come."""
        chosen: list[Tensor] = []
        position, end = number * self.n_real, (number + 1) * self.n_real
        while position < end:
            turn, first = divmod(position, len(self._real))
            if self._order is None or self._order[0] != (epoch, turn):
                rng = generator_at("cpu", self.seed, Stream.REAL, epoch, turn)
                self._order = (epoch, turn), torch.randperm(len(self._real), generator=rng).to(self._real.device)
            chosen.append(self._order[1][first : first + end - position])
            position += len(chosen[-1])
        return torch.cat(chosen)


def _classes(model: Model) -> tuple[tuple[str, ...], Tensor]:
    """Names of the labels, and the label of each category: the category itself where none has a name."""
    names = model.category_names
    if not names:
        return (), torch.arange(model.settings.n_categories)
    known = model.card.classes
    of_category, classes = encode_labels(
        np.array(names, dtype=object), known if set(filter(None, names)) <= set(known) else ()
    )
    return classes, torch.from_numpy(of_category)
