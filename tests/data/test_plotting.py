"""Pictures: every view gives one; what is drawn is what was asked for."""

import io
import sys
from dataclasses import replace

import matplotlib.image
import numpy as np
import pytest

from tsinfogan.data.panel import Panel
from tsinfogan.data.plotting import draw_panel_grid
from tsinfogan.formats import FORMATS
from tsinfogan.formats.png import MAX_CASES


def pixels(panel, rows, **options):
    stream = io.BytesIO()
    draw_panel_grid(panel, rows, stream, **options)
    assert not stream.closed
    return matplotlib.image.imread(io.BytesIO(stream.getvalue()))[:, :, :3]


def strokes(n=6, n_channels=3):
    rng = np.random.default_rng(0)
    return Panel.from_cases([rng.normal(size=(n_channels, 5 + i)) for i in range(n)], time_step=0.1, view="pen")


def dark_share(picture):
    return float((picture.max(axis=2) < 0.9).mean())


@pytest.mark.parametrize("n_channels", [1, 2, 3, 12])
@pytest.mark.parametrize("view", ["pen", "lines"])
def test_series_of_any_channel_count(view, n_channels):
    panel = replace(strokes(n_channels=n_channels), view=view)
    assert dark_share(pixels(panel, [("a", [0, 1, 2]), ("b", [3, 4])])) > 0.01


def test_more_cases_draw_more_ink():
    few, many = (dark_share(pixels(strokes(), [("", cases), ("", [0] * 6)])) for cases in ([0], [0] * 6))
    assert many > 1.3 * few


def test_a_pen_goes_up_where_its_velocity_does():
    up = np.zeros((1, 2, 50), np.float32)
    up[0, 0, :25], up[0, 1, 25:] = 1, 1  # right, then up: a mirrored L
    ink = pixels(Panel.from_arrays(up, view="pen"), [("", [0])]).max(axis=2) < 0.8
    heights, widths = np.nonzero(ink)
    at_bottom = widths[heights > heights.max() - 3]
    at_top = widths[heights < heights.min() + 3]
    assert np.ptp(at_bottom) > 5 * np.ptp(at_top)
    assert at_top.min() > np.median(at_bottom)
    assert abs(np.ptp(heights) / np.ptp(widths) - 1) < 0.1


def test_an_image_keeps_its_brightness_and_orientation():
    image = np.zeros((1, 1, 4, 4), np.float32)
    image[0, 0, 0, 3] = 1  # right upper corner
    picture = pixels(Panel.from_arrays(image, view="image"), [("", [0])])
    height, width, _ = picture.shape
    assert picture[int(height * 0.7), int(width * 0.3)].max() < 0.05
    assert picture[int(height * 0.3), int(width * 0.75)].min() > 0.95


def test_colour_images():
    red = np.zeros((2, 3, 4, 4), np.float32)
    red[:, 0] = 1
    picture = pixels(Panel.from_arrays(red, view="image"), [("", [0, 1])])
    np.testing.assert_allclose(picture[picture.shape[0] // 2, picture.shape[1] // 4], [1, 0, 0], atol=0.02)


def test_many_rows_become_a_landscape():
    height, width, _ = pixels(strokes(), [(f"cat {k}", [0, 1, 2, 3, 4, 5, 0, 1]) for k in range(20)]).shape
    assert width > height


@pytest.mark.parametrize("title", ["$x^", "ä µ", "100 % {of} \\these"])
def test_any_title_is_drawn_as_it_is(title):
    pixels(strokes(), [(title, [0])], title=title)


def test_flat_and_single_point_series():
    panel = Panel.from_arrays(np.ones((2, 3, 1)))
    pixels(panel, [("", [0, 1])])
    pixels(replace(panel, view="pen"), [("", [0, 1])])
    pixels(panel, [])


def test_no_pyplot_and_the_same_bytes_twice():
    one, two = io.BytesIO(), io.BytesIO()
    for stream in (one, two):
        draw_panel_grid(strokes(), [("a", [0, 1])], stream)
    assert one.getvalue() == two.getvalue()
    assert "matplotlib.pyplot" not in sys.modules


def drawn(monkeypatch, *pieces, **columns):
    calls = []
    monkeypatch.setattr("tsinfogan.formats.png.draw_panel_grid", lambda *args, **options: calls.append((args, options)))
    writer = FORMATS.get("png").open_writer(io.BytesIO())
    start = 0
    for piece in pieces:
        writer.write(piece, {k: np.asarray(v)[start : start + piece.n_cases] for k, v in columns.items()})
        start += piece.n_cases
    writer.close()
    ((panel, rows, _), options) = calls[0]
    return panel, rows, options["title"]


def test_png_groups_by_category(monkeypatch):
    panel, rows, title = drawn(monkeypatch, strokes(4), strokes(2), cat=[2, 0, 2, 0, 10, 2])
    assert panel.n_cases == 6
    assert rows == [("cat 0", [1, 3]), ("cat 2", [0, 2, 5]), ("cat 10", [4])]
    assert title == ""


def test_png_draws_the_first_and_says_so(monkeypatch):
    panel, rows, title = drawn(monkeypatch, strokes(MAX_CASES - 1), strokes(3), strokes(3))
    assert panel.n_cases == MAX_CASES
    assert [case for _, cases in rows for case in cases] == list(range(MAX_CASES))
    assert title == f"first {MAX_CASES} of {MAX_CASES + 5} cases"
    assert str(MAX_CASES) in FORMATS.get("png").summary
