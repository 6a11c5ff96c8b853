"""What is said of versions, targets and files in several places is the same in all of them."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

import tsinfogan

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli", reason="reading pyproject.toml needs Python 3.11 or the package tomli")

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = ROOT / ".github" / "workflows"


def project() -> dict[str, Any]:
    read: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return read


def text(*names: str) -> str:
    return "\n".join((ROOT / name).read_text() for name in names)


def numbers(version: str) -> tuple[int, ...]:
    """``1.10.0`` as (1, 10): zeros at the end do not count."""
    return tuple(int(part) for part in re.sub(r"(\.0)+$", "", version).split("."))


def test_the_lowest_versions_are_those_that_are_promised() -> None:
    promised = [*project()["dependencies"], *project()["optional-dependencies"]["test"]]
    pinned = dict(re.findall(r"^([\w-]+)==([\d.]+)", text("constraints-lowest.txt"), re.MULTILINE))
    unreleased = {"huggingface_hub", "scipy", "setuptools"}  # whose first release has a third number
    for requirement in promised:
        name, least = re.fullmatch(r"([\w-]+)>=([\d.]+)", requirement).groups()
        length = len(numbers(least)) if name in unreleased else None
        assert numbers(pinned.pop(name))[:length] == numbers(least), requirement
    assert not pinned


def test_the_pythons_that_are_named_are_those_that_are_tested() -> None:
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(project()["classifiers"]))
    assert project()["requires-python"] == f">={named[0]}"
    (matrix,) = re.findall(r"python: \[(.*?)\]", text(".github/workflows/test.yml"))
    assert re.findall(r"3\.\d+", matrix) == named


def test_one_version_everywhere() -> None:
    (cited,) = re.findall(r"^version: (.+)$", text("CITATION.cff"), re.MULTILINE)
    assert cited == tsinfogan.__version__
    headings = re.findall(r"^## \[(.+?)\]", text("CHANGELOG.md"), re.MULTILINE)
    assert headings[0] in ("Unreleased", tsinfogan.__version__)


def test_what_the_release_workflow_looks_for_is_there() -> None:
    """It greps for whole lines, so they must be written as they are."""
    version = tsinfogan.__version__
    for path, line in re.findall(r'grep -qx "(.*)" (\S+)$', text(".github/workflows/release.yml"), re.MULTILINE):
        wanted = path.replace('\\"', '"').replace("$version", version)
        assert wanted in text(line).splitlines(), wanted


def test_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", text("Makefile"), re.MULTILINE))
    (phony,) = re.findall(r"^\.PHONY: (.*)$", text("Makefile"), re.MULTILINE)
    assert set(phony.split()) == targets
    assert set(re.findall(r"^# make ([a-z]+) ", text("Makefile"), re.MULTILINE)) == targets
    workflows = text(*(str(path.relative_to(ROOT)) for path in WORKFLOWS.glob("*.yml")))
    (matrix,) = re.findall(r"target: \[(.*?)\]", workflows)
    named = {*matrix.split(", "), *re.findall(r"run: make ([a-z]+)", workflows)}
    named |= set(re.findall(r"(?:^ {4}|`)make ([a-z]+)", text("CONTRIBUTING.md"), re.MULTILINE))
    assert len(named) >= 8
    assert named <= targets


def test_the_image_runs_the_demo() -> None:
    """The commands of `make demo`, from files that exist and are let into the image."""
    demo = re.search(r"^demo:.*\n((?:\t.*\n)+)", text("Makefile"), re.MULTILINE)
    assert demo
    commands = re.findall(r"^\t\$\(BIN\)/(tsinfogan .*)$", demo[1], re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        assert command.replace("$(DEMO_STEPS)", "$DEMO_STEPS") in text("Dockerfile")
    (steps,) = re.findall(r"^DEMO_STEPS \?= (\d+)$", text("Makefile"), re.MULTILINE)
    assert f"DEMO_STEPS={steps}" in text("Dockerfile")
    let_in = set(re.findall(r"^!(.+)$", text(".dockerignore"), re.MULTILINE))
    copied = {
        word for line in re.findall(r"^COPY (.*) \S+$", text("Dockerfile"), re.MULTILINE) for word in line.split()
    }
    assert copied == let_in
    assert all((ROOT / name).exists() for name in copied)


@pytest.mark.parametrize("page", ["CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", text(page)):
        assert target.startswith("https://") or (ROOT / target).exists(), target
    for name in re.findall(r"`([\w.]+/[\w/.-]+)`", text(page)):
        assert (ROOT / name).exists(), name
