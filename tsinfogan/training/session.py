"""From a plan to a trained model: builds it, trains it, and keeps checkpoints and a picture in a run directory."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import torch

from tsinfogan.data.panel import Panel, check_trainable
from tsinfogan.data.plotting import draw_panel_grid
from tsinfogan.devices import Computing, choose_device, choose_precision
from tsinfogan.errors import DataError, DivergedError, RunError, SettingError
from tsinfogan.models.backbone import BACKBONES
from tsinfogan.models.model import DataCard, Model
from tsinfogan.models.pca import MAX_CASES, fit_principal_components
from tsinfogan.preprocessing.preprocessor import Preprocessor
from tsinfogan.sampling.inference import evenly_spaced
from tsinfogan.sampling.naming import matched_names
from tsinfogan.sampling.request import CodeRequest
from tsinfogan.sampling.sampler import stream
from tsinfogan.training.files import Lock, write_whole, writing
from tsinfogan.training.monitor import Collapse, CollapseMonitor
from tsinfogan.training.plan import Plan, make_plan
from tsinfogan.training.progress_bar import bar_in_notebook
from tsinfogan.training.ranks import ALONE, Ranks
from tsinfogan.training.run import CARD, METRICS, MODEL, STATE, Run
from tsinfogan.training.selection import best, score_models, with_seeds
from tsinfogan.training.trainer import STEADIER, Report, Trainer

SECONDS_BETWEEN_CHECKPOINTS = 60.0
PICTURE = "samples.png"
CASES_PER_ROW = 10
MAX_ROWS = 40


def build_model(plan: Plan, panel: Panel) -> Model:
    """An untrained model for ``panel`` as ``plan`` describes it, its preprocessing and principal components fitted.

    Raises:
        SettingError: the backbone, scaling or bounds do not exist or do not fit the data.
    """
    preprocessor = Preprocessor.fit(panel, plan.scaling, plan.bounds)
    model = Model.build(plan.model, DataCard.of(panel), preprocessor, plan.training.seed)
    if plan.model.discriminator.principal_components or plan.model.flow:
        some = panel.subset(evenly_spaced(panel.n_cases, MAX_CASES).numpy())
        values = torch.from_numpy(preprocessor.transform(some))  # (n, c, t)
        for network in (model.generator, model.discriminator):
            fit_principal_components(network, values)
    return model


def make_trainer(
    plan: Plan,
    model: Model,
    panel: Panel,
    device: torch.device | str = "cpu",
    precision: torch.dtype = torch.float32,
    ranks: Ranks = ALONE,
) -> Trainer:
    """A trainer of ``model`` that follows ``plan``; a SettingError if its batches are too small for the backbone."""
    fewest = BACKBONES.get(plan.model.backbone).min_batch_size
    if plan.training.batch_size < fewest:
        raise SettingError(
            f"backbone {plan.model.backbone!r} needs at least {fewest} cases in a batch, got "
            f"`batch_size={plan.training.batch_size}`; give more, or choose another `backbone`"
        )
    return Trainer(model, panel, plan.objective, plan.training, device, precision, ranks)


@dataclass
class Session:
    """A training and its run directory.

    Attributes:
        run: the run directory.
        trainer: trains the model, step by step.
        panel: the training data.
        collapse: the last result of the collapse monitor.
        differences: what is computed otherwise than before it was resumed, so that the last bits may differ.
        lock: held from :meth:`resume` to the end of :meth:`train`.
    """

    run: Run
    trainer: Trainer
    panel: Panel
    collapse: Collapse = field(default_factory=Collapse)
    differences: Sequence[str] = ()
    lock: Lock | None = field(default=None, repr=False)

    @classmethod
    def start(
        cls,
        root: Path,
        plan: Plan,
        panel: Panel,
        source: Mapping[str, Any],
        device: torch.device,
        precision: torch.dtype,
        ranks: Ranks = ALONE,
    ) -> Session:
        """Begins a training in a new run directory under ``root``.

        Args:
            root: directory of all runs.
            plan: the plan of the training.
            panel: the training data.
            source: source of the data, such as ``{"dataset": "char_traj"}``; saved with the run.
            device: where to train.
            precision: dtype of the networks' products.
            ranks: of which this process is the first; the others are :func:`restored` from the new run.

        Raises:
            RunError: the run directory cannot be written.
        """
        model = build_model(plan, panel)
        data = {**source, "n_cases": panel.n_cases, "fingerprint": panel.fingerprint()}
        trainer = make_trainer(plan, model, panel, device, precision, ranks)
        run = Run.create(root, plan, model, data, Computing.here(trainer.device, precision, ranks.size))
        write_whole(run.path / CARD, describe(run, model).encode())
        return cls(run, trainer, panel)

    @classmethod
    def resume(
        cls, run: Run, panel: Panel, device: torch.device, precision: torch.dtype, ranks: Ranks = ALONE
    ) -> Session:
        """Resumes exactly at the last checkpoint of ``run``, or at its first step if there is none yet.

        Raises:
            DataError: ``panel`` is not the data that the run was trained on.
            RunError: the run's files are damaged, or another process trains it.
        """
        lock = run.lock()
        trainer = restored(run, panel, device, precision, ranks)
        run.keep_reports(trainer.steps_done)
        now, then = Computing.here(trainer.device, precision, ranks.size), run.config.get("computing", {})
        if now.to_dict() != then:
            run = run.with_config({"computing": now.to_dict()})
        return cls(run, trainer, panel, differences=now.differences(then), lock=lock)

    def train(self, stop: Callable[[], bool] = lambda: False) -> Iterator[Report]:
        """Trains to the end, or until ``stop()``; saves every minute and at the end; yields each report.

        Then it finishes what a run has beside its model: the names of its categories, and a picture.

        Raises:
            DivergedError: a loss stopped being finite; the last checkpoint is kept.
            RunError: the disk is full; the last checkpoint is kept. Or another process trains this run.
        """
        self.lock = self.lock or self.run.lock()
        try:
            if not self.finished:
                yield from self._train(stop)
            if self.finished:
                self._finish()
        finally:
            self.lock = None

    def _train(self, stop: Callable[[], bool]) -> Iterator[Report]:
        saved = time.monotonic()
        watch = CollapseMonitor(self.trainer)
        for report in self.trainer.run(stop):
            if watch.due(report.step):
                self.collapse = watch.look()
                seen = self.collapse
                self.run.log(
                    report,
                    dead_categories=seen.dead,
                    duplicate_pairs=seen.duplicates,
                    alike_categories=seen.alike,
                )
            else:
                self.run.log(report)
            if time.monotonic() - saved > SECONDS_BETWEEN_CHECKPOINTS:
                self._save()
                saved = time.monotonic()
            yield report
        self._save()

    def _finish(self) -> None:
        """Names the categories after the classes that they match, unless the user has named some; then the rest."""
        if (self.run.path / STATE).exists():  # in format 3 the model may be older than the state
            self.trainer.calibrate()
            self._save()
        model = self.trainer.model
        model.names = self.run.names
        if not model.category_names and any(
            names := matched_names(model, self.panel, partial(self.trainer.tell, "naming categories"))
        ):
            model.names = names
            self.run.save_names(names)
        write_whole(self.run.path / CARD, describe(self.run, model).encode())
        self.trainer.tell("drawing samples", 0)
        write_whole(self.run.path / PICTURE, picture(model))

    def _save(self) -> None:
        """Writes a checkpoint, unless weights are not finite, which the loss shows one step later."""
        networks = (self.trainer.model.generator, self.trainer.model.discriminator)
        if not all(bool(weight.isfinite().all()) for network in networks for weight in network.parameters()):
            raise DivergedError(
                f"training diverged before step {self.trainer.steps_done}: its weights are not finite; {STEADIER}"
            )
        self.run.save(self.trainer)

    @property
    def finished(self) -> bool:
        """Whether all steps are done."""
        return self.trainer.steps_done >= self.trainer.settings.max_steps

    @property
    def complete(self) -> bool:
        """Whether nothing is left to do, also not after the last step."""
        return self.finished and (self.run.path / PICTURE).exists()


def restored(run: Run, panel: Panel, device: torch.device, precision: torch.dtype, ranks: Ranks = ALONE) -> Trainer:
    """A trainer that goes on from the last checkpoint of ``run``, or from its first step; it writes nothing.

    On a rank that is not the first, which alone has a :class:`Session`, it trains along.
    """
    check_same_data(run, panel)
    panel = replace(panel, augmentations=run.card.augmentations)
    model = run.load_model() if (run.path / MODEL).exists() else build_model(run.plan, panel)
    trainer = make_trainer(run.plan, model, panel, device, precision, ranks)
    if run.steps_done is not None:
        run.resume(trainer)
    return trainer


def check_same_data(run: Run, panel: Panel) -> None:
    """Raises a DataError unless ``panel`` holds the values that ``run`` was started with."""
    if panel.fingerprint() != run.data.get("fingerprint"):
        raise DataError(
            f"run {run.name} cannot be resumed: {panel.name} holds other values than it was trained on; restore the "
            "data, or train a new run"
        )


def fit(panel: Panel, *, n_seeds: int = 1, device: str = "auto", precision: str = "auto", **plan: Any) -> Model:
    """Trains a model on ``panel`` and returns it; writes no file. In a notebook, a bar shows how far it is.

    Args:
        panel: training data.
        n_seeds: number of models to train, with the plan's seed and those after it; the one with the most reliable
            categories is returned (:mod:`tsinfogan.training.selection`). Models that diverge are left out.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        precision: ``auto``, ``float32`` or ``bf16``.
        plan: arguments of :func:`tsinfogan.training.plan.make_plan`.

    Returns:
        The trained model, to sample from and to encode with.

    Raises:
        DataError: no model can be trained on the panel (:func:`tsinfogan.data.panel.check_trainable`).
        DivergedError: a loss stopped being finite, in every candidate.
        SettingError: arguments that do not fit the data, or several seeds without categories to choose by.

    Example:
        >>> import numpy as np
        >>> from tsinfogan import Panel, fit, sample
        >>> panel = Panel.from_arrays(np.random.default_rng(0).normal(size=(40, 1, 16)))
        >>> model = fit(panel, device="cpu", n_categories=(3,), settings={"max_steps": 2})
        >>> sample(model, 4, cat=1).panel.values.shape
        (4, 1, 16)
    """
    check_trainable(panel)
    made = make_plan(panel, **plan)
    tell = bar_in_notebook(made.training.max_steps, n_seeds)
    return fit_plan(made, panel, n_seeds=n_seeds, device=device, precision=precision, tell=tell).model


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
    """As :func:`fit`, for a given plan; ``tell`` is called with each report of each candidate."""
    where = choose_device(device)
    trained: list[Fitted] = []
    diverged: DivergedError | None = None
    for each in with_seeds(plan, n_seeds):
        trainer = make_trainer(each, build_model(each, panel), panel, where, choose_precision(precision, where))
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
    """Writes a trained model to a new or empty directory, to sample from; its training cannot be resumed.

    ``lines`` are the reports of the training by name, ``data`` facts about its data, ``n_cases`` at least. A RunError
    says why the directory cannot be written.
    """
    with writing(path, "choose another", doing="make the directory"):
        path.mkdir(parents=True, exist_ok=True)
        filled = any(path.iterdir())
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
    """A PNG of samples, one row per value of the first code; the other codes are sampled."""
    latent = model.settings.latent
    titles = [""]
    values: tuple[tuple[float, ...] | None, ...] = ()
    if latent.codes:
        first = latent.codes[0]
        swept = first.sweep(MAX_ROWS if first.is_categorical else CASES_PER_ROW).tolist()
        titles = [f"{latent.columns[0]} {value:.3g}" for value in swept]
        values = (tuple(map(float, swept)), *(None for _ in latent.codes[1:]))
    panel = Panel.concatenated([part.panel for part in stream(model, CASES_PER_ROW, CodeRequest(values), seed)])
    n = len(titles)
    rows = [(title, list(range(row, n * CASES_PER_ROW, n))) for row, title in enumerate(titles)]
    target = BytesIO()
    draw_panel_grid(panel, rows, target, title=f"{model.card.name}: samples by code")
    return target.getvalue()


def describe(run: Run, model: Model) -> str:
    """The model card of a run directory, as Markdown."""
    return f"""{model_summary(run, model, run.name)}
`config.json` holds every setting, `metrics.jsonl` the losses and each code's bound on I(c; x), `{PICTURE}` samples.
The networks imitate the training data, including its gaps and biases; check samples before relying on them.
"""


def model_summary(run: Run, model: Model, address: str) -> str:
    """What the model is, in Markdown, with a command that samples from it at ``address``."""
    plan, card, latent = run.plan, model.card, model.settings.latent
    version = run.config.get("versions", {}).get("tsinfogan", "?")
    codes = "\n".join(
        f"| `{column}` | {code.kind} | {code.entropy:.3f} |"
        for column, code in zip(latent.columns, latent.codes, strict=True)
    )
    grid = " × ".join(map(str, model.preprocessor.grid))
    return f"""# {address}

A {plan.recipe} model ({plan.model.backbone} networks), trained by tsinfogan {version} on {card.name}:
{run.data.get("n_cases", "?")} cases, channels {", ".join(card.channels)}. The networks work on a grid of {grid}.

| code | kind | H(c), nats |
|---|---|---|
{codes}

    tsinfogan sample --model {address} -n 100 > out.csv
"""
