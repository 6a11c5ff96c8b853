"""The house itself: floors, packaging, what may not be imported or called, and what must be documented."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli", reason="reading pyproject.toml needs Python 3.11 or the package tomli")

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = {"tsinfogan": ROOT / "tsinfogan", "tsinfogan.datasets": ROOT / "datasets", "tsinfogan.cli": ROOT / "cli"}
GREATEST_LINES = 400

FLOORS = {
    "tsinfogan.errors": 0,
    "tsinfogan.seeding": 0,
    "tsinfogan.intervals": 0,
    "tsinfogan.registry": 1,
    "tsinfogan.directions": 1,
    "tsinfogan.blending": 1,
    "tsinfogan.distortions": 1,
    "tsinfogan.codes": 1,
    "tsinfogan.devices": 1,
    "tsinfogan.columns": 1,
    "tsinfogan.pages": 1,
    "tsinfogan.dates": 1,
    "tsinfogan.uea": 1,
    "tsinfogan.gaps": 2,
    "tsinfogan.panel": 2,
    "tsinfogan.networks": 2,
    "tsinfogan.scaling": 2,
    "tsinfogan.bounds": 2,
    "tsinfogan.resampling": 2,
    "tsinfogan.preprocessing": 3,
    "tsinfogan.checks": 3,
    "tsinfogan.degradations": 3,
    "tsinfogan.plotting": 3,
    "tsinfogan.datasets": 3,
    "tsinfogan.backbones": 3,
    "tsinfogan.objectives": 3,
    "tsinfogan.transforms": 4,
    "tsinfogan.capture": 4,
    "tsinfogan.settings": 1,
    "tsinfogan.revision": 4,
    "tsinfogan.discovery": 5,
    "tsinfogan.model": 4,
    "tsinfogan.recipes": 4,
    "tsinfogan.dispersion": 5,
    "tsinfogan.shares": 5,
    "tsinfogan.formats": 4,
    "tsinfogan.frames": 5,
    "tsinfogan.phases": 5,
    "tsinfogan.training": 6,
    "tsinfogan.synthesis": 6,
    "tsinfogan.matching": 3,
    "tsinfogan.naming": 7,
    "tsinfogan.views": 5,
    "tsinfogan.labelling": 3,
    "tsinfogan.health": 7,
    "tsinfogan.evaluation": 7,
    "tsinfogan.assessment": 1,
    "tsinfogan.assessment.remarks": 3,
    "tsinfogan.assessment.curves": 3,
    "tsinfogan.assessment.drawing": 8,
    "tsinfogan.assessment.pictures": 9,
    "tsinfogan.assessment.gathering": 10,
    "tsinfogan.assessment.page": 11,
    "tsinfogan.copies": 7,
    "tsinfogan.comparison": 8,
    "tsinfogan.comparing": 9,
    "tsinfogan.report": 1,
    "tsinfogan.report.traits": 3,
    "tsinfogan.report.effects": 4,
    "tsinfogan.report.words": 5,
    "tsinfogan.report.cards": 6,
    "tsinfogan.report.gathering": 8,
    "tsinfogan.report.pictures": 9,
    "tsinfogan.report.page": 7,
    "tsinfogan.plan": 7,
    "tsinfogan.checkpoint": 8,
    "tsinfogan.choosing": 8,
    "tsinfogan.sessions": 9,
    "tsinfogan.candidates": 10,
    "tsinfogan.targets": 3,
    "tsinfogan.units": 4,
    "tsinfogan.layouts": 6,
    "tsinfogan.containers": 7,
    "tsinfogan.parameters": 8,
    "tsinfogan.estimator": 10,
    "tsinfogan.balancing": 11,
    "tsinfogan.loading": 11,
    "tsinfogan.augmentation": 1,
    "tsinfogan.augmentation.holding_out": 3,
    "tsinfogan.augmentation.situations": 4,
    "tsinfogan.augmentation.categories": 7,
    "tsinfogan.augmentation.methods": 8,
    "tsinfogan.augmentation.tstr": 8,
    "tsinfogan.augmentation.generators": 9,
    "tsinfogan.augmentation.trials": 9,
    "tsinfogan.augmentation.study": 10,
    "tsinfogan.augmentation.verdicts": 10,
    "tsinfogan.augmentation.picture": 11,
    "tsinfogan": 12,
    "tsinfogan.cli": 13,
}
"""A module, or a room with all that is in it, imports only from lower floors."""

ROOMS = {
    "tsinfogan.backbones",
    "tsinfogan.datasets",
    "tsinfogan.formats",
    "tsinfogan.evaluation",
    "tsinfogan.comparison",
    "tsinfogan.augmentation.methods",
    "tsinfogan.cli",
}
"""Packages of which every public module is one entry: it may import the room's own and private modules only."""


def modules() -> dict[str, Path]:
    """Every module of the library by its installed name."""
    found = {}
    for package, folder in FOLDERS.items():
        for path in folder.rglob("*.py"):
            parts = [package, *path.relative_to(folder).with_suffix("").parts]
            found[".".join(part for part in parts if part != "__init__")] = path
    return found


MODULES = modules()
TREES = {name: ast.parse(path.read_text()) for name, path in MODULES.items()}
over_modules = pytest.mark.parametrize("name", sorted(MODULES))


def place(name: str) -> str:
    """The entry of ``FLOORS`` that a module stands under."""
    package = name.rpartition(".")[0]
    return package if package in ROOMS else name


def imports(tree: ast.AST) -> Iterator[str]:
    """Every module of ours that is imported anywhere in ``tree``, in functions and under TYPE_CHECKING too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.partition(".")[0] == "tsinfogan")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in line {node.lineno}"
            source = node.module or ""
            if source.partition(".")[0] == "tsinfogan":
                for alias in node.names:
                    inner = f"{source}.{alias.name}"
                    yield inner if inner in MODULES else source


def test_every_module_has_a_floor() -> None:
    assert {place(name) for name in MODULES} == set(FLOORS)


@over_modules
def test_imports_lead_downstairs(name: str) -> None:
    here = place(name)
    for other in imports(TREES[name]):
        there = place(other)
        if here == there and here in ROOMS:
            assert other == here or other.rpartition(".")[2].startswith("_") or here == "tsinfogan.cli", (
                f"{name} imports {other}, another entry of its room"
            )
        else:
            assert FLOORS[there] < FLOORS[here], f"{name} on floor {FLOORS[here]} imports {other} on {FLOORS[there]}"


@over_modules
def test_top_level_folders_are_never_imported_by_their_own_name(name: str) -> None:
    for node in ast.walk(TREES[name]):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not {"datasets", "cli"} & {source.partition(".")[0] for source in names}


@over_modules
def test_modules_are_short(name: str) -> None:
    assert len(MODULES[name].read_text().splitlines()) <= GREATEST_LINES


def calls_and_imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            keywords = {
                keyword.arg: keyword.value.value for keyword in node.keywords if isinstance(keyword.value, ast.Constant)
            }
            name = ast.unparse(node.func)
            yield f"{name} with pickle" if keywords.get("allow_pickle") else name
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


@over_modules
def test_nothing_stored_is_executed(name: str) -> None:
    forbidden = {"eval", "exec", "pickle", "cloudpickle", "dill", "joblib", "torch.load", "torch.save", "marshal"}
    forbidden |= {"np.load with pickle", "numpy.load with pickle"}
    used = set(calls_and_imports(TREES[name]))
    assert not forbidden & used
    assert not {use for use in used if use.endswith("read_pickle")}


@over_modules
def test_public_names_are_documented(name: str) -> None:
    tree = TREES[name]
    assert ast.get_docstring(tree), f"{name} has no docstring"
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{name}.{node.name} has no docstring"


def settings() -> dict[str, Any]:
    read: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return read


def test_packages_are_the_folders() -> None:
    packages = set()
    for package, folder in FOLDERS.items():
        for init in folder.rglob("__init__.py"):
            packages.add(".".join([package, *init.parent.relative_to(folder).parts]))
    assert set(settings()["tool"]["setuptools"]["packages"]) == packages
    mapping = settings()["tool"]["setuptools"]["package-dir"]
    assert {name: ROOT / folder for name, folder in mapping.items()} == FOLDERS


def test_every_module_lies_in_a_package() -> None:
    assert all((path.parent / "__init__.py").exists() for path in MODULES.values())


@pytest.mark.skipif(
    importlib.util.find_spec("setuptools") is None or importlib.util.find_spec("pip") is None,
    reason="building a wheel without a network needs pip and setuptools here",
)
def test_wheel_holds_every_module_and_nothing_else(tmp_path: Path) -> None:
    source = tmp_path / "source"  # a copy: setuptools leaves its build folder in the tree
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        (source / name).write_bytes((ROOT / name).read_bytes())
    for folder in FOLDERS.values():
        for path in folder.rglob("*"):
            if path.suffix == ".py" or path.name == "py.typed":
                copy = source / path.relative_to(ROOT)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(path.read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), "."]
    built = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    shipped = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    expected = {
        name.replace(".", "/") + ("/__init__.py" if path.name == "__init__.py" else ".py")
        for name, path in MODULES.items()
    }
    assert shipped == expected | {"tsinfogan/py.typed"}


@pytest.mark.parametrize(
    "statement",
    [
        "import tsinfogan",
        "import tsinfogan.cli",
        "import tsinfogan.datasets",
        "import tsinfogan.formats.csv",
        "from tsinfogan import load_dataset, read_panel, Panel",
    ],
)
def test_starting_up_does_not_import_torch(statement: str) -> None:
    program = f"import sys; {statement}; print(*sorted({{'torch', 'matplotlib', 'sklearn'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_public_names() -> None:
    import tsinfogan

    assert set(tsinfogan.__all__) == set(tsinfogan._HOMES)
    for name in tsinfogan.__all__:
        value = getattr(tsinfogan, name)
        assert value.__name__ == name
        assert value.__module__ == f"tsinfogan.{tsinfogan._HOMES[name]}"
    assert set(tsinfogan.__all__) <= set(dir(tsinfogan))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = tsinfogan.nothing


def test_type_checkers_see_the_public_names() -> None:
    import tsinfogan

    seen = {
        alias.name: source.module
        for block in TREES["tsinfogan"].body
        if isinstance(block, ast.If)
        for source in block.body
        if isinstance(source, ast.ImportFrom)
        for alias in source.names
    }
    assert seen == {name: f"tsinfogan.{home}" for name, home in tsinfogan._HOMES.items()}


def test_every_test_file_is_collected() -> None:
    """Pytest takes ``test_*.py`` with test functions; a file named otherwise would be passed over without a word."""
    for path in (ROOT / "tests").rglob("*.py"):
        if path.name in ("conftest.py", "__init__.py") or path.name.startswith("_"):
            continue
        assert path.name.startswith("test_"), path
        assert re.search(r"^def test_", path.read_text(), re.MULTILINE), path
