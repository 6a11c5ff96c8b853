"""NumPy's archive of arrays: ``values`` (n_cases, n_channels, *grid) and what belongs to them; plain arrays only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast, get_args

import numpy as np
from numpy.typing import NDArray

from tsinfogan.data.columns import LABEL, USUAL, ColumnNames, Windows
from tsinfogan.data.panel import ChannelKind, FloatArray, IntArray, Panel, encode_labels
from tsinfogan.errors import DataError
from tsinfogan.formats import CaseColumns, Format
from tsinfogan.formats._series import panel_from_series, stem
from tsinfogan.formats._table import opened
from tsinfogan.formats.blocks import case_array, with_label

NAMES = ("channels", "kinds")
TEXTS = ("time_unit", "time_origin", "time_frequency")
OURS = {"values", "lengths", "time_step", *NAMES, *TEXTS}
"""Arrays that are no case columns."""


class NpzWriter:
    """Keeps all pieces and writes them at close, because an array's size stands before its content.

    Arrays: ``values`` float32 (NaN beyond a case's length), ``lengths``, ``channels``, ``kinds``, ``time_step``,
    ``time_unit``, ``time_origin``, ``time_frequency``, and one array a case column; text is written as text, the empty
    text where unknown.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._panels: list[Panel] = []
        self._columns: list[CaseColumns] = []

    def write(self, panel: Panel, columns: CaseColumns) -> None:
        """Keeps the cases of ``panel`` for :meth:`close`."""
        self._panels.append(panel)
        self._columns.append(with_label(panel, columns))

    def close(self) -> None:
        """Writes the file; one of which nothing was written stays empty."""
        if self._panels:
            panel = Panel.concatenated(self._panels)
            arrays: dict[str, Any] = {
                "values": panel.values,
                "time_step": np.array(panel.time_step),
                "channels": np.array(panel.channels),
                **({"kinds": np.array(panel.kinds)} if panel.kinds else {}),
                **{name: np.array(text) for name in TEXTS if (text := getattr(panel, name))},
                **{name: _plain([columns[name] for columns in self._columns]) for name in self._columns[0]},
            }
            if panel.lengths is not None:
                arrays["lengths"] = panel.lengths
            np.savez_compressed(self._stream, **arrays)
        self._stream.flush()


def _plain(pieces: list[NDArray[Any]]) -> NDArray[Any]:
    column = np.concatenate([np.asarray(piece) for piece in pieces])
    return column if column.dtype.kind in "biuf" else np.array(case_array(column).fill_null("").to_pylist(), dtype=str)


def column_names(path: Path) -> tuple[str, ...]:
    """``case, time``, the channels and the case columns, as the other formats name them.

    Raises:
        DataError: as for :func:`read`.
    """
    arrays = _load(path)
    panel = _panel(arrays, path)
    index = ("case", "row", "column") if panel.view == "image" else ("case", "time")
    return (*index, *panel.channels, *(name for name in arrays if name not in OURS))


def read(path: Path, columns: ColumnNames = USUAL, windows: Windows | None = None) -> Panel:
    """The panel in a file. Only ``values`` is needed; the other arrays are used where they are there.

    Without ``lengths``, a case ends with the last value of any of its channels.

    Raises:
        DataError: the file cannot be read or understood.
    """
    return _panel(_load(path), path, columns, windows)


def _load(path: Path) -> dict[str, NDArray[Any]]:
    with opened(path) as stream:
        try:
            with np.load(stream, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
        except Exception as error:  # damaged bytes raise all kinds of errors in there
            reason = str(error)
            if "pickle" in reason.lower() and "Object arrays" in reason:
                raise DataError(f"{path.name} holds an array of Python objects; save plain numbers and text") from None
            raise DataError(
                f"{path.name} is not a readable .npz archive ({type(error).__name__}); write it with numpy.savez"
            ) from None
    if strange := [name for name in arrays if "/" in name or "\\" in name]:
        raise DataError(f"{path.name} holds {strange[0]!r}, which leads out of it; write it with numpy.savez")
    if "values" not in arrays:
        raise DataError(f"{path.name} has no array 'values', only {', '.join(arrays) or 'none'}; name it so")
    return arrays


def _panel(
    arrays: Mapping[str, NDArray[Any]],
    path: Path,
    columns: ColumnNames = USUAL,
    windows: Windows | None = None,
) -> Panel:
    values = arrays["values"]
    if values.dtype.kind not in "biuf" or values.ndim not in (3, 4) or not values.size:
        raise DataError(
            f"{path.name}: expected numbers (n_cases, n_channels, n_timepoints) or (n_cases, n_channels, height, "
            f"width) in 'values', got {values.dtype} {values.shape}; transpose or convert them"
        )
    n_cases, is_image = len(values), values.ndim == 4
    label = arrays.get(LABEL)
    if label is not None and label.shape != (n_cases,):
        raise DataError(f"{path.name}: expected {n_cases} values in 'label', got {label.shape}; give one a case")
    labels, classes = (None, ()) if label is None else encode_labels(label.tolist())
    if labels is not None and not classes:
        raise DataError(f"{path.name} has an array 'label' that is empty in every case; fill it in or drop it")
    lengths = arrays.get("lengths")
    if lengths is not None and (is_image or lengths.shape != (n_cases,) or lengths.dtype.kind not in "iu"):
        raise DataError(
            f"{path.name}: expected {n_cases} whole numbers in 'lengths', got {lengths.shape}; correct them"
        )
    if lengths is not None and 1 <= lengths.max() < values.shape[2]:
        values = values[:, :, : int(lengths.max())]
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(values, dtype=np.float32)
    if lengths is None and not is_image:
        lengths, values, notes = _lengths(values, path)
    else:
        notes = ()
    return panel_from_series(
        values,
        tuple(map(str, np.ravel(arrays["channels"]))) if "channels" in arrays else _numbered(values.shape[1]),
        source=path.name,
        columns=columns,
        windows=windows,
        lengths=None if lengths is None or not np.ptp(lengths) else lengths.astype(np.int64),
        labels=labels,
        kinds=_kinds(arrays.get("kinds"), values.shape[1], path),
        notes=notes,
        classes=classes,
        name=stem(path),
        time_step=_number(arrays.get("time_step"), path),
        view="image" if is_image else "lines",
        **{name: str(arrays[name]) for name in TEXTS if name in arrays},
    )


def _lengths(values: FloatArray, path: Path) -> tuple[IntArray, FloatArray, tuple[str, ...]]:
    """Lengths of cases that are padded with NaN, the values of the longest, and a note where there are such."""
    present: NDArray[np.bool_] = np.any(~np.isnan(values), axis=1)  # (n, t)
    lengths = np.where(present.any(1), values.shape[2] - present[:, ::-1].argmax(1), values.shape[2]).astype(np.int64)
    n_padded = int((lengths < values.shape[2]).sum())
    note = f"{path.name} has no array 'lengths', so {n_padded} cases end where all their channels do"
    return lengths, values[:, :, : int(lengths.max())], (note,) if n_padded else ()


def _kinds(array: NDArray[Any] | None, n_channels: int, path: Path) -> tuple[ChannelKind, ...]:
    if array is None:
        return ()
    kinds = tuple(map(str, np.ravel(array)))
    if len(kinds) != n_channels or not set(kinds) <= set(get_args(ChannelKind)):
        raise DataError(
            f"{path.name}: expected {n_channels} of {', '.join(get_args(ChannelKind))} in 'kinds', got "
            f"{', '.join(kinds)[:60]}; correct them"
        )
    return cast("tuple[ChannelKind, ...]", kinds)


def _numbered(n_channels: int) -> tuple[str, ...]:
    return tuple(f"ch{index}" for index in range(n_channels))


def _number(array: NDArray[Any] | None, path: Path) -> float:
    if array is None:
        return 1.0
    if array.size != 1 or array.dtype.kind not in "iuf":
        raise DataError(f"{path.name}: expected one number in 'time_step', got {array.dtype} {array.shape}; correct it")
    return float(array.item())


FORMAT = Format(
    suffix=".npz",
    summary="NumPy arrays: values (n_cases, n_channels, n_timepoints), lengths, codes and label; held in memory.",
    open_writer=NpzWriter,
    read=read,
    column_names=column_names,
    is_table=False,
)
