"""The house itself: floors, packaging, what may not be imported or called, and what must be documented."""

from __future__ import annotations

import ast
import pkgutil
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
MAX_LINES = 400

FLOORS = {
    "tsinfogan.errors": 0,
    "tsinfogan.seeding": 0,
    "tsinfogan.devices": 1,
    "tsinfogan.registry": 1,
    "tsinfogan.data": 2,
    "tsinfogan.datasets": 3,
    "tsinfogan.formats": 3,
    "tsinfogan.preprocessing": 3,
    "tsinfogan.models": 4,
    "tsinfogan.sampling": 5,
    "tsinfogan.training": 6,
    "tsinfogan.metrics": 7,
    "tsinfogan.reports": 8,
    "tsinfogan.estimators": 8,
    "tsinfogan.sharing": 9,
    "tsinfogan": 10,
    "tsinfogan.cli": 10,
    "tsinfogan.__main__": 11,
}
"""A room, or a module that is in none, imports from itself and from lower floors."""

REGISTRIES = {
    "tsinfogan.models.backbones",
    "tsinfogan.datasets",
    "tsinfogan.formats",
    "tsinfogan.metrics.codes",
    "tsinfogan.metrics.samples",
    "tsinfogan.metrics.augmentation.methods",
}
"""Packages of which every public module is one entry: it imports no other entry."""
SHARED = {"blocks", "context", "frame", "sources"}
"""Public modules of registries that are no entries."""


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


def room(name: str) -> str:
    """The entry of ``FLOORS`` that a module stands under."""
    while name not in FLOORS:
        name = name.rpartition(".")[0]
    return name


def imports(tree: ast.AST, for_types: bool = True) -> Iterator[str]:
    """Every module of ours that is imported anywhere in ``tree``, in functions and, by default, for types alone."""
    for node in ast.walk(tree) if for_types else without_types(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.partition(".")[0] == "tsinfogan")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in line {node.lineno}"
            source = node.module or ""
            if source.partition(".")[0] == "tsinfogan":
                for alias in node.names:
                    inner = f"{source}.{alias.name}"
                    yield inner if inner in MODULES else source


def without_types(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those under ``if TYPE_CHECKING:``."""
    if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
        yield node
        for child in ast.iter_child_nodes(node):
            yield from without_types(child)


def test_every_room_has_a_floor() -> None:
    assert {room(name) for name in MODULES} == set(FLOORS)
    flat = [name for name in MODULES if name.count(".") == 1 and MODULES[name].name != "__init__.py"]
    assert all(name in FLOORS for name in flat), "a module that is in no room"


def every_import() -> Iterator[tuple[str, str]]:
    """Each module, with each that it imports."""
    return ((name, other) for name, tree in TREES.items() for other in imports(tree))


def test_imports_lead_downstairs() -> None:
    for name, other in every_import():
        here, there = room(name), room(other)
        assert here == there or FLOORS[there] < FLOORS[here], f"{name} imports {other}, which is not below it"


def test_private_modules_are_imported_by_their_package_alone() -> None:
    for name, other in every_import():
        package, _, last = other.rpartition(".")
        assert not last.startswith("_") or f"{name}.".startswith(f"{package}."), f"{name} imports {other}"


def test_entries_import_no_other_entry() -> None:
    for name, other in every_import():
        (package, _, last), (above, _, theirs) = name.rpartition("."), other.rpartition(".")
        is_entry = package in REGISTRIES and not last.startswith("_")
        is_other = above == package and not theirs.startswith("_") and not {theirs, last} & SHARED
        assert not (is_entry and is_other), f"{name} imports {other}"


def test_library_names_no_options() -> None:
    """Messages name Python parameters, which the command line turns into options; only whole commands stand as such."""
    for name, tree in TREES.items():
        for node in ast.walk(tree) if room(name) != "tsinfogan.cli" else ():
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "var(--" not in node.value:
                text = re.sub(r"tsinfogan [a-z-]+( --[a-z-]+)*", "", node.value)
                named = re.search(r"(?<![\w-])--([a-z]|$)", text)
                assert not named, f"{name}, line {node.lineno}, names an option: {node.value!r}"


def test_no_modules_import_each_other() -> None:
    """Following imports never leads back, but for those that only types need."""
    graph = {name: {*imports(tree, for_types=False)} - {name} for name, tree in TREES.items()}
    while leaves := {name for name, others in graph.items() if not others & graph.keys()}:
        graph = {name: others for name, others in graph.items() if name not in leaves}
    assert not graph, f"modules that import each other, or lead to some that do: {sorted(graph)}"


def test_top_level_folders_are_never_imported_by_their_own_name() -> None:
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {"datasets", "cli"} & {source.partition(".")[0] for source in names}, name


def test_modules_are_short() -> None:
    assert not [name for name, path in MODULES.items() if len(path.read_text().splitlines()) > MAX_LINES]


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


def test_nothing_stored_is_executed() -> None:
    forbidden = {"eval", "exec", "pickle", "cloudpickle", "dill", "joblib", "torch.load", "torch.save", "marshal"}
    forbidden |= {"np.load with pickle", "numpy.load with pickle"}
    for name, tree in TREES.items():
        used = set(calls_and_imports(tree))
        assert not forbidden & used, name
        assert not {use for use in used if use.endswith("read_pickle")}, name


def test_public_names_are_documented() -> None:
    for name, tree in TREES.items():
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
    not {"setuptools", "pip"} <= {found.name for found in pkgutil.iter_modules()},  # find_spec("pip") has side effects
    reason="building a wheel without a network needs pip and setuptools here",
)
def test_wheel_holds_every_module_and_nothing_else(tmp_path: Path) -> None:
    source = tmp_path / "source"  # a copy: setuptools leaves its build folder in the tree
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        (source / name).write_bytes((ROOT / name).read_bytes())
    for folder in FOLDERS.values():
        for path in folder.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
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
    others = {path for path in FOLDERS["tsinfogan"].rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert {".j2", ".js", ".css", ".wasm", ".safetensors"} <= {path.suffix for path in others}
    assert shipped == expected | {path.relative_to(ROOT).as_posix() for path in others}


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

    assert len(tsinfogan.__all__) > 20
    for name in tsinfogan.__all__:
        assert getattr(tsinfogan, name).__name__ == name
    assert set(tsinfogan.__all__) <= set(dir(tsinfogan))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = tsinfogan.nothing


def test_type_checkers_see_the_public_names() -> None:
    """Each is imported for types from where it is defined, under an alias, which means that it is public."""
    import tsinfogan

    seen = {
        alias.asname: source.module
        for block in TREES["tsinfogan"].body
        if isinstance(block, ast.If)
        for source in block.body
        if isinstance(source, ast.ImportFrom)
        for alias in source.names
    }
    assert seen == {name: getattr(tsinfogan, name).__module__ for name in tsinfogan.__all__}


def test_every_test_file_is_collected() -> None:
    """Pytest takes ``test_*.py`` with test functions; a file named otherwise would be passed over without a word."""
    for path in (ROOT / "tests").rglob("*.py"):
        if path.name in ("conftest.py", "__init__.py") or path.name.startswith("_"):
            continue
        assert path.name.startswith("test_"), path
        assert re.search(r"^def test_", path.read_text(), re.MULTILINE), path
