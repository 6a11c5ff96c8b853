"""What one training step works on: real cases, codes and noise, and the random numbers of its augmentations."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from tsinfogan.data.overlap import recording_of
from tsinfogan.data.panel import UNLABELLED, FloatArray
from tsinfogan.models.model import Model
from tsinfogan.preprocessing.augmenter import Augmenter
from tsinfogan.seeding import Stream, generator_at

PARTNER_DRAWS = 3
"""Random numbers a case that choose another one of its category, and what becomes of the two."""
LABELLED_SHARE = 4
"""In pre-training one in this many cases of a batch has a known label, however few have one."""


class Batch(NamedTuple):
    """Everything random or given in one step, so that the step itself is a plain function of it.

    Attributes:
        real: ``(n, n_channels, *grid)`` real cases.
        case: ``(n,)`` which cases of the training data these are.
        real_label: ``(n,)`` known category of each real case, or −1.
        pseudo_label: ``(n,)`` category that pre-training gave each real case in all its views, or −1.
        latent: ``(n, latent_size)`` generator input: noise and encoded codes.
        injected_noise: ``(n, injected_noise_dim)`` generator input for fine detail.
        codes: one ``(n,)`` tensor of values a code, those encoded in ``latent``.
        real_augmentation: ``(n, …)`` random numbers of the augmentation of each real case.
        generated_augmentation: the same for each generated case.
        real_partner: ``(n, PARTNER_DRAWS)`` random numbers that choose a partner of each real case.
        generated_partner: the same for each generated case.
        time: ``(n,)`` uniform random numbers in [0, 1): times of flow matching, or which pair of many codes moves.
    """

    real: Tensor
    case: Tensor
    real_label: Tensor
    pseudo_label: Tensor
    latent: Tensor
    injected_noise: Tensor
    codes: tuple[Tensor, ...]
    real_augmentation: Tensor
    generated_augmentation: Tensor
    real_partner: Tensor
    generated_partner: Tensor
    time: Tensor


def on_device(values: FloatArray, device: torch.device) -> Tensor:
    """``(n, c, *grid)`` values on a device; windows of a recording are views of it there too."""
    recording = recording_of(values)
    if recording is None:
        return torch.from_numpy(values).to(device)
    return torch.from_numpy(recording.values).to(device).unfold(1, values.shape[2], recording.stride).transpose(0, 1)


class BatchSource:
    """Draws the batch of each step; it depends on the seed and the number of the step alone.

    Args:
        model: gives the codes and the sizes of the generator's inputs.
        data: ``(n_cases, c, *grid)`` real cases, on the device of the training.
        labels: ``(n_cases,)`` known category, or −1.
        augmenter: draws augmentations.
        batch_size: real cases a step, and generated ones.
        seed: everything random follows from it.
    """

    def __init__(self, model: Model, data: Tensor, labels: Tensor, augmenter: Augmenter, batch_size: int, seed: int):
        self.model, self.data, self.labels, self.augmenter = model, data, labels, augmenter
        self.batch_size, self.seed = batch_size, seed
        self.pseudo_labels = torch.full_like(labels, UNLABELLED)
        self._epoch, self._order = (-1, 0), torch.empty(0, dtype=torch.long)

    def draw(
        self,
        step: int,
        preferred: Tensor | None = None,
        n_injected: int | None = None,
        among: Tensor | None = None,
    ) -> Batch:
        """The batch of one step.

        Args:
            step: number of the step.
            among: indices of the cases that are drawn from; None for all.
            n_injected: width of the injected noise, if not as the model's generator takes it.
            preferred: indices of cases of which one in ``LABELLED_SHARE`` of the batch is drawn, if there are any.
        """
        n, device = self.batch_size, self.data.device
        rng = generator_at(device, self.seed, Stream.STEP, step)
        index = self.next_cases(step, among)
        if preferred is not None and len(preferred):
            extra = torch.randint(len(preferred), (n // LABELLED_SHARE,), generator=rng, device=device)
            index = torch.cat([preferred[extra], index[len(extra) :]])
        latent_spec = self.model.settings.latent
        noise, codes = latent_spec.sample(n, rng)
        return Batch(
            real=self.data[index],
            case=index,
            real_label=self.labels[index],
            pseudo_label=self.pseudo_labels[index],
            latent=latent_spec.encode(noise, codes),
            injected_noise=torch.randn(n, n_injected or self.model.injected_noise_dim, generator=rng, device=device),
            codes=codes,
            real_augmentation=self.augmenter.draw(n, rng),
            generated_augmentation=self.augmenter.draw(n, rng),
            real_partner=torch.rand(n, PARTNER_DRAWS, generator=rng, device=device),
            generated_partner=torch.rand(n, PARTNER_DRAWS, generator=rng, device=device),
            time=torch.rand(n, generator=rng, device=device),
        )

    def next_cases(self, step: int, among: Tensor | None = None) -> Tensor:
        """Indices ``(batch_size,)``: every case once an epoch, in an order that the seed and the epoch decide.

        Of ``among``, where only those cases are drawn from.
        """
        n_cases, n = len(self.data) if among is None else len(among), self.batch_size
        chosen: list[Tensor] = []
        position, end = step * n, (step + 1) * n
        while position < end:
            epoch, first = divmod(position, n_cases)
            if (epoch, n_cases) != self._epoch:
                order = torch.randperm(n_cases, generator=generator_at("cpu", self.seed, Stream.DATA, epoch))
                self._epoch, self._order = (epoch, n_cases), order.to(self.data.device)
            chosen.append(self._order[first : first + end - position])
            position += len(chosen[-1])
        index = torch.cat(chosen)
        return index if among is None else among[index]
