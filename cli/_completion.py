"""What Tab offers in a shell: names of runs, datasets, categories and choices. It never prints, raises or is slow."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import typer

VARIABLE = "_TSINFOGAN_COMPLETE"
"""Set by a shell that asks what could be typed next."""
PLAIN = re.compile(r"[\w.,:+@%/ -]+")
"""Names that no shell reads as code: some run what they complete, and names come from files."""
MAX_BYTES = 2**22
RECIPES = ("acgan", "cgan", "gan", "infogan", "semi_supervised")

Completion = Callable[[typer.Context, str], list[str]]


def offer(names: Callable[[typer.Context], Iterable[str]]) -> Completion:
    """A completion of an option: those of ``names`` that begin with what is typed; none where they cannot be told."""

    def complete(context: typer.Context, incomplete: str) -> list[str]:
        with contextlib.suppress(Exception):
            fitting = [name for name in names(context) if name.startswith(incomplete) and PLAIN.fullmatch(name)]
            is_bash = os.environ.get(VARIABLE, "").endswith("bash")  # the one that takes a space for the end of a word
            return [name.replace(" ", "\\ ") if is_bash else name for name in fitting]
        return []

    return complete


@offer
def runs(context: typer.Context) -> Iterable[str]:
    """Names of the runs, the newest first."""
    return [folder.name for folder in _folders(context)]


@offer
def labels(context: typer.Context) -> Iterable[str]:
    """Names of the categories of the run that is asked for, or of the newest."""
    asked, pretrained = context.params.get("model"), context.params.get("pretrained")
    if pretrained:
        folder = _packed() / pretrained
    else:
        folders = _folders(context)
        folder = next((one for one in folders if asked in (None, one.name)), Path(asked or ""))
    config = _json(folder / "config.json")
    is_labelled = config["plan"]["model"]["labelled"]
    names = config["card"]["classes"] if is_labelled else _json(folder / "names.json")
    return sorted({str(name) for name in names if name})


@offer
def datasets(context: typer.Context) -> Iterable[str]:
    """Names of the datasets."""
    from tsinfogan.datasets import DATASETS

    return DATASETS.names()


@offer
def formats(context: typer.Context) -> Iterable[str]:
    """Names of the formats of series."""
    from tsinfogan.formats import FORMATS

    return FORMATS.names()


@offer
def backbones(context: typer.Context) -> Iterable[str]:
    """Names of the backbones, whose own registry would import torch."""
    from tsinfogan.registry import Registry

    registry: Registry[Any] = Registry("backbone", "tsinfogan.models.backbones", "BACKBONE", ())
    return registry.names()


@offer
def pretrained(context: typer.Context) -> Iterable[str]:
    """Names of the models that come with this package."""
    return sorted(path.parent.name for path in _packed().glob("*/SHA256SUMS"))


def one_of(*names: str) -> Completion:
    """Always the same names."""
    return offer(lambda context: names)


def _packed() -> Path:
    """Where the models of this package lie."""
    from tsinfogan import sharing

    return Path(str(sharing.__file__)).parent


def _folders(context: typer.Context) -> list[Path]:
    """Directories of runs, of which the one with the newest model comes first."""
    parents = (context, context.parent)
    root = next(Path(one.params["runs"]) for one in parents if one is not None and one.params.get("runs"))
    return sorted((path for path in root.iterdir() if (path / "config.json").is_file()), key=_age, reverse=True)


def _age(folder: Path) -> int:
    model = folder / "model.safetensors"
    return model.stat().st_mtime_ns if model.is_file() else 0


def _json(path: Path) -> Any:
    """The content of an ordinary file that is not too large."""
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        return []
    return json.loads(path.read_text())
