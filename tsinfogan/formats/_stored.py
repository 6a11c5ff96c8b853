"""What Parquet and Arrow files share: one schema for all blocks, whose metadata keeps time step and unit."""

from __future__ import annotations

import math
from pathlib import Path

import pyarrow as pa

from tsinfogan.data.columns import ColumnNames, Windows
from tsinfogan.data.panel import Panel
from tsinfogan.errors import DataError
from tsinfogan.formats._table import panel_from_table
from tsinfogan.formats.blocks import LongColumn

TIME_STEP, TIME_UNIT = b"tsinfogan.time_step", b"tsinfogan.time_unit"


def block_table(block: list[LongColumn], schema: pa.Schema | None) -> pa.Table:
    """A block as a table, of the types of an earlier one.

    Raises:
        DataError: a channel was of whole numbers in an earlier block and is not in this one.
    """
    arrays = [column.values if column.rows is None else column.values.take(column.rows) for column in block]
    table = pa.table(arrays, names=[column.name for column in block])
    for field, known in zip(table.schema, schema or table.schema, strict=True):
        if pa.types.is_floating(field.type) and not pa.types.is_floating(known.type):
            raise DataError(f"channel {field.name!r} began with {known.type} and goes on with others; round its values")
    return table


def stored_schema(table: pa.Table, panel: Panel) -> pa.Schema:
    """The schema of a file whose first block is ``table``."""
    return table.schema.with_metadata({TIME_STEP: repr(panel.time_step), TIME_UNIT: panel.time_unit})


def panel_from_stored(table: pa.Table, path: Path, columns: ColumnNames, windows: Windows | None) -> Panel:
    """The panel in a table, at the time step that its metadata states where it does.

    Raises:
        DataError: the table cannot be understood.
    """
    metadata = table.schema.metadata or {}
    try:
        time_step, time_unit = float(metadata[TIME_STEP]), metadata.get(TIME_UNIT, b"").decode()
    except (KeyError, ValueError):
        return panel_from_table(table, path, columns=columns, windows=windows)
    stated = time_step if math.isfinite(time_step) and time_step > 0 else None
    return panel_from_table(table, path, stated, time_unit, columns=columns, windows=windows)
