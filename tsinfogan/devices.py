"""Where to compute and how precisely."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import torch

from tsinfogan.errors import SettingError

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "float32", "bf16")
BF16_FLAGS = ("amx_bf16", "avx512_bf16")
"""How /proc/cpuinfo calls what multiplies bf16: as matrices (Intel since 2023), or as vectors (AMD since 2022)."""


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
    """The dtype of convolutions and matrix products; ``auto`` takes bf16 where the processor multiplies it in hardware.

    Raises:
        SettingError: an unknown name.
    """
    if name not in PRECISIONS:
        raise SettingError(f"precision {name!r} is unknown: choose from {', '.join(PRECISIONS)}")
    if name == "auto":
        return torch.bfloat16 if _multiplies_bf16(device) else torch.float32
    return torch.bfloat16 if name == "bf16" else torch.float32


def exact_convolutions() -> AbstractContextManager[None]:
    """On a GPU, convolutions in full float32 that give the same bits each time; by default factors are rounded to TF32.

    What is generated or read with a model is the same on every device, but for the last bits.
    """
    return torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)


def _multiplies_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    cpu_description = Path("/proc/cpuinfo")
    if device.type != "cpu" or not cpu_description.exists():
        return False
    flags = cpu_description.read_text().split()
    return any(flag in flags for flag in BF16_FLAGS)
