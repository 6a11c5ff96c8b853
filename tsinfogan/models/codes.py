"""Latent codes: what the generator gets beside noise, and what the recognition network Q reads back.

Prior and posterior differ (InfoGAN, Chen et al. 2016, arXiv:1606.03657, section 6): a uniform code has a uniform
prior, and a Gaussian posterior whose scale is learned or fixed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Protocol

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from tsinfogan.errors import SettingError

MAX_NOISE_DIM = 2**16
LOG_SCALE_FLOOR, LOG_SCALE_CEILING = -1.25, 3.0
"""Least and greatest log standard deviation of a learned posterior, so that the bound on I(c; x) stays finite."""


class Code(Protocol):
    """One latent code: a prior, an encoding for the generator, and a family of posteriors for Q."""

    column: ClassVar[str]
    """Stem of its column name in files: ``cat`` or ``cont``."""
    kind: ClassVar[str]
    is_categorical: ClassVar[bool]

    @property
    def n_categories(self) -> int:
        """K of a categorical code, 0 for a continuous one."""

    @property
    def support(self) -> tuple[float, float] | None:
        """Least and greatest value of the prior; None if it has no ends."""

    @property
    def encoded_size(self) -> int:
        """Numbers that encode the value for the generator."""

    @property
    def n_parameters(self) -> int:
        """Numbers that Q gives for the posterior."""

    @property
    def entropy(self) -> float:
        """H(c) of the prior in nats (differential for continuous codes)."""

    @property
    def moments(self) -> tuple[float, float]:
        """Mean and standard deviation of the prior of a continuous code, NaN of a categorical one."""

    def prior(self, device: torch.device) -> Tensor:
        """``(n_categories,)`` probability of each category."""

    def sample(self, n: int, generator: Generator) -> Tensor:
        """``(n,)`` draws from the prior, on the generator's device."""

    def encode(self, value: Tensor) -> Tensor:
        """``(n,)`` values as generator input ``(n, encoded_size)``."""

    def log_prob(self, parameters: Tensor, value: Tensor) -> Tensor:
        """``(n,)`` log Q(c | x) in nats for parameters ``(n, n_parameters)``."""

    def estimate(self, parameters: Tensor) -> Tensor:
        """``(n,)`` most probable value under the posterior."""

    def features(self, parameters: Tensor) -> Tensor:
        """The posterior as features: ``(n, K)`` probabilities of the categories, or ``(n, 1)`` the estimate."""

    def sweep(self, steps: int) -> Tensor:
        """``(steps,)`` values that span the prior."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; :func:`code_from_dict` is its inverse."""


@dataclass(frozen=True)
class CategoricalCode:
    """``c ~ Cat(K)``, uniform by default.

    Attributes:
        n_categories: K.
        probabilities: prior of each category, or None for 1/K each.
    """

    n_categories: int
    probabilities: tuple[float, ...] | None = None
    column: ClassVar[str] = "cat"
    kind: ClassVar[str] = "categorical"
    is_categorical: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.n_categories < 1:
            raise SettingError(f"a categorical code needs at least 1 category, got {self.n_categories}")
        p = self.probabilities
        if p is not None and (len(p) != self.n_categories or min(p) < 0 or abs(sum(p) - 1) > 1e-6):
            raise SettingError(f"expected {self.n_categories} probabilities that add up to 1, got {p}")

    @property
    def support(self) -> tuple[float, float]:
        return 0.0, self.n_categories - 1.0

    @property
    def encoded_size(self) -> int:
        return self.n_categories

    @property
    def n_parameters(self) -> int:
        return self.n_categories

    @property
    def entropy(self) -> float:
        if self.probabilities is None:
            return math.log(self.n_categories)
        return -sum(p * math.log(p) for p in self.probabilities if p > 0)

    @property
    def moments(self) -> tuple[float, float]:
        return math.nan, math.nan

    def prior(self, device: torch.device) -> Tensor:
        if self.probabilities is None:
            return torch.full((self.n_categories,), 1 / self.n_categories, device=device)
        # torch.full, because a copy from the host cannot be captured in a CUDA graph
        return torch.cat([torch.full((1,), p, device=device) for p in self.probabilities])

    def sample(self, n: int, generator: Generator) -> Tensor:
        return torch.multinomial(self.prior(generator.device), n, replacement=True, generator=generator)

    def encode(self, value: Tensor) -> Tensor:
        return F.one_hot(value, self.n_categories).float()

    def log_prob(self, parameters: Tensor, value: Tensor) -> Tensor:
        return -F.cross_entropy(parameters, value, reduction="none")

    def estimate(self, parameters: Tensor) -> Tensor:
        return parameters.argmax(1)

    def features(self, parameters: Tensor) -> Tensor:
        return parameters.softmax(1)

    def sweep(self, steps: int) -> Tensor:
        return torch.linspace(0, self.n_categories - 1, min(steps, self.n_categories)).round().long()

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, **asdict(self)}


@dataclass(frozen=True)
class _GaussianPosterior:
    """Continuous codes with a Gaussian posterior of learned or fixed scale; if fixed, −log Q is a squared error.

    Attributes:
        posterior_scale: fixed standard deviation of Q, or None to learn one for each series.
    """

    posterior_scale: float | None = None
    column: ClassVar[str] = "cont"
    kind: ClassVar[str]
    is_categorical: ClassVar[bool] = False
    n_categories: ClassVar[int] = 0
    encoded_size: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if self.posterior_scale is not None and not 0 < self.posterior_scale < math.inf:
            raise SettingError(f"a continuous code's posterior_scale must be positive, got {self.posterior_scale}")

    @property
    def support(self) -> tuple[float, float] | None:
        return None

    @property
    def n_parameters(self) -> int:
        return 2 if self.posterior_scale is None else 1

    def prior(self, device: torch.device) -> Tensor:
        return torch.empty(0, device=device)

    def encode(self, value: Tensor) -> Tensor:
        return value[:, None].float()

    def log_prob(self, parameters: Tensor, value: Tensor) -> Tensor:
        mean = parameters[:, 0]  # (n,)
        if self.posterior_scale is None:
            given = parameters[:, 1].clamp_min(LOG_SCALE_FLOOR)
            # Less what is too much, as a constant: a clamp would have no gradient, and Q never come back from there.
            log_scale = given - (given - LOG_SCALE_CEILING).clamp_min(0).detach()
        else:
            log_scale = torch.full_like(mean, math.log(self.posterior_scale))
        return -0.5 * ((value - mean) * torch.exp(-log_scale)) ** 2 - log_scale - 0.5 * math.log(2 * math.pi)

    def estimate(self, parameters: Tensor) -> Tensor:
        return parameters[:, 0]

    def features(self, parameters: Tensor) -> Tensor:
        return parameters[:, :1]

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, **asdict(self)}


@dataclass(frozen=True)
class UniformCode(_GaussianPosterior):
    """``c ~ U(low, high)``."""

    low: float = -1.0
    high: float = 1.0
    kind: ClassVar[str] = "uniform"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not -math.inf < self.low < self.high < math.inf:
            raise SettingError(f"a uniform code needs finite low < high, got {self.low} and {self.high}")

    @property
    def support(self) -> tuple[float, float]:
        return self.low, self.high

    @property
    def entropy(self) -> float:
        return math.log(self.high - self.low)

    @property
    def moments(self) -> tuple[float, float]:
        return (self.low + self.high) / 2, (self.high - self.low) / math.sqrt(12)

    def sample(self, n: int, generator: Generator) -> Tensor:
        return self.low + (self.high - self.low) * torch.rand(n, generator=generator, device=generator.device)

    def sweep(self, steps: int) -> Tensor:
        return torch.linspace(self.low, self.high, steps)


@dataclass(frozen=True)
class NormalCode(_GaussianPosterior):
    """``c ~ N(0, 1)``."""

    kind: ClassVar[str] = "normal"

    @property
    def entropy(self) -> float:
        return 0.5 * math.log(2 * math.pi * math.e)

    @property
    def moments(self) -> tuple[float, float]:
        return 0.0, 1.0

    def sample(self, n: int, generator: Generator) -> Tensor:
        return torch.randn(n, generator=generator, device=generator.device)

    def sweep(self, steps: int) -> Tensor:
        return torch.linspace(-2, 2, steps)


def code_from_dict(settings: dict[str, Any]) -> Code:
    """Rebuilds a code from what its ``to_dict`` gave."""
    kinds = {"categorical": CategoricalCode, "uniform": UniformCode, "normal": NormalCode}
    fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items() if k != "kind"}
    code: Code = kinds[settings["kind"]](**fields)
    return code


@dataclass(frozen=True)
class LatentSpec:
    """The generator's input: incompressible noise z, then the codes c1 … cL in order (InfoGAN, section 4).

    Attributes:
        noise_dim: dimensions of ``z ~ N(0, I)``.
        codes: any number of codes of any kind.
    """

    noise_dim: int
    codes: tuple[Code, ...] = ()

    def __post_init__(self) -> None:
        if self.noise_dim < 0 or self.size < 1:
            raise SettingError(
                f"a generator needs some input: got {self.noise_dim} noise dimensions, {len(self.codes)} codes"
            )
        if self.noise_dim > MAX_NOISE_DIM:
            raise SettingError(f"expected at most {MAX_NOISE_DIM} noise dimensions (`noise_dim`), got {self.noise_dim}")

    @property
    def size(self) -> int:
        """Numbers that the generator gets for one series."""
        return self.noise_dim + sum(code.encoded_size for code in self.codes)

    @property
    def columns(self) -> tuple[str, ...]:
        """Name of each code in files: ``cat`` (``cat0, cat1, …`` where there are several), ``cont0, cont1, …``."""
        stems = [code.column for code in self.codes]
        one_category = sum(code.is_categorical for code in self.codes) == 1
        return tuple(
            stem if code.is_categorical and one_category else f"{stem}{stems[:index].count(stem)}"
            for index, (stem, code) in enumerate(zip(stems, self.codes, strict=True))
        )

    @property
    def categories(self) -> dict[str, int]:
        """Index of each categorical code among the codes, by column name."""
        return {name: i for i, name in enumerate(self.columns) if self.codes[i].is_categorical}

    @property
    def continuous(self) -> dict[str, int]:
        """Index of each continuous code among the codes, by column name."""
        return {name: i for i, name in enumerate(self.columns) if not self.codes[i].is_categorical}

    @property
    def first_category(self) -> tuple[int, CategoricalCode] | None:
        """Index and code of the first categorical code, whose categories have names; None without one."""
        return next(((i, code) for i, code in enumerate(self.codes) if isinstance(code, CategoricalCode)), None)

    def sample(self, n: int, generator: Generator) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Noise ``(n, noise_dim)`` and one ``(n,)`` tensor of values a code, sampled from their priors."""
        noise = torch.randn(n, self.noise_dim, generator=generator, device=generator.device)
        return noise, tuple(code.sample(n, generator) for code in self.codes)

    def encode(self, noise: Tensor, values: Sequence[Tensor]) -> Tensor:
        """Generator input ``(n, size)``."""
        encoded = [code.encode(value) for code, value in zip(self.codes, values, strict=True)]
        return torch.cat([noise, *encoded], dim=1)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; :meth:`from_dict` is its inverse."""
        return {"noise_dim": self.noise_dim, "codes": [code.to_dict() for code in self.codes]}

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> LatentSpec:
        """Rebuilds what :meth:`to_dict` gave."""
        return cls(settings["noise_dim"], tuple(code_from_dict(code) for code in settings["codes"]))
