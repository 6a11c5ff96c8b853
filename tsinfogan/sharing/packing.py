"""Series and other bytes as a page is given them."""

from __future__ import annotations

from base64 import b64encode
from importlib import resources

import numpy as np

from tsinfogan.data.panel import FloatArray, IntArray


def packed(values: FloatArray, lengths: IntArray | None = None) -> bytes:
    """Series ``(n, c, *grid)`` as little-endian float32: of each case its length, then its values, channel by channel.

    ``lengths`` are ``(n,)``; without them, all cases fill the grid.

    Example:
        >>> import numpy as np
        >>> np.frombuffer(packed(np.array([[[1, 2, np.nan]], [[3, 4, 5]]]), np.array([2, 3])), "<f4")
        array([2., 1., 2., 3., 3., 4., 5.], dtype=float32)
    """
    flat = values.reshape(*values.shape[:2], -1)  # (n, c, p)
    whole = np.full(len(flat), flat.shape[2]) if lengths is None else lengths
    parts = [np.concatenate([[length], case[:, :length].ravel()]) for case, length in zip(flat, whole, strict=True)]
    return np.concatenate(parts or [np.zeros(0)]).astype("<f4").tobytes()


def base64_of(content: bytes) -> str:
    """The text that a page keeps bytes as."""
    return b64encode(content).decode()


def template(name: str) -> bytes:
    """A file that a page holds: a style, a script, or the WebAssembly module that the interpreter takes."""
    return (resources.files("tsinfogan.sharing") / "templates" / name).read_bytes()
