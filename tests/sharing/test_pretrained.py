"""The models that come with the package, and what a packed model leaves out."""

from __future__ import annotations

import shutil
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tsinfogan import Run, encode, find_run, load_dataset, sample
from tsinfogan.errors import RunError, UnknownNameError
from tsinfogan.sharing import pretrained
from tsinfogan.sharing.pretrained import available_pretrained, load_pretrained, pack, pretrained_run
from tsinfogan.training.checkpoint import INNER, model_tensors, sampling_tensors

MAX_BYTES = 1_500_000


@pytest.fixture(scope="module")
def letters():
    return load_pretrained("letters")


def test_the_package_is_small():
    sizes = {path.name: path.stat().st_size for path in pretrained_run("letters").path.iterdir()}
    assert sizes.keys() == {"config.json", "model.safetensors", "names.json", "SHA256SUMS"}
    assert sum(sizes.values()) <= MAX_BYTES


def test_every_category_is_called_after_its_letter(letters):
    panel = load_dataset("pen_strokes", "test")
    assert sorted(letters.category_names) == sorted(panel.classes)
    read = encode(letters, panel)["cat"]
    assert (np.array(letters.category_names)[read] == np.array(panel.classes)[panel.labels]).mean() >= 0.99


def test_samples_are_the_letters_that_were_asked_for(letters):
    asked = np.repeat(np.array(letters.category_names), 10)
    synthetic = sample(letters, len(asked), label=asked.tolist(), seed=5)
    read = encode(letters, synthetic.panel)["cat"]
    assert (np.array(letters.category_names)[read] == asked).mean() >= 0.97
    assert 40 <= synthetic.panel.lengths.min() < synthetic.panel.lengths.max() <= 180


def test_both_continuous_codes_act(letters):
    for codes in ([-1.0, 0.0], [0.0, -1.0]):
        low, high = (sample(letters, 20, cat=3, cont=values, seed=1).panel for values in (codes, [-c for c in codes]))
        assert np.nanmean(np.abs(low.case(0)[0].mean() - high.case(0)[0].mean())) > 0.01
        assert not np.array_equal(low.values, high.values, equal_nan=True)


def test_unknown_names_are_listed():
    assert available_pretrained() == ("letters",)
    with pytest.raises(UnknownNameError, match="unknown pretrained model 'nonsense': choose from letters"):
        load_pretrained("nonsense")
    with pytest.raises(UnknownNameError, match=r"unknown pretrained model '../sharing/letters'"):
        pretrained_run("../sharing/letters")


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "names.json", "SHA256SUMS"])
@pytest.mark.parametrize("damage", ["change", "remove"])
def test_a_damaged_installation_is_noticed(tmp_path, monkeypatch, name, damage):
    shutil.copytree(pretrained.FOLDER / "letters", tmp_path / "letters")
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
    assert pretrained_run("letters").names
    path = tmp_path / "letters" / name
    if damage == "change":
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    else:
        path.unlink()
    with pytest.raises(
        (RunError, UnknownNameError), match=r"its checksums differ; install tsinfogan again|there are none"
    ):
        pretrained_run("letters")


def test_checksums_are_those_that_sha256sum_checks():
    run = pretrained_run("letters")
    for line in (run.path / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert digest == sha256((run.path / name).read_bytes()).hexdigest()


def test_a_packed_run_samples_the_same(trained, tmp_path):
    run = find_run(trained)
    pack(run, tmp_path / "packed")
    packed = Run.open(tmp_path / "packed")
    expected, got = (sample(each.load_model(), 5, seed=2).panel.values for each in (run, packed))
    np.testing.assert_array_equal(got, expected)
    with pytest.raises(RunError, match="holds a model only, so it cannot go on"):
        packed.resume(None)


def test_only_a_trained_flow_generator_may_lack_the_other_one(trained, tmp_path):
    run = find_run(trained)
    model = run.load_model()
    assert model.generator.trained
    spare = model_tensors(model).keys() - sampling_tensors(model).keys()
    assert spare
    assert all(name.startswith(INNER) for name in spare)
    model.generator.trained.fill_(False)
    assert sampling_tensors(model).keys() == model_tensors(model).keys()
    pack(run, tmp_path / "packed")
    path = tmp_path / "packed" / "model.safetensors"
    save_file({**load_file(path), "generator.trained": torch.tensor(False)}, path)
    with pytest.raises(RunError, match="it holds no trained generator"):
        Run.open(path.parent).load_model()


def test_nothing_else_may_be_missing(trained, tmp_path):
    pack(find_run(trained), tmp_path / "packed")
    path: Path = tmp_path / "packed" / "model.safetensors"
    tensors = load_file(path)
    del tensors["generator.velocity_network.out.weight"]
    save_file(tensors, path)
    with pytest.raises(RunError, match=r"model.safetensors of run .* is damaged"):
        Run.open(path.parent).load_model()
