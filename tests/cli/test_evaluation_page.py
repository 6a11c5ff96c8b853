"""The page of an evaluation: what goes into it, what it says and draws, and what a browser makes of it."""

from __future__ import annotations

import io
import json
import math
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from _pages import Page, is_whole
from _trainers import images, walks, waves
from tsinfogan.data.panel import Panel
from tsinfogan.metrics.comparison import compare
from tsinfogan.metrics.intervals import Estimate, estimate
from tsinfogan.metrics.results import Evaluation, Result
from tsinfogan.reports.evaluation.page import number, render, table_rows
from tsinfogan.reports.evaluation.pictures import Picture, Shown, autocorrelation, draw_all, spectrum

# ---- the parts


def test_numbers():
    assert number(Estimate(0.12345, 0.0201)) == "0.123 ± 0.020"
    assert number(Estimate(-12.345, 1)) == "−12.3 ± 1.0"
    assert number(Estimate(20.0, float("inf"))) == "20"
    assert number(None) == "–"


def test_curves():
    t = np.arange(64)
    waves_of_4 = np.cos(2 * np.pi * 4 * t / 64)[None].astype(np.float32)
    alternating = np.array([[1, -1] * 4], np.float32)
    assert autocorrelation(alternating)[0] == pytest.approx([1, -7 / 8, 6 / 8, -5 / 8])  # the biased estimate
    amplitudes = spectrum(waves_of_4)[0]
    assert amplitudes[3] == pytest.approx(0.5)
    assert np.delete(amplitudes, 3) == pytest.approx(0, abs=1e-6)
    noise = np.random.default_rng(0).normal(size=(200, 64)).astype(np.float32)
    assert autocorrelation(noise).mean(axis=0)[1:] == pytest.approx(0, abs=0.05)
    assert not autocorrelation(np.ones((2, 8), np.float32)).any()


# ---- pictures and page


@pytest.mark.parametrize(
    ("panel", "n_pictures"),
    [
        (walks(30), 7),
        (replace(walks(30), view="pen"), 7),
        (waves(20), 6),
        (images(12), 4),
        (Panel.from_arrays(np.random.default_rng(0).normal(size=(20, 8, 3))), 5),
        (Panel.from_arrays(np.repeat(np.arange(20.0)[:, None, None], 6, axis=2)), 6),
    ],
    ids=["lines", "pen", "one channel", "images", "many short channels", "flat"],
)
def test_every_kind_of_series_is_drawn(panel, n_pictures, recwarn):
    pictures = draw_all(Shown(panel, panel.subset(slice(None, None, 2)), panel.subset(slice(1, None, 2))))
    assert len(pictures) == n_pictures
    for picture in pictures:
        pixels = matplotlib.image.imread(io.BytesIO(picture.png))[:, :, :3]
        assert (pixels.max(axis=2) < 0.95).mean() > 0.002, picture.heading
    assert not [warning for warning in recwarn if "constrained" in str(warning.message)]


def an_evaluation(**others: object) -> Evaluation:
    panel = walks(20)
    far = Result(
        "privacy", "m", "copies", "share of copies", "lower", estimate([0.5, 0.6]), Estimate(0.0, 0.0), "bad", "differs"
    )
    near = replace(far, group="fidelity", name="near", outcome="as real", verdict="as real series")
    whole = {
        "real_name": "real", "synthetic_name": "synthetic", "results": (near, far), "notes": ("a note",),
        "skipped": {"dci": "slow", "mig": "slow"}, "counts": {"synthetic": 1, "seen": 2, "reference": 3},
        "quick": True, "seed": 0, "synthetic": panel, "seen": panel, "reference": panel,
    }  # fmt: skip
    return Evaluation(**{**whole, **others})


def test_copies_are_warned_of_plainly():
    found = an_evaluation()
    assert found.headline.startswith("1 of 2 figures")
    assert len(found.warnings) == 1
    text = Page(render(found, [])).text
    assert "may reveal training series" in text
    assert "share of copies: bad (0.55" in text
    assert "dci, mig: slow" in text
    farther = replace(found.results[1], better="one", value=Estimate(1.4, 0.1))
    assert an_evaluation(results=(farther,)).warnings == []
    assert "may reveal" not in render(an_evaluation(results=(farther,)), [])


def test_what_cannot_tell_is_not_counted_as_good():
    near = an_evaluation().results[0]
    unknown = replace(near, outcome="cannot tell", verdict="cannot tell: any difference", detectable=math.inf)
    found = an_evaluation(results=(near, unknown, replace(unknown, group="privacy")))
    text = Page(render(found, [])).text
    assert found.headline.startswith("1 of 3 figures are like those of real series, or nearly; 2 cannot tell")
    assert "1 of 2figures of fidelity are like those of real series, or nearly; 1 cannot tell" in text
    assert "0 of 1figures of privacy" in text
    assert render(found, []).count('"dot perhaps"') == 2
    assert found.warnings == []
    row = json.loads(json.dumps(found.to_dict(), allow_nan=False))["rows"][1]
    assert (row["outcome"], row["near"], row["detectable"]) == ("cannot tell", False, None)


def test_names_cannot_write_into_the_page():
    bad = "<b1 onclick='x'>\"&"
    figure = replace(an_evaluation().results[0], measure=bad, name=bad, summary=bad, verdict=bad)
    code = replace(figure, group="codes", baseline=None, outcome=None)
    found = an_evaluation(
        real_name=bad, synthetic_name=bad, results=(figure, code, replace(figure, group="privacy", outcome="differs")),
        skipped={bad: bad}, notes=(bad,),
    )  # fmt: skip
    text = render(found, [Picture(bad, bad, b"png")])
    page = Page(text)
    is_whole(page, text)
    assert page.text.count(bad) > 12


def test_json_holds_no_number_that_json_has_not():
    figure = replace(an_evaluation().results[0], value=Estimate(float("nan"), float("inf")))
    found = an_evaluation(results=(figure,))
    row = json.loads(json.dumps(found.to_dict(), allow_nan=False))["rows"][0]
    assert row["value"] is None
    assert row["value_half_width"] is None
    assert table_rows(found)[0][3] == "–"


# ---- in a browser

BROWSER = os.environ.get("TSINFOGAN_BROWSER") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None
)
PROBE = """<script>
const images = [...document.images];
document.documentElement.dataset.pictures = images.filter(i => i.complete && i.naturalWidth > 100).length;
document.documentElement.dataset.wide = document.documentElement.scrollWidth > window.innerWidth;
document.documentElement.dataset.height = document.documentElement.scrollHeight;
</script></body>"""


def looked_at(page: str, folder: Path, width: int = 1200) -> tuple[dict[str, str], list[str]]:
    """What a browser makes of a page: facts that a probe in a copy of it notes, and what its console said."""
    copy = folder / "probed.html"
    copy.write_text(page.replace("</body>", PROBE))
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--enable-logging=stderr", "--v=0"]
    options += [f"--disable-{what}" for what in ("background-networking", "component-update", "sync")]
    options += [f"--user-data-dir={folder / 'browser'}", f"--window-size={width},900"]
    done = subprocess.run(
        [str(BROWSER), *options, "--dump-dom", copy.as_uri()], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    facts = dict(re.findall(r'data-(\w+)="([^"]*)"', done.stdout.partition("<head>")[0]))
    return facts, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.mark.skipif(BROWSER is None, reason="no chromium or chrome here; TSINFOGAN_BROWSER names one")
def test_a_browser_shows_the_page(tmp_path):
    panel = walks(40)
    found = compare(walks(40, 1), panel, walks(40, 2), only=["marginals"], quick=True, device="cpu")
    pictures = draw_all(Shown(found.synthetic, found.seen, found.reference))
    for width in (1200, 500):
        facts, console = looked_at(render(found, pictures), tmp_path, width)
        assert console == []
        assert facts["pictures"] == str(len(pictures)) == "7"
        assert facts["wide"] == "false"
        assert int(facts["height"]) > 1500


@pytest.mark.skipif(BROWSER is None, reason="no chromium or chrome here; TSINFOGAN_BROWSER names one")
def test_a_browser_would_have_said_what_is_wrong(tmp_path):
    broken = '<html><head></head><body><img src="data:image/png;base64,AAAA"><script>nothing()</script></body></html>'
    facts, console = looked_at(broken, tmp_path)
    assert facts["pictures"] == "0"
    assert len(console) == 1
    assert "nothing is not defined" in console[0]
