"""``tsinfogan name``: what people call the categories."""

from __future__ import annotations

from pathlib import Path

import typer

from tsinfogan.cli import _options as shared
from tsinfogan.cli._files import found_run
from tsinfogan.cli._options import command_for, option
from tsinfogan.cli._output import print_table, say
from tsinfogan.errors import SettingError


def name(
    text: str | None = typer.Argument(
        None, metavar="[NAME]", help="Name for the category of --cat. Default: list the names."
    ),
    cat: int | None = option("Category of the first categorical code. Default: list the names."),
    clear: bool = option("Remove the name of the category.", "--clear", default=False),
    model: str | None = shared.MODEL,
    runs: Path = shared.RUNS,
) -> None:
    """Name a category, so that `sample --label` finds it: tsinfogan name --cat 3 "fast s". Alone: list the names.

    Names never reach training. Where the data had labels, categories are named after the classes that they match.
    """
    if (cat is None) != (text is None and not clear) or (text is not None and clear):
        raise SettingError(
            'expected a category and its name, such as `tsinfogan name --cat 3 "fast s"`, or `--cat 3 --clear`; '
            "give both, or nothing to list the names"
        )
    from tsinfogan.sampling.naming import renamed

    run = found_run(runs, model, "name the categories of your own run, and push that" if cat is not None else "")
    loaded = run.load_model()
    if cat is not None:
        names = renamed(loaded, cat, text)
        run.save_names(names)
        called = f"is called {names[cat]!r}" if names[cat] else "has no name"
        say(f"category {cat} of {run.name} {called}")
        if names[cat]:
            line = command_for(runs, "sample", "--model", run.name, "--label", str(names[cat]))
            say(f"sample it with: {line} > out.csv")
        return
    if not loaded.settings.n_categories:
        raise SettingError(f"run {run.name} has no categorical code, so there is nothing to name")

    shown = loaded.category_names or (None,) * loaded.settings.n_categories
    print_table(("category", "name"), [(str(category), known or "") for category, known in enumerate(shown)])
