"""A folder with one file for each recording: each file is a case, called by its name."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from tsinfogan.data.columns import CASE, USUAL, ColumnNames, Windows
from tsinfogan.data.panel import Panel
from tsinfogan.errors import DataError
from tsinfogan.formats import Format, text_files
from tsinfogan.formats._table import panel_from_table, stem
from tsinfogan.formats._text import read_text
from tsinfogan.formats.csv import CsvWriter


def read(path: Path, columns: ColumnNames = USUAL, windows: Windows | None = None) -> Panel:
    """The panel of all text files in a folder, which have the same columns, none of which tells cases apart."""
    case = columns.case or CASE
    tables: list[pa.Table] = []
    notes: dict[str, None] = {}
    for file in text_files(path):
        table, said = read_text(file, columns)
        notes |= dict.fromkeys(note.replace(file.name, path.name) for note in said)
        if case in table.column_names:
            raise DataError(
                f"{path.name}: {file.name} has a column {case!r} itself, and each file is one case; join the files, or "
                "name a column that none of them has (`columns.case`)"
            )
        if tables and table.column_names != tables[0].column_names[1:]:
            raise DataError(
                f"{path.name}: expected the same columns in each file, got {', '.join(table.column_names)[:200]} in "
                f"{file.name}, {', '.join(tables[0].column_names[1:])[:200]} in the first; put it elsewhere"
            )
        name = stem(file)
        tables.append(table.add_column(0, case, pa.array([name] * table.num_rows, pa.string())))
    try:
        joined = pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        raise DataError(f"{path.name}: a column has another type in each file ({error}); make them alike") from None
    return panel_from_table(joined, path, columns=columns, windows=windows, notes=tuple(notes))


def column_names(path: Path) -> tuple[str, ...]:
    """The names of the columns of the first file, after that of the cases."""
    return (CASE, *read_text(text_files(path)[0]).table.column_names)


READS = Format(
    suffix="",
    summary="A folder of text files, one for each case.",
    open_writer=CsvWriter,
    read=read,
    column_names=column_names,
    binary=False,
)
