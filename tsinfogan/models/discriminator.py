"""What a generator and a trunk are, and the discriminator built on a trunk: realness head, Q heads, label conditioning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tsinfogan.errors import SettingError
from tsinfogan.models.codes import CategoricalCode, Code
from tsinfogan.models.pca import PrincipalComponents
from tsinfogan.registry import Registry

LabelInput = Literal["none", "projection", "embedding", "input_channel"]
Recognition = Literal["shared", "own", "detached"]

LABEL_EMBEDDING_SIZE = 64
RECOGNITION_SIZE = 128
SPREAD_SIZE = 32
MIN_VARIANCE = 1e-6
MIN_SPREAD = 0.1
"""Of a feature, as a share of the mean spread."""


@dataclass(frozen=True)
class DataShape:
    """What the networks see of the data.

    Attributes:
        n_channels: channels, the constant ones included.
        grid: ``(n_timepoints,)`` or ``(height, width)``.
        n_constant: how many of the last channels are constant over the grid.
        bounded: whether values span [−1, 1] exactly.
    """

    n_channels: int
    grid: tuple[int, ...]
    n_constant: int = 0
    bounded: bool = False


class GeneratorNetwork(Protocol):
    """A deterministic function of its two inputs: all randomness, fine texture included, comes from outside."""

    injected_noise_dim: int
    """Numbers ``~ N(0, 1)`` that a generator takes beside the latent, for detail too fine for any code; may be 0."""

    def __call__(self, latent: Tensor, injected_noise: Tensor) -> Tensor:
        """Latent ``(n, latent_dim)`` and texture ``(n, injected_noise_dim)`` to values ``(n, n_channels, *grid)``."""


class TrunkNetwork(Protocol):
    """Everything of the discriminator up to its heads."""

    feature_dim: int

    def __call__(self, values: Tensor) -> Tensor:
        """Values ``(n, n_channels, *grid)`` to features ``(n, feature_dim)``."""


@dataclass(frozen=True)
class Backbone:
    """A generator and a trunk that go together.

    Attributes:
        summary: one sentence for the command line's help.
        generator: ``(shape, latent_dim, width) -> GeneratorNetwork``.
        trunk: ``(shape, width) -> TrunkNetwork``.
        width: default width.
        n_axes: axes of the grid that it handles, 1 for series, 2 for images.
        settings: training settings and weights, by name, that suit it better than the general defaults.
    """

    summary: str
    generator: Callable[[DataShape, int, int], nn.Module]
    trunk: Callable[[DataShape, int], nn.Module]
    width: int
    n_axes: tuple[int, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)


BACKBONES: Registry[Backbone] = Registry("backbone", "tsinfogan.models.backbones", "BACKBONE")


def get_backbone(name: str, shape: DataShape) -> Backbone:
    """The backbone called ``name``.

    Raises:
        UnknownNameError: there is none.
        SettingError: it does not handle data of this shape.
    """
    backbone = BACKBONES.get(name)
    if len(shape.grid) not in backbone.n_axes:
        kind = {1: "series", 2: "images"}
        fitting = [other for other in BACKBONES.names() if len(shape.grid) in BACKBONES.get(other).n_axes]
        raise SettingError(
            f"backbone {name!r} is for {kind[backbone.n_axes[0]]} but the data holds {kind[len(shape.grid)]}: "
            f"choose from {', '.join(fitting)}"
        )
    return backbone


def tie_constant_channels(values: Tensor, n_constant: int) -> Tensor:
    """Replaces each of the last ``n_constant`` channels of ``(n, c, *grid)`` by its mean over the grid."""
    if not n_constant:
        return values
    axes = tuple(range(2, values.ndim))
    varying, constant = values[:, :-n_constant], values[:, -n_constant:]
    return torch.cat([varying, constant.mean(axes, keepdim=True).expand_as(constant)], dim=1)


class Judgement(NamedTuple):
    """What the discriminator says of n cases: realness ``(n,)``, or of the first, and one posterior's parameters a code."""

    realness: Tensor
    posteriors: tuple[Tensor, ...]


@dataclass(frozen=True)
class DiscriminatorSettings:
    """How the discriminator is put together.

    Attributes:
        label_input: how the first code is shown to the discriminator (CGAN), if at all: its embedding's inner product
            with the features (projection, Miyato & Koyama 2018), concatenated to the features, or as one more input
            channel.
        recognition: whether Q sits on the discriminator's trunk, has a trunk of its own, or only watches the
            discriminator's
            trunk: learns from it without its gradient reaching trunk or generator.
        category_input: whether realness is judged given the first categorical code, by a projection: the category that
            was drawn for a generated series, the one that Q itself reads for a real one (self-conditioning, Liu et al.
            2020). A sample must then look real *for its category*. Needs no label, and no effect without categories.
        spread_input: whether, with that, realness is judged given how much the batch's cases of the same category
            differ as well (:func:`category_spread`), so that a generator that makes one good case of each is found out.
        principal_components: whether realness of series is judged by a second trunk as well, which sees them along
            their principal directions, each of even spread; with it, the generator's output is damped and the
            discriminator's slope measured along these (:mod:`tsinfogan.models.pca`). Q reads the first trunk alone.
    """

    label_input: LabelInput = "none"
    recognition: Recognition = "shared"
    category_input: bool = False
    spread_input: bool = False
    principal_components: bool = False


class Discriminator(nn.Module):
    """Trunk + realness head + Q heads: tells real from generated, and guesses the codes back."""

    def __init__(
        self, backbone: Backbone, shape: DataShape, width: int, codes: tuple[Code, ...], settings: DiscriminatorSettings
    ):
        super().__init__()
        self.settings = settings
        self.sizes = [code.n_parameters for code in codes]
        label = settings.label_input
        if label != "none" and not codes:
            raise SettingError(f"label_input {label!r} needs a code to show to the discriminator; give --cat")
        n_labels = codes[0].encoded_size if codes else 0
        seen = DataShape(shape.n_channels + (label == "input_channel"), shape.grid, shape.n_constant, shape.bounded)
        self.trunk = backbone.trunk(seen, width)
        read_dim = feature_dim = int(self.trunk.feature_dim)  # type: ignore[arg-type]
        self.principal_components: PrincipalComponents | None = None
        if settings.principal_components:
            self.principal_components = principal_components_of(shape)
            self.detail_trunk = backbone.trunk(shape, width)
            feature_dim += int(self.detail_trunk.feature_dim)  # type: ignore[arg-type]
        if label == "input_channel":
            self.label_map = nn.Linear(n_labels, int(torch.Size(shape.grid).numel()))
        elif label == "embedding":
            self.label_embedding = nn.Linear(n_labels, LABEL_EMBEDDING_SIZE)
        elif label == "projection":
            self.label_projection = nn.Linear(n_labels, feature_dim, bias=False)
        self.by_category = settings.category_input and bool(codes) and isinstance(codes[0], CategoricalCode)
        if self.by_category:
            self.category_projection = nn.Linear(n_labels, feature_dim, bias=False)
            if settings.spread_input:
                self.spread_map = nn.Linear(feature_dim, SPREAD_SIZE, bias=False)
                self.spread = nn.Sequential(
                    nn.Linear(SPREAD_SIZE + n_labels, SPREAD_SIZE), nn.LeakyReLU(0.2), nn.Linear(SPREAD_SIZE, 1)
                )
        head_dim = feature_dim + (LABEL_EMBEDDING_SIZE if label == "embedding" else 0)
        hidden = [nn.Linear(head_dim, feature_dim), nn.LeakyReLU(0.2)] if label == "embedding" else []
        self.realness = nn.Sequential(*hidden, nn.Linear(feature_dim if hidden else head_dim, 1))
        if settings.recognition == "own":
            self.own_trunk = backbone.trunk(shape, width)
        if codes:
            self.q = recognition_head(read_dim, sum(self.sizes))

    def forward(
        self, values: Tensor, label: Tensor | None = None, n_parts: int = 1, n_judged: int | None = None
    ) -> Judgement:
        """Judges values ``(n, n_channels, *grid)``, given the encoded label ``(n, K)`` where the discriminator sees one.

        With ``category_input``, ``label`` is the encoded category, and a row of zeros stands for "as Q reads it".
        Of the values the first ``n_judged``, by default all, are judged for realness: ``n_parts`` batches one after
        another, each judged in its own company alone. Of the others codes are read, no more.
        """
        kind = self.settings.label_input
        n = len(values) if n_judged is None else n_judged
        read = self._features(values, label)
        features = read[:n]
        if self.principal_components is not None:
            features = torch.cat(
                [features, self.detail_trunk(self.principal_components.whiten(values[:n])).float()], dim=1
            )
        label = None if label is None else label[:n]
        with torch.autocast(values.device.type, enabled=False):
            if kind == "embedding":
                joined = torch.cat([features, self.label_embedding(label)], dim=1)
                realness = self.realness(joined)[:, 0]
            else:
                realness = self.realness(features)[:, 0]
            if kind == "projection":
                realness = realness + (self.label_projection(label) * features).sum(1) / features.shape[1] ** 0.5
            if not self.sizes:
                return Judgement(realness, ())
            posteriors = self.posteriors(self.q, self._recognised(values, read))
            if self.by_category and label is not None:
                guess = F.one_hot(posteriors[0][:n].argmax(1), posteriors[0].shape[1]).float()  # (n, K)
                category = torch.where(label.sum(1, keepdim=True) > 0, label, guess)
                realness = realness + (self.category_projection(category) * features).sum(1) / features.shape[1] ** 0.5
                if self.settings.spread_input:
                    realness = realness + self._judged_spread(features, category, n_parts)
        return Judgement(realness, posteriors)

    def _judged_spread(self, features: Tensor, category: Tensor, n_parts: int) -> Tensor:
        seen = self.spread_map(features).chunk(n_parts)
        spread = torch.cat([category_spread(*part) for part in zip(seen, category.chunk(n_parts), strict=True)])
        return self.spread(torch.cat([spread, category], dim=1))[:, 0]  # type: ignore[no-any-return]

    def recognition_features(self, values: Tensor, label: Tensor | None = None) -> Tensor:
        """What Q reads, ``(n, feature_dim)``; arguments as in :meth:`forward`."""
        own = self.settings.recognition == "own"
        return self._recognised(values, values if own else self._features(values, label))

    def posteriors(self, head: nn.Module, features: Tensor) -> tuple[Tensor, ...]:
        """Parameters of each code's posterior that a recognition head gives for ``(n, feature_dim)``."""
        with torch.autocast(features.device.type, enabled=False):
            return head(features).split(self.sizes, dim=1)  # type: ignore[no-any-return]

    def _features(self, values: Tensor, label: Tensor | None) -> Tensor:
        if self.settings.label_input == "input_channel":
            assert label is not None
            extra = self.label_map(label).view(len(values), 1, *values.shape[2:])
            values = torch.cat([extra, values], dim=1)
        return self.trunk(values).float()  # type: ignore[no-any-return]

    def _recognised(self, values: Tensor, features: Tensor) -> Tensor:
        if self.settings.recognition == "own":
            return self.own_trunk(values).float()  # type: ignore[no-any-return]
        return features.detach() if self.settings.recognition == "detached" else features


def principal_components_of(shape: DataShape) -> PrincipalComponents:
    """Of series of this shape; not fitted yet."""
    return PrincipalComponents(shape.n_channels - shape.n_constant, shape.grid[0])


def category_spread(features: Tensor, category: Tensor) -> Tensor:
    """Standard deviation ``(n, f)`` of each feature over the cases of a case's own category.

    Minibatch standard deviation (Karras et al. 2018, arXiv:1710.10196, section 3), category by category: over the whole
    batch, twenty categories without any variety still differ from each other. A case that is alone has a spread of
    about zero, generated or real.

    Args:
        features: ``(n, f)``.
        category: ``(n, K)``, one-hot.
    """
    counts = category.sum(0)[:, None]  # (K, 1)
    mean = category.T @ features / counts.clamp_min(1)  # (K, f)
    deviation = features - category @ mean
    variance = category.T @ deviation.square() / (counts - 1).clamp_min(1)
    return category @ (variance + MIN_VARIANCE).sqrt()


class Standardize(nn.Module):
    """Each feature less its mean, over its spread, as they were when last fitted: a fixed linear map.

    Fresh trunks tell cases apart only faintly. Without this, consistency stays at its symmetric start for long; layer
    normalisation helps too, but takes away how large the features are, and with it what tells a calm series from a wild
    one. Unlike batch normalisation it judges no case by the company it keeps.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, n_features: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("scale", torch.ones(n_features))

    @torch.no_grad()
    def fit(self, features: Tensor) -> None:
        """Takes mean and spread from ``(n, n_features)``, in place; a feature that hardly varies is not blown up."""
        spread = features.std(0)
        self.mean.copy_(features.mean(0))
        self.scale.copy_(spread.clamp_min(MIN_SPREAD * float(spread.mean()) + torch.finfo(spread.dtype).tiny))

    def forward(self, features: Tensor) -> Tensor:
        """``(…, n_features)`` to the same shape."""
        return (features - self.mean) / self.scale


def fit_head(head: nn.Module, features: Tensor) -> None:
    """Puts what a recognition head sees on one scale, that of these features ``(n, feature_dim)``."""
    standardize = next(head.children())
    assert isinstance(standardize, Standardize)
    standardize.fit(features)


def recognition_head(feature_dim: int, n_parameters: int) -> nn.Sequential:
    """Q on a trunk's features."""
    return nn.Sequential(
        Standardize(feature_dim),
        nn.Linear(feature_dim, RECOGNITION_SIZE),
        nn.LeakyReLU(0.2),
        nn.Linear(RECOGNITION_SIZE, n_parameters),
    )
