"""Tables for people: ruled on a terminal, plain aligned text in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TextIO


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], file: TextIO | None = None) -> None:
    """Prints ``rows`` under ``header`` on ``file``, stdout unless told otherwise."""
    file = file or sys.stdout
    if file.isatty():
        from rich.console import Console
        from rich.table import Table

        table = Table()
        for index, name in enumerate(header):
            table.add_column(name, overflow="fold", no_wrap=index == 0)  # the first is there to be copied
        for row in rows:
            table.add_row(*row)
        Console(file=file, markup=False, highlight=False).print(table)
        return
    lines = [header, *rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(header))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip(), file=file)


def print_fields(fields: Sequence[tuple[str, str]]) -> None:
    """Prints one named value a line on stdout."""
    width = max(len(name) for name, _ in fields)
    for name, value in fields:
        print(f"{name.ljust(width)}  {value}")
