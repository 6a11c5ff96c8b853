"""README and docs/: their Python runs, their commands parse, their links lead somewhere, their words are plain."""

from __future__ import annotations

import ast
import doctest
import inspect
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer

import tsinfogan
from tsinfogan.cli import app
from tsinfogan.training.plan import setting_types

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
GUIDES = [page for page in PAGES if page.parent.name != "development"]
over_pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
over_guides = pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
STEPS = re.compile(r'(max_steps(?:": |=))\d+')
FILE = re.compile(r"# (\w+)\.py\n")
"""First line of a block that is a module."""


def blocks(page: Path, language: str) -> list[str]:
    """Fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


@over_pages
def test_python_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of a page run one after another in one namespace, with 2 in place of the steps that they ask for.

    What is found out before a training is found from few series.
    """
    monkeypatch.setattr("tsinfogan.preprocessing.grid.CASES_TO_CHOOSE_GRID", 50)
    monkeypatch.setattr("tsinfogan.training.spectral.MAX_PART", 100)
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {}
    for block in blocks(page, "python"):
        exec(compile(STEPS.sub(r"\g<1>2", block), page.name, "exec"), namespace)


def test_entries_of_another_package_pass_the_contracts(tmp_path: Path) -> None:
    """The modules of docs/extending.md, installed with the entry points shown there, go through the contract suites."""
    page = ROOT / "docs" / "extending.md"
    modules = {found[1]: block for block in blocks(page, "python") if (found := FILE.match(block))}
    (entry_points,) = blocks(page, "toml")
    for name, block in modules.items():
        assert sum(map(bool, block.splitlines())) <= 30, f"{name} is no short example"
        (tmp_path / f"{name}.py").write_text(block)
    installed = tmp_path / "extension-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: extension\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text(
        re.sub(r'\[project\.entry-points\."(.*)"\]', r"[\1]", entry_points).replace('"', "")
    )
    suites = ["models/test_backbones", "datasets/test_datasets", "formats/test_formats", "formats/test_bad_files"]
    files = [f"tests/{suite}.py" for suite in suites]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", *files, "-k", " or ".join(modules)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for name in modules.keys() - {"energies"}:  # of a measure, the contract asks for a row in docs/measures.md as well
        assert re.search(rf"\[{name}.* PASSED", done.stdout), f"no contract was run over {name}"


def command_lines() -> Iterator[Any]:
    """Every ``tsinfogan …`` in a code block or in a code span."""
    for page in PAGES:
        text = re.sub(r"^```python\n.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        joined = text.replace("\\\n", " ")
        lines = re.findall(r"^(?: {4}|\$ )?(tsinfogan .*)$", joined, re.MULTILINE)
        lines += re.findall(r"`(tsinfogan [^`\n]+)`", joined)
        for line in lines:
            yield pytest.param(line, id=f"{page.name}: {line}")


@pytest.mark.parametrize("line", list(command_lines()))
def test_commands_parse(line: str) -> None:
    words = shlex.split(re.split(r"\s[>|&]|\s#\s", line)[0])[1:]
    command: Any = typer.main.get_command(app)
    while words and hasattr(command, "commands") and not words[0].startswith("-"):
        assert words[0] in command.commands, f"there is no command {words[0]!r}"
        command = command.commands[words.pop(0)]
    context = command.make_context("tsinfogan", words)
    for setting in context.params.get("others") or ():
        assert setting.partition("=")[0] in setting_types()


@over_pages
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'src="([^"]+)"', text):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        linked = page.parent / path if path else page
        assert linked.exists(), f"{page.name} links to {target}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", linked.read_text(), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in anchors, f"{page.name} links to {target}"


@over_pages
def test_files_and_options_exist(page: Path) -> None:
    text = page.read_text()
    for path in re.findall(r"`((?:tsinfogan|benchmarks|docs)/[\w/.-]+)`", text):
        assert (ROOT / path).exists(), f"{page.name} names {path}"
    commands: Any = typer.main.get_command(app)
    options = {option for command in commands.commands.values() for each in command.params for option in each.opts}
    for option in re.findall(r"`(--[a-z][a-z-]*)", text):
        assert option in {"--help", *options}, f"{page.name} names {option}"


def test_code_names_pages_that_exist() -> None:
    for folder in ("tsinfogan", "cli", "datasets", "benchmarks"):
        for path in (ROOT / folder).rglob("*.py"):
            for page in re.findall(r"docs/[\w/-]+\.md", path.read_text()):
                assert (ROOT / page).exists(), f"{path.name} names {page}"


PRIVATE_WORDS = (
    r"critics?|games?|knobs?|distort\w*|blend\w*|openings|opinions?|restraints?|textures?"
    r"|foretell\w*|rival heads|made series|somebody's wish|by heart|stirs?|giv\w+ away|shouts?|the company it keeps"
)
"""Figures of speech, and words that are no terms of the field, such as game for adversarial training."""
ALLOWED = {"report.md": {"knob", "knobs"}}
"""Of a page, such words as it explains."""


def private_words(text: str) -> set[str]:
    """The private words in prose; names in backticks are no prose."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    prose = re.sub(r"`[^`\n]+`|\]\([^)]+\)", "", text)
    return {word.lower() for word in re.findall(rf"\b(?:{PRIVATE_WORDS})\b", prose, re.IGNORECASE)}


@over_guides
def test_plain_words(page: Path) -> None:
    assert private_words(page.read_text()) <= ALLOWED.get(page.name, set())


def test_private_words_are_found() -> None:
    assert private_words("The Critic learns `blends` by heart ([code](game.py)).") == {"critic", "by heart"}


def product_texts() -> Iterator[tuple[str, str]]:
    """Docstrings of each module, and the help of each command."""
    for folder in ("tsinfogan", "cli", "datasets"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            constants = (
                node.value.value
                for node in ast.walk(ast.parse(path.read_text()))
                if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            )
            yield str(path.relative_to(ROOT)), "\n\n".join(text for text in constants if isinstance(text, str))
    commands: Any = typer.main.get_command(app)
    for name, command in commands.commands.items():
        helps = (getattr(parameter, "help", None) or "" for parameter in command.params)
        yield f"{name} --help", "\n\n".join([command.help or "", *helps])


def test_plain_words_in_product() -> None:
    texts = dict(product_texts())
    assert {"tsinfogan/reports/codes/page.py", "train --help"} <= texts.keys()
    for name, text in texts.items():
        allowed = {"knob", "knobs"} if name.startswith("tsinfogan/reports/") else set()  # pages for people say knob
        assert private_words(text) <= allowed, name


def test_readme_is_short() -> None:
    """120 lines at most, and 18 words a sentence on average; a list item or table cell ends a sentence."""
    text = (ROOT / "README.md").read_text()
    assert text.count("\n") <= 120
    prose = re.sub(r"(?s:^```.*?^```$)|^ {4}.*$|^#.*$|^!\[.*$", "\n", text, flags=re.MULTILINE)
    prose = re.sub(r"\]\([^)]*\)", "]", prose)
    sentences = re.split(r"[.!?][*)\]]*(?=\s|$)|\n\n|^- ", prose, flags=re.MULTILINE)
    lengths = [len(sentence.split()) for sentence in sentences if sentence.strip()]
    assert len(lengths) > 40
    assert sum(lengths) / len(lengths) <= 18
    assert max(lengths) <= 40


@pytest.mark.parametrize("room", ["data", "preprocessing", "models", "sampling", "training", "metrics", "estimators"])
def test_public_names_exist(room: str) -> None:
    """The API reference is generated from them (docs/_site/reference.py)."""
    package = import_module(f"tsinfogan.{room}")
    assert package.__all__
    for name in package.__all__:
        assert getattr(package, name).__doc__


@pytest.mark.parametrize("name", tsinfogan.__all__)
def test_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each public name shows in its docstring how it is used, and that works as it stands."""
    monkeypatch.chdir(tmp_path)
    text = inspect.getdoc(getattr(tsinfogan, name)) or ""
    assert re.search(r"^Example:$", text, re.MULTILINE)
    example = doctest.DocTestParser().get_doctest(text, {}, name, None, None)
    assert example.examples
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    failures: list[str] = []
    doctest.DocTestRunner(optionflags=options).run(example, out=failures.append)
    assert not failures, "".join(failures)


def test_every_page_is_in_the_menu() -> None:
    menu = (ROOT / "mkdocs.yml").read_text()
    for page in PAGES[1:]:
        assert f" {page.relative_to(ROOT / 'docs')}\n" in menu


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        for target in re.findall(r"^(?: {4})?make ([a-z]+)|`make ([a-z]+)", page.read_text(), re.MULTILINE):
            assert {*target} - {""} <= targets, f"{page.name} names `make {''.join(target)}`"


def test_settings_that_are_explained_exist() -> None:
    """Every `name_with_underscores` in docs/how-it-works.md is a setting that ``--set`` takes."""
    text = (ROOT / "docs" / "how-it-works.md").read_text()
    names = set(re.findall(r"`([a-z0-9]+(?:_[a-z0-9]+)+)`", text))
    assert len(names) >= 5
    assert names <= set(setting_types())


NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
over_notebooks = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
MAX_NOTEBOOK = 250_000
"""Bytes, with what is shown."""


def cells(path: Path, kind: str) -> list[dict[str, Any]]:
    """The cells of one kind, each with its source as one text."""
    found = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == kind]
    return [{**cell, "source": "".join(cell["source"])} for cell in found]


@over_notebooks
def test_notebooks_were_executed_and_are_small(path: Path) -> None:
    """`make notebooks` executes them; what is kept is what the cells showed, one after another and without an error."""
    code = cells(path, "code")
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert any("text/html" in output.get("data", {}) for output in outputs)
    assert all(output["output_type"] != "error" and output.get("name") != "stderr" for output in outputs)
    assert path.stat().st_size <= MAX_NOTEBOOK
    assert not re.search(r"/(root|home|tmp|work|Users)/", path.read_text())


@over_notebooks
def test_notebooks_are_in_plain_words_and_lead_somewhere(path: Path) -> None:
    text = "\n\n".join(cell["source"] for cell in cells(path, "markdown"))
    assert not private_words(text)
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    assert links
    assert all((path.parent / link.partition("#")[0]).exists() for link in links)
    for line in re.findall(r"^ {4}(tsinfogan .*)$", text, re.MULTILINE):
        _, name, *words = shlex.split(line)
        commands: Any = typer.main.get_command(app)
        commands.commands[name].make_context(name, words)
    for line in "\n".join(cell["source"] for cell in cells(path, "code")).splitlines():
        assert len(line) <= 120


def test_every_notebook_is_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is in the menu, and shows code, pictures and tables; its links lead to pages."""
    monkeypatch.syspath_prepend(ROOT / "docs" / "_site")
    page = import_module("notebooks").page
    assert len(NOTEBOOKS) >= 5
    for path in NOTEBOOKS:
        assert f" notebooks/{path.stem}.md\n" in (ROOT / "mkdocs.yml").read_text()
        text = page(json.loads(path.read_text()))
        assert text.startswith("# ")
        assert text.count("```python\n") == len(cells(path, "code"))
        assert "data:image/png;base64," in text
        assert ".ipynb" not in text
