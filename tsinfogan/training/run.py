"""A run directory: a model and its training in files. Each file is replaced whole or not at all; none can hold code.

config.json         everything resolved: plan, data, preprocessing, versions
model.safetensors   the checkpoint: the averaged networks, how noise and categories are sampled, and, under "training.",
                    everything that training resumes from; until format 3 that was a file of its own, state.safetensors
metrics.jsonl       one report per line
names.json          names that people gave the categories: one text or null each
samples.png         samples of each category
README.md           the model card
candidates.json     if several seeds were trained: the score of each (tsinfogan/training/candidates.py)
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import shutil
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tsinfogan.devices import Computing
from tsinfogan.errors import RunError, SettingError, UnknownNameError
from tsinfogan.models.backbone import BACKBONES
from tsinfogan.models.model import DataCard, Model
from tsinfogan.preprocessing.preprocessor import Preprocessor
from tsinfogan.training.checkpoint import (
    STEPS_DONE,
    TRAINING,
    checkpoint_tensors,
    model_tensors,
    networks,
    read_tensors,
    restore,
    serialized,
    take_calibration,
)
from tsinfogan.training.checks import check_config, parsed_names, parsed_reports
from tsinfogan.training.files import (
    AGAIN,
    Lock,
    append_line,
    lock,
    new_directory,
    read_json,
    read_text,
    reason,
    write_whole,
    writing,
)
from tsinfogan.training.plan import Plan
from tsinfogan.training.trainer import Report, Trainer
from tsinfogan.training.upgrade import FORMAT_VERSION, MIN_FORMAT, upgraded

CONFIG, METRICS, NAMES, CANDIDATES = "config.json", "metrics.jsonl", "names.json", "candidates.json"
MODEL, STATE, CARD = "model.safetensors", "state.safetensors", "README.md"
GO_ON = "the last checkpoint is kept, so make room and go on with `resume`"


@dataclass(frozen=True)
class Run:
    """One run directory.

    Attributes:
        path: the directory.
        config: content of ``config.json``.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from tsinfogan import InfoGAN, Run, sample
        >>> X = np.random.default_rng(0).normal(size=(20, 1, 16))
        >>> path = InfoGAN(max_steps=2, device="cpu").fit(X).save(Path(tempfile.mkdtemp()) / "first")
        >>> run = Run.open(path)
        >>> run.plan.training.max_steps
        2
        >>> sample(run.load_model(), 5).panel.values.shape
        (5, 1, 16)
    """

    path: Path
    config: Mapping[str, Any]

    @classmethod
    def create(
        cls,
        root: Path,
        plan: Plan,
        model: Model,
        data: Mapping[str, Any],
        computing: Computing | None = None,
        files: Mapping[str, bytes] | None = None,
    ) -> Run:
        """A new directory under ``root``, named after time, data and recipe.

        Args:
            root: directory of all runs; created if missing.
            plan: the plan of the training.
            model: the untrained model, for its card and preprocessing.
            data: source of the training data, and its fingerprint.
            computing: what its last bits depend on.
            files: further files, by name, written before ``config.json``, which makes the directory a run.

        Raises:
            RunError: the directory cannot be written.
        """
        data_name = re.sub(r"[^\w-]", "_", model.card.name)[:40] or "data"
        with writing(root, "choose another directory (`root`)", doing="make a run directory in"):
            root.mkdir(parents=True, exist_ok=True)
            path = new_directory(root, f"{time.strftime('%Y%m%d-%H%M%S')}-{data_name}-{plan.recipe}")
        try:
            for name, content in (files or {}).items():
                write_whole(path / name, content)
            return cls.begin(path, plan, model, data, computing)
        except RunError:
            shutil.rmtree(path, ignore_errors=True)
            raise

    @classmethod
    def begin(
        cls, path: Path, plan: Plan, model: Model, data: Mapping[str, Any], computing: Computing | None = None
    ) -> Run:
        """A run in the existing directory ``path``; other arguments and errors as of :meth:`create`."""
        config = {
            "format_version": FORMAT_VERSION,
            "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "versions": {
                "tsinfogan": metadata.version("tsinfogan"),
                "torch": torch.__version__,
                "python": platform.python_version(),
            },
            "data": dict(data),
            "plan": plan.to_dict(),
            "card": model.card.to_dict(),
            "preprocessor": model.preprocessor.to_dict(),
        }
        return cls(path, config).with_config({"computing": computing.to_dict()} if computing else {})

    def with_config(self, changes: Mapping[str, Any]) -> Run:
        """The run with other entries of its ``config.json``, which is written.

        Raises:
            RunError: the disk is full or not writable; the old file is untouched.
        """
        content = json.dumps({**self.config, **changes}, indent=1)
        write_whole(self.path / CONFIG, content.encode())
        return Run(self.path, json.loads(content))

    @classmethod
    def open(cls, path: Path) -> Run:
        """The run in directory ``path``, of which everything that its ``config.json`` says is checked.

        Raises:
            RunError: it is not a run directory, it is damaged, or another version made it.
        """
        try:
            config = read_json(read_text(path / CONFIG))
            version = config["format_version"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            what = reason(error) if isinstance(error, OSError) else "it is damaged"
            advice = "name a folder that `tsinfogan train` made"
            raise RunError(
                f"{path} is not a readable run directory: cannot read its {CONFIG} ({what}); {advice}"
            ) from None
        if type(version) is not int or not MIN_FORMAT <= version <= FORMAT_VERSION:
            older = isinstance(version, int) and version < MIN_FORMAT
            age, advice = ("an older", "train it again") if older else ("a newer", "upgrade tsinfogan")
            expected = f"expected format {FORMAT_VERSION}, got {str(version)[:20]}"
            raise RunError(f"{path} was made by {age} tsinfogan: {expected}; {advice}")
        run = cls(path, upgraded(config))
        with run._reading(CONFIG):
            check_config(run.config, run.plan, run.card, run.preprocessor)
        return run

    @property
    def name(self) -> str:
        """Name of the directory."""
        return self.path.name

    @cached_property
    def plan(self) -> Plan:
        """The plan that this run follows."""
        return Plan.from_dict(self.config["plan"])

    @cached_property
    def card(self) -> DataCard:
        """Of the training data."""
        return DataCard.from_dict(self.config["card"])

    @cached_property
    def preprocessor(self) -> Preprocessor:
        """Fitted on the training data."""
        return Preprocessor.from_dict(self.config["preprocessor"])

    @property
    def data(self) -> Mapping[str, Any]:
        """Source of the training data, and its fingerprint."""
        return self.config["data"]  # type: ignore[no-any-return]

    def lock(self) -> Lock:
        """The right to train this run, which one process has at a time; a RunError if another one has it."""
        return lock(self.path)

    @property
    def steps_done(self) -> int | None:
        """Steps of the checkpoint, all of them where only the model was kept; None before the first checkpoint."""
        for name, entry in ((MODEL, TRAINING + STEPS_DONE), (STATE, STEPS_DONE)):
            if (self.path / name).exists() and (found := self._tensors(name, entry.__eq__)):
                with self._reading(name):
                    steps, most = int(found[entry]), self.plan.training.max_steps
                    if not 0 <= steps <= most:
                        raise ValueError(f"expected at most {most} steps, got {steps}")
                    return steps
        return self.plan.training.max_steps if (self.path / MODEL).exists() else None

    def save(self, trainer: Trainer) -> None:
        """Writes a checkpoint: one file, so that model and training never differ. If that fails, the last one is kept.

        Raises:
            RunError: the disk is full or not writable; the previous checkpoint is untouched.
        """
        write_whole(self.path / MODEL, serialized(checkpoint_tensors(trainer)), self.advice)
        with contextlib.suppress(OSError):
            (self.path / STATE).unlink()  # of an older format

    def save_model(self, model: Model) -> None:
        """Writes what sampling and encoding need; training cannot be resumed from it alone.

        Raises:
            RunError: the disk is full or not writable; the previous file is untouched.
        """
        write_whole(self.path / MODEL, serialized(model_tensors(model)), self.advice)

    @property
    def advice(self) -> str:
        """What to do when the disk is full."""
        return GO_ON if (self.path / MODEL).exists() else f"no checkpoint is kept yet; {AGAIN}"

    def load_model(self, device: torch.device | str = "cpu") -> Model:
        """The averaged model, on ``device``.

        Raises:
            RunError: nothing was saved yet, or the files are damaged.
        """
        try:
            BACKBONES.get(self.plan.model.backbone)
        except SettingError as error:
            package = f"a package with an entry point in {BACKBONES.group}, or BACKBONES.register"
            raise RunError(f"{self.path} needs {package}: {error}") from None
        with self._reading(MODEL):
            with torch.device("meta"):  # sizes first: a damaged plan must not ask for all memory
                expected = networks(Model.build(self.plan.model, self.card, self.preprocessor)).state_dict()
            tensors = self._tensors(MODEL, lambda name: not name.startswith(TRAINING), expected)
            model = Model.build(self.plan.model, self.card, self.preprocessor)
            take_calibration(model, tensors)
            networks(model).load_state_dict({**networks(model).state_dict(), **tensors})
        model.names = self.names
        return model.to(torch.device(device))

    def save_names(self, names: Sequence[str | None]) -> None:
        """Writes the name of each category of the first categorical code, None for one without a name.

        Raises:
            RunError: the disk is full or not writable; the old names are untouched.
        """
        content = json.dumps(list(names), ensure_ascii=False, indent=1).encode()
        write_whole(self.path / NAMES, content, "the old names are kept, so make room and name them again")

    @property
    def names(self) -> tuple[str | None, ...]:
        """Names of the categories of the first categorical code, or nothing; a RunError where the file is damaged."""
        if not os.path.lexists(self.path / NAMES):
            return ()
        with self._reading(NAMES):
            return parsed_names(read_text(self.path / NAMES), self.plan.model.n_categories)

    def resume(self, trainer: Trainer) -> None:
        """Restores ``trainer`` from the last checkpoint.

        Raises:
            RunError: nothing was saved yet, or the files are damaged.
        """
        with self._reading(MODEL):
            tensors = self._tensors(MODEL) if (self.path / MODEL).exists() else {}
            if TRAINING + STEPS_DONE not in tensors:
                if not (self.path / STATE).exists():
                    raise RunError(f"run {self.name} holds a model only, so it cannot go on; train again")
                tensors = self._tensors(STATE)
            restore(trainer, tensors)

    def keep_reports(self, n_steps: int) -> None:
        """Drops the reports of later steps from the metrics."""
        kept = [line for line in self.metrics() if line["step"] <= n_steps]
        write_whole(self.path / METRICS, "".join(json.dumps(line) + "\n" for line in kept).encode(), self.advice)

    def log(self, report: Report, **others: Any) -> None:
        """Appends one report, with ``others`` as further entries, to the metrics."""
        with writing(self.path / METRICS, self.advice):
            append_line(self.path / METRICS, json.dumps({**report.line, **others}))

    def metrics(self) -> list[dict[str, Any]]:
        """All reports so far, without a line that a crash cut short."""
        with contextlib.suppress(OSError):
            return parsed_reports(read_text(self.path / METRICS, errors="replace"))
        return []

    def _tensors(
        self, name: str, wanted: Callable[[str], bool] = lambda name: True, like: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """As :func:`read_tensors`, of a file of this run."""
        if not os.path.lexists(self.path / name):
            raise RunError(
                f"run {self.name} has no {name}: it stopped before its first checkpoint; go on with `resume`"
            )
        with self._reading(name):
            return read_tensors(self.path / name, wanted, like)

    @contextlib.contextmanager
    def _reading(self, name: str) -> Iterator[None]:
        """Turns whatever the content of a damaged file leads to into a RunError that names the file."""
        try:
            yield
        except RunError:
            raise
        except Exception as error:  # what a stranger wrote may lead to any of them
            what = " ".join(str(error).split())[:120] or type(error).__name__
            mend = "restore or delete it" if name == NAMES else "restore it, or train again"
            raise RunError(
                f"{name} of run {self.path} is damaged, or of another version of tsinfogan ({what}); {mend}"
            ) from None


Tell = Callable[[str], object]


def list_runs(root: Path, tell: Tell = warnings.warn) -> list[Run]:
    """All readable runs under ``root``, oldest first; ``tell`` is called with a sentence about each that is not."""
    runs = []
    for path in sorted(root.iterdir()) if root.is_dir() else []:
        if os.path.lexists(path / CONFIG):
            try:
                runs.append(Run.open(path))
            except RunError as error:
                tell(f"passed over: {error}")
    return sorted(runs, key=lambda run: str(run.config.get("created", "")))


def find_run(root: Path, name: str | None = None, tell: Tell = warnings.warn) -> Run:
    """The run called ``name``, or the one whose model is newest.

    Args:
        root: directory of all runs.
        name: name of a directory in ``root``, or a path; None for the newest run.
        tell: called with a sentence about each run that is passed over.

    Raises:
        RunError: there is no run with a model.
        UnknownNameError: there is no run of that name.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from tsinfogan import InfoGAN, find_run
        >>> root = Path(tempfile.mkdtemp())
        >>> X = np.random.default_rng(0).normal(size=(20, 1, 16))
        >>> _ = InfoGAN(max_steps=2, device="cpu").fit(X).save(root / "first")
        >>> find_run(root).name
        'first'
    """
    if name is not None:
        for path in (root / name, Path(name)):
            if path.is_dir():
                return Run.open(path)
        raise UnknownNameError("run", name, [run.name for run in list_runs(root, tell)])
    trained = [run for run in list_runs(root, tell) if (run.path / MODEL).exists()]
    if not trained:
        raise RunError(
            f"expected a trained model in {root}/, found none; run `tsinfogan train` first, or name another "
            "directory (`root`)"
        )
    return max(trained, key=lambda run: (run.path / MODEL).stat().st_mtime_ns)
