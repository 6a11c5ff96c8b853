"""From data to a run directory: plan, train, save as it goes, draw the result."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import torch

from tsinfogan.data.panel import Panel
from tsinfogan.data.plotting import draw_panel_grid
from tsinfogan.devices import choose_device, choose_precision
from tsinfogan.errors import DataError, DivergedError, RunError
from tsinfogan.models.codes import LatentSpec
from tsinfogan.models.model import Model
from tsinfogan.sampling.naming import matched_names
from tsinfogan.sampling.request import CodeRequest
from tsinfogan.sampling.sampler import stream
from tsinfogan.training.monitor import Collapse, CollapseMonitor
from tsinfogan.training.plan import Plan, make_plan
from tsinfogan.training.run import CARD, METRICS, Run, write_whole
from tsinfogan.training.selection import best, score_models, with_seeds
from tsinfogan.training.trainer import Report, Trainer

SECONDS_BETWEEN_CHECKPOINTS = 60.0
PICTURE = "samples.png"
CASES_PER_ROW = 10
MAX_ROWS = 40


@dataclass
class Session:
    """A training and the run directory that it is kept in.

    Attributes:
        run: the run directory.
        trainer: what trains.
        panel: the training data.
        collapse: of the categories when it was looked at last.
    """

    run: Run
    trainer: Trainer
    panel: Panel
    collapse: Collapse = field(default_factory=Collapse)

    @classmethod
    def start(
        cls,
        root: Path,
        plan: Plan,
        panel: Panel,
        source: Mapping[str, Any],
        device: torch.device,
        precision: torch.dtype,
    ) -> Session:
        """Begins a training in a new run directory under ``root``.

        Args:
            root: where runs are kept.
            plan: what to train.
            panel: the training data.
            source: where the data came from, such as ``{"dataset": "char_traj"}``; saved with the run.
            device: where to train.
            precision: dtype of the networks' products.

        Raises:
            RunError: the run directory cannot be written.
        """
        model = plan.build(panel)
        data = {**source, "n_cases": panel.n_cases, "fingerprint": panel.fingerprint()}
        run = Run.create(root, plan, model, data)
        write_whole(run.path / CARD, describe(run, model).encode())
        return cls(run, plan.trainer(model, panel, device, precision), panel)

    @classmethod
    def resume(cls, run: Run, panel: Panel, device: torch.device, precision: torch.dtype) -> Session:
        """Goes on from the last checkpoint of ``run``, exactly.

        Raises:
            DataError: ``panel`` is not the data that the run was trained on.
            RunError: the run's files are missing or damaged.
        """
        check_same_data(run, panel)
        trainer = run.plan.trainer(run.load_model(), panel, device, precision)
        run.resume(trainer)
        return cls(run, trainer, panel)

    def train(self, stop: Callable[[], bool] = lambda: False) -> Iterator[Report]:
        """Trains to the end, or until ``stop()``, saving every minute and at the end; yields each report.

        Raises:
            DivergedError: a loss stopped being finite; the last checkpoint is kept.
            RunError: the disk is full; the last checkpoint is kept.
        """
        saved = time.monotonic()
        watch = CollapseMonitor(self.trainer)
        for report in self.trainer.run(stop):
            if watch.due(report.step):
                self.collapse = watch.look()
                self.run.log(report, dead_categories=self.collapse.dead, duplicate_pairs=self.collapse.duplicates)
            else:
                self.run.log(report)
            if time.monotonic() - saved > SECONDS_BETWEEN_CHECKPOINTS:
                self._save()
                saved = time.monotonic()
            yield report
        self._save()
        if self.finished:
            self._name()
            write_whole(self.run.path / PICTURE, picture(self.trainer.model))

    def _name(self) -> None:
        """Names the categories after the classes that they match, unless a person has named some already."""
        model = self.trainer.model
        if not model.category_names and any(names := matched_names(model, self.panel)):
            model.names = names
            self.run.save_names(names)

    def _save(self) -> None:
        """A checkpoint, unless the last step broke the weights before any loss could show it."""
        networks = (self.trainer.model.generator, self.trainer.model.discriminator)
        if not all(bool(weight.isfinite().all()) for network in networks for weight in network.parameters()):
            raise DivergedError(
                f"training diverged before step {self.trainer.steps_done}: its weights are not finite; lower "
                "`discriminator_rate` and `generator_rate`, or raise `r1_weight`, and train again"
            )
        self.run.save(self.trainer)

    @property
    def finished(self) -> bool:
        """Whether all steps are done."""
        return self.trainer.steps_done >= self.trainer.settings.max_steps


def check_same_data(run: Run, panel: Panel) -> None:
    """Raises a DataError unless ``panel`` holds the values that ``run`` was begun with."""
    if panel.fingerprint() != run.data.get("fingerprint"):
        raise DataError(
            f"run {run.name} cannot go on: {panel.name} holds other values than it was trained on; restore the "
            "data, or train a new run"
        )


def fit(panel: Panel, *, n_seeds: int = 1, device: str = "auto", precision: str = "auto", **plan: Any) -> Model:
    """Trains a model on ``panel`` and returns it, without writing anything.

    Args:
        panel: training data.
        n_seeds: with more than one, that many models are trained, from the plan's seed on, and the one whose
            categories are the most dependable is returned (:mod:`tsinfogan.training.selection`); those that diverge are
            left out.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        precision: ``auto``, ``float32`` or ``bf16``.
        plan: arguments of :func:`tsinfogan.training.plan.make_plan`.

    Raises:
        DivergedError: a loss stopped being finite, in every candidate.
        SettingError: several seeds and no categories to choose by.
    """
    return fit_plan(make_plan(panel, **plan), panel, n_seeds=n_seeds, device=device, precision=precision).model


class Fitted(NamedTuple):
    """A trained model, the plan that it followed and the reports of its training."""

    model: Model
    plan: Plan
    reports: list[Report]


def fit_plan(
    plan: Plan,
    panel: Panel,
    *,
    n_seeds: int = 1,
    device: str = "auto",
    precision: str = "auto",
    tell: Callable[[Report], None] | None = None,
) -> Fitted:
    """As :func:`fit`, for a plan that is made; ``tell`` hears of each report of each candidate."""
    where = choose_device(device)
    trained: list[Fitted] = []
    diverged: DivergedError | None = None
    for each in with_seeds(plan, n_seeds):
        trainer = each.trainer(each.build(panel), panel, where, choose_precision(precision, where))
        reports = []
        try:
            for report in trainer.run():
                reports.append(report)
                if tell is not None:
                    tell(report)
            trained.append(Fitted(trainer.model, each, reports))
        except DivergedError as error:
            diverged = error
    if diverged and not trained:
        raise diverged
    one = len(trained) == 1
    chosen = trained[0 if one else best(score_models(plan, [each.model for each in trained], panel))]
    chosen.model.names = matched_names(chosen.model, panel)
    return chosen


def keep(path: Path, plan: Plan, model: Model, lines: Iterable[Mapping[str, Any]], data: Mapping[str, Any]) -> Run:
    """A run directory at ``path`` that holds a model which is trained: to sample from, not to go on with.

    Args:
        path: a new or empty directory.
        plan: what was trained.
        model: the trained model.
        lines: the reports of its training by name.
        data: what is known of the training data; ``n_cases`` at least.

    Raises:
        RunError: the directory holds something already, or cannot be written.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        filled = any(path.iterdir())
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise RunError(f"cannot make the directory {path}: {reason}; choose another") from None
    if filled:
        raise RunError(f"{path} holds something already; choose a new directory, or remove it")
    run = Run.begin(path, plan, model, data)
    write_whole(path / CARD, describe(run, model).encode())
    write_whole(path / METRICS, "".join(f"{json.dumps(line)}\n" for line in lines).encode())
    if model.names:
        run.save_names(model.names)
    run.save_model(model)
    return run


def picture(model: Model, seed: int = 0) -> bytes:
    """A PNG of what the model makes: one row a category, or a sweep a row where there are only continuous codes."""
    latent = model.settings.latent
    request, titles = _gallery(latent)
    panel = Panel.concatenated([part.panel for part in stream(model, CASES_PER_ROW, request, seed)])
    n = len(titles)
    rows = [(title, list(range(row, n * CASES_PER_ROW, n))) for row, title in enumerate(titles)]
    target = BytesIO()
    draw_panel_grid(panel, rows, target, title=f"{model.card.name}: samples by code")
    return target.getvalue()


def _gallery(latent: LatentSpec) -> tuple[CodeRequest, list[str]]:
    """Sweep the first code, whatever it is, and draw the others."""
    if not latent.codes:
        return CodeRequest(()), [""]
    values = latent.codes[0].sweep(MAX_ROWS if latent.codes[0].is_categorical else CASES_PER_ROW).tolist()
    indices = (tuple(float(v) for v in values), *(None for _ in latent.codes[1:]))
    return CodeRequest(indices), [f"{latent.columns[0]} {value:.3g}" for value in values]


def describe(run: Run, model: Model) -> str:
    """The model's card as Markdown."""
    plan, card, latent = run.plan, model.card, model.settings.latent
    codes = "\n".join(
        f"| `{column}` | {code.kind} | {code.entropy:.3f} |"
        for column, code in zip(latent.columns, latent.codes, strict=True)
    )
    grid = " × ".join(map(str, model.preprocessor.grid))
    return f"""# {run.name}

A {plan.recipe} ({plan.model.backbone}) trained by tsinfogan {run.config["versions"]["tsinfogan"]} on {card.name}:
{run.config["data"]["n_cases"]} cases, channels {", ".join(card.channels)}, seen by the networks on a grid of {grid}.

| code | kind | H(c), nats |
|---|---|---|
{codes}

    tsinfogan sample --model {run.name} -n 100 > out.csv

`config.json` holds every setting, `metrics.jsonl` the losses and each code's bound on I(c; x), `{PICTURE}` samples.
The networks imitate the training data, its gaps and its biases included; check samples before relying on them.
"""
