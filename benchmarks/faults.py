"""Faults on purpose: kills, two writers, a full disk, hostile directories and arguments. What is lost or let in?

    python benchmarks/faults.py                                # all of them, about a quarter of an hour on one core
    python benchmarks/faults.py kills --tries 500 --seed 1     # one of them
    python benchmarks/faults.py directories --tries 1000 --keep failed/

Every try runs the command line in a forked process on one thread. A try fails if an exit code is wrong, if there is a
traceback, if a file outside changes, or if a resumed run differs from an uninterrupted one in a single bit. The seed
decides what is tried. Failures are printed, each with what was done.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from _arguments import SANDBOX, fill, vector
from _children import Child, Score, run
from _hostile import mutated

from _shared import print_header
from tsinfogan import Panel, write_panel
from tsinfogan.training import session
from tsinfogan.training.run import CONFIG, MODEL, NAMES

TRAIN = ("--cat", "3", "--width", "4", "--noise", "3", "--batch-size", "8", "--device", "cpu", "--steps", "8")
QUICK = ("--channels", "x,y", "--set", "pretraining_steps=2", "--set", "report_every=1")
OUTCOME = (MODEL, NAMES, session.PICTURE)


# ---- kills


def train_arguments(data: Path, runs: Path, seeds: int) -> tuple[object, ...]:
    """A training of some seconds, with a checkpoint after each step."""
    return ("train", "--data", data, *TRAIN, *QUICK, "--seeds", seeds, "--runs", runs)


def outcome(runs: Path) -> dict[str, bytes]:
    """What must be the same to the bit."""
    (path,) = runs.iterdir()
    return {name: (path / name).read_bytes() for name in OUTCOME if (path / name).exists()}


def killed_at(number: int, runs: Path, arguments: tuple[object, ...]) -> Callable[[], int]:
    """Runs a command line that is killed just before its so-manieth change of a file in ``runs``."""
    left = number

    def hook(event: str, values: tuple[object, ...]) -> None:
        nonlocal left
        changes = event in ("os.rename", "os.remove", "os.mkdir") or (event == "open" and is_for_writing(values))
        if changes and str(values[0]).startswith(str(runs)):
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def work() -> int:
        sys.addaudithook(hook)
        return run(*arguments)

    return work


def is_for_writing(values: tuple[object, ...]) -> bool:
    """Whether the event ``open`` with these values is one of a file that will be written."""
    flags = values[2] if len(values) > 2 else 0
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))


def kills(n_tries: int, rng: random.Random, folder: Path) -> list[Score]:
    """Kills at random moments and at every change of a file, several in a row, then resumes."""
    session.SECONDS_BETWEEN_CHECKPOINTS = -1.0
    data = small_data(folder / "small.csv")
    scores = [Score("kills before a change of a file, resumed to the bit"), Score("kills at random moments, likewise")]
    whole: dict[int, dict[str, bytes]] = {}
    duration_s: dict[int, float] = {}
    for seeds in (1, 2):
        started = time.monotonic()
        done = Child(*train_arguments(data, folder / f"whole-{seeds}", seeds)).wait()
        assert done.code == 0, done.said
        whole[seeds], duration_s[seeds] = outcome(folder / f"whole-{seeds}"), time.monotonic() - started
    for number in range(n_tries):
        seeds, score, runs = rng.choice((1, 1, 2)), scores[number % 2], folder / f"runs-{number}"
        how = f"{seeds} seeds, try {number}: "
        for _ in range(rng.choice((1, 1, 2, 3))):
            again = any(runs.glob(f"*/{CONFIG}"))
            if not again:
                shutil.rmtree(runs, ignore_errors=True)
            arguments = ("train", "--resume", "last", "--runs", runs) if again else train_arguments(data, runs, seeds)
            if score is scores[0]:
                change = rng.randrange(60 * seeds)
                how += f"killed before change {change} "
                Child(work=killed_at(change, runs, arguments)).wait()
            else:
                child, pause = Child(*arguments), rng.uniform(0, duration_s[seeds])
                time.sleep(pause)
                child.kill()
                child.wait()
                how += f"killed after {pause:.2f} s "
        again = any(runs.glob(f"*/{CONFIG}"))
        if not again:
            shutil.rmtree(runs, ignore_errors=True)
        last = Child(*(("train", "--resume", "last", "--runs", runs) if again else train_arguments(data, runs, seeds)))
        done = last.wait()
        finished = done.code == 0 or "is finished" in done.said
        left = [path.name for path in runs.rglob("*.partial")]
        score.note(finished and outcome(runs) == whole[seeds] and not left, how + " ".join(left), done)
        shutil.rmtree(runs)
    return scores


# ---- two writers


def writers(n_tries: int, rng: random.Random, folder: Path) -> list[Score]:
    """Two processes that write one file, or go on with one run."""
    data, runs, out = small_data(folder / "small.csv"), folder / "runs", folder / "same.csv"
    session.SECONDS_BETWEEN_CHECKPOINTS = -1.0
    assert Child(*train_arguments(data, runs, 1)).wait().code == 0
    expected = []
    for seed in (1, 2):
        assert Child("sample", "-n", 300, "--seed", seed, "-o", out, "--runs", runs).wait().code == 0
        expected.append(out.read_bytes())
    torn = Score("two writers of one file: whole files")
    for number in range(n_tries):
        pair = [Child("sample", "-n", 300, "--seed", seed, "-o", out, "--runs", runs) for seed in (1, 2)]
        ends = [child.wait() for child in pair]
        good = all(end.code == 0 for end in ends) and out.read_bytes() in expected and not any(folder.glob(".*"))
        torn.note(good, f"try {number}", ends[0])
    twice = Score("two processes that go on with one run: one is refused, the run ends as without")
    whole = outcome(runs)
    for number in range(max(1, n_tries // 10)):
        again = folder / f"again-{number}"
        Child(work=killed_at(rng.randrange(8, 20), again, train_arguments(data, again, 1))).wait()
        pair = [Child("train", "--resume", "last", "--runs", again) for _ in range(2)]
        ends = [child.wait() for child in pair]
        refused = [end for end in ends if end.code == 2 and ("another process" in end.said or "finished" in end.said)]
        good = sorted(end.code for end in ends) == [0, 2] and len(refused) == 1 and outcome(again) == whole
        twice.note(good, f"try {number}", ends[0])
    return [torn, twice]


# ---- a full disk


@contextmanager
def small_disk(folder: Path, options: str) -> Iterator[Path | None]:
    """A file system of its own; None where it cannot be mounted."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True)
    try:
        yield folder if mounted.returncode == 0 else None
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", str(folder)], check=True, timeout=30)


def disk(n_tries: int, rng: random.Random, folder: Path) -> list[Score]:
    """Disks that fill up, or run out of files, anywhere in a training; room is made, and the run goes on."""
    session.SECONDS_BETWEEN_CHECKPOINTS = -1.0
    data = small_data(folder / "small.csv")
    assert Child(*train_arguments(data, folder / "whole", 1)).wait().code == 0
    whole = outcome(folder / "whole")
    size_kb = sum(path.stat().st_size for path in (folder / "whole").rglob("*") if path.is_file()) // 1024
    score = Score("full disks: one sentence that is true, then resumed to the bit")
    for number in range(n_tries):
        room = f"size={rng.randrange(16, 2 * size_kb)}k" if number % 3 else f"nr_inodes={rng.randrange(3, 10)}"
        with small_disk(folder / f"disk-{number}", room) as place:
            if place is None:
                print("left out: mounting a small tmpfs needs root on Linux")
                return []
            first = Child(*train_arguments(data, place / "runs", 1)).wait()
            is_kept = any(place.glob(f"runs/*/{MODEL}"))
            says_kept = "the last checkpoint is kept" in first.said
            subprocess.run(["mount", "-o", "remount,size=100m,nr_inodes=1000", str(place)], check=True)
            again = any(place.glob(f"runs/*/{CONFIG}"))
            arguments = ("train", "--resume", "last", "--runs", place / "runs")
            if not again:
                shutil.rmtree(place / "runs", ignore_errors=True)
            done = Child(*(arguments if again else train_arguments(data, place / "runs", 1))).wait()
            finished = done.code == 0 or "is finished" in done.said
            good = first.is_clean and (not says_kept or is_kept) and finished and outcome(place / "runs") == whole
            score.note(good, room, first if not first.is_clean else done)
    return [score]


# ---- hostile run directories


def directories(n_tries: int, rng: random.Random, folder: Path, keep: Path | None = None) -> list[Score]:
    """Run directories of strangers: nothing but exit code 0 or a sentence, nothing written elsewhere, no hang."""
    data = small_data(folder / "small.csv")
    sources = [folder / "finished", folder / "stopped", folder / "candidates"]
    assert Child(*train_arguments(data, sources[0], 1)).wait().code == 0
    session.SECONDS_BETWEEN_CHECKPOINTS = -1.0
    for place, n_changes, seeds in ((sources[1], 25, 1), (sources[2], 60, 2)):
        Child(work=killed_at(n_changes, place, train_arguments(data, place, seeds))).wait()
    score = Score("hostile run directories: refused in a sentence or used, nothing written outside, no hang")
    for number in range(n_tries):
        root, outside = folder / f"try-{number}", folder / "outside"
        shutil.copytree(rng.choice(sources), root / "runs", symlinks=True)
        outside.mkdir()
        (outside / "precious").write_text("kept")
        (path,) = (root / "runs").iterdir()
        how = mutated(path, outside / "precious", rng)
        before = beside(folder, root)
        out = root / "out.csv"
        name = path.name
        for arguments in (
            ("runs", "list"),
            ("runs", "show", name),
            ("sample", "-n", 3, "-o", out, "--device", "cpu"),
            ("encode", data, "--model", name, "-o", out, "--device", "cpu"),
            ("name", "--model", name, "--cat", 1, "other"),
            ("train", "--resume", name, "--device", "cpu"),
        ):
            out.unlink(missing_ok=True)
            done = Child(*arguments, "--runs", root / "runs").wait()
            numbers = "nan" not in out.read_text().lower() if out.is_file() else True
            good = done.is_clean and numbers and beside(folder, root) == before
            if not good:
                break
        score.note(good, f"try {number}, {how}, {' '.join(map(str, arguments[:2]))}", done)
        if keep is not None and not good:
            shutil.copytree(root, keep / root.name, symlinks=True, dirs_exist_ok=True)
        shutil.rmtree(root, ignore_errors=True)
        shutil.rmtree(outside)
    return [score]


def beside(folder: Path, root: Path) -> list[tuple[str, int, int]]:
    """Name, size and time of everything that a run directory under ``root`` has no business with."""
    found = []
    for path in sorted(folder.rglob("*")):
        if root / "runs" not in (path, *path.parents) and path != root / "out.csv" and path != root:
            status = path.lstat()
            found.append((str(path), status.st_size, status.st_mtime_ns if path.is_file() else 0))
    return found


# ---- command lines


def arguments(n_tries: int, rng: random.Random, folder: Path) -> list[Score]:
    """Options with good and bad values, in a folder with a run and files: exit code 0, or 2 and one sentence."""
    source = folder / SANDBOX
    data = small_data(folder / "small.csv")
    assert Child(*train_arguments(data, source / "runs", 1)).wait().code == 0
    fill(source, data)
    score = Score("command lines with good and bad values: done, or one sentence and exit code 2")
    for number in range(n_tries):
        place = folder / f"try-{number}"
        shutil.copytree(source, place)
        words = vector(rng)

        def work(words: list[str] = words, place: Path = place) -> int:
            os.chdir(place)
            return run(*words)

        done = Child(work=work).wait()
        score.note(done.is_clean, f"try {number}, {[word[:30] for word in words]}", done)
        shutil.rmtree(place)
    return [score]


def refusals(n_tries: int, _: random.Random, folder: Path) -> list[Score]:
    """A file that is refused, by programs that keep every core busy: exit code 2 and the sentence, never an abort."""
    file = folder / "refused.csv"
    file.write_text("case,time,x\n" + "".join(f"a,{row},{row % 7}\n" for row in range(5000)) + "a,5000,word\n")
    commands = (
        ["train", "--data", str(file), "--dry-run"],
        ["evaluate", "--real", str(file), "--fake", str(file)],
        ["encode", str(file), "--runs", str(folder)],
    )
    score = Score("programs that refuse a file while others keep both cores busy: exit code 2")

    def refused(number: int) -> subprocess.CompletedProcess[bytes]:
        words = [sys.executable, "-m", "tsinfogan.cli", *commands[number % len(commands)]]
        return subprocess.run(words, capture_output=True, stdin=subprocess.DEVNULL)

    with ThreadPoolExecutor(2 * (os.cpu_count() or 1)) as pool:
        for number, ended in enumerate(pool.map(refused, range(n_tries))):
            last = ended.stderr.decode().rstrip().rpartition("\n")[2]
            good = ended.returncode == 2 and last.startswith("error: ") and not ended.stdout
            score.note(good, f"try {number}, exit code {ended.returncode}: {last}")
    return [score]


# ---- all of it


def small_data(path: Path) -> Path:
    """Twelve labelled cases of two channels and unequal lengths."""
    rng = np.random.default_rng(0)
    cases = [np.cumsum(rng.normal(size=(2, length)), axis=1) for length in rng.integers(12, 20, 12)]
    write_panel(Panel.from_cases(cases, channels=["x", "y"], labels=list("abc") * 4), path)
    return path


def import_all() -> None:
    """Imports and draws in this process what forked ones would each import and draw."""
    import matplotlib.backends.backend_agg
    import pyarrow.csv
    import rich.table
    import scipy.interpolate
    import sklearn.metrics

    from tsinfogan.cli import _running
    from tsinfogan.data.plotting import draw_panel_grid

    del matplotlib, pyarrow, rich, scipy, sklearn, _running
    panel = Panel.from_arrays(np.zeros((1, 1, 9)))
    draw_panel_grid(panel, [("", [0])], io.BytesIO())


FAULTS = {
    "kills": (kills, 200),
    "writers": (writers, 100),
    "disk": (disk, 30),
    "directories": (directories, 300),
    "arguments": (arguments, 2000),
    "refusals": (refusals, 100),
}


def main() -> None:
    """Prints the table, and exits with 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fault", nargs="*", choices=[*FAULTS, []], help="which; all by default")
    parser.add_argument("--tries", type=int, help="how often each is tried")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for hostile directories that were not refused as they should")
    options = parser.parse_args()
    torch.set_num_threads(1)
    import_all()
    print_header()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.fault or FAULTS:
            fault, usual = FAULTS[name]
            place = Path(folder, name)
            place.mkdir()
            more = {"keep": options.keep} if name == "directories" else {}
            started = time.monotonic()
            rows += fault(options.tries or usual, random.Random(options.seed), place, **more)
            print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)
    print("\n| fault | as it should be |\n|---|---|")
    print("\n".join(score.row() for score in rows))
    sys.exit(any(score.failed for score in rows))


if __name__ == "__main__":
    main()
