"""How peak memory and time grow with series, length, channels, categories, codes, the size of a file, and windows.

    python benchmarks/growth.py                  # some twenty minutes of one core
    python benchmarks/growth.py --quick          # some three minutes
    python benchmarks/growth.py --only windows
    PYTHONPATH=an/older/checkout python benchmarks/growth.py     # the same of an older version, on the same machine

Every row is a process of its own. A training takes 30 steps with networks of width 8 and batches of 32, so that what
does not depend on them shows: reading, preprocessing, clustering, the passes after the last step. `start` is what a
process of the same kind takes for next to no data; `over numbers` is the rest of the peak, over the bytes of the
numbers in float32, those of a recording once. `over file` is the whole peak over the bytes of the file. Seconds are
those of the processor, which other processes change little.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from _children import Child, run

from _shared import print_header

N_SERIES, LENGTH, N_CHANNELS = 500, 100, 1
TRAINING = {
    "series": (1_000, 10_000, 100_000, 1_000_000),
    "length": (100, 1_000, 10_000),
    "channels": (1, 10, 100),
    "categories": (4, 40, 200),
    "codes": (2, 10, 50),
}
WINDOW = 128
RECORDING_ROWS, RECORDING_CHANNELS = (20_000, 200_000, 2_000_000), 20
FILES = ("long.csv", "wide.csv", "recording.csv", "long.parquet", "array.npy", "array.npz", "compressed.npz")
FILE_NUMBERS = (500_000, 5_000_000, 50_000_000)
LIMIT_S = 3600
N_QUICK = 2
"""How many of the sizes, the smaller ones, are measured with ``--quick``."""


class Measured(NamedTuple):
    """What a process took."""

    code: int
    peak: float  # bytes
    seconds: float


def main() -> None:
    """Prints a table, row by row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="only the smaller sizes")
    parser.add_argument("--only", default="", help="rows whose name holds this text")
    options = parser.parse_args()
    print_header()
    print("\n| what grows | size | numbers, MB | peak, MB | over numbers | over file | seconds |\n|" + "---|" * 7)
    with tempfile.TemporaryDirectory() as folder:
        for name, rows in tables(Path(folder), options.quick).items():
            if options.only in name:
                show(name, rows)


def tables(folder: Path, quick: bool) -> dict[str, Iterator[tuple[int, int, Path, Callable[[], int]]]]:
    """By name, rows of a size, the numbers in it, the file, and what is measured; the first row is the start."""

    def sizes(of: tuple[int, ...]) -> tuple[int, ...]:
        return of[:N_QUICK] if quick else of

    return {
        **{name: trainings(folder, name, sizes(of)) for name, of in TRAINING.items()},
        "windows": windows(folder, sizes(RECORDING_ROWS)),
        **{name: readings(folder / name, sizes(FILE_NUMBERS)) for name in FILES},
    }


def trainings(folder: Path, name: str, sizes: tuple[int, ...]) -> Iterator[tuple[int, int, Path, Callable[[], int]]]:
    """Trainings, one thing larger in each."""
    path = folder / "series.npy"
    for size in (0, *sizes):
        shape = {"series": N_SERIES, "channels": N_CHANNELS, "length": LENGTH}
        shape |= {name: size} if name in shape and size else {}
        codes = {"categories": 4, "codes": 2} | ({name: size} if name in ("categories", "codes") and size else {})
        if not size:
            shape = {"series": 60, "channels": 1, "length": 16}
        made(partial(write_array, path, tuple(shape.values())))
        options = ("--cat", codes["categories"], "--cont", codes["codes"])
        n_numbers = shape["series"] * shape["channels"] * shape["length"]
        yield size, n_numbers, path, partial(train, path, folder / f"runs-{name}-{size}", *options)


def windows(folder: Path, sizes: tuple[int, ...]) -> Iterator[tuple[int, int, Path, Callable[[], int]]]:
    """Trainings on all windows of a recording of so many rows."""
    path = folder / "recording.npy"
    for size in (0, *sizes):
        n_rows = size or 2 * WINDOW
        made(partial(write_array, path, (1, RECORDING_CHANNELS, n_rows)))
        work = partial(train, path, folder / f"runs-windows-{size}", "--cat", 4, "--window", WINDOW, "--stride", 1)
        yield size, n_rows * RECORDING_CHANNELS, path, work


def readings(path: Path, sizes: tuple[int, ...]) -> Iterator[tuple[int, int, Path, Callable[[], int]]]:
    """Files of so many numbers, read."""
    for size in (0, *sizes):
        made(partial(write_table, path, size or 10_000))
        yield size, size, path, partial(read, path)


def train(path: Path, runs: Path, *options: object) -> int:
    """A short training of a file."""
    steps = ("--steps", 30, "--set", "flow_steps=10")
    size = ("--width", 8, "--batch-size", 32, "--device", "cpu", "--precision", "float32")
    return run("train", "--data", path, "--runs", runs, *options, *steps, *size)


def read(path: Path) -> int:
    """A file as a panel."""
    from tsinfogan import Windows, read_panel

    read_panel(path, windows=Windows(WINDOW) if path.stem == "recording" else None)
    return 0


def write_array(path: Path, shape: tuple[int, ...]) -> int:
    """Noise on slow waves of two kinds."""
    import numpy as np

    rng = np.random.default_rng(0)
    values = rng.normal(scale=0.3, size=shape).astype(np.float32)
    time = np.linspace(0, 1, shape[2], dtype=np.float32)
    values += np.sin(2 * np.pi * time * np.where(np.arange(shape[0]) % 2, 3, 1)[:, None, None], dtype=np.float32)
    np.save(path, values)
    return 0


def write_table(path: Path, n_numbers: int) -> int:
    """A long table of ten channels, a recording of twenty, a wide table of a hundred timepoints, or an array."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import csv, parquet

    kind, suffix = path.name.split(".")
    if suffix in ("npy", "npz"):
        values = np.random.default_rng(0).normal(size=(n_numbers // 1000, 10, 100)).round(5)  # float64, NumPy's own
        write = np.save if suffix == "npy" else np.savez_compressed if kind == "compressed" else np.savez
        write(path, values)
        return 0
    n_columns = {"long": 10, "recording": RECORDING_CHANNELS, "wide": 100}[kind]
    rows, rng = np.arange(n_numbers // n_columns), np.random.default_rng(0)
    first_columns: dict[str, dict[str, object]] = {
        "long": {"case": rows // 100, "time": rows % 100},
        "recording": {"time": rows},
        "wide": {"case": rows},
    }
    table = first_columns[kind]
    for column in range(n_columns):
        name = str(column) if kind == "wide" else f"ch{column}"
        table[name] = pa.array(rng.normal(size=len(rows)).round(5).astype(np.float32))
    (csv.write_csv if suffix == "csv" else parquet.write_table)(pa.table(table), path)
    return 0


def made(work: Callable[[], int]) -> None:
    """Writes a file in a process of its own: Linux hands peak memory down from the process that starts another."""
    if measured(work).code:
        raise SystemExit("the data cannot be written")


def measured(work: Callable[[], int]) -> Measured:
    """What a process that does ``work`` takes."""
    done = Child(work=work).wait(LIMIT_S)
    return Measured(done.code, 1024 * done.peak_kb, done.cpu_s)


def show(name: str, rows: Iterator[tuple[int, int, Path, Callable[[], int]]]) -> None:
    """A line for each row."""
    start = 0.0
    for size, n_numbers, path, work in rows:
        found = measured(work)
        if not size:
            start = found.peak
        over, numbers = max(0.0, found.peak - start), 4 * n_numbers
        ratios = f"{over / numbers:.1f} | {found.peak / path.stat().st_size:.2f}" if size else "– | –"
        failed = f" (failed, {found.code})" if found.code else ""
        megabytes = f"{numbers / 1e6:.1f} | {found.peak / 1e6:.0f}"
        print(f"| {name} | {size or 'start'}{failed} | {megabytes} | {ratios} | {found.seconds:.1f} |", flush=True)


if __name__ == "__main__":
    main()
