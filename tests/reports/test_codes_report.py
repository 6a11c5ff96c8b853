"""``tsinfogan report``: three whole files from every kind of run, and a sentence for what cannot be told."""

import io
import json
import shutil
import signal
from dataclasses import replace

import matplotlib.image
import numpy as np
import pytest
from jinja2 import UndefinedError

from _pages import Page, is_whole
from _trainers import images, waves
from tsinfogan.metrics.classifier import fit_to_panel
from tsinfogan.metrics.codes.context import CodeContext
from tsinfogan.reports.codes import gathering
from tsinfogan.reports.codes.cards import CategoryCard, CodeBound, CodeReport, ContinuousCard
from tsinfogan.reports.codes.gathering import ReportContext, gather
from tsinfogan.reports.codes.page import render
from tsinfogan.reports.codes.pictures import Pictures, draw_all, gallery
from tsinfogan.reports.html import render_page
from tsinfogan.training.plan import make_plan
from tsinfogan.training.session import build_model

FILES = ("report.html", "report.json", "report.png")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """A few cases are enough to see that all is there, and the classifier need not learn."""
    for name, few in (("SAMPLES_PER_CATEGORY", 6), ("DRAWS_WITH_TRAITS", 6), ("SWEEPS_WITH_TRAITS", 2)):
        monkeypatch.setattr(gathering, name, few)
    monkeypatch.setattr("tsinfogan.metrics.codes.purity.SAMPLES_PER_CATEGORY", 6)
    monkeypatch.setattr("tsinfogan.metrics.codes.context.DRAWN_SAMPLES", 64)
    monkeypatch.setattr(
        "tsinfogan.metrics.codes.context.fit_to_panel",
        lambda panel, preprocessor, settings: fit_to_panel(panel, preprocessor, replace(settings, steps=2)),
    )


def context(panel, *, real=True, names=(), **plan):
    model = build_model(make_plan(panel, width=4, noise_dim=3, **plan), panel)
    model.names = names
    return ReportContext("a-run", CodeContext(model, panel if real else None))


def everything(asked: ReportContext):
    report = gather(asked)
    pictures = draw_all(asked, report)
    text = render(report, pictures)
    page = Page(text)
    is_whole(page, text)
    assert sorted(pictures.categories) == ([card.number for card in report.categories] or [0])
    assert len(pictures.sweeps) == len(report.continuous)
    assert page.tags.count("img") == len(pictures.categories) + len(pictures.sweeps)
    for picture in (*pictures.categories.values(), *pictures.sweeps, pictures.sheet):
        pixels = matplotlib.image.imread(io.BytesIO(picture))[:, :, :3]
        assert (pixels.max(axis=2) < 0.9).mean() > 0.005
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["run"] == "a-run"
    return report, page, gallery(asked)


# ---- what is told


def test_labelled_lines():
    report, page, shown = everything(context(waves(24)))
    assert len(report.categories) == 2
    assert len(report.continuous) == 2
    assert np.sum(report.table) == 24
    assert sum(card.n_real for card in report.categories) == 24
    assert sum(map(len, shown.real)) == sum(min(5, card.n_real) for card in report.categories)
    for card in report.categories:
        counts = report.table[card.number]
        assert card.n_real == sum(counts)
        assert card.purity is None or card.purity == max(counts) / sum(counts)
    assert all(card.sentence in page.text for card in report.continuous)
    assert all(card.changes is not None and card.r2 is not None and card.size is not None for card in report.continuous)
    assert {bound.column for bound in report.bounds} == {"cat", "cont0", "cont1"}


def test_images_are_drawn_as_such():
    report, _, shown = everything(context(images(), backbone="image"))
    assert shown.panel.view == "image"
    assert {effect["trait"] for card in report.continuous for effect in card.effects} <= {
        "slant", "width", "height", "size", "thickness", "ink", "rotation",
    }  # fmt: skip


def test_pens_are_drawn_as_paths():
    rng = np.random.default_rng(0)
    panel = replace(waves(), values=rng.normal(size=(24, 2, 32)).astype(np.float32), channels=("x", "y"), view="pen")
    report, _, _ = everything(context(panel))
    assert {effect["trait"] for card in report.continuous for effect in card.effects} <= {
        "slant", "width", "height", "size", "roundness",
    }  # fmt: skip


def test_without_labels_q_tells_what_changes():
    report, page, _ = everything(context(replace(waves(), labels=None, classes=())))
    assert report.table == ()
    assert report.categories[0].majority is None
    assert all("category that Q reads changes in" in card.sentence for card in report.continuous)
    assert "labels" in " ".join(report.missing)
    assert "Category and class" not in page.text


def test_without_data_samples_and_sweeps_are_drawn():
    report, page, shown = everything(context(waves(), real=False))
    assert report.real is None
    assert not shown.real_cases
    assert report.categories[0].share is None
    assert "accuracy, purity, flips: left out, since no real series with labels are at hand" in page.text
    assert "effects, agreement, usage: left out, since there are no real series at hand" in page.text


def test_a_model_without_codes():
    report, page, shown = everything(context(waves(), n_categories=(), n_continuous=0))
    assert report.headline.startswith("no codes")
    assert report.categories == report.continuous == report.bounds == ()
    assert len(shown.real[0]) == 5
    assert "Samples" in page.text


def test_only_continuous_codes():
    report, _, _ = everything(context(waves(), n_categories=(), n_continuous=3))
    assert report.categories == ()
    assert len(report.continuous) == 3


def test_several_categorical_codes():
    report, _, _ = everything(context(waves(), n_categories=(3, 2), n_continuous=1))
    assert len(report.categories) == 3
    assert {bound.column for bound in report.bounds} == {"cat0", "cat1", "cont0"}


def test_q_that_does_not_read_categories_is_not_asked():
    report, _, _ = everything(context(waves(), recipe="cgan"))
    assert "accuracy" not in report.figures
    assert report.table == ()
    assert [card.n_real for card in report.categories] == [12, 12]  # by their labels
    assert "cat" not in {bound.column for bound in report.bounds}
    assert any("Q was not trained to read categories" in note for note in report.missing)


def test_names_are_shown_and_put_in_order():
    report, page, _ = everything(context(waves(), names=("zeta", "alpha")))
    assert [card.title for card in report.by_name] == ["alpha", "zeta"]
    assert page.text.index("alpha") < page.text.index("zeta")


def test_categories_are_looked_up_as_people_count():
    cards = [CategoryCard(k, name, 0.2) for k, name in enumerate(("10", None, "b", "9", "a"))]
    report = CodeReport("r", "d", None, tuple(cards), (), (), (), (), {}, ())
    assert [card.name for card in report.by_name] == ["9", "10", "a", "b", None]


def test_a_long_name_and_one_in_strange_letters(recwarn):
    everything(context(waves(), names=("a category with a very long name", "音 $x_1$")))
    assert not [warning for warning in recwarn if "Glyph" in str(warning.message)]


# ---- what must not happen to the page


def test_names_cannot_write_into_the_page():
    bad = "<b1 onclick='x'>\"&"
    effect = {"trait": bad, "correlation": 0.9, "change": 0.1, "change_is": "share", "named": True}
    continuous = ContinuousCard("cont0", bad, (effect,), 0.1, 0.9, 1.0)
    card = CategoryCard(0, bad, 1.0, 3, 1.0, bad, 1.0, bad, 1.0)
    bound = CodeBound("cat", "categorical", 1.0, 2.0)
    report = CodeReport(bad, bad, bad, (card,), (continuous,), (bound,), (bad,), ((3,),), {"accuracy": 1.0}, (bad,))
    text = render(report, Pictures({0: b"png"}, (b"png",), b"png"))
    page = Page(text)
    is_whole(page, text)
    assert page.text.count(bad) > 8


def test_a_page_lacks_no_value_that_its_template_names():
    report = CodeReport("r", "d", None, (), (), (), (), (), {}, ())
    with pytest.raises(UndefinedError, match="'pictures' is undefined"):
        render_page("codes.html.j2", report=report, tiles_shown=[], n_undrawn=0)


def test_json_holds_no_number_that_json_has_not():
    report = CodeReport("r", "d", None, (), (), (), (), (), {"a": float("nan"), "b": float("inf")}, ())
    assert report.to_dict()["figures"] == {"a": None, "b": None}


# ---- the command


def newest(runs):
    return sorted(runs.iterdir())[-1]


@pytest.fixture
def runs(trained, tmp_path):
    """The newer of the trained runs, to write into."""
    shutil.copytree(newest(trained), tmp_path / "runs" / newest(trained).name)
    return tmp_path / "runs"


def test_command_writes_three_files_into_the_run(command, runs):
    done = command("report", "--runs", runs, "--device", "cpu")
    assert done.code == 0, done.err
    folder = newest(runs)
    report = json.loads((folder / "report.json").read_text())
    said = done.out.decode().splitlines()
    assert said[-3:] == [str(folder / file) for file in ("report.html", "report.png", "report.json")]
    assert said[1:-3] == [card["sentence"] for card in report["continuous"]]
    assert report["run"] == folder.name
    assert len(report["categories"]) == 3
    assert "training series" in report["real"]
    text = (folder / "report.html").read_text()
    is_whole(Page(text), text)
    assert (folder / "report.png").read_bytes().startswith(b"\x89PNG")
    assert not list(folder.glob(".*"))


def test_command_writes_elsewhere(command, runs, tmp_path):
    done = command("report", newest(runs).name, "--runs", runs, "--out", tmp_path / "a" / "b", "--device", "cpu")
    assert done.code == 0, done.err
    assert sorted(path.name for path in (tmp_path / "a" / "b").iterdir()) == list(FILES)
    assert not (newest(runs) / "report.html").exists()


def change_data(run, **data):
    config = json.loads((run / "config.json").read_text())
    config["data"] = {**config["data"], **data}
    (run / "config.json").write_text(json.dumps(config))


def test_data_that_moved_is_named_and_the_rest_told(command, runs, small_csv):
    change_data(newest(runs), file="/nowhere/small.csv")
    done = command("report", "--runs", runs, "--device", "cpu")
    assert done.code == 0
    assert "note: the real series are not at hand: /nowhere/small.csv is no longer there" in done.err
    report = json.loads((newest(runs) / "report.json").read_text())
    assert report["real"] is None
    assert "not at hand" in report["missing"][0]
    found = command("report", "--runs", runs, "--data", small_csv, "--device", "cpu")
    assert found.code == 0
    assert "12 training series" in json.loads((newest(runs) / "report.json").read_text())["real"]


def test_data_that_changed_is_told(command, runs):
    change_data(newest(runs), fingerprint="another")
    done = command("report", "--runs", runs, "--device", "cpu")
    assert done.code == 0
    assert "holds other values than the run was trained on" in done.err
    assert "holds other values" in (newest(runs) / "report.html").read_text()


def test_data_of_another_shape_is_refused_where_named_and_noted_where_found(command, runs, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text("case,time,z\n0,0,1\n0,1,2\n1,0,2\n1,1,3\n")
    assert "expected the channels x, y" in command("report", "--runs", runs, "--data", other).sentence
    assert "does not exist" in command("report", "--runs", runs, "--data", tmp_path / "no.csv").sentence
    change_data(newest(runs), file=str(other))
    done = command("report", "--runs", runs, "--device", "cpu")
    assert done.code == 0
    assert "expected the channels x, y" in done.err


def test_a_run_without_a_model(command, runs):
    (newest(runs) / "model.safetensors").unlink()
    assert "has no model.safetensors" in command("report", newest(runs).name, "--runs", runs).sentence
    assert not (newest(runs) / "report.html").exists()


def test_a_run_that_is_not_there(command, runs):
    assert "unknown run 'nothing'" in command("report", "nothing", "--runs", runs).sentence


def test_a_folder_that_cannot_be(command, runs, tmp_path):
    (tmp_path / "file").write_text("")
    sentence = command("report", "--runs", runs, "--out", tmp_path / "file").sentence
    assert "cannot write" in sentence
    assert "--out" in sentence


def test_a_full_disk_leaves_no_half_file(command, runs, monkeypatch):
    def full(number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tsinfogan.training.files.os.fsync", full)
    assert "no space left on device; make room" in command("report", "--runs", runs, "--device", "cpu").sentence
    assert not [path for path in newest(runs).iterdir() if path.name.startswith((".", "report"))]


def test_ctrl_c_leaves_nothing(process, runs):
    child = process("report", "--runs", runs, "--device", "cpu")
    assert child.stderr.readline().startswith(b"reading")
    child.send_signal(signal.SIGINT)
    child.wait(30)
    # where the signal meets code compiled from text (dataclasses of an import), Python ends by the signal itself
    assert child.returncode in (130, -signal.SIGINT)
    assert b"Traceback" not in child.stderr.read()
    assert not [path for path in newest(runs).iterdir() if path.name.startswith((".", "report"))]
