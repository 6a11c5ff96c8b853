"""A classifier trained on labelled series, which predicts the class of others, such as synthetic ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tsinfogan.data.panel import FloatArray, IntArray, Panel
from tsinfogan.models.backbone import DataShape, get_backbone
from tsinfogan.preprocessing.augmenter import Augmenter
from tsinfogan.preprocessing.preprocessor import Preprocessor
from tsinfogan.seeding import Stream, derived_seed, generator_at

STEPS = 800
BATCH_SIZE = 64
RATE = 1e-3
WEIGHT_DECAY = 1e-4
CASES_PER_PASS = 256


@dataclass(frozen=True, eq=False)
class Classifier:
    """A trained network from ``(n, c, *grid)`` to logits ``(n, n_classes)``, whose last layer is linear."""

    network: nn.Sequential
    n_classes: int
    device: torch.device

    def probabilities(self, values: FloatArray) -> FloatArray:
        """``(n, n_classes)`` for network arrays ``(n, c, *grid)``."""
        return self._in_passes(lambda part: self.network(part).float().softmax(1), values)

    def features(self, values: FloatArray) -> FloatArray:
        """``(n, feature_dim)`` what the last layer is given, for network arrays ``(n, c, *grid)``."""
        return self._in_passes(lambda part: self.network[:-1](part).float(), values)

    def predict(self, values: FloatArray) -> IntArray:
        """``(n,)`` most probable class."""
        classes: IntArray = self.probabilities(values).argmax(1)
        return classes

    def _in_passes(self, read: Callable[[Tensor], Tensor], values: FloatArray) -> FloatArray:
        with torch.no_grad():
            parts = [read(part.to(self.device)).cpu() for part in torch.from_numpy(values).split(CASES_PER_PASS)]
        return torch.cat(parts).numpy()


@dataclass(frozen=True)
class ClassifierSettings:
    """How a classifier is trained."""

    seed: int = 0  # the same seed gives the same classifier
    steps: int = STEPS  # optimization steps of ``BATCH_SIZE`` cases
    rate: float = RATE  # greatest learning rate of the cycle
    device: torch.device | str = "cpu"  # where to compute


def fit_to_panel(
    panel: Panel, preprocessor: Preprocessor, settings: ClassifierSettings, class_weights: FloatArray | None = None
) -> Classifier:
    """:func:`fit_classifier` on the labelled cases of a panel, with its own augmentations."""
    labelled = panel.subset(panel.case_labels >= 0)
    values, augmenter = preprocessor.transform(labelled), Augmenter.build(panel.augmentations, preprocessor)
    return fit_classifier(values, labelled.case_labels, len(panel.classes), augmenter, settings, class_weights)


def fit_classifier(
    values: FloatArray,
    labels: IntArray,
    n_classes: int,
    augmenter: Augmenter,
    settings: ClassifierSettings,
    class_weights: FloatArray | None = None,
) -> Classifier:
    """The backbone for network arrays ``(n, c, *grid)`` of ``(n,)`` labels, trained with augmentations.

    ``class_weights`` ``(n_classes,)`` weigh the classes in the loss, by default equally; see docs/measures.md.
    """
    seed, steps, rate, device = settings.seed, settings.steps, settings.rate, torch.device(settings.device)
    shape = DataShape(values.shape[1], values.shape[2:], augmenter.n_constant)
    backbone = get_backbone("conv1d" if len(shape.grid) == 1 else "image", shape)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derived_seed(seed, Stream.CLASSIFIER))
        trunk = backbone.trunk(shape, backbone.width)
        feature_dim = int(trunk.feature_dim)  # type: ignore[arg-type]
        network = nn.Sequential(trunk, nn.LayerNorm(feature_dim), nn.Linear(feature_dim, n_classes))
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    cases, known = torch.from_numpy(values), torch.from_numpy(np.asarray(labels))
    weights = None if class_weights is None else torch.from_numpy(class_weights).to(device)
    rng = generator_at("cpu", seed, Stream.CLASSIFIER, 1)  # on the CPU: the same draws for every device
    optimizer = torch.optim.AdamW(network.parameters(), rate, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    for _ in range(steps):
        chosen = torch.randint(len(cases), (BATCH_SIZE,), generator=rng)
        seen = _augmented(cases[chosen], augmenter, rng).to(device)
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(network(seen), known[chosen].to(device), weights).backward()
        optimizer.step()
        schedule.step()
    return Classifier(network.eval(), n_classes, device)


def _augmented(cases: Tensor, augmenter: Augmenter, rng: torch.Generator) -> Tensor:
    """The second half of a batch is augmented; the first is not, as the series to be classified are not."""
    half = len(cases) // 2
    return torch.cat([cases[:half], augmenter.apply(cases[half:], augmenter.draw(len(cases) - half, rng))])
