"""The long, tidy table of the CSV format as compressed Parquet: a file, or a folder of files where it is large."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from tsinfogan.data.columns import USUAL, ColumnNames, Windows
from tsinfogan.data.panel import Panel
from tsinfogan.errors import DataError
from tsinfogan.formats import CaseColumns, Format
from tsinfogan.formats._stored import block_table, panel_from_stored, stored_schema
from tsinfogan.formats._table import opened
from tsinfogan.formats.blocks import long_blocks

MAX_ROWS = 1 << 26
"""Rows of one file; more are parted into several."""


class ParquetWriter:
    """Writes in constant memory, one row group a block. The file's metadata keeps time step and unit."""

    def __init__(self, stream: BinaryIO, first_case: int = 0) -> None:
        self._stream = stream
        self._n_cases = first_case
        self._file: Any = None

    def write(self, panel: Panel, columns: CaseColumns) -> None:
        """Appends the cases of ``panel``, numbered on from those already written."""
        for block in long_blocks(panel, columns, self._n_cases):
            table = block_table(block, None if self._file is None else self._file.schema)
            try:
                if self._file is None:
                    self._file = pq.ParquetWriter(self._stream, stored_schema(table, panel), compression="zstd")
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


class ParquetFolderWriter:
    """Writes ``part-00000.parquet`` and so on, each of ``MAX_ROWS`` rows at most, but of one case at least."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._n_cases, self._n_parts = folder, 0, 0
        self._room = 0
        self._stream: BinaryIO | None = None
        self._writer: ParquetWriter | None = None

    def write(self, panel: Panel, columns: CaseColumns) -> None:
        """Appends the cases of ``panel``, numbered on from those already written."""
        n_points = panel.case_lengths if panel.values.ndim == 3 else [panel.grid[0] * panel.grid[1]] * panel.n_cases
        start, rows = 0, 0
        for case, size in enumerate(n_points):
            if rows + size > self._room and (self._writer is not None or rows):
                self._append(panel, columns, start, case)
                self._finish_part()
                start, rows = case, 0
            if self._writer is None and not rows:
                self._room = MAX_ROWS
            rows += int(size)
        self._append(panel, columns, start, panel.n_cases)
        self._room -= rows

    def close(self) -> None:
        """Writes the last footer."""
        self._finish_part()

    def _append(self, panel: Panel, columns: CaseColumns, start: int, end: int) -> None:
        if start == end:
            return
        if self._writer is None:
            path = self._folder / f"part-{self._n_parts:05}.parquet"
            self._stream = path.open("wb")
            self._writer = ParquetWriter(self._stream, self._n_cases)
            self._n_parts += 1
        cases = slice(start, end)
        self._writer.write(panel.subset(cases), {name: values[cases] for name, values in columns.items()})
        self._n_cases += end - start

    def _finish_part(self) -> None:
        if self._writer is not None and self._stream is not None:
            try:
                self._writer.close()
            finally:
                self._stream.close()
        self._writer = self._stream = None


def column_names(path: Path) -> tuple[str, ...]:
    """Names of the columns.

    Raises:
        DataError: as for :func:`read`.
    """
    if path.is_dir():
        return tuple(_table(path).column_names)
    with opened(path) as stream:
        try:
            return tuple(pq.read_schema(stream).names)
        except Exception as error:
            raise _unreadable(path, error) from None


def read(path: Path, columns: ColumnNames = USUAL, windows: Windows | None = None) -> Panel:
    """The panel in a file, or in all files of a folder, whoever wrote them; rows may come in any order.

    Raises:
        DataError: a file cannot be read or understood; the message says where and what to do.
    """
    return panel_from_stored(_table(path), path, columns, windows)


def _table(path: Path) -> pa.Table:
    if path.is_dir():
        parts = [part for part in path.rglob("*.parquet") if part.is_file()]
        if not parts:
            raise DataError(f"{str(path)!r} is a directory without *.parquet files; name a file, or a folder of them")
        try:
            return _valid(pq.read_table(path))
        except Exception as error:
            raise _unreadable(path, error) from None
    with opened(path) as stream:
        try:
            return _valid(pq.read_table(stream))
        except Exception as error:  # damaged bytes raise all kinds of errors in there
            raise _unreadable(path, error) from None


def _valid(table: pa.Table) -> pa.Table:
    table.validate(full=True)
    list(table.column_names)  # damaged names show only when they are asked for
    return table


def _unreadable(path: Path, error: Exception) -> DataError:
    reason = (str(error) or type(error).__name__).splitlines()[0][:200]
    return DataError(f"{path.name} is not a readable Parquet file: {reason}; write it anew")


FORMAT = Format(
    suffix=".parquet",
    summary="The same table as csv, compressed, for pandas, Polars, DuckDB and Spark.",
    open_writer=ParquetWriter,
    read=read,
    column_names=column_names,
    open_folder=ParquetFolderWriter,
    max_rows=MAX_ROWS,
)
