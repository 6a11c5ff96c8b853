"""The page: what it is given about a model, and that whatever a name holds stays a name."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import torch

from _trainers import images, random_model, walks
from tsinfogan.data.panel import Panel
from tsinfogan.errors import RunError, SettingError
from tsinfogan.formats.csv import CsvWriter
from tsinfogan.models.model import Model
from tsinfogan.sampling.inference import encode
from tsinfogan.sampling.sampler import sample
from tsinfogan.sharing import real as real_module
from tsinfogan.sharing.packing import packed
from tsinfogan.sharing.page import N_STRIP, Exploration, render, times
from tsinfogan.sharing.real import RealCases

HOSTILE = "</script><img src=x onerror=alert(1)><b>"


def build(
    panel: Panel, n_categories: tuple[int, ...] | None = (3,), n_continuous: int = 2, recipe: str = "infogan"
) -> Model:
    return random_model(panel, recipe=recipe, n_categories=n_categories, n_continuous=n_continuous)


def explored(model: Model) -> Exploration:
    return Exploration(model, "run", "tsinfogan sample", "model = ...")


def unpacked(content: bytes, n_channels: int) -> list[np.ndarray]:
    """``(n_channels, length)`` of each series, as the page reads them."""
    numbers, found = np.frombuffer(content, "<f4"), []
    while len(numbers):
        end = 1 + n_channels * int(numbers[0])
        found.append(numbers[1:end].reshape(n_channels, -1))
        numbers = numbers[end:]
    return found


@pytest.fixture(scope="module")
def model() -> Model:
    return build(walks())


# ---- series


@pytest.mark.parametrize(
    ("panel", "n_categories", "n_continuous", "codes"),
    [
        (walks(), (3,), 2, [2, 0.35, -1.95]),
        (walks(), (3, 2), 1, [1, 1, 0.5]),
        (walks(), (), 0, []),
        (images(), (3,), 1, [0, -0.7]),
    ],
)
def test_rows_are_those_of_a_sample(panel, n_categories, n_continuous, codes) -> None:
    model = build(panel, n_categories, n_continuous)
    rows = [5, 0, 40]
    shown = unpacked(explored(model).series(rows, codes), panel.n_channels)
    cat, cont = codes[: len(n_categories)] or None, codes[len(n_categories) :] or None
    expected = sample(model, 41, cat=cat, cont=cont).panel
    for row, series in zip(rows, shown, strict=True):
        case = expected.case(row).reshape(panel.n_channels, -1)
        assert series.shape == case.shape
        np.testing.assert_allclose(series, case, atol=1e-4)


@pytest.mark.parametrize(
    ("rows", "codes"),
    [
        ([], [0, 0, 0]),
        ([-1], [0, 0, 0]),
        ([64], [0, 0, 0]),
        ([True], [0, 0, 0]),
        (["0"], [0, 0, 0]),
        ([0], [0, 0]),
        ([0], [3, 0, 0]),
        ([0], [0, float("inf"), 0]),
        ([0], [0, [0, 1], 0]),
        ([0], [0, None, 0]),
        ([0], ["a", 0, 0]),
    ],
)
def test_other_rows_and_codes_are_refused(model: Model, rows, codes) -> None:
    with pytest.raises(SettingError):
        explored(model).series(rows, codes)


def test_a_damaged_model_is_said() -> None:
    model = build(walks())
    with torch.no_grad():
        next(model.generator.parameters()).fill_(float("nan"))
    with pytest.raises(RunError, match="not finite"):
        explored(model).series([0], [0, 0.0, 0.0])


# ---- facts


def test_facts(model: Model) -> None:
    named = replace(model, names=("10", None, "9"), class_proportions=(0.5, 0.25, 0.25))
    facts = explored(named).facts()
    category, first, _ = facts["codes"]
    assert category["shares"] == [0.5, 0.25, 0.25]
    assert category["order"] == [2, 0, 1]  # 9, 10, and what has no name
    assert category["canRename"]
    assert (first["column"], first["support"]) == ("cont0", (-1.0, 1.0))
    assert facts["view"] == "lines"
    assert facts["nRows"] == 64
    assert explored(build(images())).facts()["view"] == "image"
    assert explored(build(replace(walks(), view="pen"))).facts()["view"] == "pen"
    assert not explored(build(walks(), None, recipe="acgan")).facts()["codes"][0]["canRename"]


def test_scale_and_noise_are_of_the_same_samples_each_time(model: Model) -> None:
    facts = explored(model).facts()
    assert facts == explored(model).facts()
    values = sample(model, 64).panel.values  # (n, c, t)
    for channel in range(2):  # a few series go further
        low, high = facts["scale"]["low"][channel], facts["scale"]["high"][channel]
        assert 0.9 < (np.nanmin(values[:, channel], 1) >= low).mean() < 1
        assert 0.9 < (np.nanmax(values[:, channel], 1) <= high).mean() < 1


def test_noise_that_is_wide_has_fewer_rows(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tsinfogan.sharing.page.MAX_NUMBERS", 1)
    assert explored(model).facts()["nRows"] == N_STRIP + 1


@pytest.mark.parametrize(("step", "origin", "frequency"), [(0.005, "", ""), (1, "2024-01-31", "ME"), (1, "", "D")])
def test_times_are_those_of_a_file(step, origin, frequency) -> None:
    panel = replace(walks(4), time_step=step, time_origin=origin, time_frequency=frequency)
    text = io.BytesIO()
    CsvWriter(text).write(panel, {})
    longest = str(int(panel.case_lengths.argmax()))
    written = [row["time"] for row in csv.DictReader(io.StringIO(text.getvalue().decode())) if row["case"] == longest]
    assert times(panel, panel.grid[0]) == written


# ---- real series


def test_real_series_and_what_q_reads(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    panel = walks(40, seed=3)
    real = RealCases.of(model, panel)
    read = encode(model, panel)
    np.testing.assert_allclose(real.codes, np.stack([read[name] for name in ("cat", "cont0", "cont1")], 1), atol=1e-6)
    assert real.facts()["titles"][1] == "case 1, b"
    assert np.array_equal(unpacked(real.case(7), 2)[0], panel.case(7))
    monkeypatch.setattr(real_module, "MAX_CASES", 10)
    some = RealCases.of(model, panel)
    assert some.panel.n_cases == 10
    assert some.note == "10 of 40 real series"
    assert np.array_equal(some.panel.case(9), panel.case(39))


def test_a_few_of_each_category(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    panel = walks(60)
    codes = np.stack([np.arange(60) % 3, np.linspace(-1, 1, 60), np.zeros(60)], axis=1).astype(np.float32)
    few = RealCases(replace(panel, cases=np.arange(60).astype(object)), codes, "60 real series").few(0, 1)
    assert np.unique(few.codes[:, 0], return_counts=True)[1].tolist() == [4, 4, 4]
    for category in range(3):  # from the least value of the continuous code to the greatest
        spread = few.codes[few.codes[:, 0] == category, 1]
        assert np.ptp(spread) == pytest.approx(np.ptp(codes[codes[:, 0] == category, 1]))
    assert few.note == "12 of 60 real series, at most 4 of a category"
    embedded = few.embedded()
    assert embedded["codes"] == few.codes.astype(float).round(4).tolist()
    monkeypatch.setattr(real_module, "MAX_NUMBERS", 2 * panel.grid[0] * panel.n_channels)
    assert few.few(0, 1).panel.n_cases == 2
    assert few.few(None, None).panel.n_cases == 2


def test_packing_leaves_out_what_is_beyond_the_end() -> None:
    panel = walks(5)
    for case, series in enumerate(unpacked(packed(panel.values, panel.lengths), 2)):
        assert np.array_equal(series, panel.case(case))
    assert [series.shape for series in unpacked(packed(images(2).values), 1)] == [(1, 64)] * 2


# ---- the page itself


class Parts(HTMLParser):
    """Tags with their attributes, the text that is shown, and the content of scripts by their id."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.shown, self.scripts, self.inside = "", {}, None
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.inside = tag

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, data):
        if self.inside == "script":
            self.scripts[self.tags[-1][1].get("id")] = data
        elif self.inside != "style":
            self.shown += data


def test_names_with_markup_stay_names(model: Model) -> None:
    card = replace(model.card, channels=(HOSTILE, "y"), name=HOSTILE, time_unit=HOSTILE)
    hostile = replace(model, names=(HOSTILE, None, "<script>alert(2)</script>"), card=card)
    text = render(Exploration(hostile, HOSTILE, HOSTILE, HOSTILE), is_served=True)
    page = Parts(text)
    tags = [tag for tag, _ in page.tags]
    assert not {"img", "b", "iframe"} & set(tags)
    assert tags.count("script") == len(Parts(render(explored(model), is_served=True)).scripts)
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    facts = json.loads(page.scripts["data-facts"])
    assert facts["channels"] == [HOSTILE, "y"]
    assert facts["codes"][0]["names"] == [HOSTILE, None, "<script>alert(2)</script>"]
    assert HOSTILE in page.shown


def test_the_page_loads_nothing_and_runs_its_own_scripts_alone(model: Model) -> None:
    text = render(explored(model), is_served=True)
    page = Parts(text)
    addresses = [a[k] for _, a in page.tags for k in ("src", "href", "srcset", "action") if k in a]
    assert addresses == ["data:,"]
    assert "url(" not in text
    policy = next(a["content"] for _, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert not any("style" in attributes for _, attributes in page.tags)


def test_pages_of_models_with_fewer_or_more_codes() -> None:
    def inputs(**codes) -> list[str | None]:
        page = Parts(render(explored(build(walks(), **codes)), is_served=True))
        return [attributes.get("type") for tag, attributes in page.tags if tag == "input"]

    assert inputs(n_categories=(3,), n_continuous=0) == ["radio"] * 3 + [None]  # which renames
    assert inputs(n_categories=(), n_continuous=2) == ["range"] * 2
    assert inputs(n_categories=(2, 2), n_continuous=1) == ["radio"] * 2 + [None] + ["radio"] * 2 + ["range"]
    many = inputs(n_categories=(200,), n_continuous=0)
    assert many[0] == "search"
    assert many.count("radio") == 200
    none = Parts(render(explored(build(walks(), n_categories=(), n_continuous=0)), is_served=True))
    assert "This model has no codes" in none.shown
