"""What a notebook shows of a panel, a sample, a model and an evaluation."""

from __future__ import annotations

import re
from base64 import b64decode
from html.parser import HTMLParser
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

from tsinfogan import Panel, compare, fit, sample
from tsinfogan.data.representation import MAX_NUMBERS, MAX_ROWS, as_html, thumbnails
from tsinfogan.models.model import Model

HOSTILE = '<script>alert("1")</script>&'


class Tags(HTMLParser):
    """Names of the tags of a piece of HTML, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data + "\n"

    def names(self) -> set[str]:
        return {tag for tag, _ in self.tags}


def waves(n_cases: int = 20, **others: Any) -> Panel:
    values = np.random.default_rng(0).normal(size=(n_cases, 2, 16)).cumsum(-1)
    return Panel.from_arrays(values, channels=[HOSTILE, "y"], name=HOSTILE, **others)


@pytest.fixture(scope="module")
def model() -> Model:
    settings = {"max_steps": 2, "pretraining_steps": 0}
    trained = fit(waves(), device="cpu", n_categories=(3,), n_continuous=1, settings=settings, width=4)
    trained.names = (HOSTILE, None, "slow")
    return trained


def picture(html: str) -> np.ndarray:
    """``(height, width, 4)`` of the picture in a piece of HTML."""
    (source,) = (found["src"] for tag, found in Tags(html).tags if tag == "img")
    kind, _, encoded = str(source).partition(";base64,")
    assert kind == "data:image/png"
    return imread(BytesIO(b64decode(encoded, validate=True)), format="png")


def test_a_panel_is_a_line_and_a_picture() -> None:
    panel = waves(labels=["a", "b"] * 10)
    before = repr(panel)
    html = panel._repr_html_()
    assert repr(panel) == before
    assert Tags(html).names() == {"div", "p", "img"}
    assert Tags(html).text.strip() == f"{HOSTILE}: 20 cases of 16 timepoints; channels {HOSTILE}, y; 2 classes"
    pixels = picture(html)
    assert pixels.std() > 0.05  # something is drawn
    assert pixels.shape[1] > 2 * pixels.shape[0]  # two rows of eight
    assert picture(waves(3)._repr_html_()).shape[1] < pixels.shape[1] / 2


def test_lengths_and_images_are_said() -> None:
    cases = Panel.from_cases([np.ones((1, 3)), np.arange(5.0)[None]], name="two")
    assert "2 cases of 3 to 5 timepoints" in cases._repr_html_()
    images = Panel.from_arrays(np.random.default_rng(0).random((4, 1, 5, 6)), name="pixels")
    assert "4 cases of 5 x 6 pixels" in images._repr_html_()
    assert picture(images._repr_html_()).std() > 0.05


def test_huge_cases_are_drawn_one_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []

    def draw(panel: Panel, rows: Any, target: BytesIO) -> None:
        drawn.append(panel.n_cases)

    monkeypatch.setattr("tsinfogan.data.plotting.draw_panel_grid", draw)
    thumbnails(Panel(np.zeros((3, 1, MAX_NUMBERS // 2), np.float32), ("x",)))
    thumbnails(Panel(np.zeros((3, 1, MAX_NUMBERS * 2), np.float32), ("x",)))
    assert drawn == [2, 1]


def test_a_sample_tells_its_codes(model: Model) -> None:
    drawn = sample(model, 6, cat=2, cont=0.5)
    before = repr(drawn)
    html = drawn._repr_html_()
    assert repr(drawn) == before
    assert "; cat 2; cont0 0.5</p>" in html
    assert "; cont0 -1 to 1</p>" in sample(model, 2, cat=2, cont=[[-1.0, 0.0, 1.0]])._repr_html_()
    assert picture(html).std() > 0.05
    assert Tags(html).names() == {"div", "p", "img"}


def test_a_model_tells_its_codes_and_names(model: Model) -> None:
    html = model._repr_html_()
    read = Tags(html)
    assert read.names() == {"div", "p", "table", "thead", "tbody", "tr", "th", "td"}
    assert "codes cat, cont0, noise of" in read.text
    rows = re.findall(r"<tr>(.*?)</tr>", html)
    assert len(rows) == 4
    assert "<td>0</td><td>&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;</td>" in rows
    assert "<td>1</td><td>–</td>" in rows
    model.names = ()
    assert "<table>" not in model._repr_html_()


def test_an_evaluation_is_a_table() -> None:
    noise = np.random.default_rng(0).normal(size=(1200, 1, 16))
    synthetic, seen, unseen = (Panel.from_arrays(part, name=HOSTILE) for part in np.split(noise, 3))
    found = compare(synthetic, seen, unseen, only=["marginals"], device="cpu")
    before = repr(found)
    html = found._repr_html_()
    assert repr(found) == before
    assert "script" not in Tags(html).names()
    assert html.count("<tr>") == 1 + len(found.results)
    assert "<td>marginal_w1</td>" in html
    assert "<td>as real series</td>" in html


def test_a_long_table_is_cut() -> None:
    rows = [("category", "name"), *((str(k), HOSTILE) for k in range(MAX_ROWS + 5))]
    html = as_html(HOSTILE, rows=rows)
    assert html.count("<tr>") == 1 + MAX_ROWS
    assert "and 5 more" in html
    assert "script" not in Tags(html).names()
