"""The long, tidy table of the CSV format as compressed Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from tsinfogan.errors import DataError
from tsinfogan.formats import CaseColumns, Format
from tsinfogan.formats._blocks import long_blocks
from tsinfogan.formats._table import opened, panel_from_table
from tsinfogan.panel import Panel

TIME_STEP, TIME_UNIT = b"tsinfogan.time_step", b"tsinfogan.time_unit"


class ParquetWriter:
    """Writes in constant memory, one row group a block. The file's metadata keeps time step and unit."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._n_cases = 0
        self._file: Any = None

    def write(self, panel: Panel, columns: CaseColumns) -> None:
        """Appends the cases of ``panel``, numbered on from those already written."""
        for block in long_blocks(panel, columns, self._n_cases):
            table = pa.table(
                [column.values if column.rows is None else column.values.take(column.rows) for column in block],
                names=[column.name for column in block],
            )
            try:
                if self._file is None:
                    time = {TIME_STEP: repr(panel.time_step), TIME_UNIT: panel.time_unit}
                    schema = table.schema.with_metadata(time)
                    self._file = pq.ParquetWriter(self._stream, schema, compression="zstd")
                self._file.write_table(table.cast(self._file.schema))
            except OSError:
                self._abandon()
                raise
        self._n_cases += panel.n_cases

    def close(self) -> None:
        """Writes the footer; a file of which nothing was written stays empty."""
        if self._file is not None:
            try:
                self._file.close()
            except OSError:
                self._abandon()
                raise
        self._stream.flush()

    def _abandon(self) -> None:
        """Keeps pyarrow from writing a footer to a full disk or a closed pipe when it is collected."""
        if self._file is not None:
            self._file.is_open = False
            self._file = None


def column_names(path: Path) -> tuple[str, ...]:
    """Names of the columns.

    Raises:
        DataError: as for :func:`read`.
    """
    with opened(path) as stream:
        try:
            return tuple(pq.read_schema(stream).names)
        except Exception as error:
            raise _unreadable(path, error) from None


def read(path: Path) -> Panel:
    """The panel in a file, whoever wrote it; rows may come in any order.

    Raises:
        DataError: the file cannot be read or understood; the message says where and what to do.
    """
    with opened(path) as stream:
        try:
            table = pq.read_table(stream)
            table.validate(full=True)
            list(table.column_names)  # damaged names show only when they are asked for
        except Exception as error:  # damaged bytes raise all kinds of errors in there
            raise _unreadable(path, error) from None
    metadata = table.schema.metadata or {}
    try:
        time_step = float(metadata[TIME_STEP])
        time_unit = metadata.get(TIME_UNIT, b"").decode()
    except (KeyError, ValueError):
        return panel_from_table(table, path)
    return panel_from_table(table, path, time_step, time_unit)


def _unreadable(path: Path, error: Exception) -> DataError:
    reason = (str(error) or type(error).__name__).splitlines()[0][:200]
    return DataError(f"{path.name} is not a readable Parquet file: {reason}; write it anew")


FORMAT = Format(
    suffix=".parquet",
    summary="The same table as csv, compressed, for pandas, Polars, DuckDB and Spark.",
    open_writer=ParquetWriter,
    read=read,
    column_names=column_names,
)
