"""Waves of three classes, and a generator of them made by hand, that tests of augmentation share."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tsinfogan.data.panel import FloatArray, IntArray, Panel
from tsinfogan.models.codes import CategoricalCode, LatentSpec, UniformCode
from tsinfogan.models.discriminator import DiscriminatorSettings
from tsinfogan.models.model import DataCard, Model, ModelSettings
from tsinfogan.preprocessing.preprocessor import Preprocessor
from tsinfogan.preprocessing.scaling import ChannelTransform

K, N_TIMEPOINTS = 3, 16
CLASSES = ("a", "b", "c")
PAST = np.linspace(0, 1, N_TIMEPOINTS)


def drawn(labels: IntArray, seed: int) -> FloatArray:
    """``(n, 1, t)`` waves of 1, 2 or 3 periods whose phase says nothing, which one of each class does not show."""
    rng = np.random.default_rng(seed)
    phase = rng.uniform(-math.pi / 2, math.pi / 2, len(labels))
    clean = np.sin(2 * math.pi * (1 + labels[:, None]) * PAST + phase[:, None])
    synthetic: FloatArray = (clean + 0.3 * rng.normal(size=clean.shape)).astype(np.float32)[:, None]
    return synthetic


def panel(n: int, seed: int, name: str = "waves") -> Panel:
    labels = np.arange(n) % K
    return Panel.from_arrays(drawn(labels, seed), labels=np.array(CLASSES)[labels], name=name)


TRAIN, TEST = panel(150, 0), panel(120, 1)


class Maker(nn.Module):
    """Latent = one number of noise, which is the phase, K of the category, one knob, which does nothing."""

    injected_noise_dim = 0

    def __init__(self, order: tuple[int, ...] = (0, 1, 2)):
        super().__init__()
        self.periods = nn.Parameter(1.0 + torch.tensor(order))

    def forward(self, latent: Tensor, injected_noise: Tensor) -> Tensor:
        periods = latent[:, 1 : 1 + K] @ self.periods
        time = torch.from_numpy(PAST).float()
        phase = math.pi / 2 * torch.erf(latent[:, :1] / math.sqrt(2))  # uniform, as in the data
        return torch.sin(2 * math.pi * periods[:, None] * time + phase)[:, None]


class Reader(nn.Linear):
    """Reads the number of periods, whatever the phase."""

    settings = DiscriminatorSettings()

    def __init__(self, order: tuple[int, ...] = (0, 1, 2), sharpness: float = 20.0):
        super().__init__(1, 1)
        self.order, self.sharpness, self.sizes, self.q = order, sharpness, [K, 2], None

    def recognition_features(self, values: Tensor, label: Tensor | None = None) -> Tensor:
        return values

    def posteriors(self, q: None, values: Tensor) -> tuple[Tensor, ...]:
        angle = 2 * math.pi * torch.arange(1, K + 1)[:, None] * torch.from_numpy(PAST).float()  # (K, t)
        power = (values[:, :1] @ torch.cos(angle).T).square() + (values[:, :1] @ torch.sin(angle).T).square()
        share = (power / power.sum(2, keepdim=True))[:, 0, list(self.order)]  # (n, K)
        return self.sharpness * share, torch.zeros(len(values), 2)


def handmade(order: tuple[int, ...] = (0, 1, 2), names: tuple[str | None, ...] = CLASSES, **others: Any) -> Model:
    """A generator whose category k is of class ``order[k]``, in raw units."""
    latent = LatentSpec(1, (CategoricalCode(K), UniformCode()))
    raw = replace(Preprocessor.fit(TRAIN), channels=(ChannelTransform(),))
    networks = Maker(order), Reader(order, **others)
    return Model(ModelSettings("conv1d", latent), DataCard.of(TRAIN), raw, *networks, names)  # type: ignore[arg-type]
