"""Large arrays of NumPy are read in pieces: the same panel, or the same refusal, as when they are read as a whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from _large import assert_same, outcome, peak_of_reading
from tsinfogan.data import mapped
from tsinfogan.data.columns import USUAL, ColumnNames
from tsinfogan.formats import npz, read_panel

RNG = np.random.default_rng(0)
Arrays = dict[str, Any]
SERIES = RNG.normal(size=(30, 2, 9))
PADDED = np.where(np.arange(9) < RNG.integers(5, 9, (30, 1, 1)), SERIES, np.nan)
WITH_NAN = np.where(RNG.random(SERIES.shape) < 0.05, np.nan, SERIES)
FAR = SERIES.astype(np.float64) * 1e-3 + 1e6

IN_PIECES: dict[str, tuple[Arrays, ColumnNames]] = {
    **{
        f"of {kind}": ({"values": (9 * SERIES).astype(kind)}, USUAL)
        for kind in ["f2", "f4", "f8", ">f4", ">f8", "i1", "i2", "i4", "i8", "u2"]
    },
    "of longer numbers": ({"values": SERIES.astype(np.longdouble)}, USUAL),
    "of booleans": ({"values": SERIES > 0}, USUAL),
    "with labels": ({"values": SERIES, "y": np.arange(30) % 3}, USUAL),
    "without series": ({"values": SERIES[:, 0]}, USUAL),
    "of images": ({"values": RNG.normal(size=(30, 1, 5, 6))}, USUAL),
    "of images in float32": ({"values": RNG.random((30, 1, 5, 6)).astype(np.float32)}, USUAL),
    "time first": ({"values": np.ascontiguousarray(SERIES.swapaxes(1, 2))}, ColumnNames(layout="ntc")),
    "one long case": ({"values": RNG.normal(size=(1, 2, 400))}, USUAL),
    "one long case, time first": ({"values": RNG.normal(size=(1, 400, 2))}, ColumnNames(layout="ntc")),
    "two long cases of one channel": ({"values": RNG.normal(size=(2, 400))}, USUAL),
    "padded": ({"values": PADDED}, USUAL),
    "with gaps": ({"values": WITH_NAN}, USUAL),
    "with lengths": ({"values": PADDED, "lengths": np.r_[9, (PADDED == PADDED)[1:, 0].sum(1)]}, USUAL),
    "one channel of two": ({"values": SERIES}, ColumnNames(channels=("ch1",))),
    "with kinds": ({"values": SERIES.astype(np.float32), "kinds": np.array(["real", "integer"])}, USUAL),
    "far, but held": ({"values": np.rint(SERIES) + 1e6}, USUAL),
    "infinite": ({"values": np.where(SERIES > 2, np.inf, SERIES)}, USUAL),
    "too large for float32": ({"values": SERIES * 1e300}, USUAL),
    "called otherwise": ({"X": SERIES, "channels": np.array(["a", "b"])}, USUAL),
    "number for missing, in float32": (
        {"values": np.where(WITH_NAN != WITH_NAN, -9, SERIES).astype(np.float32)},
        ColumnNames(missing=("-9",)),
    ),
    "cut off, in float32": ({"values": PADDED[:, :, :8].astype(np.float32), "lengths": np.full(30, 5)}, USUAL),
}
AS_A_WHOLE: dict[str, tuple[Arrays, ColumnNames]] = {
    "far": ({"values": FAR}, USUAL),
    "far in its second channel": ({"values": np.where([[[0], [1]]], FAR, SERIES)}, USUAL),
    "far in its last case": ({"values": np.concatenate([SERIES[:1] * 0 + 1e6 + 1 / 3, FAR])}, USUAL),
    "far, time first": ({"values": np.ascontiguousarray(FAR.swapaxes(1, 2))}, ColumnNames(layout="ntc")),
    "far, without series": ({"values": FAR[:, 0]}, USUAL),
    "whole numbers of many digits": (
        {"values": RNG.integers(1 << 24, 1 << 26, (30, 2, 9)), "kinds": np.array(["integer"] * 2)},
        USUAL,
    ),
    "cut off": ({"values": np.where(np.arange(9) < 5, FAR, 0), "lengths": np.full(30, 5)}, USUAL),
    "number for missing": ({"values": np.where(WITH_NAN != WITH_NAN, -9, FAR)}, ColumnNames(missing=("-9",))),
    "transposed": ({"values": np.asfortranarray(SERIES)}, USUAL),
    "of complex numbers": ({"values": SERIES * 1j}, USUAL),
    "of objects": ({"values": SERIES.astype(object)}, USUAL),
    "of five axes": ({"values": SERIES[None, None]}, USUAL),
}


@pytest.fixture
def count(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Reads arrays of 500 bytes and more in pieces; then holds whether that went well."""
    went_well: list[bool] = []
    original = npz._in_pieces

    def counted(*arguments: Any) -> Any:
        result = original(*arguments)
        went_well.append(result is not None)
        return result

    monkeypatch.setattr(npz, "_in_pieces", counted)
    monkeypatch.setattr(npz, "MIN_BYTES", 500)
    monkeypatch.setattr(npz, "NUMBERS_AT_ONCE", 100)
    return went_well


def paths(folder: Path, arrays: Arrays) -> list[Path]:
    """The arrays in each kind of file that can hold them."""
    np.savez(folder / "plain.npz", **arrays)
    np.savez_compressed(folder / "compressed.npz", **arrays)
    if len(arrays) == 1:
        np.save(folder / "alone.npy", *arrays.values())
    return sorted(folder.iterdir())


@pytest.mark.parametrize("name", [*IN_PIECES, *AS_A_WHOLE])
def test_only_a_usual_array_is_read_in_pieces_and_gives_the_same(
    name: str, tmp_path: Path, count: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays, columns = (IN_PIECES | AS_A_WHOLE)[name]
    files = paths(tmp_path, arrays)
    in_pieces = [outcome(path, columns) for path in files]
    assert len(count) >= len(files)
    assert set(count) == {name in IN_PIECES}
    monkeypatch.setattr(npz, "MIN_BYTES", 1 << 60)
    for path, panel in zip(files, in_pieces, strict=True):
        assert_same(panel, outcome(path, columns))


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda content: content[:-300],
    "in its header": lambda content: content.replace(b"'shape': (30,", b"'shape': (31,"),
    "far too many numbers": lambda content: content.replace(b"(30, 2, 9)", b"(9999999, 9999999, 9)"),
    "of another version": lambda content: content.replace(b"NUMPY\x01", b"NUMPY\x09"),
    "a bit in its middle": lambda content: content[:900] + bytes([content[900] ^ 1]) + content[901:],
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_file_is_refused_alike(
    how: str, tmp_path: Path, count: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = paths(tmp_path, {"values": SERIES})
    for path in files:
        path.write_bytes(DAMAGE[how](path.read_bytes()))
    in_pieces = [outcome(path) for path in files]
    assert count
    monkeypatch.setattr(npz, "MIN_BYTES", 1 << 60)
    for path, panel in zip(files, in_pieces, strict=True):
        assert_same(panel, outcome(path))


def test_an_array_that_memory_has_no_room_for_is_the_same(
    tmp_path: Path, count: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = paths(tmp_path, {"values": SERIES})
    usual = [read_panel(path) for path in files]
    monkeypatch.setattr(mapped, "MIN_MAPPED", 0)
    monkeypatch.setattr(mapped, "free_memory", lambda: 0.0)
    for path, panel in zip(files, usual, strict=True):
        assert_same(read_panel(path), panel)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
@pytest.mark.parametrize("name", ["doubles.npy", "doubles.npz", "compressed.npz", "floats.npz"])
def test_peak_memory_is_that_of_the_numbers(name: str, tmp_path: Path) -> None:
    """Read as a whole, doubles take five times as much."""
    kind, suffix = name.split(".")
    values = RNG.normal(size=(20, 2, 100)).repeat(5000, 0)  # 80 MB in float32
    values = values.astype(np.float32) if kind == "floats" else values
    small, large = tmp_path / f"small.{suffix}", tmp_path / name
    write = np.save if suffix == "npy" else np.savez_compressed if kind == "compressed" else np.savez
    write(small, values[:50])
    write(large, values)
    assert peak_of_reading(small, large) < 1.5 * 4 * values.size + 30e6
