"""SHA-256 of what short trainings write, and of what they sample: a refactoring must leave every one as it was.

    TSINFOGAN_DATA=FOLDER python benchmarks/fingerprints.py before.json
    TSINFOGAN_DATA=FOLDER python benchmarks/fingerprints.py after.json --against before.json

Each training takes 300 steps in float32 on one thread. Equal hashes mean equal weights to the last bit; they are of one
machine and one version of torch, so record both files on the same machine. Takes some ten minutes of one core.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from _shared import print_header

TRAININGS: dict[str, tuple[str, ...]] = {
    "pen_strokes conv1d": ("--dataset", "pen_strokes"),
    "pen_strokes gru": ("--dataset", "pen_strokes", "--backbone", "gru"),
    "char_traj conv1d": ("--dataset", "char_traj"),
    "char_traj acgan": ("--dataset", "char_traj", "--recipe", "acgan"),
    "char_traj semi_supervised": ("--dataset", "char_traj", "--labels-per-class", "5"),
    "mnist image": ("--dataset", "mnist"),
    "mnist mlp cgan": ("--dataset", "mnist", "--backbone", "mlp", "--recipe", "cgan"),
    "stocks windows": ("--dataset", "stocks"),
}
N_STEPS, N_SAMPLES, SEED = 300, 300, 0


def command(*arguments: str) -> None:
    """Runs the command line on one thread and shows its messages where it fails."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "tsinfogan.cli", *arguments], env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"tsinfogan {' '.join(arguments)} failed:\n{done.stderr}")


def fingerprint(options: tuple[str, ...], folder: Path) -> dict[str, str]:
    """Trains with ``options`` in ``folder``, samples, and hashes both files."""
    index = ("--runs", str(folder))
    command("train", *options, "--steps", str(N_STEPS), "--seed", str(SEED), "--precision", "float32", *index)
    (weights,) = folder.glob("*/model.safetensors")
    rows = folder / "rows.csv"
    command("sample", "-n", str(N_SAMPLES), "--seed", str(SEED), "-o", str(rows), *index)
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (weights, rows)}


def main() -> None:
    """Writes the fingerprints, and tells which differ from earlier ones."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, nargs="?", default=Path(os.devnull), help="JSON file to write")
    parser.add_argument("--against", type=Path, help="JSON file of earlier fingerprints, of the same machine")
    parser.add_argument("--only", default="", help="trainings whose name holds this text")
    arguments = parser.parse_args()
    print_header()
    found: dict[str, dict[str, str]] = {}
    earlier = json.loads(arguments.against.read_text()) if arguments.against else {}
    n_changed = 0
    for name, options in TRAININGS.items():
        if arguments.only not in name:
            continue
        with tempfile.TemporaryDirectory() as folder:
            found[name] = fingerprint(options, Path(folder))
        arguments.output.write_text(json.dumps(found, indent=1) + "\n")
        for file, digest in found[name].items():
            known = earlier.get(name, {}).get(file)
            verdict = "" if known is None else "equal" if known == digest else "CHANGED"
            n_changed += verdict == "CHANGED"
            print(f"{name:28} {file:20} {digest[:16]} {verdict}", flush=True)
    sys.exit(1 if n_changed else 0)


if __name__ == "__main__":
    main()
