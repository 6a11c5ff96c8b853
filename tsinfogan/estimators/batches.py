"""``SyntheticBatches``: synthetic series, mixed with real ones or not, for a training loop in PyTorch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import KW_ONLY, InitVar, dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from tsinfogan.data.labels import labels_among
from tsinfogan.data.panel import UNLABELLED, Panel
from tsinfogan.errors import SettingError
from tsinfogan.estimators.containers import read
from tsinfogan.estimators.targets import labelled
from tsinfogan.models.model import Model
from tsinfogan.preprocessing.torch_inverse import Units
from tsinfogan.sampling.inference import check_fits
from tsinfogan.sampling.sampler import category_labels
from tsinfogan.seeding import Stream, generator_at

if TYPE_CHECKING:
    from tsinfogan.estimators.infogan import InfoGAN

MAX_WORKERS = 1023


@dataclass(eq=False, repr=False)
class SyntheticBatches(IterableDataset[tuple[Tensor, Tensor]]):
    """Batches ``(values, labels)`` of synthetic series, generated on the model's device.

    ``values`` is float32 ``(batch_size, n_channels, *grid)``. If lengths differ, series are on the model's common grid
    and a last channel holds the length. ``labels`` is int64 ``(batch_size,)``: index into :attr:`classes`, or the
    category if categories have no names, or -1 if there are no categories. Categories are sampled as by
    :func:`tsinfogan.sample`.

    Batch k of pass e depends on the model, the seed, e and k only, so any number of workers gives the same batches in
    the same order: ``DataLoader(batches, batch_size=None, num_workers=…)``. Each pass has new series.

    Args:
        source: a :class:`Model` or a fitted :class:`InfoGAN`.
        batch_size: series in a batch.
        n_batches: batches in a pass. None is unlimited, or with ``real`` as many as contain each real series once.
        real: series to mix in, as ``source`` takes them.
        y: their classes; by default the labels that ``real`` itself holds.
        real_share: share of real series in a batch. They are its first :attr:`n_real`, in a new order each pass.
        raw: whether values are in raw units and lengths in timepoints; else both are as the networks see them.
        seed: everything random follows from it.

    Attributes:
        classes: name of each label; empty if labels are categories.
        n_real: real series in a batch.
        n_batches: batches in a pass, or None.

    Raises:
        SettingError: numbers out of range.
        DataError: ``real`` is not like the training series.

    Example:
        >>> import numpy as np
        >>> from tsinfogan import InfoGAN, SyntheticBatches
        >>> X = np.sin(np.linspace(0, 6, 24) + np.arange(20)[:, None])[:, None]  # (20, 1, 24)
        >>> quick = {"width": 4, "pretraining_steps": 0}
        >>> model = InfoGAN(max_steps=2, settings=quick, random_state=0).fit(X)
        >>> batches = SyntheticBatches(model, batch_size=8, real=X)
        >>> [tuple(values.shape) for values, labels in batches], batches.n_real
        ([(8, 1, 24), (8, 1, 24), (8, 1, 24), (8, 1, 24), (8, 1, 24)], 4)
    """

    source: InitVar[Model | InfoGAN]
    batch_size: int = 128
    _: KW_ONLY
    n_batches: int | None = None
    real: InitVar[Any] = None
    y: InitVar[ArrayLike | None] = None
    real_share: InitVar[float] = 0.5
    raw: InitVar[bool] = True
    seed: int = 0

    def __post_init__(
        self, source: Model | InfoGAN, real: Any, y: ArrayLike | None, real_share: float, raw: bool
    ) -> None:
        if not isinstance(source, Model):
            check_is_fitted(source, "model_")
        model: Model = source if isinstance(source, Model) else source.model_
        if self.batch_size < 1 or (self.n_batches is not None and self.n_batches < 1) or not 0 < real_share <= 1:
            raise SettingError(
                "expected a batch_size and n_batches of 1 or more and a real_share above 0 and up to 1, got "
                f"{self.batch_size}, {self.n_batches} and {real_share}"
            )
        self.model = model
        self.classes: tuple[str, ...] = ()
        self._label_of_category = torch.arange(model.settings.n_categories, device=model.device)
        if model.category_names:
            labels, self.classes = category_labels(model)
            self._label_of_category = torch.from_numpy(labels).to(model.device)
        self._units = Units(model.preprocessor, model.device) if raw else None
        self.n_real = 0
        if real is not None:
            panel = labelled(read(real)[0], y)[0] if isinstance(source, Model) else source.to_panel(real, y)
            self._real, self._real_labels = self._prepared(panel)
            self.n_real = max(1, round(real_share * self.batch_size))
            self.n_batches = self.n_batches or -(-panel.n_cases // self.n_real)
        # in memory that workers share, since some live for one pass only: each counts its passes in its own entry
        self._passes = torch.zeros(1 + MAX_WORKERS, dtype=torch.long).share_memory_()
        self._order: tuple[tuple[int, int], Tensor] | None = None

    def set_epoch(self, epoch: int) -> None:
        """Numbers the next pass ``epoch``; by default passes are counted from 0."""
        self._passes.fill_(epoch)

    def __len__(self) -> int:
        if self.n_batches is None:
            raise TypeError("the number of batches is unlimited; give n_batches")
        return self.n_batches

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        worker = get_worker_info()
        if worker is not None and self.model.device.type != "cpu":
            raise SettingError(
                f"the model is on {self.model.device}, which workers cannot use: expected num_workers=0, "
                f"which is fastest there, got {worker.num_workers}"
            )
        position, first, step = (0, 0, 1) if worker is None else (1 + worker.id, worker.id, worker.num_workers)
        epoch = int(self._passes[position])
        self._passes[position] += 1
        numbers = count(first, step) if self.n_batches is None else range(first, self.n_batches, step)
        return (self.batch(epoch, number) for number in numbers)

    @torch.no_grad()
    def batch(self, epoch: int, number: int) -> tuple[Tensor, Tensor]:
        """Batch ``number`` of pass ``epoch``, both counted from 0."""
        parts = []
        if self.n_real:
            rows = self._real_rows(epoch, number)
            parts.append((self._real[rows], self._real_labels[rows]))
        if self.n_real < self.batch_size:
            parts.append(self._synthetic(self.batch_size - self.n_real, epoch, number))
        values, labels = (torch.cat(each) for each in zip(*parts, strict=True))
        return values, labels

    def _synthetic(self, n: int, epoch: int, number: int) -> tuple[Tensor, Tensor]:
        """Values ``(n, c, *grid)`` and labels ``(n,)`` of new series."""
        model, latent = self.model, self.model.sampling_latent
        rng = generator_at(model.device, self.seed, Stream.BATCH, epoch, number)
        noise, codes = latent.sample(n, rng)
        injected_noise = torch.randn(n, model.injected_noise_dim, generator=rng, device=model.device)
        values = model.generator(model.latent(noise, codes), injected_noise).float().contiguous()
        if latent.first_category is None:
            labels = torch.full((n,), UNLABELLED, device=model.device)
        else:
            labels = self._label_of_category[codes[latent.first_category[0]]]
        return values if self._units is None else self._units(values), labels

    def _prepared(self, panel: Panel) -> tuple[Tensor, Tensor]:
        """Values and labels of real series, on the device, as those of synthetic ones."""
        check_fits(self.model, panel)
        device = self.model.device
        if self._units is not None and self.model.preprocessor.lengths is None:
            values = torch.from_numpy(np.ascontiguousarray(panel.values)).to(device)
        else:
            values = torch.from_numpy(self.model.preprocessor.transform(panel)).to(device)
            values = values if self._units is None else self._units(values)
        return values, torch.from_numpy(labels_among(panel, self.classes)).to(device)

    def _real_rows(self, epoch: int, number: int) -> Tensor:
        """``(n_real,)`` indices of real series: each occurs once before any occurs again."""
        chosen: list[Tensor] = []
        position, end = number * self.n_real, (number + 1) * self.n_real
        while position < end:
            cycle, first = divmod(position, len(self._real))
            if self._order is None or self._order[0] != (epoch, cycle):
                rng = generator_at("cpu", self.seed, Stream.REAL, epoch, cycle)
                self._order = (epoch, cycle), torch.randperm(len(self._real), generator=rng).to(self._real.device)
            chosen.append(self._order[1][first : first + end - position])
            position += len(chosen[-1])
        return torch.cat(chosen)
