"""How many times as fast as ``DataFrame.to_csv`` the CSV writer is, on the same rows, in one run.

python benchmarks/csv_writing.py
"""

from __future__ import annotations

import io
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv

from tsinfogan.data.panel import Panel
from tsinfogan.formats.csv import FORMAT

N_CASES, LONGEST, REPEATS = 1422, 182, 5


def main() -> None:
    """Prints both medians and their ratio, after checking that both texts parse to the same numbers."""
    rng = np.random.default_rng(0)
    cases = [rng.normal(size=(3, n)) for n in rng.integers(60, LONGEST + 1, N_CASES)]
    panel = Panel.from_cases(cases, channels=("x", "y", "force"), time_step=0.005)
    codes: dict[str, NDArray[Any]] = {
        "cat": rng.integers(0, 20, N_CASES),
        "cont0": rng.uniform(-1, 1, N_CASES).astype(np.float32),
        "cont1": rng.uniform(-1, 1, N_CASES).astype(np.float32),
    }
    lengths = panel.case_lengths
    frame = pd.DataFrame(
        {
            "case": np.repeat(np.arange(N_CASES), lengths),
            "time": np.concatenate([np.arange(n) * panel.time_step for n in lengths]),
            **{
                name: np.concatenate([panel.case(k)[i] for k in range(N_CASES)])
                for i, name in enumerate(panel.channels)
            },
            **{name: np.repeat(values, lengths) for name, values in codes.items()},
        }
    )

    def ours() -> bytes:
        stream = io.BytesIO()
        writer = FORMAT.open_writer(stream)
        writer.write(panel, codes)
        writer.close()
        return stream.getvalue()

    def theirs() -> bytes:
        stream = io.BytesIO()
        frame.to_csv(stream, index=False)
        return stream.getvalue()

    types = arrow_csv.ConvertOptions(column_types={name: pa.from_numpy_dtype(x.dtype) for name, x in frame.items()})
    for text in (ours(), theirs()):
        parsed = arrow_csv.read_csv(pa.BufferReader(text), convert_options=types).to_pandas()
        pd.testing.assert_frame_equal(parsed, frame, check_exact=True)

    seconds: dict[str, list[float]] = {"tsinfogan": [], "DataFrame.to_csv": []}
    for _ in range(REPEATS):
        for name, write in zip(seconds, (ours, theirs), strict=True):
            start = perf_counter()
            write()
            seconds[name].append(perf_counter() - start)
    medians = {name: median(times) for name, times in seconds.items()}
    for name, time in medians.items():
        print(f"{name}: {time * 1e3:.0f} ms for {len(frame)} rows (median of {REPEATS})")
    print(f"ratio: {medians['DataFrame.to_csv'] / medians['tsinfogan']:.1f}")


if __name__ == "__main__":
    main()
