"""``Plan``: one training, resolved to the last setting, before anything is computed. Saved beside the weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import wraps
from typing import Any, Literal, TypeVar, cast, get_args, get_type_hints

import torch

from tsinfogan.data.augmentations import CAUTIOUS, Augmentations
from tsinfogan.data.panel import Panel
from tsinfogan.errors import SettingError, UnknownNameError
from tsinfogan.models.backbone import BACKBONES, Backbone
from tsinfogan.models.codes import CategoricalCode, Code, LatentSpec, NormalCode, UniformCode
from tsinfogan.models.discriminator import DiscriminatorSettings
from tsinfogan.models.model import ModelSettings
from tsinfogan.preprocessing.augmenter import FOLLOWABLE
from tsinfogan.preprocessing.preprocessor import Choice, Preprocessor, channel_choices
from tsinfogan.sampling.inference import evenly_spaced
from tsinfogan.training.config import Objective, Recipe, TrainingSettings, get_recipe
from tsinfogan.training.effort import with_batch, with_length
from tsinfogan.training.needs import Choices, limits, refuse_without_effect
from tsinfogan.training.pretraining import MAX_SCORED_CASES
from tsinfogan.training.spectral import Stability, measure_stability
from tsinfogan.training.upgrade import REMOVED, new_names

Prior = Literal["uniform", "normal"]
CategoryPrior = Literal["uniform", "data"]
DEFAULT_CATEGORIES = 10
MIN_CASES_TO_COUNT = 50
"""Of fewer series it is not found how many kinds there are."""
RESTART_SETTINGS = {"pretraining_restarts", "pretraining_heads", "split_merge_rounds"}
"""Whoever gives one of these asks for restarts."""


@dataclass(frozen=True)
class Plan:
    """What is trained, for what, and how. :func:`tsinfogan.training.session.build_model` acts on it.

    Attributes:
        recipe: name of the recipe that it started from.
        model: how the networks are built.
        objective: weights of the losses.
        training: how long and how fast.
        scaling: of each channel, as in :meth:`Preprocessor.fit`.
        bounds: of each channel's samples, likewise.
        notes: defaults that are left out because the data does not allow them, each with the reason.
        reasons: what was chosen for this data and why, a line each.
    """

    recipe: str
    model: ModelSettings
    objective: Objective
    training: TrainingSettings
    scaling: Choice = "auto"
    bounds: Choice = "auto"
    notes: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; :meth:`from_dict` is its inverse."""
        return {**asdict(self), "model": self.model.to_dict()}

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Plan:
        """Rebuilds what :meth:`to_dict` gave."""
        objective = settings["objective"]
        training = {name: value for name, value in settings["training"].items() if name not in REMOVED}
        return cls(
            settings["recipe"],
            ModelSettings.from_dict(settings["model"]),
            Objective(**{**objective, "cont_follows": tuple(objective.get("cont_follows", ()))}),
            TrainingSettings(**{"flow_steps": 0, **training}),  # older runs have no flow matching
            settings.get("scaling", "standard"),
            settings.get("bounds", "none"),
            tuple(settings.get("notes", ())),
            tuple(settings.get("reasons", ())),
        )


Function = TypeVar("Function", bound=Callable[..., Any])


def _with_old_names(function: Function) -> Function:
    """``function`` whose keyword arguments may have their names of an earlier version."""

    @wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        return function(*arguments, **new_names(named))

    return cast(Function, call)


@_with_old_names
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
    """Resolves a plan for ``panel``: defaults, then the recipe, the backbone and ``settings``; later ones win.

    A setting that is asked for and cannot have an effect on this data is refused; a default that cannot is left out and
    listed in :attr:`Plan.notes`.

    Args:
        panel: training data.
        recipe: name of a recipe: ``infogan``, ``gan``, ``cgan``, ``acgan`` or ``semi_supervised``.
        backbone: name of a backbone, or an object; by default ``conv1d`` for series and ``image`` for images.
        n_categories: size of each categorical code, such as ``(20,)``, ``(10, 10)`` or ``()``; by default one code with
            as many categories as the panel has classes, or as the series have stable kinds
            (:func:`tsinfogan.training.spectral.measure_stability`), of images ten.
        n_continuous: number of continuous codes.
        noise_dim: number of noise dimensions, which no code describes.
        continuous_prior: of continuous codes: ``uniform``, U(−1, 1), or ``normal``, N(0, 1).
        category_prior: of the first categorical code: ``uniform``, or ``data`` for the frequencies of the labels.
        posterior_scale: fixed standard deviation of Q for continuous codes (squared error), or None to learn it.
        width: of the networks; 0 is the backbone's default.
        cont_follows: names of augmentations of the panel that the first continuous codes follow, one each.
        suggested_cont_follows: the same as a suggestion: used if ``cont_follows`` is None, as far as possible.
        scaling: how channels are scaled for the networks: ``auto``, ``standard``, ``robust`` or ``quantile``, for all
            or, as in ``{"volume": "robust"}``, by name; channels not named are ``auto``.
        bounds: where samples of a channel end: ``auto``, ``observed`` or ``none``, likewise.
        settings: any field of :class:`TrainingSettings`, :class:`Objective` or :class:`DiscriminatorSettings` by name.

    Returns:
        The plan, in which every setting has a value.

    Raises:
        SettingError: settings that do not exist, or do not fit each other or the data.

    Example:
        >>> import numpy as np
        >>> from tsinfogan import Panel, make_plan
        >>> panel = Panel.from_arrays(np.random.default_rng(0).normal(size=(40, 1, 16)))
        >>> plan = make_plan(panel, n_categories=(3,), settings={"max_steps": 100})
        >>> plan.model.backbone, plan.training.max_steps
        ('conv1d', 100)
        >>> plan.notes
        ('low_rank_head (needs cases that are windows of one recording)',)
    """
    chosen = get_recipe(recipe)
    backbone = BACKBONES.register(backbone or ("conv1d" if len(panel.grid) == 1 else "image"))
    n_categories, reasons = _category_sizes(panel, recipe, chosen, n_categories)
    codes = _codes(panel, n_categories, n_continuous, continuous_prior, category_prior, posterior_scale)
    given = new_names(settings or {})
    if unknown := given.keys() - set(setting_types()):
        raise UnknownNameError("setting", min(unknown), setting_types())
    values = {**BACKBONES.get(backbone).settings, **given}
    objective = _overridden(chosen.objective, values)
    followed = _followed(panel, objective, cont_follows, suggested_cont_follows, n_continuous)
    objective = replace(objective, cont_follows=followed)
    wanted = _overridden(chosen.discriminator, values)
    training = _overridden(TrainingSettings(), values)
    choices = Choices(panel, chosen.labelled, n_categories, n_continuous, training, objective, wanted)
    if training.opening == "auto":
        training, reasons = _with_opening(training, choices, given, reasons)
    flow = choices.acts("flow_steps")
    training = training if flow else replace(training, flow_steps=0)
    if "batch_size" not in values and len(panel.grid) == 1:
        training, reasons = with_batch(training, panel, reasons)
    if "max_steps" not in values:
        training, reasons = with_length(training, panel.n_cases, "flow_steps" in values, reasons)
    asked_prior = None if continuous_prior == "uniform" else continuous_prior
    arguments = {"posterior_scale": posterior_scale, "continuous_prior": asked_prior}
    refuse_without_effect(choices, {"label_input": wanted.label_input, **given, **arguments})
    channel_choices(panel, scaling, bounds)  # refuses what does not exist
    possible = {name: choices.acts(name) for name in ("category_input", "spread_input", "principal_components")}
    latent, low_rank_head = LatentSpec(noise_dim, codes), choices.acts("low_rank_head")
    discriminator, n_overlapping = replace(wanted, **possible), choices.n_overlapping if flow else 0.0
    model = ModelSettings(backbone, latent, width, chosen.labelled, discriminator, low_rank_head, flow, n_overlapping)
    return Plan(recipe, model, objective, training, scaling, bounds, limits(choices, given), reasons)


def setting_types() -> dict[str, Any]:
    """Every setting that ``settings`` may hold, with its type."""
    return {
        name: hint
        for part in (TrainingSettings, Objective, DiscriminatorSettings)
        for name, hint in get_type_hints(part).items()
        if name != "cont_follows"  # an argument of make_plan
    }


def _category_sizes(
    panel: Panel, recipe: str, chosen: Recipe, n_categories: tuple[int, ...] | None
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The size of each categorical code, and why; of a labelled recipe the first is the number of classes."""
    if chosen.labelled and (panel.labels is None or not (panel.labels >= 0).any()):
        raise SettingError(
            f"recipe {recipe!r} needs labels but {panel.name} has none: add a label column, or use infogan"
        )
    if n_categories is None or (chosen.labelled and not n_categories):
        if panel.classes:
            return (len(panel.classes),), (f"{len(panel.classes)} categories, one for each class",)
        if len(panel.grid) > 1 or panel.n_cases < MIN_CASES_TO_COUNT or not chosen.objective.consistency_weight:
            return (DEFAULT_CATEGORIES,), ()
        stability = _stability(panel)
        return (stability.n_categories,), (stability.statement(),)
    if chosen.labelled and n_categories[0] != len(panel.classes):
        raise SettingError(
            f"recipe {recipe!r} makes the first category the label: expected {len(panel.classes)} categories, one for "
            f"each class of {panel.name}, got {n_categories[0]}"
        )
    return n_categories, ()


def _stability(panel: Panel) -> Stability:
    """How stable each number of categories is, on some of many series."""
    some = panel.subset(evenly_spaced(panel.n_cases, MAX_SCORED_CASES).numpy())
    preprocessor = Preprocessor.fit(some)
    values = torch.from_numpy(preprocessor.transform(some))  # (n, c, t)
    return measure_stability(values[:, : preprocessor.n_channels], seed=0)


def _with_opening(
    training: TrainingSettings, choices: Choices, given: Mapping[str, Any], reasons: tuple[str, ...]
) -> tuple[TrainingSettings, tuple[str, ...]]:
    """Clusters by convolutions unless it is known which augmentations leave a series what it is, and says so."""
    unknown = choices.panel.augmentations in (CAUTIOUS, Augmentations()) and not RESTART_SETTINGS & set(given)
    if choices.missing("opening") or not unknown:
        return replace(training, opening="restarts"), reasons
    why = "categories by clustering random convolutions: it is not known which augmentations leave a series what it is"
    return replace(training, opening="convolutions"), (*reasons, why)


def _codes(
    panel: Panel,
    n_categories: tuple[int, ...],
    n_continuous: int,
    continuous_prior: Prior,
    category_prior: CategoryPrior,
    posterior_scale: float | None,
) -> tuple[Code, ...]:
    """All codes, the categorical ones first."""
    for prior, known in ((continuous_prior, get_args(Prior)), (category_prior, get_args(CategoryPrior))):
        if prior not in known:
            raise UnknownNameError("prior", prior, known)
    if category_prior == "data" and n_categories[:1] != (len(panel.classes),):
        raise SettingError(
            f"`category_prior=data` needs as many categories as {panel.name} has classes ({len(panel.classes)}), "
            f"got {n_categories[:1] or 0}"
        )
    frequencies = panel.class_frequencies if category_prior == "data" else None
    continuous = {"uniform": UniformCode, "normal": NormalCode}[continuous_prior]
    return (
        *(CategoricalCode(k, frequencies if index == 0 else None) for index, k in enumerate(n_categories)),
        *(continuous(posterior_scale) for _ in range(n_continuous)),
    )


def _followed(
    panel: Panel, objective: Objective, asked: tuple[str, ...] | None, suggested: tuple[str, ...], n_continuous: int
) -> tuple[str, ...]:
    """The augmentations that continuous codes follow: of the panel, where consistency shows Q augmented series."""
    offered = [name for name in FOLLOWABLE if objective.consistency_weight and getattr(panel.augmentations, name)]
    if asked is None:
        return tuple(name for name in suggested if name in offered)[:n_continuous]
    if strange := [name for name in asked if name not in offered]:
        raise UnknownNameError("augmentation", strange[0], offered)
    if len(set(asked)) < len(asked) or len(asked) > n_continuous:
        raise SettingError(
            f"`cont_follows`: expected at most {n_continuous} different augmentations, one for each continuous code, "
            f"got {', '.join(asked)}; give more `n_continuous`"
        )
    return asked


def _overridden(part: Any, values: Mapping[str, Any]) -> Any:
    return replace(part, **{field.name: values[field.name] for field in fields(part) if field.name in values})
