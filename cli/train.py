"""``tsinfogan train``: from data to a run directory."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tsinfogan.cli._files import (
    COLUMNS,
    WINDOWS,
    CaseColumnOption,
    ChannelsOption,
    LabelColumnOption,
    Reading,
    StrideOption,
    TimeColumnOption,
    WindowOption,
    describe_file,
    read_file,
    reading,
    refuse_without_file,
    say_notes,
)
from tsinfogan.cli._options import DEFAULT_RUNS, DeviceOption, RunsOption, command_for
from tsinfogan.errors import RunError, SettingError, UnknownNameError

if TYPE_CHECKING:
    from tsinfogan.data.panel import Panel

DEFAULT_DATASET = "pen_strokes"
GOES_WITH_RESUME = ("resume", "device", "precision", "runs")
CODES, NETWORKS, LOSSES, STEPS, PLACE = "Codes", "Networks", "Losses", "Steps", "Where and what to keep"
CHANNELS = "Channels"
SETTING_OPTIONS = {
    "steps": "max_steps",
    "batch_size": "batch_size",
    "seed": "seed",
    "generator_rate": "generator_rate",
    "discriminator_rate": "discriminator_rate",
    "generator_every": "generator_every",
    "adversarial": "adversarial",
    "r1_weight": "r1_weight",
    "recognition": "recognition",
    "label_input": "label_input",
}
"""Options that are settings of the plan, with the setting's name."""


def train(
    context: typer.Context,
    dataset: Annotated[
        str | None, typer.Option(help=f"Dataset, see `tsinfogan datasets`. Default: {DEFAULT_DATASET}.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Your own csv, parquet, arrow, npz, ts or arff: case,time,<channels…>[,label]; see the docs.",
        ),
    ] = None,
    case_column: CaseColumnOption = None,
    time_column: TimeColumnOption = None,
    label_column: LabelColumnOption = None,
    channels: ChannelsOption = None,
    window: WindowOption = None,
    stride: StrideOption = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="infogan, gan, cgan, acgan or semi_supervised. Default: infogan, or semi_supervised where labels are "
            "known for some cases only."
        ),
    ] = None,
    labels_per_class: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Keep the labels of N cases of each class and hide the others."),
    ] = None,
    cat: Annotated[
        str | None,
        typer.Option(
            metavar="K[,K…]",
            help="Categories of each categorical code: 20, or 10,10,10,10, or none. Default: what suits the data.",
            rich_help_panel=CODES,
        ),
    ] = None,
    cont: Annotated[
        int | None,
        typer.Option(min=0, help="Number of continuous codes. Default: what suits the data.", rich_help_panel=CODES),
    ] = None,
    noise: Annotated[
        int | None,
        typer.Option(min=0, help="Noise dimensions. Default: what suits the data.", rich_help_panel=CODES),
    ] = None,
    continuous_prior: Annotated[
        str, typer.Option(help="Prior of continuous codes: uniform or normal.", rich_help_panel=CODES)
    ] = "uniform",
    category_prior: Annotated[
        str, typer.Option(help="Categories drawn uniform, or as often as in the data: data.", rich_help_panel=CODES)
    ] = "uniform",
    posterior: Annotated[
        str,
        typer.Option(
            help="Scale of Q for continuous codes: learned, or fixed, which makes their loss a squared error.",
            rich_help_panel=CODES,
        ),
    ] = "learned",
    scaling: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[CHANNEL=]HOW",
            help="How channels are scaled for the networks: auto (robust where tails are heavy, else standard), "
            "standard, robust or quantile; volume=robust for one channel. Repeatable.",
            rich_help_panel=CHANNELS,
        ),
    ] = None,
    bounds: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[CHANNEL=]WHERE",
            help="Where samples of a channel end: auto (at the range seen where the data often touches its end), "
            "observed (at the range seen) or none; soc=observed for one channel. Repeatable.",
            rich_help_panel=CHANNELS,
        ),
    ] = None,
    backbone: Annotated[
        str | None,
        typer.Option(
            help="conv1d, gru, image, mlp or your own. Default: what suits the data.", rich_help_panel=NETWORKS
        ),
    ] = None,
    width: Annotated[
        int | None,
        typer.Option(min=1, help="Width of the networks. Default: the backbone's.", rich_help_panel=NETWORKS),
    ] = None,
    recognition: Annotated[
        str | None,
        typer.Option(
            help="Where Q gets its features: shared, own or detached. Default: the recipe's.",
            rich_help_panel=NETWORKS,
        ),
    ] = None,
    label_input: Annotated[
        str | None,
        typer.Option(
            help="How the discriminator sees the label: none, projection, embedding or input_channel. Default: the recipe's.",
            rich_help_panel=NETWORKS,
        ),
    ] = None,
    adversarial: Annotated[
        str | None,
        typer.Option(help="The game: non_saturating, least_squares or relativistic.", rich_help_panel=LOSSES),
    ] = None,
    r1_weight: Annotated[
        float | None,
        typer.Option(help="Weight of the gradient penalty on real series.", rich_help_panel=LOSSES),
    ] = None,
    augmentations: Annotated[
        list[str] | None,
        typer.Option(
            "--augment",
            metavar="NAME=VALUE",
            help="Change one augmentation that leaves a series what it is, such as time_scale=0.1; or none. Repeatable.",
            rich_help_panel=LOSSES,
        ),
    ] = None,
    cont_follows: Annotated[
        list[str] | None,
        typer.Option(
            metavar="AUGMENTATION",
            help="Have the next continuous code follow this augmentation, such as rotation_rad; or none. Repeatable. "
            "Default: what suits the data.",
            rich_help_panel=CODES,
        ),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Steps of training.", rich_help_panel=STEPS)] = None,
    batch_size: Annotated[int | None, typer.Option(help="Cases a step.", rich_help_panel=STEPS)] = None,
    generator_rate: Annotated[
        float | None, typer.Option(help="Learning rate of the generator.", rich_help_panel=STEPS)
    ] = None,
    discriminator_rate: Annotated[
        float | None, typer.Option(help="Learning rate of discriminator and Q.", rich_help_panel=STEPS)
    ] = None,
    generator_every: Annotated[
        int | None,
        typer.Option(help="The generator moves in every so-many-th step.", rich_help_panel=STEPS),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Everything random follows from it.", rich_help_panel=STEPS)] = None,
    seeds: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            help="Train N candidates, from --seed on, and keep the one with the most dependable categories.",
            rich_help_panel=STEPS,
        ),
    ] = 1,
    others: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Any other setting, such as r2_weight=1. Repeatable.",
            rich_help_panel=STEPS,
        ),
    ] = None,
    device: DeviceOption = "auto",
    precision: Annotated[
        str,
        typer.Option(help="Of products: auto, float32 or bf16; auto takes bf16 where the processor is made for it."),
    ] = "auto",
    runs: RunsOption = DEFAULT_RUNS,
    resume: Annotated[
        str | None,
        typer.Option(
            metavar="RUN", help="Go on with an interrupted run: its name or path, or last. Its settings stay."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the resolved plan as JSON and stop.")] = False,
) -> None:
    """Train a model on a dataset, or on your own file, and keep it in a run directory.

    Ctrl-C saves; --resume goes on exactly.
    """
    if resume is not None:
        _refuse_beside_resume(context)
        _resume(runs, resume, device, precision)
        return
    from tsinfogan.cli._labels import choose_recipe, hide_labels
    from tsinfogan.cli._running import run_candidates, run_session
    from tsinfogan.devices import choose_device, choose_precision
    from tsinfogan.training.candidates import Candidates
    from tsinfogan.training.config import TrainingSettings
    from tsinfogan.training.plan import augment, make_plan, parse_choice, parse_setting
    from tsinfogan.training.selection import with_seeds
    from tsinfogan.training.session import Session

    if posterior not in ("learned", "fixed"):
        raise UnknownNameError("posterior", posterior, ("learned", "fixed"))
    named = [
        f"{setting}={context.params[option]}"
        for option, setting in SETTING_OPTIONS.items()
        if context.params[option] is not None
    ]
    choices = _choices(dataset, data, backbone=backbone, n_continuous=cont, noise_dim=noise, width=width)
    if cat is not None:
        choices["n_categories"] = _sizes(cat)
    if cont_follows is not None:
        choices["cont_follows"] = () if cont_follows == ["none"] else tuple(cont_follows)
    for name, texts in (("scaling", scaling), ("bounds", bounds)):
        if texts is not None:
            choices[name] = parse_choice(texts)
    settings = dict(map(parse_setting, [*named, *(others or ())]))
    where = choose_device(device)
    dtype = choose_precision(precision, where)
    asked = reading(case_column, time_column, label_column, channels, window, stride)
    source: dict[str, Any] = {"dataset": dataset or DEFAULT_DATASET}
    if data:
        source = {"file": str(data.resolve()), **asked.to_dict()}
    else:
        refuse_without_file(asked, source["dataset"])
    panel = augment(_panel(source), augmentations or ())
    if labels_per_class is not None:
        panel, kept = hide_labels(panel, labels_per_class, settings.get("seed", TrainingSettings.seed))
        source |= kept
    plan = make_plan(
        panel,
        recipe=choose_recipe(recipe, panel, labels_per_class),
        continuous_prior=continuous_prior,  # type: ignore[arg-type]
        category_prior=category_prior,  # type: ignore[arg-type]
        posterior_scale=1.0 if posterior == "fixed" else None,
        settings=settings,
        **choices,
    )
    planned = with_seeds(plan, seeds)
    if dry_run:
        from tsinfogan.cli._running import count_parameters

        model = plan.build(panel)
        resolved: dict[str, Any] = {
            "data": source,
            "plan": plan.to_dict(),
            "augmentations": panel.augmentations.to_dict(),
        }
        resolved["scaling"] = dict(zip(panel.channels, model.preprocessor.scalings, strict=True))
        resolved["seeds"] = [each.training.seed for each in planned]
        index = {"device": str(where), "precision": str(dtype).removeprefix("torch.")}
        print(json.dumps({**resolved, **index, **count_parameters(model)}, indent=1))
    elif seeds > 1:
        run_candidates(Candidates.start(runs, plan, panel, source, seeds), panel, runs, where, dtype)
    else:
        run_session(Session.start(runs, plan, panel, source, where, dtype), panel, runs)


def _refuse_beside_resume(context: typer.Context) -> None:
    for name in context.params:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE" and name not in GOES_WITH_RESUME:
            raise SettingError(
                "--resume goes on with the settings of the run, so it cannot stand beside other options than "
                f"--device, --precision and --runs, got {name.replace('_', '-')!r}; leave it out, or train a new run"
            )


def _resume(runs: Path, name: str, device: str, precision: str) -> None:
    from tsinfogan.cli._labels import hide_labels_again
    from tsinfogan.cli._running import run_candidates, run_session
    from tsinfogan.devices import choose_device, choose_precision
    from tsinfogan.training.candidates import Candidates, find_last
    from tsinfogan.training.run import find_run
    from tsinfogan.training.session import Session

    run = find_last(runs) if name == "last" else find_run(runs, name)
    where = choose_device(device)
    dtype = choose_precision(precision, where)
    source = {key: run.data[key] for key in ("dataset", "file", COLUMNS, WINDOWS) if key in run.data}
    if not {"dataset", "file"} & set(source):
        raise RunError(f"run {run.name} was not trained from the command line; go on with it in Python")
    candidates = Candidates.open(run)
    if candidates is not None and candidates.chosen:
        raise _finished(runs, run.name, f"seed {candidates.chosen.seed} is chosen", "--seeds")
    panel = hide_labels_again(_panel(source), run.data)
    if candidates is not None:
        run_candidates(candidates, panel, runs, where, dtype)
        return
    session = Session.resume(run, panel, where, dtype)
    if session.finished:
        raise _finished(runs, run.name, f"all {session.trainer.steps_done} steps of it", "--steps")
    run_session(session, panel, runs)


def _finished(runs: Path, name: str, how: str, more: str) -> SettingError:
    sample = command_for(runs, "sample", "--model", name)
    return SettingError(
        f"run {name} is finished, {how}; sample from it with `{sample}`, or train a new run with more {more}"
    )


def _choices(dataset: str | None, data: Path | None, **given: Any) -> dict[str, Any]:
    """Arguments of ``make_plan``: what the dataset's makers suggest, then what was given."""
    from tsinfogan.datasets import get_dataset

    if dataset and data:
        raise SettingError("--dataset and --data both name the data; give one of them")
    suggested: dict[str, Any] = {}
    if not data:
        suggested = get_dataset(dataset or DEFAULT_DATASET).suggestions
    return {**suggested, **{name: value for name, value in given.items() if value is not None}}


def _panel(source: Mapping[str, Any]) -> Panel:
    """The training data of a dataset or a file."""
    if "dataset" in source:
        from tsinfogan.datasets import load_dataset

        panel = load_dataset(source["dataset"])
        say_notes(panel)
        return panel
    from tsinfogan.data.checks import check_trainable

    path, asked = Path(source["file"]), Reading.from_dict(source)
    panel = read_file(path, asked)
    check_trainable(panel)
    print(describe_file(path, asked, panel), file=sys.stderr)
    return panel


def _sizes(text: str) -> tuple[int, ...]:
    """Sizes of categorical codes: ``20``, ``10,10``, or ``none``."""
    if text in ("0", "none"):
        return ()
    sizes = text.split(",")
    if not all(size.strip().isdecimal() and int(size) > 0 for size in sizes):
        raise SettingError(f"expected numbers of categories such as 20 or 10,10,10,10, or none, in --cat, got {text!r}")
    return tuple(map(int, sizes))
