"""``tsinfogan train``: from data to a run directory."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import redirect_stderr
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from tsinfogan.cli import _completion as completion
from tsinfogan.cli import _options as shared
from tsinfogan.cli._files import Reading, describe_file, read_dataset, read_file, reads_files
from tsinfogan.cli._options import option
from tsinfogan.cli._output import say
from tsinfogan.errors import DivergedError, RankError, RunError, SettingError, UnknownNameError

if TYPE_CHECKING:
    import torch

    from tsinfogan.data.panel import Panel
    from tsinfogan.training.plan import Plan
    from tsinfogan.training.ranks import Ranks
    from tsinfogan.training.run import Run

DEFAULT_DATASET = "pen_strokes"
GOES_WITH_RESUME = ("resume", "device", "precision", "runs")
code_option, channel_option, network_option, loss_option, step_option = (
    partial(option, panel=panel) for panel in ("Codes", "Channels", "Networks", "Losses", "Steps")
)
SETTING_OPTIONS = {"steps": "max_steps"} | {
    name: name
    for name in (
        *("batch_size", "seed", "generator_rate", "discriminator_rate", "generator_every"),
        *("adversarial", "r1_weight", "recognition", "label_input"),
    )
}
"""Options that are settings of the plan, with the setting's name."""
SIZES = "numbers of categories such as 20 or 10,10,10,10"


@reads_files
def train(
    context: typer.Context,
    asked: Reading,
    dataset: str | None = option(
        f"Dataset, one that `tsinfogan datasets` lists. Default: {DEFAULT_DATASET}.", autocompletion=completion.datasets
    ),
    data: Path | None = option(
        "Your own csv, parquet, arrow, npz, ts or arff: case,time,<channels…>[,label]; see the docs. Default: "
        "the dataset.",
        metavar="FILE",
    ),
    recipe: str | None = option(
        "What is trained for: infogan, gan, cgan, acgan or semi_supervised. Default: infogan, or "
        "semi_supervised if labels are known for some cases only.",
        autocompletion=completion.one_of(*completion.RECIPES),
    ),
    labels_per_class: int | None = option(
        "Keep the labels of N cases of each class only. Default: keep all.", metavar="N", min=1
    ),
    cat: str | None = code_option(
        "Categories of each categorical code: 20, or 10,10,10,10, or none. Default: one code with as many as the "
        "dataset suggests, else as the data has classes, else as many kinds as parts of the series agree "
        "on; 10 for images and for fewer than 50 series.",
        metavar="K[,K…]",
    ),
    cont: int | None = code_option("Number of continuous codes. Default: 2, or what the dataset suggests.", min=0),
    noise: int | None = code_option("Number of noise dimensions. Default: 32, or what the dataset suggests.", min=0),
    continuous_prior: str = code_option("Prior of continuous codes: uniform or normal.", default="uniform"),
    category_prior: str = code_option(
        "Prior of the categories: uniform, or data for the frequencies of the classes.", default="uniform"
    ),
    posterior: str = code_option(
        "Scale of Q for continuous codes: learned, or fixed, which makes their loss a squared error.", default="learned"
    ),
    scaling: list[str] | None = channel_option(
        "How channels are scaled for the networks: auto (robust if tails are heavy, else standard), standard, "
        "robust or quantile; volume=robust for one channel. Repeatable. Default: auto.",
        metavar="[CHANNEL=]HOW",
    ),
    bounds: list[str] | None = channel_option(
        "Limits of the samples of a channel: observed (the range of the data), none, or auto (an end of that range "
        "that the data often touches); soc=observed for one channel. Repeatable. Default: auto.",
        metavar="[CHANNEL=]WHERE",
    ),
    backbone: str | None = network_option(
        "conv1d, gru, image, mlp or your own. Default: conv1d for series, image for images.",
        autocompletion=completion.backbones,
    ),
    width: int | None = network_option("Width of the networks. Default: 128 for mlp, 32 for the others.", min=1),
    recognition: str | None = network_option(
        "Where Q gets its features: shared (from the discriminator's trunk), own (from a trunk of its own) or "
        "detached (shared, without changing them). Default: shared; detached for gan."
    ),
    label_input: str | None = network_option(
        "How the discriminator gets the label: none, projection, embedding or input_channel. Default: none; "
        "projection for cgan."
    ),
    adversarial: str | None = loss_option(
        "Adversarial loss: non_saturating, least_squares or relativistic. Default: non_saturating."
    ),
    r1_weight: float | None = loss_option("Weight of the gradient penalty on real series. Default: 1."),
    augmentations: list[str] | None = loss_option(
        "Change one augmentation, a random change that leaves the class of a series as it is, such as "
        "time_scale=0.1; a wrong name lists them; or none. Repeatable. Default: the dataset's own; for a file "
        "time_scale=0.1, time_shift=0.05, amplitude=0.1, offset=0.1, noise=0.05.",
        "--augment",
        metavar="NAME=VALUE",
    ),
    cont_follows: list[str] | None = code_option(
        "Have the next continuous code follow this augmentation: time_scale, time_shift, amplitude, rotation_rad, "
        "shear, stretch or gain, if the data has it; or none. Repeatable. Default: the dataset's own, else none.",
        metavar="AUGMENTATION",
    ),
    steps: int | None = step_option(
        "Steps of training. Default: 7000; 5000 without flow matching; 4500 for image; fewer for few series."
    ),
    batch_size: int | None = step_option("Cases in each step. Default: 128; 64 or 32 where series are long."),
    generator_rate: float | None = step_option("Learning rate of the generator. Default: 0.001."),
    discriminator_rate: float | None = step_option("Learning rate of discriminator and Q. Default: 0.0005."),
    generator_every: int | None = step_option("Steps of the discriminator for each step of the generator. Default: 1."),
    seed: int | None = step_option("Seed of all random numbers. Default: 0."),
    seeds: int = step_option(
        "Train N candidates, seeds from --seed on, and keep the one whose categories agree best with the others.",
        default=1,
        min=1,
        metavar="N",
    ),
    others: list[str] | None = step_option(
        "Any other setting, such as r2_weight=1; a wrong name lists them. Repeatable. Default: the recipe's own.",
        "--set",
        metavar="NAME=VALUE",
    ),
    device: str = shared.DEVICE,
    precision: str = option(
        "Precision of products: auto, float32 or bf16; auto takes bf16 where that is measured to be faster. A resumed "
        "run keeps its own.",
        default="auto",
    ),
    runs: Path = shared.RUNS,
    resume: str | None = option(
        "Go on with an interrupted run, with its settings: its name or path, or last. Default: a new run.",
        metavar="RUN",
        autocompletion=completion.runs,
    ),
    dry_run: bool = option("Print the resolved plan as JSON and stop.", "--dry-run", default=False),
) -> None:
    """Train a model on a dataset, or on your own file, and keep it in a run directory.

    Ctrl-C saves, and so does a closed terminal; --resume goes on exactly.
    """
    from tsinfogan.training.ranks import joined

    ranks = context.with_resource(joined(device))
    if ranks.rank:
        if not dry_run:
            _follow(ranks, device, precision)
        return
    if ranks.size > 1 and seeds > 1:
        raise _one_process("--seeds")
    if resume is not None:
        _refuse_beside_resume(context)
        _resume(ranks, runs, resume, device, precision)
        return
    from tsinfogan.cli._labels import choose_recipe, hide_labels
    from tsinfogan.cli._parsing import parse_augmentations
    from tsinfogan.cli._running import run_candidates, run_session
    from tsinfogan.devices import Computing, choose_device, choose_precision, leave_busy_processors
    from tsinfogan.training.candidates import Candidates
    from tsinfogan.training.config import TrainingSettings
    from tsinfogan.training.plan import make_plan
    from tsinfogan.training.session import Session

    settings, choices = _settings(context.params), _choices(context.params)
    where = choose_device(device)
    dtype = choose_precision(precision, where)
    source: dict[str, Any] = (
        {"file": str(data.resolve()), **asked.to_dict()} if data else {"dataset": dataset or DEFAULT_DATASET}
    )
    panel = parse_augmentations(_panel(source, asked), augmentations or ())
    if labels_per_class is not None:
        panel, kept = hide_labels(panel, labels_per_class, settings.get("seed", TrainingSettings.seed))
        source |= kept
    recipe = choose_recipe(recipe, panel, labels_per_class)
    plan = make_plan(panel, recipe=recipe, settings=settings, **choices)
    if where.type == "cpu" and (busy := leave_busy_processors()):
        say(busy)
    if dry_run:
        _print_plan(plan, panel, source, seeds, where, dtype)
    elif seeds > 1:
        candidates = Candidates.start(runs, plan, panel, source, seeds, Computing.here(where, dtype))
        run_candidates(candidates, panel, runs, where, dtype)
    else:
        session = Session.start(runs, plan, panel, source, where, dtype, ranks)
        ranks.tell(str(session.run.path.resolve()))
        run_session(session, panel, runs)


def _settings(options: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by name: those with an option of their own, then those of ``--set``."""
    from tsinfogan.cli._parsing import parse_setting

    own = [f"{setting}={options[option]}" for option, setting in SETTING_OPTIONS.items() if options[option] is not None]
    return dict(map(parse_setting, [*own, *(options["others"] or ())]))


def _choices(options: Mapping[str, Any]) -> dict[str, Any]:
    """Further arguments of ``make_plan``: what the dataset suggests, then what was given."""
    from tsinfogan.cli._parsing import parse_choice, parse_counts
    from tsinfogan.datasets import get_dataset

    if options["posterior"] not in ("learned", "fixed"):
        raise UnknownNameError("posterior", options["posterior"], ("learned", "fixed"))
    if options["dataset"] and options["data"]:
        raise SettingError("--dataset and --data both name the data; give one of them")
    suggested = {} if options["data"] else get_dataset(options["dataset"] or DEFAULT_DATASET).suggestions
    followed = tuple(options["cont_follows"] or ())
    given = {name: options[name] for name in ("backbone", "width", "continuous_prior", "category_prior")} | {
        "n_categories": None if options["cat"] is None else parse_counts(options["cat"], "--cat", SIZES),
        "n_continuous": options["cont"],
        "noise_dim": options["noise"],
        "posterior_scale": 1.0 if options["posterior"] == "fixed" else None,
        "scaling": parse_choice(options["scaling"]) if options["scaling"] else None,
        "bounds": parse_choice(options["bounds"]) if options["bounds"] else None,
        "cont_follows": () if followed == ("none",) else followed or None,
    }
    return {**suggested, **{name: value for name, value in given.items() if value is not None}}


def _panel(source: Mapping[str, Any], asked: Reading) -> Panel:
    """The training data of a dataset or a file."""
    if "dataset" in source:
        return read_dataset(source["dataset"], asked=asked)
    from tsinfogan.data.panel import check_trainable

    path = Path(source["file"])
    panel = read_file(path, asked)
    check_trainable(panel)
    say(describe_file(path, asked, panel))
    return panel


def _print_plan(
    plan: Plan, panel: Panel, source: Mapping[str, Any], n_seeds: int, device: torch.device, precision: torch.dtype
) -> None:
    from tsinfogan.cli._running import count_parameters, say_choices, say_unused
    from tsinfogan.training.selection import with_seeds
    from tsinfogan.training.session import build_model

    model = build_model(plan, panel)
    resolved = {
        "data": source,
        "plan": plan.to_dict(),
        "augmentations": panel.augmentations.to_dict(),
        "scaling": dict(zip(panel.channels, model.preprocessor.scalings, strict=True)),
        "seeds": [each.training.seed for each in with_seeds(plan, n_seeds)],
        "device": str(device),
        "precision": str(precision).removeprefix("torch."),
        **count_parameters(model),
    }
    say_choices(plan)
    say_unused(plan)
    print(json.dumps(resolved, indent=1))


def _refuse_beside_resume(context: typer.Context) -> None:
    for name in context.params:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE" and name not in GOES_WITH_RESUME:
            raise SettingError(
                "--resume goes on with the settings of the run, so it cannot stand beside other options than "
                f"--device, --precision and --runs, got {name.replace('_', '-')!r}; leave it out, or train a new run"
            )


def _resume(ranks: Ranks, runs: Path, name: str, device: str, precision: str) -> None:
    from tsinfogan.cli._running import run_candidates, run_session
    from tsinfogan.devices import as_before
    from tsinfogan.training.candidates import Candidates, find_last
    from tsinfogan.training.run import find_run
    from tsinfogan.training.session import Session

    run = find_last(runs, say) if name == "last" else find_run(runs, name, say)
    where, dtype = as_before(device, precision, run.config.get("computing", {}), ranks.size)
    if not {"dataset", "file"} & set(run.data):
        raise RunError(f"run {run.name} was not trained from the command line; go on with it in Python")
    candidates = Candidates.open(run)
    if candidates is not None and candidates.chosen:
        raise _finished(runs, run.name, f"seed {candidates.chosen.seed} is chosen", "--seeds")
    if candidates is not None:
        if ranks.size > 1:
            raise _one_process("a run of several --seeds")
        run_candidates(candidates, _panel_of(run), runs, where, dtype)
        return
    panel = _panel_of(run)
    ranks.tell(str(run.path.resolve()))
    session = Session.resume(run, panel, where, dtype, ranks)
    if session.complete:
        raise _finished(runs, run.name, f"all {session.trainer.steps_done} steps of it", "--steps")
    run_session(session, panel, runs)


def _panel_of(run: Run) -> Panel:
    """What a run is trained on."""
    from tsinfogan.cli._labels import KEPT
    from tsinfogan.data.labels import keep_labels

    panel = _panel(run.data, Reading.from_dict(run.data))
    return keep_labels(panel, run.data[KEPT]) if KEPT in run.data else panel


def _follow(ranks: Ranks, device: str, precision: str) -> None:
    """Trains along with the first rank, which says what there is to say, on the run that it names."""
    from tsinfogan.cli._signals import stop_signals
    from tsinfogan.devices import as_before
    from tsinfogan.training.run import Run
    from tsinfogan.training.session import restored

    try:
        run = Run.open(Path(ranks.tell()))
        where, dtype = as_before(device, precision, run.config.get("computing", {}), ranks.size)
        with Path(os.devnull).open("w") as nowhere, redirect_stderr(nowhere):
            panel = _panel_of(run)
        trainer = restored(run, panel, where, dtype, ranks)
        with stop_signals() as came:
            for _ in trainer.run(lambda: bool(came)):
                pass
    except (RankError, DivergedError):
        raise typer.Exit(2) from None


def _one_process(what: str) -> SettingError:
    return SettingError(f"{what} is trained by one process; start it without torchrun, or give one seed")


def _finished(runs: Path, name: str, how: str, more: str) -> SettingError:
    sample = shared.command_for(runs, "sample", "--model", name)
    return SettingError(
        f"run {name} is finished, {how}; sample from it with `{sample}`, or train a new run with more {more}"
    )
