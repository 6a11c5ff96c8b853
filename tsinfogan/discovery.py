"""Before the game: Q finds categories in real series alone.

Several heads, differently initialised, cluster on one trunk by consistency under distortion (as in IIC, Ji et al. 2019,
arXiv:1807.06653); the head that agrees best with itself is kept. That score needs no label and ranks heads as accuracy
does (docs/experiments.md). Without this start, generator and Q settle on categories of their own, which consistency
alone does not undo later.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor, nn

from tsinfogan.codes import CategoricalCode, Code
from tsinfogan.networks import Critic, recognition_head
from tsinfogan.objectives import Batch, Objective, Stats, category_agreement, known_code_loss
from tsinfogan.transforms import Distorter

SCORE_MEMORY = 0.97
"""Share of the running score that is kept a step: about the last thirty steps count."""


class Discovery(nn.Module):
    """Rival heads for Q on a critic's features, and how well each does.

    Args:
        critic: whose trunk is trained along.
        n_heads: number of rivals.
    """

    score: Tensor

    def __init__(self, critic: Critic, n_heads: int):
        super().__init__()
        feature_dim = int(critic.q[1].in_features)  # type: ignore[arg-type]
        self.heads = nn.ModuleList(recognition_head(feature_dim, sum(critic.sizes)) for _ in range(n_heads))
        self.register_buffer("score", torch.zeros(n_heads))

    def loss(
        self, objective: Objective, critic: Critic, codes: Sequence[Code], batch: Batch, distorter: Distorter
    ) -> tuple[Tensor, Stats]:
        """Every head shall give a real case and two distortions of it the same category, and use all categories."""
        n = len(batch.real)
        views = [batch.real, *(distorter.apply(batch.real, draw) for draw in (batch.real_draw, batch.fake_draw))]
        label = None
        if critic.settings.label_input != "none":
            label = codes[0].encode(batch.real_label).repeat(len(views), 1)
        features = critic.recognition_features(torch.cat(views), label)  # (3 n, feature_dim)
        losses = torch.stack(
            [self._head_loss(objective, critic, codes, batch, head, features, n) for head in self.heads]
        )
        self.score.lerp_(losses.detach(), 1 - SCORE_MEMORY)
        return losses.sum(), {"discovery": losses.detach().min()}

    def choose(self, critic: Critic) -> None:
        """Makes the best head the critic's Q."""
        best = self.heads[int(self.score.argmin())]
        critic.q.load_state_dict(best.state_dict())

    @staticmethod
    def _head_loss(
        objective: Objective,
        critic: Critic,
        codes: Sequence[Code],
        batch: Batch,
        head: nn.Module,
        features: Tensor,
        n: int,
    ) -> Tensor:
        views = list(zip(*(parameters.split(n) for parameters in critic.posteriors(head, features)), strict=True))
        pairs = list(combinations(views, 2))
        agreement = torch.stack([category_agreement(objective, codes, a, b) for a, b in pairs]).mean()
        loss = objective.consistency_weight * agreement
        if objective.real_code_weight:
            loss = loss + objective.real_code_weight * known_code_loss(codes[0], views[0][0], batch.real_label)
        return loss


def discovers(objective: Objective, codes: Sequence[Code]) -> bool:
    """Whether there are categories that consistency can find in real series."""
    return objective.consistency_weight > 0 and any(isinstance(code, CategoricalCode) for code in codes)
