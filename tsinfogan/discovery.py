"""Before the game: Q finds categories in real series alone.

In each of several rounds a freshly initialised trunk and several heads cluster by consistency under distortion (as in
IIC, Ji et al. 2019, arXiv:1807.06653); the trunk and head that agree best with themselves start the game. Where a trunk
begins decides much: some rounds merge and split classes, and how little their heads agree under distortion tells them
from the good ones, without a label (docs/experiments.md). Without this start, generator and Q settle on categories of
their own, which consistency alone does not undo later.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor, nn

from tsinfogan.codes import CategoricalCode, Code
from tsinfogan.networks import Critic, recognition_head
from tsinfogan.objectives import Batch, Objective, Stats, category_agreement, known_code_loss
from tsinfogan.seeding import derived_seed, generator_at
from tsinfogan.settings import TrainingSettings
from tsinfogan.transforms import Distorter

GREATEST_SCORED_CASES = 2000
SCORED_VIEWS = 4
CASES_PER_PASS = 256
DISCOVERY_STREAM = 4


def discovers(objective: Objective, critic: Critic, codes: Sequence[Code]) -> bool:
    """Whether there are categories that consistency can find in real series."""
    finds = any(isinstance(code, CategoricalCode) and code.n_categories > 1 for code in codes)
    return finds and objective.consistency_weight > 0 and critic.settings.label_input == "none"


class Discovery(nn.Module):
    """Rival heads on a critic's features, and the best critic of the rounds that are over.

    Args:
        critic: whose trunk is trained along, and which becomes the best critic in the end.
        codes: the model's codes.
        settings: number of heads, rounds and steps.
    """

    least_disagreement: Tensor

    def __init__(self, critic: Critic, codes: Sequence[Code], settings: TrainingSettings):
        super().__init__()
        self.codes, self.settings = tuple(codes), settings
        feature_dim = int(critic.q[1].in_features)  # type: ignore[arg-type]
        self.heads = nn.ModuleList(
            recognition_head(feature_dim, sum(critic.sizes)) for _ in range(settings.discovery_heads)
        )
        self.best = copy.deepcopy(critic).requires_grad_(False)
        self.register_buffer("least_disagreement", torch.tensor(torch.inf))

    def loss(self, objective: Objective, critic: Critic, batch: Batch, distorter: Distorter) -> tuple[Tensor, Stats]:
        """Every head shall give a real case and two distortions of it one category, and use all categories."""
        n = len(batch.real)
        views = [batch.real, *(distorter.apply(batch.real, draw) for draw in (batch.real_draw, batch.fake_draw))]
        features = critic.recognition_features(torch.cat(views))  # (n_views * n, feature_dim)
        losses = []
        for head in self.heads:
            posteriors = critic.posteriors(head, features)
            loss = objective.consistency_weight * self._disagreement(objective, posteriors, n)
            if objective.real_code_weight:
                known = known_code_loss(self.codes[0], posteriors[0][:n], batch.real_label)
                loss = loss + objective.real_code_weight * known
            losses.append(loss)
        total = torch.stack(losses)
        return total.sum(), {"discovery": total.detach().min()}

    @torch.no_grad()
    def end_round(self, turn: int, objective: Objective, critic: Critic, data: Tensor, distorter: Distorter) -> None:
        """Scores the heads on ``data`` ``(n_cases, c, *grid)`` and keeps trunk and head if they are the best so far."""
        rng = generator_at(data.device, self.settings.seed, DISCOVERY_STREAM, turn, 1)
        chosen = torch.linspace(0, len(data) - 1, min(len(data), GREATEST_SCORED_CASES), device=data.device).long()
        cases = data[chosen]
        views = [cases] + [distorter.apply(cases, distorter.draw(len(cases), rng)) for _ in range(SCORED_VIEWS - 1)]
        features = torch.cat([critic.recognition_features(part) for part in torch.cat(views).split(CASES_PER_PASS)])
        for head in self.heads:
            disagreement = self._disagreement(objective, critic.posteriors(head, features), len(cases))
            if disagreement < self.least_disagreement:
                self.least_disagreement.copy_(disagreement)
                self.best.load_state_dict(critic.state_dict())
                self.best.q.load_state_dict(head.state_dict())

    def start_afresh(self, turn: int, critic: Critic, optimizer: torch.optim.Optimizer) -> None:
        """New weights for critic and heads, in place: a captured step holds their addresses."""
        device = self.least_disagreement.device
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(derived_seed(self.settings.seed, DISCOVERY_STREAM, turn))
            for module in (*critic.modules(), *self.heads.modules()):
                if callable(reset := getattr(module, "reset_parameters", None)):
                    reset()
        for moments in optimizer.state.values():
            for value in moments.values():
                value.zero_()

    def _disagreement(self, objective: Objective, posteriors: Sequence[Tensor], n: int) -> Tensor:
        """Inconsistency and imbalance over all pairs of views of n cases."""
        views = list(zip(*(parameters.split(n) for parameters in posteriors), strict=True))
        pairs = list(combinations(views, 2))
        return torch.stack([category_agreement(objective, self.codes, a, b) for a, b in pairs]).mean()
