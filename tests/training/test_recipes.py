"""Every command line of docs/recipes.md trains, and does what the page says of it."""

from __future__ import annotations

import math
import os
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch

import tsinfogan.cli
from tsinfogan import datasets
from tsinfogan.data.panel import Panel
from tsinfogan.training.config import RECIPES
from tsinfogan.training.run import Run, find_run
from tsinfogan.training.session import Session, build_model

PAGE = Path(__file__).parents[2] / "docs" / "recipes.md"
N_STEPS = 4


def commands() -> dict[str, list[str]]:
    """Arguments of each command line on the page, by the heading above it."""
    pattern = re.compile(r"^## (.+?)$.*?^```sh\n(.+?)^```", re.MULTILINE | re.DOTALL)
    found = {title: shlex.split(text.replace("\\\n", " ")) for title, text in pattern.findall(PAGE.read_text())}
    assert all(words[:2] == ["tsinfogan", "train"] for words in found.values())
    return {title: words[1:] for title, words in found.items()}


COMMANDS = commands()
over_commands = pytest.mark.parametrize("title", COMMANDS)


def blots(n: int = 40) -> Panel:
    """Bright squares on black, 28 × 28; the label is where they are."""
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 10
    values = rng.uniform(0, 40, (n, 1, 28, 28))
    for image, label in zip(values[:, 0], labels, strict=True):
        row, column = divmod(int(label), 4)
        image[4 + 7 * row : 10 + 7 * row, 2 + 6 * column : 8 + 6 * column] += 200
    return Panel(
        values.astype(np.float32),
        ("intensity",),
        labels=labels,
        classes=tuple("0123456789"),
        name="mnist",
        view="image",
    )


@pytest.fixture(params=["made", "mnist"])
def panel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Panel:
    """What ``--dataset mnist`` loads: images made here, and the first digits of MNIST where there is a local copy."""
    if request.param == "made":
        images = blots()
    elif "TSINFOGAN_DATA" not in os.environ:
        pytest.skip("needs MNIST under TSINFOGAN_DATA")
    else:
        images = datasets.load_dataset("mnist").subset(slice(200))
    monkeypatch.setattr(datasets, "load_dataset", lambda name, split="train": images)
    return images


def train(title: str, runs: Path, *others: str) -> Run:
    """Runs the page's command line, cut to a few small steps, in this process."""
    short = ["--steps", str(N_STEPS), "--batch-size", "8", "--width", "8", "--set", "report_every=1"]
    with pytest.raises(SystemExit) as end:
        tsinfogan.cli.main([*COMMANDS[title], *short, "--device", "cpu", "--runs", str(runs), *others])
    assert end.value.code == 0
    return find_run(runs)


def test_the_page_has_all_programs_and_recipes() -> None:
    assert len(COMMANDS) == 6
    used = {words[words.index("--recipe") + 1] for words in COMMANDS.values()}
    assert used == {"infogan", "cgan", "acgan", "gan"}
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE.read_text(), re.MULTILINE)) == set(RECIPES)


@over_commands
def test_trains(title: str, panel: Panel, tmp_path: Path) -> None:
    run = train(title, tmp_path)
    reports = run.metrics()
    assert [report["step"] for report in reports] == list(range(1, N_STEPS + 1))
    assert all(math.isfinite(value) for report in reports for value in report.values())
    assert {"discriminator", "generator", "bound_cat"} <= {name for report in reports for name in report}
    trained, fresh = run.load_model(), build_model(run.plan, panel)
    for ours, theirs in ((trained.generator, fresh.generator), (trained.discriminator, fresh.discriminator)):
        assert any(not torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))


@over_commands
def test_is_what_the_page_says(title: str, panel: Panel, tmp_path: Path) -> None:
    plan = train(title, tmp_path).plan
    objective, training, discriminator, codes = (
        plan.objective,
        plan.training,
        plan.model.discriminator,
        plan.model.latent.codes,
    )
    assert codes[0].entropy == pytest.approx(math.log(10))
    assert not objective.consistency_weight
    assert not objective.augmented_share
    assert not objective.r1_weight
    facts = {
        "The InfoGAN paper's MNIST": lambda: (
            objective.reward_generator,
            plan.model.latent.size == 62 + 10 + 2,
            (training.discriminator_rate, training.generator_rate) == (2e-4, 1e-3),
        ),
        "The common tutorial InfoGAN": lambda: (
            objective.adversarial == "least_squares",
            training.generator_every == training.recognition_every == 2,
            codes[1].n_parameters == codes[2].n_parameters == 1,
        ),
        "The convolutional CGAN with two input branches": lambda: (
            objective.adversarial == "non_saturating",
            discriminator.label_input == "input_channel",
            plan.model.labelled,
            objective.category_weight == 0,
        ),
        "The fully connected CGAN with a label embedding": lambda: (
            plan.model.backbone == "mlp",
            objective.adversarial == "least_squares",
            discriminator.label_input == "input_channel",
            plan.model.labelled,
        ),
        "ACGAN": lambda: (objective.real_code_weight > 0, discriminator.label_input == "none", plan.model.labelled),
        "A plain GAN with a detached Q": lambda: (
            discriminator.recognition == "detached",
            not objective.reward_generator,
        ),
    }
    assert all(facts[title]())


def resumed(run: Run, panel: Panel) -> Session:
    return Session.resume(run, panel, torch.device("cpu"), torch.float32)


def test_the_tutorials_generator_moves_every_second_step(panel: Panel, tmp_path: Path) -> None:
    reports = train("The common tutorial InfoGAN", tmp_path).metrics()
    assert ["generator" in report for report in reports] == [False, True, False, True]


def test_a_detached_q_leaves_the_trunk_alone(panel: Panel, tmp_path: Path) -> None:
    """The same steps with a Q of another weight: trunk and generator come out the same to the last bit."""
    title = "A plain GAN with a detached Q"
    one, two = (train(title, tmp_path / weight, "--set", f"category_weight={weight}") for weight in ("1", "30"))
    weights = [run.load_model() for run in (one, two)]
    for part in ("trunk", "realness"):
        some, others = (getattr(model.discriminator, part).state_dict() for model in weights)
        assert all(torch.equal(some[name], others[name]) for name in some)
    some, others = (model.generator.state_dict() for model in weights)
    assert all(torch.equal(some[name], others[name]) for name in some)
    rewarded = train(title, tmp_path / "shared", "--recognition", "shared", "--set", "category_weight=30")
    other = rewarded.load_model().discriminator.trunk.state_dict()
    assert any(
        not torch.equal(value, other[name]) for name, value in weights[0].discriminator.trunk.state_dict().items()
    )


def test_the_conditional_discriminators_judge_by_the_label(panel: Panel, tmp_path: Path) -> None:
    for title in ("The convolutional CGAN with two input branches", "The fully connected CGAN with a label embedding"):
        trainer = resumed(train(title, tmp_path / title[:9]), panel).trainer
        labels = trainer.model.settings.latent.codes[0].encode(trainer.labels[:8])
        with torch.no_grad():
            right, wrong = (
                trainer.discriminator(trainer.data[:8], label).realness for label in (labels, labels.roll(1, 1))
            )
        assert not torch.allclose(right, wrong)


def test_acgan_reads_the_labels(panel: Panel, tmp_path: Path) -> None:
    run = train("ACGAN", tmp_path)
    assert all(report["label"] > 0 for report in run.metrics())
    assert torch.equal(resumed(run, panel).trainer.labels, torch.from_numpy(panel.labels))
