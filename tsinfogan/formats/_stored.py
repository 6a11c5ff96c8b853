"""Parquet and Arrow files: one schema for all blocks, whose metadata holds the time step and its unit."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from tsinfogan.data.columns import USUAL, ColumnNames, Windows
from tsinfogan.data.panel import Panel
from tsinfogan.data.windows import panel_from_series
from tsinfogan.errors import DataError
from tsinfogan.formats import CaseColumns, Format
from tsinfogan.formats._pieces import Source, series_in_pieces
from tsinfogan.formats._table import panel_from_table
from tsinfogan.formats.blocks import LongColumn, long_blocks, long_table

OpenFile = Callable[[BinaryIO, pa.Schema], Any]
TIME_STEP, TIME_UNIT = b"tsinfogan.time_step", b"tsinfogan.time_unit"


class StoredWriter:
    """Writes in constant memory, one record batch or row group for each block. Cases are numbered from ``first_case``.

    ``open_file`` starts a file of a schema on the stream.
    """

    def __init__(self, stream: BinaryIO, open_file: OpenFile, first_case: int = 0) -> None:
        self._stream, self._open, self._n_cases = stream, open_file, first_case
        self._schema: pa.Schema | None = None
        self._file: Any = None

    def write(self, panel: Panel, columns: CaseColumns) -> None:
        """Appends the cases of ``panel``, numbered on from those already written."""
        for block in long_blocks(panel, columns, self._n_cases):
            table = _block_table(block, self._schema)
            with self._abandoned_on_error():
                if self._schema is None:
                    metadata = {TIME_STEP: repr(panel.time_step), TIME_UNIT: panel.time_unit}
                    self._schema = table.schema.with_metadata(metadata)
                    self._file = self._open(self._stream, self._schema)
                self._file.write_table(table.cast(self._schema))
        self._n_cases += panel.n_cases

    def close(self) -> None:
        """Writes the footer. The file stays empty if no case was written."""
        if self._file is not None:
            with self._abandoned_on_error():
                self._file.close()
        self._stream.flush()

    @contextmanager
    def _abandoned_on_error(self) -> Iterator[None]:
        """Keeps a Parquet file from writing a footer to a full disk or a closed pipe when it is collected."""
        try:
            yield
        except OSError:
            if hasattr(self._file, "is_open"):
                self._file.is_open = False
            self._file = None
            raise


def _block_table(block: list[LongColumn], schema: pa.Schema | None) -> pa.Table:
    """A block as a table; refused if a channel that held whole numbers in the first block holds others in this one."""
    table = long_table(block)
    for field, known in zip(table.schema, schema or table.schema, strict=True):
        if pa.types.is_floating(field.type) and not pa.types.is_floating(known.type):
            raise DataError(f"channel {field.name!r} began with {known.type} and goes on with others; round its values")
    return table


def stored_format(
    kind: str,
    load: Callable[[Path, bool], pa.Table],
    open_file: OpenFile,
    pieces: Callable[[Path], Source | None] = lambda path: None,
    **others: Any,
) -> Format:
    """A format of Arrow tables, whose files messages call ``kind``.

    ``load`` reads the table in a file, or a table of no rows if only names are wanted; pyarrow's errors become a
    DataError. ``open_file`` starts a file of a schema on a stream. ``pieces`` opens a large file as a :class:`Source`.
    """

    def table(path: Path, only_names: bool = False) -> pa.Table:
        try:
            loaded = load(path, only_names)
            loaded.validate(full=True)
            list(loaded.column_names)  # damaged names show only when they are asked for
        except DataError:
            raise
        except Exception as error:  # damaged bytes make pyarrow raise all kinds of errors
            reason = (str(error) or type(error).__name__).splitlines()[0][:200]
            raise DataError(f"{path.name} is not a readable {kind} file: {reason}; write it anew") from None
        return loaded

    def read(path: Path, columns: ColumnNames = USUAL, windows: Windows | None = None) -> Panel:
        with suppress(OSError, pa.ArrowException):
            if (source := pieces(path)) is not None:
                stated = _stated_time(source.metadata)
                if (series := series_in_pieces(source, path, columns, windows, stated)) is not None:
                    return panel_from_series(series, path.name, columns, windows)
        loaded = table(path)
        return panel_from_table(loaded, path, *_stated_time(loaded.schema.metadata), columns=columns, windows=windows)

    def column_names(path: Path) -> tuple[str, ...]:
        return tuple(table(path, only_names=True).column_names)

    writer = partial(StoredWriter, open_file=open_file)
    return Format(open_writer=writer, read=read, column_names=column_names, numbers_cases=True, **others)


def _stated_time(metadata: Mapping[bytes, bytes] | None) -> tuple[float | None, str]:
    """The time step and its unit, as far as the metadata of a table states them."""
    metadata = metadata or {}
    try:
        time_step, time_unit = float(metadata[TIME_STEP]), metadata.get(TIME_UNIT, b"").decode()
    except (KeyError, ValueError):
        return None, ""
    return time_step if math.isfinite(time_step) and time_step > 0 else None, time_unit
