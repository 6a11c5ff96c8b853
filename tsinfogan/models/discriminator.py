"""The discriminator on a backbone's trunk: realness head, recognition network Q, and conditioning on a label."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tsinfogan.errors import SettingError
from tsinfogan.models.backbone import Backbone, DataShape
from tsinfogan.models.code_scale import CodeScale
from tsinfogan.models.codes import Code
from tsinfogan.models.heads import RecognitionHead
from tsinfogan.models.pca import PrincipalComponents

LabelInput = Literal["none", "projection", "embedding", "input_channel"]
Recognition = Literal["shared", "own", "detached"]

LABEL_EMBEDDING_SIZE = 64
SPREAD_SIZE = 32
MIN_VARIANCE = 1e-6


class Judgement(NamedTuple):
    """What the discriminator gives for n cases."""

    realness: Tensor
    """Logits ``(n_judged,)``, high for real."""
    posteriors: tuple[Tensor, ...]
    """For each code, parameters ``(n, n_parameters)`` of its posterior."""


@dataclass(frozen=True)
class DiscriminatorSettings:
    """How the discriminator is put together.

    Attributes:
        label_input: how the discriminator is conditioned on the first code (CGAN), if at all: ``projection`` adds the
            inner product of its embedding with the features (Miyato & Koyama 2018, arXiv:1802.05637), ``embedding``
            appends it to the features, ``input_channel`` to the values.
        recognition: where Q gets its features: ``shared`` from the discriminator's trunk, ``own`` from a second trunk,
            ``detached`` from the discriminator's trunk without a gradient to it or to the generator.
        category_input: whether realness is conditioned on the first categorical code, by projection: on the category
            that a series was generated for, and on the one that Q reads for a real series (self-conditioning, Liu et
            al. 2020). A sample must then look real *for its category*. Needs no labels; without categories no effect.
        spread_input: whether realness, so conditioned, also sees how much the cases of a category differ within the
            batch (:func:`category_spread`), so that a generator with one good case a category is recognised.
        principal_components: whether realness of series is also judged by a second trunk that sees whitened series;
            then the generator's output is shrunk and R1 measured along the same principal components
            (:mod:`tsinfogan.models.pca`). Q reads the first trunk alone.
    """

    label_input: LabelInput = "none"
    recognition: Recognition = "shared"
    category_input: bool = False
    spread_input: bool = False
    principal_components: bool = False


class Discriminator(nn.Module):
    """D and Q of InfoGAN: a trunk, a realness head that tells real from generated, and a head that reads the codes.

    Args:
        backbone: builds the trunks.
        shape: of the values.
        width: of the trunks.
        codes: that Q reads; may be empty.
        settings: how the parts are put together.

    Raises:
        SettingError: conditioning on a label without codes.
    """

    def __init__(
        self, backbone: Backbone, shape: DataShape, width: int, codes: tuple[Code, ...], settings: DiscriminatorSettings
    ):
        super().__init__()
        self.settings = settings
        self.sizes = [code.n_parameters for code in codes]
        label = settings.label_input
        if label != "none" and not codes:
            raise SettingError(f"label_input {label!r} needs a code to show to the discriminator; give `n_categories`")
        n_labels = codes[0].encoded_size if codes else 0

        # Trunks: what realness is judged from. The order of creation fixes the initial weights of a seed.
        input_shape = replace(shape, n_channels=shape.n_channels + (label == "input_channel"))
        self.trunk = backbone.trunk(input_shape, width)
        read_dim = feature_dim = int(self.trunk.feature_dim)  # type: ignore[arg-type]
        self.principal_components: PrincipalComponents | None = None
        if settings.principal_components:
            self.principal_components = PrincipalComponents(shape.n_varying, shape.grid[0])
            self.detail_trunk = backbone.trunk(shape, width)
            feature_dim += int(self.detail_trunk.feature_dim)  # type: ignore[arg-type]

        # Conditioning on a label (CGAN)
        if label == "input_channel":
            self.label_map = nn.Linear(n_labels, int(torch.Size(shape.grid).numel()))
        elif label == "embedding":
            self.label_embedding = nn.Linear(n_labels, LABEL_EMBEDDING_SIZE)
        elif label == "projection":
            self.label_projection = nn.Linear(n_labels, feature_dim, bias=False)

        # Conditioning on the category that Q reads
        self.by_category = settings.category_input and bool(codes) and codes[0].is_categorical
        if self.by_category:
            self.category_projection = nn.Linear(n_labels, feature_dim, bias=False)
            if settings.spread_input:
                self.spread_map = nn.Linear(feature_dim, SPREAD_SIZE, bias=False)
                self.spread = nn.Sequential(
                    nn.Linear(SPREAD_SIZE + n_labels, SPREAD_SIZE), nn.LeakyReLU(0.2), nn.Linear(SPREAD_SIZE, 1)
                )

        # Realness head, then Q
        if label == "embedding":
            hidden = nn.Linear(feature_dim + LABEL_EMBEDDING_SIZE, feature_dim)
            self.realness = nn.Sequential(hidden, nn.LeakyReLU(0.2), nn.Linear(feature_dim, 1))
        else:
            self.realness = nn.Sequential(nn.Linear(feature_dim, 1))
        if settings.recognition == "own":
            self.own_trunk = backbone.trunk(shape, width)
        if codes:
            self.q = RecognitionHead(read_dim, sum(self.sizes))
        self.code_scale = None if all(code.is_categorical for code in codes) else CodeScale(codes)

    @property
    def trunks(self) -> list[nn.Module]:
        """The networks that read values; all else reads features."""
        return [part for name, part in self.named_children() if name.endswith("trunk")]

    def forward(
        self, values: Tensor, label: Tensor | None = None, n_parts: int = 1, n_judged: int | None = None
    ) -> Judgement:
        """Judges realness of the first ``n_judged`` cases and reads the codes of all.

        Args:
            values: ``(n, n_channels, *grid)``.
            label: what the discriminator is conditioned on, encoded ``(n, K)``: the label, or with ``category_input``
                the category, where a row of zeros stands for the one that Q reads.
            n_parts: equal parts that the judged cases consist of, such as real and generated ones; the spread of a
                category is measured within each part.
            n_judged: by default n.
        """
        n_judged = len(values) if n_judged is None else n_judged
        trunk_features = self._trunk_features(values, label)  # (n, f)

        # What is judged: features of both trunks
        features = trunk_features[:n_judged]
        if self.principal_components is not None:
            whitened = self.principal_components.whiten(values[:n_judged])
            features = torch.cat([features, self.detail_trunk(whitened).float()], dim=1)
        label = None if label is None else label[:n_judged]

        with torch.autocast(values.device.type, enabled=False):
            realness = self._realness_given_label(features, label)  # (n_judged,)

            # What is read: the codes of every case
            if not self.sizes:
                return Judgement(realness, ())
            posteriors = self.posteriors(self.q, self._read_features(values, trunk_features))

            # Realness for the category: a projection, and the spread of the category within its part
            if self.by_category and label is not None:
                read = F.one_hot(posteriors[0][:n_judged].argmax(1), label.shape[1]).float()  # (n_judged, K)
                category = torch.where(label.sum(1, keepdim=True) > 0, label, read)
                realness = realness + _projected(self.category_projection(category), features)
                if self.settings.spread_input:
                    realness = realness + self._realness_of_spread(features, category, n_parts)
        return Judgement(realness, posteriors)

    def _trunk_features(self, values: Tensor, label: Tensor | None) -> Tensor:
        if self.settings.label_input == "input_channel":
            assert label is not None
            extra = self.label_map(label).view(len(values), 1, *values.shape[2:])
            values = torch.cat([extra, values], dim=1)
        return self.trunk(values).float()  # type: ignore[no-any-return]

    def _realness_given_label(self, features: Tensor, label: Tensor | None) -> Tensor:
        if self.settings.label_input == "embedding":
            features = torch.cat([features, self.label_embedding(label)], dim=1)
        realness: Tensor = self.realness(features)[:, 0]
        if self.settings.label_input == "projection":
            realness = realness + _projected(self.label_projection(label), features)
        return realness

    def _realness_of_spread(self, features: Tensor, category: Tensor, n_parts: int) -> Tensor:
        parts = zip(self.spread_map(features).chunk(n_parts), category.chunk(n_parts), strict=True)
        spread = torch.cat([category_spread(*part) for part in parts])  # (n, SPREAD_SIZE)
        return self.spread(torch.cat([spread, category], dim=1))[:, 0]  # type: ignore[no-any-return]

    def recognition_features(self, values: Tensor, label: Tensor | None = None) -> Tensor:
        """What Q reads, ``(n, feature_dim)``; arguments as in :meth:`forward`."""
        own = self.settings.recognition == "own"
        return self._read_features(values, values if own else self._trunk_features(values, label))

    def _read_features(self, values: Tensor, trunk_features: Tensor) -> Tensor:
        if self.settings.recognition == "own":
            return self.own_trunk(values).float()  # type: ignore[no-any-return]
        return trunk_features.detach() if self.settings.recognition == "detached" else trunk_features

    def posteriors(self, head: nn.Module, features: Tensor) -> tuple[Tensor, ...]:
        """Parameters of each code's posterior that a recognition head gives for ``(n, feature_dim)``."""
        with torch.autocast(features.device.type, enabled=False):
            read: tuple[Tensor, ...] = head(features).split(self.sizes, dim=1)
            return read if self.code_scale is None else self.code_scale(read)


def category_spread(features: Tensor, category: Tensor) -> Tensor:
    """Standard deviation ``(n, f)`` of each of the features ``(n, f)`` over the cases of a case's category ``(n, K)``.

    This is minibatch standard deviation (Karras et al. 2018, arXiv:1710.10196, section 3) category by category: over
    the whole batch, categories differ from each other even if cases within one do not. For a category with a single
    case it is about zero.
    """
    counts = category.sum(0)[:, None]  # (K, 1)
    mean = category.T @ features / counts.clamp_min(1)  # (K, f)
    deviation = features - category @ mean  # (n, f)
    variance = category.T @ deviation.square() / (counts - 1).clamp_min(1)  # (K, f)
    return category @ (variance + MIN_VARIANCE).sqrt()


def _projected(embedding: Tensor, features: Tensor) -> Tensor:
    """``(n,)`` inner products of embeddings and features ``(n, f)``, over √f."""
    product: Tensor = (embedding * features).sum(1) / features.shape[1] ** 0.5
    return product
