"""Discovery: rounds of rival heads, their vote, the consensus, and Q taught by it before the game."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from _trainers import equal, weights
from tsinfogan.distortions import Distortions
from tsinfogan.panel import Panel
from tsinfogan.plan import make_plan
from tsinfogan.training import Trainer


def waves(n_cases: int = 48) -> Panel:
    """Slow and fast sines, half of each, with random phase."""
    rng = np.random.default_rng(0)
    labels = np.arange(n_cases) % 2
    turns = np.linspace(0, 2 * np.pi, 16) * (1 + 3 * labels[:, None]) + rng.uniform(0, 1, (n_cases, 1))
    return Panel.from_arrays(np.sin(turns)[:, None], labels=labels, distortions=Distortions(amplitude=0.3, noise=0.1))


def make(**settings: Any) -> Trainer:
    settings = {"max_steps": 20, "discovery_steps": 10, "discovery_rounds": 2, "batch_size": 16, **settings}
    plan = make_plan(waves(), width=4, noise_dim=3, settings=settings)
    return plan.trainer(plan.build(waves()), waves())


def test_schedule_of_rounds_and_game() -> None:
    trainer = make()
    assert (trainer.settings.round_steps, trainer.settings.game_starts) == (5, 10)
    stages = [set(trainer.step()) for _ in range(12)]
    assert stages[:10] == [{"discovery"}] * 10
    assert all({"generator", "critic"} < stage for stage in stages[10:])
    assert trainer.discovery is None
    short = make(max_steps=8).settings
    assert (short.n_rounds, short.round_steps, short.game_starts) == (1, 4, 4)  # half at most, fewer rounds first


def test_only_trunk_and_heads_move_in_a_round() -> None:
    trainer = make()
    assert trainer.discovery is not None
    parts = {
        "trunk": trainer.critic.trunk,
        "q": trainer.critic.q,
        "heads": trainer.discovery.heads,
        "best": trainer.discovery.best,
        "realness": trainer.critic.realness,
        "generator": trainer.generator,
    }
    before = {name: weights(part) for name, part in parts.items()}
    trainer.step()
    assert {name for name, part in parts.items() if not equal(before[name], weights(part))} == {"trunk", "heads"}


def test_every_round_starts_afresh() -> None:
    trainer = make()
    while trainer.steps_done < 5:
        trainer.step()
    trained = weights(trainer.critic.trunk)
    trainer.step()
    moved = max(float((a - b).abs().max()) for a, b in zip(trained, weights(trainer.critic.trunk), strict=True))
    assert moved > 20 * trainer.settings.critic_rate  # a step of Adam moves no weight by more than its rate or so


def test_the_best_round_is_kept() -> None:
    trainer = make(discovery_rounds=5)
    discovery = trainer.discovery
    assert discovery is not None
    best, kept = [], []
    for turn in range(1, 6):
        while trainer.steps_done < 2 * turn:
            trainer.step()
        discovery.end_round(turn, trainer.objective, trainer.critic, trainer.data, trainer.distorter)
        best.append(float(discovery.least_disagreement))
        kept.append(weights(discovery.best))
    assert best == sorted(best, reverse=True)
    for turn in range(1, 5):
        assert equal(kept[turn], kept[turn - 1]) == (best[turn] == best[turn - 1])
    trainer.step()
    assert trainer.discovery is None
    fresh = make(discovery_rounds=5)
    for _ in range(10):
        fresh.step()
    fresh._due(10)
    assert equal(weights(fresh.critic), kept[-1])
    assert equal(weights(fresh.model.critic), kept[-1])


def test_disagreement_tells_a_head_that_sees_classes_from_one_that_guesses() -> None:
    trainer = make(max_steps=200, discovery_steps=100, discovery_rounds=1)
    discovery = trainer.discovery
    assert discovery is not None
    discovery.end_round(1, trainer.objective, trainer.critic, trainer.data, trainer.distorter)
    blind = float(discovery.least_disagreement)
    while trainer.steps_done < 101:
        trainer.step()
    assert float(discovery.least_disagreement) < 0.5 * blind
    found = trainer.model.critic(trainer.data).posteriors[0].argmax(1).numpy()
    agreement = (found == np.arange(48) % 2).mean()
    assert max(agreement, 1 - agreement) > 0.9


def test_resumed_anywhere_discovery_goes_on_exactly() -> None:
    whole = make()
    for _ in range(14):
        whole.step()
    for interruption in (2, 5, 9, 10, 11):
        first = make()
        for _ in range(interruption):
            first.step()
        second = make()
        second.load_state_dict({name: value.clone() for name, value in first.state_dict().items()})
        for _ in range(14 - interruption):
            second.step()
        one, two = whole.state_dict(), second.state_dict()
        assert one.keys() == two.keys()
        assert all(torch.equal(one[name], two[name]) for name in one), interruption
