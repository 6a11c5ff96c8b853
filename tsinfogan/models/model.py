"""``Model``: everything that sampling and encoding need, and what a trainer trains."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from tsinfogan.data.augmentations import Augmentations
from tsinfogan.data.panel import ChannelKind, FloatArray, IntArray, Panel, View
from tsinfogan.data.representation import as_html
from tsinfogan.errors import SettingError, UnknownNameError
from tsinfogan.models.backbone import DataShape, get_backbone
from tsinfogan.models.codes import CategoricalCode, LatentSpec
from tsinfogan.models.discriminator import Discriminator, DiscriminatorSettings
from tsinfogan.models.flow import FlowGenerator
from tsinfogan.models.pca import PrincipalComponents, ShrinkageGenerator
from tsinfogan.preprocessing.preprocessor import Preprocessor
from tsinfogan.seeding import Stream, derived_seed

MAX_WIDTH = 2**14


@dataclass(frozen=True)
class DataCard:
    """A panel without its cases: what is needed to build a panel from generated arrays. Attributes as of `Panel`."""

    name: str
    channels: tuple[str, ...]
    classes: tuple[str, ...]
    time_step: float
    time_unit: str
    view: View
    augmentations: Augmentations
    kinds: tuple[ChannelKind, ...] = ()
    time_origin: str = ""
    time_frequency: str = ""
    offsets: tuple[float, ...] = ()

    @classmethod
    def of(cls, panel: Panel) -> DataCard:
        """The card of ``panel``."""
        return cls(**{name: getattr(panel, name) for name in cls.__dataclass_fields__})

    def panel(self, values: FloatArray, lengths: IntArray | None, labels: IntArray | None = None) -> Panel:
        """A panel of these values; arguments as the attributes of :class:`Panel`."""
        return Panel(values, lengths=lengths, labels=labels, **{k: getattr(self, k) for k in self.__dataclass_fields__})

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; :meth:`from_dict` is its inverse."""
        return asdict(self)

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> DataCard:
        """Rebuilds what :meth:`to_dict` gave."""
        fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
        return cls(**{**fields, "augmentations": Augmentations.from_dict(fields["augmentations"])})


@dataclass(frozen=True)
class ModelSettings:
    """How the networks are built.

    Attributes:
        backbone: its name.
        width: channels of the networks' finest level; 0 takes the backbone's default.
        latent: noise and codes.
        labelled: whether the first code is the data's label.
        discriminator: how the discriminator is put together.
        flow: whether series are made by flow matching (:mod:`tsinfogan.models.flow`) once that is trained.
        n_overlapping: if the series are windows of a recording in their order, how many begin within the length of one.
            Flow matching is then told when they begin (:mod:`tsinfogan.models.onsets`). 0 for others.
        low_rank_head: whether a small network from the latent to the first principal components is added to the
            generator, for windows of a recording (:class:`tsinfogan.models.pca.ShrinkageGenerator`).
    """

    backbone: str
    latent: LatentSpec
    width: int = 0
    labelled: bool = False
    discriminator: DiscriminatorSettings = field(default_factory=DiscriminatorSettings)
    low_rank_head: bool = False
    flow: bool = False
    n_overlapping: float = 0

    def __post_init__(self) -> None:
        if not 0 <= self.width <= MAX_WIDTH:
            raise SettingError(f"expected a `width` of at most {MAX_WIDTH}, and 1 or more, got {self.width}")

    @property
    def category_column(self) -> str | None:
        """Column name of the first categorical code, whose categories have names; None without such a code."""
        return next(iter(self.latent.categories), None)

    @property
    def n_categories(self) -> int:
        """Categories of the first categorical code; 0 without such a code."""
        first = self.latent.first_category
        return first[1].n_categories if first else 0

    @property
    def why_unreadable(self) -> str | None:
        """Why Q cannot tell the codes of a series, without a full stop; None where it can.

        A discriminator that is given the label (CGAN) needs no Q to find the category, so none is trained.
        """
        given = self.discriminator.label_input
        if given == "none":
            return None
        return f"Q was not trained to read categories: the discriminator is given the label (label_input {given!r})"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; :meth:`from_dict` is its inverse."""
        return {**asdict(self), "latent": self.latent.to_dict()}

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> ModelSettings:
        """Rebuilds what :meth:`to_dict` gave."""
        latent, discriminator = settings["latent"], settings["discriminator"]
        built = {"latent": LatentSpec.from_dict(latent), "discriminator": DiscriminatorSettings(**discriminator)}
        return cls(**{**settings, **built})


@dataclass
class Model:
    """A generator, a discriminator with the recognition network Q, the fitted preprocessing, and the data's card.

    :func:`tsinfogan.fit` returns one, and a :class:`tsinfogan.Run` loads one.

    Attributes:
        settings: how the networks are built.
        card: of the training data.
        preprocessor: fitted on the training data.
        generator: from noise and codes to series.
        discriminator: from series to realness and, in Q, to codes.
        names: of the categories of the first categorical code, None for one without a name; or empty. Training does not
            use them.
        noise_scale: factor on the noise of samples, other than 1 in models of earlier versions only.
        class_proportions: of the categories of the first categorical code in the training series, as Q reads them, with
            which categories are sampled; empty to sample them from their prior (:mod:`tsinfogan.training.calibration`).
        agreement: of the categories with clusterings of parts of the training series, an adjusted Rand index, at most
            1; NaN if it was not measured.
        temperature: of Q's logits, at which the confidence in a category is the share of such clusterings that agree.

    Example:
        >>> import numpy as np
        >>> from tsinfogan import Panel, fit
        >>> panel = Panel.from_arrays(np.random.default_rng(0).normal(size=(20, 1, 16)))
        >>> model = fit(panel, n_categories=(3,), n_continuous=1, settings={"max_steps": 2, "pretraining_steps": 0})
        >>> model.settings.latent.columns
        ('cat', 'cont0')
        >>> model.preprocessor.transform(panel).shape
        (20, 1, 16)
    """

    settings: ModelSettings
    card: DataCard
    preprocessor: Preprocessor
    generator: nn.Module
    discriminator: Discriminator
    names: tuple[str | None, ...] = ()
    noise_scale: float = 1.0
    class_proportions: tuple[float, ...] = ()
    agreement: float = math.nan
    temperature: float = 1.0

    @classmethod
    def build(cls, settings: ModelSettings, card: DataCard, preprocessor: Preprocessor, seed: int = 0) -> Model:
        """A model with untrained networks, the same for the same seed; principal components are not fitted yet.

        Raises:
            UnknownNameError: no such backbone.
            SettingError: settings that do not fit the data.
        """
        n_constant = preprocessor.n_constant
        shape = DataShape(preprocessor.n_channels + n_constant, preprocessor.grid, n_constant, preprocessor.bounded)
        backbone = get_backbone(settings.backbone, shape)
        width = settings.width or backbone.width
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(derived_seed(seed, Stream.NETWORKS))
            generator = backbone.generator(shape, settings.latent.size, width)
            if settings.discriminator.principal_components:
                latent_dim = settings.latent.size if settings.low_rank_head else 0
                principal_components = PrincipalComponents(shape.n_varying, shape.grid[0])
                generator = ShrinkageGenerator(generator, principal_components, latent_dim, width)
            if settings.flow:
                sizes = (settings.latent.noise_dim, settings.latent.size, width)
                generator = FlowGenerator(generator, shape, *sizes, settings.n_overlapping)
            discriminator = Discriminator(backbone, shape, width, settings.latent.codes, settings.discriminator)
        generator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        discriminator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return cls(settings, card, preprocessor, generator.eval(), discriminator.eval())

    @property
    def sampling_latent(self) -> LatentSpec:
        """Noise and codes as :func:`tsinfogan.sample` draws them: from their priors or ``class_proportions``."""
        latent, first = self.settings.latent, self.settings.latent.first_category
        if not self.class_proportions or first is None:
            return latent
        codes = list(latent.codes)
        codes[first[0]] = CategoricalCode(len(self.class_proportions), self.class_proportions)
        return replace(latent, codes=tuple(codes))

    def latent(self, noise: Tensor, values: Sequence[Tensor]) -> Tensor:
        """Generator input ``(n, latent_size)`` for noise ``(n, noise_dim)`` and one ``(n,)`` tensor a code."""
        return self.settings.latent.encode(self.noise_scale * noise, values)

    @property
    def doubt(self) -> float | None:
        """Doubt in the categories as a whole, 0 to 1: 1 less ``agreement``; None if it was not measured."""
        return None if math.isnan(self.agreement) else min(1.0, max(0.0, 1 - self.agreement))

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return next(self.generator.parameters()).device

    def to(self, device: torch.device) -> Model:
        """Moves the networks, in place."""
        self.generator.to(device)
        self.discriminator.to(device)
        return self

    @property
    def category_names(self) -> tuple[str | None, ...]:
        """Name of each category of the first categorical code; of a labelled model the classes; or empty."""
        names = self.card.classes if self.settings.labelled else self.names
        return names if any(names) else ()

    def categories_named(self, name: str) -> tuple[int, ...]:
        """The categories of the first categorical code that are called ``name``; several may have one name.

        Raises:
            SettingError: no category has a name, or (UnknownNameError) none has this one; the message lists them.
        """
        names = self.category_names
        if not names:
            raise SettingError(
                "a label was asked for but no category of the model has a name: name them with `tsinfogan name`, train "
                "on data with labels, or choose the category by number with `cat`"
            )
        if name not in names:
            raise UnknownNameError("label", name, {known for known in names if known})
        return tuple(category for category, known in enumerate(names) if known == name)

    def _repr_html_(self) -> str:
        networks, names = (self.generator, self.discriminator), self.category_names
        size = sum(parameter.numel() for network in networks for parameter in network.parameters())
        codes = [*self.settings.latent.columns, f"noise of {self.settings.latent.noise_dim} dimensions"]
        sentence = (
            f"Model of {self.card.name}: {self.settings.backbone} with {size:,} parameters; codes {', '.join(codes)}; "
            f"channels {', '.join(self.card.channels)}"
        )
        rows = [(str(category), name or "–") for category, name in enumerate(names)]
        return as_html(sentence, rows=[("category", "name"), *rows] if rows else ())

    @property
    def injected_noise_dim(self) -> int:
        """Width of the generator's noise injection."""
        return int(self.generator.injected_noise_dim)  # type: ignore[arg-type]
