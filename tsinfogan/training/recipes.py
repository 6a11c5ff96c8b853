"""Named ways to train: GAN, CGAN, ACGAN and InfoGAN as settings of one objective (docs/recipes.md)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tsinfogan.errors import UnknownNameError
from tsinfogan.models.discriminator import DiscriminatorSettings
from tsinfogan.training.losses import Objective

BY_CATEGORY = DiscriminatorSettings(category_input=True, spread_input=True, principal_components=True)
"""A discriminator that looks closely: realness for the category, with its spread, along the directions of real series."""


@dataclass(frozen=True)
class Recipe:
    """What a recipe fixes; every setting in it can still be changed one by one.

    Attributes:
        labelled: whether the first categorical code is the data's label, known for real cases.
        objective: the losses.
        discriminator: how the discriminator is put together.
    """

    labelled: bool = False
    objective: Objective = field(default_factory=Objective)
    discriminator: DiscriminatorSettings = field(default_factory=DiscriminatorSettings)


def infogan() -> Recipe:
    """Free codes, found by the bound and by consistency on real data."""
    return Recipe(discriminator=BY_CATEGORY)


def gan() -> Recipe:
    """Free codes that nobody rewards; Q watches, its gradient reaching neither generator nor trunk."""
    return Recipe(
        objective=Objective(reward_generator=False, consistency_weight=0.0, augmented_share=0.0),
        discriminator=DiscriminatorSettings(recognition="detached"),
    )


def cgan() -> Recipe:
    """The label goes to generator and discriminator (Mirza & Osindero 2014)."""
    objective = Objective(category_weight=0.0, consistency_weight=0.0, augmented_share=0.0)
    return Recipe(labelled=True, objective=objective, discriminator=DiscriminatorSettings(label_input="projection"))


def acgan() -> Recipe:
    """The label goes to the generator; the discriminator must name it, on real and on generated data (Odena 2017)."""
    return Recipe(labelled=True, objective=Objective(real_code_weight=1.0, consistency_weight=0.0, augmented_share=0.0))


def semi_supervised() -> Recipe:
    """InfoGAN whose first category is the label, known for some cases."""
    objective = Objective(real_code_weight=1.0)
    return Recipe(
        labelled=True,
        objective=objective,
        discriminator=DiscriminatorSettings(category_input=True, spread_input=True, principal_components=True),
    )


RECIPES: dict[str, Callable[[], Recipe]] = {r.__name__: r for r in (infogan, gan, cgan, acgan, semi_supervised)}


def get_recipe(name: str) -> Recipe:
    """The recipe called ``name``.

    Raises:
        UnknownNameError: there is none.
    """
    if name not in RECIPES:
        raise UnknownNameError("recipe", name, RECIPES)
    return RECIPES[name]()
