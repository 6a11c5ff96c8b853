"""Unused and duplicate categories: known ones are found, good ones left in peace."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from _trainers import make, waves
from tsinfogan.cli._progress import progress
from tsinfogan.models.codes import LatentSpec
from tsinfogan.training.monitor import Collapse, CollapseMonitor, alike_of, collapse_of
from tsinfogan.training.plan import make_plan
from tsinfogan.training.session import Session
from tsinfogan.training.trainer import Report

N_VIEWS, N_CASES, K = 3, 400, 4
UNIFORM = torch.full((K,), 1 / K)


def logits_of(categories: Tensor) -> Tensor:
    """Logits ``(v, n, K)`` of certain categories ``(v, n)``."""
    return 9.0 * F.one_hot(categories, K)


def good() -> Tensor:
    return (torch.arange(N_CASES) % K).repeat(N_VIEWS, 1)


def changed(share: float, some: int, other: int) -> Tensor:
    """In each view, another tenth, or so, of the cases of two categories is given the other one."""
    categories = good()
    for view in range(N_VIEWS):
        for here, there in ((some, other), (other, some)):
            members = (good()[view] == here).nonzero().flatten()
            n = round(share * len(members))
            categories[view, members[view * n : (view + 1) * n]] = there
    return categories


def test_good_categories_are_left_in_peace() -> None:
    assert collapse_of(logits_of(good()), UNIFORM) == Collapse()
    assert str(Collapse()) == ""


@pytest.mark.parametrize(("share", "found"), [(0.005, ()), (0.01, ()), (0.3, ((1, 3),))])
def test_pairs_that_swap_their_cases(share: float, found: tuple[tuple[int, int], ...]) -> None:
    collapse = collapse_of(logits_of(changed(share, 1, 3)), UNIFORM)
    assert collapse == Collapse(duplicates=found)


def test_a_class_split_at_random() -> None:
    torch.manual_seed(0)
    categories = good()
    both = categories >= 2
    categories[both] = 2 + torch.randint(2, (int(both.sum()),))
    assert collapse_of(logits_of(categories), UNIFORM) == Collapse(duplicates=((2, 3),))


def test_unused_categories() -> None:
    categories = good()
    categories[categories == 3] = 0
    assert collapse_of(logits_of(categories), UNIFORM) == Collapse(dead=(3,))
    assert collapse_of(logits_of(categories), torch.tensor([0.5, 0.25, 0.249, 0.001])) == Collapse()
    everything = collapse_of(logits_of(torch.zeros_like(categories)), UNIFORM)
    assert everything == Collapse(dead=(1, 2, 3))
    assert str(everything) == "categories 1, 2 and 3 are unused"


def test_few_cases_prove_nothing() -> None:
    few = good()[:, : 7 * K]
    assert collapse_of(logits_of(torch.zeros_like(few)), UNIFORM) == Collapse()
    swapped = few.clone()
    swapped[1] = 3 - swapped[1]
    assert collapse_of(logits_of(swapped), UNIFORM) == Collapse()


def test_one_line_for_a_person() -> None:
    collapse = Collapse((9,), ((4, 17),))
    assert str(collapse) == "categories 4 and 17 share their series; category 9 is unused"
    many = Collapse((1, 2), tuple((0, k) for k in range(3, 8)))
    assert str(many).endswith(
        "categories 0 and 5 share their series; and 2 more pairs of them; categories 1 and 2 are unused"
    )


def test_a_remark_is_printed_when_it_changes(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(LatentSpec(2), 0, 100, "candidate 2 of 5, seed 1") as (show, _):
        for step, remark in enumerate(("", "one", "one", "two", "", "two"), start=1):
            show(Report(step, {}, 1.0, 1.0), remark)
    lines = [line for line in capsys.readouterr().err.splitlines() if ": " in line]
    remarks = ((2, "one"), (4, "two"), (6, "two"))
    assert lines == [f"candidate 2 of 5, seed 1, step {step}: {text}" for step, text in remarks]


def test_a_pass_beside_the_steps_gets_a_line_once_it_takes_long(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    told = [(100, "reading codes", 0), (101, "reading codes", 0.2), (102, "naming", 0), (103.9, "naming", 0.1)]
    told += [(104.1, "naming", 0.2), (105, "naming", 0.3), (106.2, "naming", 0.9)]
    with progress(LatentSpec(2), 0, 100) as (_, tell):
        for now[0], what, share in told:
            tell(what, share)
    assert capsys.readouterr().err.splitlines() == ["naming 20%", "naming 90%"]


def test_looks_in_the_game_alone_and_now_and_then() -> None:
    trainer = make(
        waves(), max_steps=60, pretraining_steps=30, pretraining_restarts=1, split_merge_rounds=0, report_every=2
    )
    watch = CollapseMonitor(trainer)
    looked = [report.step for report in trainer.run() if watch.due(report.step)]
    assert looked == [40, 60]


def test_codes_that_are_not_found_in_real_series_are_not_watched() -> None:
    for recipe in ("gan", "acgan", "cgan"):
        watch = CollapseMonitor(make(waves(), recipe))
        assert not watch.due(40)


def test_watching_changes_nothing() -> None:
    alone, watched = make(waves(), max_steps=4), make(waves(), max_steps=4)
    watch = CollapseMonitor(watched)
    for _ in range(4):
        alone.step()
        watched.step()
        watch.look()
    for name, value in alone.state_dict().items():
        assert torch.equal(value, watched.state_dict()[name]), name


def test_metrics_hold_what_was_seen(tmp_path: Path) -> None:
    panel = waves(80)
    settings = {"max_steps": 12, "pretraining_steps": 0, "batch_size": 4, "report_every": 1, "flow_steps": 0}
    plan = make_plan(panel, width=4, noise_dim=2, settings=settings)
    session = Session.start(tmp_path, plan, panel, {}, torch.device("cpu"), torch.float32)
    with torch.no_grad():
        session.trainer.discriminator.q[-1].bias[0] = 100.0  # type: ignore[index, union-attr]
        session.trainer.model.discriminator.q[-1].bias[0] = 100.0  # type: ignore[index, union-attr]
    seen = [str(session.collapse) for _ in session.train()]
    assert [each.partition(";")[0] for each in seen] == [""] * 9 + ["category 1 is unused"] * 3
    lines = [json.loads(line) for line in (session.run.path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "dead_categories" in line] == [10, 12]
    assert lines[-1]["dead_categories"] == [1]
    assert lines[-1]["duplicate_pairs"] == []
    assert all(math.isfinite(line["discriminator"]) for line in lines)


def test_samples_of_a_category_that_are_all_alike() -> None:
    rng = torch.Generator().manual_seed(0)
    real = [torch.randn(40, 2, 16, generator=rng) for _ in range(4)]
    wide = [torch.randn(64, 2, 16, generator=rng) for _ in range(4)]
    assert alike_of(wide, real) == ()
    collapsed = [wide[0], 0.3 * wide[1], 0.8 * wide[2], 5 + 0.01 * wide[3]]
    assert alike_of(collapsed, real) == (1, 3)
    assert alike_of(collapsed, [*real[:3], real[3][:5]]) == (1,)  # too few real series to tell
    assert str(Collapse(alike=(1, 3))) == "samples are alike in 2 categories, such as 1"


def test_a_generator_without_variety_is_seen_late_in_the_training() -> None:
    trainer = make(waves(40), max_steps=20, report_every=1)
    watch = CollapseMonitor(trainer)
    for weight in trainer.model.generator.parameters():
        weight.data.zero_()
    assert watch.look().alike == ()  # samples may still spread
    trainer.steps_done = 20
    named = watch.look().alike
    assert named
    assert "samples are alike" in str(watch.look())
