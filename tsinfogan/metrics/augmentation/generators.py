"""Which runs may take part in a study: generators that know the training series and nothing else."""

from __future__ import annotations

from pathlib import Path

from tsinfogan.data.panel import Panel
from tsinfogan.training.run import MODEL, Run, list_runs


def generators_of(root: Path, train: Panel) -> list[Run]:
    """Runs under ``root``, oldest first, that were trained to the end on ``train``, without labels, with categories."""
    fingerprint = train.fingerprint()
    return [run for run in list_runs(root) if knows(run, fingerprint) and _is_finished(run) and _is_free(run)]


def knows(run: Run, fingerprint: str) -> bool:
    """Whether ``run`` was trained on the series of that fingerprint, and so not on those that are tested on."""
    return run.data.get("fingerprint") == fingerprint


def _is_finished(run: Run) -> bool:
    reports = run.metrics()
    is_done = bool(reports) and reports[-1]["step"] >= run.plan.training.max_steps
    return is_done and (run.path / MODEL).exists()


def _is_free(run: Run) -> bool:
    return not run.plan.model.labelled and run.plan.model.n_categories > 1
