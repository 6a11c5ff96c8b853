"""``tsinfogan datasets``: what there is to train on."""

from __future__ import annotations

import shlex

import typer

from tsinfogan.cli import _completion as completion
from tsinfogan.cli._output import hint, print_fields, print_table, say

datasets_app = typer.Typer(name="datasets", help="List the datasets, tell about one, or fetch one ahead of time.")


@datasets_app.callback(invoke_without_command=True)
def _list_by_default(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_datasets()


@datasets_app.command("list")
def list_datasets() -> None:
    """List all datasets."""
    from tsinfogan.datasets import DATASETS, Family

    rows = []
    for name in DATASETS.names():
        entry = DATASETS.get(name)
        shown, backbone = (f"{name}:NAME", "conv1d") if isinstance(entry, Family) else (name, entry.backbone)
        rows.append((shown, entry.licence, backbone, entry.summary))
    print_table(("name", "licence", "backbone", "summary"), rows)


@datasets_app.command()
def info(name: str = typer.Argument(help="Name of a dataset.", autocompletion=completion.datasets)) -> None:
    """Tell source, licence, citation and default codes of one dataset."""
    from tsinfogan.datasets import get_dataset

    entry = get_dataset(name)
    categories = "as many categories as classes" if entry.n_categories is None else f"{entry.n_categories} categories"
    codes = f"{categories}, {entry.n_continuous} continuous, {entry.noise_dim} noise"
    about = [(part, getattr(entry, part)) for part in ("summary", "source", "licence", "citation")]
    print_fields([("name", name), *about, ("codes", codes), ("backbone", entry.backbone)])


@datasets_app.command()
def fetch(name: str = typer.Argument(help="Name of a dataset.", autocompletion=completion.datasets)) -> None:
    """Fetch a dataset into the cache, so that training needs no network."""
    from tsinfogan.datasets import get_dataset
    from tsinfogan.datasets.sources import cache_folder, data_folder

    dataset = get_dataset(name)
    dataset.fetch()
    own = data_folder()
    where = f"in {own} or in {cache_folder()}" if own else f"in {cache_folder()}"
    made_here = not dataset.source.startswith("http")
    say(f"{name} is ready: {'it is made on the spot' if made_here else f'it is kept {where}'}")
    hint(shlex.join(("tsinfogan", "train", "--dataset", name)))
