"""How long and how fast to train."""

from __future__ import annotations

from dataclasses import dataclass

from tsinfogan.errors import SettingError


@dataclass(frozen=True)
class TrainingSettings:
    """How long and how fast to train.

    Attributes:
        max_steps: optimisation steps of the critic.
        batch_size: cases a step, real and generated each.
        generator_rate: learning rate of the generator.
        critic_rate: learning rate of trunk, D and Q.
        beta1: first moment decay of Adam.
        beta2: second moment decay of Adam.
        decay_share: last share of the steps, in which learning rates fall linearly to zero.
        discovery_steps: first steps, in which Q alone learns, from real series alone, before the game begins; at most
            half of all, and cheaper than the others.
        discovery_rounds: fresh starts in those steps, of which the best is kept.
        discovery_heads: rival heads in each round.
        generator_every: the generator moves in every so-many-th step of the critic.
        recognition_every: Q learns in every so-many-th step of the critic.
        penalty_every: gradient penalties are applied in every so-many-th step, as many times stronger.
        ema_half_life_cases: cases after which a weight's share in the averaged networks has halved.
        report_every: steps between two reports.
        seed: everything random follows from it.
    """

    max_steps: int = 3000
    batch_size: int = 128
    generator_rate: float = 1e-3
    critic_rate: float = 5e-4
    beta1: float = 0.5
    beta2: float = 0.99
    decay_share: float = 0.3
    discovery_steps: int = 1400
    discovery_rounds: int = 4
    discovery_heads: int = 6
    generator_every: int = 1
    recognition_every: int = 1
    penalty_every: int = 4
    ema_half_life_cases: int = 10_000
    report_every: int = 25
    seed: int = 0

    @property
    def n_rounds(self) -> int:
        """Rounds of discovery there is time for: a short training has fewer of them, not shorter ones."""
        return max(1, self.discovery_rounds * self._discovery_budget // max(1, self.discovery_steps))

    @property
    def round_steps(self) -> int:
        """Steps of one round of discovery."""
        return self._discovery_budget // self.n_rounds

    @property
    def game_starts(self) -> int:
        """Step at which discovery ends."""
        return self.round_steps * self.n_rounds

    @property
    def _discovery_budget(self) -> int:
        return min(self.discovery_steps, self.max_steps // 2)

    def __post_init__(self) -> None:
        for name in (
            "max_steps",
            "batch_size",
            "discovery_rounds",
            "discovery_heads",
            "generator_every",
            "recognition_every",
            "penalty_every",
            "ema_half_life_cases",
            "report_every",
        ):
            if getattr(self, name) < 1:
                raise SettingError(f"{name} must be at least 1, got {getattr(self, name)}")
        if min(self.generator_rate, self.critic_rate) <= 0:
            raise SettingError("learning rates must be positive")
        if not 0 <= self.decay_share <= 1:
            raise SettingError(f"decay_share must lie between 0 and 1, got {self.decay_share}")
        for name in ("beta1", "beta2"):
            if not 0 <= getattr(self, name) < 1:
                raise SettingError(f"{name} must be at least 0 and less than 1, got {getattr(self, name)}")
