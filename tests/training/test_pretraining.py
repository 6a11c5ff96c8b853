"""Clustering pre-training: restarts, split-merge rounds, what is kept and handed over, and that it resumes exactly."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from _trainers import equal, weights
from tsinfogan.data.augmentations import Augmentations
from tsinfogan.data.panel import UNLABELLED, Panel
from tsinfogan.models.heads import Standardize
from tsinfogan.training.config import TrainingSettings
from tsinfogan.training.effort import MIN_FLOW_STEPS, MIN_STEPS
from tsinfogan.training.optimization import WARM_UP_STEPS
from tsinfogan.training.plan import make_plan
from tsinfogan.training.session import build_model, make_trainer
from tsinfogan.training.trainer import Trainer

SMALL = {"max_steps": 30, "pretraining_steps": 12, "pretraining_restarts": 2, "split_merge_rounds": 2, "batch_size": 16}
"""Steps 0–2 and 3–5 are restarts, 6–8 and 9–11 split-merge rounds."""


def waves(n_cases: int = 48) -> Panel:
    """Slow and fast sines, half of each, with random phase."""
    rng = np.random.default_rng(0)
    labels = np.arange(n_cases) % 2
    turns = np.linspace(0, 2 * np.pi, 16) * (1 + 3 * labels[:, None]) + rng.uniform(0, 1, (n_cases, 1))
    return Panel.from_arrays(
        np.sin(turns)[:, None], labels=labels, augmentations=Augmentations(amplitude=0.3, noise=0.1)
    )


def make(panel: Panel | None = None, recipe: str = "infogan", **settings: Any) -> Trainer:
    panel = panel or waves()
    small = SMALL if recipe in ("infogan", "semi_supervised") else {}  # elsewhere pre-training is refused
    plan = make_plan(panel, recipe=recipe, width=4, noise_dim=3, settings={"flow_steps": 0, **small, **settings})
    return make_trainer(plan, build_model(plan, panel), panel)


def steps(trainer: Trainer, n: int) -> None:
    for _ in range(n):
        trainer.step()


def moved(trainer: Trainer) -> set[str]:
    """Networks that a step changes."""
    assert trainer.pretraining is not None
    parts = {
        "trunk": trainer.discriminator.trunk,
        "q": trainer.discriminator.q,
        "heads": trainer.pretraining.heads,
        "best": trainer.pretraining.best,
        "realness": trainer.discriminator.realness,
        "generator": trainer.generator,
    }
    before = {name: weights(part) for name, part in parts.items()}
    trainer.step()
    return {name for name, part in parts.items() if not equal(before[name], weights(part))}


@pytest.mark.usefixtures("brief_splits")
def test_schedule() -> None:
    trainer = make()
    settings = trainer.settings
    assert (settings.restart_steps, settings.split_merge_start, settings.split_merge_steps) == (3, 6, 3)
    stages = [set(trainer.step()) for _ in range(14)]
    assert stages[:12] == [{"pretraining"}] * 12
    assert all({"generator", "discriminator"} < stage for stage in stages[12:])
    assert trainer.pretraining is None
    short = make(max_steps=12).settings  # half of all at most: fewer restarts and rounds, not shorter ones
    assert (short.n_restarts, short.restart_steps, short.n_split_merge_rounds, short.split_merge_steps) == (1, 3, 1, 3)
    without = make(split_merge_rounds=0).settings
    assert (without.restart_steps, without.adversarial_start) == (6, 12)


@pytest.mark.parametrize("budget", range(12))
@pytest.mark.parametrize("rounds", [0, 1, 3, 10])
def test_any_budget_can_be_divided(budget: int, rounds: int) -> None:
    settings = TrainingSettings(max_steps=1000, pretraining_steps=budget, split_merge_rounds=rounds)
    assert settings.adversarial_start <= budget
    if settings.adversarial_start:
        assert settings.restart_steps >= 1
        assert settings.split_merge_steps >= bool(settings.n_split_merge_rounds)


def test_only_trunk_and_heads_move_in_a_restart_and_only_trunk_and_q_later() -> None:
    trainer = make()
    assert moved(trainer) == {"trunk", "heads"}
    steps(trainer, 6)
    assert trainer.steps_done == 7
    assert moved(trainer) == {"trunk", "q"}


def test_every_restart_has_fresh_weights() -> None:
    trainer = make()
    steps(trainer, 3)
    trained = weights(trainer.discriminator.trunk)
    steps(trainer, 1)
    change = max(float((a - b).abs().max()) for a, b in zip(trained, weights(trainer.discriminator.trunk), strict=True))
    assert (
        change > 20 * trainer.settings.discriminator_rate
    )  # a step of Adam moves no weight by more than its rate or so


@pytest.mark.usefixtures("brief_splits")
def test_the_best_is_kept_and_is_handed_over() -> None:
    trainer = make(max_steps=100, pretraining_steps=48, pretraining_restarts=4, split_merge_rounds=4)
    stage = trainer.pretraining
    assert stage is not None
    best, kept = [], []
    while trainer.steps_done < 48:
        steps(trainer, 6)
        steps(trainer, trainer.steps_done < 48)  # what is due before a step happens in it
        best.append(float(stage.min_disagreement))
        kept.append(weights(stage.best))
    steps(trainer, 1)
    best.append(float(stage.min_disagreement))
    kept.append(weights(stage.best))
    assert best == sorted(best, reverse=True)
    for last, now, before, after in zip(best[:-2], best[1:-1], kept[:-2], kept[1:-1], strict=True):
        assert (last == now) == equal(before, after)  # at the end its Q is put on another scale besides
    assert trainer.pretraining is None
    rate = trainer.settings.discriminator_rate / WARM_UP_STEPS  # the one step since
    for network in (trainer.discriminator, trainer.model.discriminator):
        for value, handed in zip(weights(network), kept[-1], strict=True):
            torch.testing.assert_close(value, handed, atol=2 * rate, rtol=0)


@pytest.mark.parametrize("rounds", [0, 2])
def test_disagreement_tells_categories_that_are_classes_from_guesses(rounds: int) -> None:
    settings = {"max_steps": 300, "pretraining_steps": 120, "pretraining_restarts": 1, "split_merge_rounds": rounds}
    trainer = make(**settings)
    stage = trainer.pretraining
    assert stage is not None
    stage._keep_best(stage.heads)
    blind = float(stage.min_disagreement)
    steps(trainer, 121)
    assert float(stage.min_disagreement) < 0.5 * blind
    found = trainer.model.discriminator(trainer.data).posteriors[0].argmax(1).numpy()
    agreement = (found == np.arange(48) % 2).mean()
    assert max(agreement, 1 - agreement) > 0.9


def test_with_a_label_of_each_class_the_categories_are_the_classes() -> None:
    panel = waves()
    labels = np.full(48, UNLABELLED)
    labels[[0, 1]] = [1, 0]  # the other way round than sorting would have it
    few = Panel.from_arrays(panel.values, labels=[None if k < 0 else str(k) for k in labels], classes=("0", "1"))
    trainer = make(few, "semi_supervised", max_steps=300, pretraining_steps=120, pretraining_restarts=1)
    first = trainer.batches.draw(0, preferred=trainer._labelled).real_label
    assert (first >= 0).sum() >= 4  # two of 48 cases, a quarter of the batch
    steps(trainer, 121)
    found = trainer.model.discriminator(trainer.data).posteriors[0].argmax(1).numpy()
    assert (found == 1 - np.arange(48) % 2).mean() > 0.9


def test_several_categorical_codes_are_found_without_splits() -> None:
    plan = make_plan(waves(), n_categories=(2, 3), width=4, noise_dim=3, settings={"flow_steps": 0, **SMALL})
    trainer = make_trainer(plan, build_model(plan, waves()), waves())
    steps(trainer, 13)
    assert trainer.pretraining is None


@pytest.mark.usefixtures("brief_splits")
def test_resumed_anywhere_pretraining_goes_on_exactly() -> None:
    whole = make()
    steps(whole, 16)
    for interruption in (2, 3, 6, 8, 9, 12):
        first = make()
        steps(first, interruption)
        second = make()
        second.load_state_dict({name: value.clone() for name, value in first.state_dict().items()})
        steps(second, 16 - interruption)
        one, two = whole.state_dict(), second.state_dict()
        assert one.keys() == two.keys()
        assert all(torch.equal(one[name], two[name]) for name in one), interruption


@pytest.mark.usefixtures("brief_splits")
def test_pseudo_labels_are_kept_in_adversarial_training() -> None:
    trainer = make()
    steps(trainer, 12)
    assert (trainer.batches.pseudo_labels == UNLABELLED).all()
    steps(trainer, 13 - 12)
    best = make()
    best.load_state_dict({name: value.clone() for name, value in trainer.state_dict().items()})
    known = trainer.batches.pseudo_labels >= 0
    assert known.any()
    with torch.no_grad():
        read = trainer.model.discriminator.posteriors(
            trainer.model.discriminator.q, trainer.model.discriminator.recognition_features(trainer.data)
        )
    kept = (read[0].argmax(1) == trainer.batches.pseudo_labels)[known].float().mean()
    assert kept > 0.8  # one warm-up step later
    assert torch.equal(best.batches.pseudo_labels, trainer.batches.pseudo_labels)
    batch = trainer.batches.draw(14)
    assert torch.equal(batch.pseudo_label, trainer.batches.pseudo_labels[trainer.batches.next_cases(14)])


def test_what_a_head_sees_is_put_on_one_scale() -> None:
    features = torch.randn(200, 5, generator=torch.Generator().manual_seed(0)) * torch.tensor(
        [1.0, 10.0, 0.1, 3.0, 0.0]
    )
    standardize = Standardize(5)
    assert torch.equal(standardize(features), features)  # until it is fitted
    standardize.fit(features + 7)
    seen = standardize(features + 7)
    torch.testing.assert_close(seen.mean(0), torch.zeros(5), atol=1e-4, rtol=0)
    spread = seen.std(0).tolist()
    assert [spread[0], spread[1], spread[3]] == pytest.approx([1, 1, 1], abs=0.2)
    assert spread[2] < 0.5  # hardly varies: not blown up
    assert spread[4] == 0
    calm, wild = features[:1] + 7, 5 * (features[:1] + 7)
    assert standardize(wild).norm() > 3 * standardize(calm).norm()  # unlike layer normalisation


def test_every_head_starts_on_the_scale_of_its_trunk() -> None:
    trainer = make()
    assert trainer.pretraining is not None
    for step in (0, 3):
        steps(trainer, step - trainer.steps_done)
        trainer.pretraining.prepare(step)
        features = trainer.discriminator.recognition_features(trainer.data)
        for head in trainer.pretraining.heads:
            seen = head.standardize(features)
            torch.testing.assert_close(seen.mean(0), torch.zeros(seen.shape[1]), atol=1e-3, rtol=0)


def uneven(n_cases: int = 60) -> Panel:
    """Slow and fast sines of random phase, three of four slow; nobody says what leaves them what they are."""
    rng = np.random.default_rng(0)
    fast = np.arange(n_cases) % 4 == 0
    turns = np.linspace(0, 2 * np.pi, 24) * (1 + 3 * fast[:, None]) + rng.uniform(0, 6, (n_cases, 1))
    return Panel.from_arrays(np.sin(turns)[:, None])


@pytest.mark.parametrize("panel", [waves(), uneven()], ids=["restarts", "clustering"])
def test_q_goes_on_with_features_on_one_scale_and_reads_what_it_read(panel: Panel) -> None:
    trainer = make(panel)
    assert trainer.pretraining is not None
    steps(trainer, trainer.settings.adversarial_start - 1)
    head = trainer.pretraining.best.q
    with torch.no_grad():
        head.standardize.scale /= 20  # as if the trunk had made features so large
        features = trainer.pretraining.best.recognition_features(trainer.data)
        read = head(features)
        best, _ = trainer.pretraining.result()
        torch.testing.assert_close(best.q(features), read, rtol=1e-3, atol=1e-3)
        seen = best.q.standardize(features)
    torch.testing.assert_close(seen.mean(0), torch.zeros(seen.shape[1]), atol=1e-3, rtol=0)
    assert seen.std(0).max() < 1.1


@pytest.mark.parametrize("recipe", ["gan", "acgan"])
def test_an_untrained_q_sees_real_series_on_one_scale_in_every_recipe(recipe: str) -> None:
    trainer = make(recipe=recipe)
    seen = trainer.discriminator.q.standardize(trainer.discriminator.recognition_features(trainer.data))
    torch.testing.assert_close(seen.mean(0), torch.zeros(seen.shape[1]), atol=1e-3, rtol=0)


# ---- categories from clustering, which trunk and Q learn


def taught(**settings: Any) -> Trainer:
    plan = make_plan(uneven(), n_categories=(2,), width=4, settings={"batch_size": 16, **settings})
    assert plan.training.opening == "convolutions"
    return make_trainer(plan, build_model(plan, uneven()), uneven())


def test_categories_of_clustering_are_learned_and_keep_their_proportions() -> None:
    trainer = taught(max_steps=200, pretraining_steps=490, flow_steps=0)
    assert trainer.settings.adversarial_start == 70
    steps(trainer, 71)
    fast = np.arange(60) % 4 == 0
    with torch.no_grad():
        features = trainer.discriminator.recognition_features(trainer.data)
        read = trainer.discriminator.posteriors(trainer.discriminator.q, features)[0].argmax(1).numpy()
    assert ((read == 1) == fast).mean() > 0.9
    assert trainer.clustering is not None
    kept = trainer.batches.pseudo_labels.numpy()
    assert (kept == trainer.clustering.labels)[kept >= 0].all()
    proportions = trainer.adversarial.setup.proportions
    assert proportions is not None
    assert proportions.tolist() == pytest.approx([0.75, 0.25], abs=0.1)


def test_a_training_from_clustering_resumes_exactly_and_is_calibrated() -> None:
    settings = {"max_steps": 16, "pretraining_steps": 49, "report_every": 8}
    whole = taught(**settings)
    list(whole.run())
    for interruption in (3, 9):
        first, second = taught(**settings), taught(**settings)
        steps(first, interruption)
        second.load_state_dict({name: value.clone() for name, value in first.state_dict().items()})
        list(second.run())
        one, two = whole.state_dict(), second.state_dict()
        assert all(torch.equal(one[name], two[name]) for name in one), interruption
        assert second.model.agreement == whole.model.agreement > 0.5
        assert second.model.temperature == whole.model.temperature >= 1


def test_with_targets_the_rate_falls_to_next_to_nothing_by_the_last_step() -> None:
    """A leap of Adam's there would be handed over: one seed of four lost all categories of BasicMotions so."""
    rates = {}
    for opening in ("convolutions", "restarts"):
        settings = {"max_steps": 400, "pretraining_steps": 200, "flow_steps": 0, "split_merge_rounds": 0}
        plan = make_plan(waves(40), n_categories=(2,), width=4, settings={**settings, "opening": opening})
        pretraining = make_trainer(plan, build_model(plan, waves(40)), waves(40)).pretraining
        assert pretraining is not None
        rates[opening] = []
        for step in (0, pretraining.n_steps // 2, pretraining.n_steps - 1):
            pretraining.set_rates(step)
            rates[opening].append(pretraining.optimizer.param_groups[0]["lr"] / plan.training.discriminator_rate)
    assert rates["convolutions"][:2] == [1, 1]
    assert 0 < rates["convolutions"][2] < 0.2
    assert rates["restarts"] == [1, 1, 1]  # the best of all restarts is kept there


def test_of_many_series_those_that_are_clustered_teach_and_all_get_their_category(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tsinfogan.training.pretraining.MAX_SCORED_CASES", 40)
    panel = waves(200)
    settings = {"batch_size": 16, "max_steps": 160, "pretraining_steps": 490, "flow_steps": 0}
    plan = make_plan(panel, n_categories=(2,), width=4, settings={**settings, "opening": "convolutions"})
    trainer = make_trainer(plan, build_model(plan, panel), panel)
    drawn, told = [], []
    original = trainer.batches.draw
    monkeypatch.setattr(trainer.batches, "draw", lambda *a, **k: drawn.append(original(*a, **k)) or drawn[-1])
    trainer.tell = lambda what, share: told.append((what, share))
    start = trainer.settings.adversarial_start
    steps(trainer, start)
    assert len({int(case) for batch in drawn for case in batch.case}) == 40
    drawn.clear()
    steps(trainer, 20)
    assert len({int(case) for batch in drawn for case in batch.case}) == 200
    pseudo_labels = trainer.batches.pseudo_labels.numpy()
    known = pseudo_labels >= 0
    assert known.mean() > 0.9
    assert len({*zip(pseudo_labels[known].tolist(), (np.arange(200) % 2)[known].tolist(), strict=True)}) == 2
    assert trainer.adversarial.mixing is not None
    assert told == [("reading categories", share) for share in (0, 0.2, 0.4, 0.6, 0.8)]


def test_of_more_series_than_adversarial_training_draws_evenly_spaced_ones_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tsinfogan.training.pretraining.MAX_SCORED_CASES", 20)
    settings = {
        "max_steps": 16,
        "pretraining_steps": 8,
        "batch_size": 4,
        "pretraining_restarts": 1,
        "split_merge_rounds": 0,
    }
    whole, resumed = make(waves(200), **settings), make(waves(200), **settings)
    start = whole.settings.adversarial_start
    apart = -(-200 // (whole.settings.batch_size * (16 - start)))
    assert apart > 1
    steps(whole, start + 2)
    unread = np.arange(200) % apart > 0
    assert (whole.batches.pseudo_labels.numpy()[unread] == -1).all()
    assert (whole.batches.pseudo_labels.numpy()[~unread] >= 0).mean() > 0.5
    resumed.load_state_dict({name: value.clone() for name, value in whole.state_dict().items()})
    batches = [each.batches.draw(start + 2, among=each._drawn) for each in (whole, resumed)]
    assert not (batches[0].case % apart).any()
    assert torch.equal(batches[0].case, batches[1].case)


@pytest.mark.parametrize(
    ("augmentations", "settings", "opening"),
    [
        (Augmentations(time_scale=0.3), {}, "restarts"),
        (Augmentations(), {}, "convolutions"),
        (None, {}, "convolutions"),
        (None, {"pretraining_restarts": 3}, "restarts"),
        (None, {"opening": "restarts"}, "restarts"),
    ],
)
def test_clustering_opens_where_nobody_says_which_augmentations_leave_a_series_what_it_is(
    augmentations: Augmentations | None, settings: dict[str, Any], opening: str
) -> None:
    panel = uneven() if augmentations is None else replace(uneven(), augmentations=augmentations)
    plan = make_plan(panel, n_categories=(2,), settings=settings)
    assert plan.training.opening == opening
    assert any("clustering random convolutions" in reason for reason in plan.reasons) == (opening == "convolutions")


def test_how_many_kinds_there_are_is_found_and_few_series_get_fewer_steps() -> None:
    plan = make_plan(uneven())
    assert plan.model.n_categories == 2
    assert (plan.training.flow_start, plan.training.flow_steps) == (MIN_STEPS, MIN_FLOW_STEPS)
    assert plan.reasons[0].startswith("2 categories: parts of the series agree by")
    assert plan.reasons[2] == f"{MIN_STEPS} steps and {MIN_FLOW_STEPS} of flow matching: more would overfit 60 series"
    assert make_plan(uneven(), settings={"max_steps": 4000}).training.max_steps == 4000
