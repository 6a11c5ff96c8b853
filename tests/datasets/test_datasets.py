"""What every dataset promises, and what the real ones hold."""

from __future__ import annotations

import gzip
import os
import struct
import zipfile
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import get_args

import numpy as np
import pytest
from scipy.io import savemat

from tsinfogan.data.panel import Panel
from tsinfogan.datasets import (
    DATASETS,
    Dataset,
    Split,
    _recordings,
    char_traj,
    energy,
    get_dataset,
    load_dataset,
    mnist,
    sources,
    stocks,
)
from tsinfogan.datasets.sources import files_by_name
from tsinfogan.errors import DataError, UnknownNameError

SPLITS: tuple[Split, ...] = get_args(Split)
NAMES = [name if isinstance(DATASETS.get(name), Dataset) else f"{name}:BasicMotions" for name in DATASETS.names()]
REAL_DATA = os.environ.get("TSINFOGAN_DATA")
needs_real_data = pytest.mark.skipif(not REAL_DATA, reason="TSINFOGAN_DATA does not name a folder with the real data")


@lru_cache(maxsize=4)
def panel_of(name: str, split: Split) -> Panel:
    return load_dataset(name, split)


@pytest.fixture
def here(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Skips a dataset that would have to be downloaded."""

    def refuse(*_: object) -> None:
        pytest.skip(f"the files of {name} are neither under TSINFOGAN_DATA nor in the cache")

    monkeypatch.setattr(char_traj, "download", refuse)
    monkeypatch.setattr(sources, "download", refuse)


@pytest.mark.parametrize("name", NAMES)
class TestContract:
    def test_describes_itself(self, name: str) -> None:
        dataset = get_dataset(name)
        for text in (dataset.summary, dataset.source, dataset.licence, dataset.citation, dataset.backbone):
            assert text.strip() == text != ""
        assert "\n" not in dataset.summary
        assert dataset.n_categories is None or dataset.n_categories >= 2
        assert dataset.n_continuous >= 0
        assert dataset.noise_dim >= 1

    @pytest.mark.usefixtures("here")
    def test_panels(self, name: str) -> None:
        panels = [panel_of(name, split) for split in get_dataset(name).splits]
        train, test = panels[0], panels[-1]
        for attribute in ("name", "channels", "classes", "time_step", "time_unit", "view", "augmentations"):
            assert getattr(train, attribute) == getattr(test, attribute)
        assert train.name == name
        assert len({panel.fingerprint() for panel in panels}) == len(panels)
        for panel in panels:
            if panel.classes:
                assert panel.labels is not None
                assert set(panel.labels.tolist()) == set(range(len(panel.classes)))
            inside = np.arange(panel.grid[-1]) < panel.case_lengths[:, None, None]  # (n, 1, t)
            if panel.values.ndim == 3:
                np.testing.assert_array_equal(np.isfinite(panel.values), np.broadcast_to(inside, panel.values.shape))
            assert panel.case_lengths.max() == panel.grid[-1]
            assert np.nanstd(panel.values, axis=(0, *range(2, panel.values.ndim))).min() > 0

    @pytest.mark.usefixtures("here")
    def test_no_test_case_is_a_training_case(self, name: str) -> None:
        if (split := "test") not in get_dataset(name).splits:
            with pytest.raises(DataError, match=f"train split of {name}, got {split}"):
                load_dataset(name, split)
            return
        n_cases = min(500, panel_of(name, "train").n_cases)
        train, test = ({panel_of(name, s).case(i).tobytes() for i in range(n_cases)} for s in SPLITS)
        assert len(train) == len(test) == n_cases
        assert not train & test

    @pytest.mark.usefixtures("here")
    def test_loads_the_same_twice_and_fetches(self, name: str) -> None:
        split = get_dataset(name).splits[-1]
        assert load_dataset(name, split).fingerprint() == panel_of(name, split).fingerprint()
        get_dataset(name).fetch()


def test_fetching_loads_every_split() -> None:
    loaded: list[str] = []

    def load(split: Split) -> Panel:
        loaded.append(split)
        return Panel.from_arrays(np.zeros((2, 1, 3)))

    mine = Dataset("toy", "computed", "none", "none", load)
    mine.fetch()
    assert loaded == ["train", "test"]
    assert get_dataset(mine) is mine
    assert load_dataset(mine, "test").n_cases == 2


def test_unknown_dataset_lists_the_choices() -> None:
    with pytest.raises(UnknownNameError, match=r"char_traj, .*pen_strokes, .*sines"):
        load_dataset("char-traj")


def test_sines_are_sines() -> None:
    """A sampled sine obeys s(t+1) + s(t-1) = 2 cos(f) s(t): f can be read off each series, and must be below 0.1."""
    waves = 2 * panel_of("sines", "train").values[:200].astype(np.float64) - 1  # (n, channel, t)
    middle = waves[..., 1:-1]
    cosine = (waves[..., 2:] + waves[..., :-2]) / (2 * middle)
    steady = middle > 0.3
    assert (np.abs(cosine[steady] - 1) < 0.1**2 / 2 + 1e-5).all()
    assert np.abs(waves).max() <= 1
    assert np.sin(0.1) + 1e-6 > waves[..., 0].max() > 0.09


# --- windows of recordings -------------------------------------------------------------------------------------------


def test_windows_are_all_there_are_in_order_and_in_raw_units() -> None:
    rows = np.arange(60.0).reshape(30, 2)
    panel = _recordings.all_windows(rows, "train", "toy", ("a", "b"))
    assert panel.values.shape == (7, 2, 24)
    for position, window in enumerate(panel.values):
        np.testing.assert_array_equal(window, rows[position : position + 24].T)


@needs_real_data
@pytest.mark.parametrize(("name", "shape"), [("stocks", (3662, 6, 24)), ("energy", (19712, 28, 24))])
def test_content_of_recordings(name: str, shape: tuple[int, ...]) -> None:
    panel = panel_of(name, "train")
    assert panel.values.shape == shape
    first = {"stocks": [49.676899, 51.693783, 47.669952], "energy": [60, 30, 19.89]}[name]
    np.testing.assert_allclose(panel.values[0, :3, 0], first, rtol=1e-6)
    np.testing.assert_array_equal(panel.values[1:, :, :-1], panel.values[:-1, :, 1:])


ROWS = "date,a,b\n" + '"x","1"," 2"\n' * 3


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (ROWS.replace("a", "c"), "expected the columns a, b in toy, got c, b"),
        (ROWS.replace("2", "two"), "expected numbers in toy"),
        (ROWS + '"x","1","2"', "expected 3 rows in toy, got 4"),
        ("<html>", "expected the columns a, b in toy"),
    ],
)
def test_other_tables_are_one_sentence(text: str, complaint: str) -> None:
    np.testing.assert_array_equal(_recordings.parse_rows(ROWS, ("a", "b"), 1, 3, "toy"), [[1, 2]] * 3)
    with pytest.raises(DataError, match=complaint):
        _recordings.parse_rows(text, ("a", "b"), 1, 3, "toy")


@pytest.mark.parametrize(
    ("module", "name", "complaint"),
    [
        (energy, "energydata_complete.zip", "cannot read .*energydata_complete.zip"),
        (stocks, "stock_data.csv", "expected the columns Open, "),
    ],
)
def test_damaged_recordings_are_one_sentence(
    module: ModuleType, name: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).write_bytes(b"<html>not found</html>")
    only(tmp_path, monkeypatch)
    with pytest.raises(DataError, match=complaint):
        module.load("train")


# --- CharacterTrajectories -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real_files() -> dict[str, Path]:
    files = files_by_name(Path(REAL_DATA or os.devnull))
    if "mixoutALL_shifted.rebuilt.mat" not in files:
        pytest.skip("the UCI form of CharacterTrajectories is not under TSINFOGAN_DATA")
    return files


def only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets nothing but ``folder`` be found."""
    monkeypatch.setenv("TSINFOGAN_DATA", str(folder))
    monkeypatch.setenv("TSINFOGAN_CACHE", str(folder / "empty"))


def assert_same(one: Panel, other: Panel) -> None:
    np.testing.assert_array_equal(one.case_lengths, other.case_lengths)
    np.testing.assert_array_equal(one.labels, other.labels)
    np.testing.assert_allclose(one.values, other.values, rtol=0, atol=1e-6)


def write_ts(path: Path, panel: Panel, release: str) -> None:
    """One of the archive's releases: six decimals, padded with ``?`` or zeros to 182; or full precision, unpadded."""
    assert panel.labels is not None
    rows = []
    for index, label in enumerate(panel.labels):
        case = panel.case(index).astype(np.float64)
        pad = [] if release == "plain" else [release] * (182 - case.shape[1])
        number = "{!r}".format if release == "plain" else "{:.6f}".format
        rows.append(":".join([",".join([*map(number, row.tolist()), *pad]) for row in case] + [str(label + 1)]))
    header = (
        f"#comment\n@problemName CharacterTrajectories\n@classLabel true {' '.join(map(str, range(1, 21)))}\n@data\n"
    )
    path.write_text(header + "\n".join(rows) + "\n")


@needs_real_data
@pytest.mark.parametrize("split", SPLITS)
class TestCharTraj:
    def test_content(self, split: Split) -> None:
        panel = panel_of("char_traj", split)
        assert panel.labels is not None
        assert panel.values.shape == {"train": (1422, 3, 180), "test": (1436, 3, 182)}[split]
        assert panel.case_lengths.min() == {"train": 60, "test": 61}[split]
        assert "".join(panel.classes) == "abcdeghlmnopqrsuvwyz"
        assert (np.diff(panel.labels) >= 0).all()
        assert np.nansum(panel.values, dtype=np.float64) == pytest.approx(char_traj.SUM_OF_VALUES[split], abs=0.01)

    def test_uci_form(
        self, split: Split, real_files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        expected = panel_of("char_traj", split)
        (tmp_path / "mixoutALL_shifted.mat").symlink_to(real_files["mixoutALL_shifted.rebuilt.mat"])
        only(tmp_path, monkeypatch)
        assert_same(char_traj.load(split), expected)

    @pytest.mark.parametrize("release", ["?", "0.0", "plain"])
    def test_ts_form(self, split: Split, release: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        expected = panel_of("char_traj", split)
        text = tmp_path / f"CharacterTrajectories_{split.upper()}.ts"
        write_ts(text, expected, release)
        only(tmp_path, monkeypatch)
        assert_same(char_traj.load(split), expected)
        with zipfile.ZipFile(tmp_path / "CharacterTrajectories.zip", "w") as archive:
            archive.write(text, f"CharacterTrajectories/{text.name}")
        text.unlink()
        assert_same(char_traj.load(split), expected)

    def test_plain_arff_form(
        self, split: Split, real_files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        names = [f"CharacterTrajectoriesDimension{channel}_{split.upper()}.arff" for channel in (1, 2, 3)]
        if not all(f"{name}.gz" in real_files for name in names):
            pytest.skip("the ARFF form of CharacterTrajectories is not under TSINFOGAN_DATA")
        expected = panel_of("char_traj", split)
        panels = []
        for suffix in (".gz", ""):
            folder = tmp_path / f"form{suffix}"
            folder.mkdir()
            for name in names:
                content = real_files[f"{name}.gz"].read_bytes()
                (folder / f"{name}{suffix}").write_bytes(content if suffix else gzip.decompress(content))
            only(folder, monkeypatch)
            panels.append(char_traj.load(split))
        assert panels[0].fingerprint() == panels[1].fingerprint()
        assert_same(panels[0], expected)

    def test_altered_values_are_refused(self, split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / f"CharacterTrajectories_{split.upper()}.ts"
        write_ts(path, panel_of("char_traj", split), "?")
        path.write_text(path.read_text().replace(",0.1", ",0.2"))
        only(tmp_path, monkeypatch)
        with pytest.raises(DataError, match="expected values that sum to"):
            char_traj.load(split)


def test_short_channels_and_zero_padding_end_alike() -> None:
    expected = [[1, 2, 0, 0], [3, 0, 4, 0], [5, 6, 7, 8]]
    missing = (np.array([1.0, 2]), np.array([3.0, 0, 4, np.nan]), np.array([5.0, 6, 7, 8]))
    np.testing.assert_array_equal(char_traj._without_padding(missing), expected)
    padded = tuple(np.pad(np.array(row, dtype=float), (2, 3)) for row in expected)
    np.testing.assert_array_equal(char_traj._without_padding(padded, leading=True), expected)


def test_uci_fields_are_read_by_name() -> None:
    letters = np.array(["z", "a"], dtype=object)
    matrices = np.empty((1, 4), dtype=object)
    for index in range(4):
        matrices[0, index] = np.pad(np.full((3, 2 + index), index + 1.0), ((0, 0), (3, 1)))
    constants = {"dt": 0.005, "key": letters, "charlabels": np.array([1.0, 2, 1, 2]), "datanorm": 1.0}
    stream = BytesIO()
    savemat(stream, {"mixout": matrices, "consts": constants})
    lengths: list[int] = []
    for split in SPLITS:
        cases, labels = char_traj._letters_of_mat(stream.getvalue(), split, "toy.mat")
        assert [char_traj.CLASSES[label] for label in labels] == ["a", "z"]
        assert all((case == case.shape[1] - 1).all() for case in cases)
        assert [case.shape[1] % 2 for case in cases] == [1, 0]
        lengths += [case.shape[1] for case in cases]
    assert sorted(lengths) == [2, 3, 4, 5]


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("CharacterTrajectories.zip", b"PK\x03\x04 and then nothing", "not a zip file"),
        ("mixoutALL_shifted.mat", b"MATLAB 5.0 MAT-file" + bytes(200), "mixout"),
        ("CharacterTrajectories_TRAIN.ts", b"@classLabel true 1\n@data\n1,2:3,4:5,6:1\n", "1422 cases"),
        ("CharacterTrajectories_TRAIN.ts", b"<html>not found</html>", "@data"),
    ],
)
def test_damaged_copies_are_one_sentence(
    name: str, content: bytes, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).write_bytes(content)
    only(tmp_path, monkeypatch)
    with pytest.raises(DataError, match=complaint):
        char_traj.load("train")
    assert (tmp_path / name).read_bytes() == content


# --- MNIST -----------------------------------------------------------------------------------------------------------


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write_mnist(folder: Path, images: bytes, labels: bytes) -> None:
    for (name, _), content in zip(mnist.FILES["test"], (images, labels), strict=True):
        (folder / name).write_bytes(gzip.compress(content))


@needs_real_data
def test_mnist_content() -> None:
    test = panel_of("mnist", "test")
    assert test.labels is not None
    assert np.bincount(test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert float(test.values.mean()) == pytest.approx(33.7912, abs=1e-4)
    assert (test.values.min(), test.values.max()) == (0, 255)


def test_mnist_reads_idx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
    write_mnist(tmp_path, idx(images), idx(np.array([7, 0, 9], dtype=np.uint8)))
    only(tmp_path, monkeypatch)
    panel = mnist.load("test")
    np.testing.assert_array_equal(panel.values[:, 0], images)
    assert panel.labels is not None
    assert [panel.classes[label] for label in panel.labels] == ["7", "0", "9"]


IMAGES = idx(np.zeros((2, 3, 3), dtype=np.uint8))
LABELS = idx(np.zeros(2, dtype=np.uint8))


@pytest.mark.parametrize(
    ("images", "labels", "complaint"),
    [
        (IMAGES[:-1], LABELS, "expected 18 bytes for shape .2, 3, 3.*got 17"),
        (IMAGES[:9], LABELS, "idx file"),
        (b"", LABELS, "idx file"),
        (b"\0\0\x0d" + IMAGES[3:], LABELS, "unsigned bytes"),
        (IMAGES, idx(np.zeros(3, dtype=np.uint8)), "n labels"),
        (IMAGES, idx(np.full(2, 10, dtype=np.uint8)), "n labels"),
    ],
)
def test_broken_idx_is_one_sentence(
    images: bytes, labels: bytes, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_mnist(tmp_path, images, labels)
    only(tmp_path, monkeypatch)
    with pytest.raises(DataError, match=complaint):
        mnist.load("test")


def test_truncated_gzip_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_mnist(tmp_path, IMAGES, LABELS)
    name = mnist.FILES["test"][0][0]
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-12])
    only(tmp_path, monkeypatch)
    with pytest.raises(DataError, match=f"cannot read .*{name}"):
        mnist.load("test")
