"""Room for large arrays: memory or, where that is scarce, a temporary file that is mapped into it."""

from __future__ import annotations

import math
import mmap
import os
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tsinfogan.errors import RunError

MAX_SHARE = 0.5
"""Of the memory that is free, what one array may take."""
MIN_MAPPED = 1 << 25
"""Bytes of the smallest array that may be mapped."""


def room_for(shape: tuple[int, ...], dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """An array to be filled, in memory, or in a temporary file if it takes more than ``MAX_SHARE`` of what is free.

    Raises:
        RunError: there is no room for the file.
    """
    n_bytes = math.prod(shape) * np.dtype(dtype).itemsize
    if n_bytes < MIN_MAPPED or n_bytes <= MAX_SHARE * free_memory():
        return np.empty(shape, dtype)
    # On many systems /tmp lies in memory.
    folder = os.environ.get("TMPDIR") or ("/var/tmp" if os.access("/var/tmp", os.W_OK) else None)
    try:
        with TemporaryFile(dir=folder) as file:  # it has no name, so nothing is left behind, whatever happens
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, n_bytes)  # a full disk shows here, and not as a crash later
            file.truncate(n_bytes)
            content = mmap.mmap(file.fileno(), n_bytes)
    except OSError as error:
        raise RunError(
            f"{n_bytes / 1e9:.1f} GB of numbers do not fit into memory, and {folder or 'the temporary folder'} has no "
            f"room for them ({(error.strerror or str(error)).lower()}); make room, or set TMPDIR to another folder"
        ) from None
    return np.frombuffer(content, dtype).reshape(shape)


def free_memory() -> float:
    """Bytes of memory that this process may still take; infinite where the system does not say."""
    free = math.inf
    with suppress(OSError, ValueError, AttributeError):
        free = float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with suppress(OSError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = 1024.0 * int(next(line for line in lines if line.startswith("MemAvailable")).split()[1])
    with suppress(OSError, ValueError, KeyError):  # of a container; what it holds of files is given up when needed
        group = Path("/sys/fs/cgroup")
        held = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        taken = int((group / "memory.current").read_text()) - int(held["inactive_file"])
        free = min(free, int((group / "memory.max").read_text()) - taken)
    return free
