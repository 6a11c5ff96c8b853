"""Figures of the library's own structure: rooms, floors, lines, long functions, and modules that a value passes.

    python benchmarks/house.py
    python benchmarks/house.py --root ../an-older-checkout    # what the source alone tells

Functions are measured without their docstring; ``self``, ``cls`` and ``*args`` are no parameters, and commands of the
command line are left out. A series passes a module if one of its functions runs between the CSV file and the
discriminator's logit. The category of `tsinfogan sample --cat 7` passes a module if one of its functions is given,
holds or returns a 7: as text, as an integer in a tuple or a list, or as an array or tensor of nothing else. Both are of
a second call, when everything is imported.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import dataclasses
import io
import re
import sys
import tempfile
import threading
import tokenize
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import numpy as np
import torch

from tsinfogan import Panel, make_plan, read_panel, write_panel
from tsinfogan.cli import main as command
from tsinfogan.preprocessing.preprocessor import Preprocessor
from tsinfogan.sampling.request import CodeRequest
from tsinfogan.sampling.sampler import Sample
from tsinfogan.training.session import build_model

HERE = Path(__file__).resolve().parents[1]
ROOTS = ("tsinfogan", "cli", "datasets")
MAX_LINES, MAX_PARAMETERS = 60, 7
MIXING = re.compile(r"\bwithin_class_mixing\b|\bmixing\b|\bblends?\b|\bblending\b")
CATEGORY = 7


def main() -> None:
    """Prints one figure a line, with the names behind it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help="another checkout: figures of its source only")
    root = parser.parse_args().root
    of_source(root or HERE)
    if root is None:
        with tempfile.TemporaryDirectory() as folder:
            of_values(Path(folder))


def show(what: str, figure: object, names: list[str] | None = None) -> None:
    """One line, and the names below it."""
    print(f"{what}: {figure}")
    if names:
        print("    " + ", ".join(names))


# ---- the source


class Function(NamedTuple):
    """A function of the product."""

    name: str
    lines: int
    parameters: int


def of_source(root: Path) -> None:
    """Figures that need no run."""
    package = root / "tsinfogan"
    flat = sorted(path.stem for path in package.glob("*.py") if path.stem != "__init__")
    rooms = sorted(path.parent.name for path in package.glob("*/__init__.py"))
    files = [path for name in ROOTS for path in sorted((root / name).rglob("*.py"))]
    functions = [function for path in files for function in functions_of(path, root)]
    long = [f"{one.name} ({one.lines})" for one in functions if one.lines > MAX_LINES]
    wide = [f"{one.name} ({one.parameters})" for one in functions if one.parameters > MAX_PARAMETERS]
    mixing = [str(path.relative_to(root)) for path in files if names_mixing(path)]
    show("modules flat in tsinfogan/, without __init__", len(flat), flat)
    show("rooms", len(rooms), rooms)
    show("floors of rooms", n_floors(package, rooms))
    show("product lines", sum(len(path.read_text().splitlines()) for path in files))
    show(f"functions over {MAX_LINES} lines", len(long), long)
    show(f"functions with more than {MAX_PARAMETERS} parameters", len(wide), wide)
    show("files that name within-class mixing", len(mixing), mixing)


def functions_of(path: Path, root: Path) -> Iterator[Function]:
    """Every function of a file, but for commands."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or is_command(node):
            continue
        body = node.body[1:] if ast.get_docstring(node) else node.body
        lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
        names = [one.arg for one in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
        n = len(names) - (names[:1] in (["self"], ["cls"]))
        yield Function(f"{path.relative_to(root)}:{node.name}", lines, n)


def is_command(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether its parameters are options of the command line."""
    given = [*(a.annotation for a in node.args.args), *node.args.defaults, *node.args.kw_defaults]
    names = {n.id for part in given if part is not None for n in ast.walk(part) if isinstance(n, ast.Name)}
    return any(name in ("typer", "option", "shared") or name.endswith("Option") for name in names)


def names_mixing(path: Path) -> bool:
    """Whether an identifier or a string of the file, not a comment, is about within-class mixing."""
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
    return any(token.type in (tokenize.NAME, tokenize.STRING) and MIXING.search(token.string) for token in tokens)


def n_floors(package: Path, rooms: list[str]) -> int:
    """Rooms on the longest chain of imports, those for type checkers aside."""
    below = {room: {one for path in (package / room).rglob("*.py") for one in imported(path)} for room in rooms}

    @cache
    def height(room: str, above: frozenset[str] = frozenset()) -> int:
        lower = below[room] & set(rooms) - above - {room}
        return 1 + max((height(one, above | {room}) for one in lower), default=0)

    return max(map(height, rooms), default=0)


def imported(path: Path) -> Iterator[str]:
    """First name below ``tsinfogan`` of each import."""
    skipped = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            skipped |= {id(inner) for inner in ast.walk(node)}
        elif isinstance(node, ast.ImportFrom) and id(node) not in skipped and node.module:
            parts = node.module.split(".")
            if parts[0] == "tsinfogan" and len(parts) > 1:
                yield parts[1]


# ---- values on their way


def of_values(folder: Path) -> None:
    """Figures of a run: which modules a series and a category pass."""
    file = str(folder / "small.csv")
    values = np.random.default_rng(0).normal(size=(6, 1, 16))
    write_panel(Panel.from_arrays(values, labels=["a", "b"] * 3), file)
    panel = read_panel(file)
    discriminator = build_model(make_plan(panel, width=4), panel).discriminator
    preprocessor = Preprocessor.fit(panel)

    def series_to_logit() -> None:
        discriminator(torch.from_numpy(preprocessor.transform(read_panel(file))))

    def run(*arguments: str) -> None:
        hidden = io.TextIOWrapper(io.BytesIO())
        with contextlib.redirect_stdout(hidden), contextlib.redirect_stderr(hidden):
            try:
                command(list(arguments))
            except SystemExit as end:
                if end.code:
                    hidden.seek(0)
                    raise RuntimeError(hidden.read()) from None

    runs = ("--runs", str(folder / "runs"), "--device", "cpu")
    short = ("--steps", "1", "--width", "4", "--set", "pretraining_steps=0")
    run("train", "--data", file, "--cat", str(CATEGORY + 1), *short, *runs)

    def category_to_row() -> None:
        run("sample", "--cat", str(CATEGORY), "-n", "3", "--format", "csv", *runs)

    passed = modules_of(series_to_logit)
    show("modules passed from a CSV row to the discriminator's logit", len(passed), passed)
    passed = modules_of(category_to_row, holds_category)
    show(f"modules passed from --cat {CATEGORY} to the CSV row", len(passed), passed)


def holds_category(value: Any, depth: int = 0) -> bool:
    """Whether a value is the category, in one of its forms, or holds it."""
    if isinstance(value, str):
        return value == str(CATEGORY)
    if isinstance(value, (np.ndarray, torch.Tensor)):
        kind = str(value.dtype).removeprefix("torch.")
        return value.ndim == 1 and len(value) > 0 and kind.startswith("int") and bool((value == CATEGORY).all())
    if depth > 3:
        return False
    if isinstance(value, Mapping):
        value = list(value.values())
    elif isinstance(value, (CodeRequest, Sample)):
        value = list(vars(value).values()) if dataclasses.is_dataclass(value) else list(value)
    if not isinstance(value, (tuple, list)) or len(value) > 60:
        return False
    return any((type(x) in (int, float) and x == CATEGORY) or holds_category(x, depth + 1) for x in value)


def modules_of(call: Callable[[], None], holds: Callable[[Any], bool] = lambda value: True) -> list[str]:
    """Modules of the product whose functions, in a second call, are given, hold or return what ``holds`` knows."""
    call()
    found: set[str] = set()

    def notice(frame: FrameType, event: str, returned: Any) -> None:
        name = str(frame.f_globals.get("__name__"))
        if event not in ("call", "return") or not name.startswith("tsinfogan") or frame.f_code.co_name == "<module>":
            return
        if any(holds(value) for value in (*frame.f_locals.values(), returned)):
            found.add(name.removeprefix("tsinfogan."))

    threading.setprofile(notice)  # samples are drawn in a thread of their own
    sys.setprofile(notice)
    try:
        call()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return sorted(found)


if __name__ == "__main__":
    main()
