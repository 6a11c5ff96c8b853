"""The writer of formats that need all cases before they can write the first: their header says how long they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from tsinfogan.data.columns import CODE, LABEL
from tsinfogan.data.panel import Panel
from tsinfogan.errors import DataError
from tsinfogan.formats import CaseColumns
from tsinfogan.formats.blocks import with_label


class BufferingWriter:
    """Keeps all cases in memory and writes them when it is closed.

    Args:
        stream: to write to.
        encode: gives the content of a file: of a panel, and of its case columns (the labels among them).
        series_only: suffix of a text format, which holds neither images nor case columns of other names than a
            code's or the label's; None for a format that holds anything.
    """

    def __init__(
        self,
        stream: BinaryIO,
        encode: Callable[[Panel, dict[str, NDArray[Any]]], bytes],
        series_only: str | None = None,
    ) -> None:
        self._stream, self._encode, self._series_only = stream, encode, series_only
        self._panels: list[Panel] = []
        self._columns: list[CaseColumns] = []

    def write(self, panel: Panel, columns: CaseColumns) -> None:
        """Keeps the cases of ``panel`` for :meth:`close`.

        Raises:
            DataError: the format cannot hold images, or a case column would be read back as something else.
        """
        if self._series_only is not None:
            if panel.values.ndim == 4:
                raise DataError(
                    f"a {self._series_only} file holds series, got images; write them as csv, parquet or npz"
                )
            if strange := [name for name in columns if name != LABEL and not CODE.fullmatch(name)]:
                raise DataError(f"case columns are called cat…, cont… or {LABEL}, got {strange[0]!r}; rename it")
        self._panels.append(panel)
        self._columns.append(with_label(panel, columns))

    def close(self) -> None:
        """Writes the file. It stays empty if no case was written."""
        if self._panels:
            names = self._columns[0]
            columns = {name: np.concatenate([np.asarray(part[name]) for part in self._columns]) for name in names}
            self._stream.write(self._encode(Panel.concatenated(self._panels), columns))
        self._stream.flush()
