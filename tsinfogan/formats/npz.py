"""NumPy's archive of arrays: ``values`` (n_cases, n_channels, *grid) and other plain arrays, no Python objects."""

from __future__ import annotations

import io
import math
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, Any, cast, get_args
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from tsinfogan.data.columns import CASE, CODE, LABEL, TIME, USUAL, ColumnNames, Windows
from tsinfogan.data.mapped import room_for
from tsinfogan.data.panel import ENOUGH, ChannelKind, IntArray, Panel, centred, encode_labels, numbered_channels
from tsinfogan.data.windows import Series, ends, panel_from_series
from tsinfogan.errors import DataError, TsInfoGANError
from tsinfogan.formats import MAX_RATIO, MIN_BOMB, Format, opened, stem, without_compression
from tsinfogan.formats.blocks import BufferingWriter, case_array

CASE_COLUMN = re.compile(rf"({CODE.pattern})(_confidence)?|name")
LABELS = ("labels", "y", "target", "targets", "class", "classes")
"""Names of an array of classes in files of other programs."""
NAMES = ("channels", "kinds")
TEXTS = ("time_unit", "time_origin", "time_frequency")
OURS = {"values", "lengths", "time_step", *NAMES, *TEXTS}
"""The arrays that are not case columns."""
MIN_BYTES, NUMBERS_AT_ONCE = 1 << 25, 1 << 20
"""Arrays of as many bytes are read in pieces, of so many numbers or one case."""


def _content(panel: Panel, columns: dict[str, NDArray[Any]]) -> bytes:
    """``values`` (NaN beyond the end of a case), ``time_step``, ``channels``, case columns (unknown text is empty), and
    ``kinds``, the ``TEXTS`` and ``lengths`` if the panel has them.
    """
    arrays: dict[str, Any] = {
        "values": panel.raw_values,
        "time_step": np.array(panel.time_step),
        "channels": np.array(panel.channels),
        **({"kinds": np.array(panel.kinds)} if panel.kinds else {}),
        **{name: np.array(text) for name in TEXTS if (text := getattr(panel, name))},
        **{name: _plain(column) for name, column in columns.items()},
        **({} if panel.lengths is None else {"lengths": panel.lengths}),
    }
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def _plain(column: NDArray[Any]) -> NDArray[Any]:
    return column if column.dtype.kind in "biuf" else np.array(case_array(column).fill_null("").to_pylist(), dtype=str)


def column_names(path: Path) -> tuple[str, ...]:
    """``case, time``, the channels and the case columns, as in the other formats."""
    arrays, _ = _understood(_load(path, USUAL), path, USUAL)
    panel = _panel(arrays, path)
    index = (CASE, "row", "column") if panel.view == "image" else (CASE, TIME)
    return (*index, *panel.channels, *(name for name in arrays if name not in OURS))


def read(path: Path, columns: ColumnNames = USUAL, windows: Windows | None = None) -> Panel:
    """The panel in a file, which needs only ``values``; without ``lengths``, a case ends with the last value of all."""
    arrays, notes = _understood(_load(path, columns), path, columns)
    return _panel(arrays, path, columns, windows, notes)


def _load(path: Path, columns: ColumnNames) -> dict[str, NDArray[Any]]:
    with opened(path) as stream:
        try:
            if without_compression(path.name.lower()).endswith(".npy"):
                size = stream.seek(0, io.SEEK_END)
                stream.seek(0)
                if (values := _in_pieces(stream, size, columns, {})) is None:
                    stream.seek(0)
                    values = np.load(stream, allow_pickle=False)
                return {"values": values}
            with np.load(stream, allow_pickle=False) as archive:
                _refuse_bomb(archive, path)
                members = {member.filename.removesuffix(".npy"): member for member in archive.zip.infolist()}
                arrays = {name: archive[name] for name in archive.files if members[name].file_size < MIN_BYTES}
                for name in members.keys() - arrays.keys():
                    with archive.zip.open(members[name]) as stored:
                        values = _in_pieces(stored, members[name].file_size, columns, arrays)
                    arrays[name] = archive[name] if values is None else values
                arrays = {name: arrays[name] for name in archive.files}  # in the order of the file
        except TsInfoGANError:
            raise
        except Exception as error:  # damaged bytes make NumPy raise all kinds of errors
            reason = str(error)
            if "pickle" in reason.lower() and "Object arrays" in reason:
                raise DataError(f"{path.name} holds an array of Python objects; save plain numbers and text") from None
            raise DataError(
                f"{path.name} is not a readable .npz or .npy file ({type(error).__name__}); write it with numpy.savez"
            ) from None
    if strange := [name for name in arrays if "/" in name or "\\" in name]:
        raise DataError(f"{path.name} holds {strange[0]!r}, which leads out of it; write it with numpy.savez")
    return arrays


def _in_pieces(
    stream: IO[bytes], size: int, columns: ColumnNames, others: Mapping[str, NDArray[Any]]
) -> NDArray[Any] | None:
    """A large array of series or images in float32, if the panel will hold just that; else None.

    The file has so many bytes, and ``others`` are its smaller arrays.
    """
    form = np.lib.format
    with suppress(ValueError, TypeError, KeyError, OSError, EOFError, BadZipFile, zlib.error):
        headers = {(1, 0): form.read_array_header_1_0, (2, 0): form.read_array_header_2_0}
        shape, is_transposed, dtype = headers[form.read_magic(stream)](stream)
        is_usual = not is_transposed and len(shape) in (2, 3, 4) and dtype.kind in "biuf"
        if not is_usual or not MIN_BYTES <= math.prod(shape) * dtype.itemsize <= size:
            return None
        swapped, is_short = len(shape) == 3 and columns.layout == "ntc", _is_short(dtype)
        lengths, (time, channel) = others.get("lengths"), (1, 2) if swapped else (-1, 1)
        # What is cut off or missing has no say in which digits are lost; and whole numbers that are rounded are told.
        is_cut = lengths is not None and lengths.max() < shape[time]
        if not is_short and (is_cut or "kinds" in others or columns.missing):
            return None
        values, digits = room_for((shape[0], shape[2], shape[1]) if swapped else shape), _Digits()
        values = values.swapaxes(1, 2) if swapped else values
        for index in _blocks(shape):
            part = values[index]
            read = np.frombuffer(stream.read(part.size * dtype.itemsize), dtype).reshape(part.shape)
            read = read if is_short else read.astype(np.float64, copy=False)
            with np.errstate(over="ignore"):
                part[...] = read
            if not is_short and len(shape) < 4:
                by_channel = np.moveaxis(read if len(shape) == 3 else read[:, None], channel, 0)
                digits.add(by_channel, index[channel].start if len(shape) == 3 and len(index) > channel else 0)
        if digits.are_held:
            return values
    return None


def _blocks(shape: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    """Indices of an array's blocks, one after the other in memory."""
    n = min(shape[0], NUMBERS_AT_ONCE // math.prod(shape[1:]))
    for start in range(0, shape[0], n or 1):
        rows = slice(start, start + (n or 1))
        yield from [(rows,)] if n else ((rows, *inner) for inner in _blocks(shape[1:]))


class _Digits:
    """What tells, block by block, whether float32 holds the digits of each channel."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[NDArray[np.float64], list[float]]] = {}  # its first numbers, and its ends

    def add(self, numbers: NDArray[np.float64], first_channel: int) -> None:
        """Numbers ``(c, …)`` of some channels."""
        for channel, each in enumerate(numbers, first_channel):
            first, ends = self._known.get(channel, (np.empty(0), []))
            if (known := each[np.isfinite(each)]).size:
                ends = [min([*ends, known.min()]), max([*ends, known.max()])]
            self._known[channel] = np.concatenate([first, known[:ENOUGH]])[:ENOUGH], ends

    @property
    def are_held(self) -> bool:
        return not any(centred(np.array([[[*first, *ends]]]))[1] for first, ends in self._known.values())


def _refuse_bomb(archive: Any, path: Path) -> None:
    """Refuses an archive that would take much more memory than its size suggests."""
    for member in archive.zip.infolist():
        if member.file_size > max(MIN_BOMB, MAX_RATIO * member.compress_size):
            raise DataError(
                f"{path.name}: {member.filename} holds {member.file_size >> 20} MiB, far more than its size suggests; "
                "save it without compression"
            )


def _understood(
    arrays: dict[str, NDArray[Any]], path: Path, columns: ColumnNames
) -> tuple[dict[str, NDArray[Any]], tuple[str, ...]]:
    """The arrays by the names that they have here, and what was taken for what."""
    taken = {}
    if "values" not in arrays:
        found = [name for name, array in arrays.items() if array.ndim in (2, 3, 4) and array.dtype.kind in "biuf"]
        if len(found) != 1:
            raise DataError(f"{path.name} has no array 'values', only {', '.join(arrays) or 'none'}; name it so")
        taken["values"] = found[0]
    if columns.label and columns.label not in arrays:
        raise DataError(f"{path.name} has no array {columns.label!r}, only {', '.join(arrays)}; check the name")
    label = columns.label or next((name for name in (LABEL, *LABELS) if name in arrays), LABEL)
    if label != LABEL and arrays[label].shape == arrays[taken.get("values", "values")].shape[:1]:
        taken[LABEL] = label
    notes = [f"{path.name}: array {theirs!r} is taken as the {ours}" for ours, theirs in taken.items()]
    arrays = {ours: arrays[theirs] for ours, theirs in taken.items()} | {
        name: array for name, array in arrays.items() if name not in taken.values()
    }
    values = arrays["values"]
    if values.ndim == 2:
        notes.append(f"{path.name}: each row of the array {values.shape} is taken as a series of one channel")
        values = values[:, None]
    is_guess = "channels" not in arrays and columns.layout is None
    if is_guess and values.ndim == 3 and values.shape[1] > values.shape[2] > 1:
        raise DataError(
            f"{path.name}: an array {values.shape} may be (n_cases, n_channels, n_timepoints) or (n_cases, "
            "n_timepoints, n_channels); say which by `columns.layout=nct` or `columns.layout=ntc`"
        )
    arrays["values"] = values.swapaxes(1, 2) if values.ndim == 3 and columns.layout == "ntc" else values
    if others := [name for name in arrays if name not in {*OURS, LABEL} and not CASE_COLUMN.fullmatch(name)]:
        notes.append(f"{path.name}: array {', '.join(map(repr, others))[:200]} is not read")
    return arrays, tuple(notes)


def _panel(
    arrays: Mapping[str, NDArray[Any]],
    path: Path,
    columns: ColumnNames = USUAL,
    windows: Windows | None = None,
    taken: tuple[str, ...] = (),
) -> Panel:
    values, lengths, notes = _values(arrays, path)
    n_channels = values.shape[1]
    labels, classes = _labels(arrays.get(LABEL), len(values), path)
    series = Series(
        values,
        tuple(map(str, np.ravel(arrays["channels"]))) if "channels" in arrays else numbered_channels(n_channels),
        lengths=None if lengths is None or not np.ptp(lengths) else lengths.astype(np.int64),
        labels=labels,
        kinds=_kinds(arrays, n_channels, path),
        notes=(*taken, *notes),
        others={
            "classes": classes,
            "name": stem(path),
            "time_step": _number(arrays.get("time_step"), path),
            "view": "image" if values.ndim == 4 else "lines",
            **{name: str(arrays[name]) for name in TEXTS if name in arrays},
        },
    )
    return panel_from_series(series, path.name, columns, windows)


def _values(arrays: Mapping[str, NDArray[Any]], path: Path) -> tuple[NDArray[Any], IntArray | None, tuple[str, ...]]:
    """Values up to the end of the longest case, lengths of series, and a note if the lengths follow from NaN."""
    values, lengths = arrays["values"], arrays.get("lengths")
    if values.dtype.kind not in "biuf" or values.ndim not in (3, 4) or not values.size:
        raise DataError(
            f"{path.name}: expected numbers (n_cases, n_channels, n_timepoints) or (n_cases, n_channels, height, "
            f"width) in 'values', got {values.dtype} {values.shape}; transpose or convert them"
        )
    notes: tuple[str, ...] = ()
    if lengths is not None:
        if values.ndim == 4 or lengths.shape != (len(values),) or lengths.dtype.kind not in "iu":
            raise DataError(
                f"{path.name}: expected {len(values)} whole numbers in 'lengths', got {lengths.shape}; correct them"
            )
    elif values.ndim == 3:
        lengths = ends(values)
        if n_padded := int((lengths < values.shape[2]).sum()):
            notes = (f"{path.name} has no array 'lengths', so {n_padded} cases end where all their channels do",)
    if lengths is not None and 1 <= lengths.max() < values.shape[2]:
        values = values[:, :, : int(lengths.max())]
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(values, np.float32 if _is_short(values.dtype) else np.float64), lengths, notes


def _is_short(dtype: np.dtype[Any]) -> bool:
    """Whether float32 holds all such numbers."""
    return dtype.itemsize < (5 if dtype.kind == "f" else 4)


def _labels(label: NDArray[Any] | None, n_cases: int, path: Path) -> tuple[IntArray | None, tuple[str, ...]]:
    if label is None:
        return None, ()
    if label.shape != (n_cases,):
        raise DataError(f"{path.name}: expected {n_cases} values in 'label', got {label.shape}; give one a case")
    labels, classes = encode_labels(label.tolist())
    if not classes:
        raise DataError(f"{path.name} has an array 'label' that is empty in every case; fill it in or drop it")
    return labels, classes


def _kinds(arrays: Mapping[str, NDArray[Any]], n_channels: int, path: Path) -> tuple[ChannelKind, ...]:
    array = arrays.get("kinds")
    kinds = () if array is None else tuple(map(str, np.ravel(array)))
    if array is not None and (len(kinds) != n_channels or not set(kinds) <= set(get_args(ChannelKind))):
        raise DataError(
            f"{path.name}: expected {n_channels} of {', '.join(get_args(ChannelKind))} in 'kinds', got "
            f"{', '.join(kinds)[:60]}; correct them"
        )
    return cast("tuple[ChannelKind, ...]", kinds)


def _number(array: NDArray[Any] | None, path: Path) -> float:
    if array is None:
        return 1.0
    if array.size != 1 or array.dtype.kind not in "iuf":
        raise DataError(f"{path.name}: expected one number in 'time_step', got {array.dtype} {array.shape}; correct it")
    return float(array.item())


FORMAT = Format(
    suffix=".npz",
    summary="NumPy arrays: values (n_cases, n_channels, n_timepoints), lengths, codes and label; held in memory.",
    open_writer=partial(BufferingWriter, encode=_content),
    read=read,
    column_names=column_names,
    is_table=False,
)
