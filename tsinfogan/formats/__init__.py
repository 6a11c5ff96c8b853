"""Files of panels. Every public module here but ``blocks`` and ``frame`` is one format, imported on first use.

Reading and writing go through :func:`read_panel` and :func:`write_panel`, tables in memory through
:func:`panel_from_frame` and :func:`frame_from_panel`. This room imports ``data`` only.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol
from zipfile import ZipFile

from numpy.typing import NDArray

from tsinfogan.data.columns import USUAL, ColumnNames, Windows
from tsinfogan.data.panel import Panel
from tsinfogan.errors import DataError, SettingError, UnknownNameError
from tsinfogan.registry import Registry, on_demand

if TYPE_CHECKING:
    from tsinfogan.formats.frame import frame_from_panel, panel_from_frame

__all__ = [
    "FORMATS",
    "CaseColumns",
    "Format",
    "Reader",
    "Writer",
    "format_of",
    "frame_from_panel",
    "opened",
    "panel_from_frame",
    "read_panel",
    "readable_format",
    "write_panel",
]
_, __getattr__ = on_demand(__name__, {"frame": ("frame_from_panel", "panel_from_frame")})

CaseColumns = Mapping[str, NDArray[Any]]
"""Values that belong to whole cases, such as codes and labels: a ``(n_cases,)`` array for each column."""


class Writer(Protocol):
    """Writes a file piece by piece."""

    def write(self, panel: Panel, columns: CaseColumns) -> None:
        """Appends the cases of ``panel``; ``columns`` must have the same names in every call."""

    def close(self) -> None:
        """Finishes the file, but does not close the stream."""


class Reader(Protocol):
    """Reads a file; arguments and errors as of :func:`read_panel`."""

    def __call__(self, path: Path, columns: ColumnNames = ..., windows: Windows | None = ...) -> Panel:
        """The panel in the file."""


@dataclass(frozen=True)
class Format:
    """One file format.

    Attributes:
        suffix: of its files, with the dot.
        summary: one sentence for the command line's help.
        open_writer: starts a file on a binary stream.
        read: returns the panel in a file; None if the format can only be written.
        column_names: returns the names of the columns of a file; None as for ``read``.
        binary: whether the content is unfit for a terminal.
        is_table: whether the columns for case, time and label may have other names.
        other_suffixes: of files that can be read as well.
        max_rows: largest number of rows in one file, if there is a limit.
        open_folder: starts a folder of files, for more rows than ``max_rows``.
        numbers_cases: whether ``open_writer`` and ``open_folder`` take ``first_case``, the number of the first case.
    """

    suffix: str
    summary: str
    open_writer: Callable[..., Writer]
    read: Reader | None = None
    column_names: Callable[[Path], tuple[str, ...]] | None = None
    binary: bool = True
    is_table: bool = True
    other_suffixes: tuple[str, ...] = ()
    max_rows: int | None = None
    open_folder: Callable[..., Writer] | None = None
    numbers_cases: bool = False


FORMATS: Registry[Format] = Registry("format", __name__, "FORMAT", (Format,), shared=("blocks", "frame"))


COMPRESSIONS = (".gz", ".zst", ".bz2", ".zip")
CHUNK, MIN_BOMB, MAX_RATIO = 1 << 20, 1 << 27, 200
"""Largest size of the content of a compressed file: 128 MiB, or so many times the size of the file."""
JSON_LINES = (".jsonl", ".ndjson")
TEXTS = (".csv", ".tsv", ".txt", *JSON_LINES)
READ_AS = {**dict.fromkeys(TEXTS[1:], "csv"), ".npy": "npz", ".tsf": "ts"}
"""Further suffixes that are read, never written, and the format that reads them."""


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file, open for reading.

    Raises:
        DataError: it is missing, a directory, not readable, or empty.
    """
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        raise DataError(f"there is no file {str(path)!r}; check the name and the directory") from None
    except IsADirectoryError:
        raise DataError(f"{str(path)!r} is a directory, expected a file; name one of the files in it") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{str(path)!r} cannot be read: {reason}; check the name and its permissions") from None
    with stream:
        if not stream.peek(1):
            raise DataError(f"{path.name} is empty; expected at least a header and two cases")
        yield _unpacked(stream, path) if _compression(path.name) else stream


def without_compression(name: str) -> str:
    """The name of a file without the suffix of its compression."""
    return name.removesuffix(_compression(name))


def _compression(name: str) -> str:
    return next((name[-len(suffix) :] for suffix in COMPRESSIONS if name.lower().endswith(suffix)), "")


def stem(source: Path | str) -> str:
    """Name of the panel of a file: the file's name without its suffixes."""
    if isinstance(source, str):
        return source
    return Path(without_compression(source.name)).stem.removesuffix(".wide") or source.name


def _unpacked(stream: BinaryIO, path: Path) -> BinaryIO:
    """The content of a compressed file; refused if it is damaged, or much larger than it could be by honest means."""
    import pyarrow as pa

    kind, limit = _compression(path.name), max(MIN_BOMB, MAX_RATIO * os.fstat(stream.fileno()).st_size)
    try:
        source: Any
        if kind.lower() == ".zip":
            archive = ZipFile(stream)
            members = [name for name in archive.namelist() if not name.endswith("/")]
            if len(members) != 1:
                raise DataError(f"{path.name} holds {len(members)} files, expected one; unpack it, and name the folder")
            source = archive.open(members[0])
        else:
            source = pa.CompressedInputStream(stream, pa.Codec.detect(path.name.lower()).name)
        content = b"".join(takewhile(bool, (source.read(CHUNK) for _ in range(limit // CHUNK + 1))))
    except DataError:
        raise
    except Exception as error:  # damaged bytes raise all kinds of errors
        raise DataError(f"{path.name} is not a readable {kind} file ({error}); compress it anew") from None
    if len(content) > limit:
        raise DataError(f"{path.name} holds more than {limit >> 20} MiB, far more than its size suggests; unpack it")
    if not content:
        raise DataError(f"{path.name} is empty; expected at least a header and two cases")
    return io.BytesIO(content)


def format_of(name: str) -> Format | None:
    """The format of a file by its suffix, of several suffixes that fit by the longest; None if none fits."""
    entries = [FORMATS.get(known) for known in FORMATS.names()]
    fitting = [entry for entry in entries if name.lower().endswith((entry.suffix, *entry.other_suffixes))]
    return max(fitting, key=lambda entry: len(entry.suffix), default=None)


def readable_format(path: Path) -> Format:
    """The format that reads a file, by its suffix without that of compression; of a folder, that of its files.

    Raises:
        DataError: no format reads such files; the message lists the suffixes that are read.
    """
    name = without_compression(path.name)
    entry = format_of(name)
    known = next((READ_AS[suffix] for suffix in READ_AS if name.lower().endswith(suffix)), None)
    if known is None and path.is_dir():
        is_parquet = any(any(path.glob(files)) for files in ("*.parquet", "*=*"))
        known = "parquet" if is_parquet else "csv" if text_files(path) else None
    if entry is None and known is not None:
        entry = FORMATS.get(known)
    if entry is not None and entry.read is not None:
        return entry
    readable = [entry for entry in map(FORMATS.get, FORMATS.names()) if entry.read is not None]
    suffixes = [suffix for entry in readable for suffix in (entry.suffix, *entry.other_suffixes)]
    raise DataError(
        f"{path.name}: expected a file called {', '.join('*' + suffix for suffix in (*suffixes, *READ_AS))}, these "
        f"with {', '.join(COMPRESSIONS)} behind, or a folder of such files; convert it"
    )


def text_files(folder: Path) -> list[Path]:
    """The files of text in a folder, in the order of their names."""
    files = (file for file in folder.iterdir() if without_compression(file.name.lower()).endswith(TEXTS))
    return sorted(file for file in files if file.is_file() and not file.name.startswith("."))


def read_panel(
    path: Path | str,
    columns: ColumnNames = USUAL,
    windows: Windows | None = None,
    format: str | Format | None = None,
) -> Panel:
    r"""Reads a panel from a file. Missing values are filled in, and ``notes`` of the panel says what was changed.

    Args:
        path: the file.
        columns: names of the columns of a table, and which channels to read.
        windows: cut every series into windows. One long recording then needs no column for cases.
        format: name of a format, or a :class:`Format` of your own; by default, the suffix of the file decides.

    Raises:
        DataError: the file cannot be read or understood. The message says where the problem is and what to do.
        SettingError: columns were named for a format that has none, or the format can only be written.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from tsinfogan import ColumnNames, read_panel
        >>> folder = TemporaryDirectory()
        >>> path = Path(folder.name, "heart.csv")
        >>> _ = path.write_text("patient,time,rate\n1,0,60\n1,0.5,61\n2,0,70\n2,0.5,72\n")
        >>> panel = read_panel(path, ColumnNames(case="patient"))
        >>> panel.values.tolist(), panel.time_step
        ([[[60.0, 61.0]], [[70.0, 72.0]]], 0.5)
    """
    path = Path(path)
    entry = readable_format(path) if format is None else FORMATS.get(format)
    if entry.read is None:
        raise SettingError(f"a {entry.suffix} file can only be written; convert {path.name} to another format")
    everywhere = ["channels", "ignore", "missing", "layout"]
    everywhere += ["label"] if not columns.label or entry.suffix == ".npz" else []
    named = [name for name in columns.named if name not in everywhere]
    if named and not entry.is_table:
        raise SettingError(
            f"{path.name}: a {entry.suffix} file has no {named[0]} column that could be called "
            f"{getattr(columns, named[0])!r}; leave out `columns.{named[0]}`"
        )
    return entry.read(path, columns, windows)


def write_panel(
    panel: Panel, path: Path | str, columns: CaseColumns | None = None, format: str | Format | None = None
) -> None:
    """Writes a panel to a file; a very large one, as Parquet, to a folder of files.

    Args:
        panel: series or images.
        path: the file; one that exists is replaced.
        columns: values of whole cases, such as codes: ``(n_cases,)`` arrays by name of the column.
        format: name of a format, or a :class:`Format` of your own; by default, the suffix of the file decides.

    Raises:
        DataError: the format cannot hold the panel.
        UnknownNameError: no format has such a suffix.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from tsinfogan import Panel, write_panel
        >>> folder = TemporaryDirectory()
        >>> path = Path(folder.name, "steps.csv")
        >>> write_panel(Panel.from_arrays([[[0, 1.5]], [[2, 3]]], channels=["x"]), path, {"cat": [4, 7]})
        >>> path.read_text().splitlines()
        ['case,time,x,cat', '0,0,0,4', '0,1,1.5,4', '1,0,2,7', '1,1,3,7']
    """
    path = Path(path)
    entry = format_of(path.name) if format is None else FORMATS.get(format)
    if entry is None:
        suffixes = [FORMATS.get(name).suffix for name in FORMATS.names()]
        raise UnknownNameError("file suffix", path.suffix, suffixes)
    rows = panel.n_cases * math.prod(panel.grid)
    if entry.open_folder is not None and entry.max_rows is not None and rows > entry.max_rows:
        folder_writer = entry.open_folder(path)
        folder_writer.write(panel, columns or {})
        folder_writer.close()
        return
    with path.open("wb") as stream:
        writer = entry.open_writer(stream)
        writer.write(panel, columns or {})
        writer.close()
