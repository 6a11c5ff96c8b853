"""Tables in memory: pandas data frames and Arrow tables, with the same checks as files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tsinfogan.data.columns import CASE, LABEL, TIME, USUAL, ColumnNames, Windows, check_columns
from tsinfogan.data.panel import Panel
from tsinfogan.errors import DataError
from tsinfogan.formats import CaseColumns
from tsinfogan.formats._table import panel_from_table
from tsinfogan.formats.blocks import long_blocks, long_table

if TYPE_CHECKING:
    import pandas as pd


def panel_from_frame(
    frame: pd.DataFrame | pa.Table,
    columns: ColumnNames = USUAL,
    *,
    windows: Windows | None = None,
    name: str = "frame",
) -> Panel:
    """The panel in a long table with one row for each timepoint, checked like a file.

    Args:
        frame: has the columns ``case``, ``time``, one for each channel, and optionally ``label``. The index of a data
            frame counts as columns if it does more than number the rows: dates are the time, two levels case and time.
        columns: names of the columns, and which channels to take.
        windows: cut every series into windows. One long recording then needs no column for cases.
        name: of the panel, in messages too.

    Raises:
        DataError: the table cannot be understood. The message says where the problem is and what to do.

    Example:
        >>> import pandas as pd
        >>> from tsinfogan import Windows, panel_from_frame
        >>> days = pd.date_range("2024-01-01", periods=6)
        >>> panel = panel_from_frame(pd.DataFrame({"sales": [3, 1, 4, 1, 5, 9]}, days), windows=Windows(4, stride=2))
        >>> panel.values.tolist(), panel.time_frequency
        ([[[3.0, 1.0, 4.0, 1.0]], [[4.0, 1.0, 5.0, 9.0]]], 'D')
    """
    table = frame if isinstance(frame, pa.Table) else _table(frame, columns, name)
    return panel_from_table(table, name, columns=columns, windows=windows)


def frame_from_panel(
    panel: Panel, columns: ColumnNames = USUAL, case_columns: CaseColumns | None = None
) -> pd.DataFrame:
    """The long table of a panel: ``case, time, <channels>, <case columns>[, label]``, the columns of a file.

    Args:
        panel: series, or images with ``row`` and ``column`` instead of ``time``.
        columns: names for the columns, and which channels to take, in that order.
        case_columns: values of whole cases, such as the codes of a sample: ``(n_cases,)`` arrays by name.

    Raises:
        DataError: a channel does not exist, or two columns would have one name.

    Example:
        >>> from tsinfogan import Panel, frame_from_panel
        >>> panel = Panel.from_arrays([[[0, 1.5]], [[2, 3]]], channels=["x"], labels=["low", "high"])
        >>> print(frame_from_panel(panel).to_string(index=False))
         case  time   x label
            0   0.0 0.0   low
            0   1.0 1.5   low
            1   0.0 2.0  high
            1   1.0 3.0  high
    """
    if columns.channels:
        check_columns(panel.channels, ColumnNames(channels=columns.channels), panel.name)
    table = pa.concat_tables([long_table(block) for block in long_blocks(panel, case_columns or {}, 0)])
    kept = [each for each in table.column_names if each not in panel.channels]
    position = table.column_names.index(panel.channels[0])
    kept[position:position] = columns.channels or panel.channels
    called = {CASE: columns.case or CASE, TIME: columns.time or TIME, LABEL: columns.label or LABEL}
    names = [called.get(each, each) for each in kept]
    if repeated := [each for each in names if names.count(each) > 1]:
        raise DataError(f"{panel.name}: column {repeated[0]!r} would stand for two things; call one of them otherwise")
    frame: pd.DataFrame = table.select(kept).rename_columns(names).to_pandas()
    return frame


def _table(frame: pd.DataFrame, columns: ColumnNames, name: str) -> pa.Table:
    """The data frame as an Arrow table, with those columns that its index holds."""
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        raise DataError(f"{name}: expected a pandas.DataFrame or a pyarrow.Table, got {type(frame).__name__}")
    if isinstance(frame.columns, pd.MultiIndex):
        raise DataError(f"{name}: expected one level of column names, got {frame.columns.nlevels}; flatten them")
    held = columns_in_index(frame, columns, name)
    names = [*held, *map(str, frame.columns)]
    check_columns(names, ColumnNames(), name)
    arrays = [
        *(_array(values, each, name) for each, values in held.items()),
        *(_array(frame.iloc[:, position], names[len(held) + position], name) for position in range(frame.shape[1])),
    ]
    return pa.table(arrays, names=names)


def columns_in_index(frame: pd.DataFrame, columns: ColumnNames, name: str = "frame") -> dict[str, Any]:
    """The columns that the index holds, by name; none if it only numbers the rows."""
    import pandas as pd

    index, case, time = frame.index, columns.case or CASE, columns.time or TIME
    if isinstance(index, pd.MultiIndex):
        if index.nlevels != 2:
            raise DataError(
                f"{name}: expected an index of the levels case and time, got {index.nlevels} levels; make columns of "
                "them with reset_index()"
            )
        return {level: index.get_level_values(position) for position, level in enumerate((case, time))}
    dates = isinstance(index, (pd.DatetimeIndex, pd.PeriodIndex))
    if index.name in (case, time) and index.name not in frame.columns:
        return {str(index.name): index}
    return {time: index} if dates and time not in frame.columns else {}


def _array(values: Any, column: str, name: str) -> pa.Array:
    import pandas as pd

    if isinstance(values.dtype, pd.PeriodDtype):
        values = (values if isinstance(values, pd.PeriodIndex) else values.dt).to_timestamp()
    try:
        array = pa.array(values, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:200]
        kinds = sorted({type(value).__name__ for value in np.asarray(values, dtype=object)[:10_000]})
        raise DataError(
            f"{name}: column {column!r} holds {' and '.join(kinds)}, expected values of one type ({reason}); convert it"
        ) from None
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
