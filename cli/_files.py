"""The user's own files: what their columns are called, how they are cut into windows, and what reading changed."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from tsinfogan.data.columns import CASE, ColumnNames, Windows, describe_columns
from tsinfogan.errors import SettingError

if TYPE_CHECKING:
    from tsinfogan.data.panel import Panel

PANEL = "Columns of your own file"
COLUMNS, WINDOWS = "columns", "windows"
CaseColumnOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Column that tells the series apart. Default: case.", rich_help_panel=PANEL),
]
TimeColumnOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Column of numbers or dates. Default: time.", rich_help_panel=PANEL),
]
LabelColumnOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Column of the class of each series. Default: label.", rich_help_panel=PANEL),
]
ChannelsOption = Annotated[
    str | None,
    typer.Option(metavar="NAME[,NAME…]", help="Columns to read. Default: all others.", rich_help_panel=PANEL),
]
WindowOption = Annotated[
    int | None,
    typer.Option(metavar="ROWS", help="Cut one long recording into windows of so many rows.", rich_help_panel=PANEL),
]
StrideOption = Annotated[
    int | None,
    typer.Option(metavar="ROWS", help="Begin a window every so many rows. Default: 1.", rich_help_panel=PANEL),
]


class Reading(NamedTuple):
    """How a file is read."""

    columns: ColumnNames = ColumnNames()
    windows: Windows | None = None

    def to_dict(self) -> dict[str, Any]:
        """What is not the default, JSON-ready, to be kept with a run; :meth:`from_dict` is its inverse."""
        kept: dict[str, Any] = {COLUMNS: self.columns.to_dict()} if self.columns.named else {}
        return kept if self.windows is None else {**kept, WINDOWS: self.windows.to_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Reading:
        """Of what a run keeps of its data.

        Raises:
            SettingError: it keeps something else there.
        """
        try:
            windows = Windows(**data[WINDOWS]) if WINDOWS in data else None
            return cls(ColumnNames.from_dict(data.get(COLUMNS, {})), windows)
        except TypeError as error:
            raise SettingError(f"the run's columns or windows cannot be understood ({error}); train it anew") from None


PLAIN = Reading()


def reading(
    case_column: str | None,
    time_column: str | None,
    label_column: str | None,
    channels: str | None,
    window: int | None,
    stride: int | None,
) -> Reading:
    """What the options of the same names ask for.

    Raises:
        SettingError: names that contradict each other, or a stride without windows.
    """
    if stride is not None and window is None:
        raise SettingError("--stride says where windows begin; give their length too, as in --window 24 --stride 1")
    names = tuple(name.strip() for name in channels.split(",")) if channels is not None else ()
    columns = ColumnNames(case_column, time_column, label_column, names)
    return Reading(columns, None if window is None else Windows(window, 1 if stride is None else stride))


def refuse_without_file(asked: Reading, what: str) -> None:
    """Raises a SettingError where columns or windows are asked for beside data that is no file."""
    if asked != PLAIN:
        option = "--window" if asked.windows else "--channels" if asked.columns.channels else "--*-column"
        raise SettingError(f"{option} says how a file is read but {what} is a dataset; leave it out")


def read_file(path: Path, asked: Reading) -> Panel:
    """The panel in a file; what reading changed is said on stderr."""
    from tsinfogan.formats import read_panel

    panel = read_panel(path, asked.columns, asked.windows)
    say_notes(panel)
    return panel


def read_beside(path: Path, asked: Reading, data: Mapping[str, Any]) -> Panel:
    """The same of another file than a run was trained on.

    What is not asked for is as in training, ``data``, as far as the file has such columns; it is cut into windows
    likewise where it has no column of cases.
    """
    from tsinfogan.formats import readable_format

    held, entry = Reading.from_dict(data), readable_format(path)
    if held == PLAIN or entry.column_names is None:
        return read_file(path, asked)
    names = entry.column_names(path)
    columns = ColumnNames(
        asked.columns.case or _if_there(held.columns.case, names),
        asked.columns.time or _if_there(held.columns.time, names),
        asked.columns.label or _if_there(held.columns.label, names),
        asked.columns.channels or (held.columns.channels if set(held.columns.channels) <= set(names) else ()),
    )
    is_one = (columns.case or CASE) not in names
    return read_file(path, Reading(columns, asked.windows or (held.windows if is_one else None)))


def say_notes(panel: Panel) -> None:
    """Prints what was changed in reading, a sentence a line, on stderr."""
    for note in panel.notes:
        print(f"note: {note}", file=sys.stderr)


def describe_file(path: Path, asked: Reading, panel: Panel) -> str:
    """What the columns of a file are taken as, in one line."""
    from tsinfogan.formats import readable_format

    names = readable_format(path).column_names
    assert names is not None
    codes = describe_columns(names(path), asked.columns).codes
    parts = [f"channels {', '.join(panel.channels)}"]
    parts += [f"codes, which training ignores, {', '.join(codes)}"] if codes else []
    parts += [f"label with {len(panel.classes)} classes"] if panel.labels is not None else []
    parts += [f"dates every {panel.time_frequency} from {panel.time_origin} on"] if panel.time_frequency else []
    parts += [f"{panel.n_cases} windows of {panel.grid[0]} rows"] if asked.windows else []
    return f"{path.name} is read as: {'; '.join(parts)}"


def _if_there(name: str | None, names: tuple[str, ...]) -> str | None:
    return name if name in names else None
