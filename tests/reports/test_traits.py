"""Traits of one raw series: closed forms, what must leave each alone, and cases that have none."""

import math

import numpy as np
import pytest

from tsinfogan.data.panel import Panel
from tsinfogan.datasets.pen_strokes import draw
from tsinfogan.reports.codes.traits import measure


def traits(panel):
    measured = measure(panel)
    return {trait.name: measured.values[:, index] for index, trait in enumerate(measured.traits)}


def ellipse(shear=0.0, width=1.0, height=1.0, turns=1, n=400):
    """Velocities ``(2, n)`` of a pen that draws a closed ellipse; ``shear`` adds that much x per y."""
    angle = np.linspace(0, 2 * math.pi * turns, n + 1)
    y = height / 2 * np.sin(angle)
    return np.diff(np.stack([width / 2 * np.cos(angle) + shear * y, y]), axis=1)


def pens(*cases, **others):
    return Panel.from_cases(cases, view="pen", **others)


@pytest.mark.parametrize("shear", [-0.5, 0.0, 0.3, 1.0])
@pytest.mark.parametrize("width", [0.4, 1.0, 3.0])
def test_a_sheared_ellipse_has_the_slant_it_was_given_and_keeps_all_else(shear, width):
    found = traits(pens(ellipse(shear, width, 2.0)))
    assert found["slant"][0] == pytest.approx(math.atan(shear), abs=1e-3)
    assert found["width"][0] == pytest.approx(width, rel=1e-3)
    assert found["height"][0] == pytest.approx(2, rel=1e-3)
    assert found["size"][0] == pytest.approx(math.sqrt(2 * width), rel=1e-3)
    assert found["roundness"][0] == pytest.approx(1, rel=1e-3)


def test_shear_and_stretch_of_any_letter_move_their_own_trait_alone():
    plain = pens(*(draw([letter], writer_noise=0.0).case(0)[:2] for letter in range(20)))
    sheared = pens(*(np.array([[1, 0.4], [0, 1]], np.float32) @ plain.case(i) for i in range(20)))
    stretched = pens(*(np.array([[1.5, 0], [0, 1]], np.float32) @ plain.case(i) for i in range(20)))
    before, slanted, wide = map(traits, (plain, sheared, stretched))
    assert np.tan(slanted["slant"]) == pytest.approx(np.tan(before["slant"]) + 0.4, abs=1e-4)
    for name in ("width", "height", "size", "roundness"):
        assert slanted[name] == pytest.approx(before[name], rel=1e-3), name
    assert wide["width"] == pytest.approx(1.5 * before["width"], rel=1e-3)
    assert wide["height"] == pytest.approx(before["height"])
    assert wide["roundness"] == pytest.approx(before["roundness"], rel=1e-3)


def test_twice_the_velocity_is_twice_the_size():
    one, two = traits(pens(ellipse(0.2))), traits(pens(2 * ellipse(0.2)))
    for name in ("width", "height", "size"):
        assert two[name] == pytest.approx(2 * one[name])
    assert two["slant"] == pytest.approx(one["slant"])


def test_a_square_is_less_round_and_a_triangle_less_still():
    square, triangle = ([[1, 0, -1, 0], [0, 1, 0, -1]], [[1, -0.5, -0.5], [0, 1, -1]])
    found = traits(pens(np.array(square), np.array(triangle)))["roundness"]
    assert found[0] == pytest.approx(math.pi / 4)
    assert found[1] < 0.7


def test_a_pen_s_duration_and_force():
    x_y = ellipse(n=100)
    force = np.r_[np.full(50, 2.0), np.zeros(50)][None]  # its change: it rises to 100 steps of it and stays
    found = traits(pens(np.vstack([x_y, force]), np.vstack([x_y, 2 * force])[:, :80], time_step=0.01))
    assert found["duration"] == pytest.approx([1.0, 0.8])
    assert found["force"] == pytest.approx([1.0, 2.0])
    assert "duration" not in traits(pens(x_y, x_y))


@pytest.mark.parametrize("case", [np.zeros((2, 5)), [[1.0] * 5, [0.0] * 5], [[0.0] * 5, [1.0] * 5], [[1.0], [1.0]]])
def test_a_path_without_extent_has_no_such_trait(case):
    found = traits(pens(np.array(case)))
    assert np.isnan(found["roundness"][0])
    assert np.isfinite(found["width"][0])
    assert not np.isinf(list(found.values())).any()


def test_lines():
    time = np.arange(500) / 100
    wave = np.sin(2 * math.pi * 5 * time)
    found = traits(
        Panel.from_arrays(np.stack([wave, 3 * wave + 2, wave + 4 * time / time[-1]])[:, None], time_step=0.01)
    )
    assert list(found) == ["level", "spread", "trend", "frequency"]
    assert found["level"] == pytest.approx([0, 2, 2], abs=1e-6)
    assert found["spread"][1] == pytest.approx(3 / math.sqrt(2), rel=1e-3)
    assert found["trend"][2] - found["trend"][0] == pytest.approx(4, rel=1e-5)
    assert found["frequency"] == pytest.approx([5, 5, 5], rel=0.05)


def test_lines_of_several_channels_are_told_apart():
    values = np.random.default_rng(0).normal(size=(3, 2, 20))
    assert "b level" in traits(Panel.from_arrays(values, channels=["a", "b"]))


@pytest.mark.parametrize("values", [np.full((1, 1, 9), 3.0), np.arange(9.0)[None, None], np.ones((1, 1, 1))])
def test_a_straight_line_has_no_frequency(values):
    found = traits(Panel.from_arrays(values))
    assert np.isnan(found["frequency"][0])
    assert np.isfinite(found["level"][0])


def bar(thickness=4, height=20, shear=0.0, size=48, light=255.0):
    """An upright bar, sheared to the right, in the middle of a black image ``(1, size, size)``."""
    x, y = np.arange(size) - size / 2 + 0.5, size / 2 - 0.5 - np.arange(size)[:, None]
    inside = np.clip(thickness / 2 + 0.5 - np.abs(x - shear * y), 0, 1) * (np.abs(y) < height / 2)
    return light * inside[None]


def test_images():
    images = [bar(), bar(thickness=8), bar(shear=0.5), bar(height=30), 255 - bar(), bar()[:, :, ::-1]]
    found = traits(Panel.from_arrays(np.stack(images), view="image"))
    assert found["thickness"][1] / found["thickness"][0] == pytest.approx(2, rel=0.15)
    assert found["ink"][1] / found["ink"][0] == pytest.approx(2, rel=0.01)
    assert found["slant"][[0, 2]] == pytest.approx([0, math.atan(0.5)], abs=0.02)
    assert found["rotation"][2] > 0.3
    assert found["height"][[0, 3]] == pytest.approx([20, 30], rel=0.01)
    assert found["width"][2] == pytest.approx(found["width"][0], rel=0.1)
    for name, column in found.items():
        assert column[4] == pytest.approx(column[0], abs=1e-6), f"{name} of a negative"


def test_an_empty_image_has_no_slant():
    found = traits(Panel.from_arrays(np.zeros((1, 1, 8, 8)), view="image"))
    assert np.isnan(found["slant"][0])
    assert found["ink"][0] == 0
