"""Trained models by name: those that come with this package, and by address those on a hub.

A model of this package is a run directory with what sampling needs, and checksums that show a damaged installation.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch

from tsinfogan.errors import RunError, UnknownNameError
from tsinfogan.models.model import Model
from tsinfogan.sharing.hub import SCHEME, TO_SAMPLE, fetched_run, files_to_sample
from tsinfogan.training.files import read_ordinary, read_text, write_whole
from tsinfogan.training.run import Run

FOLDER = Path(__file__).parent
CHECKSUMS = "SHA256SUMS"


def available_pretrained() -> tuple[str, ...]:
    """Names of the models that come with this package, such as ``letters``."""
    return tuple(sorted(path.parent.name for path in FOLDER.glob(f"*/{CHECKSUMS}")))


def load_pretrained(name: str, device: torch.device | str = "cpu") -> Model:
    """A model that somebody trained.

    Args:
        name: one of :func:`available_pretrained`, or an address on a hub, ``hf://user/name`` or
            ``hf://user/name@revision``, which is downloaded once and kept in the hub's cache.
        device: where its networks are put.

    Raises:
        UnknownNameError: no model of this name comes with this package.
        RunError: the hub has no such model or refuses it, or the model's files are damaged.

    Example:
        >>> from tsinfogan import sample
        >>> from tsinfogan.sharing.pretrained import load_pretrained
        >>> letters = sample(load_pretrained("letters"), 3, label="a")
        >>> letters.panel.channels, letters.columns["label"].tolist()
        (('x', 'y', 'force'), ['a', 'a', 'a'])
    """
    return (fetched_run(name) if name.startswith(SCHEME) else pretrained_run(name)).load_model(device)


def pretrained_run(name: str) -> Run:
    """The run of a model that comes with this package; only to be read. A RunError if its files are damaged."""
    if name not in (known := available_pretrained()):
        raise UnknownNameError("pretrained model", name, known)
    folder = FOLDER / name
    try:
        expected = read_text(folder / CHECKSUMS)
        intact = expected == _checksums({file: read_ordinary(folder / file) for file in TO_SAMPLE})
    except (OSError, ValueError):
        intact = False
    if not intact:
        raise RunError(f"the pretrained model in {folder} is damaged: its checksums differ; install tsinfogan again")
    return Run.open(folder)


def pack(run: Run, folder: Path) -> None:
    """Writes what sampling from ``run`` needs, and its checksums, to ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    files = files_to_sample(run, run.load_model())
    for name, content in {**files, CHECKSUMS: _checksums(files).encode()}.items():
        write_whole(folder / name, content)


def _checksums(files: dict[str, bytes]) -> str:
    """As ``sha256sum`` writes and checks them."""
    return "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items())
