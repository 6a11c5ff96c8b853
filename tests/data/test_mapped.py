"""Arrays that memory has no room for lie in a temporary file: the same numbers, and nothing is left behind."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from tsinfogan.data import mapped
from tsinfogan.data.mapped import free_memory, room_for
from tsinfogan.data.overlap import recording_of
from tsinfogan.data.panel import Panel
from tsinfogan.data.windows import Series, Windows, panel_from_series
from tsinfogan.errors import RunError
from tsinfogan.preprocessing.preprocessor import Preprocessor


@pytest.fixture
def scarce(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Every array of 400 bytes or more is mapped; the folder in which its file lies."""
    monkeypatch.setattr(mapped, "MIN_MAPPED", 400)
    monkeypatch.setattr(mapped, "free_memory", lambda: 0.0)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def is_mapped(values: np.ndarray) -> bool:
    while isinstance(values, np.ndarray) and values.base is not None:
        values = values.base
    return not isinstance(values, np.ndarray)


def test_a_mapped_array_is_one_like_others_and_leaves_nothing_behind(scarce: Path) -> None:
    plain, large = room_for((3, 4)), room_for((5, 2, 10))
    assert (is_mapped(plain), is_mapped(large)) == (False, True)
    assert type(large) is np.ndarray
    assert (large.dtype, large.shape, large.flags.writeable) == (np.float32, (5, 2, 10), True)
    large[...] = np.arange(100).reshape(large.shape)
    assert large.sum() == 4950
    assert not list(scarce.iterdir())


def test_half_of_the_free_memory_is_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped, "MIN_MAPPED", 0)
    monkeypatch.setattr(mapped, "free_memory", lambda: 8000.0)
    assert [is_mapped(room_for((n,))) for n in (1000, 1001)] == [False, True]
    assert [is_mapped(room_for((n,), np.float64)) for n in (500, 501)] == [False, True]


def test_memory_is_measured() -> None:
    assert free_memory() > 1 << 26


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES])
def test_a_full_disk_is_one_sentence(code: int, scarce: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "posix_fallocate", refuse, raising=False)
    with pytest.raises(RunError, match=rf"do not fit into memory.*{os.strerror(code).lower()}.*TMPDIR"):
        room_for((1000,))
    assert not list(scarce.iterdir())


def series(n: int = 40, t: int = 30, lengths: bool = False) -> Panel:
    rng = np.random.default_rng(0)
    values = np.stack([rng.normal(size=(n, t)), np.exp(3 * rng.normal(size=(n, t)))], axis=1).astype(np.float32)
    each = np.full(n, t)
    if lengths:
        each[::3] = t - 9
        values[::3, :, t - 9 :] = np.nan
    values[1, 0, 4:6] = np.nan  # which is filled in
    return panel_from_series(Series(values, ("x", "y"), lengths=each), "mine")


@pytest.mark.parametrize("lengths", [False, True])
def test_what_is_mapped_is_the_same_to_the_bit(lengths: bool, scarce: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    panel = series(lengths=lengths)
    assert is_mapped(panel.values)
    fitted = Preprocessor.fit(panel)
    seen = fitted.transform(panel)
    assert is_mapped(seen)
    back, _ = fitted.inverse(seen)
    monkeypatch.setattr(mapped, "free_memory", lambda: np.inf)
    usual = series(lengths=lengths)
    np.testing.assert_array_equal(panel.values, usual.values)
    assert fitted == Preprocessor.fit(usual)
    assert not is_mapped(usual.values)
    np.testing.assert_array_equal(seen, fitted.transform(usual))
    np.testing.assert_array_equal(back, fitted.inverse(fitted.transform(usual))[0])


def test_windows_of_a_mapped_recording_are_views(scarce: Path) -> None:
    rows = room_for((1, 2, 200))
    rows[...] = np.random.default_rng(0).normal(size=rows.shape)
    panel = panel_from_series(Series(rows, ("x", "y")), "mine", windows=Windows(20))
    seen = Preprocessor.fit(panel).transform(panel)
    for values in (panel.values, seen):
        assert recording_of(values) is not None
    assert is_mapped(recording_of(panel.values).values)
