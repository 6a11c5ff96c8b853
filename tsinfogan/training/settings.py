"""How long and how fast to train."""

from __future__ import annotations

from dataclasses import dataclass

from tsinfogan.errors import SettingError


@dataclass(frozen=True)
class TrainingSettings:
    """How long and how fast to train.

    Attributes:
        max_steps: optimisation steps of the discriminator.
        batch_size: cases a step, real and generated each.
        generator_rate: learning rate of the generator.
        discriminator_rate: learning rate of trunk, D and Q.
        beta1: first moment decay of Adam.
        beta2: second moment decay of Adam.
        decay_share: last share of the steps, in which learning rates fall linearly to zero.
        pretraining_steps: first steps, in which Q alone learns, from real series alone, before the game begins; at most
            half of all, and cheaper than the others.
        pretraining_restarts: fresh starts in the first half of those steps, of which the best goes on.
        pretraining_heads: rival heads in each opening.
        split_merge_rounds: times that the categories found are mended in the second half; 0 leaves all to openings.
        generator_every: the generator moves in every so-many-th step of the discriminator.
        recognition_every: Q learns in every so-many-th step of the discriminator.
        penalty_every: gradient penalties are applied in every so-many-th step, as many times stronger.
        ema_half_life_cases: cases after which a weight's share in the averaged networks has halved; a tenth of the
            game's cases so far where that is less.
        calibrate_noise: whether, after the last step of a game on blends, the noise of samples is made so wide that
            they differ as much as real series do (:mod:`tsinfogan.training.noise_calibration`).
        report_every: steps between two reports.
        seed: everything random follows from it.
    """

    max_steps: int = 5000
    batch_size: int = 128
    generator_rate: float = 1e-3
    discriminator_rate: float = 5e-4
    beta1: float = 0.5
    beta2: float = 0.99
    decay_share: float = 0.3
    pretraining_steps: int = 1400
    pretraining_restarts: int = 2
    pretraining_heads: int = 6
    split_merge_rounds: int = 10
    generator_every: int = 1
    recognition_every: int = 1
    penalty_every: int = 4
    ema_half_life_cases: int = 40_000
    calibrate_noise: bool = True
    report_every: int = 25
    seed: int = 0

    @property
    def n_openings(self) -> int:
        """Openings there is time for: a short training has fewer of them, not shorter ones."""
        share = 2 if self.n_revisions else 1
        return max(1, min(self._afforded(self.pretraining_restarts), self._discovery_budget // share))

    @property
    def n_revisions(self) -> int:
        """Revisions there is time for, likewise."""
        return min(self._afforded(self.split_merge_rounds), self._discovery_budget // 2)

    @property
    def opening_steps(self) -> int:
        """Steps of one opening."""
        return self._discovery_budget // (2 if self.n_revisions else 1) // self.n_openings

    @property
    def revision_steps(self) -> int:
        """Steps of learning after each revision."""
        return self._discovery_budget // 2 // max(1, self.n_revisions)

    @property
    def revisions_start(self) -> int:
        """Step at which the openings end."""
        return self.n_openings * self.opening_steps

    @property
    def game_starts(self) -> int:
        """Step at which discovery ends."""
        return self.revisions_start + self.n_revisions * self.revision_steps

    def _afforded(self, wanted: int) -> int:
        return wanted * self._discovery_budget // max(1, self.pretraining_steps)

    @property
    def _discovery_budget(self) -> int:
        return min(self.pretraining_steps, self.max_steps // 2)

    def __post_init__(self) -> None:
        for name in (
            "max_steps",
            "batch_size",
            "pretraining_restarts",
            "pretraining_heads",
            "generator_every",
            "recognition_every",
            "penalty_every",
            "ema_half_life_cases",
            "report_every",
        ):
            if getattr(self, name) < 1:
                raise SettingError(f"{name} must be at least 1, got {getattr(self, name)}")
        if min(self.generator_rate, self.discriminator_rate) <= 0:
            raise SettingError("learning rates must be positive")
        if self.split_merge_rounds < 0:
            raise SettingError(f"split_merge_rounds must be at least 0, got {self.split_merge_rounds}")
        if not 0 <= self.decay_share <= 1:
            raise SettingError(f"decay_share must lie between 0 and 1, got {self.decay_share}")
        for name in ("beta1", "beta2"):
            if not 0 <= getattr(self, name) < 1:
                raise SettingError(f"{name} must be at least 0 and less than 1, got {getattr(self, name)}")
