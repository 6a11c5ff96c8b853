"""Builds the pages that no one writes by hand: the front page from README.md, and one page of the API a room.

MkDocs calls :func:`on_files` before it reads the pages (``hooks`` in mkdocs.yml).
"""

from __future__ import annotations

import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import tsinfogan

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("data", "formats", "preprocessing", "models", "sampling", "training", "metrics", "estimators")

ONLY_DOCSTRING = "{members: [], show_root_heading: false, show_root_toc_entry: false}"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds ``index.md`` and ``reference/*.md`` to the pages in docs/."""
    pages = {"index.md": re.sub(r"(\]\(|src=\")docs/", r"\1", (ROOT / "README.md").read_text())}
    shown = {definition(tsinfogan, name) for name in tsinfogan.__all__}
    pages["reference/tsinfogan.md"] = page("tsinfogan", "Everything here is imported from `tsinfogan` itself.", shown)
    for name in ROOMS:
        room = import_module(f"tsinfogan.{name}")
        public = {definition(room, public) for public in public_names(room)}
        introduction = f"::: tsinfogan.{name}\n    options: {ONLY_DOCSTRING}"
        pages[f"reference/{name}.md"] = page(f"tsinfogan.{name}", introduction, public - shown)
    for path, text in pages.items():
        files.append(File.generated(config, path, content=text))
    return files


def public_names(room: Any) -> list[str]:
    """``__all__`` of a room, or what it defines itself without an underscore."""
    own = [name for name, value in vars(room).items() if getattr(value, "__module__", None) == room.__name__]
    return list(getattr(room, "__all__", None) or [name for name in own if not name.startswith("_")])


def definition(package: Any, name: str) -> str:
    """The dotted path at which a public name of ``package`` is defined, which is where its documentation is found."""
    value = getattr(package, name)
    if hasattr(value, "__qualname__") and value.__module__.startswith("tsinfogan."):
        return f"{value.__module__}.{value.__qualname__}"
    # A constant: the first module to have the name assigns it, for the others import it from there.
    modules = [module for module in sys.modules if f"{module}.".startswith(f"{package.__name__}.")]
    return next(f"{module}.{name}" for module in modules if name in vars(sys.modules[module]))


def page(title: str, introduction: str, paths: set[str]) -> str:
    """A page that documents each of ``paths``, in alphabetical order of the names."""
    blocks = [f"::: {path}" for path in sorted(paths, key=lambda path: path.rpartition(".")[2].lower())]
    return "\n\n".join([f"# {title}", introduction, *blocks]) + "\n"
