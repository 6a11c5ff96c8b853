"""The configuration of a training: its length and rates, the weights of the losses, and recipes that choose both.

GAN, CGAN, ACGAN and InfoGAN are settings of one :class:`Objective` (docs/recipes.md). Nothing here computes anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from tsinfogan.errors import SettingError, UnknownNameError
from tsinfogan.models.codes import Code
from tsinfogan.models.discriminator import DiscriminatorSettings

Adversarial = Literal["non_saturating", "least_squares", "relativistic"]
Opening = Literal["auto", "convolutions", "restarts"]


TAUGHT_FASTER = 7
"""Known categories are learned in so many times fewer steps than unknown ones are found."""


@dataclass(frozen=True)
class TrainingSettings:
    """How long and how fast to train.

    Pre-training comes first: the discriminator's network learns categories from real series alone, by clustering. Its
    steps are split between restarts and split-merge rounds. Flow matching comes last. Adversarial training takes the
    steps between.

    Attributes:
        max_steps: training steps in all.
        batch_size: real cases per step; as many are generated. By default fewer where series are long.
        generator_rate: learning rate of the generator.
        discriminator_rate: learning rate of the trunk, D and Q.
        beta1: decay of Adam's first moment.
        beta2: decay of Adam's second moment.
        decay_share: share of the steps of adversarial training and what is before it, of those of flow matching, and
            of those of pre-training by ``convolutions``, at their ends, over which the learning rates fall linearly to
            zero.
        opening: how pre-training finds its first categories: ``convolutions`` by spectral clustering
            (:mod:`tsinfogan.training.spectral`), which the networks then learn; ``restarts`` by training the networks
            to be consistent under augmentation, several times anew. A plan decides ``auto``: ``restarts`` where it is
            known which augmentations leave a series what it is, and for images.
        pretraining_steps: steps of pre-training; never more than half of those before flow matching.
        pretraining_restarts: networks that pre-training begins anew; the best one is kept.
        pretraining_heads: recognition heads trained side by side in each restart; the best one is kept.
        split_merge_rounds: how often pre-training merges two categories and splits another, in half of its steps; or 0.
        flow_steps: steps of flow matching, in which another generator learns to make series with the codes that Q reads
            from real ones (:mod:`tsinfogan.training.flow_matching`); never more than four sevenths of all. 0 to sample
            from the generator of adversarial training.
        generator_every: the generator is updated in every so-many-th step.
        recognition_every: Q is updated in every so-many-th step.
        penalty_every: gradient penalties are applied in every so-many-th step, with so many times the weight.
        ema_half_life_cases: half-life, in real cases, of a weight in the averaged networks; early on it is a tenth of
            the cases of its stage so far, where that is less.
        report_every: steps between two reports.
        seed: seed of all random numbers.
    """

    max_steps: int = 7000
    batch_size: int = 128
    generator_rate: float = 1e-3
    discriminator_rate: float = 5e-4
    beta1: float = 0.5
    beta2: float = 0.99
    decay_share: float = 0.3
    opening: Opening = "auto"
    pretraining_steps: int = 1400
    pretraining_restarts: int = 2
    pretraining_heads: int = 6
    split_merge_rounds: int = 10
    flow_steps: int = 4000
    generator_every: int = 1
    recognition_every: int = 1
    penalty_every: int = 4
    ema_half_life_cases: int = 40_000
    report_every: int = 25
    seed: int = 0

    @property
    def n_restarts(self) -> int:
        """Restarts that the steps suffice for: a short training has fewer of them, not shorter ones."""
        wanted = 1 if self.opening == "convolutions" else self.pretraining_restarts
        return max(1, min(self._affordable(wanted), self._restart_budget))

    @property
    def n_split_merge_rounds(self) -> int:
        """Split-merge rounds that the steps suffice for, likewise."""
        wanted = 0 if self.opening == "convolutions" else self.split_merge_rounds
        return min(self._affordable(wanted), self._pretraining_budget // 2)

    @property
    def restart_steps(self) -> int:
        """Steps of one restart."""
        return self._restart_budget // self.n_restarts

    @property
    def split_merge_steps(self) -> int:
        """Steps after each split and merge."""
        return self._pretraining_budget // 2 // max(1, self.n_split_merge_rounds)

    @property
    def split_merge_start(self) -> int:
        """First step after the restarts."""
        return self.n_restarts * self.restart_steps

    @property
    def adversarial_start(self) -> int:
        """First step of adversarial training."""
        return self.split_merge_start + self.n_split_merge_rounds * self.split_merge_steps

    @property
    def flow_start(self) -> int:
        """First step of flow matching."""
        return self.max_steps - min(self.flow_steps, self.max_steps * 4 // 7)

    def _affordable(self, wanted: int) -> int:
        return wanted * self._pretraining_budget // max(1, self.pretraining_steps)

    @property
    def _pretraining_budget(self) -> int:
        wanted = self.pretraining_steps // (TAUGHT_FASTER if self.opening == "convolutions" else 1)
        return min(wanted, self.flow_start // 2)

    @property
    def _restart_budget(self) -> int:
        return self._pretraining_budget // (2 if self.n_split_merge_rounds else 1)

    def __post_init__(self) -> None:
        counts = ["max_steps", "batch_size", "pretraining_restarts", "pretraining_heads", "generator_every"]
        counts += ["recognition_every", "penalty_every", "ema_half_life_cases", "report_every"]
        _check(self, counts, lambda value: value >= 1, "be at least 1")
        _check(self, ("generator_rate", "discriminator_rate"), lambda value: value > 0, "be positive")
        _check(self, ("split_merge_rounds", "flow_steps"), lambda value: value >= 0, "be at least 0")
        _check(self, ("decay_share",), lambda value: 0 <= value <= 1, "lie between 0 and 1")
        _check(self, ("beta1", "beta2"), lambda value: 0 <= value < 1, "be at least 0 and less than 1")


def _check(settings: object, names: Iterable[str], allowed: Callable[[float], bool], rule: str) -> None:
    """Refuses settings whose value is not allowed, as in "max_steps must be at least 1, got 0"."""
    for name in names:
        if not allowed(value := getattr(settings, name)):
            raise SettingError(f"{name} must {rule}, got {value}")


@dataclass(frozen=True)
class Objective:
    """Weights of the losses; the losses themselves are in :mod:`tsinfogan.training.losses`.

    Attributes:
        adversarial: the adversarial loss: non-saturating (Goodfellow 2014), least squares (Mao 2017) or relativistic
            pairing (Jolicoeur-Martineau 2018; Huang 2024).
        category_weight: λ of each categorical code's bound; 0 leaves it out.
        continuous_weight: λ of each continuous code's bound.
        generated_share: share of λ with which Q learns categories from generated series. At 0 Q learns them from real
            series alone, by consistency, and the generator follows Q, so that the two cannot agree on categories of
            their own. Without consistency the share is always 1.
        reward_generator: whether the bound is part of the generator's loss; if not, only Q is trained on it.
        real_code_weight: weight of log Q(c | x) on real series whose label, the first code, is known (ACGAN).
        consistency_weight: weight of consistency: Q gives a real series and its augmentation the same category.
        balance_weight: weight, within consistency, of using all categories.
        logit_regularization_weight: weight, within consistency, of small logits: consistency alone lets them grow
            without limit, and the generator learns nothing from a Q with huge logits.
        pseudo_label_weight: weight, within consistency, of keeping Q at the pseudo-labels that pre-training assigned:
            on few series the trunk would forget them during adversarial training.
        augmented_share: share of the categorical bound that is read from augmented samples, so that generator and Q
            cannot agree on a signal that an augmentation removes.
        cont_follows: names of augmentations that the first continuous codes follow: if a real series is augmented, the
            code that Q reads from it moves in proportion. Other codes are free.
        cont_follows_weight: weight of that.
        overlap_weight: weight of continuous codes changing a sample in different directions.
        within_class_mixing: whether the discriminator judges random mixtures of two series of one category. It needs
            principal components, and pseudo-labels or labels of most real series; windows of one recording are never
            mixed (:mod:`tsinfogan.training.mixing`).
        r1_weight: γ of the zero-centred gradient penalty γ/2 E‖∇D(x)‖² on real series (Mescheder 2018).
        r2_weight: γ of the same penalty on generated series.
    """

    adversarial: Adversarial = "non_saturating"
    category_weight: float = 1.0
    continuous_weight: float = 0.1
    generated_share: float = 0.0
    reward_generator: bool = True
    real_code_weight: float = 0.0
    consistency_weight: float = 1.0
    balance_weight: float = 3.0
    logit_regularization_weight: float = 1e-4
    pseudo_label_weight: float = 1.0
    augmented_share: float = 0.5
    cont_follows: tuple[str, ...] = ()
    cont_follows_weight: float = 1.0
    overlap_weight: float = 1.0
    within_class_mixing: bool = True
    r1_weight: float = 1.0
    r2_weight: float = 0.0

    def __post_init__(self) -> None:
        _check(self, ("generated_share", "augmented_share"), lambda value: 0 <= value <= 1, "lie between 0 and 1")

    @property
    def discriminator_category_share(self) -> float:
        """Share of λ with which the discriminator's step trains Q's categories on generated series."""
        return self.generated_share if self.consistency_weight else 1.0

    def code_weight(self, code: Code) -> float:
        """λ of one code."""
        return self.category_weight if code.is_categorical else self.continuous_weight


@dataclass(frozen=True)
class Recipe:
    """A named way to train; each setting in it can be overridden.

    Attributes:
        labelled: whether the first categorical code is the data's label, which is known for real cases.
        objective: weights of the losses.
        discriminator: how the discriminator is built.
    """

    labelled: bool = False
    objective: Objective = field(default_factory=Objective)
    discriminator: DiscriminatorSettings = field(default_factory=DiscriminatorSettings)


CATEGORY_AWARE = DiscriminatorSettings(category_input=True, spread_input=True, principal_components=True)
"""D judges a series given its category and the spread within that category, and sees its principal components."""


def infogan() -> Recipe:
    """Codes without labels: categories by consistency on real series, all codes by the bound (Chen et al. 2016)."""
    return Recipe(discriminator=CATEGORY_AWARE)


def gan() -> Recipe:
    """Codes that no loss rewards (Goodfellow 2014); Q is trained, but not through the generator or the trunk."""
    objective = Objective(reward_generator=False, consistency_weight=0.0, augmented_share=0.0)
    return Recipe(objective=objective, discriminator=DiscriminatorSettings(recognition="detached"))


def cgan() -> Recipe:
    """The label is an input of generator and discriminator (Mirza & Osindero 2014)."""
    objective = Objective(category_weight=0.0, consistency_weight=0.0, augmented_share=0.0)
    return Recipe(labelled=True, objective=objective, discriminator=DiscriminatorSettings(label_input="projection"))


def acgan() -> Recipe:
    """The label is an input of the generator; Q predicts it for real and generated series (Odena 2017)."""
    return Recipe(labelled=True, objective=Objective(real_code_weight=1.0, consistency_weight=0.0, augmented_share=0.0))


def semi_supervised() -> Recipe:
    """InfoGAN whose first category is the label, known for some cases."""
    return Recipe(labelled=True, objective=Objective(real_code_weight=1.0), discriminator=CATEGORY_AWARE)


RECIPES: dict[str, Callable[[], Recipe]] = {r.__name__: r for r in (infogan, gan, cgan, acgan, semi_supervised)}


def get_recipe(name: str) -> Recipe:
    """The recipe called ``name``; an UnknownNameError lists the recipes if there is none."""
    if name not in RECIPES:
        raise UnknownNameError("recipe", name, RECIPES)
    return RECIPES[name]()
