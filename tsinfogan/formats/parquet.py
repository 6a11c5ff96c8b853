"""The long table of the CSV format as compressed Parquet: one file, or a folder of files for a very large table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from tsinfogan.data.panel import Panel
from tsinfogan.errors import DataError
from tsinfogan.formats import CaseColumns, opened
from tsinfogan.formats._pieces import MIN_BYTES, Source, UnusualError
from tsinfogan.formats._stored import StoredWriter, stored_format

ROWS_AT_ONCE, BUFFER, RATIO = 1 << 16, 1 << 16, 4
"""Rows and bytes that are read at once, and how much smaller than text a file is taken to be."""
MAX_ROWS = 1 << 26
"""Rows of one file; a larger table is split into several files."""


def _open(stream: BinaryIO, schema: pa.Schema) -> Any:
    return pq.ParquetWriter(stream, schema, compression="zstd")


class ParquetFolderWriter:
    """Writes ``part-00000.parquet`` and so on: whole cases, as many as fit into ``MAX_ROWS`` rows, but at least one."""

    def __init__(self, folder: Path, first_case: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._n_cases, self._n_parts, self._n_rows = folder, first_case, 0, 0
        self._stream: BinaryIO | None = None
        self._writer: StoredWriter | None = None

    def write(self, panel: Panel, columns: CaseColumns) -> None:
        """Appends the cases of ``panel``, numbered on from those already written."""
        sizes = panel.case_lengths if panel.values.ndim == 3 else [math.prod(panel.grid)] * panel.n_cases
        start = 0
        for case, size in enumerate(map(int, sizes)):
            if self._n_rows and self._n_rows + size > MAX_ROWS:
                self._append(panel, columns, start, case)
                self.close()
                start, self._n_rows = case, 0
            self._n_rows += size
        self._append(panel, columns, start, panel.n_cases)

    def close(self) -> None:
        """Finishes the part that is being written."""
        if self._writer is not None and self._stream is not None:
            try:
                self._writer.close()
            finally:
                self._stream.close()
        self._writer = self._stream = None

    def _append(self, panel: Panel, columns: CaseColumns, start: int, end: int) -> None:
        if start == end:
            return
        if self._writer is None:
            path = self._folder / f"part-{self._n_parts:05}.parquet"
            self._stream = path.open("wb")
            self._writer = StoredWriter(self._stream, _open, self._n_cases)
            self._n_parts += 1
        cases = slice(start, end)
        self._writer.write(panel.subset(cases), {name: values[cases] for name, values in columns.items()})
        self._n_cases += end - start


def _load(path: Path, only_names: bool) -> pa.Table:
    if path.is_dir():
        if not any(part.is_file() for part in path.rglob("*.parquet")):
            raise DataError(f"{str(path)!r} is a directory without *.parquet files; name a file, or a folder of them")
        return pq.read_table(path)
    with opened(path) as stream:
        return pq.read_schema(stream).empty_table() if only_names else pq.read_table(stream)


def _blocks(files: Sequence[Path], names: Sequence[str], as_text: bool) -> Iterator[pa.RecordBatch]:
    schema = pq.read_schema(files[0])
    for file in files:
        with pq.ParquetFile(file, buffer_size=BUFFER) as content:
            if not content.schema_arrow.equals(schema):
                raise UnusualError
            for batch in content.iter_batches(ROWS_AT_ONCE, columns=list(names), use_threads=False):
                batch.validate(full=True)
                yield batch


def _pieces(path: Path) -> Source | None:
    """A large file, or the files of a folder one after the other."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    are_plain = all(file.suffix == ".parquet" and file.is_file() and file.name[0] not in "._" for file in files)
    if not are_plain or sum(file.stat().st_size for file in files) * RATIO < MIN_BYTES:
        return None
    schema = pq.read_schema(files[0])
    return Source(schema.names, partial(_blocks, files), metadata=schema.metadata)


FORMAT = stored_format(
    "Parquet",
    _load,
    _open,
    pieces=_pieces,
    suffix=".parquet",
    summary="The same table as csv, compressed, for pandas, Polars, DuckDB and Spark.",
    open_folder=ParquetFolderWriter,
    max_rows=MAX_ROWS,
)
