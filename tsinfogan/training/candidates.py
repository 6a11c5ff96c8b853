"""Several trainings of one plan, one per seed, in one run directory.

candidates.json       the score of each candidate, and which one is chosen
candidates/seed-3/    a candidate: a run directory of its own

All other files are copies of the chosen candidate's, so the directory can be sampled from like any run.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from tsinfogan.data.panel import Panel
from tsinfogan.devices import Computing
from tsinfogan.errors import DivergedError, RunError
from tsinfogan.training.checks import check_types
from tsinfogan.training.files import Lock, read_json, read_ordinary, read_text, write_whole, writing
from tsinfogan.training.plan import Plan
from tsinfogan.training.run import CANDIDATES, CARD, CONFIG, METRICS, MODEL, NAMES, Run, Tell, find_run, list_runs
from tsinfogan.training.selection import Score, best, score_models, with_seeds
from tsinfogan.training.session import PICTURE, Session, build_model, describe
from tsinfogan.training.trainer import STEADIER

FOLDER = "candidates"


@dataclass(frozen=True)
class Candidate:
    """State of the training of one seed and, once all are trained, its :class:`Score`."""

    seed: int
    trained: bool = False  # whether all its steps are done
    note: str = ""  # why it was left out
    disagreement: float | None = None
    agreement: float | None = None  # None without others
    mean_rank: float | None = None
    chosen: bool = False


class Candidates:
    """The trainings of several seeds, and their common run directory."""

    def __init__(self, run: Run, rows: list[Candidate]):
        self.run, self.rows = run, rows
        self._lock: Lock | None = None

    @classmethod
    def start(
        cls,
        root: Path,
        plan: Plan,
        panel: Panel,
        source: Mapping[str, Any],
        n_seeds: int,
        computing: Computing | None = None,
    ) -> Candidates:
        """A new run directory under ``root`` for ``n_seeds`` trainings, the first with the plan's own seed.

        Raises:
            SettingError: the plan has no categories to choose by.
            RunError: the run directory cannot be written.
        """
        rows = [Candidate(each.training.seed) for each in with_seeds(plan, n_seeds)]
        data = {**source, "n_cases": panel.n_cases, "fingerprint": panel.fingerprint()}
        files = {CANDIDATES: _table(rows)}
        return cls(Run.create(root, plan, build_model(plan, panel), data, computing, files), rows)

    @classmethod
    def open(cls, run: Run) -> Candidates | None:
        """The candidates of ``run``, or None if it is a single training.

        Raises:
            RunError: the table of candidates is damaged.
        """
        path = run.path / CANDIDATES
        if not path.exists():
            return None
        try:
            rows = [Candidate(**row) for row in read_json(read_text(path))]
            check_types(rows, list[Candidate], CANDIDATES)
            if not rows or len({row.seed for row in rows}) < len(rows) or min(row.seed for row in rows) < 0:
                raise ValueError("expected seeds that differ")
        except (OSError, ValueError, TypeError) as error:
            raise RunError(f"{path} is damaged ({str(error)[:120]}); restore it, or train again") from None
        return cls(run, rows)

    @property
    def chosen(self) -> Candidate | None:
        """The chosen candidate, or None before the choice."""
        return next((row for row in self.rows if row.chosen), None)

    def remaining(self, panel: Panel, device: torch.device, precision: torch.dtype) -> Iterator[tuple[int, Session]]:
        """The unfinished trainings, each with its number from 1; call :meth:`note` after each one.

        Raises:
            DataError: ``panel`` is not the data that the run was started with.
            RunError: a candidate's files are damaged, or cannot be written, or another process trains them.
        """
        self._lock = self._lock or self.run.lock()
        for index, row in enumerate(self.rows):
            if not row.trained and not row.note:
                yield index + 1, self._session(row, panel, device, precision)

    def note(self, session: Session, diverged: DivergedError | None = None) -> None:
        """Records that a candidate is trained, or why it is left out."""
        seed = session.trainer.settings.seed
        changed = {"note": str(diverged)} if diverged else {"trained": session.finished}
        self.rows = [replace(row, **changed) if row.seed == seed else row for row in self.rows]
        self._save()

    def choose(self, panel: Panel, device: torch.device) -> Candidate:
        """Scores the candidates on ``panel``, without its labels, and copies the best one to the top.

        Raises:
            DivergedError: all candidates diverged.
            RunError: the disk is full; the candidates are untouched.
        """
        rows = [row for row in self.rows if row.trained]
        if not rows:
            raise DivergedError(f"all {len(self.rows)} candidates of run {self.run.name} diverged; {STEADIER}")
        scores = score_models(self.run.plan, (self._run(row).load_model(device) for row in rows), panel)
        scored = {row.seed: replace(row, **_entries(score)) for row, score in zip(rows, scores, strict=True)}
        chosen = replace(scored[rows[best(scores)].seed], chosen=True)
        self._put_at_the_top(chosen)
        scored[chosen.seed] = chosen
        self.rows = [scored.get(row.seed, row) for row in self.rows]
        self._save()
        self._lock = None
        return chosen

    def _session(self, row: Candidate, panel: Panel, device: torch.device, precision: torch.dtype) -> Session:
        path = self._path(row)
        if not (path / CONFIG).exists():
            with writing(path):
                path.mkdir(parents=True, exist_ok=True)
            plan = self.run.plan
            plan = replace(plan, training=replace(plan.training, seed=row.seed))
            Run(path, self.run.config).with_config({"plan": plan.to_dict()})
        return Session.resume(Run.open(path), panel, device, precision)

    def _put_at_the_top(self, row: Candidate) -> None:
        """Copies what is not for the candidate's own training, the model last; then :meth:`choose` writes the table."""
        source = self._run(row)
        for name in (METRICS, NAMES, PICTURE):
            if (source.path / name).exists():
                with writing(source.path / name, "restore it, or train again", doing="read"):
                    content = read_ordinary(source.path / name)
                write_whole(self.run.path / name, content)
        self.run = self.run.with_config(source.config)
        model = source.load_model()
        write_whole(self.run.path / CARD, describe(self.run, model).encode())
        self.run.save_model(model)

    def _path(self, row: Candidate) -> Path:
        """The candidate's own directory, which lies in that of the run: links could lead out of it."""
        path = self.run.path / FOLDER / f"seed-{row.seed}"
        if path.is_symlink() or path.parent.is_symlink():
            raise RunError(f"{path} leads out of run {self.run.name}; put the folder itself there, or train again")
        return path

    def _run(self, row: Candidate) -> Run:
        return Run.open(self._path(row))

    def _save(self) -> None:
        write_whole(self.run.path / CANDIDATES, _table(self.rows))


def _table(rows: list[Candidate]) -> bytes:
    return json.dumps([asdict(row) for row in rows], indent=1).encode()


def _entries(score: Score) -> dict[str, Any]:
    """The score in a candidate; JSON has no NaN."""
    return {name: None if math.isnan(value) else value for name, value in score._asdict().items()}


def find_last(root: Path, tell: Tell = warnings.warn) -> Run:
    """The run under ``root`` that was trained last, also one without a checkpoint or a choice yet; else a RunError."""
    runs = list_runs(root, tell)
    return max(runs, key=_last_saved) if runs else find_run(root, tell=lambda sentence: None)


def _last_saved(run: Run) -> int:
    files = [run.path / CONFIG, run.path / MODEL, *run.path.glob(f"{FOLDER}/*/{MODEL}")]
    return max(path.stat().st_mtime_ns for path in files if path.exists())
