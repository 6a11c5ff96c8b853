"""Where to compute and how precisely."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import Any

import torch
import torch.nn.functional as F

from tsinfogan.errors import SettingError

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "float32", "bf16")
BF16_FLAGS = ("amx_bf16", "avx512_bf16")
"""How /proc/cpuinfo calls what multiplies bf16: as matrices (Intel since 2023), or as vectors (AMD since 2022)."""
MIN_BF16_GAIN = 1.1
"""Of vectors of bf16, some processors are slower than of float32. A margin, so that chance decides hardly anywhere."""
TIMED_SHAPE, TIMED_ROUNDS = (16, 64, 1, 64), 15
"""Of a layer of the default networks, ``(n, c, 1, t)``; a tenth of a second in all."""


def choose_device(name: str = "auto") -> torch.device:
    """The device called ``name``; ``auto`` prefers a GPU.

    Raises:
        SettingError: no such device here.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(device for device, is_here in available.items() if is_here))
    if not available.get(name, False):
        here = ", ".join(device for device, is_here in available.items() if is_here)
        raise SettingError(f"device {name!r} is not available on this machine: choose from auto, {here}")
    return torch.device(name)


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """The dtype of convolutions and matrix products; ``auto`` takes bf16 where that is clearly faster.

    GPUs since Ampere are known to be. On a processor with instructions for bf16, a convolution is timed in both dtypes.

    Raises:
        SettingError: an unknown name.
    """
    if name not in PRECISIONS:
        raise SettingError(f"precision {name!r} is unknown: choose from {', '.join(PRECISIONS)}")
    if name == "auto":
        faster = _multiplies_bf16(device) and (device.type == "cuda" or _bf16_gain() > MIN_BF16_GAIN)
        return torch.bfloat16 if faster else torch.float32
    return torch.bfloat16 if name == "bf16" else torch.float32


def exact_convolutions() -> AbstractContextManager[None]:
    """On a GPU, convolutions in full float32 that give the same bits each time; by default factors are rounded to TF32.

    What is generated or read with a model is the same on every device, but for the last bits.
    """
    return torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)


@dataclass(frozen=True)
class Computing:
    """What the last bits of a training depend on, beside its plan and its data.

    Attributes:
        device: ``cpu``, ``cuda`` or ``mps``.
        precision: ``float32`` or ``bf16``.
        n_threads: of torch on a CPU, which split sums between them.
        processor: kind of instructions or name of the GPU.
        torch_version: of torch.
        n_processes: that train one model together.
    """

    device: str
    precision: str
    n_threads: int
    processor: str
    torch_version: str
    n_processes: int = 1

    @classmethod
    def here(cls, device: torch.device, precision: torch.dtype, n_processes: int = 1) -> Computing:
        """On this machine, now."""
        is_cuda = device.type == "cuda"
        processor = torch.cuda.get_device_name(device) if is_cuda else torch.backends.cpu.get_cpu_capability()
        name = "bf16" if precision == torch.bfloat16 else "float32"
        return cls(device.type, name, torch.get_num_threads(), processor, torch.__version__, n_processes)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)

    def differences(self, then: Mapping[str, Any]) -> list[str]:
        """Why last bits may differ, such as ``precision bf16 in place of float32``."""
        if not then:
            return ["it is not kept what the run was computed with"]
        now = self.to_dict()
        changed = [name for name, value in then.items() if name in now and now[name] != value]
        if self.device != "cpu" and "n_threads" in changed:
            changed.remove("n_threads")
        told = [f"{name.replace('_', ' ')} {now[name]} in place of {then[name]}" for name in changed]
        return told + (["a GPU adds in no fixed order"] if self.device == "cuda" else [])


def as_before(
    device: str, precision: str, then: Mapping[str, Any], n_processes: int = 1
) -> tuple[torch.device, torch.dtype]:
    """Device and precision to go on with: those of ``then``, entries of a :class:`Computing`, where ``auto`` is asked.

    As many processes as then use as many threads each, if there are so many processors. Errors: :func:`choose_device`.
    """
    kept = then.get("device", "auto")
    try:
        where = choose_device(kept if device == "auto" else device)
    except SettingError:
        where = choose_device(device)
    dtype = choose_precision(then.get("precision", "auto") if precision == "auto" else precision, where)
    n_threads = then.get("n_threads", 0) if then.get("n_processes", 1) == n_processes else 0
    if torch.get_num_threads() != n_threads and 0 < n_threads <= (os.cpu_count() or 1):
        torch.set_num_threads(n_threads)
    return where, dtype


def n_idle_processors(seconds: float = 0.2) -> float:
    """How many processors nothing was computed on in the next moment; all of them where the system does not say.

    Call it before this program computes on several threads itself.
    """
    n_processors, ticks = os.cpu_count() or 1, Path("/proc/stat")
    if not ticks.exists() or len(os.sched_getaffinity(0)) < n_processors:  # it speaks of all, not of those for us
        return n_processors
    before = ticks.read_text()
    time.sleep(seconds)
    return n_processors * idle_share(before, ticks.read_text())


def idle_share(before: str, after: str) -> float:
    """The idle share of all processors between two readings of ``/proc/stat``."""
    early, late = ([int(count) for count in reading.splitlines()[0].split()[1:9]] for reading in (before, after))
    passed = [now - then for then, now in zip(early, late, strict=True)]  # the fourth and fifth are idle
    return sum(passed[3:5]) / max(1, sum(passed))


def leave_busy_processors() -> str:
    """Has torch use no more threads than there are idle processors; what to say about it, or nothing.

    Threads wait for each other at every operation. Beside one busy process on two cores, two threads reached .22 of the
    speed on idle cores, and one thread .64. Nothing changes where ``OMP_NUM_THREADS`` is set.
    """
    n_threads, n_idle = torch.get_num_threads(), round(n_idle_processors())
    if "OMP_NUM_THREADS" in os.environ or n_idle >= n_threads:
        return ""
    torch.set_num_threads(max(1, n_idle))
    return (
        f"computes on {torch.get_num_threads()} of {os.cpu_count()} processors, as other programs keep the rest busy; "
        "the environment variable OMP_NUM_THREADS decides otherwise"
    )


def _multiplies_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    cpu_description = Path("/proc/cpuinfo")
    if device.type != "cpu" or not cpu_description.exists():
        return False
    flags = cpu_description.read_text().split()
    return any(flag in flags for flag in BF16_FLAGS)


@lru_cache(maxsize=1)
def _bf16_gain() -> float:
    """Time of a convolution and its gradients on one core in float32 over that in bf16, timed in turns."""
    gains = []
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # several wait for each other, and so for other programs
    try:
        for _ in range(TIMED_ROUNDS):
            seconds = [_seconds_of_a_convolution(dtype) for dtype in (torch.float32, torch.bfloat16)]
            gains.append(seconds[0] / seconds[1])
    finally:
        torch.set_num_threads(n_threads)
    return median(gains[1:])  # the first ones prepare kernels


def _seconds_of_a_convolution(dtype: torch.dtype) -> float:
    n_cases, width, _, n_points = TIMED_SHAPE
    x = torch.linspace(-1, 1, n_cases * width * n_points).view(TIMED_SHAPE)
    weight = torch.linspace(-1, 1, width * width * 5).view(width, width, 1, 5)
    x, weight = (each.contiguous(memory_format=torch.channels_last).requires_grad_() for each in (x, weight))
    started = time.thread_time()  # in which other programs do not count
    with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
        y = F.conv2d(x, weight, padding=(0, 2))
    y.float().square().sum().backward()
    return time.thread_time() - started
