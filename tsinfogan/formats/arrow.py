"""The long table of the CSV format as an Arrow file, which pandas calls Feather."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow import ipc

from tsinfogan.formats import opened
from tsinfogan.formats._stored import stored_format


def _open(stream: BinaryIO, schema: pa.Schema) -> Any:
    return ipc.new_file(stream, schema, options=ipc.IpcWriteOptions(compression="lz4"))


def _load(path: Path, only_names: bool) -> pa.Table:
    with opened(path) as stream:
        file = ipc.open_file(stream)
        return file.schema.empty_table() if only_names else file.read_all()


FORMAT = stored_format(
    "Arrow",
    _load,
    _open,
    suffix=".arrow",
    summary="The same table as csv, as an Arrow file, which pandas reads as Feather.",
    other_suffixes=(".feather",),
)
