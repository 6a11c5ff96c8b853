"""``Plan``: one training, resolved to the last setting, before anything is computed. Saved beside the weights."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args, get_type_hints

import torch

from tsinfogan.data.augmentations import Augmentations
from tsinfogan.data.panel import Panel
from tsinfogan.errors import SettingError, UnknownNameError
from tsinfogan.models.backbone import BACKBONES, Backbone
from tsinfogan.models.codes import CategoricalCode, Code, LatentSpec, NormalCode, UniformCode
from tsinfogan.models.discriminator import DiscriminatorSettings
from tsinfogan.models.model import DataCard, Model, ModelSettings
from tsinfogan.models.pca import are_windows, fit_principal_components
from tsinfogan.preprocessing.augmenter import FOLLOWABLE
from tsinfogan.preprocessing.channels import OTHERS, Choice, channel_choices
from tsinfogan.preprocessing.preprocessor import Preprocessor
from tsinfogan.training.config import Objective, Recipe, TrainingSettings, get_recipe
from tsinfogan.training.trainer import Trainer

Prior = Literal["uniform", "normal"]
CategoryPrior = Literal["uniform", "data"]
DEFAULT_CATEGORIES = 10


@dataclass(frozen=True)
class Plan:
    """What is trained, for what, and how.

    Attributes:
        recipe: name of the recipe that it started from.
        model: how the networks are built.
        objective: the losses.
        training: how long and how fast.
        scaling: of each channel, as in :meth:`Preprocessor.fit`.
        bounds: of each channel's samples, likewise.
    """

    recipe: str
    model: ModelSettings
    objective: Objective
    training: TrainingSettings
    scaling: Choice = "auto"
    bounds: Choice = "auto"

    def build(self, panel: Panel) -> Model:
        """An untrained model for ``panel``, its preprocessing fitted.

        Raises:
            SettingError: the network, scaling or bounds do not exist or do not fit the data.
        """
        preprocessor = Preprocessor.fit(panel, self.scaling, self.bounds)
        model = Model.build(self.model, DataCard.of(panel), preprocessor, self.training.seed)
        if self.model.discriminator.principal_components:
            values = torch.from_numpy(preprocessor.transform(panel))
            for network in (model.generator, model.discriminator):
                fit_principal_components(network, values)
        return model

    def trainer(
        self, model: Model, panel: Panel, device: torch.device | str = "cpu", precision: torch.dtype = torch.float32
    ) -> Trainer:
        """A trainer that follows this plan."""
        return Trainer(model, panel, self.objective, self.training, device, precision)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; :meth:`from_dict` is its inverse."""
        return {**asdict(self), "model": self.model.to_dict()}

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Plan:
        """Rebuilds what :meth:`to_dict` gave."""
        objective = settings["objective"]
        return cls(
            settings["recipe"],
            ModelSettings.from_dict(settings["model"]),
            Objective(**{**objective, "cont_follows": tuple(objective.get("cont_follows", ()))}),
            TrainingSettings(**settings["training"]),
            settings.get("scaling", "standard"),
            settings.get("bounds", "none"),
        )


def make_plan(
    panel: Panel,
    *,
    recipe: str = "infogan",
    backbone: str | Backbone | None = None,
    n_categories: tuple[int, ...] | None = None,
    n_continuous: int = 2,
    noise_dim: int = 32,
    continuous_prior: Prior = "uniform",
    category_prior: CategoryPrior = "uniform",
    posterior_scale: float | None = None,
    width: int = 0,
    cont_follows: tuple[str, ...] | None = None,
    suggested_cont_follows: tuple[str, ...] = (),
    scaling: Choice = "auto",
    bounds: Choice = "auto",
    settings: Mapping[str, Any] | None = None,
) -> Plan:
    """Resolves a plan for ``panel``. Later ones win: defaults, recipe, backbone, then ``settings``.

    Args:
        panel: training data.
        recipe: name of a recipe.
        backbone: by name, or one of your own; by default the one that suits the grid.
        n_categories: size of each categorical code, such as ``(20,)``, ``(10, 10)`` or ``()``; by default one code with
            as many categories as the panel has classes, or ten.
        n_continuous: number of continuous codes.
        noise_dim: incompressible noise dimensions.
        continuous_prior: U(−1, 1) or N(0, 1).
        category_prior: 1/K each, or the data's label frequencies.
        posterior_scale: fixed standard deviation of Q for continuous codes (squared error), or None to learn it.
        width: of the networks; 0 is the backbone's default.
        cont_follows: augmentations that the first continuous codes shall follow, of those that the panel has.
        suggested_cont_follows: those that are taken where no ``cont_follows`` are given, as far as they fit.
        scaling: how channels are scaled for the networks: ``auto``, ``standard``, ``robust`` or ``quantile``, for all
            or, as in ``{"volume": "robust"}``, by name; those not named are ``auto``.
        bounds: where samples of a channel end: ``auto``, ``observed`` or ``none``, likewise.
        settings: any field of :class:`Objective`, :class:`DiscriminatorSettings` or :class:`TrainingSettings` by name.

    Raises:
        SettingError: settings that do not fit each other or the data, or that do not exist.
    """
    chosen = get_recipe(recipe)
    backbone = BACKBONES.register(backbone or ("conv1d" if len(panel.grid) == 1 else "image"))
    if chosen.labelled and (panel.labels is None or not (panel.labels >= 0).any()):
        raise SettingError(
            f"recipe {recipe!r} needs labels but {panel.name} has none: add a label column, or use infogan"
        )
    if n_categories is None or (chosen.labelled and not n_categories):
        n_categories = (len(panel.classes) or DEFAULT_CATEGORIES,)
    if chosen.labelled and n_categories[0] != len(panel.classes):
        raise SettingError(
            f"recipe {recipe!r} makes the first category the label: expected {len(panel.classes)} categories, one for "
            f"each class of {panel.name}, got {n_categories[0]}"
        )
    if category_prior == "data" and n_categories[:1] != (len(panel.classes),):
        raise SettingError(
            f"category prior 'data' needs as many categories as {panel.name} has classes ({len(panel.classes)}), "
            f"got {n_categories[:1] or 0}"
        )
    frequencies = panel.class_frequencies if category_prior == "data" else None
    for prior, known in ((continuous_prior, get_args(Prior)), (category_prior, get_args(CategoryPrior))):
        if prior not in known:
            raise UnknownNameError("prior", prior, known)
    continuous = {"uniform": UniformCode, "normal": NormalCode}[continuous_prior]
    codes: tuple[Code, ...] = (
        *(CategoricalCode(k, frequencies if position == 0 else None) for position, k in enumerate(n_categories)),
        *(continuous(posterior_scale) for _ in range(n_continuous)),
    )
    values = {**BACKBONES.get(backbone).settings, **(settings or {})}
    parts = {part: _overridden(getattr(chosen, part), values) for part in ("objective", "discriminator")}
    if parts["discriminator"].category_input and (
        not parts["objective"].consistency_weight or parts["discriminator"].label_input != "none"
    ):
        if values.get("category_input"):
            raise SettingError(
                "category_input has the discriminator go by what Q reads from real series: it needs consistency_weight above "
                "0, which teaches Q that, and label_input none; change these, or leave category_input out"
            )
        parts["discriminator"] = replace(parts["discriminator"], category_input=False)
    if not parts["discriminator"].category_input:
        if values.get("spread_input"):
            raise SettingError("spread_input is the spread within a category: it needs category_input")
        parts["discriminator"] = replace(parts["discriminator"], spread_input=False)
    offered = _followable(panel) if parts["objective"].consistency_weight else []
    if cont_follows is None:
        cont_follows = tuple(name for name in suggested_cont_follows if name in offered)[:n_continuous]
    _check_cont_follows(cont_follows, offered, n_continuous)
    parts["objective"] = replace(parts["objective"], cont_follows=cont_follows)
    training = _overridden(TrainingSettings(), values)
    if unknown := values.keys() - set(setting_types()):
        raise UnknownNameError("setting", min(unknown), setting_types())
    if parts["discriminator"].label_input != "none":
        _check_label_input(panel, chosen, recipe, parts["discriminator"].label_input)
    if reason := _why_no_principal_components(panel, parts["discriminator"].label_input):
        if values.get("principal_components"):
            raise SettingError(f"directions are those of series, but {reason}; leave the setting out")
        parts["discriminator"] = replace(parts["discriminator"], principal_components=False)
    low_rank_head = (
        parts["discriminator"].principal_components
        and panel.lengths is None
        and are_windows(torch.from_numpy(panel.values))
    )
    model = ModelSettings(
        backbone, LatentSpec(noise_dim, codes), width, chosen.labelled, parts["discriminator"], low_rank_head
    )
    channel_choices(panel, scaling, bounds)  # refuses what does not exist
    return Plan(recipe, model, parts["objective"], training, scaling, bounds)


def setting_types() -> dict[str, Any]:
    """Every setting that can be changed by ``name=value``, with its type."""
    return {
        name: hint
        for part in (TrainingSettings, Objective, DiscriminatorSettings)
        for name, hint in get_type_hints(part).items()
        if name != "cont_follows"  # a list, with an option of its own
    }


def parse_setting(text: str) -> tuple[str, Any]:
    """Reads one ``name=value`` from the command line.

    Raises:
        SettingError: no such setting, or a value of another type.
    """
    name, _, value = text.partition("=")
    types = setting_types()
    if name not in types:
        raise UnknownNameError("setting", name, types)
    choices = get_args(types[name])
    if choices and value not in choices:
        raise SettingError(f"setting {name}: expected one of {', '.join(map(str, choices))}, got {value!r}")
    if types[name] is bool:
        if value not in ("true", "false"):
            raise SettingError(f"setting {name}: expected true or false, got {value!r}")
        return name, value == "true"
    return name, value if choices else _number(types[name], f"setting {name}", value)


def parse_choice(texts: Iterable[str]) -> Choice:
    """Reads ``scaling`` or ``bounds``: each text one choice for all channels, or ``channel=choice`` for one.

    Which channels and choices there are is checked with the data.
    """
    chosen: dict[str, str] = {}
    for text in texts:
        channel, _, choice = text.rpartition("=")
        chosen[channel or OTHERS] = choice
    return chosen[OTHERS] if chosen.keys() == {OTHERS} else chosen or "auto"


def augment(panel: Panel, texts: Iterable[str]) -> Panel:
    """``panel`` with other augmentations, each text ``name=value`` from the command line, or ``none`` for no augmentation.

    Raises:
        SettingError: no such augmentation or channel, or a value of another type.
    """
    chosen = panel.augmentations
    changes: dict[str, Any] = {}
    for text in texts:
        name, _, value = text.partition("=")
        names = [field.name for field in fields(Augmentations)]
        if text == "none":
            chosen, changes = Augmentations(), {}
        elif name not in names:
            raise UnknownNameError("augmentation", name, [*names, "none"])
        elif name.endswith("_channels"):
            channels = value.split(",")
            if strange := [channel for channel in channels if channel not in panel.channels]:
                raise UnknownNameError("channel", strange[0], panel.channels)
            if name == "rotation_channels" and len(channels) != 2:
                raise SettingError(f"augmentation {name}: expected two channels such as x,y, got {value!r}")
            changes[name] = tuple(map(panel.channels.index, channels))
        else:
            changes[name] = _number(float, f"augmentation {name}", value)
    return replace(panel, augmentations=replace(chosen, **changes))


def _number(kind: type[int] | type[float], what: str, text: str) -> float:
    try:
        number = kind(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        wanted = {int: "a whole number", float: "a number"}[kind]
        raise SettingError(f"{what}: expected {wanted}, 0 or greater, got {text!r}")
    return number


def _check_label_input(panel: Panel, chosen: Recipe, recipe: str, label_input: str) -> None:
    """A case whose label is unknown would give itself away to the discriminator as real."""
    if not chosen.labelled or panel.labels is None:
        raise SettingError(
            f"label_input {label_input!r} shows the discriminator a label but recipe {recipe!r} has none: choose cgan, or none"
        )
    if (unlabelled := int((panel.labels < 0).sum())) > 0:
        raise SettingError(
            f"label_input {label_input!r} needs the label of every case but {unlabelled} of {panel.name} have none: "
            "label or drop them, or use semi_supervised"
        )


def _why_no_principal_components(panel: Panel, label_input: str) -> str | None:
    """Why the networks do not work along the directions of real series, None where they do.

    Of fewer cases than numbers in a case most directions are not known, and a discriminator that looks along them
    learns the cases by heart: on forty series of 600 numbers it won at once.
    """
    n_numbers = panel.n_channels * panel.grid[0]
    if len(panel.grid) > 1:
        return f"{panel.name} holds images"
    if label_input != "none":
        return f"label_input {label_input!r} shows the discriminator a label"
    if panel.n_cases < n_numbers:
        return f"{panel.name} has {panel.n_cases} cases, fewer than the {n_numbers} numbers of one"
    return None


def _followable(panel: Panel) -> list[str]:
    return [name for name in FOLLOWABLE if getattr(panel.augmentations, name)]


def _check_cont_follows(cont_follows: tuple[str, ...], offered: list[str], n_continuous: int) -> None:
    """Q follows what it is shown of real series: there must be that augmentation, consistency, and a code to follow."""
    if strange := [name for name in cont_follows if name not in offered]:
        raise UnknownNameError("knob", strange[0], offered)
    if len(set(cont_follows)) < len(cont_follows) or len(cont_follows) > n_continuous:
        raise SettingError(
            f"expected at most {n_continuous} different knobs, one for each continuous code, got {', '.join(cont_follows)}; "
            "give more `n_continuous`"
        )


def _overridden(part: Any, values: Mapping[str, Any]) -> Any:
    return replace(part, **{field.name: values[field.name] for field in fields(part) if field.name in values})
