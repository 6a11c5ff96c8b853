"""Run directories as a stranger could make them: a good one with one or two things changed."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

DEEP = "[" * 200_000
VALUES: tuple[Any, ...] = (
    *(None, True, False, -1, 0, 1, 2, 0.5, 1e-320, 1e308, -1e308, 2**31, 2**40, 2**63, 10**30),
    *(float("nan"), float("inf"), float("-inf")),
    *(
        "",
        "x",
        "cat",
        "=1+1",
        "\x1b[31mred",
        "a\nb",
        "\ud800",
        "\0",
        "../../../../outside/precious",
        "/dev/zero",
        "pipe.csv",
    ),
    *("x/../../../../outside", "uea:../../x", "QQ", "D", "2020-01-01", "quantile", "image", "pen"),
    *([], {}, [[]], [1] * 2000, ["a", "a"], {"a": {"a": 1}}, "nested", [None, None], [-1, 10**12]),
)
NESTED: dict[str, Any] = {}
for _ in range(900):
    NESTED = {"a": NESTED}
TEXTS = (b"", b"{", b"[]", b"3", b"null", b"\xff\xfe\x00", DEEP.encode(), b'{"format_version": 4}', b'"' + b"a" * 10**6)
NAMES = ("config.json", "names.json", "metrics.jsonl", "candidates.json", "model.safetensors", "samples.png")

MAX_SIZE = 10**8


def mutated(run: Path, precious: Path, rng: random.Random) -> str:
    """Changes a run directory in place, and says how; ``precious`` is a file outside of it that it may point to."""
    ways: tuple[Callable[[Path, Path, random.Random], str], ...] = (
        *(change_json, change_json, change_json, change_json, change_tensors, change_tensors, change_tensors),
        *(change_text, change_kind, add_links),
    )
    return "; ".join(rng.choice(ways)(run, precious, rng) for _ in range(rng.choice((1, 1, 2))))


def chosen(run: Path, names: tuple[str, ...], rng: random.Random) -> Path:
    """One of these files, of the run or of one of its candidates; config.json most often."""
    found = [path for path in sorted(run.rglob("*")) if path.name in names and path.is_file()]
    found = [path for path in found if path.stat().st_size < MAX_SIZE]
    most = [path for path in found if path.name == "config.json"]
    return rng.choice(most if most and rng.random() < 0.6 else found or [run / "none"])


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container in nested JSON with each of its keys."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    return [(value, key) for key in keys] + [place for key in keys for place in places(value[key])]


def change_json(run: Path, precious: Path, rng: random.Random) -> str:
    """Another value somewhere, or an entry less."""
    path = chosen(run, ("config.json", "names.json", "candidates.json"), rng)
    if not path.is_file():
        return "nothing"
    try:
        content = json.loads(path.read_text())
    except (ValueError, OSError, RecursionError):
        return "nothing"
    container, key = rng.choice(places(content) or [({}, 0)])
    if isinstance(container, dict) and rng.random() < 0.1:
        del container[key]
        what = "left out"
    else:
        value = rng.choice((*VALUES, str(precious)))
        value = NESTED if value == "nested" else value
        container[key] = value
        what = repr(value)[:60]
    path.write_text(json.dumps(content))
    return f"{path.name}: {key!r} {what}"


def change_tensors(run: Path, precious: Path, rng: random.Random) -> str:
    """Other numbers, another shape or type, a tensor more or less."""
    path = chosen(run, ("model.safetensors",), rng)
    try:
        tensors = load_file(path)
    except Exception:  # after another change
        return "nothing"
    name = rng.choice([*sorted(tensors), "noise_scale", "category_shares", "training.steps_done"])
    tensor = tensors.get(name, torch.ones(3))
    changes: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
        "not a number": lambda t: torch.full_like(t.float(), torch.nan),
        "infinite": lambda t: torch.full_like(t.float(), torch.inf),
        "huge": lambda t: torch.full_like(t.float(), 3e38),
        "negative": lambda t: -(t.float().abs()) - 1,
        "zero": torch.zeros_like,
        "one number": lambda t: torch.ones(1, dtype=t.dtype),
        "no numbers": lambda t: torch.ones(0, dtype=t.dtype),
        "one axis more": lambda t: t[None].clone(),
        "whole numbers": lambda t: torch.full_like(t, 7).long(),
        "half precision": lambda t: t.half(),
        "large whole numbers": lambda t: torch.full(t.shape, 2**62),
    }
    what = rng.choice([*changes, "left out", "added"])
    if what == "left out":
        tensors.pop(name, None)
    elif what == "added":
        tensors[rng.choice(["x", "../x", "generator.x", "training.generator_optimizer.999.exp_avg"])] = torch.ones(2)
    else:
        tensors[name] = changes[what](tensor)
    save_file(tensors, path)
    return f"{path.name}: {name} {what}"


def change_text(run: Path, precious: Path, rng: random.Random) -> str:
    """A file of other bytes: cut off, flipped, or something else altogether."""
    path = chosen(run, NAMES, rng)
    content = bytearray(path.read_bytes() if path.is_file() else b"x")
    what = rng.choice(("cut", "flipped", "other"))
    if what == "cut":
        content = content[: rng.randrange(len(content) + 1)]
    elif what == "flipped" and content:
        for _ in range(rng.choice((1, 3, 30))):
            content[rng.randrange(len(content))] = rng.randrange(256)
    else:
        content = bytearray(rng.choice(TEXTS))
    path.unlink(missing_ok=True)
    path.write_bytes(content)
    return f"{path.name}: {what}, {bytes(content[:12])!r}"


def change_kind(run: Path, precious: Path, rng: random.Random) -> str:
    """A pipe, a folder, a link or a very large file in place of a file."""
    path = chosen(run, NAMES, rng)
    path.unlink(missing_ok=True)
    what = rng.choice(("pipe", "folder", "link", "link to itself", "endless", "large", "missing"))
    if what == "pipe":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    elif what in ("link", "link to itself", "endless"):
        path.symlink_to({"link": precious, "link to itself": path, "endless": Path("/dev/zero")}[what])
    elif what == "large":
        with path.open("wb") as file:
            file.truncate(2**40)
    return f"{path.name}: {what}"


def add_links(run: Path, precious: Path, rng: random.Random) -> str:
    """Links at names that a program might write to."""
    for name in NAMES:
        for link in (f".{name}.partial", f"{name}.tmp", f".{name}.lock", ".lock"):
            if not os.path.lexists(run / link):
                (run / link).symlink_to(precious)
    what = rng.choice(("metrics.jsonl", "README.md", "names.json", "samples.png", "candidates"))
    path = run / what
    if path.is_dir() and not path.is_symlink():
        path.rename(precious.parent / "moved")
        path.symlink_to(precious.parent / "moved")
    else:
        path.unlink(missing_ok=True)
        path.symlink_to(precious)
    return f"links, {what} is one"
