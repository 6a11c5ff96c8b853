"""The page in a real browser: what is drawn is what ``sample`` gives, and all of it works by keyboard."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
import torch

from _trainers import images, random_model, walks
from tsinfogan.formats import read_panel
from tsinfogan.models.model import Model
from tsinfogan.sampling.naming import renamed
from tsinfogan.sampling.sampler import sample
from tsinfogan.sharing.page import Exploration, render
from tsinfogan.sharing.real import RealCases
from tsinfogan.sharing.server import PageServer

playwright = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")

HOSTILE = "<img src=x onerror='window.hurt = 1'><script>window.hurt = 1</script>"
SHOWN = """() => {
  const {row, codes, series, strip, real, count, settled} = window.tsinfogan.shown;
  return {row, codes, length: series?.length, values: series && [...series.values], isSettled: settled === count,
    last: strip.length ? [...strip[15].values] : [], real: real?.index ?? null,
    told: document.getElementById("told").textContent, problem: document.getElementById("problem").textContent};
}"""


def build(panel: Any, **codes: Any) -> Model:
    return random_model(panel, **codes)


@pytest.fixture(scope="module")
def model() -> Model:
    """Two channels of unequal lengths, one with a name that would like to be a script."""
    return build(walks(), n_categories=(3,), n_continuous=2)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@contextlib.contextmanager
def served(model: Model) -> Iterator[PageServer]:
    explored = Exploration(model, "run", "tsinfogan sample --model run", "model = ...")

    def find_real() -> RealCases:
        panel = walks(30) if len(model.preprocessor.grid) == 1 else images()
        return RealCases.of(model, replace(panel, channels=model.card.channels))

    with PageServer(explored, find_real, lambda *asked: renamed(model, *asked)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


class Tab:
    """One page, whose console is to stay silent."""

    real: RealCases

    def __init__(self, browser: Any, address: str, **options: Any) -> None:
        self.said: list[str] = []
        self.page = browser.new_page(viewport={"width": 1200, "height": 900}, **options)
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.goto(address)

    def shown(self) -> dict[str, Any]:
        found: dict[str, Any] = self.page.evaluate(SHOWN)
        return found

    def wait(self, is_there: Any) -> dict[str, Any]:
        """What is shown once it is what is waited for."""
        end = time.monotonic() + 20
        while not is_there(shown := self.shown()):
            assert time.monotonic() < end, shown
            self.page.wait_for_timeout(20)
        return shown

    def settled(self, row: int, codes: list[float]) -> dict[str, Any]:
        """The same when these are set, and all of it is drawn."""
        return self.wait(lambda s: s["row"] == row and s["codes"] == codes and s["isSettled"])


def check(shown: dict[str, Any], model: Model, tolerance: float = 1e-4) -> None:
    """The large series, and the last of the strip, are rows of a sample."""
    cat, *cont = shown["codes"]
    row, panel = shown["row"], sample(model, shown["row"] + 17, cat=cat, cont=cont or None).panel
    for values, case in ((shown["values"], row), (shown["last"], row + 16)):
        expected = panel.case(case).ravel()
        assert len(values) == len(expected)
        np.testing.assert_allclose(values, expected, atol=tolerance)


@pytest.fixture(params=["served", "file"])
def tab(request: pytest.FixtureRequest, browser: Any, model: Model, tmp_path: Path) -> Iterator[Tab]:
    """The page of the model: served, and as one file."""
    real = RealCases.of(model, walks(30))
    with contextlib.ExitStack() as stack:
        if request.param == "served":
            address = stack.enter_context(served(model)).address
        else:
            pytest.importorskip("tsinfogan.sharing.browser")
            explored = Exploration(model, "run", "tsinfogan sample --model run", "model = ...")
            file = tmp_path / "page.html"
            real = real.few(0, 1)
            file.write_text(render(explored, is_served=False, real=real))
            address = file.as_uri()
        tab = Tab(browser, address, accept_downloads=True)
        tab.real = real
        yield tab
        assert tab.said == []
        tab.page.close()


def check_nearest(shown: dict[str, Any], real: RealCases) -> None:
    """The real series is of the category, and has the nearest continuous codes of those."""
    category, *wanted = shown["codes"]
    far = np.hypot(*(real.codes[:, 1:] - wanted).T) + np.where(real.codes[:, 0] == category, 0, np.inf)
    assert shown["real"] == (int(far.argmin()) if np.isfinite(far).any() else None)


def test_what_is_drawn_is_a_sample(tab: Tab, model: Model, tmp_path: Path) -> None:
    check(tab.settled(0, [0, 0, 0]), model)
    tab.page.get_by_role("slider", name="cont0").fill("0.5")
    tab.page.get_by_role("slider", name="cont1").fill("-1.95")
    tab.page.locator("input[type=radio][value='2']").check()
    check(tab.settled(0, [2, 0.5, -1.95]), model)
    common = int(np.bincount(tab.real.codes[:, 0].astype(int)).argmax())
    tab.page.locator(f"input[type=radio][value='{common}']").check()
    shown = tab.settled(0, [common, 0.5, -1.95])
    assert shown["real"] is not None
    check_nearest(shown, tab.real)
    tab.page.locator("input[type=radio][value='2']").check()
    tab.page.get_by_role("button", name="New noise").click()
    shown = tab.settled(1, [2, 0.5, -1.95])
    check(shown, model)
    check_nearest(shown, tab.real)
    assert "--cat 2 --cont 0.5,-1.95 --seed 0 -n 2" in tab.page.locator("#command").text_content()
    assert "sample(model, 2, cat=[2], cont=[0.5, -1.95], seed=0)" in tab.page.locator("#python").text_content()
    with tab.page.expect_download() as coming:
        tab.page.get_by_role("button", name="Download CSV").click()
    coming.value.save_as(tmp_path / "series.csv")
    read, expected = read_panel(tmp_path / "series.csv"), sample(model, 18, cat=2, cont=[0.5, -1.95]).panel
    assert read.channels == model.card.channels
    assert read.cases is not None
    assert [int(case) for case in read.cases] == list(range(1, 18))
    for case in range(17):
        np.testing.assert_allclose(read.case(case), expected.case(case + 1), atol=1e-4)
    header = (tmp_path / "series.csv").read_text().splitlines()[0]
    assert header == "case,time,x,y,cat,cont0,cont1"
    with tab.page.expect_download() as coming:
        tab.page.get_by_role("button", name="Download PNG").click()
    coming.value.save_as(tmp_path / "series.png")
    assert (tmp_path / "series.png").read_bytes().startswith(b"\x89PNG")


def test_keys_alone_reach_everything(tab: Tab, model: Model) -> None:
    tab.settled(0, [0, 0, 0])
    names, seen = [], None
    for _ in range(60):
        tab.page.keyboard.press("Tab")
        seen = tab.page.evaluate("""() => {
          const at = document.activeElement, look = getComputedStyle(at.closest(".choice") ?? at);
          const name = at.labels?.[0]?.textContent || at.ariaLabel || at.textContent;
          return [at === document.body ? "" : at.id || at.value || name, look.outlineStyle, name];
        }""")
        if seen[0] == "":
            break
        names.append(seen[0])
        assert seen[1] == "solid", seen  # the focus can be seen
        assert seen[2].strip(), seen  # and has a name
        if seen[0] == "code1":
            tab.page.keyboard.press("ArrowRight")
            tab.page.keyboard.press("End")
            tab.page.keyboard.press("ArrowLeft")
        if seen[0] == "0":
            tab.page.keyboard.press("ArrowDown")
        if seen[0] == "noise":
            tab.page.keyboard.press("Enter")
    check(tab.settled(1, [1, 1.95, 0]), model)
    assert {"noise", "0", "code1", "code2", "csv", "png", "command", "python"} <= set(names)
    text = tab.page.locator("#code1").get_attribute("aria-valuetext")
    assert text == "1.95, beyond the trained range"


def test_renaming_is_kept(browser: Any, model: Model) -> None:
    with served(model) as server:
        tab = Tab(browser, server.address)
        tab.settled(0, [0, 0, 0])
        tab.page.get_by_role("button", name="Rename").click()
        tab.page.get_by_label("Name of category 0").fill(HOSTILE)
        tab.page.keyboard.press("Enter")
        tab.wait(lambda s: HOSTILE in s["told"])
        assert model.names == (HOSTILE, None, None)
        tab.page.reload()
        assert tab.page.locator(".choice .name").first.text_content() == HOSTILE
        tab.settled(0, [0, 0, 0])
        assert tab.page.evaluate("[window.hurt ?? 0, document.images.length]") == [0, 0]
        tab.page.locator("input[type=radio][value='1']").check()
        tab.page.get_by_role("button", name="Rename").click()
        tab.page.get_by_label("Name of category 1").fill(HOSTILE)
        assert tab.said == []
        tab.page.keyboard.press("Enter")
        shown = tab.wait(lambda s: s["problem"])  # the name is taken
        assert "taken by category 0" in shown["problem"]
        tab.page.close()
    model.names = ()


def test_hostile_channels_images_and_models_without_codes(browser: Any) -> None:
    strange = build(replace(walks(), channels=(HOSTILE, "y")), n_categories=(), n_continuous=0)
    for model, codes in ((strange, []), (build(images(), n_categories=(3,), n_continuous=0), [0])):
        with served(model) as server:
            tab = Tab(browser, server.address, color_scheme="dark")
            shown = tab.settled(0, codes)
            expected = sample(model, 1, cat=codes or None).panel.case(0)
            np.testing.assert_allclose(shown["values"], expected.ravel(), atol=1e-4)
            assert tab.page.evaluate("[window.hurt ?? 0, document.images.length]") == [0, 0]
            assert tab.said == []
            tab.page.close()


def test_a_browser_without_webassembly_computes_the_same(browser: Any, model: Model, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(render(Exploration(model, "run", "tsinfogan sample", "model = ..."), is_served=False))
    tab = Tab(browser, "about:blank")
    tab.page.add_init_script("delete window.WebAssembly")
    tab.page.goto(file.as_uri())
    check(tab.settled(0, [0, 0, 0]), model)
    assert tab.page.get_by_text("more slowly").is_visible()
    assert not tab.page.locator("#nearest").is_visible()
    assert tab.said == []
    tab.page.close()


def test_a_damaged_model_and_a_server_that_is_gone_are_said(browser: Any) -> None:
    model = build(walks(), n_categories=(3,), n_continuous=1)
    with served(model) as server:
        tab = Tab(browser, server.address)
        tab.settled(0, [0, 0])
        with torch.no_grad():
            next(model.generator.parameters()).fill_(float("nan"))
        tab.page.get_by_role("button", name="New noise").click()
        assert "not finite" in tab.wait(lambda s: s["problem"])["problem"]
        tab.page.route("**/series*", lambda route: route.abort())
        tab.page.get_by_role("button", name="New noise").click()
        tab.wait(lambda s: "The server does not answer" in s["problem"])
        tab.page.unroute("**/series*")
        torch.nn.init.zeros_(next(model.generator.parameters()))
        tab.page.get_by_role("button", name="New noise").click()
        assert tab.settled(3, [0, 0])["problem"] == ""
    tab.page.close()
