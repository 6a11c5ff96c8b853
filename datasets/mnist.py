"""MNIST: 70,000 handwritten digits, the reference of the InfoGAN paper."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tsinfogan.data.augmentations import Augmentations
from tsinfogan.data.panel import Panel
from tsinfogan.datasets import Dataset, Split
from tsinfogan.datasets.sources import Mirror, obtain, read_file
from tsinfogan.errors import DataError

FOLDERS = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/")
FILES: dict[Split, tuple[tuple[str, str], tuple[str, str]]] = {
    "train": (
        ("train-images-idx3-ubyte.gz", "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        ("train-labels-idx1-ubyte.gz", "md5:d53e105ee54ea40749a09fcbcd1e9432"),
    ),
    "test": (
        ("t10k-images-idx3-ubyte.gz", "md5:9fb629c4189551a2d022fa330f9573f3"),
        ("t10k-labels-idx1-ubyte.gz", "md5:ec29112dd5afa0611ce80d1b7f02629c"),
    ),
}
CLASSES = tuple("0123456789")
UNSIGNED_BYTES = 0x08


def read_idx(path: Path) -> NDArray[np.uint8]:
    """The array in an idx file of unsigned bytes: two zeros, the type, the number of axes, their sizes, the values."""
    content = read_file(path)
    if len(content) < 4 or content[:3] != bytes([0, 0, UNSIGNED_BYTES]) or len(content) < 4 + 4 * content[3]:
        raise DataError(f"expected an idx file of unsigned bytes, got {content[:4]!r}… in {path}; replace it")
    n_axes = content[3]
    shape = struct.unpack_from(f">{n_axes}I", content, 4)
    data = content[4 + 4 * n_axes :]
    if len(data) != math.prod(shape):
        raise DataError(f"expected {math.prod(shape)} bytes for shape {shape} in {path}, got {len(data)}; replace it")
    return np.frombuffer(data, dtype=np.uint8).reshape(shape)


def load(split: Split) -> Panel:
    """Intensities 0 … 255 ``(n_cases, 1, 28, 28)``, 0 is the background."""
    images, labels = (
        obtain([Mirror(folder + name, name, checksum) for folder in FOLDERS], read_idx)
        for name, checksum in FILES[split]
    )
    if images.ndim != 3 or labels.shape != images.shape[:1] or labels.max(initial=0) >= len(CLASSES):
        raise DataError(
            f"mnist {split}: expected images (n, height, width) and n labels 0…9, got shapes {images.shape} and "
            f"{labels.shape}; replace the files"
        )
    return Panel(
        images[:, None].astype(np.float32),
        ("intensity",),
        labels=labels.astype(np.int64),
        classes=CLASSES,
        name="mnist",
        view="image",
        augmentations=Augmentations(rotation_rad=0.3, shear=0.25, stretch=0.2, time_shift=0.08, time_scale=0.15),
    )


DATASET = Dataset(
    summary="70,000 handwritten digits, 28 x 28 pixels, the reference of the InfoGAN paper",
    source="http://yann.lecun.com/exdb/mnist/",
    licence="CC BY-SA 3.0",
    citation="LeCun, Cortes, Burges: The MNIST database of handwritten digits (1998), http://yann.lecun.com/exdb/mnist/",
    load=load,
    n_categories=10,
    noise_dim=62,
    backbone="image",
)
