"""The built-in letters: what each factor does in closed form, and that the letters differ."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tsinfogan.data.panel import Panel
from tsinfogan.datasets import load_dataset
from tsinfogan.datasets.pen_strokes import FACTOR_RANGES, LETTER_NAMES, draw, draw_letters
from tsinfogan.errors import SettingError

ALL = list(range(len(LETTER_NAMES)))


def path(panel: Panel, case: int) -> NDArray[np.float64]:
    """``(2, length)`` positions of the pen in cm."""
    velocities = panel.case(case)[:2].astype(np.float64)
    return np.cumsum(velocities, axis=1) * panel.time_step


def resampled(panel: Panel, size: int = 48) -> NDArray[np.float64]:
    """``(n_cases, 2 * size)`` velocities on a common grid."""
    cases = [panel.case(index)[:2] for index in range(panel.n_cases)]
    return np.array(
        [
            np.concatenate([np.interp(np.linspace(0, len(row) - 1, size), np.arange(len(row)), row) for row in case])
            for case in cases
        ]
    )


def test_splits_are_fixed_and_differ() -> None:
    train, test = load_dataset("pen_strokes", "train"), load_dataset("pen_strokes", "test")
    assert (train.n_cases, test.n_cases) == (2000, 1000)
    assert train.fingerprint() == load_dataset("pen_strokes", "train").fingerprint()
    assert train.factors is not None
    assert test.factors is not None
    assert not {tuple(row) for row in train.factors} & {tuple(row) for row in test.factors}


def test_case_depends_on_seed_and_place_alone() -> None:
    few, many, other = draw_letters(7, seed=5), draw_letters(40, seed=5), draw_letters(7, seed=6)
    for case in range(7):
        np.testing.assert_array_equal(few.case(case), many.case(case))
        assert few.case(case).shape != other.case(case).shape or not np.allclose(few.case(case), other.case(case))


def test_blocks_join_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = draw_letters(30, seed=1)
    monkeypatch.setattr("tsinfogan.datasets.pen_strokes._BLOCK_CASES", 7)
    assert draw_letters(30, seed=1).fingerprint() == whole.fingerprint()


def test_factors_fill_their_ranges_independently() -> None:
    panel = draw_letters(4000, seed=3)
    assert panel.factors is not None
    assert panel.labels is not None
    assert panel.factor_names == ("letter", *FACTOR_RANGES)
    np.testing.assert_array_equal(panel.factors[:, 0], panel.labels)
    assert np.bincount(panel.labels, minlength=20).min() > 140
    for column, (low, high) in zip(panel.factors.T[1:], FACTOR_RANGES.values(), strict=True):
        assert low - 1e-6 <= column.min()
        assert column.max() <= high + 1e-6
        shares = np.histogram(column, bins=10, range=(low, high))[0] / panel.n_cases
        assert np.abs(shares - 0.1).max() < 0.025
    assert np.abs(np.corrcoef(panel.factors.T) - np.eye(5)).max() < 0.07


def test_width_and_slant_are_one_linear_map_of_the_velocities() -> None:
    plain = draw(ALL, seed=4)
    changed = draw(ALL, slant=0.4, width=1.3, seed=4)
    x, y, force = np.moveaxis(plain.values, 1, 0)
    np.testing.assert_allclose(changed.values[:, 0], 1.3 * x + 0.4 * y, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(changed.values[:, 1], y)
    np.testing.assert_array_equal(changed.values[:, 2], force)


def test_pressure_multiplies_force_alone() -> None:
    plain, firm = draw(ALL, seed=4), draw(ALL, pressure=1.4, seed=4)
    np.testing.assert_allclose(firm.values[:, 2], 1.4 * plain.values[:, 2], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(firm.values[:, :2], plain.values[:, :2])


def test_tempo_divides_length_and_keeps_the_path() -> None:
    slow, fast = draw(ALL, tempo=0.75, seed=4), draw(ALL, tempo=1.25, seed=4)
    np.testing.assert_allclose(slow.case_lengths / fast.case_lengths, 1.25 / 0.75, rtol=0.02)
    for case in ALL:
        ends = [path(panel, case)[:, -1] for panel in (slow, fast)]
        np.testing.assert_allclose(ends[0], ends[1], atol=0.02)
        peaks = [np.hypot(*panel.case(case)[:2]).max() for panel in (slow, fast)]
        assert peaks[1] / peaks[0] == pytest.approx(1.25 / 0.75, rel=0.1)


def test_letters_have_their_written_size() -> None:
    plain = draw(ALL, writer_noise=0)
    height = {name: float(np.ptp(path(plain, case)[1])) for case, name in enumerate(LETTER_NAMES)}
    assert all(0.44 < height[name] < 0.56 for name in "acemnorsuvwz")
    assert all(0.9 < height[name] < 1.1 for name in "bdghlpqy")


def test_strokes_are_smooth_and_start_and_end_near_rest() -> None:
    panel = draw_letters(500, seed=8)
    lengths = panel.case_lengths
    assert lengths.min() >= 58
    assert lengths.max() <= 182
    assert np.ptp(lengths) > 80
    for case in range(panel.n_cases):
        values = panel.case(case)
        peak = np.abs(values).max(axis=1)
        assert (np.abs(values[2, [0, -1]]) < 0.15 * peak[2]).all()
        assert (np.hypot(*values[:2, [0, -1]]) < 0.1 * np.hypot(*values[:2]).max()).all()
        assert (np.abs(np.diff(values, 2)).max(axis=1) < 0.15 * peak.max()).all()


def test_pen_slows_down_where_the_path_turns_sharply() -> None:
    v = draw(LETTER_NAMES.index("v"), writer_noise=0)
    speed = np.hypot(*v.case(0)[:2])
    turn = int(np.argmin(path(v, 0)[1]))
    assert 0.3 * len(speed) < turn < 0.7 * len(speed)
    assert speed[turn] < 0.6 * speed.max()


def test_writer_noise_is_small_but_there() -> None:
    clean, noisy = draw(ALL, writer_noise=0), draw(ALL, seed=2)
    gaps = [np.abs(path(clean, case) - path(noisy, case)).max() for case in ALL]
    assert min(gaps) > 0.01
    assert max(gaps) < 0.4


def test_letters_can_be_told_apart() -> None:
    known, asked = draw_letters(1000, seed=11), draw_letters(300, seed=12)
    assert known.labels is not None
    a, b = resampled(known), resampled(asked)
    nearest = (np.square(a).sum(1) - 2 * b @ a.T).argmin(axis=1)
    assert (known.labels[nearest] == asked.labels).mean() > 0.97


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ({"letter": 20}, "letter, got 20 in case 0"),
        ({"letter": [0, 1.5]}, "whole number .* got 1.5 in case 1"),
        ({"letter": 0, "tempo": np.nan}, "0.75 to 1.3 as tempo"),
        ({"letter": [0, 1], "width": [1.0, 1.0, 1.0]}, "one common length"),
        ({"letter": []}, "shape"),
    ],
)
def test_factors_that_cannot_be_drawn(factors: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        draw(**factors)


def test_no_cases() -> None:
    with pytest.raises(SettingError, match="at least 1"):
        draw_letters(0, seed=1)
