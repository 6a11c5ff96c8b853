"""The long, tidy table of the CSV format as an Arrow file, which pandas calls Feather."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow import ipc

from tsinfogan.data.columns import USUAL, ColumnNames, Windows
from tsinfogan.data.panel import Panel
from tsinfogan.errors import DataError
from tsinfogan.formats import CaseColumns, Format
from tsinfogan.formats._stored import block_table, panel_from_stored, stored_schema
from tsinfogan.formats._table import opened
from tsinfogan.formats.blocks import long_blocks


class ArrowWriter:
    """Writes in constant memory, one record batch a block. The file's metadata keeps time step and unit."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._n_cases = 0
        self._schema: pa.Schema | None = None
        self._file: Any = None

    def write(self, panel: Panel, columns: CaseColumns) -> None:
        """Appends the cases of ``panel``, numbered on from those already written."""
        for block in long_blocks(panel, columns, self._n_cases):
            table = block_table(block, self._schema)
            if self._file is None:
                self._schema = stored_schema(table, panel)
                options = ipc.IpcWriteOptions(compression="lz4")
                self._file = ipc.new_file(self._stream, self._schema, options=options)
            self._file.write_table(table.cast(self._schema))
        self._n_cases += panel.n_cases

    def close(self) -> None:
        """Writes the footer; a file of which nothing was written stays empty."""
        if self._file is not None:
            self._file.close()
        self._stream.flush()


def column_names(path: Path) -> tuple[str, ...]:
    """Names of the columns.

    Raises:
        DataError: as for :func:`read`.
    """
    return tuple(_table(path).column_names)


def read(path: Path, columns: ColumnNames = USUAL, windows: Windows | None = None) -> Panel:
    """The panel in a file, whoever wrote it; rows may come in any order.

    Raises:
        DataError: the file cannot be read or understood; the message says where and what to do.
    """
    return panel_from_stored(_table(path), path, columns, windows)


def _table(path: Path) -> pa.Table:
    with opened(path) as stream:
        try:
            table = ipc.open_file(stream).read_all()
            table.validate(full=True)
            list(table.column_names)  # damaged names show only when they are asked for
        except Exception as error:  # damaged bytes raise all kinds of errors in there
            reason = (str(error) or type(error).__name__).splitlines()[0][:200]
            raise DataError(f"{path.name} is not a readable Arrow file: {reason}; write it anew") from None
    return table


FORMAT = Format(
    suffix=".arrow",
    summary="The same table as csv, as an Arrow file, which pandas reads as Feather.",
    open_writer=ArrowWriter,
    read=read,
    column_names=column_names,
    other_suffixes=(".feather",),
)
