"""Reading large files: what came of it, and the memory that it takes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from tsinfogan.data.columns import USUAL, ColumnNames, Windows
from tsinfogan.data.panel import Panel
from tsinfogan.errors import DataError
from tsinfogan.formats import read_panel

CHILD = """
import re, sys
from pathlib import Path
from tsinfogan.data.columns import Windows
from tsinfogan.formats import read_panel
def peak():
    return int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024
small, large = map(Path, sys.argv[1:3])
windows = Windows(64) if "recording" in large.name else None
read_panel(small, windows=windows)  # imports what is needed
before = peak()
panel = read_panel(large, windows=windows)
print(peak() - before)
"""


def outcome(path: Path, columns: ColumnNames = USUAL, windows: Windows | None = None) -> Panel | str:
    try:
        return read_panel(path, columns, windows)
    except DataError as error:
        return str(error)


def assert_same(one: Panel | str, other: Panel | str) -> None:
    assert type(one) is type(other), (one, other)
    if isinstance(one, str):
        assert one == other
        return
    for name in one.__dataclass_fields__:
        mine, theirs = getattr(one, name), getattr(other, name)
        if isinstance(mine, np.ndarray):
            assert mine.dtype == theirs.dtype
            np.testing.assert_array_equal(mine, theirs, name)
        else:
            assert mine == theirs, name


def peak_of_reading(small: Path, large: Path) -> int:
    """Bytes that a process takes for the second file, beyond those for the first."""
    command = [sys.executable, "-c", CHILD, str(small), str(large)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return int(subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout)
