"""Batches for training loops: new in each pass, the same for any number of workers, on the device of the model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError
from torch import Tensor
from torch.utils.data import DataLoader

from _estimators import new
from _trainers import CategoryAsLevel, waves
from tsinfogan.data.panel import Panel
from tsinfogan.errors import DataError, SettingError
from tsinfogan.estimators.batches import SyntheticBatches
from tsinfogan.estimators.infogan import InfoGAN
from tsinfogan.preprocessing.preprocessor import Preprocessor
from tsinfogan.preprocessing.torch_inverse import Units

PANEL = waves(20)
X = PANEL.values.astype(np.float64)
Y = np.where(PANEL.labels == 0, "slow", "fast")
RAGGED = [row[:, : 20 + k % 5] for k, row in enumerate(X)]


@pytest.fixture(scope="module")
def fitted() -> InfoGAN:
    return new().fit(X, Y)


def everything(batches: Any) -> list[Tensor]:
    return [tensor for batch in batches for tensor in batch]


def equal(some: list[Tensor], other: list[Tensor]) -> bool:
    return len(some) == len(other) and all(torch.equal(a, b) for a, b in zip(some, other, strict=True))


def test_batches(fitted: InfoGAN) -> None:
    batches = SyntheticBatches(fitted, 16, n_batches=3)
    values, labels = next(iter(batches))
    assert values.shape == (16, 1, 32)
    assert (values.dtype, labels.dtype) == (torch.float32, torch.int64)
    assert not values.requires_grad
    assert not values.is_inference()
    assert batches.classes == ("fast", "slow") == tuple(fitted.classes_)
    assert len(batches) == len(list(batches)) == 3
    of_a_model = SyntheticBatches(fitted.model_, 16, n_batches=3)
    assert equal(everything(of_a_model), everything(SyntheticBatches(fitted, 16, n_batches=3)))


def test_each_pass_is_new_and_each_seed_another(fitted: InfoGAN) -> None:
    batches = SyntheticBatches(fitted, 4, n_batches=2)
    first, second = everything(batches), everything(batches)
    series = torch.cat([*first[::2], *second[::2], *everything(SyntheticBatches(fitted, 4, n_batches=2, seed=1))[::2]])
    assert len(series.unique(dim=0)) == len(series)
    batches.set_epoch(0)
    assert equal(everything(batches), first)
    assert equal(everything(batches), second)
    assert equal([*batches.batch(1, 1)], second[2:])


@pytest.mark.parametrize(("n_workers", "stay"), [(1, False), (2, False), (2, True)])
def test_workers_change_nothing(fitted: InfoGAN, n_workers: int, stay: bool) -> None:
    batches = SyntheticBatches(fitted, 6, real=X, y=Y, seed=2)
    alone = [everything(batches) for _ in range(2)]
    batches.set_epoch(0)
    loader = DataLoader(batches, batch_size=None, num_workers=n_workers, persistent_workers=stay)
    assert len(loader) == 7
    assert equal(everything(loader), alone[0])
    assert equal(everything(loader), alone[1])
    batches.set_epoch(1)
    assert equal(everything(loader), alone[1])


def test_without_end(fitted: InfoGAN) -> None:
    batches = SyntheticBatches(fitted, 2)
    some = iter(batches)
    assert len(torch.cat([next(some)[0] for _ in range(20)]).unique(dim=0)) == 40
    with pytest.raises(TypeError, match="number of batches is unlimited"):
        len(batches)


def test_labels_are_those_of_the_synthetic_series(fitted: InfoGAN) -> None:
    model = new(n_categories=3).fit(X).model_
    model.generator = CategoryAsLevel(3, 3)
    values, labels = next(iter(SyntheticBatches(model, 40, raw=False)))
    assert values[:, 0, 0].tolist() == labels.tolist()
    assert set(labels.tolist()) == {0, 1, 2}
    model.names = ("late", None, "early")
    batches = SyntheticBatches(model, 40, raw=False)
    values, labels = next(iter(batches))
    assert batches.classes == ("early", "late")
    assert labels.tolist() == [{0: 1, 1: -1, 2: 0}[int(level)] for level in values[:, 0, 0]]
    without = SyntheticBatches(new(n_categories=0).fit(X), 5)
    assert next(iter(without))[1].tolist() == [-1] * 5


def test_real_series_are_mixed_in(fitted: InfoGAN) -> None:
    batches = SyntheticBatches(fitted, 8, real=X, y=Y, real_share=0.5)
    assert (batches.n_real, len(batches)) == (4, 5)
    passes = [list(batches), list(batches)]
    for each in passes:
        real = torch.cat([values[:4] for values, _ in each]).numpy()
        labels = torch.cat([labels[:4] for _, labels in each])
        indices = [int(np.flatnonzero((X.astype(np.float32) == row).all((1, 2)))[0]) for row in real]
        assert sorted(indices) == list(range(20))
        assert [batches.classes[k] for k in labels] == Y[indices].tolist()
    assert not torch.equal(passes[0][0][0][:4], passes[1][0][0][:4])
    only_real = SyntheticBatches(fitted, 8, real=PANEL, real_share=1.0)
    assert next(iter(only_real))[0].shape == (8, 1, 32)
    assert len(only_real) == 3
    for share, n_real in ((0.01, 1), (0.25, 2), (0.9, 7)):
        assert SyntheticBatches(fitted, 8, real=X, real_share=share).n_real == n_real


@pytest.mark.parametrize("scaling", ["standard", "robust", "quantile"])
def test_raw_units_are_those_of_the_preprocessor(scaling: str) -> None:
    rng = np.random.default_rng(0)
    values = np.exp(rng.normal(size=(30, 2, 40))).astype(np.float32)
    values[:, 1] = np.rint(values[:, 1])
    panel = Panel.from_arrays(values, kinds=("real", "integer"))
    preprocessor = Preprocessor.fit(panel, scaling=scaling)
    units = Units(preprocessor, torch.device("cpu"))
    seen = (3 * rng.normal(size=(50, 2, 40))).astype(np.float32)  # farther out than the data too
    expected, _ = preprocessor.inverse(seen)
    raw = units(torch.from_numpy(seen)).numpy()
    np.testing.assert_allclose(raw[:, 0], expected[:, 0], rtol=1e-5, atol=1e-5)
    assert (raw[:, 1] == expected[:, 1]).mean() > 0.999  # a half may be rounded either way
    back = units(torch.from_numpy(preprocessor.transform(panel))).numpy()
    np.testing.assert_allclose(back, values, rtol=1e-4, atol=1e-5)


def test_where_lengths_differ_the_last_channel_is_the_length() -> None:
    estimator = new().fit(RAGGED, Y)
    raw, scaled = (SyntheticBatches(estimator, 64, n_batches=1, raw=raw) for raw in (True, False))
    (values, _), (seen, _) = next(iter(raw)), next(iter(scaled))
    assert values.shape == seen.shape == (64, 2, *estimator.model_.preprocessor.grid)
    _, lengths = estimator.model_.preprocessor.inverse(seen.numpy())
    assert (values[:, 1] == values[:, 1, :1]).all()
    assert values[:, 1, 0].tolist() == lengths.tolist()
    real = SyntheticBatches(estimator, 20, real=RAGGED, real_share=1.0)
    assert sorted(next(iter(real))[0][:, 1, 0].tolist()) == sorted(case.shape[1] for case in RAGGED)


def test_bad_settings(fitted: InfoGAN) -> None:
    for settings in ({"batch_size": 0}, {"n_batches": 0}, {"real_share": 0}, {"real_share": 1.5}):
        with pytest.raises(SettingError, match="expected a batch_size"):
            SyntheticBatches(fitted, **settings)
    with pytest.raises(DataError, match="expected cases of size 32"):
        SyntheticBatches(fitted, real=X[:, :, :9])
    with pytest.raises(DataError, match="expected the channels ch0"):
        SyntheticBatches(fitted.model_, real=np.concatenate([X, X], axis=1))
    with pytest.raises(NotFittedError):
        SyntheticBatches(new())


def test_workers_are_refused_on_a_gpu(fitted: InfoGAN, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = SyntheticBatches(fitted, 2)
    monkeypatch.setattr(type(batches.model), "device", property(lambda _: torch.device("cuda")))
    monkeypatch.setattr(
        "tsinfogan.estimators.batches.get_worker_info", lambda: type("Info", (), {"id": 0, "num_workers": 2})
    )
    with pytest.raises(SettingError, match="expected num_workers=0, which is fastest there, got 2"):
        iter(batches)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu_nothing_comes_to_the_host() -> None:
    estimator = new().set_params(device="cuda").fit(X, Y)
    batches = SyntheticBatches(estimator, 16, real=X, y=Y, n_batches=2)
    next(iter(batches))
    with torch.cuda.device(0):
        torch.cuda.set_sync_debug_mode("error")  # a copy to the host would have to wait
        try:
            values, labels = batches.batch(0, 1)
        finally:
            torch.cuda.set_sync_debug_mode("default")
    assert values.is_cuda
    assert labels.is_cuda
