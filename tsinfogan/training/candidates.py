"""Several trainings of one plan, one per seed, in one run directory.

candidates.json       the score of each candidate, and which one is chosen
candidates/seed-3/    a candidate: a run directory of its own

All other files are copies of the chosen candidate's, so the directory can be sampled from like any run.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from tsinfogan.data.panel import Panel
from tsinfogan.errors import DivergedError, RunError
from tsinfogan.training.files import write_whole, writing
from tsinfogan.training.plan import Plan
from tsinfogan.training.run import CANDIDATES, CARD, CONFIG, METRICS, MODEL, STATE, Run, find_run, list_runs
from tsinfogan.training.selection import Score, best, score_models, with_seeds
from tsinfogan.training.session import Session, build_model, check_same_data, describe, make_trainer
from tsinfogan.training.trainer import STEADIER

FOLDER = "candidates"
OWN_FILES = (CONFIG, STATE, CARD)
"""Files of a candidate that are not copied: only its own training needs them, or they are written anew."""


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

    @classmethod
    def start(cls, root: Path, plan: Plan, panel: Panel, source: Mapping[str, Any], n_seeds: int) -> Candidates:
        """A new run directory under ``root`` for ``n_seeds`` trainings, the first with the plan's own seed.

        Raises:
            SettingError: the plan has no categories to choose by.
            RunError: the run directory cannot be written.
        """
        rows = [Candidate(each.training.seed) for each in with_seeds(plan, n_seeds)]
        data = {**source, "n_cases": panel.n_cases, "fingerprint": panel.fingerprint()}
        candidates = cls(Run.create(root, plan, build_model(plan, panel), data), rows)
        candidates._save()
        return candidates

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
            rows = [Candidate(**row) for row in json.loads(path.read_text())]
        except (OSError, ValueError, TypeError) as error:
            raise RunError(f"{path} is damaged ({error}); restore it, or train again") from None
        return cls(run, rows)

    @property
    def chosen(self) -> Candidate | None:
        """The chosen candidate, or None before the choice."""
        return next((row for row in self.rows if row.chosen), None)

    def remaining(self, panel: Panel, device: torch.device, precision: torch.dtype) -> Iterator[tuple[int, Session]]:
        """The unfinished trainings, each with its number from 1; call :meth:`note` after each one.

        Raises:
            DataError: ``panel`` is not the data that the run was started with.
            RunError: a candidate's files are damaged, or cannot be written.
        """
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
        return chosen

    def _session(self, row: Candidate, panel: Panel, device: torch.device, precision: torch.dtype) -> Session:
        path = self._path(row)
        if (path / STATE).exists():
            return Session.resume(Run.open(path), panel, device, precision)
        plan = self.run.plan
        plan = replace(plan, training=replace(plan.training, seed=row.seed))
        with writing(path):
            path.mkdir(parents=True, exist_ok=True)
            (path / METRICS).unlink(missing_ok=True)  # of a start that ended before its first checkpoint
        config = {**self.run.config, "plan": plan.to_dict()}
        write_whole(path / CONFIG, json.dumps(config, indent=1).encode())
        run = Run.open(path)
        check_same_data(run, panel)
        return Session(run, make_trainer(plan, build_model(plan, panel), panel, device, precision), panel)

    def _put_at_the_top(self, row: Candidate) -> None:
        """Copies the candidate's files; :meth:`choose` then writes the table, which makes the choice valid."""
        source = self._run(row)
        for path in sorted(source.path.iterdir()):
            if path.is_file() and path.name not in OWN_FILES and not path.name.startswith("."):
                write_whole(self.run.path / path.name, path.read_bytes())
        write_whole(self.run.path / CONFIG, (source.path / CONFIG).read_bytes())
        self.run = Run.open(self.run.path)
        write_whole(self.run.path / CARD, describe(self.run, self.run.load_model()).encode())

    def _path(self, row: Candidate) -> Path:
        return self.run.path / FOLDER / f"seed-{row.seed}"

    def _run(self, row: Candidate) -> Run:
        return Run.open(self._path(row))

    def _save(self) -> None:
        write_whole(self.run.path / CANDIDATES, json.dumps([asdict(row) for row in self.rows], indent=1).encode())


def _entries(score: Score) -> dict[str, Any]:
    """The score in a candidate; JSON has no NaN."""
    return {name: None if math.isnan(value) else value for name, value in score._asdict().items()}


def find_last(root: Path) -> Run:
    """The run under ``root`` that was trained last, as :func:`find_run`, but also one without a choice yet."""
    trained = [run for run in list_runs(root) if _last_saved(run)]
    return max(trained, key=_last_saved) if trained else find_run(root)


def _last_saved(run: Run) -> int:
    models = [run.path / MODEL, *run.path.glob(f"{FOLDER}/*/{MODEL}")]
    return max((path.stat().st_mtime_ns for path in models if path.exists()), default=0)
