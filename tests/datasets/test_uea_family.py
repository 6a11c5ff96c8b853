"""Datasets of the archive by name, read from files that the tests write; the real one is in test_datasets."""

from __future__ import annotations

import gzip
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tsinfogan.datasets import get_dataset, load_dataset, uea
from tsinfogan.errors import DataError, DownloadError, SettingError, UnknownNameError
from tsinfogan.training.plan import make_plan
from tsinfogan.training.session import fit

HEADER = "#a comment\n@problemName Toy\n@classLabel true big_dog 2.5 c\n@data\n"
TRAIN = "1,2,3:4,5,6:big_dog\n7,8:9,1:c\n1,1,?:2,2,?:2.5\n0,1,2,3:3,2,1,0:c\n"
EXPECTED = [[[1, 2, 3], [4, 5, 6]], [[7, 8], [9, 1]], [[1, 1], [2, 2]], [[0, 1, 2, 3], [3, 2, 1, 0]]]
ARFF = "@relation Toy\n@attribute a numeric\n@attribute b numeric\n@attribute target {yes,no}\n@data\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own folder; the cache is empty, and a download fails at once."""
    monkeypatch.setenv("TSINFOGAN_DATA", str(tmp_path))
    monkeypatch.setenv("TSINFOGAN_CACHE", str(tmp_path / ".cache"))
    monkeypatch.setattr(uea, "ARCHIVE", "http://127.0.0.1:9")
    return tmp_path


def as_ts(folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "Toy_TRAIN.ts").write_text(HEADER + TRAIN)


def as_packed_ts(folder: Path) -> None:
    (folder / "Toy_TRAIN.ts.gz").write_bytes(gzip.compress((HEADER + TRAIN).encode()))


def as_zip(folder: Path) -> None:
    with zipfile.ZipFile(folder / "Toy.zip", "w") as archive:
        archive.writestr("Toy/", "")
        archive.writestr("Toy/Toy_TRAIN.ts", HEADER + TRAIN)
        archive.writestr("Toy/Toy_TEST.ts", HEADER + TRAIN)


def as_cached_zip(folder: Path) -> None:
    as_zip(folder)
    (folder / ".cache").mkdir()
    shutil.move(folder / "Toy.zip", folder / ".cache")


@pytest.mark.parametrize("write", [as_ts, as_packed_ts, as_zip, as_cached_zip])
def test_every_form_gives_the_same_series(write: Callable[[Path], None], folder: Path) -> None:
    write(folder)
    panel = load_dataset("uea:Toy")
    assert [panel.case(i).tolist() for i in range(panel.n_cases)] == EXPECTED
    assert panel.labels is not None
    assert [panel.classes[label] for label in panel.labels] == ["big_dog", "c", "2.5", "c"]
    assert panel.name == "uea:Toy"


@pytest.mark.parametrize("names", [["Toy_TEST.arff"], ["ToyDimension1_TEST.arff", "ToyDimension2_TEST.arff.gz"]])
def test_arff_for_all_or_for_each_channel(names: list[str], folder: Path) -> None:
    for channel, name in enumerate(names):
        text = f"{ARFF}{channel},1,no\n2,?,yes\n".encode()
        (folder / name).write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    panel = load_dataset("uea:Toy", "test")
    assert panel.values[0].tolist() == [[channel, 1] for channel in range(len(names))]
    assert panel.case_lengths.tolist() == [2, 1]
    assert panel.classes == ("yes", "no")


def test_missing_values_are_filled_in_and_said(folder: Path) -> None:
    (folder / "Toy_TRAIN.ts").write_text(f"{HEADER}{TRAIN}1,?,3,4:4,5,6,?:c\n")
    panel = load_dataset("uea:Toy")
    assert panel.case(4).tolist() == [[1, 2, 3, 4], [4, 5, 6, 6]]
    assert len(panel.notes) == 1
    assert "uea:Toy train: 2 of 30 values are missing, in 1 of 5 cases" in panel.notes[0]


def test_series_without_classes(folder: Path) -> None:
    (folder / "Toy_TRAIN.ts").write_text("@classLabel false\n@data\n1,2:3,4\n5,6:7,8\n")
    panel = load_dataset("uea:Toy")
    assert (panel.labels, panel.classes, panel.values.shape) == (None, (), (2, 2, 2))


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("1,?,3:4,5,6:c", "1 of 3 values are missing in case 4, counted from 0, channel 'ch0'"),
        ("?,?:?,?:c", "2 of 2 values are missing in case 4, counted from 0, channel 'ch0'"),
        ("1,x:2,3:c", "got 'x'"),
        ("1,2:2,3:z", "label 'z' is not among"),
    ],
)
def test_dirt_is_one_sentence(line: str, complaint: str, folder: Path) -> None:
    (folder / "Toy_TRAIN.ts").write_text(f"{HEADER}{TRAIN}{line}\n")
    with pytest.raises(DataError, match=complaint):
        load_dataset("uea:Toy")


@pytest.mark.parametrize("member", ["../Toy_TRAIN.ts", "/etc/Toy_TRAIN.ts", "a/../../Toy_TRAIN.ts", "..\\Toy_TRAIN.ts"])
def test_zip_that_leads_out_of_its_folder_is_refused(member: str, folder: Path) -> None:
    with zipfile.ZipFile(folder / "Toy.zip", "w") as archive:
        archive.writestr(member, HEADER + TRAIN)
    with pytest.raises(DataError, match="leads out of its folder"):
        load_dataset("uea:Toy")


@pytest.mark.parametrize("content", [b"PK\x03\x04 and then nothing", b""])
def test_damaged_zip_is_one_sentence(content: bytes, folder: Path) -> None:
    (folder / "Toy.zip").write_bytes(content)
    with pytest.raises(DataError, match="replace it by a complete copy"):
        load_dataset("uea:Toy")


def test_zip_of_another_dataset(folder: Path) -> None:
    as_zip(folder)
    (folder / "Toy.zip").rename(folder / "Other.zip")
    with pytest.raises(DataError, match=r"expected Other_TRAIN.ts in .*Other.zip, got Toy_TEST.ts, Toy_TRAIN.ts"):
        load_dataset("uea:Other")


def test_without_network(folder: Path) -> None:
    with pytest.raises(DownloadError, match=r"could not fetch Toy.zip .*TSINFOGAN_DATA.*pen_strokes"):
        load_dataset("uea:Toy")


@pytest.mark.parametrize("name", ["", "../Toy", "Toy.zip", "a b", "Tö", "Toy\n"])
def test_strange_names_are_refused(name: str) -> None:
    with pytest.raises(SettingError, match="expected a dataset's name"):
        get_dataset(f"uea:{name}")


def test_other_datasets_take_no_argument() -> None:
    with pytest.raises(UnknownNameError, match="'sines:more'"):
        get_dataset("sines:more")


def test_codes_follow_the_data_and_a_batch_may_be_larger_than_it(folder: Path) -> None:
    as_ts(folder)
    panel = load_dataset("uea:Toy")
    suggested = get_dataset("uea:Toy").suggestions
    assert make_plan(panel, **suggested).model.latent.codes[0].encoded_size == 3
    settings = {"max_steps": 4, "batch_size": 9}
    model = fit(panel, device="cpu", precision="float32", width=8, settings=settings, **suggested)
    assert all(np.isfinite(weight.detach().numpy()).all() for weight in model.generator.parameters())
