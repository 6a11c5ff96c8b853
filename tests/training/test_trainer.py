"""The trainer: what is random, what happens when, and that there is something to learn from."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from _trainers import equal, images, make, moved_steps, phases, stage_for, tensors, waves, weights
from tsinfogan.data.panel import Panel
from tsinfogan.errors import DivergedError, SettingError
from tsinfogan.models.model import Model
from tsinfogan.sampling.inference import encode
from tsinfogan.sampling.sampler import sample
from tsinfogan.training.config import Objective, TrainingSettings
from tsinfogan.training.plan import make_plan
from tsinfogan.training.run import Run
from tsinfogan.training.session import Session, build_model, make_trainer

CPU = torch.device("cpu")


def test_draws_of_a_step_depend_on_seed_and_number_alone() -> None:
    fresh, used = make(waves(), seed=5), make(waves(), seed=5)
    torch.manual_seed(123)
    used.step()
    used.step()
    assert equal(tensors(fresh.batches.draw(7)), tensors(used.batches.draw(7)))
    for other in (make(waves(), seed=6).batches.draw(7), fresh.batches.draw(8)):
        for name, one, two in zip(other._fields, fresh.batches.draw(7), other, strict=True):
            if name not in ("real_label", "pseudo_label"):  # known of the data, or not yet
                assert not equal(tensors([one]), tensors([two])), name


@pytest.mark.parametrize(("n_cases", "batch_size"), [(10, 4), (5, 12), (8, 8), (3, 1)])
def test_every_case_comes_once_an_epoch(n_cases: int, batch_size: int) -> None:
    trainer = make(waves(n_cases), batch_size=batch_size)
    drawn = torch.cat([trainer.batches.next_cases(number) for number in range(n_cases)]).tolist()
    assert len(drawn) == n_cases * batch_size
    epochs = [drawn[first : first + n_cases] for first in range(0, len(drawn), n_cases)]
    assert all(sorted(epoch) == list(range(n_cases)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1 or len(epochs) == 1


def test_a_batch_larger_than_the_data_trains() -> None:
    trainer = make(waves(5), batch_size=12)
    stats = trainer.step()
    assert Counter(trainer.batches.next_cases(0).tolist()).total() == 12
    assert all(value.isfinite() for value in stats.values())


RESUMED = [
    pytest.param("conv1d", "infogan", {}, id="conv1d"),
    pytest.param("gru", "acgan", {}, id="gru-acgan"),
    pytest.param("mlp", "cgan", {"adversarial": "least_squares"}, id="mlp-cgan"),
    pytest.param("image", "gan", {"adversarial": "relativistic", "r2_weight": 0.1}, id="image-gan"),
    pytest.param("conv1d", "infogan", {"generator_every": 2, "recognition_every": 3}, id="lazy phases"),
]


@pytest.mark.parametrize(("backbone", "recipe", "settings"), RESUMED)
def test_interrupted_and_resumed_is_uninterrupted_to_the_last_bit(
    tmp_path: Path, backbone: str, recipe: str, settings: dict[str, Any]
) -> None:
    panel = images() if backbone == "image" else waves()
    settings = {
        "batch_size": 5,
        "max_steps": 9,
        "report_every": 4,
        "penalty_every": 2,
        **settings,
    }
    if recipe == "infogan":  # elsewhere there is none, and asking for it is refused
        settings["pretraining_steps"] = 3
    plan = make_plan(panel, recipe=recipe, backbone=backbone, width=4, noise_dim=3, settings=settings)

    whole = Session.start(tmp_path / "whole", plan, panel, {}, CPU, torch.float32)
    for _ in whole.train():
        pass
    session = Session.start(tmp_path / "parts", plan, panel, {}, CPU, torch.float32)
    for last_step in (1, 2, 4, 7, 9):
        for _ in session.train(lambda last=last_step: session.trainer.steps_done >= last):  # noqa: B023
            pass
        assert session.trainer.steps_done == last_step
        if last_step < 9:
            session = Session.resume(Run.open(session.run.path), panel, CPU, torch.float32)
            layouts = [
                [p.stride() for network in (t.generator, t.discriminator) for p in network.parameters()]
                for t in (session.trainer, whole.trainer)
            ]
            assert layouts[0] == layouts[1]
    for name in ("model.safetensors", "samples.png"):
        assert (session.run.path / name).read_bytes() == (whole.run.path / name).read_bytes(), name
    assert not equal(weights(whole.trainer.generator), weights(build_model(plan, panel).generator))


# ---- who moves whom


def test_generator_every() -> None:
    trainer = make(waves(), generator_every=3)
    assert moved_steps(trainer, trainer.generator, 7) == [3, 6]


def test_recognition_every() -> None:
    trainer = make(waves(), recognition_every=2)
    assert moved_steps(trainer, trainer.discriminator.q, 6) == [2, 4, 6]
    assert moved_steps(trainer, trainer.discriminator.trunk, 3) == [1, 2, 3]


@pytest.mark.parametrize(("recipe", "n_categories"), [("gan", (2,)), ("infogan", ())])
def test_without_categories_adversarial_training_begins_at_once(recipe: str, n_categories: tuple[int, ...]) -> None:
    panel = waves()
    settings = {"batch_size": 8, "max_steps": 40}
    plan = make_plan(panel, recipe=recipe, n_categories=n_categories, width=4, noise_dim=3, settings=settings)
    trainer = make_trainer(plan, build_model(plan, panel), panel)
    assert moved_steps(trainer, trainer.generator, 2) == [1, 2]


def test_penalty_every_is_as_many_times_stronger() -> None:
    trainer = make(waves(), penalty_every=3, r1_weight=1.0, r2_weight=1.0)
    assert ["penalty" in trainer.step() for _ in range(7)] == [True, False, False, True, False, False, True]

    batch, stage = trainer.batches.draw(0), stage_for(trainer, Objective(r1_weight=2.0))
    generated = trainer.generator(batch.latent, batch.injected_noise).detach()
    without, once, thrice = (stage.discriminator_loss(batch, generated, phases(penalty=k)) for k in (0, 1, 3))
    assert once[1]["penalty"] > 0
    torch.testing.assert_close(once[0] - without[0], 2 * once[1]["penalty"], rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(thrice[0] - without[0], 6 * once[1]["penalty"], rtol=1e-3, atol=1e-5)
    assert "penalty" not in make(waves(), r1_weight=0.0).step()


def test_learning_rates_fall_linearly_at_the_end() -> None:
    trainer = make(waves(), max_steps=10, decay_share=0.5, generator_rate=4e-3, discriminator_rate=2e-3)
    rates = []
    for _ in range(10):
        trainer.step()
        rates.append(
            [
                o.param_groups[0]["lr"]
                for o in (trainer.adversarial.generator_optimizer, trainer.adversarial.discriminator_optimizer)
            ]
        )
    factors = np.array([1, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2])
    np.testing.assert_allclose(rates, factors[:, None] * [4e-3, 2e-3], rtol=1e-9)


def test_averaged_weights_follow_the_closed_form() -> None:
    """After n steps Σ_i w_i Π_j>i (1 − w_j) θ_i, with 1 − w_i = 2^(−batch / h_i) and h_i the half life, but a tenth of
    the cases so far at most; θ_0 counts for what is left.
    """
    trainer = make(waves(), ema_half_life_cases=4)  # batches of 8: the fifth step reaches it
    histories = [[p] for p in weights(trainer.generator) + weights(trainer.discriminator)]
    n = 8
    for _ in range(n):
        trainer.step()
        for history, p in zip(histories, weights(trainer.generator) + weights(trainer.discriminator), strict=True):
            history.append(p)
    keep = np.array([0.5 ** (8 / min(4, 0.1 * 8 * step)) for step in range(1, n + 1)])
    shares = [np.prod(keep), *((1 - keep[i]) * np.prod(keep[i + 1 :]) for i in range(n))]
    assert sum(shares) == pytest.approx(1)
    averages = weights(trainer.model.generator) + weights(trainer.model.discriminator)
    for history, average in zip(histories, averages, strict=True):
        expected = sum(share * parameter for share, parameter in zip(shares, history, strict=True))
        torch.testing.assert_close(average, expected, rtol=1e-5, atol=1e-6)


def test_reports_are_means_over_the_steps_since_the_last() -> None:
    trainer, twin = make(waves(), max_steps=7, report_every=3), make(waves(), max_steps=7, report_every=3)
    steps = [twin.step() for _ in range(7)]
    reports = list(trainer.run())
    assert [report.step for report in reports] == [3, 6, 7]
    for report, part in zip(reports, (steps[:3], steps[3:6], steps[6:]), strict=True):
        expected = {name: np.mean([float(s[name]) for s in part if name in s]) for s in part for name in s}
        assert report.stats == pytest.approx(expected, rel=1e-5)


def test_stopping_ends_with_a_report() -> None:
    trainer = make(waves(), report_every=10)
    assert [report.step for report in trainer.run(lambda: trainer.steps_done == 4)] == [4]


def test_a_loss_that_is_not_finite_stops_training() -> None:
    trainer = make(waves(), report_every=2)
    with torch.no_grad():
        next(trainer.discriminator.realness.parameters()).fill_(math.nan)
    with pytest.raises(
        DivergedError, match=r"before step 2: discriminator.* is not finite; lower `discriminator_rate`"
    ) as e:
        list(trainer.run())
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(
    "settings",
    [{"batch_size": 0}, {"max_steps": 0}, {"discriminator_rate": 0.0}, {"ema_half_life_cases": 0}, {"beta1": 1.0}],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="rates|" + next(iter(settings))):
        TrainingSettings(**settings)


# ---- labels


def trained(recipe: str) -> tuple[Model, float, Panel]:
    panel = waves(96)
    settings = {
        "max_steps": 200 if recipe == "infogan" else 300,
        "batch_size": 32,
        "report_every": 50,
        "ema_half_life_cases": 500,
    }
    if recipe == "infogan":
        settings |= {"pretraining_steps": 60, "split_merge_rounds": 1, "flow_steps": 0}
    plan = make_plan(panel, recipe=recipe, width=8, noise_dim=4, n_continuous=0, settings=settings)
    model = build_model(plan, panel)
    *_, last = make_trainer(plan, model, panel).run()
    return model, last.stats["bound_cat"], panel


def agreement(categories: np.ndarray, kinds: np.ndarray) -> float:
    share = float((categories == kinds).mean())
    return max(share, 1 - share)


def test_infogan_finds_the_two_kinds_of_wave() -> None:
    model, bound, panel = trained("infogan")
    assert bound > 0.5 * math.log(2)
    assert panel.labels is not None
    assert agreement(encode(model, panel)["cat"], panel.labels) > 0.9
    slow_or_fast = []
    for category in (0, 1):
        values = sample(model, 40, cat=category).panel.values[:, 0]
        slow_or_fast.append(np.abs(np.diff(values, axis=1)).mean() / np.abs(values).mean())
    assert max(slow_or_fast) > 1.5 * min(slow_or_fast)


def test_a_gan_that_nobody_rewards_hides_its_code() -> None:
    _, bound, _ = trained("gan")
    assert bound < 0.2 * math.log(2)
