"""What each setting needs to have an effect: one table, by which a plan refuses what was asked for in vain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import torch

from tsinfogan.data.overlap import stride_of
from tsinfogan.data.panel import Panel
from tsinfogan.errors import SettingError
from tsinfogan.models.discriminator import DiscriminatorSettings
from tsinfogan.models.pca import are_windows
from tsinfogan.preprocessing.grid import MAX_GRID
from tsinfogan.training.config import Objective, TrainingSettings
from tsinfogan.training.spectral import max_categories

OFF = (None, False, 0, "none", "auto", "restarts")
NOTED = ("principal_components", "low_rank_head", "within_class_mixing", "flow_steps")
"""Defaults that some data does not allow, which a plan then says."""


@dataclass(frozen=True)
class Choices:
    """All that decides whether a setting has an effect: the data, the codes and the other settings."""

    panel: Panel
    labelled: bool  # whether the first category is the label
    n_categories: tuple[int, ...]  # the size of each categorical code
    n_continuous: int
    training: TrainingSettings
    objective: Objective
    discriminator: DiscriminatorSettings  # as wanted, whether possible or not

    def missing(self, name: str) -> str | None:
        """What the setting called ``name`` needs and does not have, as in "needs labels"; None if nothing."""
        return next((reason for need in NEEDS.get(name, ()) if (reason := need(self))), None)

    def wants(self, name: str) -> bool:
        """Whether the setting called ``name`` is on."""
        if name == "low_rank_head":  # no setting: part of principal components, for windows of a recording
            name = "principal_components"
        parts = (self.training, self.objective, self.discriminator)
        return any(getattr(part, name, None) not in OFF for part in parts)

    def acts(self, name: str) -> bool:
        """Whether the setting called ``name`` is on and has what it needs."""
        return self.wants(name) and self.missing(name) is None

    @cached_property
    def windows(self) -> bool:
        """Whether the cases are windows of one recording."""
        return self.panel.lengths is None and are_windows(torch.from_numpy(self.panel.values))

    @cached_property
    def n_overlapping(self) -> float:
        """Of windows of one recording in their order, how many begin within the length of one; 0 for other cases."""
        stride = None if self.panel.lengths is not None else stride_of(self.panel.values)
        return self.panel.values.shape[2] / stride if stride else 0.0


Need = Callable[[Choices], str | None]


def needs(what: str, met: Callable[[Choices], object]) -> Need:
    """The need for ``what``, which is there if ``met`` says so."""
    return lambda choices: None if met(choices) else f"needs {what}"


def setting(name: str) -> Need:
    """The need for another setting that has an effect itself."""
    return lambda choices: None if choices.acts(name) else f"needs `{name}`, which {choices.missing(name) or 'is off'}"


def _series_enough(choices: Choices) -> str | None:
    """From fewer cases than numbers per case, most principal components cannot be estimated.

    A discriminator that sees them then overfits: with forty series of 600 numbers it did so at once.
    """
    panel = choices.panel
    if len(panel.grid) > 1:
        return f"needs series, and {panel.name} holds images"
    n_numbers = panel.n_channels * min(panel.grid[0], MAX_GRID)
    if panel.n_cases < n_numbers:
        return f"needs more cases: {panel.name} has {panel.n_cases} cases, fewer than the {n_numbers} numbers of one"
    return None


def _label_of_every_case(choices: Choices) -> str | None:
    """Only real cases could lack a label, so the discriminator would tell them by it."""
    labels = choices.panel.labels
    if labels is None or not (n_unknown := int((labels < 0).sum())):
        return None
    return (
        f"needs the label of every case but {n_unknown} of {choices.panel.name} have none (label or drop them, or use "
        "`recipe=semi_supervised`)"
    )


def _series_to_cluster(choices: Choices) -> str | None:
    """Parts of the series are clustered too, and each category needs some of them."""
    n_cases, n_categories = choices.panel.n_cases, max(choices.n_categories, default=0)
    if max_categories(n_cases) < n_categories:
        return f"needs more series: {choices.panel.name} has {n_cases}, too few for {n_categories} categories"
    return None


CATEGORICAL = needs("a categorical code (`n_categories`)", lambda it: it.n_categories)
CATEGORIES = needs("two categories or more (`n_categories`)", lambda it: max(it.n_categories, default=0) > 1)
CONTINUOUS = needs("a continuous code (`n_continuous`)", lambda it: it.n_continuous)
CONTINUOUS_2 = needs("two continuous codes or more (`n_continuous`)", lambda it: it.n_continuous > 1)
CODE = needs(
    "a continuous code or two categories (`n_continuous`, `n_categories`)",
    lambda it: not CONTINUOUS(it) or not CATEGORIES(it),
)
CONSISTENCY = needs("`consistency_weight` above 0", lambda it: it.objective.consistency_weight)
FOLLOWING = needs("`cont_follows`", lambda it: it.objective.cont_follows)
CATEGORIES_OR_FOLLOWING = needs(
    "two categories or more (`n_categories`), or `cont_follows`", lambda it: not CATEGORIES(it) or not FOLLOWING(it)
)
LABEL_CODE = needs("a recipe whose first category is the label, such as semi_supervised", lambda it: it.labelled)
NO_LABEL_INPUT = needs("`label_input=none`", lambda it: it.discriminator.label_input == "none")
AUGMENTATION = needs("an augmentation of the series", lambda it: any(asdict(it.panel.augmentations).values()))
CATEGORIES_READ = needs(
    "`reward_generator` or `generated_share` above 0",
    lambda it: it.objective.reward_generator or it.objective.discriminator_category_share,
)
TWO_STEPS = needs("`max_steps` of 2 or more", lambda it: it.training.max_steps > 1)
INDEPENDENT = needs("cases that are not windows of one recording", lambda it: not it.windows)
IN_ORDER = needs(
    "cases that are not windows of one recording, or all of them in their order",
    lambda it: not it.windows or it.n_overlapping,
)
WINDOWS = needs("cases that are windows of one recording", lambda it: it.windows)
PENALTY = needs(
    "`r1_weight`, `r2_weight` or `overlap_weight`",
    lambda it: it.objective.r1_weight or it.objective.r2_weight or it.acts("overlap_weight"),
)
PRETRAINING = setting("pretraining_steps")
SERIES = needs("series, not images", lambda it: len(it.panel.grid) == 1)
ONE_CATEGORICAL = needs("exactly one categorical code (`n_categories`)", lambda it: len(it.n_categories) == 1)
RESTARTS = needs("`opening=restarts`", lambda it: it.training.opening != "convolutions")

NEEDS: Mapping[str, tuple[Need, ...]] = {
    # training
    "pretraining_steps": (CATEGORIES, CONSISTENCY, NO_LABEL_INPUT, TWO_STEPS),
    "opening": (SERIES, ONE_CATEGORICAL, PRETRAINING, _series_to_cluster),
    "pretraining_restarts": (PRETRAINING, RESTARTS),
    "pretraining_heads": (PRETRAINING, RESTARTS),
    "split_merge_rounds": (PRETRAINING, RESTARTS),
    "flow_steps": (SERIES, CONSISTENCY, NO_LABEL_INPUT, TWO_STEPS, IN_ORDER),
    "recognition_every": (CODE,),
    "penalty_every": (PENALTY,),
    # losses
    "category_weight": (CATEGORIES,),
    "continuous_weight": (CONTINUOUS,),
    "generated_share": (setting("category_weight"), CONSISTENCY),
    "reward_generator": (CODE,),
    "real_code_weight": (LABEL_CODE,),
    "consistency_weight": (CATEGORIES_OR_FOLLOWING,),
    "balance_weight": (CATEGORIES, CONSISTENCY),
    "logit_regularization_weight": (CATEGORIES, CONSISTENCY),
    "pseudo_label_weight": (PRETRAINING,),
    "augmented_share": (setting("category_weight"), AUGMENTATION, CATEGORIES_READ),
    "cont_follows_weight": (FOLLOWING,),
    "overlap_weight": (CONTINUOUS_2, setting("reward_generator")),
    "within_class_mixing": (PRETRAINING, setting("category_input"), setting("principal_components"), INDEPENDENT),
    # networks
    "label_input": (LABEL_CODE, _label_of_every_case),
    "recognition": (CODE,),
    "category_input": (CATEGORICAL, CONSISTENCY, NO_LABEL_INPUT),
    "spread_input": (setting("category_input"),),
    "principal_components": (NO_LABEL_INPUT, _series_enough),
    "low_rank_head": (setting("principal_components"), WINDOWS),
    # arguments of a plan that are not settings
    "continuous_prior": (CONTINUOUS,),
    "posterior_scale": (CONTINUOUS,),
}
"""By setting, what it needs; a setting that is not listed always has an effect."""


def refuse_without_effect(choices: Choices, given: Mapping[str, Any]) -> None:
    """Raises a SettingError if something in ``given`` is asked for in vain; what is switched off is not asked for."""
    for name, value in given.items():
        if value not in OFF and (reason := choices.missing(name)):
            raise SettingError(
                f"`{name}={value}` cannot be used on {choices.panel.name}: it {reason}; leave it out, or give it what "
                "it needs"
            )


def limits(choices: Choices, given: Mapping[str, Any]) -> tuple[str, ...]:
    """What the defaults hold but this data does not allow, each with the reason: "within_class_mixing (needs …)"."""
    unmet = {name: choices.missing(name) for name in NOTED if name not in given and choices.wants(name)}
    return tuple(f"{name} ({reason})" for name, reason in unmet.items() if reason)
