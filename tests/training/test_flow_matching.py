"""The stage of flow matching: what it learns from, what it moves, and when samples come from it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from _trainers import images, make, moved_steps, waves, weights, windows
from tsinfogan.data.panel import Panel
from tsinfogan.errors import SettingError
from tsinfogan.models.flow import LATE, FlowGenerator
from tsinfogan.sampling.inference import posteriors
from tsinfogan.training.effort import MIN_FLOW_STEPS
from tsinfogan.training.flow_matching import WARM_UP_STEPS, FlowStage
from tsinfogan.training.monitor import CollapseMonitor
from tsinfogan.training.plan import Plan, make_plan
from tsinfogan.training.trainer import Trainer


def trainer_of(**settings: Any) -> tuple[Trainer, FlowGenerator, FlowStage]:
    trainer = make(waves(), max_steps=13, flow_steps=5, **settings)
    assert isinstance(trainer.generator, FlowGenerator)
    assert trainer.flow is not None
    return trainer, trainer.generator, trainer.flow


def test_each_stage_moves_its_own_networks() -> None:
    last = list(range(9, 14))
    for part, expected in (("velocity_network", last), ("inner", list(range(1, 9)))):
        trainer, generator, _ = trainer_of()
        assert moved_steps(trainer, getattr(generator, part), 13) == expected
    for average in (False, True):  # Q stays as the codes were read
        trainer, _, _ = trainer_of()
        network = trainer.model.discriminator if average else trainer.discriminator
        assert moved_steps(trainer, network, 13) == list(range(1, 9))


def test_codes_are_those_that_the_averaged_discriminator_reads() -> None:
    trainer, _, stage = trainer_of()
    for _ in range(9):
        trainer.step()
    category, *continuous = posteriors(trainer.model.discriminator, trainer.data)
    assert torch.equal(stage.values[0], category.argmax(1))
    torch.testing.assert_close(stage.values[1:], [each[:, 0] for each in continuous])


def test_continuous_codes_are_on_the_scale_of_their_prior_in_each_category() -> None:
    trainer, _, stage = trainer_of()
    q = trainer.model.discriminator
    assert q.code_scale is not None
    q.code_scale.gain[0], q.code_scale.offset[0] = 0.01, 3  # as of an earlier reading, which a run that goes on had
    stage.begin(q, trainer.data, trainer.labels)
    category, continuous = stage.values[0], torch.stack(stage.values[1:], dim=1)
    within = continuous - torch.stack([continuous[category == each].mean(0) for each in category.tolist()])
    torch.testing.assert_close(continuous, within, rtol=0, atol=1e-4)
    assert 0.4 / 3**0.5 < float(within.std()) < 1.1 / 3**0.5
    assert stage.discriminator is not None
    for name, value in q.state_dict().items():
        assert torch.equal(value, stage.discriminator.state_dict()[name])


def test_a_known_label_is_the_code_whatever_q_reads() -> None:
    trainer = make(waves(labelled=6), "semi_supervised", max_steps=13, flow_steps=5)
    for _ in range(9):
        trainer.step()
    assert trainer.flow is not None
    assert trainer.flow.values[0][:6].tolist() == [0, 1, 0, 1, 0, 1]
    wrong = torch.full((24,), -1)
    wrong[0] = 1
    trainer.flow.begin(trainer.model.discriminator, trainer.data, wrong)
    assert trainer.flow.values[0][0] == 1


def test_the_series_that_q_is_least_sure_of_are_left_out() -> None:
    trainer = make(waves(40), max_steps=13, flow_steps=5)
    assert trainer.flow is not None
    trainer.flow.begin(trainer.model.discriminator, trainer.data, trainer.labels)
    assert trainer.flow.cases is not None
    sure = posteriors(trainer.model.discriminator, trainer.data)[0].softmax(1).amax(1)
    assert sorted(trainer.flow.cases.tolist()) == sorted(sure.argsort()[4:].tolist())
    drawn = torch.cat([trainer.batches.draw(step, among=trainer.flow.cases).case for step in range(9)])
    assert set(drawn.tolist()) == set(trainer.flow.cases.tolist())
    known = torch.zeros_like(trainer.labels)
    trainer.flow.begin(trainer.model.discriminator, trainer.data, known)
    assert trainer.flow.cases.tolist() == list(range(40))


def test_of_more_series_than_the_steps_draw_some_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tsinfogan.training.flow_matching.MIN_CASES", 10)
    trainer = make(waves(64), max_steps=10, flow_steps=2)  # of 8 series each
    stage = trainer.flow
    assert stage is not None
    stage.begin(trainer.model.discriminator, trainer.data, trainer.labels)
    assert len(stage.values[0]) == 16
    assert stage.cases is not None
    assert set(stage.cases.tolist()) < set(range(0, 64, 4))
    stage.known = None
    shown: list[torch.Tensor] = []
    match = stage.generator.match
    monkeypatch.setattr(stage.generator, "match", lambda *given: shown.append(given[1]) or match(*given))
    batch = trainer.batches.draw(8, among=stage.cases)
    stage.step(batch)
    category, *continuous = posteriors(trainer.model.discriminator, batch.real)
    torch.testing.assert_close(shown[0][:, -1], continuous[-1][:, 0])
    noise_dim = trainer.model.settings.latent.noise_dim
    assert shown[0][:, noise_dim : noise_dim + category.shape[1]].argmax(1).tolist() == category.argmax(1).tolist()


def test_some_of_the_codes_are_drawn_and_the_bound_is_on_the_same_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer, _, stage = trainer_of()
    for _ in range(9):
        trainer.step()
    assert stage.known is not None
    shown: dict[str, list[torch.Tensor]] = {}
    match, bounds = stage.generator.match, stage._bounds
    monkeypatch.setattr(stage.generator, "match", lambda *given: shown.update(latent=[given[1]]) or match(*given))
    monkeypatch.setattr(stage, "_bounds", lambda *given: shown.update(bound=given[2]) or bounds(*given))
    batch = trainer.batches.draw(9, among=stage.cases)
    stage.step(batch)
    last = shown["bound"][-1]
    assert torch.equal(shown["latent"][0][:, -1], last)
    is_drawn, is_own = last == batch.codes[-1], last == stage.values[-1][batch.case]
    assert (is_drawn | is_own).all()
    assert is_drawn.any()
    assert is_own.any()
    assert torch.equal(shown["bound"][0], stage.values[0][batch.case])  # the category stays that of the series


def test_nothing_is_watched_while_nothing_watched_changes() -> None:
    trainer, _, _ = trainer_of(report_every=1)
    watch = CollapseMonitor(trainer)
    trainer.pretraining = None
    due = [step for step in range(1, 14) if watch.due(step)]
    assert due == [13]  # every tenth report would be the tenth, which is in flow matching


def test_steps_that_were_asked_for_stand_on_few_series() -> None:
    assert make_plan(waves()).training.flow_steps == MIN_FLOW_STEPS
    assert make_plan(waves(), settings={"flow_steps": 900}).training.flow_steps == 900


def test_samples_come_from_it_once_all_steps_are_done() -> None:
    trainer, _, _ = trainer_of()
    for _ in trainer.run(lambda: trainer.steps_done == 10):
        pass
    assert not trainer.model.generator.trained
    for _ in trainer.run():
        pass
    assert trainer.model.generator.trained


# ---- windows of a recording


def test_windows_in_their_order_are_learned_with_their_onsets_and_none_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tsinfogan.training.flow_matching.MIN_CASES", 10)
    panel = windows(60, length=16, stride=2)
    trainer = make(panel, max_steps=10, flow_steps=2)  # of 8 series each, so that every fourth is read
    stage = trainer.flow
    assert stage is not None
    assert trainer.model.settings.n_overlapping == 8
    stage.begin(trainer.model.discriminator, trainer.data, trainer.labels)
    assert stage.cases is not None
    assert stage.cases.tolist() == list(range(0, 60, 4))
    onsets, latent = stage.generator.onsets, trainer.model.settings.latent
    assert onsets is not None
    n_categories = latent.codes[0].encoded_size
    torch.testing.assert_close(onsets.codes[[0, -1], -1], stage.values[-1][[0, -1]])
    assert (onsets.scale[:n_categories] > onsets.scale[-1]).all()
    shown: list[torch.Tensor] = []
    match = stage.generator.match
    monkeypatch.setattr(stage.generator, "match", lambda *given: shown.append(given[4]) or match(*given))
    batch = trainer.batches.draw(8, among=stage.cases)
    stage.step(batch)
    torch.testing.assert_close(shown[0], batch.case / 60)


@pytest.mark.parametrize(("panel", "moves"), [(waves(), True), (windows(24), False)], ids=["waves", "windows"])
def test_the_bound_moves_the_network_but_not_for_windows(panel: Panel, moves: bool) -> None:
    after = []
    for weight in (0.1, 100.0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tsinfogan.training.flow_matching.BOUND_WEIGHT", weight)
            trainer = make(panel, max_steps=10, flow_steps=2)
            for _ in range(9):
                stats = trainer.step()
        assert "bound_cat" in stats  # of which a person is told all the same
        assert isinstance(trainer.generator, FlowGenerator)
        after.append(weights(trainer.generator.velocity_network))
    assert any(not torch.equal(one, two) for one, two in zip(*after, strict=True)) == moves


def test_windows_whose_order_is_not_known_have_no_flow_matching() -> None:
    in_order = windows()
    assert make_plan(in_order).model.n_overlapping == 8
    shuffled = in_order.subset(np.random.default_rng(0).permutation(60))
    plan = make_plan(shuffled)
    assert (plan.model.flow, plan.model.n_overlapping) == (False, 0)
    assert "all of them in their order" in " ".join(plan.notes)
    assert make_plan(waves()).model.n_overlapping == 0


def test_the_average_begins_with_the_stage() -> None:
    trainer, generator, _ = trainer_of()
    for _ in range(8):
        trainer.step()
    before = weights(generator.velocity_network)
    trainer.step()
    moved = weights(generator.velocity_network)
    averages = weights(trainer.model.generator.velocity_network)  # type: ignore[arg-type]
    # A tenth of the cases so far is the half-life: after one step, next to nothing is left of the start.
    left = sum((a - b).abs().sum() for a, b in zip(averages, moved, strict=True))
    assert 0 <= left < 0.01 * sum((a - b).abs().sum() for a, b in zip(before, moved, strict=True))


def test_its_rate_rises_and_falls_within_its_own_steps() -> None:
    trainer, _, stage = trainer_of(decay_share=0.4)
    settings = trainer.settings
    rates = []
    for step in range(settings.flow_start, settings.max_steps):
        stage.set_rate(step)
        rates.append(stage.optimizer.param_groups[0]["lr"] / settings.generator_rate)
    rising = [(k + 1) / WARM_UP_STEPS for k in range(5)]
    assert rates == pytest.approx([*rising[:4], rising[4] * 0.5])


def test_late_times_are_the_most_frequent() -> None:
    trainer, generator, stage = trainer_of()
    for _ in range(9):
        trainer.step()
    seen = []
    match = generator.match
    generator.match = lambda *arguments: seen.append(arguments[3]) or match(*arguments)  # type: ignore[method-assign]
    batch = trainer.batches.draw(0)
    stage.step(batch)
    torch.testing.assert_close(seen[0], 1 - batch.time**LATE)
    assert 0 <= batch.time.min() <= batch.time.max() < 1


@pytest.mark.parametrize("recipe", ["gan", "acgan", "cgan"])
def test_only_where_q_learns_from_real_series(recipe: str) -> None:
    plan = make_plan(waves(), recipe=recipe)
    assert (plan.training.flow_steps, plan.model.flow) == (0, False)
    with pytest.raises(SettingError, match="flow_steps"):
        make_plan(waves(), recipe=recipe, settings={"flow_steps": 5})


def test_not_for_images_and_not_if_switched_off() -> None:
    assert not make_plan(images()).model.flow
    assert not isinstance(make(waves(), flow_steps=0).generator, FlowGenerator)
    with pytest.raises(SettingError, match="needs series, not images"):
        make_plan(images(), settings={"flow_steps": 5})


def test_a_plan_of_before_goes_on_without() -> None:
    plan = make_plan(waves(), settings={"flow_steps": 0}).to_dict()
    del plan["training"]["flow_steps"], plan["model"]["flow"], plan["model"]["n_overlapping"]
    again = Plan.from_dict(plan)
    assert (again.training.flow_steps, again.model.flow, again.model.n_overlapping) == (0, False, 0)
