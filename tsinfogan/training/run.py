"""A run directory: a model and its training in files. Each file is replaced whole or not at all; none can hold code.

config.json         everything resolved: plan, data, preprocessing, versions
model.safetensors   the averaged networks, and how noise and categories are sampled
state.safetensors   everything that training resumes from
metrics.jsonl       one report per line
names.json          names that people gave the categories: one text or null each
samples.png         samples of each category
README.md           the model card
candidates.json     if several seeds were trained: the score of each (tsinfogan/training/candidates.py)
"""

from __future__ import annotations

import contextlib
import json
import math
import platform
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from tsinfogan.errors import RunError, TsInfoGANError, UnknownNameError
from tsinfogan.models.backbone import BACKBONES
from tsinfogan.models.model import DataCard, Model
from tsinfogan.preprocessing.preprocessor import Preprocessor
from tsinfogan.training.files import new_directory, reason, write_whole, writing
from tsinfogan.training.plan import Plan
from tsinfogan.training.trainer import Report, Trainer
from tsinfogan.training.upgrade import FORMAT_VERSION, MIN_FORMAT, name_in_code, name_in_file, upgraded, upgraded_report

CONFIG, METRICS, NAMES, CANDIDATES = "config.json", "metrics.jsonl", "names.json", "candidates.json"
MODEL, STATE, CARD = "model.safetensors", "state.safetensors", "README.md"
NOISE_SCALE, CLASS_PROPORTIONS = "noise_scale", "category_shares"
AGREEMENT, TEMPERATURE = "category_agreement", "category_temperature"
"""Entries beside the weights in the model's file."""


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
    def create(cls, root: Path, plan: Plan, model: Model, data: Mapping[str, Any]) -> Run:
        """A new directory under ``root``, named after time, data and recipe.

        Args:
            root: directory of all runs; created if missing.
            plan: the plan of the training.
            model: the untrained model, for its card and preprocessing.
            data: source of the training data, and its fingerprint.

        Raises:
            RunError: the directory cannot be written.
        """
        data_name = re.sub(r"[^\w-]", "_", model.card.name)[:40] or "data"
        with writing(root, "choose another directory (`root`)", doing="make a run directory in"):
            root.mkdir(parents=True, exist_ok=True)
            path = new_directory(root, f"{time.strftime('%Y%m%d-%H%M%S')}-{data_name}-{plan.recipe}")
        return cls.begin(path, plan, model, data)

    @classmethod
    def begin(cls, path: Path, plan: Plan, model: Model, data: Mapping[str, Any]) -> Run:
        """A run in the existing directory ``path``; the other arguments as in :meth:`create`.

        Raises:
            RunError: the directory cannot be written.
        """
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
        write_whole(path / CONFIG, json.dumps(config, indent=1).encode())
        return cls(path, json.loads(json.dumps(config)))

    @classmethod
    def open(cls, path: Path) -> Run:
        """The run in directory ``path``.

        Raises:
            RunError: it is not a run directory, it is damaged, or another version made it.
        """
        try:
            config = json.loads((path / CONFIG).read_text())
            version = config["format_version"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            what = reason(error) if isinstance(error, OSError) else "it is damaged"
            raise RunError(
                f"{path} is not a readable run directory: cannot read its {CONFIG} ({what}); name a folder that "
                "`tsinfogan train` made"
            ) from None
        if version not in range(MIN_FORMAT, FORMAT_VERSION + 1):
            older = isinstance(version, int) and version < MIN_FORMAT
            age, advice = ("an older", "train it again") if older else ("a newer", "upgrade tsinfogan")
            raise RunError(
                f"{path} was made by {age} tsinfogan: expected format {FORMAT_VERSION}, got {version}; {advice}"
            )
        return cls(path, upgraded(config))

    @property
    def name(self) -> str:
        """Name of the directory."""
        return self.path.name

    @property
    def plan(self) -> Plan:
        """The plan that this run follows."""
        with self._reading(CONFIG):
            return Plan.from_dict(self.config["plan"])

    @property
    def data(self) -> Mapping[str, Any]:
        """Source of the training data, and its fingerprint."""
        with self._reading(CONFIG):
            if not isinstance(data := self.config.get("data"), dict):
                raise ValueError("it does not say what data the run was trained on")
            return data

    def save(self, trainer: Trainer) -> None:
        """Writes a checkpoint. If that fails, each file keeps its last content.

        Raises:
            RunError: the disk is full or not writable; the previous checkpoint is untouched.
        """
        write_whole(self.path / STATE, _serialised(trainer.state_dict()))
        self.save_model(trainer.model)

    def save_model(self, model: Model) -> None:
        """Writes what sampling and encoding need; training cannot be resumed from it alone.

        Raises:
            RunError: the disk is full or not writable; the previous file is untouched.
        """
        tensors = {**_networks(model).state_dict(), **_calibration_tensors(model)}
        write_whole(self.path / MODEL, _serialised(tensors))

    def load_model(self, device: torch.device | str = "cpu") -> Model:
        """The averaged model, on ``device``.

        Raises:
            RunError: nothing was saved yet, or the files are damaged.
        """
        tensors = self._read(MODEL)
        with self._reading(MODEL):
            card, preprocessor = DataCard.from_dict(self.config["card"]), self.config["preprocessor"]
            try:
                model = Model.build(self.plan.model, card, Preprocessor.from_dict(preprocessor))
            except UnknownNameError as error:
                raise RunError(
                    f"{self.path} needs a package with an entry point in {BACKBONES.group}, or BACKBONES.register: "
                    f"{error}"
                ) from None
            _take_calibration(model, tensors)
            _networks(model).load_state_dict(tensors)
        model.names = self._names(model.settings.n_categories)
        return model.to(torch.device(device))

    def save_names(self, names: Sequence[str | None]) -> None:
        """Writes the name of each category of the first categorical code, None for one without a name.

        Raises:
            RunError: the disk is full or not writable; the old names are untouched.
        """
        content = json.dumps(list(names), ensure_ascii=False, indent=1)
        write_whole(self.path / NAMES, content.encode(), "the old names are kept, so make room and name them again")

    def _names(self, n_categories: int) -> tuple[str | None, ...]:
        path = self.path / NAMES
        if not path.exists():
            return ()
        with self._reading(NAMES):
            names = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(names, list) or "" in names or {*map(type, names)} - {str, type(None)}:
                raise ValueError("it is not a list of names")
            if len(names) != n_categories:
                raise ValueError(f"expected {n_categories} names, one per category, got {len(names)}")
            return tuple(names)

    def resume(self, trainer: Trainer) -> None:
        """Restores ``trainer`` from the last checkpoint, and drops reports that came after it.

        Raises:
            RunError: nothing was saved yet, or the files are damaged.
        """
        state = self._read(STATE)
        with self._reading(STATE):
            trainer.load_state_dict(state)
        kept = [line for line in self.metrics() if line["step"] <= trainer.steps_done]
        write_whole(self.path / METRICS, "".join(json.dumps(line) + "\n" for line in kept).encode())

    def log(self, report: Report, **others: Any) -> None:
        """Appends one report, with ``others`` as further entries, to the metrics."""
        line = {**report.line, **others}
        with writing(self.path / METRICS), (self.path / METRICS).open("a") as file:
            file.write(json.dumps(line) + "\n")

    def metrics(self) -> list[dict[str, Any]]:
        """All reports so far, without a line that a crash cut short."""
        path = self.path / METRICS
        lines: list[dict[str, Any]] = []
        for line in path.read_text(errors="replace").splitlines() if path.exists() else []:
            with contextlib.suppress(ValueError):
                lines.append(upgraded_report(json.loads(line)))
        return lines

    def _read(self, name: str) -> dict[str, Tensor]:
        path = self.path / name
        if not path.exists():
            raise RunError(f"run {self.name} has no {name}: it stopped before its first checkpoint; train again")
        with self._reading(name):
            return {name_in_code(name): tensor for name, tensor in load(path.read_bytes()).items()}

    @contextlib.contextmanager
    def _reading(self, name: str) -> Iterator[None]:
        """Turns whatever the content of a damaged file leads to into a RunError that names the file."""
        try:
            yield
        except TsInfoGANError:
            raise
        except (OSError, SafetensorError, KeyError, TypeError, AttributeError, ValueError, RuntimeError) as error:
            what = " ".join(str(error).split())[:120]
            mend = "restore or delete it" if name == NAMES else "restore it, or train again"
            raise RunError(
                f"{name} of run {self.path} is damaged, or of another version of tsinfogan ({what}); {mend}"
            ) from None


def list_runs(root: Path) -> list[Run]:
    """All readable runs under ``root``, oldest first."""
    runs = []
    for path in sorted(root.iterdir()) if root.is_dir() else []:
        with contextlib.suppress(RunError):
            runs.append(Run.open(path))
    return sorted(runs, key=lambda run: str(run.config.get("created", "")))


def find_run(root: Path, name: str | None = None) -> Run:
    """The run called ``name``, or the one whose model is newest.

    Args:
        root: directory of all runs.
        name: name of a directory in ``root``, or a path; None for the newest run.

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
        raise UnknownNameError("run", name, [run.name for run in list_runs(root)])
    trained = [run for run in list_runs(root) if (run.path / MODEL).exists()]
    if not trained:
        raise RunError(
            f"expected a trained model in {root}/, found none; run `tsinfogan train` first, or name another "
            "directory (`root`)"
        )
    return max(trained, key=lambda run: (run.path / MODEL).stat().st_mtime_ns)


def _networks(model: Model) -> nn.ModuleDict:
    return nn.ModuleDict({"generator": model.generator, "discriminator": model.discriminator})


def _calibration_tensors(model: Model) -> dict[str, Tensor]:
    """How samples are drawn (:mod:`tsinfogan.training.calibration`), as entries of the model's file."""
    tensors = {NOISE_SCALE: torch.tensor(model.noise_scale)}
    if not math.isnan(model.agreement):
        tensors |= {AGREEMENT: torch.tensor(model.agreement), TEMPERATURE: torch.tensor(model.temperature)}
    if model.class_proportions:
        tensors[CLASS_PROPORTIONS] = torch.tensor(model.class_proportions, dtype=torch.float64)
    return tensors


def _take_calibration(model: Model, tensors: dict[str, Tensor]) -> None:
    """The inverse of :func:`_calibration_tensors`, whose entries are taken out; older files lack them."""
    model.noise_scale = float(tensors.pop(NOISE_SCALE, 1))
    model.class_proportions = tuple(tensors.pop(CLASS_PROPORTIONS, torch.empty(0)).tolist())
    model.agreement = float(tensors.pop(AGREEMENT, math.nan))
    model.temperature = float(tensors.pop(TEMPERATURE, 1))


def _serialised(tensors: Mapping[str, Tensor]) -> bytes:
    # Channels-last weights are stored in plain order; copying into a network restores its own layout.
    return save({name_in_file(name): value.detach().cpu().contiguous().clone() for name, value in tensors.items()})
